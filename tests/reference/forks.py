"""Do something in a forked child, or let one live."""

import os
import signal
from collections.abc import Callable

from tornproof_conformance.lifetime import forking


def in_child(action: Callable[[], object]) -> str:
    """Return what an action returns in a forked child, or the name of what it raises."""
    return forking.in_child(lambda: repr(action()))


class LivingChild:
    """A forked child that does nothing and lives while the context lasts."""

    def __enter__(self) -> None:
        heard, told = os.pipe()
        self.number = forking.fork()
        if self.number == 0:
            os.write(told, b"I run")
            signal.pause()
            os._exit(0)
        os.read(heard, 5)
        os.close(heard)
        os.close(told)

    def __exit__(self, *_: object) -> None:
        os.kill(self.number, signal.SIGKILL)
        os.waitpid(self.number, 0)
