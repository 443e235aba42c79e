"""The reference data of the paper: energies, forces, and the descriptors that retraining lives on."""

import math

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from results import read_results
from structures import rattled_cells

ENERGY_BAR = 1e-8  # eV
FORCE_BAR = 1e-9  # eV/Å
DESCRIPTOR_BAR = 1e-14  # of the norm of a structure's mean D
GRADIENT_BAR = 1e-12  # of the norm of an atom's row

# (file, frame): energies in eV with Θ₀ and with the published result of retraining it.
ENERGIES = {
    ("screw_glide_qmml.xyz", 6): (-18666.606205678767, -18699.264925911615),
    ("bulk_MD_test.xyz", 0): (-2353.145799426368, -2353.1623964728897),
}
BULK = (-19.113953450360242, -19.11395345036015)
LARGEST_FORCE = 0.8683563105810497  # eV/Å, of a component, screw image 6 with Θ₀
POTENTIALS = ("milady_lml.snapcoeff", "retrained_published.snapcoeff")


def evaluate(lmlink_eval, potential, path, folder):
    lmlink_eval("--potential", potential, path, "--output", folder / "out.xyz")
    return read_results(folder / "out.xyz")


@pytest.mark.parametrize("which", range(2), ids=["linear", "retrained"])
@pytest.mark.parametrize("file", ENERGIES, ids=[name for name, _ in ENERGIES])
def test_published_energies(file, which, reference, lmlink_eval, tmp_path):
    name, frame = file
    frames = evaluate(lmlink_eval, reference / POTENTIALS[which], reference / name, tmp_path)
    assert abs(frames[frame].energy - ENERGIES[file][which]) <= ENERGY_BAR
    if name.startswith("screw") and which == 0:
        assert abs(np.abs(frames[frame].forces).max() - LARGEST_FORCE) <= FORCE_BAR


@pytest.mark.parametrize("which", range(2), ids=["linear", "retrained"])
def test_bulk_energy(which, reference, lmlink_eval, tmp_path):
    write(tmp_path / "bulk.xyz", bulk("W", a=3.18551, cubic=True), format="extxyz")
    frames = evaluate(lmlink_eval, reference / POTENTIALS[which], tmp_path / "bulk.xyz", tmp_path)
    assert abs(frames[0].energy - BULK[which]) <= ENERGY_BAR
    assert np.abs(frames[0].forces).max() <= FORCE_BAR


@pytest.mark.parametrize("which", range(2), ids=["linear", "retrained"])
def test_forces_of_the_screw_dislocation(which, reference, lammps, lmlink_eval, tmp_path):
    """The cell is shorter along the line than the cutoff: images of an atom are its neighbours."""
    frames = evaluate(lmlink_eval, reference / POTENTIALS[which], reference / "screw_glide_qmml.xyz", tmp_path)
    theirs = lammps.evaluate(frames[6].atoms, lammps.Potential(reference / POTENTIALS[which]))
    assert np.abs(frames[6].forces - theirs.forces).max() <= FORCE_BAR


def means(rows):
    """The mean of each column, summed without rounding."""
    return np.array([math.fsum(column) for column in rows.T]) / len(rows)


def test_mean_descriptors_of_the_eos_cells(reference, lammps, lmlink_eval, tmp_path):
    """Rows of A_H, whose singular values count down to 1e-13: relative noise of 1e-12 would spoil retraining."""
    potential = lammps.Potential(reference / "retrained_published.snapcoeff")
    path = reference / "eos_configurations.xyz"
    structures = read(path, index=":", format="extxyz")
    assert len(structures) == 102
    lmlink_eval("--potential", potential.path, path, "--output", tmp_path / "out.xyz", "--descriptors", tmp_path / "D.npy")
    ours = np.load(tmp_path / "D.npy")
    assert ours.shape == (sum(map(len, structures)), potential.ncoefficients)
    begin, worst = 0, 0.0
    for atoms in structures:
        rows = ours[begin : begin + len(atoms)]
        begin += len(atoms)
        assert (rows[:, 0] == 1).all()
        theirs = means(lammps.descriptors(atoms, potential))
        worst = max(worst, np.linalg.norm(means(rows[:, 1:]) - theirs) / np.linalg.norm(theirs))
    assert worst <= DESCRIPTOR_BAR, f"largest difference of a mean row is {worst:.1e} of its norm"


@pytest.mark.parametrize("which", range(2), ids=["linear", "retrained"])
@pytest.mark.parametrize("kind", range(4), ids=["orthogonal", "triclinic", "two directions periodic", "thin"])
def test_gradients(kind, which, reference, lammps, lmlink_eval, tmp_path):
    potential = lammps.Potential(reference / POTENTIALS[which])
    write(tmp_path / "in.xyz", rattled_cells(["W"], "bcc", 3.18)[kind], format="extxyz")
    lmlink_eval("--potential", potential.path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--gradients",
                tmp_path / "G.npy")
    ours, frame = np.load(tmp_path / "G.npy"), read_results(tmp_path / "out.xyz")[0]
    theirs = lammps.gradients(frame.atoms, potential)
    assert ours.shape == theirs.shape
    ours, theirs = (values.reshape(len(theirs), -1) for values in (ours, theirs))
    difference = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
    assert difference.max() <= GRADIENT_BAR


def test_gradients_of_several_elements(lammps, lmlink_eval, potentials, tmp_path):
    """The axis of the elements, and forces as gradients times coefficients."""
    potential = lammps.Potential(potentials / "InP_JCPA2020.snap")
    write(tmp_path / "in.xyz", rattled_cells(["In", "P"], "zincblende", 5.87)[1], format="extxyz")
    lmlink_eval("--potential", potential.path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--gradients",
                tmp_path / "G.npy")
    ours, frame = np.load(tmp_path / "G.npy"), read_results(tmp_path / "out.xyz")[0]
    theirs = lammps.gradients(frame.atoms, potential)
    assert ours.shape == theirs.shape == (len(frame.atoms), 2, 3, 240)
    norms = np.linalg.norm(theirs.reshape(len(theirs), -1), axis=1)
    assert (np.linalg.norm((ours - theirs).reshape(len(theirs), -1), axis=1) <= GRADIENT_BAR * norms).all()
