"""Mixtures of quantum and ML forces, with potentials on both sides: against ASE's ForceQMMM inside its limits (one
region in mid-cell, orthorhombic cells), and against what a mixture is by definition beyond them."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from conftest import program
from mixture import (LATTICE, Mixture, block, check, compare_with_ase, configure, inside, linear, middle, mixing, remote,
                     write_exactly)
from serve import socket_name

HELIUM_BAR = 1e-6  # eV/Å; fix ipi has other units, by 1e-8
HELIUM_RANGE = 3.5  # Å; the tables of tungsten and helium end at 3.25
SAME_BAR = 1e-9  # eV/Å, between two evaluations of lmlink
POTENTIAL = "W_2940_2017_2.snap"


def test_reference_disk_against_ase(reference, lammps, start, folders):
    """25 QM atoms by their labels, buffer by distance: 157 atoms, a disk that is periodic along the dislocation."""
    atoms = read(reference / "screw_glide_qmml.xyz", index=6)
    atoms.calc = None
    regions = atoms.arrays["region"]
    cluster = compare_with_ase(atoms, {"labels": True, "buffer": 12.0}, regions == "QM", 12.0,
                               reference / "retrained_published.snapcoeff", reference / "milady_lml.snapcoeff", lammps,
                               start, folders)
    assert list(cluster.pbc) == [False, False, True] and len(cluster) == 25 + 157
    assert (cluster.arrays["index"] == np.flatnonzero(regions != "MM")).all()


@pytest.mark.parametrize("buffer", [6.0, 9.5])
def test_sphere_against_ase(buffer, potentials, reference, lammps, start, folders):
    atoms = block(10)
    centre = middle(atoms)
    cluster = compare_with_ase(atoms, {"spheres": [{"atom": centre, "radius": 4.0}], "buffer": buffer},
                               inside(atoms, centre, 4.0), buffer, reference / "milady_lml.snapcoeff",
                               potentials / POTENTIAL, lammps, start, folders)
    assert not cluster.pbc.any()


@pytest.mark.parametrize("shape", ["orthorhombic", "triclinic"])
def test_moving_everything_across_boundaries(shape, potentials, reference, start, folders):
    """Wherever the region lies, and whether a driver wraps atoms or not, forces are the same; ForceQMMM's are not."""
    folder, sockets = folders
    atoms = block(8)
    if shape == "triclinic":
        atoms.set_cell(atoms.cell.array @ [[1.0, 0.1, -0.3], [0.05, 0.97, 0.2], [0.15, 0.0, 1.02]], scale_atoms=True)
    region = {"spheres": [{"atom": middle(atoms), "radius": 4.0}], "buffer": 6.0}
    calculator = mixing(linear(potentials / POTENTIAL), (region, linear(reference / "milady_lml.snapcoeff")))
    path = configure(folder, atoms, calculator)
    with Mixture(start, sockets, path) as mixture:
        expected, worst = mixture.evaluate(atoms).forces, 0.0
        for fraction in ([0.5, 0, 0], [0.25, 0.5, 0.75], [0.55, 0.45, 0.5], [3.5, -2.5, 0.51]):
            moved = atoms.copy()
            moved.positions += np.array(fraction) @ atoms.cell.array
            for wrapped in (False, True):
                if wrapped:
                    moved.wrap()
                forces = mixture.evaluate(moved).forces
                worst = max(worst, np.abs(forces - expected).max())
    # The region made there, by a process of its own.
    configure(folder, moved, calculator)
    with Mixture(start, sockets, path) as mixture:
        worst = max(worst, np.abs(mixture.evaluate(moved).forces - expected).max())
    print(f"{worst:.1e} eV/Å")
    assert worst <= SAME_BAR


def test_reference_images(reference, lmlink_eval, start, folders):
    """The engine is another lmlink-serve, over a socket: every force is the engine's on the cluster for QM atoms, the
    ML potential's for others, less the mean that the extras state."""
    folder, sockets = folders
    images = read(reference / "screw_glide_qmml.xyz", index=":")
    qm, ml = reference / "retrained_published.snapcoeff", reference / "milady_lml.snapcoeff"
    engine = remote(f"unix:{sockets}/engine", init="lmlink",
                    launch=f"{program('lmlink-serve')} --potential {qm} --driver unix:{{path}} --wait 60")
    path = configure(folder, images[0], mixing(linear(ml), ({"labels": True}, engine)))
    _, _, cluster = check(path)
    with Mixture(start, sockets, path) as mixture:
        for number, image in enumerate(images):
            check_image(image, number, mixture.evaluate(image), cluster, (qm, ml), lmlink_eval, folder)
    assert not (sockets / "engine").exists()


