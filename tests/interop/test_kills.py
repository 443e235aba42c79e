"""Programs and engines that are killed at any moment, some hundred times: what was answered is in the log, files are of
one run or told apart, nothing goes on running, and what is started again gives the same bytes.

The moments are made of a seed, but where a program is by then is not; nothing here passes or fails by that."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from ase.units import Bohr, Hartree
from conftest import TIMEOUT, program
from engines import SPRINGS
from mixture import configure, linear, mixing, remote
from scripted_driver import Driver
from serve import descendants, ends, is_running
from test_force_log import ML, block, sphere, steps
from test_retrain import cells, label, read_coefficients, teacher  # noqa: F401 (fixtures)

SEED = 20260101


def whole_frames(log, offset):
    """The frames of a log from there on up to where it is torn, as bytes."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(offset)
        data = file.read()
    frames, at = [], 0
    while True:
        head = data[at:at + 200].split(b"log_bytes=")
        if len(head) < 2 or len(head[1]) < 12 or at + int(head[1][:12]) > len(data):
            return frames
        frames.append(data[at:at + int(head[1][:12])])
        at += len(frames[-1])


def forces_of(frame):
    """The forces in a frame of a log, eV/Å."""
    lines = frame.decode().splitlines()
    columns, at = {}, 0
    words = next(word for word in lines[1].split() if word.startswith("Properties=")).split("=")[1].split(":")
    for name, width in zip(words[::3], map(int, words[2::3])):
        columns[name] = slice(at, at + width)
        at += width
    return np.array([line.split()[columns["forces"]] for line in lines[2:]], dtype=float)


