"""What `lmlink-serve` says: its messages in a file, and its warnings as Python's."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from types import FrameType
from typing import IO, Callable, Iterable

import ase

TAIL = 4000  # characters of the server's messages that an exception shows
WARNING = re.compile(r"^.*?lmlink-serve: warning: (.*)$", re.MULTILINE)
OWN = tuple(str(Path(file).resolve().parent) + os.sep for file in (__file__, ase.__file__))
INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")


class LMLinkWarning(UserWarning):
    """A warning of lmlink: the work goes on, but its result may not be what was expected."""


def warn(text: str, category: type[Warning] = LMLinkWarning) -> None:
    """Warn at the line of the user's, who called ASE, which may have called others before LMLink."""
    frame: FrameType | None = sys._getframe(1)
    level, chosen = 2, None
    while frame is not None:
        file = frame.f_code.co_filename
        if not os.path.realpath(file).startswith(OWN):
            chosen = chosen or level
            if not INSTALLED.search(file):
                chosen = level
                break
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=chosen or 2)


def hand_on(texts: Iterable[str]) -> None:
    """The server's warnings, as Python's."""
    for text in texts:
        warn(text)


class Messages:
    """The file that a server's messages are appended to: the user's, or one that nobody sees."""

    def __init__(self, path: str | None, explain: Callable[[str], str]) -> None:
        self.file: IO[bytes] = open(path, "a+b") if path else tempfile.TemporaryFile()
        self.explain = explain  # turns names that only the server knows into the user's
        self.start = self.warned = self.file.seek(0, os.SEEK_END)
        self._left: list[str] = []

    def tail(self) -> str:
        """The last messages. They are read by position: the process shares the file's offset."""
        size = os.fstat(self.file.fileno()).st_size
        text = self._read(max(self.start, size - TAIL)).decode(errors="replace").strip()
        return self.explain(text) or "it left no message"

    def new_warnings(self) -> list[str]:
        """The texts of warnings that came since the last call, each in a whole line."""
        if not self.file.closed:
            new = self._read(self.warned)
            new = new[:new.rfind(b"\n") + 1]
            self.warned += len(new)
            self._left += map(self.explain, WARNING.findall(new.decode(errors="replace")))
        left, self._left = self._left, []
        return left

    def close(self) -> None:
        """Close the file; warnings that are left in it can still be asked for."""
        self._left = self.new_warnings()
        self.file.close()

    def _read(self, start: int) -> bytes:
        size = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), max(size - start, 0), start)
