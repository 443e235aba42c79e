"""Real programs as engines of lmlink-serve: their forces on the right atoms, with the right sign and unit, over several
steps in one connection, also after the program was killed and lmlink-serve has started it again."""

import os
import signal

import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator
from conftest import need, program
from engines import ENGINES, engine_settings, write_configuration
from serve import descendants, ends, finish, socket_name

STEPS = 6


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Threads of programs that share two cores wait for one another."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(params=ENGINES)
def engine(request):
    made = ENGINES[request.param]
    reason = made.missing()
    if reason:
        need("engines", f"{request.param}: {reason}")
    return made


def displaced(atoms):
    """The structure, and others near it."""
    rng = np.random.default_rng(7)
    frames = [atoms.copy() for _ in range(STEPS)]
    for frame in frames[1:]:
        frame.positions += np.round(rng.normal(0, 0.03, frame.positions.shape), 6)
    return frames


def process_of(engine, server):
    """The number of the process that talks."""
    found = [pid for pid, command in descendants(server.pid) if engine.process in command and "sh -c" not in command]
    assert len(found) == 1, found
    return found[0]


def test_forces(engine, start, tmp_path):
    """The first step, then the program is killed, and all steps again with the next one."""
    name = socket_name()
    (tmp_path / "work").mkdir()
    engine.write_input(tmp_path / "work")
    path = write_configuration(tmp_path, engine_settings(engine, f"{name}qm"), engine.atoms)
    frames = displaced(engine.atoms)
    with SocketIOCalculator(unixsocket=name) as calculator:
        server = start([program("lmlink-serve"), path, "--driver", f"unix:{name}"])
        first = calculator.get_forces(frames[0])
        killed = process_of(engine, server)
        os.kill(killed, signal.SIGKILL)
        assert ends(killed)
        forces = [calculator.get_forces(frame) for frame in frames[1:] + frames[:1]]
        started = [pid for pid, _ in descendants(server.pid)]
    code, messages = finish(server)
    assert code == 0, messages
    assert messages.count(": connected\n") == 2, messages
    assert all(ends(pid) for pid in started)

    forces.insert(0, forces.pop())
    alone = engine.forces(tmp_path / "work", frames)
    assert np.abs(alone[0]).max() > 0.1  # eV/Å: what is compared is not nothing
    np.testing.assert_allclose(first, alone[0], rtol=0, atol=engine.bar)
    np.testing.assert_allclose(forces, alone, rtol=0, atol=engine.bar)