def runs_in(folder):
    """Processes that work in a folder or below."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and folder in Path(os.readlink(process / "cwd")).parents:
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if is_running(pid)]


class Server:
    """An lmlink-serve that may be killed at any moment, and its driver."""

    def __init__(self, start, sockets, path):
        self.driver = Driver(sockets)
        self.process = self.driver.process = start([program("lmlink-serve"), path, "--driver",
                                                    f"unix:{self.driver.path}"])
        self.started, self.killed = [], False

    def kill_in(self, seconds):
        """End it with what it has started looked at."""
        def kill():
            self.started = [pid for pid, _ in descendants(self.process.pid)]
            self.killed = True
            self.process.kill()

        self.timer = threading.Timer(seconds, kill)
        self.timer.start()

    def kill_engine_in(self, seconds):
        def kill():
            engines = [pid for pid, command in descendants(self.process.pid) if "faulty_engine" in command]
            for pid in engines:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

        self.engine_timer = threading.Timer(seconds, kill)
        self.engine_timer.start()

    def answers(self, structures):
        """Forces, eV/Å, of as many structures as it answers before it ends."""
        try:
            self.driver.accept()
            for atoms in structures:
                yield self.driver.evaluate(atoms.positions / Bohr, atoms.cell.array / Bohr)[1] * (Hartree / Bohr)
        except (AssertionError, OSError, EOFError) as error:
            assert self.killed, (error, self.process.communicate(timeout=TIMEOUT)[1])

    def end(self):
        """Wait for its end; messages."""
        self.driver.close()
        Path(self.driver.path).unlink()
        errors = self.process.communicate(timeout=TIMEOUT)[1]
        self.timer.join()
        assert all(map(ends, self.started))
        return errors


def live_and_die(start, sockets, path, log, structures, rng, kills, before_each=lambda: None, engine=False):
    """Let a server work and be killed, again and again; every answer must stand in the log as it was given. Gives the
    number of answers."""
    frames = whole_frames(log, 0)
    known, offset, total = len(frames), sum(map(len, frames)), 0
    for _ in range(kills):
        server = Server(start, sockets, path)
        if engine:
            server.kill_engine_in(rng.uniform(0, 0.3))
        server.kill_in(rng.uniform(0, 0.4))
        answered = []
        for forces in server.answers(structures):
            answered.append(forces)
            before_each()
        server.end()
        if engine:
            server.engine_timer.join()
        frames = whole_frames(log, offset)
        assert len(answered) <= len(frames) <= len(answered) + 1
        for forces, frame in zip(answered, frames):
            assert np.abs(forces_of(frame) - forces).max() <= 1e-12 * np.abs(forces).max()
        known, offset, total = known + len(frames), offset + sum(map(len, frames)), total + len(answered)
    whole = subprocess.run([program("lmlink-serve"), path, "--driver", "unix:none", "--check"], capture_output=True,
                           text=True, timeout=TIMEOUT)
    assert whole.returncode == 0 and f"log.xyz: {known} frames" in whole.stdout and "damaged" not in whole.stderr
    return total


def one_answer(start, sockets, path, atoms):
    server = Server(start, sockets, path)
    server.timer = threading.Timer(0, lambda: None)
    server.timer.start()
    forces = next(server.answers([atoms]))
    server.driver.send("EXIT")
    server.end()
    assert server.process.returncode == 0
    return forces.tobytes()


def endless(atoms, seed):
    number = seed
    while True:
        yield from steps(atoms, 1000, seed=number)
        number += 1


@pytest.mark.parametrize("victims", ["server", "server and engine"])
def test_while_logging(victims, potentials, start, folders):
    folder, sockets = folders
    atoms = block(2)
    engine = remote(f"unix:{sockets / 'qm'}", launch=SPRINGS, folder=str(folder / "work"), retries=3, name="springs",
                    tag="springs")
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=2.0), engine)),
                     log={"file": "log.xyz"})
    first = one_answer(start, sockets, path, atoms)
    rng = random.Random(SEED)
    total = live_and_die(start, sockets, path, folder / "log.xyz", endless(atoms, 11), rng, 40,
                         engine=victims != "server")
    assert total > 40
    deadline = time.monotonic() + TIMEOUT
    while runs_in(folder):
        assert time.monotonic() < deadline, runs_in(folder)
        time.sleep(0.02)
    assert one_answer(start, sockets, path, atoms) == first


def test_while_reloading(potentials, start, folders):
    """The potential's coefficients become others, and others again, between evaluations."""
    folder, sockets = folders
    source = (potentials / ML).with_suffix(".snapcoeff")
    shutil.copy(source.with_suffix(".snapparam"), folder / "W.snapparam")
    lines = source.read_text().splitlines()
    for name, factor in (("one", 1.0), ("half", 0.5)):
        (folder / name).write_text("\n".join(
            repr(float(line) * factor) if len(line.split()) == 1 and not line.startswith("#") else line
            for line in lines) + "\n")

    def put(name):
        shutil.copy(folder / name, folder / "new")
        os.replace(folder / "new", folder / "W.snapcoeff")

    put("one")
    atoms = block(2)
    calculator = linear("W.snapcoeff")
    calculator["potential"].update(reload=True, fixed_terms="none")
    path = configure(folder, atoms, calculator, log={"file": "log.xyz"})
    first = one_answer(start, sockets, path, atoms)
    rng = random.Random(SEED + 1)
    assert live_and_die(start, sockets, path, folder / "log.xyz", endless(atoms, 12), rng, 60,
                        lambda: put(rng.choice(["one", "half"]))) > 60
    put("one")
    assert one_answer(start, sockets, path, atoms) == first


# ---- retraining ----

OUTPUTS = ["new.snapcoeff", "new.snapparam", "new.uncertainty.json", "new.uncertainty.npy", "sums.cache"]


