"""An engine, springs to fixed places, that does one thing wrong at one point of the i-PI conversation.

    python faulty_engine.py SOCKET PHASE FAULT MARK       SOCKET: a path, or HOST:PORT

The first process that makes the file MARK is at fault, and only once; all others are well."""

import os
import signal
import socket
import struct
import sys
import time

path, phase, fault, mark = sys.argv[1:]


def is_first():
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def header(text):
    return text.ljust(12).encode()


def receive(count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def reply(forces):
    natoms = len(forces) // 3
    energy = 0.5 * sum(force * force for force in forces)
    numbers = [energy], forces, [0.0] * 9
    parts = [struct.pack("<d", *numbers[0]), struct.pack("<i", natoms), struct.pack(f"<{3 * natoms}d", *numbers[1]),
             struct.pack("<9d", *numbers[2]), struct.pack("<i", 0)]
    return header("FORCEREADY") + b"".join(parts)


def fail(forces):
    """Never returns to the conversation."""
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "hang":
        time.sleep(3600)
    elif fault == "garbage":
        connection.sendall(b"\xff\x00not the protocol" * 64)
    elif fault == "nan":
        connection.sendall(reply([float("nan")] * len(forces)))
    elif fault == "short":
        connection.sendall(reply(forces)[:-100])
        sys.exit(0)
    elif fault == "count":
        connection.sendall(reply(forces + [0.0] * 3))
    while connection.recv(4096):
        pass
    sys.exit(0)


at_fault = phase != "none" and is_first()
if ":" in path:
    connection = socket.create_connection((path.split(":")[0], int(path.split(":")[1])))
else:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
forces = [0.0] * 6  # before there are positions
has_data = False
results = 0
if at_fault and phase == "connect":
    fail(forces)
while True:
    word = receive(12).decode().strip()
    if at_fault and phase == "ready" and word == "STATUS" or at_fault and phase == "idle" and results > 0:
        fail(forces)
    if word == "STATUS":
        if at_fault and phase == "computing" and has_data:
            fail(forces)
        connection.sendall(header("HAVEDATA" if has_data else "READY"))
    elif word == "POSDATA":
        if at_fault and phase == "posdata":
            fail(forces)
        natoms = struct.unpack("<i", receive(9 * 8 * 2 + 4)[-4:])[0]
        positions = struct.unpack(f"<{3 * natoms}d", receive(24 * natoms))
        forces = [0.01 * (i % 7) - 0.02 * x for i, x in enumerate(positions)]
        has_data = True
    elif word == "GETFORCE":
        if at_fault and phase == "reply":
            if fault in ("kill", "hang", "garbage"):
                connection.sendall(reply(forces)[:60])
            fail(forces)
        connection.sendall(reply(forces))
        has_data = False
        results += 1
    elif word == "EXIT":
        sys.exit(0)
