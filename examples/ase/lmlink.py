"""LMLink: an ASE calculator whose forces come from `lmlink-serve`.

    from lmlink import LMLink

    with LMLink("W_2940_2017_2.snap") as calculator:
        atoms.calc = calculator
        forces = atoms.get_forces()

The calculator starts `lmlink-serve` when the first result is asked for, and talks to it over a private Unix socket in
the i-PI protocol. Species and periodicity go along as JSON in the protocol's INIT message, so that one calculator and
one process serve structures of any size, composition and periodicity, one after the other.

`lmlink-serve` ends when its connection closes. No process is left behind, however Python ends: by close(), by leaving
the `with` block, at exit, or by a signal that cannot be caught.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sysconfig
import tempfile
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import Bohr, Hartree

__all__ = ["LMLink", "LMLinkError", "find_program"]

HEADER = 12  # bytes of a message's name in the i-PI protocol
LOG_TAIL = 4000  # characters of the server's messages that an exception shows
PATIENCE = 10.0  # seconds that a server has to end by itself before it is killed
SOCKET_PATH = 100  # bytes that surely fit into a Unix socket's address
BUILD_FOLDERS = ("build", "build/bin", "build/src", "build/src/programs", "build/release/src/programs",
                 "build/quickstart/src/programs")


class LMLinkError(CalculationFailed):
    """`lmlink-serve` could not be started, ended too early, or broke the protocol; its last messages are in the text."""


def find_program(name):
    """Path of one of lmlink's programs: in the folder LMLINK_BIN, in the build folder of the checkout that holds this
    file, or where pip put the programs if it installed this file, or along PATH, in this order."""
    folders = [os.environ["LMLINK_BIN"]] if os.environ.get("LMLINK_BIN") else []
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "CMakeLists.txt").is_file():
        folders += [str(checkout / folder) for folder in BUILD_FOLDERS]
    else:
        folders += [sysconfig.get_path("scripts", scheme) for scheme in
                    (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))]
    path = shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)
    if path is None:
        raise LMLinkError(f"{name} was not found: build it, or set LMLINK_BIN to the folder that holds it")
    return path


class LMLink(Calculator):
    """ASE calculator for the linear machine-learning potentials that lmlink reads.

    Parameters
    ----------
    potential : path
        A LAMMPS `.snap` file (with its ZBL term, if it has one) or a `.snapcoeff` file.
    parameters : path, optional
        The `.snapparam` file of a `.snapcoeff` file; by default the one of the same name beside it.
    fixed_terms : "none" or "snap", optional
        For a `.snapcoeff` file whose neighbour `.snap` file adds ZBL: leave ZBL away, or add it as that file says.
    ranks : int
        Number of MPI ranks; 1 starts no launcher.
    launcher : str
        Command that starts more than one rank, `LAUNCHER -n RANKS lmlink-serve …`. It must be of the MPI that
        lmlink was built with.
    binary : path, optional
        The program `lmlink-serve`; by default find_program looks for it.
    log : path, optional
        File to which the server's messages are appended, one line per evaluation. Without it they are kept until the
        process ends, and shown in the exception if it fails.
    timeout : float
        Seconds that the server has for starting and connecting. Evaluations may take as long as they need.

    Properties: energy and free_energy (eV, the same number), energies (natoms, eV, one for each atom), forces
    (natoms × 3, eV/Å), stress (6, Voigt order xx yy zz yz xz xy, eV/Å³, ASE's sign: minus virial over volume; only for
    a cell with three vectors). Energies take a second evaluation when first asked for; from then on they come along.

    A copy (copy.deepcopy, pickle, a forked process) has the parameters and results but starts a process of its own.
    """

    name = "lmlink"
    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    ignored_changes = {"initial_charges", "initial_magmoms"}

    def __init__(self, potential, parameters=None, fixed_terms=None, ranks=1, launcher="mpirun", binary=None, log=None,
                 timeout=60.0):
        super().__init__()
        # ASE's constructor binds a deprecated method to the object itself: a cycle that would keep the process running
        # until the garbage collector comes by.
        self.__dict__.pop("get_spin_polarized", None)
        self._server = None
        self._want_energies = False
        self.set(potential=potential, parameters=parameters, fixed_terms=fixed_terms, ranks=ranks, launcher=launcher,
                 binary=binary, log=log, timeout=timeout)

    def set(self, **changes):
        """Change parameters, by the names that the constructor has; results are forgotten, the process ends."""
        known = ("potential", "parameters", "fixed_terms", "ranks", "launcher", "binary", "log", "timeout")
        for name in changes:
            if name not in known:
                raise TypeError(f"LMLink has no parameter {name!r}; it has {', '.join(known)}")
        changes = {name: os.fspath(value) if isinstance(value, os.PathLike) else value
                   for name, value in changes.items()}
        changed = {name: value for name, value in changes.items()
                   if name not in self.parameters or self.parameters[name] != value}
        if changed:
            self.close()
            self.reset()
            self.parameters.update(changed)
        return changed

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Evaluate the structure; `results` then holds everything that one evaluation gives."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms
        self._want_energies = self._want_energies or "energies" in properties
        server = self._running_server()
        try:
            energy, forces, virial, extras = server.evaluate(atoms, self._want_energies)
        except BaseException:
            self.close()  # after half a conversation nothing can be said any more
            raise
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if "energies" in extras:
            self.results["energies"] = np.array(extras["energies"], dtype=float)
        if atoms.cell.rank == 3:
            self.results["stress"] = full_3x3_to_voigt_6_stress(-virial / atoms.get_volume())

    @property
    def pid(self):
        """Process number of the server (of the launcher, with more than one rank); None while there is none."""
        return self._server.process.pid if self._server is not None and self._server.process else None

    def close(self):
        """End the server; the next evaluation starts a new one. Closing twice does no harm."""
        server, self._server = self._server, None
        if server is not None:
            server.closer()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __getstate__(self):
        return {**self.__dict__, "_server": None}

    def _running_server(self):
        if self._server is not None and self._server.has_died():
            warnings.warn(f"a new lmlink-serve is started: {self._server.report()}", stacklevel=2)
            self.close()
        if self._server is None:
            self._server = _Server(self._command(), self.parameters["timeout"], self.parameters["log"])
            self._server.closer = weakref.finalize(self, self._server.close)
        return self._server

    def _command(self):
        """The command line, but for the driver's address."""
        given = self.parameters
        command = [given["binary"] or find_program("lmlink-serve"), "--potential", given["potential"]]
        for name in ("parameters", "fixed_terms"):
            if given[name] is not None:
                command += ["--" + name.replace("_", "-"), given[name]]
        command += ["--wait", str(given["timeout"]), "--log-level", "info" if given["log"] else "error"]
        if given["ranks"] > 1:
            command = [*shlex.split(given["launcher"]), "-n", str(given["ranks"]), *command]
        return command


