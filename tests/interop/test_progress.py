"""Progress of long work: what is shown when, with a clock of the test's, and that programs and commands show it. The
programs' own rules have a unit test with the same texts."""

import argparse
import io
import os
import pty
import select
import subprocess

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from conftest import TIMEOUT, program
from lmlink import log_commands, progress, report
from lmlink.progress import Progress


class Clock:
    """Stands still, or takes a step whenever it is looked at."""

    def __init__(self, step=0.0):
        self.now, self.step = 1000.0, step

    def __call__(self):
        self.now += self.step
        return self.now


class Shown:
    """Of a work of 100: what is written at a time."""

    def __init__(self, bar, total=100):
        self.stream, self.clock = io.StringIO(), Clock()
        self.progress = Progress("rows", total, self.stream, bar, self.clock)

    def at(self, seconds, done, detail=""):
        self.clock.now = 1000.0 + seconds
        self.progress.show(done, detail)
        return self.written()

    def written(self):
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return text


def test_lines():
    """The times and texts of tests/unit/test_progress.c."""
    shown = Shown(bar=False)
    assert shown.at(29, 1) == ""
    assert shown.at(30, 25, "25 of 100") == "lmlink: rows: 25 %, 25 of 100, 30 s, about 90 s left\n"
    assert shown.at(59, 50) == ""
    assert shown.at(400, 50) == "lmlink: rows: 50 %, 7 min, about 7 min left\n"
    assert shown.at(499, 50) == ""
    assert shown.at(500, 50) == "lmlink: rows: 50 %, 8 min, about 8 min left\n"
    assert shown.at(36000, 25) == "lmlink: rows: 25 %, 10.0 h, about 30.0 h left\n"
    assert shown.at(36599, 25) == ""
    assert shown.at(36600, 100) == "lmlink: rows: 100 %, 10.2 h, about 0 s left\n"
    shown.progress.clear()
    assert shown.written() == ""
    unknown = Shown(bar=False, total=0)
    assert unknown.at(31, 17, "frame 3") == "lmlink: rows: frame 3, 31 s\n"
    assert unknown.at(62, 0) == "lmlink: rows: 62 s\n"


def test_bar():
    shown = Shown(bar=True)
    assert shown.at(0.1, 1) == ""
    assert shown.at(1, 0) == f"\r{'rows: [>               ] 0 %, 1 s':78}"
    assert shown.at(1.1, 10) == ""
    assert shown.at(10, 25, "25 of 100") == f"\r{'rows: [====>           ] 25 %, 25 of 100, 30 s left':78}"
    assert shown.at(20, 110) == f"\r{'rows: [================] 100 %, 0 s left':78}"
    shown.progress.clear()
    assert shown.written() == f"\r{'':78}\r"
    shown.progress.clear()
    assert shown.written() == ""
    long = Shown(bar=True).at(1, 50, "x" * 200)
    assert len(long) == 79 and long.startswith("\rrows: [========>       ] 50 %, xxx")


@pytest.fixture(scope="module")
def log(tmp_path_factory, potentials):
    """A force log of twelve evaluations."""
    from lmlink import LMLink

    file = tmp_path_factory.mktemp("log") / "run.xyz"
    atoms = bulk("W", cubic=True)
    with LMLink(potentials / "W_2940_2017_2.snap", force_log=file) as atoms.calc:
        for seed in range(12):
            atoms.rattle(0.01, seed=seed)
            atoms.get_forces()
    return file


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("name", ["show_log", "check_log", "export_log", "import_files", "make_report"])
def test_commands(log, monkeypatch, capsys, tmp_path, name, quiet):
    """A clock that takes a minute for each look at it lets all of them tell how far they are."""
    monkeypatch.setattr(progress.Progress.__init__, "__defaults__", (None, False, Clock(60.0)))
    file = tmp_path / "set.xyz"
    atoms = bulk("W", cubic=True)
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=np.ones((2, 3)))
    write(file, [atoms, atoms], format="extxyz")
    files = {"show_log": str(log), "check_log": str(log), "import_files": [str(file)]}.get(name, [str(log)])
    output = {"make_report": "page.html"}.get(name, "out.xyz")
    given = argparse.Namespace(file=files, output=str(tmp_path / output), last=None, format="extxyz", recalled=False, index=":",
                               input_format=None, quiet=quiet)
    command = report.make_report if name == "make_report" else getattr(log_commands, name)
    assert command(given) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lmlink: reading ")]
    if quiet:
        assert told == []
    elif name == "import_files":
        assert told == ["lmlink: reading 1 file: 0 %, 1 structures, 60 s", "lmlink: reading 1 file: 0 %, 2 structures, 2 min"]
    else:
        assert told[-1].startswith("lmlink: reading run.xyz: 100 %, ") and len(told) >= 4
        shares = [int(line.split("%")[0].split()[-1]) for line in told]
        assert shares == sorted(shares) and shares[0] < 50


def test_evaluation_at_a_terminal(tmp_path, potentials, start):
    """Frames come through a pipe until the line stands on the terminal: there it says which frame it is at."""
    pipe = tmp_path / "frames.xyz"
    os.mkfifo(pipe)
    text = io.StringIO()
    write(text, bulk("W", cubic=True), format="extxyz")
    master, terminal = pty.openpty()
    process = start([program("lmlink-eval"), "--potential", potentials / "W_2940_2017_2.snap", pipe, "--output",
                     tmp_path / "out.xyz"], stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    seen = b""
    with open(pipe, "w") as stream:
        while b"frame " not in seen:
            stream.write(text.getvalue())
            stream.flush()
            if select.select([master], [], [], 0.01)[0]:
                seen += os.read(master, 1000)
    assert process.wait(TIMEOUT) == 0
    assert b"\rframe " in seen and b", 2 atoms, " in seen and b" s " in seen
    os.close(master)
