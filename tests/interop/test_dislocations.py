"""lmlink.dislocations: structures, cores and relaxation, against matscipy, symmetry, and what a Burgers vector is."""

import sys

import numpy as np
import pytest
from ase import Atom
from ase.io import read
from ase.optimize.sciopt import OptimizerConvergenceError
from lmlink import LMLink
from lmlink.dislocations import (bcc_screw_sites, build_cylinder, build_disk, build_glide, build_quadrupole, core_kind, core_line,
                                 core_position, core_positions, differential_displacements, largest_force,
                                 lattice_and_elasticity, near_line, one_period, perfect_crystal, relax)

dislocation = pytest.importorskip("matscipy.dislocation")

POTENTIAL = "W_2940_2017_2.snap"
GPA = 160.21766  # in eV/Å³
ELASTIC = (3.18046, (517.74, 194.54, 144.29))  # of that potential


def builder_of(kind):
    return getattr(dislocation, kind)(ELASTIC[0], *ELASTIC[1], symbol="W")


@pytest.fixture(scope="module")
def screw():
    return builder_of("BCCScrew111Dislocation")


@pytest.fixture(scope="module")
def calculator(potentials):
    with LMLink(potentials / POTENTIAL) as served:
        yield served


@pytest.fixture(scope="module")
def relaxed(screw, calculator):
    """A disk with a relaxed screw dislocation."""
    disk = build_disk(screw, 30.0)
    disk.calc = calculator
    relax(disk)
    return disk


def circuits(atoms):
    """Of each triangle of columns that are neighbours, the sum of differential displacements around it, counterclockwise, in
    Burgers vectors, and its centre."""
    found = differential_displacements(atoms)
    ways = {}
    for i, j, bond, difference in zip(found.first, found.second, found.bonds, found.differences):
        ways[i, j], ways[j, i] = (bond[:2], difference), (-bond[:2], -difference)
    neighbours = {}
    for i, j in ways:
        neighbours.setdefault(i, set()).add(j)
    size, sums = np.linalg.norm(atoms.info["burgers"]), []
    places = atoms.arrays["perfect_positions"][:, :2]
    for i, j in ways:
        for k in neighbours[i] & neighbours[j]:
            if i < min(j, k) and np.linalg.norm(ways[i, j][0] + ways[j, k][0] + ways[k, i][0]) < 1e-6 and (
                    np.linalg.det([ways[i, j][0], ways[j, k][0]]) > 0):
                total = ways[i, j][1] + ways[j, k][1] + ways[k, i][1]
                sums.append((total / size, places[i] + (ways[i, j][0] - ways[k, i][0]) / 3))
    return np.array([total for total, _ in sums]), np.array([place for _, place in sums])


# ---- structures ----

@pytest.mark.parametrize("symbol, file", [("W", POTENTIAL), ("Ni", "Ni_Zuo_JPCA2020.snap")])
def test_lattice_and_elasticity(symbol, file, potentials):
    with LMLink(potentials / file) as served:
        constant, elastic = lattice_and_elasticity(served, symbol)
        theirs = dislocation.get_elastic_constants(calculator=served, symbol=symbol, delta=1e-3, verbose=False, fmax=1e-6, smax=1e-6)
    assert np.allclose([constant, *elastic], theirs, rtol=1e-4, atol=0)


@pytest.mark.parametrize("kind, burgers", [("BCCScrew111Dislocation", (0, 0, np.sqrt(3) / 2)), ("BCCEdge100Dislocation", (1, 0, 0)),
                                           ("BCCEdge111Dislocation", (np.sqrt(3) / 2, 0, 0)),
                                           ("BCCMixed111Dislocation", (np.sqrt(3) / 2 * 2**1.5 / 3, 0, np.sqrt(3) / 6))])
