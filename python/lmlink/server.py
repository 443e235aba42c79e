"""One process of `lmlink-serve`, and the driver's side of its connection."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
import weakref
from typing import Any, Callable, Sequence

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import ArrayLike, NDArray

from .configuration import Configuration, environment
from .engine import Engine
from .errors import LMLinkError
from .messages import Messages, hand_on

Floats = NDArray[np.float64]

HEADER = 12  # bytes of a message's name in the i-PI protocol
LOOK = 1000  # milliseconds between two looks at what the server says while it is waited for
PATIENCE = 10.0  # seconds that a server has to end by itself before it is killed


class Server:
    """One process of lmlink-serve and the driver's side of its connection."""

    def __init__(self, configuration: Configuration, timeout: float, messages: Messages, ranks: int) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: socket.socket | None = None
        self.structure: tuple[bytes, bytes, list[str]] | None = None
        self.closer: Callable[[], object] = self.close
        self.engines: list[Engine] = []
        self.messages = messages
        try:
            structures = configuration.structures()
            self._start(configuration.command, os.path.join(configuration.folder, "driver"), timeout,
                        environment(ranks))
            for (calculator, name), atoms in zip(configuration.engines, structures):
                assert self.process is not None
                self.engines.append(Engine(calculator, atoms, name, self.process))
                self.engines[-1].start()
        except BaseException:
            self.close()
            raise
        _servers.add(self)

    def _start(self, command: list[str], path: str, timeout: float, environment: dict[str, str] | None) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            # A session of its own keeps Ctrl-C, which is meant for Python, away from the server.
            try:
                self.process = subprocess.Popen([*command, "--driver", f"unix:{path}"], stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL, stderr=self.messages.file,
                                                start_new_session=True, env=environment)
            except OSError as error:
                raise LMLinkError(f"{command[0]} cannot be started: {error.strerror}") from error
            listener.settimeout(0.1)
            deadline = time.monotonic() + timeout
            while self.connection is None:
                try:
                    self.connection = listener.accept()[0]
                except socket.timeout:
                    if self.has_died():
                        raise LMLinkError(self.report()) from None
                    if time.monotonic() > deadline:
                        raise LMLinkError(f"lmlink-serve did not connect within {timeout} s: "
                                          f"{self.messages.tail()}") from None
        self.connection.settimeout(None)

    @property
    def _wire(self) -> socket.socket:
        """The connection, which is there since the server came."""
        assert self.connection is not None
        return self.connection

    def has_died(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def report(self) -> str:
        """How the process ended, and what it said last."""
        code = self.process.poll() if self.process else None
        how = "is in an unknown state"
        if code is not None:
            how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return f"lmlink-serve {how}: {self.messages.tail()}"

    def evaluate(self, atoms: Atoms, results: Sequence[str]) -> tuple[float, Floats, Floats, dict[str, Any]]:
        """Energy (eV), forces (natoms × 3, eV/Å), virial (3 × 3, eV) and the extras (dict) of the structure, with the
        results of these names among the latter."""
        try:
            self._describe(atoms, results)
            cell = atoms.cell.array
            self._wire.sendall(b"".join([
                _header("POSDATA"), _doubles(cell.T / Bohr), _doubles(np.linalg.pinv(cell).T * Bohr),
                struct.pack("=i", len(atoms)), _doubles(atoms.positions / Bohr), _header("GETFORCE")]))
            return self._receive_forces(len(atoms))
        except (OSError, EOFError) as error:
            if self.process is None:
                raise LMLinkError("the calculator was closed by another thread while it evaluated") from error
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            for engine in self.engines:
                if not engine.is_inside():
                    engine.join(PATIENCE)
                if engine.error is not None:
                    failed = f"{type(engine.atoms.calc).__name__}: {engine.error or repr(engine.error)}"
                    raise LMLinkError(f"the engine failed: {failed}") from engine.error
            raise LMLinkError(self.report()) from error

    def _describe(self, atoms: Atoms, results: Sequence[str]) -> None:
        """Send species, periodicity and wanted results in an INIT message, unless the server has them already."""
        structure = (atoms.numbers.tobytes(), atoms.pbc.tobytes(), list(results))
        if structure == self.structure:
            return
        text = json.dumps({"lmlink": 1, "species": atoms.numbers.tolist(), "pbc": atoms.pbc.tolist(),
                           "results": list(results)}).encode()
        self._wire.sendall(_header("STATUS"))
        status = self._receive(HEADER)
        if status not in (_header("NEEDINIT"), _header("READY")):
            raise LMLinkError(f"lmlink-serve answered {status!r} where NEEDINIT or READY was due")
        self._wire.sendall(_header("INIT") + struct.pack("=ii", 0, len(text)) + text)
        self.structure = structure

    def _await_reply(self) -> None:
        """Wait for the server's next words, and hand on what it warns of meanwhile: an engine may take hours."""
        poll = select.poll()
        try:
            poll.register(self._wire, select.POLLIN)
        except ValueError as error:  # another thread has closed it
            raise ConnectionError("the connection is closed") from error
        while not poll.poll(LOOK):
            hand_on(self.messages.new_warnings())

    def _receive_forces(self, natoms: int) -> tuple[float, Floats, Floats, dict[str, Any]]:
        self._await_reply()
        header = self._receive(HEADER)
        if header != _header("FORCEREADY"):
            raise LMLinkError(f"lmlink-serve answered {header!r} where FORCEREADY was due")
        energy, count = struct.unpack("=di", self._receive(12))
        if count != natoms:
            raise LMLinkError(f"lmlink-serve answered with the forces of {count} atoms, not {natoms}")
        forces = np.frombuffer(self._receive(24 * natoms)).reshape(natoms, 3) * (Hartree / Bohr)
        virial = np.frombuffer(self._receive(72)).reshape(3, 3).T * Hartree
        (length,) = struct.unpack("=i", self._receive(4))
        extras = self._receive(length).strip(b"\0 ")
        return energy * Hartree, forces, virial, json.loads(extras) if extras else {}

    def _receive(self, size: int) -> bytes:
        """Exactly that many bytes."""
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = self._wire.recv_into(view)
            if count == 0:
                raise EOFError("lmlink-serve closed the connection")
            view = view[count:]
        return bytes(buffer)

    def close(self) -> None:
        """Hang up, also amid an evaluation, wait for the process, and end it if it stays."""
        process, self.process = self.process, None
        if self.connection is not None:
            try:
                self.connection.shutdown(socket.SHUT_RDWR)  # another thread may wait for an answer
            except OSError:
                pass  # the server has gone
            self.connection.close()
        if process is not None:
            _end(process)
        for engine in self.engines:
            engine.stop()
        self.messages.close()

    def forget(self) -> None:
        """In a forked child: let go of everything that belongs to the parent, without a word to the server."""
        if self.connection is not None:
            self.connection.close()
        self.process = None
        self.engines = []


def _header(name: str) -> bytes:
    return name.encode().ljust(HEADER)


def _doubles(values: ArrayLike) -> bytes:
    return np.ascontiguousarray(values, dtype=float).tobytes()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that has been told to end; ask, then force it and its group if it stays."""
    ends: list[Callable[[], object]] = [lambda: None, process.terminate, lambda: os.killpg(process.pid, signal.SIGKILL)]
    for end in ends:
        end()
        try:
            process.wait(PATIENCE)
            return
        except subprocess.TimeoutExpired:
            pass


_servers: weakref.WeakSet[Server] = weakref.WeakSet()


def _forget_servers() -> None:
    for server in list(_servers):
        server.forget()
    _servers.clear()


os.register_at_fork(after_in_child=_forget_servers)
