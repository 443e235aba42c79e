"""What others do to a force log while lmlink-serve writes it, and what becomes of a damaged one: no result is lost
silently, and no whole frame at all."""

import os
import subprocess
from io import StringIO

import pytest
from ase.io import read
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, run
from test_force_log import ML, block, steps


@pytest.fixture
def logged(potentials, start, folders):
    """A configuration with a log, an lmlink-serve that uses it, and structures to evaluate."""
    folder, sockets = folders
    atoms = block(3)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "log.xyz"}, driver={"reconnect": True})

    def serve(*options):
        return Mixture(start, sockets, path, *options)

    return serve, path, folder / "log.xyz", list(steps(atoms, 3))


def write_log(logged):
    """Let a server log all structures and end; the log's bytes."""
    serve, _, log, frames = logged
    mixture = serve("--wait", "0")
    for atoms in frames:
        mixture.evaluate(atoms)
    mixture.close()
    return log.read_bytes()


def frames_of(data):
    """The frames of a whole log, by the lengths in them."""
    frames = []
    while data:
        size = int(data.split(b"log_bytes=")[1][:12])
        frames.append(data[:size])
        data = data[size:]
    return frames


# ---- while it is in use ----

def replace(log):
    log.rename(log.with_name("elsewhere.xyz"))
    log.write_text("another\n")


def append(log):
    with open(log, "a") as file:
        file.write("a note\n")


@pytest.mark.parametrize("happens, words", [
    (lambda log: log.unlink(), "was removed while it was in use"),
    (lambda log: log.rename(log.with_name("elsewhere.xyz")), "was renamed or moved while it was in use"),
    (replace, "another file has its name"),
    (lambda log: os.truncate(log, log.stat().st_size // 2), "was cut off by another program"),
    (append, "was written to by another program")],
    ids=["removed", "renamed", "replaced", "truncated", "appended"])
def test_nothing_is_sent_that_is_not_logged(happens, words, logged):
    """The evaluation fails with one line, the run ends in spite of `reconnect`, and nothing is written any more."""
    serve, _, log, frames = logged
    mixture = serve()
    mixture.evaluate(frames[0])
    happens(log)
    before = log.read_bytes() if log.exists() else None
    with pytest.raises((EOFError, OSError)):
        mixture.evaluate(frames[1])
    _, errors = mixture.process.communicate(timeout=TIMEOUT)
    mixture.driver.close()
    assert mixture.process.returncode == 1
    lines = [line for line in errors.splitlines() if "log.xyz" in line]
    assert len(lines) == 1 and words in lines[0] and "start again" in lines[0], errors
    assert (log.read_bytes() if log.exists() else None) == before


# ---- damage ----

def flip(log, at):
    """Change a digit into another."""
    data = bytearray(log.read_bytes())
    while not chr(data[at]).isdigit():
        at += 1
    data[at] ^= 1
    log.write_bytes(data)


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_a_damaged_frame_is_set_aside_alone(damaged, logged):
    serve, _, log, frames = logged
    parts = frames_of(write_log(logged))
    flip(log, sum(map(len, parts[:damaged])) + len(parts[damaged]) // 2)
    bad = frames_of(log.read_bytes())[damaged]
    log.with_name("log.xyz.index").unlink()
    (log.parent / "log.xyz.damaged-1").write_text("precious")

    mixture = serve("--wait", "0")
    mixture.evaluate(frames[0])
    warnings = [line for line in mixture.close().splitlines() if "warning: " in line]
    assert len(warnings) == 1 and "log.xyz.damaged-2" in warnings[0] and f"{len(bad)} bytes" in warnings[0]
    assert (log.parent / "log.xyz.damaged-1").read_text() == "precious"
    assert (log.parent / "log.xyz.damaged-2").read_bytes() == bad
    whole = [part for number, part in enumerate(parts) if number != damaged]
    assert frames_of(log.read_bytes())[:2] == whole
    assert len(read(log, index=":")) == 3
    assert len(read(StringIO(bad.decode()), index=":", format="extxyz")) == 1  # what is kept can be mended by hand


def test_check_looks_at_all_of_a_log(logged):
    """Also at frames that the index knows; what is behind the last frame is kept too."""
    _, path, log, _ = logged
    data = write_log(logged)
    flip(log, len(data) // 2)
    with open(log, "a") as file:
        file.write("\n")
    result = run(path, "--check")
    assert result.returncode == 0 and "2 frames" in result.stdout
    assert "damaged in 2 places" in result.stderr and "log.xyz.damaged-1" in result.stderr
    again = run(path, "--check")
    assert again.returncode == 0 and again.stderr == "" and "2 frames" in again.stdout


def evaluate(potential, log):
    return [program("lmlink-eval"), "--potential", potential, log, "--output", log.with_name("out.xyz")]


def retrain(potential, log):
    return [program("lmlink-retrain"), "--start", potential, "--form", "linear", "--targets", log, "--select", "all",
            "--lambda-ridge", "1e-6", "--overwrite", "--output", log.with_name("new.snapcoeff")]


@pytest.mark.parametrize("reader", [evaluate, retrain])
def test_other_readers_do_not_take_a_damaged_frame(reader, logged, potentials):
    """One digit of a number is another: it would be read as any other. The error says how to mend it, and that helps."""
    _, path, log, _ = logged
    data = write_log(logged)
    command = reader(potentials / ML, log)
    flip(log, len(data) // 2)
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    lines = result.stderr.splitlines()
    assert result.returncode == 1 and len(lines) == 1, result.stderr
    first = data[: len(frames_of(data)[0])].count(b"\n") + 1
    assert f"begins in line {first} " in lines[0] and "log.xyz:" in lines[0] and "lmlink-serve --check" in lines[0]

    damaged = log.read_bytes()
    assert run(path, "--check").returncode == 0
    assert subprocess.run(command, capture_output=True, timeout=TIMEOUT).returncode == 0
    # Or the change was meant.
    lines = damaged.decode().splitlines(keepends=True)
    lines[first] = lines[first].split(" ", 3)[3]
    log.write_text("".join(lines))
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
