"""LMLink with ForceQMMM's keywords against ASE's ForceQMMM, with engines of every kind."""

import copy
import pickle
import tempfile
import warnings

import numpy as np
import pytest
from ase import Atom
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.morse import MorsePotential
from ase.calculators.qmmm import ForceQMMM
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixedLine, FixedPlane
from ase.io import read
from ase.mep import NEB
from ase.optimize import FIRE
from conftest import program
from lmlink import LMLink, LMLinkError, LMLinkWarning
from serve import ends

FORCE_BAR = 1e-8  # eV/Å
QM, ML = "W_2940_2017_2.snap", "WBe_Wood_PRB2019.snap"


def disk():
    """Tungsten, periodic along z alone, and a cylinder of QM atoms in its middle."""
    atoms = bulk("W", cubic=True, a=3.18).repeat((9, 9, 2))
    atoms.pbc = False, False, True
    atoms.rattle(0.05, seed=3)
    from_centre = atoms.positions[:, :2] - atoms.positions[:, :2].mean(axis=0)
    return atoms, np.linalg.norm(from_centre, axis=1) < 4


def block():
    """Tungsten, periodic along all axes, and a sphere of QM atoms in its middle."""
    atoms = bulk("W", cubic=True, a=3.18).repeat(8)
    atoms.rattle(0.05, seed=4)
    return atoms, np.linalg.norm(atoms.positions - atoms.cell.sum(axis=0) / 2, axis=1) < 3.5


class Morse(MorsePotential):
    """ASE's own pair potential, as a calculator that has nothing to do with lmlink."""

    def __init__(self):
        super().__init__(epsilon=0.9906, rho0=4.5, r0=3.032, rcut1=4.0, rcut2=5.0)


def engine(kind, potentials):
    """qm_calc for LMLink, and a calculator with the same forces for ForceQMMM."""
    path = potentials / QM
    if kind == "morse":
        return Morse(), Morse()
    same = LMLink(path)
    if kind == "path":
        return path, same
    if kind == "lmlink":
        return LMLink(path), same
    serve = program("lmlink-serve")
    return {"launch": f"{serve} --potential {path} --driver unix:{{name}}"}, same


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A working directory: engines leave their output there."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", ["morse", "path", "lmlink", "launch"])
@pytest.mark.parametrize("structure", [disk, block])
def test_force_qmmm(structure, kind, potentials, workplace):
    atoms, mask = structure()
    ours, theirs = engine(kind, potentials)
    with LMLink(potentials / ML) as ml, LMLink(potentials / ML, qm_calc=ours, qm_selection_mask=mask,
                                               buffer_width=5.2) as calculator:
        reference = ForceQMMM(atoms, mask, theirs, ml, buffer_width=5.2)
        for step in range(3):
            atoms.rattle(0.02, seed=step)
            atoms.calc = reference
            forces = atoms.get_forces()
            if step == 0:
                regions, cell = reference.get_region_from_masks(), reference.qm_radius
            atoms.calc = calculator
            assert np.abs(atoms.get_forces() - forces).max() <= FORCE_BAR
        assert (calculator.get_region_from_masks() == regions).all()
        assert np.isfinite(cell).all() and calculator.extras["energy_kind"] == "ml_part"
        assert atoms.get_potential_energy() == pytest.approx(ml.get_potential_energy(atoms), abs=1e-9)
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_stress()
    if isinstance(theirs, LMLink):
        theirs.close()


def test_cluster(potentials):
    """The same cell as ForceQMMM's first one, and the same positions in it."""
    atoms, mask = disk()
    calculator = LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=6.0)
    ours = calculator.get_qm_cluster(atoms)
    theirs = ForceQMMM(atoms, mask, None, None, buffer_width=6.0).get_qm_cluster(atoms)
    assert np.abs(ours.cell.lengths() - theirs.cell.lengths()).max() < 1e-9 and (ours.pbc == theirs.pbc).all()
    assert (ours.arrays["index"] == np.flatnonzero(calculator.get_region_from_masks(atoms) != "MM")).all()
    between = ours.positions - theirs.positions
    between[:, 2] -= ours.cell[2, 2] * np.round(between[:, 2] / ours.cell[2, 2])
    assert np.abs(between - between[0]).max() < 1e-7