def test_helium_in_tungsten(potentials, lammps, start, folders):
    """The potential knows no helium; LAMMPS does, as the engine, with the same potential between the tungsten atoms. The
    mixture is then all-LAMMPS where helium's range lies inside the QM region, and the buffer is two cutoffs wide."""
    folder, sockets = folders
    atoms = block(10)
    site = middle(atoms)
    helium = atoms.positions[site] + LATTICE * np.array([0.5, 0.25, 0.0])
    atoms += Atoms("He2", [helium, helium + [0.0, LATTICE / 2, 0.0]])
    centres = [len(atoms) - 2, len(atoms) - 1]
    everything = potentials / "W_2940_2017_2_He_JW2013.snap"
    name = f"{socket_name()}he"
    engine = remote(f"unix:{name}", origin="centre",
                    launch=" ".join(map(str, [sys.executable, Path(__file__).with_name("lammps_engine.py"),
                                              "{cluster}", everything, "{name}", "W", "He"])))
    region = {"spheres": [{"atom": centre, "radius": HELIUM_RANGE} for centre in centres], "buffer": 9.6}
    path = configure(folder, atoms, mixing(linear(potentials / POTENTIAL), (region, engine)))
    with Mixture(start, sockets, path) as mixture:
        for step in range(2):
            ours = mixture.evaluate(atoms)
            theirs = lammps.evaluate(atoms, TungstenHelium(everything))
            assert 0.1 < np.linalg.norm(theirs.forces[centres], axis=1).min() < 10.0
            difference = np.abs(ours.forces - theirs.forces).max()
            print(f"step {step}: {difference:.1e} eV/Å")
            assert difference <= HELIUM_BAR, f"step {step}: {difference:.1e} eV/Å"
            atoms.positions += np.random.default_rng(step).normal(0, 0.02, (len(atoms), 3))


class TungstenHelium:
    """The potential of tungsten and helium, for the oracle."""

    elements = ["W", "He"]

    def __init__(self, path):
        self.path = path

    def commands(self):
        os.environ["LAMMPS_POTENTIALS"] = str(self.path.parent)
        return [f"variable {name} delete" for name in ("zblcutinner", "zblcutouter", "zblz")] + [f"include {self.path}"]


def check_image(image, number, ours, cluster, potentials, lmlink_eval, folder):
    indices = cluster.arrays["index"]
    alone = cluster.copy()
    alone.positions = image.positions[indices] + (cluster.positions[0] - image.positions[indices[0]])
    forces = [forces_of(atoms, potential, lmlink_eval, folder) for atoms, potential in zip((alone, image), potentials)]
    is_qm = cluster.arrays["region"] == "QM"
    expected = forces[1].copy()
    expected[indices[is_qm]] = forces[0][is_qm]
    mean = np.array(ours.extras["mean_force"])
    assert np.abs(mean - expected.mean(axis=0)).max() <= SAME_BAR
    difference = np.abs(ours.forces - (expected - mean)).max()
    print(f"image {number}: {difference:.1e} eV/Å")
    assert difference <= SAME_BAR
    assert (ours.extras["qm_atoms"], ours.extras["buffer_atoms"]) == (25, 157)
    differences = np.linalg.norm(forces[0] - forces[1][indices], axis=1)
    assert abs(ours.extras["qm_difference_mean"] - differences[is_qm].mean()) <= SAME_BAR
    assert abs(ours.extras["qm_difference_max"] - differences[is_qm].max()) <= SAME_BAR
    assert abs(max(ours.extras["buffer_difference_max"]) - differences[~is_qm].max()) <= SAME_BAR


def forces_of(atoms, potential, lmlink_eval, folder):
    write_exactly(atoms, folder / "in.xyz")
    lmlink_eval("--potential", potential, folder / "in.xyz", "--output", folder / "out.xyz")
    return read(folder / "out.xyz").calc.results["forces"]
