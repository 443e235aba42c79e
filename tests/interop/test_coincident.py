"""Atoms that stand twice, in every place that a structure comes in; and atoms that hardly do not, against LAMMPS."""

import os
import subprocess

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, refusal, remote, write_exactly
from results import read_results

A = 3.165  # Å
POTENTIAL = "W_2940_2017_2.snap"
SAME = "atoms 0 and {} (counted from 0) are at the same place, {} Å apart"
IMAGE = "atom 0 and the periodic image {} of atom {} (counted from 0, images in cell vectors) are at the same place"


def with_copy(vector, host=None, symbol="W"):
    """A crystal of tungsten and one more atom, that far from atom 0."""
    host = bulk("W", cubic=True, a=A) if host is None else host
    return host + Atoms(symbol, [host.positions[0] + vector])


def skewed():
    atoms = bulk("W", cubic=True, a=A)
    atoms.set_cell([[A, 0, 0], [A, A, 0], [0, 0, A]])  # the same lattice
    return atoms


# name: structure, the message
PLACES = {
    "the same place": (with_copy([0, 0, 0]), SAME.format(2, "0")),
    "eight decimals": (with_copy([1e-8, 0, 0]), SAME.format(2, "1e-08")),
    "just below the limit": (with_copy([0, 9.9e-5, 0]), SAME.format(2, "9.9e-05")),
    "0 and L": (with_copy([A, 0, 0]), IMAGE.format("-1 0 0", 2)),
    "several cells away": (with_copy([2 * A, 0, -A + 1e-8]), IMAGE.format("-2 0 1", 2)),
    "vectors of the file's cell": (with_copy([0, A, 0], skewed()), IMAGE.format("1 -1 0", 2)),
    "everything at the origin": (Atoms("W40", np.zeros((40, 3)), cell=[9, 9, 9], pbc=True), "at the same place"),
    "a cell in other units": (Atoms("W", cell=[5e-5, 4, 4], pbc=True), "from its own periodic image"),
}


