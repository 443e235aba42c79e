"""Who else connects where an engine is awaited, before the engine does: the run goes on with the engine's forces, and the
engine is started once."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT, TIMEOUT, program
from engines import write_configuration
from scripted_driver import Driver
from serve import finish

ENGINE = ROOT / "tests" / "support" / "faulty_engine.py"
PAIR = Atoms("ArAr", positions=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], cell=[9, 9, 9], pbc=True)
FORCES = np.reshape([0.01 * (i % 7) - 0.02 * x for i, x in enumerate(PAIR.positions.ravel())], (-1, 3))
FORGED = 1e3

FORGER = f"""
import socket, struct, sys
kind, *where = sys.argv[1:]
peer = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
peer.connect(where[0] if kind == "unix" else (where[0], int(where[1])))
print("connected", flush=True)
has_data = False
while True:
    word = peer.recv(12, socket.MSG_WAITALL).strip()
    if word == b"STATUS":
        peer.sendall(b"HAVEDATA    " if has_data else b"READY       ")
    elif word == b"POSDATA":
        natoms = struct.unpack("=i", peer.recv(148, socket.MSG_WAITALL)[-4:])[0]
        peer.recv(24 * natoms, socket.MSG_WAITALL)
        has_data = True
    elif word == b"GETFORCE":
        peer.sendall(b"FORCEREADY  " + struct.pack("=di", 0.0, natoms) + struct.pack("=d", {FORGED}) * (3 * natoms + 9)
                     + struct.pack("=i", 0))
    else:
        break
"""


class Place:
    """Where an lmlink-serve awaits its engine."""

    def __init__(self, transport, folder):
        self.transport = transport
        if transport == "unix":
            self.arguments = [f"{folder}/qm"]
            self.address, self.launch = f"unix:{folder}/qm", "{path}"
        else:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.arguments = ["127.0.0.1", str(free.getsockname()[1])]
            self.address, self.launch = ":".join(self.arguments), "{host}:{port}"

    def connect(self):
        """As soon as somebody listens."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            peer = socket.socket(socket.AF_UNIX if self.transport == "unix" else socket.AF_INET)
            try:
                peer.connect(self.arguments[0] if self.transport == "unix"
                             else (self.arguments[0], int(self.arguments[1])))
                return peer
            except OSError:
                peer.close()
                assert time.monotonic() < deadline
                time.sleep(0.01)


def silent(place, stack):
    for _ in range(5):
        stack.enter_context(place.connect())


def scanner(place, stack):
    for _ in range(15):
        place.connect().close()
        with place.connect() as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")


def half_a_message(place, stack):
    for words in b"REA", b"R":
        stack.enter_context(place.connect()).sendall(words)
    with place.connect() as peer:
        answer = peer.recv(12, socket.MSG_WAITALL)
        assert answer == b"STATUS      "
        peer.sendall(b"READ")


def forger(place, stack, **options):
    """A program of the same user that knows the protocol well; another's, with the option `user`."""
    place.connect().close()
    process = stack.enter_context(subprocess.Popen([sys.executable, "-S", "-c", FORGER, place.transport, *place.arguments],
                                                   stdout=subprocess.PIPE, text=True, **options))
    stack.callback(process.kill)
    assert process.stdout.readline() == "connected\n"


class Run:
    """An lmlink-serve that awaits its engine, which connects when `go` is called."""

    def __init__(self, start, folder, place, launch="until [ -e {go} ]; do sleep 0.01; done; exec {engine}", **keys):
        self.go_file = folder / "go"
        self.engine = f"{sys.executable} -S {ENGINE} {place.launch} none none mark"
        settings = {"type": "remote", "address": place.address, "folder": str(folder / "work"), **keys}
        if launch:
            settings["launch"] = launch.format(go=self.go_file, engine=self.engine)
        self.driver = Driver(folder)
        self.server = self.driver.process = start(
            [program("lmlink-serve"), write_configuration(folder, settings, PAIR), "--driver", f"unix:{folder}/s"])
        self.driver.accept()
        self.driver.send_positions(PAIR.positions)
        self.driver.send("GETFORCE")

    def forces(self):
        assert self.driver.receive(12) == b"FORCEREADY  "
        natoms = struct.unpack("=di", self.driver.receive(12))[1]
        forces = np.frombuffer(self.driver.receive(24 * natoms)).reshape(natoms, 3)
        self.driver.receive(72)
        self.driver.receive(struct.unpack("=i", self.driver.receive(4))[0])
        return forces

    def close(self):
        """End it well; what was printed."""
        self.driver.close()
        os.unlink(self.driver.path)
        code, messages = finish(self.server)
        assert code == 0, messages
        return messages