@pytest.mark.parametrize("options", [{"zero_mean": False}, {"vacuum": 8.0, "qm_cell_round_off": 1.0}])
def test_options(options, potentials):
    atoms, mask = disk()
    with LMLink(potentials / ML) as ml, LMLink(potentials / ML, qm_calc=Morse(), qm_selection_mask=mask,
                                               buffer_width=4.5, **options) as calculator:
        forces = []
        for atoms.calc in ForceQMMM(atoms, mask, Morse(), ml, buffer_width=4.5, **options), calculator:
            forces.append(atoms.get_forces())
        assert np.abs(forces[0] - forces[1]).max() <= FORCE_BAR
        assert np.abs(forces[1].mean(axis=0)).max() < 1e-12 or options.get("zero_mean") is False


def test_ways_of_selecting(potentials):
    """Booleans, indices, also as np.where gives them, a slice, and the array `region`, in which matscipy marks fixed
    atoms too."""
    atoms, _ = disk()
    first = np.arange(len(atoms)) < 7
    labels = np.where(first, "QM", "MM").astype("<U6")
    labels[-5:] = "fixed"
    forces = []
    for mask in first, list(range(7)), np.where(first), slice(0, 7), None:
        if mask is None:
            atoms.set_array("region", labels)
        with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=5.0) as atoms.calc:
            forces.append(atoms.get_forces())
            assert (atoms.calc.get_region_from_masks() == "QM").sum() == 7
    assert all((other == forces[0]).all() for other in forces)


@pytest.mark.parametrize("mask, message", [
    (lambda mask: mask.astype(int), "0 or 1 for each atom"),
    (lambda mask: mask.astype(float), "booleans, indices or a slice, not array"),
    (lambda mask: set(np.flatnonzero(mask)), "booleans, indices or a slice, not {"),
    (lambda mask: np.argwhere(mask), "of one dimension"),
    (lambda mask: [mask, ~mask], "2 parts.*list of as many calculators"),
    (lambda mask: [0, len(mask)], "index 324, but there are 324 atoms"),
    (lambda mask: 3, "slice, not 3"),
], ids=["0 and 1", "floats", "set", "argwhere", "two", "beyond", "number"])
def test_no_selection(mask, message, potentials):
    atoms, inside = disk()
    with pytest.raises((TypeError, ValueError), match=message):
        LMLink(potentials / ML, qm_calc=Morse(), qm_selection_mask=mask(inside), buffer_width=4.5).get_forces(atoms)


def two_cores():
    """A block with two spheres of QM atoms apart from one another."""
    atoms = bulk("W", cubic=True, a=3.18).repeat((8, 4, 4))
    atoms.rattle(0.05, seed=6)
    masks = []
    for share in 0.25, 0.75:
        centred = atoms.copy()
        centred.positions -= atoms.cell[0] * share + (atoms.cell[1] + atoms.cell[2]) / 2
        centred.append(Atom("W", (0, 0, 0)))
        masks.append(centred.get_distances(len(atoms), range(len(atoms)), mic=True) < 3.0)
    return atoms, masks


def test_two_regions(potentials, tmp_path):
    """Each has the forces, cluster and labels that it has alone; all other atoms have the potential's."""
    atoms, masks = two_cores()
    engines, widths = [Morse, lambda: potentials / QM], [3.5, 4.5]
    with LMLink(potentials / ML, qm_calc=[make() for make in engines], qm_selection_mask=[masks[0], np.where(masks[1])],
                buffer_width=widths, zero_mean=False, force_log=tmp_path / "log.xyz") as both:
        forces, regions = both.get_forces(atoms), both.get_region_from_masks()
        expected = LMLink(potentials / ML).get_forces(atoms)
        for number, (mask, make, width) in enumerate(zip(masks, engines, widths)):
            with LMLink(potentials / ML, qm_calc=make(), qm_selection_mask=mask, buffer_width=width,
                        zero_mean=False) as alone:
                expected[mask] = alone.get_forces(atoms)[mask]
                ours, theirs = both.get_qm_cluster(region=number), alone.get_qm_cluster()
                assert (ours.arrays["index"] == theirs.arrays["index"]).all() and len(ours) > mask.sum()
                assert np.abs(ours.positions - theirs.positions).max() < 1e-9
        assert ((regions == "QM") == masks[0] | masks[1]).all()
        with pytest.raises(IndexError, match="2 regions"):
            both.get_qm_cluster(region=2)
        assert len(pickle.loads(pickle.dumps(both)).get_qm_cluster(atoms, 1)) == len(ours)
    assert np.abs(forces - expected).max() <= FORCE_BAR
    assert np.abs(forces - LMLink(potentials / ML).get_forces(atoms)).max() > 0.1
    frame = read(tmp_path / "log.xyz")
    assert np.isfinite(frame.arrays["forces_qm_2"]).all(axis=1).sum() == len(ours)


