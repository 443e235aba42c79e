"""The energy along a path from the work of forces: against SciPy's splines, ASE's NEB.integrate_forces, and differences
of total energies."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.mep import NEB
from scipy.interpolate import CubicSpline

GRID_BAR = 1e-10  # eV, from ASE's grid
ENERGY_BAR = 2e-4  # eV, from total energies


def virtual_work(lmlink_eval, path, *options):
    """λ and E at the points that are printed, and the estimated error."""
    lines = lmlink_eval("--virtual-work", path, *options).stdout.splitlines()
    points = np.array([line.split()[1:] for line in lines if line.split()[0].isdigit()], dtype=float)
    estimate = [line.split()[2] for line in lines if line.startswith("error estimate")][0]
    return points[:, 0], points[:, 1], float("inf") if estimate == "none:" else float(estimate)


def made_up_path(folder, nimages, seed=4):
    """A path with random forces, whose atoms are wrapped into the cell in the file; with the unwrapped images."""
    rng = np.random.default_rng(seed)
    start = bulk("Mo", "bcc", a=3.15, cubic=True).repeat(2)
    images, wrapped = [], []
    for _ in range(nimages):
        start = start.copy()
        start.positions += rng.normal(0, 0.05, (len(start), 3))
        forces = rng.normal(0, 1, (len(start), 3))
        for atoms, wrap in ((images, False), (wrapped, True)):
            image = start.copy()
            if wrap:
                image.wrap()
            image.calc = SinglePointCalculator(image, forces=forces)
            atoms.append(image)
    write(folder / "path.xyz", wrapped, format="extxyz")
    for image, stored in zip(images, read(folder / "path.xyz", index=":")):  # eight decimals
        image.positions += (stored.positions - image.positions + 3.15) % 6.3 - 3.15
        image.calc = SinglePointCalculator(image, forces=stored.get_forces())
    return folder / "path.xyz", images


def path_length(images):
    positions = np.array([image.positions.ravel() for image in images])
    lengths = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return np.concatenate([[0], lengths.cumsum() / lengths.sum()])


def exact_work(images, s):
    """SciPy's splines at s, with their products integrated as polynomials."""
    x = CubicSpline(s, [image.positions.ravel() for image in images]).derivative()
    f = CubicSpline(s, [image.get_forces().ravel() for image in images])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    energies = [0.0]
    for left, right in zip(s, s[1:]):
        at = (left + right) / 2 + nodes * (right - left) / 2
        energies.append(energies[-1] - (weights * (f(at) * x(at)).sum(axis=1)).sum() * (right - left) / 2)
    return np.array(energies)


@pytest.mark.parametrize("nimages", [2, 3, 4, 5, 12])
def test_splines(nimages, lmlink_eval, tmp_path):
    path, images = made_up_path(tmp_path, nimages)
    s = path_length(images)
    expected = exact_work(images, s)
    ours, energies, estimate = virtual_work(lmlink_eval, path)
    assert np.abs(ours - s).max() < 1e-13
    assert np.abs(energies - expected).max() < 1e-12
    assert np.isinf(estimate) == (nimages == 2)
    if nimages > 2:  # every second image, on the same λ
        kept = sorted({*range(0, nimages, 2), nimages - 1})
        half = exact_work([images[k] for k in kept], s[kept])
        assert estimate == pytest.approx(np.abs(expected[kept] - half).max(), rel=6e-3)
    s, expected, _ = NEB(images).integrate_forces()
    ours, energies, _ = virtual_work(lmlink_eval, path, "--ase-grid")
    assert np.abs(ours - s).max() < 1e-13 and np.abs(energies - expected).max() < GRID_BAR


def test_reference_path_on_ase_grid(reference, lmlink_eval):
    path = reference / "screw_glide_qmml.xyz"
    s, expected, _ = NEB(read(path, index=":")).integrate_forces()
    ours, energies, _ = virtual_work(lmlink_eval, path, "--ase-grid")
    difference = np.abs(energies - expected).max()
    print(f"13 images: E differs from ASE's by {difference:.1e} eV, the barrier is {energies.max() * 1000:.3f} meV")
    assert np.abs(ours - s).max() < 1e-13 and difference <= GRID_BAR
    assert 0.0784 < energies.max() < 0.0785


@pytest.mark.parametrize("potential", ["milady_lml", "retrained_published"])
def test_reference_path_against_total_energies(potential, reference, lmlink_eval, tmp_path):
    """With the forces of one potential on all atoms, which move all."""
    path, file = reference / "screw_glide_qmml.xyz", reference / f"{potential}.snapcoeff"
    _, energies, estimate = virtual_work(lmlink_eval, path, "--potential", file)
    lmlink_eval("--potential", file, path, "--output", tmp_path / "energies.xyz")
    total = np.array([image.get_potential_energy() for image in read(tmp_path / "energies.xyz", index=":")])
    difference = np.abs(energies - (total - total[0])).max()
    print(f"{potential}: E differs from total energies by {difference:.1e} eV; estimated: {estimate:.1e} eV")
    assert difference <= ENERGY_BAR and difference <= estimate


def test_bad_paths(lmlink_eval, tmp_path):
    path, images = made_up_path(tmp_path, 2)
    result = lmlink_eval("--virtual-work", path, "--output", "x.xyz", check=False)
    assert result.returncode == 2 and "--output" in result.stderr
    for change, words in [([images[0]], "at least two images"), ([images[0], images[0]], "at the same place"),
                          ([images[0], images[0][:-1]], "other atoms")]:
        for image in change:
            image.calc = image.calc or SinglePointCalculator(image, forces=np.zeros((len(image), 3)))
        write(path, change, format="extxyz")
        result = lmlink_eval("--virtual-work", path, check=False)
        assert result.returncode == 1 and words in result.stderr, result.stderr
    write(path, images[0], format="extxyz", columns=["symbols", "positions"], write_results=False)
    assert "no column forces" in lmlink_eval("--virtual-work", path, check=False).stderr


@pytest.mark.parametrize("nimages", [3, 7])
def test_the_highest_point_is_no_lower_than_an_image(nimages, lmlink_eval, tmp_path):
    """Of a path whose energy, a parabola, is highest at the middle image, which no point of a grid meets."""
    path, images = made_up_path(tmp_path, nimages)
    for k, image in enumerate(images):
        image.positions = images[0].positions + 0.05 * k
        image.calc = SinglePointCalculator(image, forces=np.full((len(image), 3), k - (nimages - 1) / 2))
    write(path, images, format="extxyz")
    lines = lmlink_eval("--virtual-work", path).stdout.splitlines()
    printed = [float(line.split()[2]) for line in lines if line.split()[0].isdigit()]
    words = next(line.split() for line in lines if line.startswith("highest point"))
    assert float(words[2]) >= max(printed) and float(words[6]) == pytest.approx(0.5, abs=1e-3)
    half = (nimages - 1) / 2
    assert float(words[2]) == pytest.approx(0.05 * images[0].positions.size * half**2 / 2, rel=1e-6)