@pytest.mark.parametrize("name", PLACES)
def test_files_are_refused(name, lmlink_eval, potentials, tmp_path):
    atoms, message = PLACES[name]
    path = write_exactly(atoms, tmp_path / "in.xyz")
    for options in (["--output", "out.xyz"], ["--descriptors", "d.npy"], ["--gradients", "g.npy"]):
        result = lmlink_eval("--potential", potentials / POTENTIAL, path, *options, check=False, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (1, "")
        assert f"{path}, frame 0: " in result.stderr and message in result.stderr, result.stderr
    assert os.listdir(tmp_path) == ["in.xyz"]


@pytest.mark.parametrize("name", [POTENTIAL, "Mo_Zuo_JPCA2020.snap"])
def test_atoms_a_thousandth_apart_are_two(name, lammps, lmlink_eval, potentials, tmp_path):
    """With ZBL and without; relative, as the repulsion is 1e8 eV."""
    potential = lammps.Potential(potentials / name)
    host = bulk(potential.elements[0], cubic=True, a=A).repeat(3)
    host.positions += np.random.default_rng(1).normal(0, 0.1, (len(host), 3))
    for distance in (1e-3, 3e-3, 0.03):
        atoms = with_copy(distance * np.array([0.48, -0.6, 0.64]), host, potential.elements[0])
        path = write_exactly(atoms, tmp_path / "in.xyz")
        lmlink_eval("--potential", potentials / name, path, "--output", tmp_path / "out.xyz")
        ours, theirs = read_results(tmp_path / "out.xyz")[0], lammps.evaluate(atoms, potential)
        assert abs(ours.energy - theirs.energy) <= 1e-10 * abs(theirs.energy)
        assert np.abs(ours.forces - theirs.forces).max() <= 1e-10 * np.abs(theirs.forces).max()


def test_a_direction_that_is_not_periodic_has_no_images(lmlink_eval, potentials, tmp_path):
    atoms = with_copy([A, 0, 0])
    atoms.pbc = [False, True, True]
    lmlink_eval("--potential", potentials / POTENTIAL, write_exactly(atoms, tmp_path / "in.xyz"))


# ---- lmlink-serve ----


def fails_at_last(mixture, structures, message):
    """All structures but the last are evaluated; that one ends the program with one line."""
    for atoms in structures[:-1]:
        mixture.evaluate(atoms)
    mixture.driver.send_positions(structures[-1].positions / 0.529177210903, structures[-1].cell.array / 0.529177210903)
    _, errors = mixture.process.communicate(timeout=TIMEOUT)
    mixture.driver.hang_up()
    mixture.driver.close()
    lines = [line for line in errors.splitlines() if "(counted from 0" in line]
    assert mixture.process.returncode == 1 and len(lines) == 1, errors
    assert f"evaluation {len(structures)}: " in lines[0] and message in lines[0], lines[0]


def approach(host, distances, symbol="W"):
    return [with_copy(distance * np.array([0.0, 0.6, 0.8]), host, symbol) for distance in distances]


@pytest.mark.parametrize("distances", [
    [0.0],
    [0.8, 0.79, 0.78, 0.3, 1e-5],  # the lists have no skin, are made with one, kept, made again
    [0.5, 0.4, 0.3, 0.2, 1e-5],  # kept from the second on
    [0.4, 0.4, 1e-3, 2e-4, 0.5, 5e-5],
], ids=str)
def test_every_step_is_looked_at(distances, start, folders, potentials):
    folder, sockets = folders
    structures = approach(bulk("W", cubic=True, a=A).repeat(2), distances)
    path = configure(folder, structures[0], linear(potentials / POTENTIAL))
    fails_at_last(Mixture(start, sockets, path), structures, "at the same place")


def test_one_rank_sees_it_for_all(start, folders, potentials, launcher):
    folder, sockets = folders
    structures = approach(bulk("W", cubic=True, a=A).repeat((2, 2, 12)), [0.5, 0.4, 0.3, 1e-5])
    path = configure(folder, structures[0], linear(potentials / POTENTIAL))
    launched = Mixture(lambda command: start([*launcher, *command]), sockets, path)
    fails_at_last(launched, structures, "at the same place")


def sphere(atoms):
    return {"indices": [len(atoms) - 1], "buffer": 3.0}


def test_whole_structure_of_a_mixture(start, folders, potentials):
    """The pair that meets lies outside of the cluster."""
    folder, sockets = folders
    host = bulk("W", cubic=True, a=A).repeat(4)
    ml = linear(potentials / POTENTIAL)
    structures = [atoms + Atoms("W", [[A * 2.5, A * 2.5, A * 2]]) for atoms in approach(host, [0.5, 0.3, 0.0])]
    path = configure(folder, structures[0], mixing(ml, ({"indices": [len(structures[0]) - 1], "buffer": 3.0}, ml)))
    fails_at_last(Mixture(start, sockets, path), structures, SAME.format(len(host), "0"))


@pytest.mark.parametrize("buffer", [3.0, 0.0])
def test_atoms_that_the_potential_does_not_know(buffer, start, folders, potentials):
    """A helium atom on a tungsten atom: the ML side does not see it, and with no buffer no cluster has both."""
    folder, sockets = folders
    host = bulk("W", cubic=True, a=A).repeat(3)
    structures = approach(host, [1.5, 0.0], "He")
    quantum = remote(f"unix:{sockets}/engine")
    region = {"indices": [len(host)], "buffer": buffer}
    path = configure(folder, structures[1], mixing(linear(potentials / POTENTIAL), (region, quantum)))
    message = SAME.format(len(host), "0")
    assert f"structure.xyz: {message}" in refusal(path)
    write_exactly(structures[0], folder / "structure.xyz")
    fails_at_last(Mixture(start, sockets, path), structures[1:], message)


def test_an_engine_is_not_asked(start, folders):
    """Without a potential: one line, although no engine ever comes."""
    folder, sockets = folders
    structures = approach(bulk("W", cubic=True, a=A), [1.5, 0.0])
    path = configure(folder, structures[0], remote(f"unix:{sockets}/engine"))
    fails_at_last(Mixture(start, sockets, path), structures[1:], SAME.format(2, "0"))


def test_check_looks_at_the_structure(tmp_path, potentials):
    path = configure(tmp_path, with_copy([A, 0, 0]), linear(potentials / POTENTIAL))
    assert "structure.xyz: " + IMAGE.format("-1 0 0", 2) in refusal(path)


# ---- lmlink-retrain ----


@pytest.mark.parametrize("option", ["--targets", "--hard", "--soft", "--test"])
def test_sets_of_a_retraining(option, lmlink_eval, potentials, tmp_path):
    """The second frame, whose forces of zero were made for it."""
    good, bad = with_copy([0.1, 0.2, A / 2]), with_copy([A, 0, 0])
    path = tmp_path / "set.xyz"
    write_exactly(bad, tmp_path / "bad.xyz")
    lmlink_eval("--potential", potentials / POTENTIAL, write_exactly(good, tmp_path / "good.xyz"), "--output", path)
    text = (tmp_path / "bad.xyz").read_text().replace("pos:R:3", "pos:R:3:forces:R:3").splitlines()
    text[2:] = [f"{line} 0 0 0" for line in text[2:]]
    good_set = tmp_path / "targets.xyz"
    good_set.write_text(path.read_text())
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")
    sets = {"--targets": good_set} | {option: path}
    result = subprocess.run([program("lmlink-retrain"), "--start", potentials / POTENTIAL, "--lambda-ridge", "1",
                             "--lambda-soft", "1", *(word for pair in sets.items() for word in map(str, pair)),
                             "--output", tmp_path / "new.snapcoeff", "--log-level", "error"],
                            capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 1 and not (tmp_path / "new.snapcoeff").exists()
    assert f"{path}: frame 1: " + IMAGE.format("-1 0 0", 2) in result.stderr, result.stderr
