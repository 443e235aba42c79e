"""ASE drives lmlink-serve, through its own SocketIOCalculator and through LMLink; LMLink in matscipy's workflows."""

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import read, write
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import fs
from conftest import ROOT, TIMEOUT, program
from lmlink import LMLink, LMLinkError, LMLinkWarning
from serve import children_of, ends, is_running, socket_calculator, socket_name, write_structure

POTENTIAL = "W_2940_2017_2.snap"
FORCE_BAR = 1e-9  # eV/Å
ENERGY_BAR = 1e-9  # eV per atom
DRIFT_BAR = 1e-4  # eV per atom and ps


@pytest.fixture
def potential(potentials):
    return potentials / POTENTIAL


@pytest.fixture
def lammps_calculator(lammps, potential):
    """LAMMPS's ASE calculator with the same potential."""
    from ase.calculators.lammpslib import LAMMPSlib

    calculator = LAMMPSlib(lmpcmds=lammps.Potential(potential).commands()[-1:], atom_types={"W": 1}, keep_alive=True)
    yield calculator
    calculator.lmp and calculator.lmp.close()


@pytest.fixture
def calculator(potential):
    with LMLink(potential) as calculator:
        yield calculator


@pytest.fixture(params=["unix", "tcp"])
def connect(request, start, potential, tmp_path, free_port):
    """SocketIOCalculator for a structure, over both transports."""

    def run(atoms):
        name = socket_name() if request.param == "unix" else free_port
        return socket_calculator(start, potential, write_structure(atoms, tmp_path / "s.xyz"), request.param, name)

    return run


def crystal_with_vacancy(size=2):
    atoms = bulk("W", cubic=True, a=3.18).repeat(size)
    del atoms[0]
    atoms.positions += np.random.default_rng(9).normal(0, 0.05, (len(atoms), 3))
    return atoms


def compare(atoms, lammps, potential):
    """The results of the structure's calculator against LAMMPS."""
    theirs = lammps.evaluate(atoms, lammps.Potential(potential))
    assert np.abs(atoms.get_forces() - theirs.forces).max() <= FORCE_BAR
    assert abs(atoms.get_potential_energy() - theirs.energy) <= ENERGY_BAR * len(atoms)
    if atoms.cell.rank == 3:
        stress = -theirs.virial / atoms.get_volume()
        assert np.abs(atoms.get_stress(voigt=False) - stress).max() <= 1e-8 * np.abs(stress).max()
    return theirs


# ASE's SocketIOCalculator


@pytest.mark.parametrize("optimizer", [BFGS, FIRE])
def test_relaxation(optimizer, connect, lammps_calculator):
    ours, theirs = crystal_with_vacancy(), crystal_with_vacancy()
    theirs.calc = lammps_calculator
    with connect(ours) as ours.calc:
        steps = []
        for atoms in ours, theirs:
            relaxation = optimizer(atoms, logfile=None)
            assert relaxation.run(fmax=1e-3, steps=200)
            steps.append(relaxation.nsteps)
        assert steps[0] == steps[1] > 3
        assert abs(ours.get_potential_energy() - theirs.get_potential_energy()) <= ENERGY_BAR * len(ours)
        assert np.abs(ours.positions - theirs.positions).max() <= 1e-8


def test_results_over_the_socket(connect, lammps, potential):
    atoms = crystal_with_vacancy()
    atoms.set_cell(atoms.cell.array @ [[1, 0.02, 0], [0, 1.01, 0.03], [0.01, 0, 0.99]], scale_atoms=True)
    with connect(atoms) as atoms.calc:
        compare(atoms, lammps, potential)
        atoms.set_cell(1.01 * atoms.cell.array, scale_atoms=True)
        compare(atoms, lammps, potential)


