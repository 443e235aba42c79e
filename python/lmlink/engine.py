"""An ASE calculator as the engine of a lmlink-serve, in a thread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator, Tuple

from ase import Atoms
from ase.calculators.socketio import SocketClient

from .errors import LMLinkError
from .messages import warn

PATIENCE = 10.0  # seconds that an engine has to see that its server has gone, or that another has to leave its calculator
ASKED = 2.0  # seconds that a command has to end after SIGTERM
LOOKS = 20  # at a calculator that waits for no command, before it is left alone
PAUSE = 0.02  # seconds between two looks


class Engine(threading.Thread):
    """Serves an ASE calculator to lmlink-serve, which listens for it, until lmlink-serve hangs up."""

    def __init__(self, calculator: Any, atoms: Atoms, name: str, process: subprocess.Popen[bytes]) -> None:
        super().__init__(name=name, daemon=True)
        self.atoms, self.process = atoms, process
        self.error: Exception | None = None
        self.atoms.calc = calculator
        self.entrance = _entrance_of(calculator)
        self.stopped = False

    def run(self) -> None:
        try:
            _Client(self).run(self.atoms)  # type: ignore[no-untyped-call]
        except Exception as error:  # of any calculator: it is shown where forces were wanted
            self.error = error
            self.process.terminate()

    def is_inside(self) -> bool:
        """Whether its calculator is at work for it."""
        return self.entrance.inside is self

    def stop(self) -> None:
        """When lmlink-serve has gone: let the thread end. Commands that its calculator waits for are ended. What the
        calculator does in this process cannot be ended: it goes on, and nobody enters the calculator meanwhile."""
        self.stopped = True
        commands, looks = _Commands(), LOOKS
        while commands.end(_awaited(self)) or (self.is_inside() and looks > 0):
            looks = LOOKS if commands.asked else looks - 1
            time.sleep(PAUSE)
        if self.is_inside():
            warn(f"{type(self.atoms.calc).__name__} goes on with a calculation that cannot be interrupted, and whose "
                 "result nobody uses")
        else:
            self.join(PATIENCE)


class _Client(SocketClient):
    """One that enters the calculator when nobody else is inside."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(unixsocket=engine.name)  # type: ignore[no-untyped-call]
        self.engine = engine

    def calculate(self, *arguments: Any) -> Any:
        with self.engine.entrance.passed_by(self.engine):
            return super().calculate(*arguments)  # type: ignore[no-untyped-call]


# ---- one calculation at a time ----

class _Entrance:
    """A calculator's: one engine is inside at a time, also one whose server has gone."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside: Engine | None = None  # the engine that has the lock

    @contextmanager
    def passed_by(self, engine: Engine) -> Iterator[None]:
        self._wait(engine)
        self.inside = engine
        try:
            if engine.stopped:
                raise LMLinkError("lmlink-serve has gone")
            yield
        finally:
            self.inside = None
            self.lock.release()

    def _wait(self, engine: Engine) -> None:
        """For the lock; not for long where an engine has it that was stopped, which may go on for hours."""
        deadline = time.monotonic() + PATIENCE
        while not self.lock.acquire(timeout=PAUSE):
            inside = self.inside
            if inside is None or not inside.stopped:
                deadline = time.monotonic() + PATIENCE
            if engine.stopped or time.monotonic() > deadline:
                raise LMLinkError("it is still inside a calculation that was given up: try again when that has ended, or "
                                  "let qm_calc be another calculator")


# By the calculator's id, which is valid as long as an engine has both.
_entrances: weakref.WeakValueDictionary[int, _Entrance] = weakref.WeakValueDictionary()
_entrances_lock = threading.Lock()


def _entrance_of(calculator: Any) -> _Entrance:
    with _entrances_lock:
        return _entrances.setdefault(id(calculator), _Entrance())


def _forget_entrances() -> None:
    """In a forked child, which has none of the threads that are inside."""
    global _entrances_lock
    _entrances_lock = threading.Lock()
    _entrances.clear()


os.register_at_fork(after_in_child=_forget_entrances)


# ---- the commands of a calculation ----

_Process = Tuple[int, str]  # number and when it was started


class _Commands:
    """Processes that are to end."""

    def __init__(self) -> None:
        self.asked: dict[_Process, float] = {}  # when, for each (number, start) that is there still

    def end(self, numbers: set[int]) -> bool:
        """Ask these processes, and all that they have started, to end, once each; kill those that were asked ASKED
        seconds ago. Whether any is left."""
        if not numbers and not self.asked:
            return False
        running, now = _processes(), time.monotonic()
        self.asked = {process: when for process, when in self.asked.items() if process in running}
        for process, when in self.asked.items():
            if now > when + ASKED:
                _send(process, signal.SIGKILL)
        for process in _with_descendants(numbers, running):
            if process not in self.asked:
                self.asked[process] = now
                _send(process, signal.SIGTERM)
        return bool(self.asked)


def _send(process: _Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process[0], number)


def _processes() -> dict[_Process, int]:
    """The parent's number of each process (number, start) that runs."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = file.read_text(errors="replace").rsplit(")", 1)[1].split()
            if words[0] not in "ZX":
                found[int(file.parent.name), words[19]] = int(words[1])
    return found


def _with_descendants(numbers: set[int], running: dict[_Process, int]) -> list[_Process]:
    found = [process for process in running if process[0] in numbers]
    for process in found:
        found += [child for child, parent in running.items() if parent == process[0] and child not in found]
    return found


def _awaited(engine: Engine) -> set[int]:
    """Numbers of the processes that the engine's calculator has in its hands: `subprocess.Popen` objects that functions
    of its thread have, by themselves or as an attribute of what they have."""
    frame, numbers = sys._current_frames().get(engine.ident or 0), set()
    while frame is not None and frame.f_code is not _Client.calculate.__code__:
        for value in frame.f_locals.values():
            for held in (value, *getattr(value, "__dict__", {}).values()):
                if isinstance(held, subprocess.Popen) and held.returncode is None:
                    numbers.add(held.pid)
        frame = frame.f_back
    return numbers if frame is not None else set()
