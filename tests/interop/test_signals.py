"""SIGUSR1 and SIGUSR2, which batch systems send some time before a job's end, end no program, at no moment; the engines
that are started have signals as if lmlink had none of its own."""

import os
import re
import signal
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import program
from engines import write_configuration
from scripted_driver import Driver
from serve import finish, socket_name, until_it_ends

NOTICES = [signal.SIGUSR1, signal.SIGUSR2]


def notify(process):
    for number in NOTICES:
        process.send_signal(number)


def keep_notifying(process, ended):
    while not ended.wait(0.001):
        notify(process)


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.xyz"
    atoms = bulk("W", cubic=True).repeat(2)
    atoms.rattle(0.05, seed=1)
    write(path, atoms, format="extxyz")
    return path


@pytest.fixture
def driver(socket_folder):
    made = Driver(socket_folder)
    yield made
    made.close()


def test_serve(start, driver, potentials):
    """While it waits for the driver, at rest, and amid an evaluation."""
    process = start([program("lmlink-serve"), "--potential", potentials / "W_2940_2017_2.snap", "--driver",
                     f"unix:{driver.path}"])
    driver.process = process
    assert "version" in process.stderr.readline()
    notify(process)
    driver.accept()
    notify(process)
    quiet = driver.evaluate()
    beside = Thread(target=keep_notifying, args=[process, ended := Event()])
    beside.start()
    driver.evaluate(bulk("W", cubic=True).repeat(12).positions, 12 * 3.2 * np.eye(3))
    ended.set()
    beside.join()
    again = driver.evaluate()
    assert again[0] == quiet[0] and np.array_equal(again[1], quiet[1])
    driver.send("EXIT")
    code, messages = finish(process)
    # What the server does is told, and nothing else; what it waits for may have come too early.
    status = r"lmlink-serve: (status: |last evaluation: |\d+ evaluations in |waiting for a driver)"
    told = [line for line in messages.splitlines() if not re.match(status, line)]
    assert (code, told) == (0, []) and "lmlink-serve: status: evaluates " in messages


def served_by_fifo(start, command, fifo, content):
    """Exit code and messages of a program that is sent the signals while it waits for a file's content."""
    os.mkfifo(fifo)
    process = start(command)
    with fifo.open("wb") as file:  # opened when the program has
        notify(process)
        file.write(content[:len(content) // 2])
        file.flush()
        notify(process)
        file.write(content[len(content) // 2:])
    return finish(process)


def test_eval(start, frame, potentials, tmp_path):
    command = [program("lmlink-eval"), "--potential", potentials / "W_2940_2017_2.snap"]
    code, messages = served_by_fifo(start, [*command, tmp_path / "fifo.xyz", "--output", tmp_path / "one.xyz"],
                                    tmp_path / "fifo.xyz", frame.read_bytes())
    assert code == 0, messages
    assert finish(start([*command, frame, "--output", tmp_path / "other.xyz"]))[0] == 0
    assert np.array_equal(read(tmp_path / "one.xyz").get_forces(), read(tmp_path / "other.xyz").get_forces())


def catches(process, number):
    """Whether the process runs and has a handler of the signal's."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) & 1 << number - 1)


@pytest.fixture
def retrain(start, potentials, tmp_path):
    """Start lmlink-retrain on a few hundred atoms."""
    frames = []
    for seed in range(4):
        atoms = bulk("W", cubic=True).repeat(3)
        atoms.rattle(0.05, seed=seed)
        atoms.arrays["forces"] = np.random.default_rng(seed).normal(0, 0.1, (len(atoms), 3))
        frames.append(atoms)
    write(tmp_path / "targets.xyz", frames, format="extxyz")

    def run(how, **options):
        process = start([program("lmlink-retrain"), "--start", potentials / "W_2940_2017_2.snap", "--output",
                         tmp_path / "new.snapcoeff", "--lambda-ridge", "1e-3", how, tmp_path / "targets.xyz"], **options)
        while process.poll() is None and not all(catches(process, number) for number in NOTICES):
            pass
        assert process.poll() is None
        return process

    return run


def test_retrain(retrain, tmp_path):
    process = retrain("--targets")
    while process.poll() is None:
        notify(process)
        time.sleep(0.001)
    code, messages = finish(process)
    assert code == 0 and (tmp_path / "new.snapcoeff").exists(), messages


def test_retrain_follow(retrain):
    """SIGUSR1 ends it, as documented."""
    process = retrain("--follow")
    process.send_signal(signal.SIGUSR2)
    assert any("4 such frames so far are skipped" in line for line in process.stderr)  # forces of no quantum code
    process.send_signal(signal.SIGUSR2)
    process.send_signal(signal.SIGUSR1)
    code, messages = finish(process)
    assert code == 0 and "no longer followed" in messages


def test_engines_have_signals_of_their_own(start, frame, tmp_path):
    """None is ignored or blocked, where lmlink was started with some of them ignored, and ignores others itself."""
    status = "grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 1"
    name = socket_name()
    path = write_configuration(tmp_path, {"type": "remote", "address": f"unix:{name}qm", "launch": status,
                                          "on_failure": "stop"}, read(frame))
    ignoring = {"preexec_fn": lambda: [signal.signal(number, signal.SIG_IGN) for number in (*NOTICES, signal.SIGHUP)]}
    server = start([program("lmlink-serve"), path, "--driver", f"unix:{name}"], **ignoring)
    with until_it_ends(name) as calculator:
        calculator.get_forces(read(frame))
    assert finish(server)[0] == 1
    masks = (tmp_path / "engine.log").read_text().split()[1::2]
    assert len(masks) == 2 and not any(int(mask, 16) for mask in masks), masks
