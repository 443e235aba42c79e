"""One session of lmlink-serve under valgrind: no invalid access, no value that was never set, no leak."""

import shutil

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.socketio import SocketIOCalculator

from conftest import TIMEOUT, program
from serve import socket_name

FOUND = 99  # valgrind's exit code where it has found something
VALGRIND = ["valgrind", f"--error-exitcode={FOUND}", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--quiet"]


@pytest.fixture
def tungsten(tmp_path):
    """A rattled cell, smaller than the cutoff along z, and the file that tells lmlink-serve of it."""
    atoms = bulk("W", cubic=True).repeat((2, 2, 1))
    atoms.rattle(0.05, seed=1)
    atoms.write(tmp_path / "W.xyz")
    return atoms, tmp_path / "W.xyz"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_session(start, potentials, tungsten):
    atoms, structure = tungsten
    name = socket_name()
    with SocketIOCalculator(unixsocket=name, timeout=TIMEOUT) as calculator:
        process = start([*VALGRIND, program("lmlink-serve"), "--potential", potentials / "W_2940_2017_2.snap",
                         "--structure", structure, "--driver", f"unix:{name}", "--log-level", "info",
                         "--wait", TIMEOUT])
        atoms.calc = calculator
        energies = [atoms.get_potential_energy()]
        atoms.positions += 0.01 * np.sin(np.arange(3 * len(atoms))).reshape(-1, 3)
        energies.append(atoms.get_potential_energy())
        atoms.set_cell(1.01 * atoms.cell, scale_atoms=True)
        energies.append(atoms.get_potential_energy())
        assert np.all(np.isfinite(atoms.get_stress()))
    _, messages = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, messages
    assert len(set(energies)) == 3 and max(energies) < 0