class _Server:
    """One process of lmlink-serve and the driver's side of its connection."""

    def __init__(self, command, timeout, log):
        self.process = self.connection = self.structure = self.closer = None
        self.messages = open(log, "a+b") if log else tempfile.TemporaryFile()
        self.messages.seek(0, os.SEEK_END)
        self.messages_start = self.messages.tell()
        folder = self._socket_folder()
        try:
            self._start(command, os.path.join(folder, "driver"), timeout)
        except BaseException:
            self.close()
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _servers.add(self)

    @staticmethod
    def _socket_folder():
        """A folder that this user alone can enter, with a name short enough for a socket's address."""
        folder = tempfile.mkdtemp(prefix="lmlink-")
        if len(os.fsencode(folder)) > SOCKET_PATH:
            os.rmdir(folder)
            folder = tempfile.mkdtemp(prefix="lmlink-", dir="/tmp")
        return folder

    def _start(self, command, path, timeout):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen(1)
            # A session of its own keeps Ctrl-C, which is meant for Python, away from the server.
            try:
                self.process = subprocess.Popen([*command, "--driver", f"unix:{path}"], stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL, stderr=self.messages, start_new_session=True)
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
                        raise LMLinkError(f"lmlink-serve did not connect within {timeout} s: {self._tail()}") from None
        self.connection.settimeout(None)

    def has_died(self):
        return self.process is None or self.process.poll() is not None

    def report(self):
        """How the process ended, and what it said last."""
        code = self.process.poll() if self.process else None
        how = "is in an unknown state"
        if code is not None:
            how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return f"lmlink-serve {how}: {self._tail()}"

    def _tail(self):
        """The server's last messages. They are read by position: the process shares the file's offset."""
        size = os.fstat(self.messages.fileno()).st_size
        start = max(self.messages_start, size - LOG_TAIL)
        text = os.pread(self.messages.fileno(), max(size - start, 0), start).decode(errors="replace").strip()
        return text or "it left no message"

    def evaluate(self, atoms, want_energies):
        """Energy (eV), forces (natoms × 3, eV/Å), virial (3 × 3, eV) and the extras (dict) of the structure."""
        try:
            self._describe(atoms, want_energies)
            cell = atoms.cell.array
            self.connection.sendall(b"".join([
                _header("POSDATA"), _doubles(cell.T / Bohr), _doubles(np.linalg.pinv(cell).T * Bohr),
                struct.pack("=i", len(atoms)), _doubles(atoms.positions / Bohr), _header("GETFORCE")]))
            return self._receive_forces(len(atoms))
        except (ConnectionError, EOFError) as error:
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            raise LMLinkError(self.report()) from error

    def _describe(self, atoms, want_energies):
        """Send species, periodicity and wanted results in an INIT message, unless the server has them already."""
        structure = (atoms.numbers.tobytes(), atoms.pbc.tobytes(), want_energies)
        if structure == self.structure:
            return
        text = json.dumps({"lmlink": 1, "species": atoms.numbers.tolist(), "pbc": atoms.pbc.tolist(),
                           "results": ["energies"] if want_energies else []}).encode()
        self.connection.sendall(_header("STATUS"))
        status = self._receive(HEADER)
        if status not in (_header("NEEDINIT"), _header("READY")):
            raise LMLinkError(f"lmlink-serve answered {status!r} where NEEDINIT or READY was due")
        self.connection.sendall(_header("INIT") + struct.pack("=ii", 0, len(text)) + text)
        self.structure = structure

    def _receive_forces(self, natoms):
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

    def _receive(self, size):
        """Exactly that many bytes."""
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = self.connection.recv_into(view)
            if count == 0:
                raise EOFError("lmlink-serve closed the connection")
            view = view[count:]
        return bytes(buffer)

    def close(self):
        """Hang up, also amid an evaluation, wait for the process, and end it if it stays."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        process, self.process = self.process, None
        if process is not None:
            _end(process)
        self.messages.close()

    def forget(self):
        """In a forked child: let go of everything that belongs to the parent, without a word to the server."""
        if self.connection is not None:
            self.connection.close()
        self.connection = self.process = None


def _header(name):
    return name.encode().ljust(HEADER)


def _doubles(values):
    return np.ascontiguousarray(values, dtype=float).tobytes()


def _end(process):
    """Wait for a process that has been told to end; ask, then force it and its group if it stays."""
    for end in (lambda: None, process.terminate, lambda: os.killpg(process.pid, signal.SIGKILL)):
        end()
        try:
            process.wait(PATIENCE)
            return
        except subprocess.TimeoutExpired:
            pass


_servers = weakref.WeakSet()


def _forget_servers():
    for server in list(_servers):
        server.forget()
    _servers.clear()


os.register_at_fork(after_in_child=_forget_servers)
