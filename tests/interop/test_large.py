"""100,000 atoms: one evaluation works, in little memory."""

import numpy as np
from ase.build import bulk
from lmlink import LMLink

SIZE = 37  # cubic cells along each side: 101,306 atoms
BYTES_PER_ATOM = 1024


def peak_memory(pid):
    """Largest resident memory that the process has had, in bytes."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("no VmHWM")


def test_a_hundred_thousand_atoms(potentials, lammps):
    small = bulk("W", cubic=True, a=3.18)
    large = small.repeat(SIZE)
    large.positions += np.random.default_rng(3).normal(0, 0.05, (len(large), 3))
    assert len(large) > 100_000
    with LMLink(potentials / "W_2940_2017_2.snap") as calculator:
        small.calc = large.calc = calculator
        small.get_forces()
        before = peak_memory(calculator.pid)
        forces = large.get_forces()
        used = (peak_memory(calculator.pid) - before) / len(large)
        assert used < BYTES_PER_ATOM, f"{used:.0f} bytes an atom"
        energy, stress = large.get_potential_energy(), large.get_stress()
    theirs = lammps.evaluate(large, lammps.Potential(potentials / "W_2940_2017_2.snap"))
    assert np.abs(forces - theirs.forces).max() <= 1e-9
    assert abs(energy - theirs.energy) <= 1e-9 * len(large)
    virial = -stress * large.get_volume()
    assert np.abs(virial - theirs.virial.ravel()[[0, 4, 8, 5, 2, 1]]).max() <= 1e-8 * np.linalg.norm(theirs.virial)
    print(f"{len(large)} atoms: {used:.0f} bytes of peak memory an atom")
