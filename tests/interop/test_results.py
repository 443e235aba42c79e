"""Results that are asked for by name, from the calculator to all that shows them: lmlink-eval, extras, force log, LMLink.

The coordination is compared with ASE's neighbour list."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from ase.neighborlist import neighbor_list
from conftest import program
from mixture import Mixture, configure, linear, mixing
from structures import rattled_cells

from lmlink import LMLink, LMLinkError, LMLinkWarning

POTENTIAL = "W_2940_2017_2.snap"
CUTOFF = 4.8  # Å, of its ZBL term, which reaches further than its descriptors
RADIUS = 3.2


@pytest.fixture
def potential(potentials):
    return potentials / POTENTIAL


def coordination(atoms, radius):
    return np.bincount(neighbor_list("i", atoms, radius), minlength=len(atoms))


def crystal_with_vacancy(size=3):
    atoms = bulk("W", cubic=True, a=3.18).repeat(size)
    del atoms[0]
    atoms.positions += np.random.default_rng(4).normal(0, 0.1, (len(atoms), 3))
    return atoms


@pytest.mark.parametrize("options, radius", [(["--coordination-radius", RADIUS], RADIUS), ([], CUTOFF)])
def test_eval(options, radius, potential, lmlink_eval, tmp_path):
    """Also of an atom that is its own neighbour, and in a cluster without a cell."""
    frames = rattled_cells(["W"], "bcc", 3.18)
    write(tmp_path / "in.xyz", frames, format="extxyz", columns=["symbols", "positions"])
    lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--results",
                "coordination,energies", *options)
    for atoms in read(tmp_path / "out.xyz", ":"):
        expected = coordination(atoms, radius)
        assert np.ptp(expected) > 0
        assert atoms.arrays["coordination"].dtype.kind == "i" and (atoms.arrays["coordination"] == expected).all()


@pytest.mark.parametrize("options, code, message", [
    (["--results", "coordinaton", "--output", "o.xyz"], 2,
     "the result 'coordinaton' is none of those that a potential gives: energies, coordination"),
    (["--results", "coordination"], 2, "--results goes into the frames of --output FILE, which is missing"),
    (["--results", "coordination,", "--output", "o.xyz"], 2, "'' is no name of a result"),
    (["--coordination-radius", "9", "--output", "o.xyz"], 2, "--coordination-radius: the coordination radius 9 Å"),
])
def test_what_eval_refuses(options, code, message, potential, lmlink_eval, tmp_path):
    write(tmp_path / "in.xyz", bulk("W", cubic=True), format="extxyz")
    done = lmlink_eval("--potential", potential, tmp_path / "in.xyz", *options, check=False, cwd=tmp_path)
    assert done.returncode == code and message in done.stderr
    assert not (tmp_path / "o.xyz").exists()


def test_lmlink(potential, tmp_path):
    atoms, log = crystal_with_vacancy(), tmp_path / "log.xyz"
    settings = {"calculator": {"coordination_radius": RADIUS}}
    with LMLink(potential, results=["coordination"], settings=settings, force_log=log) as calculator:
        atoms.calc = calculator
        atoms.get_forces()
        assert (calculator.results["coordination"] == coordination(atoms, RADIUS)).all()
        assert "coordination" not in calculator.extras and "energies" not in calculator.results
        atoms.rattle(0.3, seed=2)
        expected = coordination(atoms, RADIUS)
        assert (calculator.get_property("coordination", atoms) == expected).all()
        assert abs(atoms.get_potential_energies().sum() - atoms.get_potential_energy()) < 1e-9
        assert (calculator.results["coordination"] == expected).all()
    first, second, third = read(log, ":")
    assert (second.arrays["coordination"] == expected).all() and (third.arrays["coordination"] == expected).all()
    assert (first.arrays["coordination"] != expected).any()
    assert np.abs(third.get_potential_energies().sum() - third.get_potential_energy()) < 1e-9


def test_ranks(launcher, potential):
    atoms = crystal_with_vacancy(5)
    settings = {"calculator": {"coordination_radius": RADIUS}}
    with LMLink(potential, results="coordination", settings=settings, ranks=3) as calculator:
        for _ in range(2):
            assert (calculator.get_property("coordination", atoms) == coordination(atoms, RADIUS)).all()
            atoms.rattle(0.05, seed=3)


def test_what_lmlink_refuses(potential):
    atoms = crystal_with_vacancy()
    with LMLink(potential, results=["charges"]) as calculator:
        with pytest.raises(LMLinkError, match="the result 'charges' is none of those that a potential gives"):
            calculator.get_property("charges", atoms)
    with pytest.raises(ValueError, match="names of letters, digits and _, which 'two words' is not"):
        LMLink(potential, results=["two words"])
    with LMLink(potential, settings={"calculator": {"coordination_radius": 9.0}}) as calculator:
        with pytest.raises(LMLinkError, match="coordination_radius: the coordination radius 9 Å must be"):
            calculator.get_property("energy", atoms)


def test_a_mixture(potentials, start, folders):
    """It gives the ML calculator's, on the atoms that the log keeps; what it does not give is warned about once."""
    folder, sockets = folders
    atoms = bulk("Mo", "bcc", a=3.15, cubic=True).repeat(7)
    atoms.positions += np.random.default_rng(3).normal(0, 0.05, (len(atoms), 3))
    ml = {**linear(potentials / "Mo_Chen_PRM2017.snap"), "coordination_radius": 3.2}
    region = {"spheres": [{"atom": 300, "radius": 3.5}], "buffer": 6.0}
    calculator = mixing(ml, (region, linear(potentials / "Mo_Zuo_JPCA2020.snap")))
    path = configure(folder, atoms, calculator, log={"file": "log.xyz"}, results=["coordination", "energies", "qm_atoms"])
    expected = coordination(atoms, 3.2)
    with Mixture(start, sockets, path) as mixture:
        replies = [mixture.evaluate(atoms) for _ in range(2)]
    assert all((np.array(reply.extras["coordination"]) == expected).all() for reply in replies)
    assert "energies" not in replies[0].extras  # of a mixture without an energy
    for frame in read(folder / "log.xyz", ":"):
        assert len(frame) < len(atoms) and np.ptp(frame.arrays["coordination"]) > 0
        assert (frame.arrays["coordination"] == expected[frame.arrays["index"]]).all()
        assert frame.info["qm_atoms"] == replies[0].extras["qm_atoms"]


def test_a_result_that_is_not_given_is_warned_about(potentials):
    """Of a mixture, which knows it after an evaluation only."""
    atoms = bulk("W", cubic=True, a=3.18).repeat(4)
    mixture = LMLink(potentials / POTENTIAL, qm_calc=str(potentials / POTENTIAL), qm_selection_mask=[0], buffer_width=3.0,
                     results=["charges"])
    with mixture as calculator, pytest.warns(LMLinkWarning, match="the result 'charges' is asked for, but the mixing"):
        with pytest.raises(LMLinkError, match="'charges' is one of LMLink's results, but this calculator does not"):
            calculator.get_property("forces", atoms)
        calculator.close()


def test_results_that_nobody_sees_are_refused(potential, start):
    process = start([program("lmlink-serve"), "--potential", potential, "--driver", "unix:none", "--results", "energies"])
    assert "nothing shows them: let extras be json, or give a log" in process.communicate(timeout=60)[1]
    assert process.returncode == 2
