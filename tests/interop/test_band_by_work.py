"""lmlink.dislocations: energies of paths by virtual work, and the climbing band that needs no energy, against lmlink-eval, ASE's
own band with energies, and sums along the path."""

import re
from contextlib import ExitStack

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from ase.mep import NEB
from ase.optimize import FIRE
from ase.optimize.sciopt import OptimizerConvergenceError
from conftest import ROOT
from lmlink import LMLink
from lmlink.dislocations import build_glide, find_path, keep_results, near_line, refine_path, relax, virtual_work
from test_dislocations import POTENTIAL, builder_of, screw  # noqa: F401 (fixture)
from test_virtual_work import made_up_path
from test_virtual_work import virtual_work as by_eval

TEACHER = "WBe_Wood_PRB2019.snap"
INNER = 10  # an even number: symmetry puts no image on the saddle
RADIUS = 20.0


def ends_of(builder, calculator):
    """Both ends of a step of glide, relaxed, with results."""
    ends = build_glide(builder, RADIUS)
    for end in ends:
        end.calc = calculator
        relax(end, 0.001)
        keep_results(end)
    return ends


@pytest.fixture(scope="module")
def calculators(potentials):
    with ExitStack() as stack:
        yield [stack.enter_context(LMLink(potentials / POTENTIAL)) for _ in range(INNER)]


@pytest.fixture(scope="module")
def ends(screw, calculators):  # noqa: F811
    return ends_of(screw, calculators[0])


@pytest.fixture(scope="module")
def path(ends, calculators):
    return find_path(*ends, calculators, tolerance=0.004)


def total(images):
    return np.array([image.get_potential_energy() for image in images]) - images[0].get_potential_energy()


def climber(images):
    """The highest image, and its forces without those on atoms that are held."""
    work = virtual_work(images).energy
    image = images[int(np.argmax(work))]
    forces = image.get_forces(apply_constraint=False)
    return image, np.where(image.arrays["fix_mask"][:, None], 0.0, forces)


@pytest.mark.parametrize("nimages", [2, 5, 8])
def test_virtual_work(nimages, lmlink_eval, tmp_path):
    """That of lmlink-eval, with its estimate of the error, also where atoms are wrapped into the cell from image to image."""
    file, images = made_up_path(tmp_path, nimages)
    where, energies, error = by_eval(lmlink_eval, file)
    wrapped = [image.copy() for image in images]
    for image, original in zip(wrapped, images):
        image.wrap()
        image.calc = SinglePointCalculator(image, forces=original.get_forces())
    for some in (images, wrapped):
        work = virtual_work(some)
        assert np.abs(work.length / work.length[-1] - where).max() < 1e-8
        assert np.abs(work.energy - energies).max() < 1e-8
        assert work.error == error == np.inf or abs(work.error / error - 1) < 5e-3  # it is printed with three digits
        assert work.barrier >= work.energy.max() and work.curve[1, ::20] == pytest.approx(work.energy)
    with pytest.raises(ValueError, match="two images or more"):
        virtual_work(images[:1])
    with pytest.raises(ValueError, match="images 0 and 1 of the path are at the same place"):
        virtual_work([images[0], images[0], images[1]])


def test_band_of_a_potential(ends, path, calculators):
    """The same barrier as that of ASE's climbing band with energies, by total energy and by work; the saddle has no force, and
    the energy is highest there."""
    images = [ends[0], *(ends[0].copy() for _ in calculators), ends[1]]
    for image, calculator in zip(images[1:-1], calculators):
        image.calc = calculator
    band = NEB(images, climb=True, k=1.0, method="improvedtangent")
    band.interpolate()
    assert FIRE(band, logfile=None).run(fmax=0.005, steps=300)
    barrier = total(images).max()
    assert 0.05 < barrier < 0.1
    assert abs(total(path).max() - barrier) < 1e-3 and abs(virtual_work(path).barrier - barrier) < 1e-3
    assert np.abs(virtual_work(path).energy - total(path)).max() < 1e-3
    image, forces = climber(path)
    assert np.abs(forces).max() < 0.005 and image is path[int(np.argmax(total(path)))]
    assert np.abs(total(path) - total(path)[::-1]).max() > 1e-4  # the climbing image is beside the middle of the rest


def test_same_calculator_for_all(ends, path, calculators):
    """Asked one by one, it gives the same path."""
    other = find_path(*ends, [calculators[0]] * INNER, tolerance=0.004)
    assert max(np.abs(one.positions - two.positions).max() for one, two in zip(path, other)) < 1e-6