def conserves_energy(atoms, steps=200):
    """The total energy's drift in a run at 600 K, 1 fs a step."""
    thermalize_momenta(atoms, temperature_K=600, rng=np.random.default_rng(4))
    dynamics, energies = VelocityVerlet(atoms, 1 * fs), []
    dynamics.attach(lambda: energies.append(atoms.get_total_energy() / len(atoms)), interval=2)
    dynamics.run(steps)
    assert np.ptp([energy for energy in energies]) > 0
    return abs(np.polyfit(np.arange(len(energies)) * 2e-3, energies, 1)[0]) < DRIFT_BAR


def test_dynamics(connect):
    atoms = crystal_with_vacancy()
    with connect(atoms) as atoms.calc:
        assert conserves_energy(atoms)


def cluster():
    """Nine tungsten atoms without a cell."""
    atoms = bulk("W", cubic=True, a=3.0).repeat(2)[:9]
    atoms.set_cell(None)
    atoms.pbc = False
    atoms.positions += np.random.default_rng(2).normal(0, 0.1, (9, 3))
    return atoms


def test_cluster_without_a_cell(connect, lammps, potential):
    atoms = cluster()
    with connect(atoms) as atoms.calc:
        compare(atoms, lammps, potential)


# LMLink


def test_one_calculator_for_any_structure(lammps, potentials):
    potential = potentials / "WBe_Wood_PRB2019.snap"
    rng = np.random.default_rng(6)
    slab = bulk("W", cubic=True, a=3.1).repeat((2, 2, 4))
    slab.pbc = True, True, False
    mixed = bulk("W", cubic=True, a=3.0).repeat(2)
    mixed.symbols = ["W", "Be"] * 8
    reordered = mixed.copy()
    reordered.symbols = ["Be", "W"] * 8
    with LMLink(potential) as calculator:
        processes = set()
        for atoms in bulk("W", a=3.1), slab, mixed, reordered, cluster(), bulk("Be", "bcc", a=2.5, cubic=True):
            atoms.positions += rng.normal(0, 0.05, (len(atoms), 3))
            atoms.calc = calculator
            theirs = compare(atoms, lammps, potential)
            assert np.abs(atoms.get_potential_energies() - theirs.energies).max() <= ENERGY_BAR
            assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
            processes.add(calculator.pid)
        assert len(processes) == 1
    assert ends(*processes)


def test_stress_needs_a_cell(calculator):
    atoms = cluster()
    atoms.calc = calculator
    atoms.get_forces()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_nothing_is_computed_twice(calculator, monkeypatch):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    atoms.get_potential_energies()
    monkeypatch.setattr(calculator._server, "evaluate", lambda *unused: pytest.fail("evaluated again"))
    atoms.get_forces(), atoms.get_potential_energy(), atoms.get_stress(), atoms.get_potential_energies()
    atoms.set_initial_charges([1.0] * len(atoms))
    atoms.get_forces()


def test_energies_come_along_once_asked_for(calculator):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    atoms.get_forces()
    assert "energies" not in calculator.results
    assert abs(atoms.get_potential_energies().sum() - atoms.get_potential_energy()) < 1e-9
    atoms.rattle(0.01)
    atoms.get_forces()
    assert "energies" in calculator.results


def test_closing_ends_the_process(potential):
    calculator, atoms = LMLink(potential), crystal_with_vacancy()
    calculator.close()  # before there is anything to close
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    pid = calculator.pid
    calculator.close()
    calculator.close()
    assert calculator.pid is None and not is_running(pid)
    atoms.rattle(0.01)
    assert atoms.get_potential_energy() != energy  # a new process
    pid = calculator.pid
    atoms.calc = None
    del calculator
    assert ends(pid)


def test_copies_have_processes_of_their_own(calculator):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    for other in (copy.copy(calculator), copy.deepcopy(calculator), pickle.loads(pickle.dumps(calculator)),
                  LMLink(**calculator.todict())):
        assert other.pid is None and other.todict() == calculator.todict()
        with other:
            again = crystal_with_vacancy()
            again.calc = other
            assert again.get_potential_energy() == energy
            again.rattle(0.01)
            again.get_forces()
            assert other.pid != calculator.pid and is_running(calculator.pid)
            other.set(timeout=30.0)
            assert calculator.parameters["timeout"] == 60.0 and calculator.results["energy"] == energy