def test_lists_that_do_not_fit(potentials):
    atoms, (mask, other) = two_cores()
    morse = Morse()
    for qm_calc, masks, widths, message in (([morse, Morse()], mask, 4.0, "list of 2 masks"),
                                            ([morse, Morse()], [mask], 4.0, "one of 1"),
                                            ([morse, Morse()], [mask, None], 4.0, "mask each"),
                                            ([morse, Morse()], [mask, other], [4.0], "buffer_width is one of 1"),
                                            ([morse, morse], [mask, other], 4.0, "make an object for each"),
                                            (morse, mask, [4.0, 5.0], "buffer_width is a list"),
                                            ([], [], 4.0, "empty list")):
        with pytest.raises(ValueError, match=message):
            LMLink(potentials / ML, qm_calc=qm_calc, qm_selection_mask=masks, buffer_width=widths)
    with pytest.raises(LMLinkError, match="regions 1 and 2"):
        LMLink(potentials / ML, qm_calc=[Morse(), Morse()], qm_selection_mask=[mask, mask],
               buffer_width=4.0).get_forces(atoms)


def test_names_of_sockets(potentials, workplace):
    """NWChem keeps 20 characters of one; so do these engines."""
    atoms, masks = two_cores()
    command = f"exec {program('lmlink-serve')} --potential {potentials / QM} --driver unix:$(printf %.20s {{name}})"
    engines = [{"launch": f"echo {{name}} > {number}; {command}", "retries": 0, "limits": {"connect": 20}}
               for number in range(2)]
    with LMLink(potentials / ML, qm_calc=engines, qm_selection_mask=masks, buffer_width=3.5) as calculator:
        assert np.isfinite(calculator.get_forces(atoms)).all()
    names = [open(str(number)).read().strip() for number in range(2)]
    assert names[0] != names[1] and max(map(len, names)) <= 20


@pytest.mark.parametrize("given", [{"settings": {"log": {"file": "run.xyz"}}}, {"force_log": "run.xyz"},
                                   {"force_log": "run.xyz", "settings": {"log": {"full": True}}}])
def test_the_force_log_stays(given, potentials, workplace, tmp_path):
    """The results of quantum calculations are where the user named a file, whatever becomes of the process."""
    atoms, mask = disk()
    with LMLink(potentials / ML, qm_calc=Morse(), qm_selection_mask=mask, buffer_width=4.5, **given) as atoms.calc:
        forces = atoms.get_forces()
        atoms.calc.export_extxyz(filename=tmp_path / "out.xyz")  # looks at the regions while the log is open
    frame = read(tmp_path / "run.xyz")
    assert np.abs(frame.get_forces() - forces[frame.arrays["index"]]).max() < 1e-12
    assert (len(frame) == len(atoms)) == ("full" in given.get("settings", {}).get("log", {}))
    with pytest.raises(ValueError, match="name one file"):
        LMLink(potentials / ML, force_log="run.xyz", settings={"log": {"file": "other.xyz"}})


