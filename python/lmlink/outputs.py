"""Files that are written: whole or not at all, and never in the place of what nothing brings back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable

from .errors import LMLinkError
from .force_log import is_log


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Fail where `path` is one of the inputs, or a force log."""
    output = Path(path)
    if not output.exists():
        return
    if any(Path(file).exists() and output.samefile(file) for file in inputs):
        raise LMLinkError(f"{output}: is read, and would be written as well: choose another name")
    if output.is_file() and is_log(output):
        raise LMLinkError(f"{output}: is a force log, whose quantum forces would be lost: choose another name, or remove it")


class Replaced:
    """A temporary name beside `path`, which takes its place where all goes well."""

    def __init__(self, path: Path) -> None:
        self.path, self.temporary = path, path.with_name(f".{path.name}.{os.getpid()}")

    def __enter__(self) -> Path:
        if self.path.is_dir():
            raise LMLinkError(f"{self.path}: is a folder: name a file")
        if not self.path.parent.is_dir():
            raise LMLinkError(f"{self.path}: there is no folder {self.path.parent}: make it, or choose another name")
        return self.temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)
