"""What of an evaluation threads do not share, in instructions counted by valgrind, and what that leaves of their speed-up.

    python bench/serial_part.py [--bin build/bench/bench] [--atoms 100000]

One thread, linear 2J = 8 on the kernel for any processor (LMLINK_ISA=generic), instructions per atom, with lists of neighbours
that are kept and with new ones. The kernel is counted on 2000 atoms, all else on a potential whose kernel is cheap, so that
100,000 atoms take minutes: what it counts does not depend on the kernel. The curve is Amdahl's, 1 / (s + (1 - s) / n); it knows
nothing of memory's speed, nor of threads that wait for one another.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ase.io import write

from bench import add_bin, find, run, verdict
from force_call import make_structure, write_potential
from mpi_scaling import ENVIRONMENT

BAR = 0.03
KEPT, NEW = 0.01, 0.4  # Å
THREADS = (2, 4, 8, 16)
ALL = "lml_calculator_evaluate"

# what is shared: functions within which it is done
SHARED = {
    "descriptors, forces": ["lml_evaluator_finish"],
    "lists of neighbours": ["list_run"],
    "atoms and ghosts: bins, images, positions": ["bound_run", "make_keys", "count_ghosts", "place_run", "place_ghosts",
                                                  "remember_places", "remember_atoms", "remember_ghosts"],
    "kept lists: distances, positions": ["compare_atoms", "move_atoms", "move_ghosts"],
    "everything shared": ["do_task"],
}
# what is not
SERIAL = {
    "sums of units, in order, beside the others' work": ["add_unit"],
    "sorting the bins' numbers": ["sort_keys"],
}


def count(program, potential, structure, evaluations, distance, ranks=1):
    """function: instructions of all calls in these evaluations and two before them, of rank 0."""
    output = f"{potential}.{evaluations}.{distance}.{ranks}.callgrind"
    command = [program, potential, structure, evaluations, 1, distance]
    launcher = ["mpirun", "--oversubscribe", "-n", 1] if ranks > 1 else []
    others = [":", "-n", ranks - 1, *command] if ranks > 1 else []
    run(*launcher, "valgrind", "--tool=callgrind", f"--toggle-collect={ALL}", f"--callgrind-out-file={output}", *command,
        *others, env={**ENVIRONMENT, "LMLINK_ISA": "generic"})
    listed = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", output], check=True,
                            capture_output=True, text=True).stdout
    counts = {}
    for number, name in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S*?:(\w+)", listed, re.MULTILINE):
        counts[name] = max(counts.get(name, 0), int(number.replace(",", "")))
    return counts


def per_atom(program, potential, atoms, distance, ranks=1):
    """function: instructions of one evaluation, per atom."""
    structure = potential.with_suffix(".xyz")
    write(structure, atoms)
    with ThreadPoolExecutor(2 if ranks == 1 else 1) as pool:
        one, two = pool.map(lambda n: count(program, potential, structure, n, distance, ranks), (1, 2))
    return {name: (number - one.get(name, 0)) / len(atoms) for name, number in two.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--atoms", type=int, default=100000, help="about")
    arguments = parser.parse_args()
    program = find(arguments.bin, "bench_evaluate")
    atoms = make_structure(arguments.atoms, ["W"])
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        dear, cheap = write_potential(Path(first), 8, ["W"], {}), write_potential(Path(second), 2, ["W"], {})
        kernel = per_atom(program, dear, make_structure(2000, ["W"]), KEPT)["lml_evaluator_finish"]
        counts = [per_atom(program, cheap, atoms, distance) for distance in (KEPT, NEW)]
    for found in counts:
        for name in (ALL, "do_task"):
            found[name] += kernel - found["lml_evaluator_finish"]
        found["lml_evaluator_finish"] = kernel
    print(f"{len(atoms)} atoms, instructions per atom, and part of all\n\n{'':50} {'kept lists':>20} {'new lists':>20}")

    def row(title, values):
        print(f"{title:50}" + "".join(f" {value:11,.0f} {100 * value / found[ALL]:6.2f} %" for value, found
                                      in zip(values, counts)))

    for title, names in {**SHARED, **SERIAL}.items():
        row(title, [sum(found.get(name, 0.0) for name in names) for found in counts])
    serial = [found[ALL] - found["do_task"] + found["add_unit"] for found in counts]
    row("everything serial", serial)
    row("all", [found[ALL] for found in counts])
    parts = [value / found[ALL] for value, found in zip(serial, counts)]
    print(f"\nspeed-up that {', '.join(map(str, THREADS))} threads can have:")
    for title, part in zip(("kept lists", "new lists"), parts):
        print(f"{title:12}" + "".join(f" {1 / (part + (1 - part) / n):6.2f}" for n in THREADS))
    return verdict(max(parts) <= BAR)


if __name__ == "__main__":
    sys.exit(main())
