"""A nudged elastic band with ten servers, of which one is killed within a step."""

import os
import signal
import threading

import numpy as np
import pytest
from ase.io import read
from ase.mep import NEB
from ase.optimize import FIRE
from conftest import TIMEOUT
from lmlink import LMLink, LMLinkError
from test_force_log import ML, block

IMAGES, STEPS, VICTIM = 10, 12, 4


class Witness(LMLink):
    """LMLink that keeps its forces, and that is killed in the midst of the evaluations `fatal`."""

    def __init__(self, *arguments, fatal=(), again=False, **options):
        super().__init__(*arguments, **options)
        self.fatal, self.again = list(fatal), again
        self.given, self.errors = [], []

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        killer = None
        if self.fatal and len(self.given) == self.fatal[0]:
            self.fatal.pop(0)
            os.kill(self.pid, signal.SIGSTOP)  # so that it cannot have answered before
            killer = threading.Timer(0.05, os.kill, (self.pid, signal.SIGKILL))
            killer.start()
        try:
            super().calculate(atoms, properties, system_changes)
        except LMLinkError as error:
            self.errors.append(error)
            if not self.again:
                raise
            super().calculate(atoms, properties, system_changes)
        finally:
            if killer is not None:
                killer.join(timeout=TIMEOUT)
        self.given.append(self.results["forces"])


def relax(folder, potential, parallel, fatal):
    """Positions of all images after some steps, and the calculators."""
    first, last = block(2), block(2)
    last.positions[3] += [0.8, 0.3, 0.0]
    images = [first, *(first.copy() for _ in range(IMAGES)), last]
    folder.mkdir()
    calculators = [Witness(potential, force_log=folder / f"{n}.xyz", timeout=TIMEOUT, again=parallel,
                           fatal=fatal if n == VICTIM else ()) for n in range(IMAGES)]
    for image, calculator in zip(images[1:-1], calculators):
        image.calc = calculator
    band = NEB(images, k=0.5, parallel=parallel, method="aseneb")
    band.interpolate()
    optimizer = FIRE(band, logfile=None)
    failed = 0
    while optimizer.nsteps < STEPS:
        try:
            optimizer.run(fmax=0.0, steps=STEPS - optimizer.nsteps)
        except LMLinkError:
            failed += 1
            assert failed <= len(fatal)
    for calculator in calculators:
        calculator.close()
    return np.array([image.positions for image in images]), calculators


@pytest.mark.parametrize("parallel", [False, True], ids=["one by one", "side by side"])
def test_a_server_is_killed_within_a_step(parallel, potentials, tmp_path):
    """The error is the calculator's, which works on with another server; the band comes out as if nothing had happened,
    and each log has all that was answered."""
    whole, _ = relax(tmp_path / "whole", potentials / ML, parallel, [])
    band, calculators = relax(tmp_path / "killed", potentials / ML, parallel, [3, 7])
    assert np.abs(band - whole).max() < 1e-8
    for number, calculator in enumerate(calculators):
        assert len(calculator.errors) == (2 if number == VICTIM else 0)
        assert all("SIGKILL" in str(error) for error in calculator.errors)
        frames = read(tmp_path / "killed" / f"{number}.xyz", index=":")
        assert len(calculator.given) <= len(frames) <= len(calculator.given) + len(calculator.errors)
        logged = iter(frames)
        for forces in calculator.given:
            assert any(np.abs(frame.get_forces() - forces).max() < 1e-12 for frame in logged)