def test_band_without_energy(screw, ends, path, potentials):  # noqa: F811
    """A mixture, which has no energy: with all free atoms QM the barrier is the quantum code's own, here a second potential's;
    with those near the core it is about that, the climbing image has no force, and the barrier is what a sum over a fine path
    gives."""
    with ExitStack() as stack:
        teacher = [stack.enter_context(LMLink(potentials / TEACHER)) for _ in range(INNER)]
        mine = ends_of(screw, teacher[0])
        wanted = virtual_work(find_path(*mine, teacher, tolerance=0.004)).barrier
    assert abs(wanted - total(path).max()) > 0.02
    barriers = {}
    for radius in (30.0, 5.5):
        core = near_line(ends[0], (ends[0].info["core"] + ends[1].info["core"]) / 2, radius)
        with ExitStack() as stack:
            mixed = [stack.enter_context(LMLink(potentials / POTENTIAL, qm_calc=potentials / TEACHER, qm_selection_mask=core,
                                                buffer_width=9.5, zero_mean=False,
                                                settings={"calculator": {"energy": "none"}})) for _ in range(INNER)]
            images = find_path(*ends_of(screw, mixed[0]), mixed, tolerance=0.004)
            work = barriers[radius] = virtual_work(images)
            assert (total(images) == 0).all()
            image, forces = climber(images)
            assert np.abs(forces).max() < 0.005
            if radius < RADIUS:
                assert abs(work.barrier - along(images, mixed[0])) < 1e-3
    assert abs(barriers[30.0].barrier - wanted) < 1e-3
    assert abs(barriers[5.5].barrier - wanted) < 0.01


def along(images, calculator, parts=12):
    """Highest work along straight lines between images, by trapezoids."""
    work, highest = 0.0, 0.0
    before, place = images[0].get_forces(apply_constraint=False), images[0].positions
    for first, last in zip(images, images[1:]):
        for part in np.arange(1, parts + 1) / parts:
            atoms = first.copy()
            atoms.set_constraint()
            atoms.positions = (1 - part) * first.positions + part * last.positions
            atoms.calc = calculator
            forces = atoms.get_forces()
            work -= np.sum((forces + before) / 2 * (atoms.positions - place))
            highest, before, place = max(highest, work), forces, atoms.positions
    return highest


def test_documented(potentials, tmp_path, monkeypatch, capsys):
    """The programs of docs/dislocations.md, one after the other, with small disks and few images."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "dislocations.md").read_text(), re.MULTILINE | re.DOTALL)
    names = {"potential": potentials / POTENTIAL, "dft": potentials / TEACHER}
    for block in blocks:
        for long, short in (("radius=60.0", "radius=20.0"), ("range(11)", "range(7)"), ("tolerance=0.02)", "tolerance=0.05)")):
            block = block.replace(long, short)
        exec(block, names)
    for mixture in names["mixtures"]:
        mixture.close()
    printed = capsys.readouterr().out.splitlines()
    assert "('easy', " in printed[-2] and 0.05 < float(printed[-1]) < 0.15
    assert read(tmp_path / "run.xyz", ":") and not (tmp_path / "run.npy").exists()


def test_without_a_climbing_image(ends, path, calculators):
    """Both halves of the band are the same then, which the climbing image of the other one has left."""
    plain = total(find_path(*ends, calculators, tolerance=0.01, climbing_steps=0))
    assert np.abs(plain - plain[::-1]).max() < 1e-4 < np.abs(total(path) - total(path)[::-1]).max()


def test_refined(path, calculators):
    """Images are added where few are given, until the work is the total energy at every one; those that were given stay."""
    few = path[::3] + path[-1:]
    once, fine = refine_path(few, calculators[:2], doublings=1), refine_path(few, calculators[:1] * 3, tolerance=1e-3)
    off = [np.abs(virtual_work(images).energy - total(images)).max() for images in (few, once, fine)]
    assert off[0] > 1e-3 > off[1] > off[2] and off[2] < 1e-4 and virtual_work(fine).error <= 1e-3
    assert len(fine) in (17, 33) and all(any(image is other for other in fine) for image in few)
    assert np.abs(np.diff(virtual_work(fine).length, 2)).max() < 0.2
    assert refine_path(fine, calculators, tolerance=1e-3) == fine  # nothing to add
    with pytest.raises(ValueError, match="give a calculator"):
        refine_path(few, [])


def test_what_is_no_path(ends, calculators):
    with pytest.raises(OptimizerConvergenceError, match="no path to 0.0001 eV/Å in 2 steps"):
        find_path(*ends, calculators, tolerance=1e-4, steps=2)
    with pytest.raises(ValueError, match="give a calculator"):
        find_path(*ends, [])
    with pytest.raises(ValueError, match="the same atoms"):
        find_path(ends[0], ends[1][1:], calculators)
