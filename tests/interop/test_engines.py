"""Real programs as engines of lmlink-serve: their forces on the right atoms, with the right sign and unit, over several
steps in one connection, also after the program was killed and lmlink-serve has started it again; over TCP, and as a
parallel program that a parallel lmlink-serve starts."""

import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator
from conftest import need, program
from engines import ENGINES, engine_settings, write_configuration
from serve import descendants, ends, finish, socket_name

STEPS = 6
TCP = ["quantum_espresso", "cp2k", "abinit", "nwchem", "lammps", "lmlink"]
PARALLEL = ["quantum_espresso", "gpaw", "lmlink"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads of programs that share two cores wait for one another."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def engine(request):
    made = ENGINES[request.param]
    reason = made.missing()
    if reason:
        need("engines", f"{request.param}: {reason}")
    return made


@pytest.fixture
def served(start, tmp_path):
    """Serve an engine at an address, as a context: the process that was started and a function that gives forces. At
    the end all of it must end well, with as many connections of the engine as said."""
    (tmp_path / "work").mkdir()

    @contextmanager
    def run(engine, address, launch, launcher=(), connections=1):
        name = socket_name()
        engine.write_input(tmp_path / "work")
        path = write_configuration(tmp_path, engine_settings(engine, address, launch), engine.atoms)
        with SocketIOCalculator(unixsocket=name) as calculator:
            server = start([*launcher, program("lmlink-serve"), path, "--driver", f"unix:{name}"])
            yield server, calculator.get_forces
            started = [pid for pid, _ in descendants(server.pid)]
        code, messages = finish(server)
        assert code == 0, messages
        assert messages.count(": connected\n") == connections, messages
        assert all(ends(pid) for pid in started)

    return run


def displaced(atoms, count=STEPS):
    """The structure, and others near it."""
    rng = np.random.default_rng(7)
    frames = [atoms.copy() for _ in range(count)]
    for frame in frames[1:]:
        frame.positions += np.round(rng.normal(0, 0.03, frame.positions.shape), 6)
    return frames


def processes_of(engine, server, *others):
    """The numbers of the processes that compute; others: programs that have the engine's name in their command too."""
    return [pid for pid, command in descendants(server.pid)
            if engine.process in command and "sh -c" not in command and not command.startswith(others)]


def rank_of(pid):
    """Which rank the launcher told the process that it is."""
    words = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return next(int(word.split("=")[1]) for word in words if word.startswith(("OMPI_COMM_WORLD_RANK=", "PMI_RANK=")))


def compare(engine, folder, frames, forces):
    """The forces must be those of the program by itself."""
    alone = engine.forces(folder, frames)
    assert np.abs(alone[0]).max() > 0.1  # eV/Å: what is compared is not nothing
    np.testing.assert_allclose(forces, alone, rtol=0, atol=engine.bar)


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_forces(engine, served, tmp_path):
    """The first step, then the program is killed, and all steps again with the next one."""
    frames = displaced(engine.atoms)
    with served(engine, f"unix:{socket_name()}qm", engine.launch, connections=2) as (server, forces_on):
        first = forces_on(frames[0])
        (killed,) = processes_of(engine, server)
        os.kill(killed, signal.SIGKILL)
        assert ends(killed)
        *others, again = [forces_on(frame) for frame in frames[1:] + frames[:1]]
    compare(engine, tmp_path / "work", frames, [first, *others])
    np.testing.assert_allclose(again, first, rtol=0, atol=engine.bar)


@pytest.mark.parametrize("engine", TCP, indirect=True)
def test_forces_over_tcp(engine, served, free_port, tmp_path):
    frames = displaced(engine.atoms, 2)
    with served(engine, f"127.0.0.1:{free_port}", engine.launch_tcp) as (_, forces_on):
        forces = [forces_on(frame) for frame in frames]
    compare(engine, tmp_path / "work", frames, forces)


@pytest.mark.parametrize("engine", PARALLEL, indirect=True)
def test_mpirun_inside_mpirun(engine, served, monkeypatch, tmp_path):
    """Two ranks of lmlink-serve; rank 0 starts the engine with two ranks of its own, which are of another job."""
    launcher = os.environ.get("LMLINK_MPIEXEC") or shutil.which("mpirun")
    if not launcher:
        pytest.skip("there is no MPI launcher")
    for name in "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe":
        monkeypatch.setenv(name, "1")
    frames = displaced(engine.atoms, 2)
    launch = f"exec {launcher} -n 2 {engine.launch}"
    with served(engine, f"unix:{socket_name()}qm", launch, [launcher, "-n", "2"]) as (server, forces_on):
        forces = [forces_on(frame) for frame in frames]
        ranks = processes_of(engine, server, launcher)
        assert sorted(map(rank_of, ranks)) == [0, 1]
    compare(engine, tmp_path / "work", frames, forces)