def test_results_are_saved_with_a_structure(calculator, tmp_path):
    """ASE's own files keep what the calculator has computed."""
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    forces = atoms.get_forces()
    for name in "saved.traj", "saved.xyz", "saved.db":
        write(tmp_path / name, atoms)
        saved = read(tmp_path / name)
        assert abs(saved.get_potential_energy() - atoms.get_potential_energy()) < 1e-8
        assert np.abs(saved.get_forces() - forces).max() < 1e-7


def test_a_path_of_images_shares_one_calculator(calculator):
    """A vacancy's jump along ½⟨111⟩ in tungsten: the same from both ends, with a barrier of about 2 eV."""
    crystal = bulk("W", cubic=True, a=3.18).repeat(3)
    begin, end = crystal.copy(), crystal.copy()
    neighbour = int(np.argmin(crystal.get_distances(0, range(1, len(crystal)), mic=True))) + 1
    end.positions[neighbour] = end.positions[0]
    del begin[0], end[0]
    images = [begin, *(begin.copy() for _ in range(3)), end]
    for image in images:
        image.calc = calculator
    path = NEB(images, allow_shared_calculator=True, method="improvedtangent")
    path.interpolate(mic=True)
    FIRE(path, logfile=None).run(fmax=0.1, steps=60)
    energies = np.array([image.get_potential_energy() for image in images]) - begin.get_potential_energy()
    assert np.abs(energies - energies[::-1]).max() < 1e-3 and 1.5 < energies[2] < 2.5


def test_several_at_once(potentials, lammps):
    names = "W_2940_2017_2.snap", "Ta06A.snap"
    structures = [bulk(symbol, cubic=True, a=3.2).repeat(2) for symbol in ("W", "Ta")]
    with LMLink(potentials / names[0]) as structures[0].calc, LMLink(potentials / names[1]) as structures[1].calc:
        for seed in range(3):
            for atoms, name in zip(structures, names):
                atoms.rattle(0.05, seed=seed)
                compare(atoms, lammps, potentials / name)


def _forces_in_child(calculator, queue, **changes):
    calculator.set(**changes)
    atoms = crystal_with_vacancy(3)
    atoms.calc = calculator
    queue.put((atoms.get_forces(), calculator.pid))
    calculator.close()


def test_a_forked_child_has_its_own_process(calculator):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    forces, pid = atoms.get_forces(), calculator.pid
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_forces_in_child, args=(calculator, queue))
    child.start()
    _, other = queue.get(timeout=300)
    child.join()
    assert other != pid and ends(other) and is_running(pid)
    atoms.rattle(0.01)
    assert np.abs(atoms.get_forces() - forces).max() > 1e-3
    assert calculator.pid == pid


SCRIPT = """
    import sys
    from ase.build import bulk
    from lmlink import LMLink
    calculator = LMLink(sys.argv[1])
    atoms = bulk("W", cubic=True).repeat(int(sys.argv[2]))
    small = bulk("W", cubic=True)
    small.calc = atoms.calc = calculator
    small.get_forces()
    print(calculator.pid, flush=True)
    atoms.get_forces()
    print("done", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("when", ["idle", "computing"])
def test_no_process_outlives_python(when, start, potential):
    """SIGKILL cannot be caught: the server must notice by itself, also amid an evaluation of 54,000 atoms."""
    size = 2 if when == "idle" else 30
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    script = start([sys.executable, "-c", textwrap.dedent(SCRIPT), potential, size], stdin=subprocess.PIPE,
                   env=environment)
    pid = int(script.stdout.readline())
    assert is_running(pid)
    if when == "idle":
        assert script.stdout.readline() == "done\n"
    script.kill()
    script.wait()
    assert ends(pid)


def test_an_interrupt_ends_the_evaluation(start, potential):
    """Ctrl-C in Python is a KeyboardInterrupt there at once, and ends the server with it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    script = start([sys.executable, "-c", textwrap.dedent(SCRIPT), potential, 30], stdin=subprocess.PIPE,
                   env=environment)
    pid = int(script.stdout.readline())
    time.sleep(0.3)  # most likely amid the evaluation, which takes seconds; anywhere else it must do as well
    script.send_signal(signal.SIGINT)
    _, errors = script.communicate(timeout=TIMEOUT)
    assert script.returncode != 0 and "KeyboardInterrupt" in errors
    assert ends(pid)


