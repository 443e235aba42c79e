"""What MPI ranks do not share, in instructions of rank 0 counted by valgrind, and what that leaves of their speed-up.

    python bench/rank_part.py [--bin build/bench/bench] [--atoms 100000] [--ranks 2 16]

As serial_part.py, with one thread in each rank; instructions per atom of the whole structure. What every rank does for all
atoms, and rank 0 alone, is "not shared"; the rest is what there is of its own part of the atoms, and of those near it. MPI's
own calls are counted with what they wait for while they poll, so that they are an upper bound. Needs Open MPI's mpirun.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench import add_bin, find, verdict
from force_call import make_structure, write_potential
from serial_part import ALL, KEPT, NEW, per_atom

BAR = 0.02
BAR_RANKS = 16
KERNEL = "lml_evaluator_finish"

NOT_SHARED = {
    "which atoms are a rank's": ["lml_atom_part_find"],
    "whether an atom has moved far": ["compare_atoms", "remember_places"],
    "results set to zero, checked, summed, copied": ["lml_structure_check", "lml_results_reset",
                                                     "lml_linear_results_sum", "lml_linear_results_add"],
    "MPI: positions to all, results to rank 0": ["lml_comm_broadcast", "lml_comm_agree", "lml_comm_sum"],
}
SHARED = {
    "descriptors and forces": [KERNEL],
    "own lists": ["list_run"],
    "sorting what is near": ["sort_checked"],
}


def table(title, kept, new):
    print(f"\n{title:48} {'kept lists':>17} {'new lists':>17}")
    columns = (kept, new)

    def row(name, values):
        print(f"{name:48}" + "".join(f" {value:9,.0f} {100 * value / found[ALL]:5.2f} %"
                                     for value, found in zip(values, columns)))

    for name, functions in {**SHARED, **NOT_SHARED}.items():
        row(name, [sum(found.get(function, 0.0) for function in functions) for found in columns])
    parts = [sum(found.get(function, 0.0) for functions in NOT_SHARED.values() for function in functions)
             for found in columns]
    row("everything not shared", parts)
    row("all", [found[ALL] for found in columns])
    return max(part / found[ALL] for part, found in zip(parts, columns))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--atoms", type=int, default=100000, help="about")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, BAR_RANKS])
    arguments = parser.parse_args()
    program = find(arguments.bin, "bench_evaluate")
    atoms = make_structure(arguments.atoms, ["W"])
    met = True
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        dear, cheap = write_potential(Path(first), 8, ["W"], {}), write_potential(Path(second), 2, ["W"], {})
        few = make_structure(2000, ["W"])
        factor = per_atom(program, dear, few, KEPT)[KERNEL] / per_atom(program, cheap, few, KEPT)[KERNEL]
        for ranks in arguments.ranks:
            counts = [per_atom(program, cheap, atoms, distance, ranks) for distance in (KEPT, NEW)]
            for found in counts:
                found[ALL] += (factor - 1.0) * found[KERNEL]
                found[KERNEL] *= factor
            part = table(f"{len(atoms)} atoms, rank 0 of {ranks}", *counts)
            met = met and (ranks > BAR_RANKS or part <= BAR)
    print(f"\nbar: at most {100 * BAR:g} % of a rank's work is not shared, up to {BAR_RANKS} ranks: ", end="")
    return verdict(met)


if __name__ == "__main__":
    sys.exit(main())