@pytest.mark.parametrize("stranger", [silent, scanner, half_a_message, forger])
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_a_launched_engine_comes_after_strangers(start, socket_folder, transport, stranger):
    place = Place(transport, socket_folder)
    run = Run(start, socket_folder, place)
    with ExitStack() as stack:
        stranger(place, stack)
        run.go_file.touch()
        assert np.array_equal(run.forces(), FORCES)
        messages = run.close()
    assert messages.count(": started '") == 1 and " again in " not in messages, messages
    assert stranger is not forger or "it is none of the processes that launch started" in messages, messages


@pytest.mark.parametrize("stranger", [silent, scanner, half_a_message])
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_somebody_elses_engine_comes_after_strangers(start, socket_folder, transport, stranger):
    """No loss is allowed, and no second engine would come."""
    place = Place(transport, socket_folder)
    run = Run(start, socket_folder, place, launch=None, on_failure="stop")
    with ExitStack() as stack:
        stranger(place, stack)
        words = run.engine.replace("{path}", place.arguments[0]).replace("{host}:{port}", ":".join(place.arguments))
        engine = start(words.split(), cwd=socket_folder)
        assert np.array_equal(run.forces(), FORCES)
        run.close()
    assert engine.wait(TIMEOUT) == 0


def test_another_users_engine_is_refused_over_tcp(start, socket_folder):
    """Also where lmlink does not know who its engine is."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    place = Place("tcp", socket_folder)
    run = Run(start, socket_folder, place, launch=None)
    with ExitStack() as stack:
        forger(place, stack, user=65534)
        engine = start(run.engine.replace("{host}:{port}", ":".join(place.arguments)).split(), cwd=socket_folder)
        assert np.array_equal(run.forces(), FORCES)
        run.close()
    assert engine.wait(TIMEOUT) == 0


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_an_engine_that_was_started_otherwise_wants_a_word(start, socket_folder, transport):
    """The command's processes go on, but the engine is not one of them, as behind a daemon: with "peer": "any" it is
    taken."""
    place = Place(transport, socket_folder)
    run = Run(start, socket_folder, place, peer="any")
    with ExitStack() as stack:
        forger(place, stack)
        assert np.array_equal(run.forces(), np.full_like(FORCES, FORGED))
        run.server.send_signal(signal.SIGTERM)
        run.server.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("launch", ["exec env -i {engine}", "env -i {engine}; true"])
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_a_wrapper_may_clear_the_environment(start, socket_folder, transport, launch):
    run = Run(start, socket_folder, Place(transport, socket_folder), launch)
    assert np.array_equal(run.forces(), FORCES)
    assert "was refused" not in run.close()


@pytest.mark.parametrize("keys, words", [
    ({"allow": ["10.1.2.3/16"]}, "calculator.allow: '10.1.2.3/16' has bits behind the first 16; is 10.1.0.0/16 meant?"),
    ({"allow": ["10.1.0.0/16", "node7"]}, "calculator.allow: 'node7' is no network"),
    ({"allow": "10.1.0.0/16"}, "calculator.allow: must be"),
    ({"allow": ["10.0.0.0/8"] * 17}, "calculator.allow: must have at most 16 networks"),
    ({"peer": "all"}, "calculator.peer: 'all' is none of: launched, any"),
    ({"limits": {"answer": -1}}, "calculator.limits.answer"),
])
def test_wrong_keys_are_told(start, socket_folder, keys, words):
    settings = {"type": "remote", "address": "127.0.0.1:31415", **keys}
    path = write_configuration(socket_folder, settings, PAIR)
    code, messages = finish(start([program("lmlink-serve"), path, "--driver", f"unix:{socket_folder}/s", "--check"]))
    assert code == 1 and messages.count("\n") == 1 and words in messages, messages
