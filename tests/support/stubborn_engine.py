"""An engine that computes for ever and ends by SIGKILL alone; under an MPI launcher its first rank talks.

    python stubborn_engine.py SOCKET

Each process writes its number into a file pid-NUMBER; the one that talks waits with that until it has positions."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    signal.signal(number, signal.SIG_IGN)


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            sys.exit(1)
        data += piece
    return data


if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0")) == "0":
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[1])
    while receive(engine, 12).strip() != b"POSDATA":
        engine.sendall(b"READY       ")
Path(f"pid-{os.getpid()}").touch()
while True:
    time.sleep(3600)
