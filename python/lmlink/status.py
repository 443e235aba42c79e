"""`lmlink status`: what the user's lmlink-serve processes on this machine do.

Each is asked by SIGUSR1, and answers with a file in a folder that this user alone can enter (src/programs/status.h).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import LMLinkError

# Seconds that a server has to answer, between two slices of an evaluation or of its waiting: one that is asked by its
# number, and one of all.
PATIENCE, SHORT_PATIENCE = 10.0, 2.0
PAUSE = 0.02
VERSION = 1
KIB, MIB, GIB = 2**10, 2**20, 2**30


def show_status(given: argparse.Namespace) -> int:
    """Print what one server, or each, does."""
    wanted = given.server
    if wanted is not None and wanted.isdigit():
        if not _can_be_asked(Path("/proc") / wanted):
            raise LMLinkError(f"process {wanted} is no lmlink-serve of this user, or one older than 0.2")
        found, silent = ask([int(wanted)], PATIENCE)
    else:
        found, silent = ask(servers(), SHORT_PATIENCE)
    if wanted is not None and not wanted.isdigit():
        silent = []
        found = [status for status in found if is_at(status, wanted)]
        if not found:
            raise LMLinkError(f"no lmlink-serve of this user on this machine serves a driver at {wanted}")
    for number in silent:
        print(f"lmlink: process {number} did not answer: it is another rank of a server, or within a long step; "
              f"lmlink status {number} waits longer", file=sys.stderr)
    if given.json:
        print(json.dumps(found, indent=2))
    elif not found and not silent:
        print("no lmlink-serve of this user runs on this machine")
    for status in [] if given.json else found:
        print(describe(status))
    return 1 if silent and not found else 0


def servers() -> list[int]:
    """Numbers of the processes of this user that are an lmlink-serve which can be asked."""
    return sorted(int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _can_be_asked(folder))


def _can_be_asked(folder: Path) -> bool:
    """One that does not know SIGUSR1 would be ended by it."""
    try:
        if folder.stat().st_uid != os.geteuid() or (folder / "comm").read_text().strip() != "lmlink-serve":
            return False
        caught = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False  # it has ended meanwhile
    return bool(int(caught.split()[1], 16) >> (signal.SIGUSR1 - 1) & 1)


def ask(numbers: list[int], patience: float) -> tuple[list[dict[str, Any]], list[int]]:
    """The answers of these servers, and who did not answer."""
    if not numbers:
        return [], []
    folder = _folder()
    waiting = {}
    for number in numbers:
        path = folder / f"{number}.json"
        path.unlink(missing_ok=True)
        waiting[number] = path
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGUSR1)
    found, end = [], time.monotonic() + patience
    while waiting and time.monotonic() < end:
        for number, path in list(waiting.items()):
            if path.exists():
                found.append(json.loads(path.read_text()))
                path.unlink()
                del waiting[number]
            elif not Path(f"/proc/{number}").exists():
                del waiting[number]
        time.sleep(PAUSE)
    for status in found:
        if status.get("lmlink_status") != VERSION:
            raise LMLinkError(f"process {status.get('pid')} answers in another version than this lmlink reads")
    return sorted(found, key=lambda status: int(status["pid"])), list(waiting)


def _folder() -> Path:
    """Where servers answer: nobody else may enter it."""
    folder = Path(f"/tmp/lmlink-{os.geteuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
        raise LMLinkError(f"{folder} is not a folder that you alone can enter: remove it")
    return folder


def is_at(status: dict[str, Any], address: str) -> bool:
    """Whether it serves the driver at that address, in the user's form or the system's: unix:NAME is /tmp/ipi_NAME."""
    known, plain = str(status["driver"]).removeprefix("unix:"), address.removeprefix("unix:")
    return known == plain or ("/" not in plain and known.endswith(f"_{plain}"))


def describe(status: dict[str, Any]) -> str:
    """Some lines of text."""
    seconds, last = status["seconds"], status["last"]
    lines = [f"lmlink-serve {status['version']}, process {status['pid']}, driver at {status['driver']}",
             f"  {status['state']}, for {_time(status['state_seconds'])}"]
    if status["evaluations"]:
        energy = "no energy" if last["energy"] is None else f"energy {last['energy']:.6f} eV"
        lines.append(f"  {status['evaluations']} evaluations; the last one: {status['natoms']} atoms, {energy}, largest "
                     f"force {last['largest_force']:.4f} eV/Å, {_time(last['seconds'])}")
    for engine in status["engines"]:
        process = f", process {engine['pid']}" if "pid" in engine else ""
        lines.append(f"  {engine['name']}: {engine['state']} for {_time(engine['seconds'])}{process}")
    lines.append(f"  of {_time(seconds['total'])}: engines {_time(seconds['engines'])}, potential "
                 f"{_time(seconds['potential'])}, log {_time(seconds['log'])}, waiting for the driver "
                 f"{_time(seconds['driver'])}, without one {_time(seconds['no_driver'])}")
    if status["asked"] + status["recalled"] + status["skipped"]:
        lines.append(f"  engines were asked for {status['asked']} results; {status['recalled']} were known from the log, "
                     f"{status['skipped']} skipped")
    if status["memory"] is not None:
        lines.append(f"  memory {_size(status['memory'])}")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.1 or seconds == 0 else f"{1000 * seconds:.1f} ms"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / KIB:.0f} KiB"
