"""LMLink with ForceQMMM's keywords against ASE's ForceQMMM, with engines of every kind."""

import copy
import pickle

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.morse import MorsePotential
from ase.calculators.qmmm import ForceQMMM
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixedLine, FixedPlane
from ase.io import read
from ase.optimize import FIRE
from conftest import program
from lmlink import LMLink, LMLinkError
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
        assert np.isfinite(cell).all() and atoms.get_potential_energy() == 0
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
    """Booleans, indices, a slice, and the array `region`, with which matscipy marks fixed atoms too."""
    atoms, _ = disk()
    first = np.arange(len(atoms)) < 7
    labels = np.where(first, "QM", "MM").astype("<U6")
    labels[-5:] = "fixed"
    forces = []
    for mask in first, list(range(7)), slice(0, 7), None:
        if mask is None:
            atoms.set_array("region", labels)
        with LMLink(potentials / ML, qm_calc=potentials / QM, qm_selection_mask=mask, buffer_width=5.0) as atoms.calc:
            forces.append(atoms.get_forces())
            assert (atoms.calc.get_region_from_masks() == "QM").sum() == 7
    assert all((other == forces[0]).all() for other in forces)


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


def test_a_configuration_of_ones_own(potentials, tmp_path):
    """A JSON file in place of a potential, and settings over what LMLink writes."""
    (tmp_path / "W.json").write_text('{"format": "lmlink-serve", "version": 1, "calculator": {"type": "linear", '
                                     f'"potential": {{"file": "{potentials / ML}"}}}}}}')
    atoms, mask = disk()
    with LMLink(tmp_path / "W.json") as plain, LMLink(potentials / ML, settings={"calculator": {"energy": "ml"}},
                                                      qm_calc=potentials / QM, qm_selection_mask=mask,
                                                      buffer_width=5.0) as mixture:
        energies = []
        for atoms.calc in plain, mixture:
            energies.append(atoms.get_potential_energy())
        assert energies[0] == pytest.approx(energies[1], abs=1e-9) and energies[0] < -1000
        assert plain.extras["energy_kind"] == "exact" and mixture.extras["energy_kind"] != "exact"


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
