"""Long runs: what lmlink-serve holds, memory and descriptors, is what it held after the first hundred evaluations."""

import os
import random
import signal
import struct
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Bohr
from engines import SPRINGS
from mixture import Mixture, configure, linear, mixing, remote
from scripted_driver import Driver
from serve import descendants, finish, serve_command, write_structure
from test_force_log import ML, block, sphere, steps

FIRST, GROWTH = 100, 1 << 20  # evaluations; bytes
ROUNDING = 1e-9


def held(pid):
    """Resident memory, private writable memory, both in bytes, and descriptors of a process."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    size = os.sysconf("SC_PAGE_SIZE")
    return int(pages[1]) * size, int(pages[5]) * size, len(os.listdir(f"/proc/{pid}/fd"))


def assert_the_same(before, now):
    print(f"resident {before[0] / 1e6:.2f} MB, then {now[0] / 1e6:.2f}; data {before[1] / 1e6:.2f} MB, then "
          f"{now[1] / 1e6:.2f}; {before[2]} descriptors, then {now[2]}")
    assert now[0] - before[0] < GROWTH and now[1] - before[1] < GROWTH and now[2] == before[2]


def test_a_million_evaluations(potentials, start, socket_folder, tmp_path):
    atoms = Atoms("Mo2", positions=[[0, 0, 0], [1.6, 1.6, 1.6]], cell=[3.15] * 3, pbc=True)
    driver = Driver(socket_folder)
    driver.process = start(serve_command(potentials / ML, f"unix:{driver.path}", "--structure",
                                         write_structure(atoms, tmp_path / "s.xyz")))
    driver.accept()
    first = driver.evaluate(atoms.positions / Bohr, atoms.cell.array / Bohr)[1].copy()
    size = 12 + 12 + 48 + 72 + 4 + 1  # of a reply, at least: extras come behind
    rng = np.random.default_rng(1)
    words = []
    for _ in range(64):
        moved = (atoms.positions + rng.normal(0, 0.05, (2, 3))) / Bohr
        words.append(b"POSDATA     " + np.ascontiguousarray(atoms.cell.array.T / Bohr).tobytes() + np.eye(3).tobytes()
                     + struct.pack("=i", 2) + moved.tobytes() + b"GETFORCE    ")
    send, receive = driver.connection.sendall, driver.connection.recv
    before = None
    for number in range(1_000_000):
        send(words[number % 64])
        reply = receive(4096)
        while len(reply) < size - 1 or len(reply) < size - 1 + struct.unpack_from("=i", reply, size - 5)[0]:
            reply += receive(4096)
        if number == FIRST:
            before = held(driver.process.pid)
    assert reply.startswith(b"FORCEREADY  ")
    assert_the_same(before, held(driver.process.pid))
    last = driver.evaluate(atoms.positions / Bohr, atoms.cell.array / Bohr)[1]
    assert np.abs(last - first).max() < ROUNDING * np.abs(first).max()
    driver.send("EXIT")
    driver.close()
    assert finish(driver.process)[0] == 0


def test_a_mixture_whose_engine_is_killed(potentials, start, folders):
    folder, sockets = folders
    atoms = block(2)
    engine = remote(f"unix:{sockets / 'qm'}", launch=SPRINGS, folder=str(folder / "work"), retries=3)
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=2.0), engine)))
    rng = random.Random(3)
    kills = 0
    with Mixture(start, sockets, path) as mixture:
        first = mixture.evaluate(atoms).forces
        for number, moved in enumerate(steps(atoms, 10_000)):
            mixture.evaluate(moved)
            if number == FIRST:
                before = held(mixture.process.pid)
            if number >= FIRST and rng.random() < 0.01:
                for pid in [pid for pid, command in descendants(mixture.process.pid) if "faulty_engine" in command]:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
        assert np.abs(mixture.evaluate(atoms).forces - first).max() < ROUNDING * np.abs(first).max()
        assert_the_same(before, held(mixture.process.pid))
    print(f"the engine was killed {kills} times")
    assert kills > 50
