"""Energies, forces and virials of lmlink-eval against LAMMPS, on the same structures."""

import numpy as np
import pytest
from ase.io import write
from made_up import write_potential
from results import read_results
from structures import rattled_cells, skewed_crystal

FORCE_BAR = 1e-9  # eV/Å, largest difference of a component
ENERGY_BAR = 1e-9  # eV per atom
VIRIAL_BAR = 1e-8  # of the virial's norm

# Every SNAP potential of Debian's lammps-data but the two that need pair_style table or mliap: crystal and lattice
# constant (Å) of the structures.
PUBLISHED = {
    "Cu_Zuo_JPCA2020.snap": ("fcc", 3.62),
    "Cu_Zuo_JPCA2020.quadratic.snap": ("fcc", 3.62),
    "Ge_Zuo_JPCA2020.snap": ("diamond", 5.66),
    "Ge_Zuo_JPCA2020.quadratic.snap": ("diamond", 5.66),
    "InP_JCPA2020.snap": ("zincblende", 5.87),
    "Li_Zuo_JPCA2020.snap": ("bcc", 3.51),
    "Li_Zuo_JPCA2020.quadratic.snap": ("bcc", 3.51),
    "Mo_Chen_PRM2017.snap": ("bcc", 3.15),
    "Mo_Zuo_JPCA2020.snap": ("bcc", 3.15),
    "Mo_Zuo_JPCA2020.quadratic.snap": ("bcc", 3.15),
    "Ni_Zuo_JPCA2020.snap": ("fcc", 3.52),
    "Ni_Zuo_JPCA2020.quadratic.snap": ("fcc", 3.52),
    "Si_Zuo_JPCA2020.snap": ("diamond", 5.43),
    "Si_Zuo_JPCA2020.quadratic.snap": ("diamond", 5.43),
    "Ta06A.snap": ("bcc", 3.30),
    "WBe_Wood_PRB2019.snap": ("bcc", 3.05),
    "W_2940_2017_2.snap": ("bcc", 3.18),
}

# LAMMPS's chemflag forces are the gradient of its energy only where components with elements exchanged at equal j's
# have the same coefficient (made_up.py). In this file they differ in the last printed digit, up to 4e-11 eV, and
# LAMMPS's forces from finite differences of its energy by 2e-8 eV/Å. lmlink's forces are the gradient, so they are held
# against LAMMPS's `compute snad/atom` times the coefficients, and against its forces with this wider bar (eV/Å).
ROUNDED_EXCHANGES = {"InP_JCPA2020.snap": 1e-7}

ONE = [("W", 0.5, 1.0)]
TWO = [("W", 0.5, 1.0), ("Be", 0.418, 0.759)]
MADE_UP = {
    "defaults": ({}, ONE),
    "rfac0": ({"rfac0": 0.9}, ONE),
    "rmin0": ({"rmin0": 0.6}, ONE),
    "switchflag": ({"switchflag": 0}, ONE),
    "bzeroflag": ({"bzeroflag": 0}, ONE),
    "quadraticflag": ({"quadraticflag": 1}, ONE),
    "quadraticflag without bzeroflag": ({"quadraticflag": 1, "bzeroflag": 0}, ONE),
    "bnormflag": ({"bnormflag": 1}, ONE),
    "wselfallflag": ({"wselfallflag": 1}, ONE),
    "switchinnerflag": ({"switchinnerflag": 1, "sinner": "2.5", "dinner": "0.4"}, ONE),
    "radii and weights": ({}, TWO),
    "radii, weights, quadraticflag": ({"quadraticflag": 1}, TWO),
    "switchinnerflag, two elements": ({"switchinnerflag": 1, "sinner": "2.5 2.1", "dinner": "0.4 0.2"}, TWO),
    "chemflag": ({"chemflag": 1}, TWO),
    "chemflag, bnormflag": ({"chemflag": 1, "bnormflag": 1}, TWO),
    "chemflag, wselfallflag": ({"chemflag": 1, "wselfallflag": 1}, TWO),
    "chemflag, bnormflag, wselfallflag": ({"chemflag": 1, "bnormflag": 1, "wselfallflag": 1}, TWO),
    "chemflag without bzeroflag": ({"chemflag": 1, "bzeroflag": 0}, TWO),
    "chemflag, quadraticflag": ({"chemflag": 1, "quadraticflag": 1, "twojmax": 3}, TWO),
    "chemflag, switchinnerflag": ({"chemflag": 1, "switchinnerflag": 1, "sinner": "2.5 2.1", "dinner": "0.4 0.2"}, TWO),
    **{f"2J = {twojmax}": ({"twojmax": twojmax}, ONE) for twojmax in (0, 1, 2, 3, 5, 7, 8, 10, 14)},
}