def test_a_dead_server_is_reported_and_replaced(calculator):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    atoms.get_forces()
    pid = calculator.pid
    os.kill(pid, signal.SIGKILL)
    assert ends(pid)
    atoms.rattle(0.01)
    with pytest.warns(UserWarning, match="SIGKILL"):
        atoms.get_forces()
    assert calculator.pid != pid


def test_the_servers_message_is_in_the_exception(calculator):
    unknown = molecule("H2O")
    unknown.calc = calculator
    with pytest.raises(LMLinkError, match=r"(?s)exit code 1: .*atom \d+ .* is [HO] "):
        unknown.get_forces()
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    assert np.isfinite(atoms.get_forces()).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_no_numbers(value, calculator):
    atoms = crystal_with_vacancy()
    atoms.positions[3, 1] = value
    atoms.calc = calculator
    with pytest.raises(LMLinkError, match="atom"):
        atoms.get_forces()


def test_bad_parameters(tmp_path, potential):
    atoms = bulk("W")
    atoms.calc = LMLink(tmp_path / "missing.snap")
    with pytest.raises(LMLinkError, match="missing.snap"):
        atoms.get_forces()
    atoms.calc = LMLink(potential, binary=tmp_path / "missing-program")
    with pytest.raises(LMLinkError, match="missing-program"):
        atoms.get_forces()
    with pytest.raises(TypeError, match="potentials"):
        atoms.calc.set(potentials="x")
    assert not [pid for pid in children_of(os.getpid()) if "lmlink" in open(f"/proc/{pid}/cmdline").read()]


def test_setting_another_potential(potentials, lammps):
    atoms = bulk("Mo", cubic=True, a=3.15).repeat(2)
    atoms.rattle(0.1)
    with LMLink(potentials / "Mo_Chen_PRM2017.snap") as atoms.calc:
        compare(atoms, lammps, potentials / "Mo_Chen_PRM2017.snap")
        atoms.calc.set(potential=potentials / "Mo_Zuo_JPCA2020.quadratic.snap")
        compare(atoms, lammps, potentials / "Mo_Zuo_JPCA2020.quadratic.snap")


def test_messages_have_a_line_for_each_evaluation(potential, tmp_path):
    atoms = crystal_with_vacancy()
    with LMLink(potential, messages=tmp_path / "messages") as atoms.calc:
        atoms.get_forces()
        before = (tmp_path / "messages").read_text().count("\n")
        for _ in range(3):
            atoms.rattle(0.01)
            atoms.get_forces()
    assert (tmp_path / "messages").read_text().count("\n") >= before + 3


def test_warnings_before_and_after(potential, tmp_path):
    """Those of the server's start and end are shown too, at the lines that started and ended it."""
    server = tmp_path / "lmlink-serve"
    server.write_text("#!/bin/sh\necho 'lmlink-serve: warning: early' >&2\n"
                      f"'{program('lmlink-serve')}' \"$@\"\ncode=$?\n"
                      "echo 'lmlink-serve: warning: late' >&2\nexit $code\n")
    server.chmod(0o755)
    atoms = crystal_with_vacancy()
    atoms.calc = LMLink(potential, binary=server)
    for act, text in (atoms.get_forces, "early"), (atoms.calc.close, "late"):
        with pytest.warns(LMLinkWarning) as caught:
            act()
        assert [str(warning.message) for warning in caught] == [text] and caught[0].filename == __file__
    atoms.calc.set(potential=tmp_path / "missing.snap")
    with pytest.warns(LMLinkWarning) as caught, pytest.raises(LMLinkError, match="missing.snap"):
        atoms.get_forces()
    assert [str(warning.message) for warning in caught] == ["early", "late"]