class Counting(Morse):
    """Morse that counts its calculations."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def calculate(self, *arguments, **options):
        self.count += 1
        super().calculate(*arguments, **options)


def test_never_paid_twice(potentials, tmp_path):
    """With a tag, an ASE calculator is not asked for what the log has; with another tag, or a step further, it is."""
    atoms, mask = disk()
    moved = atoms.copy()
    moved.rattle(0.01, seed=8)
    counts, forces = [], []
    for tag, structure in ("Morse 0.99 eV", atoms), ("Morse 0.99 eV", atoms), ("Morse 1 eV", atoms), (
            "Morse 1 eV", moved), (None, moved), ("Morse 1 eV", moved):
        morse = Counting()
        with LMLink(potentials / ML, qm_calc=morse, qm_selection_mask=mask, buffer_width=4.5, qm_tag=tag,
                    force_log=tmp_path / "log.xyz") as calculator:
            forces.append(calculator.get_forces(structure))
            assert calculator.extras["recalled_regions"] == 1 - morse.count
        counts.append(morse.count)
    assert counts == [1, 0, 1, 1, 1, 0]
    assert np.abs(forces[1] - forces[0]).max() < 1e-12 and np.abs(forces[5] - forces[3]).max() < 1e-12


def test_tags_of_two_regions(potentials, tmp_path):
    """Each region is recalled by its own."""
    atoms, masks = two_cores()
    counts = []
    for tags in ["a", "b"], ["a", "c"]:
        engines = [Counting(), Counting()]
        with LMLink(potentials / ML, qm_calc=engines, qm_selection_mask=masks, buffer_width=3.5, qm_tag=tags,
                    force_log=tmp_path / "log.xyz") as calculator:
            calculator.get_forces(atoms)
        counts += [engine.count for engine in engines]
    assert counts == [1, 1, 0, 1]


def test_tags_that_say_nothing(potentials):
    _, mask = disk()
    for given, message in (({"qm_calc": Morse(), "qm_tag": " "}, "must be a text"),
                           ({"qm_calc": Morse(), "qm_tag": "x"}, "give force_log"),
                           ({"qm_calc": potentials / QM, "qm_tag": "x", "force_log": "y"}, "from its files")):
        with pytest.raises((TypeError, ValueError), match=message):
            LMLink(potentials / ML, qm_selection_mask=mask, buffer_width=4.5, **given)


def test_paths_in_dicts(potentials, workplace, tmp_path, monkeypatch):
    """They are the working directory's, as all others: of potentials, and of an engine's folder."""
    atoms, mask = disk()
    (tmp_path / "later").mkdir()
    for name in QM, ML:
        for file in potentials.glob(f"{name.removesuffix('.snap')}.*"):
            (tmp_path / file.name).symlink_to(file)
    linear = {"type": "linear", "potential": {"file": QM}}
    launched = {"launch": f"{program('lmlink-serve')} --potential ../{QM} --driver unix:{{name}}", "folder": "engine"}
    forces = []
    for engine_given in linear, launched, potentials / QM:
        with LMLink(ML, qm_calc=engine_given, qm_selection_mask=mask, buffer_width=5.0) as calculator:
            monkeypatch.chdir(tmp_path / "later")
            forces.append(calculator.get_forces(atoms))
            monkeypatch.chdir(tmp_path)
    assert np.abs(forces[0] - forces[2]).max() == 0 and np.abs(forces[1] - forces[2]).max() <= FORCE_BAR
    assert (tmp_path / "engine" / "engine.log").is_file() and not list((tmp_path / "later").iterdir())


def test_regions_stay(potentials):
    """They are those of the first structure, also for another process, until a parameter changes."""
    atoms, mask = disk()
    with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=5.0) as calculator:
        first = calculator.get_region_from_masks(atoms)
        atoms.positions += np.random.default_rng(1).normal(0, 0.5, atoms.positions.shape)
        atoms.calc = calculator
        atoms.get_forces()
        assert (calculator.get_region_from_masks() == first).all()
        for other in copy.deepcopy(calculator), pickle.loads(pickle.dumps(calculator)):
            assert (other.get_region_from_masks(atoms) == first).all()
        assert (LMLink(**calculator.todict()).get_region_from_masks(atoms) != first).any()
        calculator.set(buffer_width=5.5)
        assert (calculator.get_region_from_masks(atoms) != first).any()
        with pytest.raises(LMLinkError, match="another LMLink"):
            bulk_of_another_size = bulk("W")
            bulk_of_another_size.calc = calculator
            bulk_of_another_size.get_forces()


def test_export(potentials, tmp_path):
    atoms, mask = disk()
    with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=5.0) as atoms.calc:
        forces = atoms.get_forces()
        atoms.calc.export_extxyz(filename=tmp_path / "out.xyz")
        saved = read(tmp_path / "out.xyz")
        assert ((saved.arrays["region"] == "QM") == mask).all() and np.abs(saved.get_forces() - forces).max() < 1e-7


def test_relaxation_with_several_constraints(potentials):
    """Held atoms stay, atoms on a line and in a plane keep to them, and the rest relaxes as with ForceQMMM."""
    ends_at = []
    for kind in "ours", "theirs":
        atoms, mask = disk()
        start = atoms.positions.copy()
        held, line, plane = [0, 1], int(np.flatnonzero(mask)[0]), int(np.flatnonzero(mask)[1])
        atoms.set_constraint([FixAtoms(held), FixedLine(line, [0, 0, 1]), FixedPlane(plane, [1, 0, 0])])
        with LMLink(potentials / ML) as ml, LMLink(potentials / ML, qm_calc=potentials / ML, qm_selection_mask=mask,
                                                   buffer_width=9.6) as mixture, LMLink(potentials / ML) as qm:
            atoms.calc = mixture if kind == "ours" else ForceQMMM(atoms, mask, qm, ml, buffer_width=9.6)
            FIRE(atoms, logfile=None).run(fmax=0.05, steps=20)
        moved = atoms.positions - start
        assert np.abs(moved[held]).max() == 0 and np.abs(moved[line, :2]).max() < 1e-12
        assert abs(moved[plane, 0]) < 1e-12 and np.abs(moved).max() > 0.01
        ends_at.append(atoms.positions)
    assert np.abs(ends_at[0] - ends_at[1]).max() < 1e-7


@pytest.mark.parametrize("settings, kind", [({}, "ml_part"), ({"energy": "none"}, "absent"),
                                            ({"energy": "virtual_work"}, "virtual_work")])
def test_energy_of_a_mixture(settings, kind, potentials):
    """The ML part's, unless settings say otherwise."""
    atoms, mask = disk()
    with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=5.0,
                settings={"calculator": settings}) as atoms.calc, LMLink(potentials / ML) as ml:
        expected = ml.get_potential_energy(atoms) if kind == "ml_part" else 0.0
        assert atoms.get_potential_energy() == pytest.approx(expected, abs=1e-9)
        assert atoms.calc.extras["energy_kind"] == kind


