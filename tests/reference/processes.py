"""Processes that tests start, listen to, and kill."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

PATIENCE = 60
"""Seconds without any word from a process after which it counts as stuck."""

_CONTEXT = multiprocessing.get_context("forkserver")
_WORKERS = ("tests.reference.group_commit_workers", "tests.reference.drainer_workers")


def start(
    target: Callable[..., None], *arguments: object, duplex: bool = True
) -> tuple[BaseProcess, Connection]:
    """
    Start a process that has the other end of a pipe.

    It is forked from a server that has imported everything, which takes
    milliseconds where a fresh interpreter takes half a second; the server is one
    for all tests, so it is told of all their modules.
    """
    _CONTEXT.set_forkserver_preload(["__main__", *_WORKERS])
    here, there = _CONTEXT.Pipe(duplex)
    process = _CONTEXT.Process(target=target, args=(*arguments, there), daemon=True)
    process.start()
    there.close()
    return process, here


def read(connection: Connection) -> bytes:
    """Read what there is; nothing once the other end is gone."""
    return os.read(connection.fileno(), 1 << 16)