def compare(lammps, lmlink_eval, path, structures, folder):
    """lmlink-eval on all structures at once against LAMMPS on each."""
    force_bar = ROUNDED_EXCHANGES.get(path.name, FORCE_BAR)
    write(folder / "in.xyz", [atoms for atoms in structures], format="extxyz", columns=["symbols", "positions"])
    # ASE writes eight decimals; both sides get what is in the file.
    structures = [frame.atoms for frame in read_results(folder / "in.xyz")]
    lmlink_eval("--potential", path, folder / "in.xyz", "--output", folder / "out.xyz")
    frames = read_results(folder / "out.xyz")
    assert len(frames) == len(structures)
    potential = lammps.Potential(path)
    for number, (atoms, ours) in enumerate(zip(structures, frames)):
        theirs = lammps.evaluate(atoms, potential)
        where = f"structure {number}: {len(atoms)} atoms, pbc {atoms.pbc}"
        assert np.abs(theirs.forces).max() > 0.01, f"{where}: forces too small to compare"
        assert np.abs(ours.forces - theirs.forces).max() <= force_bar, where
        if force_bar > FORCE_BAR:
            assert np.abs(ours.forces - lammps.gradient_forces(atoms, potential)).max() <= FORCE_BAR, where
        assert abs(ours.energy - theirs.energy) <= ENERGY_BAR * len(atoms), where
        assert np.abs(ours.energies - theirs.energies).max() <= ENERGY_BAR, where
        assert np.linalg.norm(ours.virial - theirs.virial) <= VIRIAL_BAR * np.linalg.norm(theirs.virial), where


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_potential(name, lammps, lmlink_eval, potentials, tmp_path):
    path = potentials / name
    assert path.is_file(), f"{path} is missing: lammps-data is incomplete"
    compare(lammps, lmlink_eval, path, rattled_cells(lammps.Potential(path).elements, *PUBLISHED[name]), tmp_path)


def test_no_published_potential_is_forgotten(potentials):
    others = {"W_2940_2017_2_He_JW2013.snap"}  # needs pair_style table
    assert {path.name for path in potentials.glob("*.snap")} == set(PUBLISHED) | others


@pytest.mark.parametrize("name", MADE_UP)
def test_each_flag_alone(name, lammps, lmlink_eval, tmp_path):
    settings, elements = MADE_UP[name]
    settings = {"rcutfac": 4.6, "twojmax": 6 if len(elements) == 1 else 4, **settings}
    structures = rattled_cells([symbol for symbol, _, _ in elements], "bcc", 3.15, seed=3)
    path = write_potential(tmp_path, settings, elements, structures[0], seed=4)
    compare(lammps, lmlink_eval, path, structures, tmp_path)


def test_a_strongly_skewed_cell(lammps, lmlink_eval, potentials, tmp_path):
    atoms = skewed_crystal("W", 3.18)
    assert 200 <= len(atoms) <= 500
    compare(lammps, lmlink_eval, potentials / "W_2940_2017_2.snap", [atoms], tmp_path)


def test_one_atom_in_a_primitive_cell(lammps, lmlink_eval, potentials, tmp_path):
    """Hundreds of images of one atom; its forces vanish, so a second one is put off its site."""
    from ase.build import bulk

    atoms = bulk("W", "bcc", a=3.18).repeat((1, 1, 2))
    atoms.positions[1] += 0.3, -0.1, 0.2
    compare(lammps, lmlink_eval, potentials / "W_2940_2017_2.snap", [atoms], tmp_path)