def jump_of_a_vacancy(calculator, **options):
    """The path of a vacancy's jump along ½⟨111⟩ in tungsten, by ASE's nudged elastic band."""
    crystal, neighbour = vacancy_jump()
    begin, end = crystal.copy(), crystal.copy()
    end.positions[neighbour] = end.positions[0]
    del begin[0], end[0]
    images = [begin, *(begin.copy() for _ in range(3)), end]
    for image in images:
        image.calc = calculator
    for image in begin, end:
        FIRE(image, logfile=None).run(fmax=0.02, steps=100)
    band = NEB(images, allow_shared_calculator=True, **options)
    band.interpolate(mic=True)
    assert FIRE(band, logfile=None).run(fmax=0.05, steps=100)
    return images


def vacancy_jump():
    """A crystal of tungsten, and the atom that jumps to the place of the first one."""
    crystal = bulk("W", cubic=True, a=3.18).repeat(3)
    return crystal, int(np.argmin(crystal.get_distances(0, range(1, len(crystal)), mic=True))) + 1


def test_nudged_elastic_bands_find_their_path(potentials):
    """ASE's methods compare energies; without them they end on other paths, or with images that have slid to the ends.
    An independent method looks at forces alone. The barrier is judged by the quantum code's total energies."""
    crystal, neighbour = vacancy_jump()
    crystal.append(Atom("W", crystal.get_distance(0, neighbour, mic=True, vector=True) / 2))
    mask = crystal.get_distances(-1, range(1, len(crystal) - 1), mic=True) < 4.0
    barriers, saddles = [], []
    for method in "spline", "improvedtangent", "aseneb":
        with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask,
                    buffer_width=9.6) as calculator, LMLink(potentials / QM) as total:
            images = jump_of_a_vacancy(calculator, method=method)
            lengths = [np.linalg.norm(two.positions - one.positions) for one, two in zip(images, images[1:])]
            assert max(lengths) < 1.2 * min(lengths)
            saddles.append(images[2].positions)
            barriers.append(total.get_potential_energy(images[2]) - total.get_potential_energy(images[0]))
    assert np.abs(np.subtract(barriers, barriers[0])).max() < 0.01 and 1.5 < barriers[0] < 2.5
    assert np.abs(np.subtract(saddles, saddles[0])).max() < 0.01


