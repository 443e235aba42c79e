"""How far a long work is, on the standard error: on a terminal a bar with an estimate that is written over and over, elsewhere
a line now and then. Short works show nothing. The programs in C do the same."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from contextlib import contextmanager
from os import PathLike, fspath
from typing import IO, Callable, Iterator, Sequence

BAR_INTERVAL = 0.2  # s
SHORTEST, LONGEST = 30.0, 600.0  # s between lines: a quarter of the time so far
BAR_WIDTH, LINE_WIDTH = 16, 78
MEGABYTE = 1e6

Note = Callable[["str | PathLike[str]", int], None]  # a file, and how many bytes of it are read


class Progress:
    """Of one work, of `total` in any unit; 0: it is not known how much there is."""

    def __init__(self, what: str, total: float, stream: IO[str] | None = None, bar: bool | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.what, self.total, self.clock = what, total, clock
        self.stream = sys.stderr if stream is None else stream
        self.bar = self.stream.isatty() if bar is None else bar
        self.begin = clock()
        self.next = self.begin + (BAR_INTERVAL if self.bar else SHORTEST)
        self.dirty = False

    def show(self, done: float, detail: str = "") -> None:
        """Where it is time."""
        now = self.clock()
        if now < self.next:
            return
        text = self._describe(now - self.begin, done, detail)
        if self.bar:
            self.stream.write(f"\r{text[:LINE_WIDTH]:{LINE_WIDTH}}")
            self.dirty, self.next = True, now + BAR_INTERVAL
        else:
            self.stream.write(f"lmlink: {text}\n")
            self.next = now + min(LONGEST, max(SHORTEST, 0.25 * (now - self.begin)))
        self.stream.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self.dirty:
            self.stream.write(f"\r{'':{LINE_WIDTH}}\r")
            self.stream.flush()
            self.dirty = False

    def _describe(self, seconds: float, done: float, detail: str) -> str:
        share = min(1.0, done / self.total) if self.total > 0 else 0.0
        parts = [f"{100 * share:.0f} %"] if self.total > 0 else []
        parts += [detail] if detail else []
        if share == 0 or not self.bar:
            parts.append(_time(seconds))
        if share > 0:
            parts.append(f"{'' if self.bar else 'about '}{_time(seconds * (1 - share) / share)} left")
        full = int(share * BAR_WIDTH)
        bar = f"[{('=' * full + '>')[:BAR_WIDTH]:{BAR_WIDTH}}] " if self.bar and self.total > 0 else ""
        return f"{self.what}: {bar}{', '.join(parts)}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Reading:
    """Progress of reading files, by their bytes."""

    def __init__(self, files: Sequence[str | PathLike[str]]) -> None:
        self.done: dict[str, int] = {}
        self.progress = Progress(f"reading {os.path.basename(fspath(files[0]))}" if len(files) == 1 else
                                 f"reading {len(files)} files", sum(map(_size, files)))

    def note(self, file: str | PathLike[str], position: int) -> None:
        """Where one of them is read now."""
        self.done[fspath(file)] = position
        done = sum(self.done.values())
        self.progress.show(done, f"{done / MEGABYTE:.0f} of {self.progress.total / MEGABYTE:.0f} MB")


def _size(file: str | PathLike[str]) -> int:
    try:
        return os.stat(file).st_size
    except OSError:  # who opens it says so
        return 0


@contextmanager
def reading(given: Namespace) -> Iterator[Note | None]:
    """What is to be told of positions in a command's files while they are read; None where it shall be quiet."""
    if given.quiet:
        yield None
        return
    shown = Reading([given.file] if isinstance(given.file, str) else given.file)
    try:
        yield shown.note
    finally:
        shown.progress.clear()
