"""Where lmlink's C programs are."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn, Sequence

BUILD_FOLDERS = ("build", "build/bin", "build/src", "build/src/programs", "build/release/src/programs",
                 "build/quickstart/src/programs")


def find_program(name: str) -> str:
    """Path of one of lmlink's programs: in the folder LMLINK_BIN, in the build folder of the checkout that holds this
    file, or where pip put the programs if it installed this file, or along PATH, in this order. LMLinkError where it is
    nowhere."""
    folders = [os.path.expanduser(os.environ["LMLINK_BIN"])] if os.environ.get("LMLINK_BIN") else []
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "CMakeLists.txt").is_file():
        folders += [str(checkout / folder) for folder in BUILD_FOLDERS]
    else:
        folders += [str(Path(__file__).resolve().parent / "bin")]
        folders += [sysconfig.get_path("scripts", scheme) for scheme in
                    (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))]
    path = shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)
    if path is None:
        from .errors import LMLinkError

        raise LMLinkError(f"{name} was not found: build it, or set LMLINK_BIN to the folder that holds it")
    return path


def run_program(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become one of the programs."""
    path = find_program(name)
    os.execv(path, [path, *arguments])


# The environment's commands where pip has installed lmlink.


def serve() -> NoReturn:
    run_program("lmlink-serve", sys.argv[1:])


def evaluate() -> NoReturn:
    run_program("lmlink-eval", sys.argv[1:])


def retrain() -> NoReturn:
    run_program("lmlink-retrain", sys.argv[1:])
