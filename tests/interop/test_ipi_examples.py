"""The worked examples with i-PI run as their README says, and their numbers are those of ASE and of other methods."""

import re

import numpy as np
import pytest
from ase.calculators.qmmm import ForceQMMM
from ase.io import read
from ase.mep import NEB
from ase.optimize import FIRE
from conftest import ROOT, program
from examples import is_picture, number, run


@pytest.fixture
def example(start, ipi, potentials, tmp_path):
    """Run an example with its small sizes; its output and the folder of its results."""
    program("lmlink-serve")

    def go(name):
        output = run(start, tmp_path, ["sh", ROOT / "examples" / "ipi" / name / "run.sh", "--quick", "out"])
        assert is_picture(tmp_path / "out" / f"{name}.png")
        return output, tmp_path / "out"

    return go


@pytest.fixture
def lmlink_potentials():
    """The two potentials of the examples: their own choice."""
    from common import choose_potentials

    return choose_potentials()


def served(potential):
    from lmlink import LMLink

    return LMLink(potential)


def test_dynamics(example):
    output, _ = example("nvt")
    assert abs(number("drift of conserved quantity:", output)) < 1e-4
    assert 200 < number(r"mean temperature after 0.5 ps:", output) < 400


def test_path_integrals(example):
    """Vibrations at 77 K against exact harmonic ones, whose frequencies come from force differences."""
    output, _ = example("pimd")
    for name in "path integral", "classical":
        found, exact = map(float, re.search(name + r":\s+<u\^2> = ([\d.]+) A\^2, harmonic ([\d.]+)", output).groups())
        assert abs(found / exact - 1) < 0.15
    assert 1.35 < number("ratio of the two:", output) < 1.85


def test_relaxation(example, lmlink_potentials):
    """ASE's FIRE finds the same atoms in the same places. i-PI's own electron volt is off by 1e-7 of the energy."""
    output, folder = example("relax")
    atoms = read(folder / "init.xyz")
    with served(lmlink_potentials[0]) as atoms.calc:
        assert np.abs(atoms.get_forces()).max() > 0.3
        assert FIRE(atoms, logfile=None).run(fmax=1e-4, steps=400)
        energy = atoms.get_potential_energy()
    assert abs(number("energy of 127 atoms:", output) / energy - 1) < 2e-7
    moved = read(folder / "relaxed.xyz").positions - atoms.positions
    assert np.abs(moved - moved.mean(axis=0)).max() < 1e-3
    assert abs(number("vacancy formation energy:", output) - 3.231) < 0.01


def ase_barrier(path, potential):
    """Energy (eV) that the potential has at the highest point of the path, by ASE: the middle image climbs there."""
    images = [path[0], path[len(path) // 2], path[-1]]
    with served(potential) as calculator:
        for image in images:
            image.calc = calculator
        for end in (images[0], images[2]):
            assert FIRE(end, logfile=None).run(fmax=0.005, steps=200)
        band = NEB(images, climb=True, method="improvedtangent", allow_shared_calculator=True)
        assert FIRE(band, logfile=None).run(fmax=0.01, steps=200)
        return images[1].get_potential_energy() - images[0].get_potential_energy()


def test_nudged_elastic_band(example, lmlink_potentials):
    """ASE finds the same barrier with the potential alone, and the one of mixed forces is that of the potential that
    plays the quantum code where the atom jumps."""
    output, folder = example("neb")
    total = {name: ase_barrier(read(folder / "ml" / "path.xyz", ":"), potential)
             for name, potential in zip(("ml", "qm"), lmlink_potentials)}
    ml = number(r"ML:.* by total energy", output)
    by_work = {name: number(rf"{name}:.* by virtual work", output) for name in ("\nQM/ML", "ML")}
    mixed, excess = by_work["\nQM/ML"], by_work["ML"] - ml  # of virtual work with so few images
    assert abs(ml - total["ml"]) < 0.003
    assert abs(mixed - excess - total["qm"]) < 0.06 < 0.2 < total["qm"] - total["ml"]


def test_mixed_dynamics(example, lmlink_potentials):
    """The logged forces are those of ASE's ForceQMMM at the places where i-PI says that the atoms were, and i-PI's
    record of the differences is that of the log."""
    output, folder = example("qmml")
    assert 70 < number("mean temperature after 0.1 ps:", output) < 130
    assert abs(number("drift of conserved quantity:", output)) < 1e-4
    log = read(folder / "forces.xyz", ":")
    steps = read(folder / "qmml.pos_0.extxyz", ":")
    recorded = np.loadtxt(folder / "qmml.differences_0")
    assert len(log) == len(recorded) == 151 and len(steps) == 16
    start = read(folder / "init.xyz")
    start.pbc = (False, False, True)
    core = start.arrays["region"] == "QM"
    ml, qm = map(served, lmlink_potentials)
    with ml, qm:
        oracle = ForceQMMM(start, core, qm, ml, buffer_width=9.5)
        for number_of_step in (0, 150):
            atoms, frame = start.copy(), log[number_of_step]
            atoms.positions = steps[number_of_step // 10].positions
            index = frame.arrays["index"]
            assert np.abs(atoms.positions[index] - frame.positions).max() < 1e-7
            assert np.abs(oracle.get_forces(atoms)[index] - frame.get_forces()).max() < 1e-6
            inside = frame.arrays["region"] == "QM"
            assert (index[inside] == np.flatnonzero(core)).all()
            apart = np.linalg.norm((frame.arrays["forces_qm"] - frame.arrays["forces_ml"])[inside], axis=1)
            assert np.abs(recorded[number_of_step] - [apart.mean(), apart.max()]).max() < 1e-6
    rim = start.positions - steps[-1].positions
    moving = np.abs(rim).max(axis=1) > 1e-3
    assert moving[core].all() and not moving.all()
