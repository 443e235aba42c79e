"""What the socket costs: round trips of lmlink's client beside other clients of the i-PI protocol.

    python bench/socket_overhead.py [--bin build/bench/bench] [--serve build/bench/src/programs/lmlink-serve]
                                    [--fortran-driver i-pi-driver] [--rounds 5]

First table: microseconds from positions sent to forces received over a Unix socket, by clients that compute nothing:
lmlink's client and session (bench_idle_client); a client that does nothing but make the system calls of i-PI's Fortran
driver (bench_plain_client); the Fortran driver itself (`-m gas`), where the program i-pi-driver of i-PI's source tree is
on PATH or named; and the driver of PyPI's ipi, in Python (`-m dummy`). The driver's side is the same for all: it sends
POSDATA and GETFORCE together, as i-PI does.

Second table: evaluations per second that i-PI (NVE) and ASE (SocketIOCalculator) reach on two atoms with lmlink-serve and
with i-PI's own drivers, which do nothing but answer. The clients take turns; medians count.
"""

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write
from ase.units import Bohr

from bench import add_bin, add_serve, find, verdict
from force_call import write_potential

INPUT = """
<simulation verbosity='quiet'>
  <output prefix='run'/>
  <total_steps>{steps}</total_steps>
  <ffsocket name='client' mode='unix' pbc='false'>
    <address>{name}</address> <latency>1e-4</latency> <timeout>60</timeout>
  </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='ase'>structure.xyz</file> <velocities mode='thermal' units='kelvin'>1</velocities>
    </initialize>
    <forces> <force forcefield='client'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'>0.1</timestep> </dynamics>
    </motion>
    <ensemble> <temperature units='kelvin'>1</temperature> </ensemble>
  </system>
</simulation>
"""


class Case:
    """A folder with a structure, a potential and a socket's name; what all clients are started with."""

    def __init__(self, folder, atoms):
        self.folder = folder
        self.atoms = atoms
        self.name = f"lmlbench{os.getpid()}"
        self.path = f"/tmp/ipi_{self.name}"
        self.structure = folder / "structure.xyz"
        self.potential = write_potential(folder, 2, ["W"], {})
        write(self.structure, atoms, format="extxyz", columns=["symbols", "positions"])


def clients(case, arguments):
    """name: command, of the clients that answer with zeros."""
    ours = {"lmlink (client and session)": [find(arguments.bin, "bench_idle_client"), f"unix:{case.name}",
                                            case.structure],
            "plain loop of system calls": [find(arguments.bin, "bench_plain_client"), case.path]}
    return ours | drivers(case, arguments)


def drivers(case, arguments):
    """i-PI's own."""
    found = {}
    fortran = shutil.which(arguments.fortran_driver)
    if fortran:
        found["i-PI's driver in Fortran"] = [fortran, "-u", "-h", case.name, "-m", "gas"]
    python = Path(sys.executable).parent / "i-pi-driver-py"
    if python.is_file():
        found["i-PI's driver in Python"] = [python, "-u", "-a", case.name, "-m", "dummy"]
    return found


@contextlib.contextmanager
def started(command, folder):
    process = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:  # not all of them end by themselves when ASE hangs up
        process.kill()
        process.wait()


# ---- round trips


def receive(connection, view):
    done = 0
    while done < len(view):
        count = connection.recv_into(view[done:])
        if count == 0:
            raise EOFError("the client closed the connection")
        done += count


def request_for(atoms):
    """What a driver sends for the forces of a structure."""
    cell = (atoms.cell.array / Bohr).T.tobytes()
    positions = struct.pack("=i", len(atoms)) + (atoms.positions / Bohr).tobytes()
    return b"POSDATA     " + 2 * cell + positions + b"GETFORCE    "


def room_for_reply(atoms):
    """For what comes back, up to the number of bytes of the extras."""
    return memoryview(bytearray(12 + 8 + 4 + 24 * len(atoms) + 72 + 4))


