"""Starting lmlink-serve in tests, and looking after processes."""

import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write
from conftest import TIMEOUT, program


def write_structure(atoms, path):
    """What lmlink-serve reads as --structure; only species and periodicity count."""
    write(path, atoms, format="extxyz", columns=["symbols", "positions"])
    return path


def serve_command(potential, driver, *options):
    return [program("lmlink-serve"), "--potential", potential, "--driver", driver, "--wait", 60, *options]


def finish(process):
    """Exit code and messages of a process that ends by itself; a hang fails the test."""
    output, errors = process.communicate(timeout=TIMEOUT)
    return process.returncode, errors


@contextmanager
def until_it_ends(name):
    """ASE's SocketIOCalculator for a client that may end at any time: the context ends then, without an exception."""
    with suppress(OSError, RuntimeError), SocketIOCalculator(unixsocket=name) as calculator:
        yield calculator


@contextmanager
def socket_calculator(start, potential, structure, transport, name):
    """ASE's SocketIOCalculator with a lmlink-serve behind it, which must end well when the calculator closes.
    transport: "unix" or "tcp"; name: of the socket, or the port."""
    options = {"unixsocket": name} if transport == "unix" else {"port": name}
    driver = f"unix:{name}" if transport == "unix" else f"127.0.0.1:{name}"
    with SocketIOCalculator(**options) as calculator:
        process = start(serve_command(potential, driver, "--structure", structure))
        yield calculator
    code, errors = finish(process)
    assert code == 0, errors
    assert transport == "tcp" or not Path(f"/tmp/ipi_{name}").exists()


def is_running(pid):
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends(pid):
    """Wait until the process is gone; False where it stays."""
    deadline = time.monotonic() + TIMEOUT
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children_of(pid):
    """Process numbers of the direct children."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(words[1]) == pid and words[0] not in "ZX":
                found.append(int(folder.name))
    return found


def descendants(pid):
    """(number, command line) of every process below this one."""
    found = []
    for child in children_of(pid):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [(child, command), *descendants(child)]
    return found


def socket_name():
    """A name for /tmp/ipi_NAME that no other test run uses."""
    return f"lml{os.getpid()}"


def ipi_frames(path):
    """The vectors of a binary trajectory of i-PI, in atomic units and full precision: frames × natoms × 3.

    A frame is the cell, which is constant here and so marks where frames begin, a 64-bit count, the vectors, and text.
    """
    content = path.read_bytes()
    records = content.split(content[:72])[1:]
    return np.array([np.frombuffer(record, count=3 * int.from_bytes(record[:8], "little"), offset=8).reshape(-1, 3)
                     for record in records])