def test_the_old_name_of_messages(potential, tmp_path):
    """It holds for one release; positional arguments are what they were."""
    path = str(tmp_path / "messages")
    with pytest.warns(DeprecationWarning, match="messages") as caught:
        old = LMLink(potential, log=path)
        old.set(log=path + "2")
    assert [warning.filename for warning in caught] == [__file__] * 2
    assert old.parameters["messages"] == path + "2" and "log" not in old.parameters
    assert LMLink(potential, None, None, 1, "mpirun", None, path, 5.0).parameters["messages"] == path
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="old name"):
        LMLink(potential, log=path, messages=path)


def test_force_log(potential, tmp_path, monkeypatch):
    """Relative paths are those of the working directory when they were given, and `~` is the home folder."""
    home, first, later = (tmp_path / name for name in ("home", "first", "later"))
    for folder in home, first, later:
        folder.mkdir()
    for file in potential.parent.glob(f"{potential.stem}.*"):
        (home / file.name).symlink_to(file)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(first)
    atoms, forces = crystal_with_vacancy(), []
    with LMLink(f"~/{POTENTIAL}", force_log="run.xyz", messages="~/messages") as atoms.calc:
        monkeypatch.chdir(later)
        for _ in range(3):
            atoms.rattle(0.01)
            forces.append(atoms.get_forces())
    assert not list(later.iterdir())
    assert (home / "messages").read_text().count("evaluation ") >= 3
    frames = read(first / "run.xyz", index=":")
    assert all(np.abs(frame.get_forces() - each).max() < 1e-12 for frame, each in zip(frames, forces, strict=True))