def helium_in_tungsten():
    """A helium atom, the last one, between tungsten atoms of which the nearest are no QM atoms."""
    atoms = bulk("W", cubic=True, a=3.18).repeat(4)
    atoms.append(Atom("He", atoms.cell.sum(axis=0) / 2 + (1.59, 0.8, 0)))
    return atoms


@pytest.mark.parametrize("shown", [True, False])
def test_warnings(shown, potentials, tmp_path):
    """Those of the server are Python's, once each, at the line that asked for forces; and in the file of messages."""
    atoms = helium_in_tungsten()
    potential = potentials / "W_2940_2017_2.snap"
    messages = tmp_path / "messages" if shown else None
    with LMLink(potential, qm_calc=Morse(), qm_selection_mask=[-1], buffer_width=4.0, messages=messages) as atoms.calc:
        with pytest.warns(LMLinkWarning, match="atoms whose forces are the potential's") as caught:
            FIRE(atoms, logfile=None).run(steps=2)
        with open(__file__) as file:
            assert "FIRE(atoms, logfile=None).run(steps=2)" in file.readlines()[caught[0].lineno - 1]
        assert len(caught) == 1 and caught[0].filename == __file__
        with pytest.warns(LMLinkWarning, match="potential's"):
            atoms.calc.get_qm_cluster()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            atoms.rattle(0.001)
            atoms.get_forces()
    if shown:
        assert messages.read_text().count("warning: ") == 1


def test_warnings_while_an_engine_is_waited_for(potentials, tmp_path):
    """Not only after the evaluation, which may be hours later: here it would wait for an engine that never comes."""
    atoms, mask = disk()
    engine = {"launch": "true", "folder": tmp_path, "limits": {"connect": 100}}
    with LMLink(potentials / ML, qm_calc=engine, qm_selection_mask=mask, buffer_width=5.0) as atoms.calc, warnings.catch_warnings():
        warnings.simplefilter("error", LMLinkWarning)
        with pytest.raises(LMLinkWarning, match="'true' ended with exit code 0 before it connected"):
            atoms.get_forces()


def test_a_configuration_of_ones_own(potentials, tmp_path):
    """A JSON file in place of a potential, and settings over what LMLink writes."""
    (tmp_path / "W.json").write_text('{"format": "lmlink-serve", "version": 1, "calculator": {"type": "linear", '
                                     f'"potential": {{"file": "{potentials / ML}"}}}}}}')
    atoms, mask = disk()
    with LMLink(tmp_path / "W.json") as plain, LMLink(potentials / ML, settings={"calculator": {"virial": "ml"}},
                                                      qm_calc=potentials / QM, qm_selection_mask=mask,
                                                      buffer_width=5.0) as mixture:
        stresses = []
        for atoms.calc in plain, mixture:
            stresses.append(atoms.get_stress())
        assert np.abs(stresses[0] - stresses[1]).max() < 1e-12 < np.abs(stresses[0]).max()
        assert plain.extras["virial_kind"] == "exact" and mixture.extras["virial_kind"] != "exact"
    with pytest.raises(ValueError, match="whole configuration"):
        LMLink(tmp_path / "W.json", settings={"calculator": {"virial": "ml"}})


class Unwilling(Morse):
    def calculate(self, *arguments, **options):
        raise RuntimeError("the self-consistent field does not converge")