def round_trip(case, command, count):
    """Microseconds per round trip, the median of `count`."""
    request, reply, header = request_for(case.atoms), room_for_reply(case.atoms), memoryview(bytearray(12))
    times = []
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(case.path)
        listener.listen(1)
        try:
            with started(command, case.folder), listener.accept()[0] as connection:
                connection.sendall(b"STATUS      ")
                receive(connection, header)
                if bytes(header).strip() == b"NEEDINIT":
                    connection.sendall(b"INIT        " + struct.pack("=ii", 0, 1) + b"\0")
                for _ in range(count):
                    begin = time.perf_counter()
                    connection.sendall(request)
                    receive(connection, reply)
                    extras = struct.unpack("=i", reply[-4:])[0]
                    if extras > 0:
                        receive(connection, memoryview(bytearray(extras)))
                    times.append(time.perf_counter() - begin)
                connection.sendall(b"EXIT        ")
        finally:
            os.unlink(case.path)
    return 1e6 * statistics.median(times)


def round_trips(arguments):
    """Print the first table; True where lmlink is no slower than the plain loop, or the Fortran driver where it is."""
    atoms = bulk("W", cubic=True, a=3.17).repeat((8, 8, 8))[:1000]
    print(f"round trips without force work, {len(atoms)} atoms, Unix socket\n\n{'client':32}{'µs':>8}")
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), atoms)
        commands = clients(case, arguments)
        times = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                times[name].append(round_trip(case, command, arguments.count))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:32}{value:8.1f}")
    names = list(medians)
    peer = names[2] if "Fortran" in names[2] else names[1]
    return medians[names[0]] <= medians[peer], peer


# ---- whole drivers


def with_ipi(case, command, steps):
    """Evaluations per second: from the difference of a long and a short run."""

    def seconds(count):
        (case.folder / "input.xml").write_text(INPUT.format(steps=count, name=case.name))
        begin = time.perf_counter()
        with started([Path(sys.executable).parent / "i-pi", "input.xml"], case.folder) as ipi:
            while not os.path.exists(case.path):
                time.sleep(0.01)
            with started(command, case.folder):
                ipi.wait(300)
                taken = time.perf_counter() - begin
        return taken

    return steps / (seconds(steps + 50) - seconds(50))


def with_ase(case, command, steps):
    """Evaluations per second."""
    random = np.random.default_rng(1)
    atoms = case.atoms.copy()
    with SocketIOCalculator(unixsocket=case.name) as atoms.calc:
        with started(command, case.folder):
            atoms.get_forces()
            begin = time.perf_counter()
            for _ in range(steps):
                atoms.positions += random.normal(0.0, 1e-4, atoms.positions.shape)
                atoms.get_forces()
            taken = time.perf_counter() - begin
            atoms.calc.close()
    return steps / taken


def whole_drivers(arguments):
    """Print the second table."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(Path(folder), bulk("W", cubic=True, a=3.17))
        commands = {"lmlink-serve": [arguments.serve, "--potential", case.potential, "--structure", case.structure,
                                     "--driver", f"unix:{case.name}", "--wait", 30], **drivers(case, arguments)}
        rates = {name: ([], []) for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                rates[name][0].append(with_ipi(case, command, 2 * arguments.count))
                rates[name][1].append(with_ase(case, command, arguments.count))
    print(f"\nevaluations per second, two atoms\n\n{'client':32}{'i-PI':>8}{'ASE':>8}")
    for name, (ipi, ase) in rates.items():
        print(f"{name:32}{statistics.median(ipi):8.0f}{statistics.median(ase):8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    add_serve(parser)
    parser.add_argument("--fortran-driver", default="i-pi-driver", help="i-PI's driver in Fortran, if there is one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=2000, help="evaluations in a round")
    arguments = parser.parse_args()
    met, peer = round_trips(arguments)
    whole_drivers(arguments)
    print(f"\nbar: a round trip of lmlink no slower than that of: {peer}: ", end="")
    return verdict(met)


if __name__ == "__main__":
    sys.exit(main())
