"""Count the instructions that an evaluation takes, and fail where they are more than they were.

Valgrind counts, on the kernel for any processor, so that no clock and no load of the machine has a say: two runs of one
program give the same count to within a few in a million. CEILINGS holds what today's count may grow to, 2 % above it; a
change that brings a count down should bring its ceiling down. `--update` prints the table of today's ceilings, to be
put in place of the one below. They hold for GCC 12, Debian 12's compiler, at -O3; other compilers, for which counts
differ, and machines without Valgrind skip the test.

Usage: instructions.py EVAL COMPILER COMPILER_VERSION [--update]
"""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
MARGIN = 1.02

# what is counted: instructions per atom
CEILINGS = {
    "linear": 415_516,
    "quadratic": 548_014,
    "ZBL": 428_086,
    "chemflag": 427_484,
    "gradients": 1_864_141,
}

# name: settings of the potential, options of lmlink-eval, functions whose instructions count
CASES = {
    "linear": ({}, [], "lml_linear_evaluation_step"),
    "quadratic": ({"quadraticflag": 1}, [], "lml_linear_evaluation_step"),
    "ZBL": ({"zbl": True}, [], "lml_linear_evaluation_step"),
    "chemflag": ({"chemflag": 1, "bnormflag": 1, "twojmax": 6}, [], "lml_linear_evaluation_step"),
    "gradients": ({"quadraticflag": 1}, ["--gradients", "gradients.npy"], "lml_potential_gradients"),
}
CELLS = (3, 5)  # cubic cells of tungsten along the third side of the two structures that are evaluated
SIDE = 3  # and along the others
COMPONENTS = {6: 30, 8: 55}  # of each 2J


def elements_of(settings):
    return ["W", "Be"] if "chemflag" in settings else ["W"]


def numbers():
    """Made-up numbers from -0.5 to 0.5, always the same."""
    state = 1
    while True:
        state = state * 48271 % 0x7fffffff
        yield state / 0x7fffffff - 0.5


def write_structure(path, cells, elements):
    """Tungsten, or an alloy, with its atoms moved by up to 0.05 Å; returns the number of atoms."""
    noise = numbers()
    a = 3.17
    sites = [(a * (x + s), a * (y + s), a * (z + s)) for x in range(SIDE) for y in range(SIDE) for z in range(cells)
             for s in (0.0, 0.5)]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{len(sites)}\nLattice="{SIDE * a} 0 0 0 {SIDE * a} 0 0 0 {cells * a}" '
                   'Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        for number, site in enumerate(sites):
            place = " ".join(f"{x + 0.1 * next(noise):.6f}" for x in site)
            file.write(f"{elements[number % len(elements)]} {place}\n")
    return len(sites)


def write_potential(folder, settings):
    """A potential of made-up coefficients; returns the file to evaluate."""
    settings = dict(settings)
    zbl = settings.pop("zbl", False)
    noise = numbers()
    elements = elements_of(settings)
    parameters = {"rcutfac": 4.7, "twojmax": 8, **settings}
    count = COMPONENTS[parameters["twojmax"]] * len(elements) ** 3  # of an alloy with chemflag; else of one element
    count = count * (count + 3) // 2 if settings.get("quadraticflag") else count
    lines = [f"{len(elements)} {count + 1}"]
    for element in elements:
        lines += [f"{element} 0.5 1.0", *(f"{1e-3 * next(noise):.9f}" for _ in range(count + 1))]
    (folder / "p.snapcoeff").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = "".join(f"{key} {value}\n" for key, value in parameters.items())
    (folder / "p.snapparam").write_text(text, encoding="utf-8")
    if not zbl:
        return folder / "p.snapcoeff"
    (folder / "p.snap").write_text("pair_style hybrid/overlay zbl 4.0 4.8 snap\npair_coeff 1 1 zbl 74 74\n"
                                   "pair_coeff * * snap p.snapcoeff p.snapparam W\n", encoding="utf-8")
    return folder / "p.snap"


def count(folder, program, potential, options, function, structure):
    """Instructions within calls of the function."""
    command = ["valgrind", "--tool=callgrind", f"--toggle-collect={function}", "--callgrind-out-file=callgrind.out",
               program, "--potential", potential, structure, "--output", "out.xyz", "--threads", "1", *options]
    environment = {**os.environ, "LMLINK_ISA": "generic"}
    result = subprocess.run([str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True,
                            check=False)
    collected = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode != 0 or collected is None or collected[1] == "0":
        sys.exit(f"{' '.join(map(str, command))}\n{result.stderr}")
    return int(collected[1])


def per_atom(program, settings, options, function):
    """Instructions per atom: the difference of two structures, free of what an evaluation does once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        potential = write_potential(folder, settings)
        counts, natoms = [], []
        for cells in CELLS:
            natoms.append(write_structure(folder / "in.xyz", cells, elements_of(settings)))
            counts.append(count(folder, program, potential, options, function, folder / "in.xyz"))
    return (counts[1] - counts[0]) / (natoms[1] - natoms[0])


def main():
    program, compiler, version, *update = sys.argv[1:]
    if shutil.which("valgrind") is None or compiler != "GNU" or version.split(".")[0] != "12":
        print(f"skipped: needs valgrind and GCC 12; here is {compiler} {version}")
        return SKIPPED
    counts = {name: per_atom(program, *case) for name, case in CASES.items()}
    if update:
        print("CEILINGS = {", *(f'    "{name}": {math.ceil(MARGIN * value):_},' for name, value in counts.items()), "}",
              sep="\n")
        return 0
    print(f"{'instructions per atom':24}{'counted':>12}{'ceiling':>12}")
    for name, value in counts.items():
        print(f"{name:24}{value:12,.0f}{CEILINGS[name]:12,}{'' if value <= CEILINGS[name] else '  MORE THAN BEFORE'}")
    return 0 if all(value <= CEILINGS[name] for name, value in counts.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