def test_disk(kind, burgers, calculator):
    """That of matscipy's own builder, in vacuum, with the rim that was asked for."""
    builder = builder_of(kind)
    perfect, theirs = builder.build_cylinder(25.0, fix_width=8.0, verbose=False)
    theirs.pbc, theirs.calc = (False, False, True), calculator
    disk = build_disk(builder, 25.0, rim=8.0)
    disk.calc = calculator
    assert abs(disk.get_potential_energy() - theirs.get_potential_energy()) < 1e-8
    displacements = disk.positions - disk.arrays["perfect_positions"]
    assert np.abs(displacements - (theirs.positions - perfect.positions)).max() < 1e-9
    assert (disk.arrays["fix_mask"] == theirs.arrays["fix_mask"]).all()
    assert (disk.constraints[0].index == np.flatnonzero(disk.arrays["fix_mask"])).all()
    from_core = np.linalg.norm(perfect_crystal(disk).positions[:, :2] - disk.info["core"], axis=1)
    assert abs(from_core.max() - 25.0) < 0.5 and abs(from_core[disk.arrays["fix_mask"]].min() - 17.0) < 0.5
    assert np.allclose(disk.info["burgers"], np.array(burgers) * ELASTIC[0], atol=1e-9)


def test_glide(screw, calculator):
    """Both ends have the same rim and, relaxed, the same energy; their cores are one step of glide apart."""
    ends = build_glide(screw, 25.0)
    assert (ends[0].positions[ends[0].arrays["fix_mask"]] == ends[1].positions[ends[1].arrays["fix_mask"]]).all()
    for end in ends:
        end.calc = calculator
        relax(end)
    assert abs(ends[0].get_potential_energy() - ends[1].get_potential_energy()) < 1e-4
    apart = core_position(ends[1], screw) - core_position(ends[0], screw)
    assert np.abs(ends[1].info["core"] - ends[0].info["core"] - [screw.glide_distance, 0]).max() < 1e-9
    assert np.abs(apart - [screw.glide_distance, 0]).max() < 0.1  # the rim is that of a core between the two