def test_errors(potentials, tmp_path):
    atoms, mask = disk()
    potential = potentials / ML
    atoms.calc = LMLink(potential, qm_calc=Unwilling(), qm_selection_mask=mask, buffer_width=4.5)
    with pytest.raises(LMLinkError, match="Unwilling: the self-consistent field") as caught:
        atoms.get_forces()
    assert isinstance(caught.value.__cause__, RuntimeError) and atoms.calc.pid is None
    with pytest.raises(ValueError, match="no qm_calc"):
        LMLink(potential, qm_selection_mask=mask)
    with pytest.raises(ValueError, match="no buffer_width"):
        LMLink(potential, qm_calc=Morse(), qm_selection_mask=mask)
    for wrong, message in ((mask[:-1], "booleans"), (np.zeros(len(atoms), bool), "no QM atoms"), (None, "region")):
        atoms.calc = LMLink(potential, qm_calc=Morse(), qm_selection_mask=wrong, buffer_width=4.5)
        with pytest.raises(ValueError, match=message):
            atoms.get_forces()
    atoms.calc = LMLink(potential, qm_calc=3.0, qm_selection_mask=mask, buffer_width=4.5)
    with pytest.raises(TypeError, match="neither an ASE calculator"):
        atoms.get_forces()
    atoms.calc = LMLink(potential, qm_calc=Morse(), qm_selection_mask=mask, buffer_width=4.5,
                        binary=tmp_path / "missing")
    for ask in atoms.get_forces, atoms.calc.get_qm_cluster:
        with pytest.raises(LMLinkError, match="missing cannot be started"):
            ask()
    atoms.calc = SinglePointCalculator(atoms)


@pytest.mark.parametrize("given, message", [
    ({"buffer_width": -3}, r"\[0\]\.region\.buffer \(LMLink's buffer_width\) is -3\.0: must not be negative"),
    ({"blend_width": -1.0}, r"LMLink's blend_width\) is -1\.0: must be positive"),
    ({"fixed_terms": "all"}, r"LMLink's fixed_terms\) is \"all\": "),
    ({"qm_calc": {"launch": "true", "retries": -1}}, r"retries \(LMLink's qm_calc\) is -1: must be from"),
    ({"settings": {"calculator": {"enrgy": "ml"}}}, r"calculator\.enrgy \(of settings\) is \"ml\": no such key"),
])
def test_errors_quote_what_was_given(given, message, potentials):
    """Not the name of a file that lmlink has written for itself."""
    atoms, mask = disk()
    with LMLink(potentials / ML, **{"qm_calc": potentials / QM, "qm_selection_mask": mask, "buffer_width": 5.0,
                                    **given}) as calculator:
        for ask in calculator.get_forces, calculator.get_qm_cluster:
            with pytest.raises(LMLinkError, match=message) as caught:
                ask(atoms)
            assert tempfile.gettempdir() not in str(caught.value)


def test_errors_quote_atoms(potentials):
    atoms, mask = disk()
    atoms.positions[7, 1] = np.nan
    calculator = LMLink(potentials / ML, qm_calc=Morse(), qm_selection_mask=mask, buffer_width=4.5)
    with pytest.raises(LMLinkError, match=r"the structure, atom 7 \(W at .* nan .*\): ") as caught:
        calculator.get_forces(atoms)
    assert tempfile.gettempdir() not in str(caught.value)


def test_values_that_no_configuration_can_have(potentials):
    for settings, message in (({"calculator": {"foreign_distance": np.nan}}, r"\['foreign_distance'\] is nan"),
                              ({"calculator": {"foreign_distance": object()}}, r"\['foreign_distance'\] is <object"),
                              ("energy", "must be a dict")):
        with pytest.raises((TypeError, ValueError), match=message):
            LMLink(potentials / ML, settings=settings)
    for width, message in (("wide", "must be a number, in Å, not 'wide'"), (np.inf, "buffer_width is inf")):
        with pytest.raises((TypeError, ValueError), match=message):
            LMLink(potentials / ML, qm_calc=Morse(), qm_selection_mask=[0], buffer_width=width)


def test_an_engine_ends_with_its_server(potentials, workplace):
    atoms, mask = disk()
    command, _ = engine("launch", potentials)
    with LMLink(potentials / ML, qm_calc=command, qm_selection_mask=mask, buffer_width=5.0) as atoms.calc:
        atoms.get_forces()
        pid = atoms.calc.pid
    assert ends(pid)


def test_a_rank_of_an_mpi_job(potentials, monkeypatch):
    """Python may be one rank of many; its lmlink-serve is not one."""
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setenv("PMIX_RANK", "0")
    atoms = bulk("W", cubic=True)
    with LMLink(potentials / QM, timeout=20) as atoms.calc:
        assert np.isfinite(atoms.get_forces()).all()
