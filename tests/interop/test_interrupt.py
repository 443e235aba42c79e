"""Ctrl-C while LMLink waits for an ASE calculator: Python goes on at once, the calculator's commands end, and nobody
enters a calculator that is still at work."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.vasp import Vasp
from conftest import TIMEOUT
from engines import VASP_STAND_IN
from lmlink import LMLink, LMLinkError, engine, server
from serve import descendants, ends

POTENTIAL = "Cu_Zuo_JPCA2020.snap"


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Whoever waits until a patience ends hangs; a hang fails the test."""

    def fail(*_):
        raise TimeoutError("it hangs")

    monkeypatch.chdir(tmp_path)
    for module in engine, server:
        monkeypatch.setattr(module, "PATIENCE", 10 * TIMEOUT)
    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(TIMEOUT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def copper():
    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.fixture
def mixture(potentials):
    """LMLink with one QM atom for a calculator, and a cluster that is periodic, as ASE wants it for VASP."""
    made = []

    def make(calculator):
        made.append(LMLink(potentials / POTENTIAL, qm_calc=calculator, qm_selection_mask=[0], buffer_width=4.0))
        return made[-1]

    yield make
    for calculator in made:
        calculator.close()


class Command(Vasp):
    """VASP's stand-in; before the file `go` is there, a shell that ignores SIGTERM, and a process below it."""

    def __init__(self, folder):
        waits = f"sh -c 'trap \"\" TERM; sleep 1000 & touch {folder}/started; wait; wait'"
        super().__init__(command=f"if [ -e {folder}/go ]; then {sys.executable} {VASP_STAND_IN}; else {waits}; fi",
                         directory=str(folder / "vasp"), pp=str(folder), xc="PBE")


def interrupted(function, file):
    """Call a function, with Ctrl-C as soon as a command has made the file; the numbers of the processes that sleep then."""
    sleeping = []

    def interrupt():
        while not file.exists():
            time.sleep(0.01)
        sleeping.extend(pid for pid, command in descendants(os.getpid()) if "1000" in command)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        function()
    return sleeping


def test_commands_end(copper, mixture, tmp_path, monkeypatch):
    """The next evaluation starts the calculator's command anew."""
    monkeypatch.setenv("VASP_PP_PATH", str(tmp_path))
    monkeypatch.setattr(engine, "ASKED", 0.2)
    (tmp_path / "Cu").mkdir()
    (tmp_path / "Cu" / "POTCAR").write_text(" PAW_PBE Cu stand-in\n 1.0\n End of Dataset\n")
    copper.calc = mixture(Command(tmp_path))
    sleeping = interrupted(copper.get_forces, tmp_path / "started")
    assert len(sleeping) >= 2 and all(ends(pid) for pid in sleeping)
    (tmp_path / "go").touch()
    forces = copper.get_forces()
    copper.calc = mixture(EMT())
    assert np.abs(forces - copper.get_forces()).max() < 1e-7


def test_launched_engines_end(copper, mixture, tmp_path):
    """Before it has connected, an engine cannot see that lmlink ends: it is not waited for."""
    copper.calc = mixture({"launch": f"touch {tmp_path}/started; exec sleep 1000", "limits": {"stop": 10 * TIMEOUT}})
    sleeping = interrupted(copper.get_forces, tmp_path / "started")
    assert sleeping and all(ends(pid) for pid in sleeping)


class Stuck(Calculator):
    """Is at work in Python until it may leave; the first time, Ctrl-C comes then."""

    implemented_properties = ["energy", "forces"]

    def __init__(self):
        super().__init__()
        self.may_leave, self.left = threading.Event(), threading.Event()
        self.inside = self.most = self.calls = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.inside, self.calls = self.inside + 1, self.calls + 1
        self.most = max(self.most, self.inside)
        if self.calls == 1:
            os.kill(os.getpid(), signal.SIGINT)
        self.may_leave.wait()
        self.results = {"energy": 0.0, "forces": np.ones((len(atoms), 3))}
        self.inside -= 1
        self.left.set()


def test_a_calculator_at_work_is_not_entered(copper, mixture, monkeypatch):
    """Neither by the same LMLink nor by another one that has the calculator."""
    stuck = Stuck()
    first, second = mixture(stuck), mixture(stuck)
    copper.calc = first
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="Stuck goes on with a calculation"):
        copper.get_forces()
    monkeypatch.setattr(engine, "PATIENCE", 0.1)
    for copper.calc in first, second:
        with pytest.raises(LMLinkError, match="Stuck: it is still inside a calculation that was given up"):
            copper.get_forces()
    assert stuck.calls == 1
    stuck.may_leave.set()
    stuck.left.wait()
    for copper.calc in first, second:
        copper.rattle(0.01, seed=2)  # of a structure that it knows, an ASE calculator has the result
        assert np.isfinite(copper.get_forces()).all()
    assert stuck.calls == 3 and stuck.most == 1
