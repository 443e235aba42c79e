"""What mixing costs beside the two calculators that it mixes, in 60,000 atoms, next to LAMMPS's time for the ML part.

    python bench/mixing_overhead.py [--bin build/bench/src/programs] [--rounds 5] [--cells 32] [--buffer 12]

Three processes of lmlink-serve take turns at the same positions, which move at every call: a mixture whose ML and QM
sides are linear potentials in its own process; the ML side alone; the QM side alone, on the mixture's cluster. The
overhead is the first one's time less that of the two others: following atoms across periodic boundaries into the
cluster, comparing and mixing forces, their mean, and the extras. It must stay below 5 % of the time of LAMMPS's
pair_style snap for the whole structure. All are processor seconds on one core, medians of the rounds, without what
happens once (regions, first neighbour lists).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.socketio import SocketIOCalculator
from ase.io import read, write

from bench import ROOT, alternate, verdict
from force_call import LATTICE_CONSTANT, Lammps, write_potential

SHARE = 0.05  # of LAMMPS's time
RADIUS = 5.2  # Å, of the QM sphere
STEP = 0.005  # Å that atoms move between two calls


class Server:
    """lmlink-serve behind ASE's SocketIOCalculator."""

    def __init__(self, stack, program, name, atoms, options):
        self.atoms = atoms.copy()
        socket = f"lmlbench{os.getpid()}{name}"
        stack.callback(lambda: self.process.wait())  # once the calculator has hung up
        self.atoms.calc = stack.enter_context(SocketIOCalculator(unixsocket=socket))
        self.process = subprocess.Popen([str(program), *map(str, options), "--driver", f"unix:{socket}", "--wait", "60"])
        self.random = np.random.default_rng(1)

    def processor_seconds(self):
        """The process's so far, which has one thread."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) * 1e-9

    def seconds(self):
        """Of one call, with moved atoms."""
        self.atoms.positions += self.random.uniform(-STEP, STEP, self.atoms.positions.shape)
        before = self.processor_seconds()
        self.atoms.get_forces()
        return self.processor_seconds() - before


def configure(folder, structure, potential, centre, buffer):
    linear = {"type": "linear", "potential": {"file": str(potential)}}
    region = {"spheres": [{"atom": centre, "radius": RADIUS}], "buffer": buffer}
    path = folder / "mixture.json"
    path.write_text(json.dumps({
        "format": "lmlink-serve", "version": 1, "structure": str(structure),
        "calculator": {"type": "mixing", "ml": linear, "qm": [{"region": region, "calculator": linear}]}}))
    return path


def measure(arguments, folder, stack):
    atoms = bulk("W", "bcc", a=LATTICE_CONSTANT, cubic=True).repeat(arguments.cells)
    atoms.rattle(0.02, seed=1)
    centre = int(np.argmin(np.linalg.norm(atoms.positions - atoms.cell.array.sum(axis=0) / 2, axis=1)))
    potential = write_potential(folder, 8, ["W"], {})
    write(folder / "structure.xyz", atoms, format="extxyz")
    program = arguments.bin / "lmlink-serve"
    path = configure(folder, folder / "structure.xyz", potential, centre, arguments.buffer)
    described = subprocess.run([str(program), path, "--driver", "unix:none", "--check"], cwd=folder, check=True,
                               capture_output=True, text=True).stdout
    print("\n".join(line for line in described.splitlines() if line.startswith(("region", "cluster"))))
    cluster = read(folder / "mixture-cluster.xyz")
    servers = [Server(stack, program, "mixture", atoms, [path]),
               Server(stack, program, "ml", atoms, ["--potential", potential, "--structure", folder / "structure.xyz"]),
               Server(stack, program, "qm", cluster,
                      ["--potential", potential, "--structure", folder / "mixture-cluster.xyz"])]
    for server in servers:
        server.seconds()
    lammps = Lammps(atoms, ["W"], potential)
    seconds = alternate(arguments.rounds, *(server.seconds for server in servers), lambda: lammps.seconds(1))
    lammps.close()
    return len(atoms), *seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=ROOT / "build" / "bench" / "src" / "programs",
                        help="folder of lmlink-serve")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", type=int, default=32, help="cubic cells along each side, two atoms each")
    parser.add_argument("--buffer", type=float, default=12.0, help="Å")
    arguments = parser.parse_args()
    arguments.bin = arguments.bin.resolve()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        natoms, mixture, ml, qm, lammps = measure(arguments, Path(folder), stack)
    overhead = mixture - ml - qm
    print(f"{natoms} atoms, processor seconds a call: mixture {mixture:.3f}, ML alone {ml:.3f}, QM alone {qm:.3f}, "
          f"LAMMPS {lammps:.3f}")
    print(f"overhead {1e3 * overhead:.1f} ms: {overhead / lammps:.2%} of LAMMPS's time, {overhead / ml:.1%} of lmlink's")
    return verdict(overhead < SHARE * lammps)


if __name__ == "__main__":
    sys.exit(main())
