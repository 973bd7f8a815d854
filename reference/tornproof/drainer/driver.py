"""
The driver: a thread that makes the supervisor's moves.

The thread steps, waits as long as the supervisor says, and wakes callers that wait for a step.
A paused driver has no thread and moves only when a caller waits, so that tests can step by
hand.
"""

from collections.abc import Callable
from threading import Condition, Thread

from tornproof.drainer.supervisor import TERMINAL, State, Supervisor


class Driver:
    """
    Makes a supervisor's moves until it is stopped.

    `end` returns the position just past the last admitted event, and `abandon`
    is called when the supervisor gives up.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        end: Callable[[], int],
        abandon: Callable[[], None],
        sleep: Callable[[float], None],
        *,
        paused: bool,
    ) -> None:
        self._supervisor = supervisor
        self._end = end
        self._abandon = abandon
        self._sleep = sleep
        self._moved = Condition()
        self._resting = False
        self._stopping = False
        self._over = False
        self._thread: Thread | None = None
        if not paused:
            self._thread = Thread(target=self._run, name="tornproof-drainer", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """
        Say that something has been admitted.

        It costs a look where the drainer is at work.  A drainer that goes to rest
        says so before it looks for work the last time, and whoever admits looks
        after having admitted, so one of the two sees the other.
        """
        if self._resting:
            self._notify()

    def wait_for(self, target: int, timeout: float | None) -> None:
        """Wait until everything below `target` has landed, the end, or the timeout in seconds."""
        if self._thread is None:
            self._step_until(target, float("inf") if timeout is None else timeout)
            return
        with self._moved:
            self._moved.wait_for(lambda: self._over or self._has_reached(target), timeout)

    def step(self) -> float | None:
        """Make one move, and return the seconds to wait before the next; none if there is none."""
        delay = self._supervisor.step()
        if self._supervisor.life.state is State.FAILED:
            self._abandon()
        return delay

    def stop(self, timeout: float | None) -> bool:
        """
        Make no more moves, and let go of the sink; false if the thread has not ended in time.

        It is in a transaction then, and ends when that does, or with the process.
        """
        self._stopping = True
        self._notify()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                return False
        self._supervisor.stop()
        return True

    def _notify(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _has_reached(self, target: int) -> bool:
        return self._supervisor.position >= target or self._has_ended()

    def _has_ended(self) -> bool:
        return self._supervisor.life.state in TERMINAL

    def _has_work(self) -> bool:
        return self._stopping or self._end() > self._supervisor.position

    def _step_until(self, target: int, timeout: float) -> None:
        """Step by hand; the delays between the steps are what the timeout bounds."""
        while not self._has_reached(target):
            delay = self.step()
            if delay is None or delay > timeout:
                return
            if delay:
                self._sleep(delay)
                timeout -= delay

    def _run(self) -> None:
        """Step, wake who waits for that, and wait for the next."""
        try:
            while not self._stopping and not self._has_ended():
                delay = self.step()
                with self._moved:
                    self._moved.notify_all()
                    if delay is None and not self._has_ended():
                        self._resting = True
                        self._moved.wait_for(self._has_work)
                        self._resting = False
                    elif delay:
                        self._moved.wait_for(lambda: self._stopping, delay)
        except BaseException as error:
            self._supervisor.give_up(f"the drainer's thread died of {error!r}")
            self._abandon()
            raise
        finally:
            self._over = True
            self._notify()