def kill_after(process, seconds):
    """Whether it was killed before it ended by itself."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate(timeout=TIMEOUT)
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def test_while_outputs_are_written(label, teacher, start, tmp_path):
    frames = label("data.xyz", cells(6, 2), teacher[0])

    def words(strength):
        return [program("lmlink-retrain"), "--start", teacher[1], "--targets", frames, "--select", "all",
                "--lambda-ridge", strength, "--uncertainty", "sandwich", "--cache", tmp_path / "sums.cache", "--output",
                tmp_path / "new.snapcoeff", "--report", tmp_path / "new.json", "--overwrite", "--log-level", "error"]

    def contents():
        return [(tmp_path / name).read_bytes() if (tmp_path / name).exists() else None for name in OUTPUTS]

    wanted = {}
    for strength in ("1e-3", "1e-1"):
        before = time.monotonic()
        subprocess.run(list(map(str, words(strength))), check=True, timeout=TIMEOUT)
        usual = time.monotonic() - before
        wanted[strength] = contents()
    assert all(one != other for one, other in list(zip(*wanted.values()))[:4] if one is not None)
    rng = random.Random(SEED + 2)
    killed, mixed = 0, 0
    for number in range(100):
        if rng.random() < 0.2:
            (tmp_path / "sums.cache").unlink(missing_ok=True)
        killed += kill_after(start(words(("1e-3", "1e-1")[number % 2])), rng.uniform(0, 1.3 * usual))
        now = contents()
        for at, name in enumerate(OUTPUTS):
            assert now[at] in [result[at] for result in wanted.values()] or (name == "sums.cache" and now[at] is None), name
        if (now[0], now[1]) not in [(result[0], result[1]) for result in wanted.values()]:
            mixed += 1
            refused = subprocess.run([program("lmlink-eval"), "--potential", tmp_path / "new.snapcoeff", frames],
                                     capture_output=True, text=True, timeout=TIMEOUT)
            assert refused.returncode == 1 and "was not written together" in refused.stderr
    print(f"{killed} of 100 runs were killed, {mixed} of them between two files")
    assert killed > 30
    for strength, result in wanted.items():
        subprocess.run(list(map(str, words(strength))), check=True, timeout=TIMEOUT)
        assert contents() == result
    assert not [path for path in tmp_path.iterdir() if ".tmp" in path.name]


def test_while_following(label, teacher, start, tmp_path):
    """The log grows meanwhile; the last result is that of a run that was never killed."""
    frames = read(label("labelled.xyz", cells(40, 2), teacher[0]), ":")
    log, output = tmp_path / "log.xyz", tmp_path / "new.snapcoeff"
    options = ["--start", teacher[1], "--lambda-ridge", "1e-3", "--log-level", "error"]

    def append(atoms):
        atoms.new_array("region", np.full(len(atoms), "QM"))
        atoms.new_array("forces_qm", atoms.get_forces())
        atoms.calc = None
        write(tmp_path / "piece.xyz", atoms, format="extxyz")
        with log.open("ab") as file:
            file.write((tmp_path / "piece.xyz").read_bytes())

    rng = random.Random(SEED + 3)
    follow = [program("lmlink-retrain"), "--follow", log, "--output", output, "--overwrite", *options]
    for atoms in frames[:-1]:
        process = start(follow)
        append(atoms)
        kill_after(process, rng.uniform(0, 0.2))
        assert process.returncode == -signal.SIGKILL
    append(frames[-1])
    last = start(follow)
    assert last.stdout.readline().startswith(f"{len(frames)} frames")
    found = read_coefficients(output)
    last.send_signal(signal.SIGTERM)
    assert last.wait(timeout=TIMEOUT) == 0
    once = subprocess.run([program("lmlink-retrain"), *map(str, options), "--targets", log, "--output",
                           tmp_path / "once.snapcoeff"], capture_output=True, text=True, timeout=TIMEOUT)
    assert once.returncode == 0, once.stderr
    wanted = read_coefficients(tmp_path / "once.snapcoeff")
    assert np.abs(found - wanted).max() <= 1e-11 * np.abs(wanted).max()
    assert not [path for path in tmp_path.iterdir() if ".tmp" in path.name]
