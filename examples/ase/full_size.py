"""Relax the structures of the examples at the paper's sizes: steps, time, and memory of server and Python.

    python full_size.py [--quick] [ROW ...]

Each row is a process of its own, so that its memory is its own. All relax to 0.01 eV/Å: the disks from elasticity's
displacements, the lines from the relaxed disk, repeated. The potentials are those of peierls.py, segregation.py and
helium.py; atoms are as many as in the paper with its potentials (LMLINK_REFERENCE).
"""

import argparse
import json
import subprocess
import sys
import time

import helium
import peierls
import segregation
from common import RADIUS_QUICK, choose_potentials, memory_of, relax
from lmlink import LMLink
from lmlink.dislocations import build_glide, largest_force, lattice_and_elasticity


def measure(atoms, calculator):
    """Relax: number of atoms, steps, seconds, largest force (eV/Å), memory (MB)."""
    atoms.calc = calculator
    begin = time.monotonic()
    steps = relax(atoms)
    return {"atoms": len(atoms), "steps": steps, "time": time.monotonic() - begin, "force": largest_force(atoms),
            **memory_of(calculator)}


def glide_end(system, quick):
    """The first end of a Peierls barrier's path."""
    with LMLink(choose_potentials()[0]) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        builder = peierls.SYSTEMS[system][1](constant, *elastic, symbol="W")
        atoms, _ = build_glide(builder, RADIUS_QUICK if quick else peierls.RADIUS[system])
        return measure(atoms, calculator)


def vacancy(step, quick):
    """An edge dislocation with a vacancy so many jumps away from the core."""
    radius, periods = segregation.SIZE_QUICK if quick else (segregation.RADIUS, segregation.PERIODS)
    with LMLink(choose_potentials()[0]) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        line = segregation.straight_line(calculator, constant, elastic, radius, periods)
        return measure(segregation.with_vacancy(line, segregation.places(line, constant, 3), step), calculator)


def with_helium(geometry, quick):
    """Helium on a screw dislocation, in QM/ML with LAMMPS."""
    radius, periods = helium.SIZE_QUICK if quick else (helium.RADIUS, helium.PERIODS)
    _, disk = helium.relaxed_disk(radius)
    atoms = helium.add_helium(disk, 1 if geometry == "disk" else periods, (0.0, 0.0))
    with helium.mixture(atoms) as calculator:
        return measure(atoms, calculator)


ROWS = {
    "screw": ("½⟨111⟩ screw, disk", glide_end, "screw"),
    "001": ("⟨100⟩{001} edge, disk", glide_end, "001"),
    "011": ("⟨100⟩{011} edge, disk", glide_end, "011"),
    "vacancy-0": ("⟨100⟩{011} edge, cylinder, vacancy in the core", vacancy, 0),
    "vacancy-1": ("the same, vacancy one jump away", vacancy, 1),
    "vacancy-2": ("the same, two jumps away", vacancy, 2),
    "helium-disk": ("screw, disk, helium, QM/ML", with_helium, "disk"),
    "helium-cylinder": ("screw, cylinder, helium, QM/ML", with_helium, "cylinder"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="of " + ", ".join(ROWS) + "; default: all")
    parser.add_argument("--quick", action="store_true", help="small structures")
    parser.add_argument("--measure", choices=list(ROWS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(unknown)}: rows are {', '.join(ROWS)}")
    if arguments.measure:
        _, function, what = ROWS[arguments.measure]
        row = function(what, arguments.quick)
        print(json.dumps(row))
        return
    names = ("atoms", "steps", "time", "force", "server", "engine", "Python")
    heads = ("atoms", "steps", "time (s)", "force (eV/Å)", "server (MB)", "engine (MB)", "Python (MB)")
    print(f"{'':46s}" + "".join(f"{head:>14s}" for head in heads))
    for name in arguments.rows or ROWS:
        command = [sys.executable, __file__, "--measure", name, *(["--quick"] if arguments.quick else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        digits = {"time": 1, "force": 4}
        print(f"{ROWS[name][0]:46s}" + "".join(f"{row[key]:14.{digits.get(key, 0)}f}" for key in names), flush=True)


if __name__ == "__main__":
    main()
