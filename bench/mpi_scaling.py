"""Force calls on one MPI rank and on several, taking turns; medians of the wall time.

    python bench/mpi_scaling.py [--bin build/bench/bench] [--atoms 20000] [--ranks 2] [--rounds 7] [--shape cylinder]

The speed-up can only show on a machine with as many idle cores as ranks: the table therefore also has the processor time
of rank 0, whose ratio says how well the work is shared out, whatever else the machine does. Shapes: a periodic crystal,
or a cylinder in vacuum, where equal volumes would not be equal work.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from ase.io import write

from bench import add_bin, alternate, find, run, verdict
from force_call import make_structure, write_potential

BAR = 1.85  # for two ranks

# lets Open MPI run as root, as in a container
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def cylinder(natoms):
    """A cylinder along z in vacuum, of a good natoms atoms."""
    atoms = make_structure(3 * natoms, ["W"])
    across = atoms.positions[:, :2] - atoms.positions[:, :2].mean(axis=0)
    radii = (across**2).sum(axis=1)
    atoms = atoms[radii.argsort()[:natoms]]
    atoms.pbc = (False, False, True)
    return atoms


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--atoms", type=int, default=20000, help="about")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=5, help="force calls in a round")
    parser.add_argument("--shape", choices=("crystal", "cylinder"), default="crystal")
    parser.add_argument("--launcher", default="mpirun", help="command that takes -n RANKS")
    arguments = parser.parse_args()
    program = find(arguments.bin, "bench_evaluate")
    with tempfile.TemporaryDirectory() as folder:
        potential = write_potential(Path(folder), 8, ["W"], {})
        structure = Path(folder) / "structure.xyz"
        atoms = cylinder(arguments.atoms) if arguments.shape == "cylinder" else make_structure(arguments.atoms, ["W"])
        write(structure, atoms)
        times = {}

        def measure(ranks):
            launcher = [arguments.launcher, "-n", ranks] if ranks > 1 else []
            words = run(*launcher, program, potential, structure, arguments.calls, env=ENVIRONMENT)
            times.setdefault(ranks, []).append(float(words[1]))
            return float(words[2])

        one, several = alternate(arguments.rounds, lambda: measure(1), lambda: measure(arguments.ranks))
    processor = [sorted(times[ranks])[len(times[ranks]) // 2] for ranks in (1, arguments.ranks)]
    print(f"linear 2J = 8, {len(atoms)} atoms, {arguments.shape}; milliseconds per force call, "
          f"medians of {arguments.rounds}\n")
    print(f"{'ranks':>5} {'wall time':>10} {'speed-up':>9} {'processor time of rank 0':>25} {'ratio':>6}")
    print(f"{1:5d} {1e3 * one:10.1f} {'':9} {1e3 * processor[0]:25.1f}")
    print(f"{arguments.ranks:5d} {1e3 * several:10.1f} {one / several:9.2f} {1e3 * processor[1]:25.1f} "
          f"{processor[0] / processor[1]:6.2f}\n")
    bar = BAR / 2 * arguments.ranks
    print(f"bar: a speed-up of {bar:g}: ", end="")
    return verdict(one / several >= bar)


if __name__ == "__main__":
    sys.exit(main())
