"""Potentials in MiLaDy's `.pot` files: the published ones, made-up ones, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from ase.units import GPa
from conftest import ROOT, need
from made_up import components
from results import read_results
from structures import rattled_cells

FORCE_BAR = 1e-9  # eV/Å
HEAD = "# nchannels nelements element_1 ...\n# more of it\n 1 1 W 1.0000 1.00000\n 9 {weights} 3\n 183.84\n {order} {jmax} 0\n {cutoff}\n"


@pytest.fixture(scope="module")
def published():
    """Folder with W_LML.pot and W_QNML.pot of the public repository ai-atoms/milady-docs."""
    reference = os.environ.get("LMLINK_REFERENCE", ROOT.parent / "shared" / "reference" / "w-screw-qmml")
    folder = Path(reference).parent / "milady"
    if not (folder / "W_QNML.pot").is_file():
        need("reference", f"{folder} has no W_LML.pot and W_QNML.pot: get them from ai-atoms/milady-docs")
    return folder


def coefficients(path):
    return np.array([float(line.split()[0]) for line in path.read_text().splitlines() if len(line.split("#")[0].split()) == 1])


def convert(lmlink_eval, pot, folder):
    lmlink_eval("--potential", pot, "--write", folder / "converted.snapcoeff")
    return folder / "converted.snapcoeff"


def test_published_linear_potential(published, reference, lmlink_eval, tmp_path):
    """Its coefficients are those that the same authors published for LAMMPS, who rounded them, and with bzeroflag 1, which
    moves the zero of energy alone."""
    found = coefficients(convert(lmlink_eval, published / "W_LML.pot", tmp_path))
    expected = coefficients(reference / "milady_lml.snapcoeff")
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-9
    write(tmp_path / "in.xyz", rattled_cells(["W"], "bcc", 3.16), format="extxyz")
    for name, path in (("ours", published / "W_LML.pot"), ("theirs", reference / "milady_lml.snapcoeff")):
        lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / f"{name}.xyz")
    ours, theirs = (read_results(tmp_path / f"{name}.xyz") for name in ("ours", "theirs"))
    for one, other in zip(ours, theirs):
        assert np.abs(one.forces - other.forces).max() < 1e-6
    assert convert_parameters(tmp_path)["bzeroflag"] == "0"


def convert_parameters(folder):
    return dict(line.split() for line in (folder / "converted.snapparam").read_text().splitlines() if line and line[0] != "#")


def test_published_quadratic_potential(published, lammps, lmlink_eval, tmp_path):
    """Lattice constant and elastic constants; and forces, against LAMMPS with the converted files."""
    potential = published / "W_QNML.pot"
    write(tmp_path / "in.xyz", rattled_cells(["W"], "bcc", 3.18), format="extxyz")
    lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    oracle = lammps.Potential(convert(lmlink_eval, potential, tmp_path))
    for found in read_results(tmp_path / "out.xyz"):
        expected = lammps.evaluate(found.atoms, oracle)
        assert np.abs(found.forces - expected.forces).max() < FORCE_BAR * max(1, np.abs(expected.forces).max())

    def stress(strains, a=3.18539):
        """Stresses (GPa) of the strained crystal."""
        frames = []
        for strain in strains:
            atoms = bulk("W", "bcc", a=a, cubic=True)
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            frames.append(atoms)
        write(tmp_path / "strained.xyz", frames, format="extxyz")
        lmlink_eval("--potential", potential, tmp_path / "strained.xyz", "--output", tmp_path / "stressed.xyz")
        return [-frame.virial / frame.atoms.get_volume() / GPa for frame in read_results(tmp_path / "stressed.xyz")]

    step = 1e-4
    uniaxial, shear = np.zeros((3, 3)), np.zeros((3, 3))
    uniaxial[0, 0] = step
    shear[1, 2] = shear[2, 1] = step / 2
    rest, longer, shorter, sheared = stress([0 * uniaxial, uniaxial, -uniaxial, shear])
    bulk_modulus = ((longer - shorter)[0, 0] + 2 * (longer - shorter)[1, 1]) / (6 * step)
    assert abs(rest[0, 0]) / (3 * bulk_modulus) * 3.18539 < 1e-4  # Å, to the lattice constant without stress
    assert (longer - shorter)[0, 0] / (2 * step) == pytest.approx(513.7, abs=0.5)
    assert (longer - shorter)[1, 1] / (2 * step) == pytest.approx(199.6, abs=0.5)
    assert sheared[1, 2] / step == pytest.approx(137.0, abs=0.5)


def write_pot(path, order, twojmax, seed=1):
    """A made-up file, and its weights."""
    n = len(components(twojmax))
    weights = np.random.default_rng(seed).normal(0, 1e-3, 1 + n + (n * n if order == 2 else 0))
    head = HEAD.format(weights=len(weights), order=order, jmax=twojmax / 2, cutoff=4.7)
    path.write_text(head + "".join(f" {weight!r}\n" for weight in weights.tolist()))
    return weights


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("twojmax", [3, 6])
def test_energies_are_the_polynomial_of_the_components(order, twojmax, lmlink_eval, tmp_path):
    """E = w0 + w·B + Bᵀ A B with the components of an independent linear potential's descriptors."""
    weights = write_pot(tmp_path / "made-up.pot", order, twojmax)
    write_pot(tmp_path / "linear.pot", 1, twojmax)
    write(tmp_path / "in.xyz", rattled_cells(["W"], "bcc", 3.16), format="extxyz")
    lmlink_eval("--potential", tmp_path / "made-up.pot", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    lmlink_eval("--potential", tmp_path / "linear.pot", tmp_path / "in.xyz", "--descriptors", tmp_path / "b.npy")
    b = np.load(tmp_path / "b.npy")[:, 1:]
    n = b.shape[1]
    expected = weights[0] + b @ weights[1:n + 1]
    if order == 2:
        expected += np.einsum("ai,ij,aj->a", b, weights[n + 1:].reshape(n, n), b)
    found = np.concatenate([frame.energies for frame in read_results(tmp_path / "out.xyz")])
    assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()


def test_what_is_refused(lmlink_eval, tmp_path):
    """Each message names the file, the line, and what is not supported."""
    write_pot(tmp_path / "good.pot", 2, 2)
    good = (tmp_path / "good.pot").read_text()
    write(tmp_path / "in.xyz", bulk("W", cubic=True), format="extxyz")
    cases = [(" 9 31 3", " 4 31 3", "bad.pot:4: descriptor type 4 of MiLaDy is not supported"),
             (" 1 1 W", " 2 1 W", "bad.pot:3: has other than one channel and one element"),
             (" W ", " Xx ", "bad.pot:3: 'Xx' is no chemical symbol"), ("1 1 W 1.0000", "1 2 W 1.0 1.0 Fe", "bad.pot:3: expected '1 1 SYMBOL"),
             (" 2 1.0 0", " 3 1.0 0", "bad.pot:6: a potential of order 3"), (" 2 1.0 0", " 2 1.3 0", "jmax 1.3 is no multiple"),
             (" 9 31 3", " 9 30 3", "bad.pot:6: 30 weights do not go with order 2 and jmax 1, which need 31"),
             (" 4.7\n", " -4.7\n", "bad.pot:7: the cutoff is not positive"), (" 4.7\n", " 4.7\n 0.1\n", "more lines than the 31 weights"),
             (good[-25:], "", "the file may be cut off"), ("183.84", "heavy", "bad.pot:5: the mass 'heavy'")]
    for old, new, message in cases:
        assert old in good
        (tmp_path / "bad.pot").write_text(good.replace(old, new, 1))
        done = lmlink_eval("--potential", tmp_path / "bad.pot", tmp_path / "in.xyz", check=False)
        assert done.returncode == 1 and message in done.stderr, (message, done.stderr)
    for arguments, message in ((["--write", tmp_path / "new.pot"], "SNAP is written to a .snapcoeff file"),
                               (["--write", tmp_path / "in.xyz"], "exists already"), ([], "missing argument"),
                               (["--write", tmp_path / "new.snapcoeff", "--index", "0"], "--index needs the structures")):
        done = lmlink_eval("--potential", tmp_path / "good.pot", *arguments, check=False)
        assert done.returncode == 2 and message in done.stderr, (message, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"good.pot", "bad.pot", "in.xyz"}