def test_two_threads_share_a_calculator(calculator):
    """Each gets the results of its own structures, whatever the other asks for meanwhile."""
    wrong = []

    def evaluate(structures, expected):
        for atoms, (energy, forces, stress) in zip(structures, expected):
            atoms.calc = calculator
            wrong.append(not (abs(atoms.get_potential_energy() - energy) < 1e-9 and
                              np.array_equal(atoms.get_forces().shape, forces.shape) and
                              np.abs(atoms.get_forces() - forces).max() < 1e-9 and
                              np.abs(atoms.get_stress() - stress).max() < 1e-9))

    threads = []
    for size, count in (2, 40), (3, 20):
        structures, expected = [crystal_with_vacancy(size) for _ in range(count)], []
        for seed, atoms in enumerate(structures):
            atoms.rattle(0.05, seed=seed)
            atoms.calc = calculator
            expected.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
        threads.append(threading.Thread(target=evaluate, args=(structures, expected)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 60 and not any(wrong)


def test_closing_while_another_thread_evaluates(potential, tmp_path):
    """That thread, which waits for an engine that never comes, gets an error; a forked child is not held up by it."""
    calculator = LMLink({"launch": "sleep 1000", "limits": {"stop": 0}, "folder": tmp_path})
    atoms, errors = crystal_with_vacancy(), []
    atoms.calc = calculator

    def evaluate():
        try:
            atoms.get_forces()
        except LMLinkError as error:
            errors.append(str(error))

    thread = threading.Thread(target=evaluate)
    thread.start()
    while calculator.pid is None:
        assert thread.is_alive()
        time.sleep(0.01)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_forces_in_child, args=(calculator, queue), kwargs={"potential": potential})
    child.start()
    assert np.isfinite(queue.get(timeout=TIMEOUT)[0]).all()
    child.join()
    pid = calculator.pid
    calculator.close()
    thread.join()
    assert len(errors) == 1 and "closed" in errors[0] and ends(pid)


def test_ranks(calculator, potential):
    launcher = os.environ.get("LMLINK_MPIEXEC")
    if not launcher:
        pytest.skip("LMLINK_MPIEXEC does not name the launcher of the MPI that lmlink was built with")
    one, two = crystal_with_vacancy(4), crystal_with_vacancy(4)
    one.calc = calculator
    with LMLink(potential, ranks=2, launcher=launcher) as two.calc:
        assert np.abs(two.get_forces() - one.get_forces()).max() <= FORCE_BAR
        assert abs(two.get_potential_energy() - one.get_potential_energy()) <= ENERGY_BAR * len(one)
        assert np.abs(two.get_stress() - one.get_stress()).max() <= 1e-10
        pid = two.calc.pid
        ranks = children_of(pid)
        assert len(ranks) >= 2
    assert all(map(ends, [pid, *ranks]))


def test_launcher_of_another_mpi(potential):
    """Each of the two servers that it starts would be alone, and both would answer."""
    other = Path(sys.executable).parent / "mpirun"  # of PyPI's mpich
    if not os.environ.get("LMLINK_MPIEXEC") or not other.is_file():
        pytest.skip("needs lmlink built with Open MPI, and the launcher of PyPI's mpich beside Python")
    atoms = crystal_with_vacancy()
    with LMLink(potential, ranks=2, launcher=str(other)) as atoms.calc:
        with pytest.raises(LMLinkError, match="PMI_SIZE=2.*another MPI's"):
            atoms.get_forces()


# matscipy


def test_dynamics_with_lmlink(calculator):
    atoms = crystal_with_vacancy()
    atoms.calc = calculator
    assert conserves_energy(atoms)


def test_elastic_constants(calculator, lammps_calculator):
    """Lattice constant (Å) and C11, C12, C44 (GPa). LAMMPSlib's constants for bar differ by 1e-7."""
    from matscipy.dislocation import get_elastic_constants

    options = {"symbol": "W", "verbose": False, "fmax": 1e-6, "smax": 1e-6}
    ours = get_elastic_constants(calculator=calculator, **options)
    theirs = get_elastic_constants(calculator=lammps_calculator, **options)
    assert np.allclose(ours, theirs, rtol=1e-6, atol=0)
    assert 3.1 < ours[0] < 3.3 and 400 < ours[1] < 600


def test_glide_of_a_screw_dislocation(calculator, lammps_calculator):
    from matscipy.dislocation import BCCScrew111Dislocation

    builder = BCCScrew111Dislocation(3.1805, 517.7, 194.5, 144.3, symbol="W")
    energies = []
    for atoms in builder.build_glide_configurations(20, fix_width=10, verbose=False):
        forces = []
        for each in calculator, lammps_calculator:
            atoms.calc = each
            forces.append(atoms.get_forces(apply_constraint=False))
            energies.append(atoms.get_potential_energy())
        assert np.abs(forces[0] - forces[1]).max() <= FORCE_BAR
        assert abs(energies[-1] - energies[-2]) <= ENERGY_BAR * len(atoms)
    assert abs(energies[2] - energies[0]) > 1  # the dislocation costs energy


def test_voigt_order(calculator, lammps, potential):
    """A shear in yz, xz, xy each shows in its own component."""
    for component, (i, j) in enumerate([(1, 2), (0, 2), (0, 1)], start=3):
        atoms = bulk("W", cubic=True, a=3.18)
        strain = np.eye(3)
        strain[i, j] = strain[j, i] = 0.01
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.calc = calculator
        stress = atoms.get_stress()
        assert stress[component] > 0.005 and np.abs(np.delete(stress[3:], component - 3)).max() < 1e-10
        virial = lammps.evaluate(atoms, lammps.Potential(potential)).virial
        assert np.allclose(voigt_6_to_full_3x3_stress(stress), -virial / atoms.get_volume(), atol=1e-10)


def test_atoms_without_any_neighbour_are_told(potential):
    """Once for each driver, at the evaluation at which it is so."""
    atoms = bulk("W", cubic=True)
    with LMLink(potential) as calculator:
        atoms.calc = calculator
        atoms.get_forces()
        atoms.set_cell(3 * atoms.cell, scale_atoms=True)
        with pytest.warns(LMLinkWarning, match="evaluation 2: none of the 2 atoms has a neighbour"):
            assert not atoms.get_forces().any()
