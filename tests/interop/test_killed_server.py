"""lmlink-serve is killed while an engine computes that heeds no request to end: nothing that it had started goes on, or
what does is ended by the next lmlink-serve in that folder."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT, TIMEOUT, program
from engines import SPRINGS, write_configuration
from scripted_driver import Driver
from serve import children_of, descendants, ends, finish, is_running

STUBBORN = f"{sys.executable} -S {ROOT / 'tests' / 'support' / 'stubborn_engine.py'} {{path}}"
PAIR = Atoms("ArAr", positions=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], cell=[9, 9, 9], pbc=True)


def launcher():
    found = os.environ.get("LMLINK_MPIEXEC") or shutil.which("mpirun")
    if not found:
        pytest.skip("there is no mpirun")
    return found


class Run:
    """An lmlink-serve with an engine in `work`, and its driver."""

    def __init__(self, start, folder, launch, work=None):
        self.work = work or folder / "work"
        settings = {"type": "remote", "address": f"unix:{folder}/qm", "launch": launch, "folder": str(self.work),
                    "limits": {"stop": 0.2}}
        self.driver = Driver(folder)
        self.server = self.driver.process = start(
            [program("lmlink-serve"), write_configuration(folder, settings, PAIR), "--driver", f"unix:{folder}/s"])
        self.driver.accept()

    def computes(self, count=1):
        """Wait until that many processes of the engine are at work; the numbers of all that the server has started."""
        self.driver.send_positions(PAIR.positions)
        deadline = time.monotonic() + TIMEOUT
        while len(list(self.work.glob("pid-*"))) < count:
            assert self.server.poll() is None, self.server.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return [pid for pid, _ in descendants(self.server.pid)]

    def watcher(self):
        """The process that watches over the server's end."""
        names = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children_of(self.server.pid)}
        found = [pid for pid, name in names.items() if "lmlink-watcher" in name]
        assert len(found) == 1, names
        return found[0]

    def close(self):
        self.driver.close()
        Path(self.driver.path).unlink()


@pytest.mark.parametrize("how", ["alone", "in a group of its own", "under mpirun"])
def test_nothing_outlives_a_killed_server(start, socket_folder, how):
    launch = {"alone": STUBBORN, "in a group of its own": f"setsid {STUBBORN} & wait",
              "under mpirun": f"{launcher()} -n 2 {STUBBORN}"}[how]
    run = Run(start, socket_folder, launch)
    started = run.computes(2 if how == "under mpirun" else 1)
    assert len(started) >= 2
    run.server.send_signal(signal.SIGKILL)
    assert all(ends(pid) for pid in started)
    run.close()


def test_nothing_outlives_a_server_that_ends(start, socket_folder):
    run = Run(start, socket_folder, STUBBORN)
    started = run.computes()
    run.server.send_signal(signal.SIGTERM)
    assert finish(run.server)[0] == 128 + signal.SIGTERM
    assert not any(map(is_running, started))
    assert not list(run.work.glob("*.lock"))
    run.close()


def test_the_next_server_ends_what_was_left(start, socket_folder):
    """Where somebody has killed the process that watches, too."""
    run = Run(start, socket_folder, STUBBORN)
    started = run.computes()
    watcher = run.watcher()
    os.kill(watcher, signal.SIGKILL)
    run.server.send_signal(signal.SIGKILL)
    run.server.wait()
    run.close()
    left = [pid for pid in started if pid != watcher]
    assert all(map(is_running, left))
    run = Run(start, socket_folder, SPRINGS)
    forces = run.driver.evaluate(PAIR.positions)[1]
    assert np.array_equal(forces, np.reshape([0.01 * (i % 7) - 0.02 * x for i, x in
                                              enumerate(PAIR.positions.ravel())], (-1, 3)))
    assert all(map(ends, left))
    run.close()
    code, messages = finish(run.server)
    assert code == 0 and f"ended {len(left)} processes that an earlier run had left running in" in messages, messages


def test_another_servers_folder_is_refused(start, socket_folder):
    """Sockets of one name in two places; one folder."""
    run = Run(start, socket_folder, STUBBORN)
    run.computes()
    other = socket_folder / "other"
    other.mkdir()
    second = Run(start, other, STUBBORN, run.work)
    second.driver.send_positions(PAIR.positions)
    code, messages = finish(second.server)
    assert code == 1 and "work/qm-engine.lock is locked: another lmlink has an engine of this name in the folder" in messages
    run.server.send_signal(signal.SIGTERM)
    finish(run.server)
    run.close()
    second.close()
