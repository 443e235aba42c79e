"""A driver that says what a test tells it to, right or wrong: the other end of lmlink-serve's socket."""

import socket
import struct

import numpy as np
from conftest import TIMEOUT

CELL = 6.0 * np.eye(3)  # Bohr, like all lengths here
POSITIONS = np.array([[0.0, 0.0, 0.0], [2.9, 3.1, 3.0]])


class Driver:
    """The driver's side of the protocol, plain, on the socket `s` in a folder; `process` is the client's."""

    def __init__(self, folder):
        self.path = str(folder / "s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(0.2)
        self.connection = self.process = None
        self.listener.bind(self.path)

    def listen(self):
        """From here on a client can connect: to be called before the start of one that waits for nobody."""
        self.listener.listen(1)

    def accept(self):
        """Wait for the client as long as its process lives."""
        self.listen()
        self.connection = None
        while self.connection is None:
            try:
                self.connection = self.listener.accept()[0]
            except TimeoutError:
                assert self.process.poll() is None, self.process.stderr.read()
        self.connection.settimeout(TIMEOUT)

    def send(self, name, contents=b""):
        self.connection.sendall(name.encode().ljust(12) + contents)

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.connection.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def send_positions(self, positions=POSITIONS, cell=CELL):
        numbers = [cell.T, np.eye(3)]
        self.send("POSDATA", b"".join(np.ascontiguousarray(n, dtype=float).tobytes() for n in numbers)
                  + struct.pack("=i", len(positions)) + np.ascontiguousarray(positions, dtype=float).tobytes())

    def evaluate(self, positions=POSITIONS, cell=CELL):
        self.send_positions(positions, cell)
        self.send("GETFORCE")
        assert self.receive(12) == b"FORCEREADY  "
        energy, natoms = struct.unpack("=di", self.receive(12))
        forces = np.frombuffer(self.receive(24 * natoms)).reshape(natoms, 3)
        self.virial = np.frombuffer(self.receive(72)).reshape(3, 3)  # of the last evaluation
        return energy, forces, self.receive(struct.unpack("=i", self.receive(4))[0])

    def is_alone(self):
        """Whether the client closes the connection without another word."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def hang_up(self):
        self.connection.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.listener.close()