@pytest.mark.parametrize("separation", [6, 9])
def test_quadrupole(separation, screw, calculator):
    """A cell of the crystal's volume, in all directions periodic, with two compact easy cores of opposite Burgers vectors and
    no others, which stay where they are; its shear leaves no stress."""
    atoms = build_quadrupole(screw, separation)
    assert atoms.pbc.all() and abs(atoms.get_volume() / len(atoms) - ELASTIC[0]**3 / 2) < 1e-9
    atoms.calc = calculator
    unsheared = atoms.copy()
    unsheared.set_cell(atoms.info["perfect_cell"], scale_atoms=True)
    unsheared.calc = calculator
    assert abs(unsheared.get_stress()[3]) * GPA > 3.0
    assert abs(atoms.get_stress()[3]) * GPA < 0.3
    relax(atoms)
    assert np.abs(atoms.get_stress()[[3, 4, 5]]).max() * GPA < 0.2
    sums, places = circuits(atoms)
    assert len(sums) == 2 * len(atoms)  # all of them, those across the cell's borders too
    assert np.abs(sums - np.round(sums)).max() < 1e-9 and np.abs(sums).sum() == pytest.approx(2) and sums.sum() == pytest.approx(0)
    cores = core_positions(atoms, screw)
    for core, built, sense in zip(cores, atoms.info["cores"], (1, -1)):
        assert np.linalg.norm(core - built) < 0.15
        at = np.flatnonzero(np.round(sums) == sense)
        across = atoms.cell.array.copy()
        across[:2, 2] = 0
        near = places[at][:, None, :] - built + np.array([i * across[0, :2] + j * across[1, :2] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        assert len(at) == 1 and np.linalg.norm(near, axis=2).min() < 1e-6


def test_quadrupole_of_hard_and_easy_core(screw):
    """What is an easy core for one Burgers vector is a hard one for the other: without an offset one of the two is hard."""
    gaps = []
    for offset in (None, (0.0, 0.0)):
        atoms = build_quadrupole(screw, 9, offset)
        found = differential_displacements(atoms)
        second = atoms.info["cores"][1]
        middles = atoms.arrays["perfect_positions"][found.first, :2] + found.bonds[:, :2] / 2
        around = np.argsort(np.linalg.norm(middles - second, axis=1))[:3]
        period = atoms.cell[2, 2]
        heights = np.sort(atoms.positions[np.unique([found.first[around], found.second[around]]), 2] % period)
        gaps.append(np.diff([*heights, heights[0] + period]).max() / period)
    assert len(heights) == 3 and abs(gaps[0] - 1 / 3) < 0.03 and gaps[1] > 0.9  # on a helix, at one height


def test_quadrupole_of_edges(calculator):
    """The two are in one glide plane; nothing is nearer than in a strained crystal."""
    atoms = build_quadrupole(builder_of("BCCEdge100Dislocation"), 9)
    atoms.calc = calculator
    distances = atoms.get_all_distances(mic=True) + 10 * np.eye(len(atoms))
    assert distances.min() > 2.2 and abs(atoms.get_stress()[5]) * GPA < 0.3
    with pytest.raises(ValueError, match="y must be 0"):
        build_quadrupole(builder_of("BCCEdge100Dislocation"), 9, (0.0, 1.0))


def test_near_line_across_the_border(screw):
    atoms = build_quadrupole(screw, 6)
    many = atoms.repeat((3, 3, 1))
    point = atoms.positions[7, :2] + 0.3
    shift = (atoms.cell[0] + atoms.cell[1])[:2]
    inside = np.linalg.norm(many.positions[:, :2] - point - shift, axis=1) < 6.0
    assert sorted(near_line(atoms, point, 6.0)) == sorted(np.flatnonzero(inside) % len(atoms))


def test_what_can_not_be_built(screw):
    for call, words in ((lambda: build_disk(screw, 8.0), "rim 10 Å, radius 8 Å"),
                        (lambda: build_disk(screw, 20.0, partial_distance=3), "no partials"),
                        (lambda: build_quadrupole(screw, 2), "a separation of 3 or more"),
                        (lambda: core_position(build_quadrupole(screw, 6), screw), "take core_positions"),
                        (lambda: perfect_crystal(screw.unit_cell), 'no array "perfect_positions"')):
        with pytest.raises(ValueError, match=words):
            call()


def test_without_matscipy(screw, monkeypatch):
    disk = build_disk(screw, 20.0)
    monkeypatch.setitem(sys.modules, "matscipy.neighbours", None)
    with pytest.raises(ImportError, match=r"^lmlink.dislocations needs matscipy .*: pip install 'lmlink\[dislocations\]'$"):
        differential_displacements(disk)


# ---- cores ----

def test_differential_displacements(screw, relaxed):
    """Zero in a crystal, and around each place but the core, of a circuit of any size by Stokes's theorem; the Burgers vector
    around the core, before and after relaxation."""
    crystal = build_disk(screw, 25.0)
    crystal.positions = crystal.arrays["perfect_positions"].copy()
    assert np.abs(differential_displacements(crystal).differences).max() < 1e-12
    for disk in (build_disk(screw, 25.0), build_disk(screw, 25.0, core=(3.1, 2.2)), relaxed):
        sums, places = circuits(disk)
        assert np.abs(sums - np.round(sums)).max() < 1e-9
        at = np.flatnonzero(np.round(sums))
        assert len(at) == 1 and sums[at[0]] == pytest.approx(1)
        assert np.linalg.norm(places[at[0]] - disk.info["core"]) < 1.6


def test_relaxed_core(screw, relaxed):
    """Easy, where matscipy finds it too, and compact: it has the crystal's diad across the line, of which degenerate cores have
    lost two images out of three."""
    place = core_position(relaxed, screw)
    kind, off = core_kind(place - relaxed.info["core"], ELASTIC[0])
    assert kind == "easy" and off < 0.01
    near = near_line(perfect_crystal(relaxed), relaxed.info["core"], 16.0)
    crystal, atoms = perfect_crystal(relaxed)[near], relaxed.copy()[near]
    for structure in (crystal, atoms):
        structure.positions -= [*relaxed.info["core"], 0]
    theirs = dislocation.fit_core_position(atoms, crystal, (ELASTIC[0], *ELASTIC[1]), current_pos=(0.0, 0.0))
    assert np.abs(place - relaxed.info["core"] - theirs).max() < 0.01

    found = differential_displacements(relaxed)
    assert largest_force(relaxed) <= 0.01
    places = relaxed.arrays["perfect_positions"][:, :2] - relaxed.info["core"]
    at = {tuple(np.round(place, 3) + 0.0): i for i, place in enumerate(places)}
    image = np.array([at.get(tuple(np.round(place * (-1, 1), 3) + 0.0), -1) for place in places])
    by_pair = {(i, j): value for i, j, value in zip(found.first, found.second, found.differences)}
    by_pair |= {(j, i): -value for (i, j), value in by_pair.items()}
    pairs = [(i, j) for i, j in by_pair if np.linalg.norm(places[i]) < 8.0]
    assert len(pairs) > 100
    assert max(abs(by_pair[i, j] + by_pair[image[i], image[j]]) for i, j in pairs) < 0.02


@pytest.mark.parametrize("core", [(0.3, 0.2), (0.0, -1.499), (1.0, 0.4)])
def test_known_places(core, screw):
    disk = build_disk(screw, 25.0, core=core)
    assert np.abs(core_position(disk, screw) - disk.info["core"]).max() < 2e-3
    assert np.abs(core_position(disk, screw, disk.info["core"] + [0.6, -0.5]) - disk.info["core"]).max() < 2e-3
    easy = build_disk(screw, 25.0).info["core"]  # the lattice is the same around both
    assert easy.shape == (2,)


@pytest.mark.parametrize("kind", ["BCCEdge100Dislocation", "BCCEdge111Dislocation", "BCCMixed111Dislocation"])
def test_known_places_of_other_dislocations(kind):
    builder = builder_of(kind)
    disk = build_disk(builder, 25.0, core=(0.25, 0.1))
    assert np.abs(core_position(disk, builder, disk.info["core"] + [0.4, 0.3]) - disk.info["core"]).max() < 5e-3


def test_sites():
    """Easy cores are at the centres of half of the triangles of columns, hard ones at those of the others, split ones at
    columns: all together a lattice with a third of the columns' distances."""
    sites = bcc_screw_sites(ELASTIC[0])
    everywhere = np.vstack(list(sites.values()))
    distances = np.linalg.norm(everywhere[:, None] - everywhere, axis=2) + 10 * np.eye(len(everywhere))
    assert np.allclose(distances.min(axis=1), np.sqrt(2) / 3 * ELASTIC[0])
    disk = build_disk(builder_of("BCCScrew111Dislocation"), 20.0)
    columns = disk.arrays["perfect_positions"][:, :2] - disk.info["core"]
    for place in sites["split"]:
        assert np.linalg.norm(columns - place, axis=1).min() < 1e-6
    for place in np.vstack([sites["easy"], sites["hard"]]):
        assert (np.sort(np.linalg.norm(columns - place, axis=1))[:3] < 1.51).all()


def test_line_with_kinks(screw, relaxed):
    """A cylinder whose upper half has the dislocation elsewhere; an impurity and a vacancy do not disturb."""
    moved = (0.9, 0.3)
    lower, upper = build_disk(screw, 25.0, core=(1e-9, 0.0)), build_disk(screw, 25.0, core=(1e-9, 0.0))
    field = screw.displacements(upper.arrays["perfect_positions"], np.array([[*(upper.info["core"] + moved), 0.0]]),
                                self_consistent=False, verbose=False)
    upper.positions = upper.arrays["perfect_positions"] + field
    cylinder = build_cylinder(lower, 6)
    for lap in range(3, 6):
        cylinder.positions[lap * len(lower):(lap + 1) * len(lower)] = upper.positions + lap * lower.cell[2]
    assert np.abs(cylinder.arrays["perfect_positions"][-1] - lower.arrays["perfect_positions"][-1] - 5 * lower.cell[2]).max() < 1e-9
    assert sum(len(each.index) for each in cylinder.constraints) == 6 * lower.arrays["fix_mask"].sum()
    cylinder.append(Atom("He", [*lower.info["core"], 4.0]))
    del cylinder[int(np.argmin(np.linalg.norm(cylinder.positions - [*(lower.info["core"] + 6.0), 6.0], axis=1)))]
    slices = [one_period(cylinder, screw, height) for height in np.arange(0, 16, 0.4591)]
    assert {len(disk) for disk in slices} <= {len(lower), len(lower) - 1} and len(slices[0]) == len(lower)
    heights, places = core_line(cylinder, screw)
    assert len(heights) == 18 and np.allclose(np.diff(heights), lower.cell[2, 2] / 3)
    places -= lower.info["core"]
    inside = heights / lower.cell[2, 2]
    for where, place in (((inside > 0.8) & (inside < 2.2), (0, 0)), ((inside > 3.8) & (inside < 5.2), moved)):
        assert np.abs(places[where] - place).max() < 0.02


def test_partials(potentials):
    """In nickel a perfect edge dislocation dissociates in its glide plane, to both sides alike."""
    with LMLink(potentials / "Ni_Zuo_JPCA2020.snap") as served:
        constant, elastic = lattice_and_elasticity(served, "Ni")
        builder = dislocation.FCCEdge110Dislocation(constant, *elastic, symbol="Ni")
        disk = build_disk(builder, 25.0, partial_distance=6)
        disk.calc = served
        before = core_positions(disk, builder)
        relax(disk, 0.05)
        after = core_positions(disk, builder)
    assert np.allclose(np.diff(disk.info["cores"], axis=0), [[6 * builder.glide_distance, 0]])
    assert np.abs(before - disk.info["cores"]).max() < 1.0
    assert abs(after[1, 1] - after[0, 1]) < 0.3 and after[1, 0] - after[0, 0] > 6.0
    assert np.abs(core_position(disk, builder) - disk.info["core"])[0] < 0.3


def test_files(screw, relaxed, tmp_path):
    """What is known of the crystal stays with the atoms, in files too."""
    part = relaxed.copy()
    del part[near_line(part, part.info["core"] + 18.0, 3.0)]
    atoms = build_quadrupole(screw, 6)
    for structure, name in ((part, "part"), (atoms, "quadrupole")):
        structure.write(tmp_path / f"{name}.xyz")
    again = read(tmp_path / "part.xyz")
    assert np.abs(core_position(again, screw) - core_position(relaxed, screw)).max() < 1e-4
    again = read(tmp_path / "quadrupole.xyz")
    assert np.abs(core_positions(again, screw) - core_positions(atoms, screw)).max() < 1e-4
    assert (again.cell.array[2] == atoms.cell.array[2]).all()


# ---- relaxation ----

def test_relaxation_that_is_interrupted(screw, calculator, tmp_path):
    """It goes on from its file, says how far it is, and removes the file at the end."""
    keep, disk, steps = tmp_path / "disk.npy", build_disk(screw, 25.0), []
    disk.calc = calculator
    with pytest.raises(OptimizerConvergenceError, match="no relaxation to 0.001 eV/Å in 3 steps"):
        relax(disk, 0.001, steps=3, keep=keep, report=lambda step, force: steps.append((step, force)))
    assert [step for step, _ in steps] == [0, 1, 2, 3] and steps[-1][1] == pytest.approx(largest_force(disk), rel=0.5)
    other = build_disk(screw, 25.0)
    other.calc = calculator
    whole = build_disk(screw, 25.0)
    whole.calc = calculator
    assert relax(other, 0.001, keep=keep) < relax(whole, 0.001)
    assert not keep.exists() and list(tmp_path.iterdir()) == []
    assert np.abs(other.positions - whole.positions).max() < 1e-3
    held = other.arrays["fix_mask"]
    assert (other.positions[held] == build_disk(screw, 25.0).positions[held]).all()
