"""dramatiq on Redis: the worker is threads of the library, so an actor waits behind a gate."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.update(dramatiq_queue_prefetch="1", dramatiq_delay_queue_prefetch="1")

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, Retries
from dramatiq.worker import Worker
from queue_library import Gate, adapter, patiently, server

# docs, "Reliability": messages are acknowledged once they have been processed, and requeued
# after a worker's heartbeat has timed out; "Message Retries"
served = adapter(
    "dramatiq",
    version("dramatiq"),
    "core at-least-once exclusive leases settled retries reasons poison",
    takes_ahead=True,
    server=server("redis"),
)
opened: dict[str, Any] = {}


class Settled(Middleware):  # type: ignore[misc]
    """Learns that a message was settled."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def after_ack(self, *_: object) -> None:
        """Note it; a retry is another message, and this one is acknowledged."""
        self.gate.settled.put(None)

    after_nack = after_ack


@served.operation
def queue_open(dir: str, lease_ms: int, max_attempts: int) -> None:  # noqa: A002
    """Open, with a heartbeat as short as a lease, that is looked at with every command."""
    gate = Gate(Path(dir))
    client = redis.Redis(unix_socket_path=f"{dir}/socket")
    patiently(client.ping)
    retries = Retries(max_retries=max_attempts - 1, min_backoff=10, max_backoff=20)
    broker = RedisBroker(
        client=client,
        heartbeat_timeout=lease_ms,
        maintenance_chance=1_000_000,
        dead_message_ttl=86_400_000,
        middleware=[retries, Settled(gate)],
    )
    dramatiq.set_broker(broker)
    actor = dramatiq.actor(gate.run, actor_name="handle", broker=broker)
    opened.update(gate=gate, broker=broker, actor=actor)


@served.operation
def queue_enqueue(job: str) -> None:
    """Send a message."""
    opened["actor"].send(job)


@served.operation
def queue_take(seconds: float) -> Mapping[str, Any]:
    """Start the worker, and wait until the actor is entered."""
    if "worker" not in opened:
        opened["worker"] = Worker(opened["broker"], worker_threads=1, worker_timeout=20)
        opened["worker"].start()
    taken: Mapping[str, Any] = opened["gate"].take(seconds + 0.3)
    return taken


@served.operation
def queue_finish(how: str) -> None:
    """Let the actor end."""
    opened["gate"].finish(how)


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Read the messages: those that wait or run, those that are delayed, the dead ones."""
    client = opened["broker"].client

    def messages(queue: str) -> list[dramatiq.Message[Any]]:
        return [dramatiq.Message.decode(each) for each in client.hvals(f"dramatiq:{queue}.msgs")]

    pending = [each.args[0] for each in (*messages("default"), *messages("default.DQ"))]
    dead = [
        {"job": each.args[0], "reason": str(each.options.get("traceback") or "")[-60:]}
        for each in messages("default.XQ")
    ]
    return {"pending": pending, "running": [], "dead": dead}


served.serve()
