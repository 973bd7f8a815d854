"""
Real threads, of which one moves at a time, and a list of numbers says which.

Locks, conditions and threads of a module are replaced by those of a `Scheduler`.  Each of
their operations is a place where another thread may go on; between two such places a
thread has the processor for itself.  Time is made up: it passes when everybody waits.  So
the same numbers give the same run, and a wake-up that is forgotten is found for certain:
nobody can move, and `Stuck` names who waits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from threading import Event, Semaphore, Thread
from types import ModuleType
from typing import Any, Self

from attrs import define, field


class Stuck(BaseException):
    """Nobody can move, and no time has to pass."""


class Killed(BaseException):
    """A thread ends here, as by an asynchronous exception."""


@define(eq=False)
class Task:
    """A thread, and what it waits for."""

    name: str
    turn: Semaphore = field(factory=lambda: Semaphore(0))
    ready: Callable[[], bool] = bool
    deadline: float = 0.0
    """When it goes on even if it is not ready: at once, in the beginning."""

    takes: int = 0
    """How often it has taken a lock, or has taken it again after a wait."""

    ended: bool = False


@define(eq=False)
class Scheduler:
    """Lets threads move one at a time, as its choices say."""

    _choices: Iterator[int]
    """Each a number from 0; the remainder picks one of those that can move."""

    now: float = 0.0
    stuck: tuple[str, ...] = ()
    """The names of those that waited for ever."""

    failures: list[BaseException] = field(factory=list)
    """What threads raised."""

    doomed: tuple[str, int] | None = None
    """The name of a thread that is killed, and at the how-manyth lock that it takes."""

    _tasks: list[Task] = field(factory=list)
    _current: Task | None = None
    _done: Event = field(factory=Event)

    def spawn(self, name: str, run: Callable[[], object]) -> Task:
        """Make a thread, which moves when it is its turn."""
        task = Task(name)
        self._tasks.append(task)
        Thread(target=self._live, args=(task, run), name=name, daemon=True).start()
        return task

    def play(self) -> None:
        """Let everybody move until all have ended, or nobody can."""
        self._pass_on()
        self._done.wait()

    def pause(self, ready: Callable[[], bool] = lambda: True, deadline: float = inf) -> None:
        """Let others move until it is ready, or that time has come.  Raises `Stuck`."""
        task = self._current
        if task is None:
            assert ready(), "whoever prepares the threads waits for nobody"
            return
        if self.stuck:
            raise Stuck
        task.ready, task.deadline = ready, deadline
        self._pass_on()
        task.turn.acquire()
        if self.stuck:
            raise Stuck

    def kill_if_doomed(self) -> None:
        """Raise `Killed` in the thread that is to be killed here."""
        task = self._current
        if task is not None:
            task.takes += 1
            if (task.name, task.takes) == self.doomed:
                raise Killed

    def _live(self, task: Task, run: Callable[[], object]) -> None:
        task.turn.acquire()
        try:
            if not self.stuck:
                run()
        except Stuck:
            pass
        except BaseException as error:
            self.failures.append(error)
        finally:
            task.ended = True
            self._pass_on()

    def _pass_on(self) -> None:
        """Choose who moves next; time passes if nobody else can."""
        waiting = [task for task in self._tasks if not task.ended]
        if not waiting:
            self._current = None
            self._done.set()
            return
        ready = self._ready(waiting)
        if not ready:
            self.now = min(task.deadline for task in waiting)
            if self.now == inf:
                self.stuck = tuple(task.name for task in waiting)
            ready = waiting if self.stuck else self._ready(waiting)
        self._current = ready[next(self._choices) % len(ready)]
        self._current.turn.release()

    def _ready(self, waiting: list[Task]) -> list[Task]:
        return [task for task in waiting if task.deadline <= self.now or task.ready()]

    # What takes the place of threading's

    def lock(self) -> "ChosenCondition":
        """Make a lock: a condition for which nobody waits."""
        return ChosenCondition(self)

    def condition(self) -> "ChosenCondition":
        """Make a condition with a lock of its own."""
        return ChosenCondition(self)

    def thread(
        self, *, target: Callable[[], object], name: str, daemon: bool = True
    ) -> "ChosenThread":
        """Make a thread that has yet to be started."""
        assert daemon, "a thread that outlives its program is nobody's"
        return ChosenThread(self, name, target)

    @contextmanager
    def rules(self, *modules: ModuleType) -> Iterator[None]:
        """Put them into modules, wherever these have taken threading's by name."""
        replaced = {"Lock": self.lock, "Condition": self.condition, "Thread": self.thread}
        kept = [
            (module, name, vars(module)[name])
            for module in modules
            for name in replaced
            if name in vars(module)
        ]
        for module, name, _ in kept:
            setattr(module, name, replaced[name])
        try:
            yield
        finally:
            for module, name, original in kept:
                setattr(module, name, original)


@define(eq=False)
class ChosenCondition:
    """A lock with a condition; whoever waits is woken by a notification, or by time."""

    _scheduler: Scheduler
    _is_held: bool = False
    _waiters: list[list[bool]] = field(factory=list)

    def __enter__(self) -> Self:
        self._scheduler.pause(lambda: not self._is_held)
        self._scheduler.kill_if_doomed()
        self._is_held = True
        return self

    def __exit__(self, *_: Any) -> None:
        self._is_held = False

    def notify_all(self) -> None:
        """Wake everybody who waits now."""
        assert self._is_held, "notified without the lock"
        for waiter in self._waiters:
            waiter[0] = True
        self._waiters.clear()

    def wait_for(self, holds: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait for a notification after which it holds; false if the time, in seconds, is up."""
        deadline = inf if timeout is None else self._scheduler.now + timeout
        while not holds():
            if self._scheduler.now >= deadline:
                return False
            self._wait_once(deadline)
        return True

    def _wait_once(self, deadline: float) -> None:
        """Let go of the lock until a notification, or that time, and take it again."""
        waiter = [False]
        self._waiters.append(waiter)
        self._is_held = False
        self._scheduler.pause(lambda: waiter[0] and not self._is_held, deadline)
        self._scheduler.pause(lambda: not self._is_held)
        self._is_held = True
        self._scheduler.kill_if_doomed()


@define(eq=False)
class ChosenThread:
    """A thread that moves when it is chosen."""

    _scheduler: Scheduler
    _name: str
    _target: Callable[[], object]
    _task: Task | None = None

    def start(self) -> None:
        """Let it take part."""
        self._task = self._scheduler.spawn(self._name, self._target)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, or for so many seconds."""
        deadline = inf if timeout is None else self._scheduler.now + timeout
        self._scheduler.pause(lambda: not self.is_alive(), deadline)

    def is_alive(self) -> bool:
        """Tell whether it has not ended."""
        return self._task is not None and not self._task.ended
