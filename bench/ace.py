"""Force calls: lmlink beside python-ace's recursive evaluator, the one of LAMMPS's pair_style pace, on one core, in one run.

    python bench/ace.py FILE.yace [FILE.yace ...] [--bin build/bench/bench] [--rounds 5] [--repeats 5] [--isa avx2]

For each file a rattled crystal of its first element, or an alternating one of its first two. Both are timed in processor
seconds and without neighbour lists of python-ace, which its calculator makes beforehand; lmlink's are in its time.
Needs PyPI's python-ace.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.io import write

from bench import add_bin, alternate, find, run


def crystal(elements, repeats):
    """A rattled crystal: of one element in its own structure, of two in the zincblende structure."""
    if len(elements) > 1:
        atoms = bulk(elements[0] + elements[1], "zincblende", a=5.87, cubic=True)
    else:
        atoms = bulk(elements[0], cubic=True)
    atoms = atoms.repeat(repeats)
    atoms.rattle(0.05, seed=1)
    return atoms


def elements_of(path):
    from pyace import ACECTildeBasisSet

    return list(ACECTildeBasisSet(str(path)).elements_name)


def peer(path, atoms):
    """What measures python-ace's time of an evaluation, in µs an atom, and its neighbours."""
    from pyace import ACECTildeBasisSet, aseatoms_to_atomicenvironment
    from pyace.calculator import ACECalculator
    from pyace.evaluator import ACERecursiveEvaluator

    basis = ACECTildeBasisSet(str(path))
    evaluator = ACERecursiveEvaluator(basis)
    evaluator.set_recursive(True)
    calculator = ACECalculator()
    calculator.set_evaluator(evaluator)
    environment = aseatoms_to_atomicenvironment(atoms, cutoff=basis.cutoffmax,
                                                elements_mapper_dict=basis.elements_to_index_map)

    def measure(calls=3, kept=(basis, evaluator)):  # which the calculator does not keep
        calculator.compute(environment, compute_projections=False)
        begin = time.process_time()
        for _ in range(calls):
            calculator.compute(environment, compute_projections=False)
        return (time.process_time() - begin) / calls / len(atoms) * 1e6

    return measure, np.mean([len(of_atom) for of_atom in environment.neighbour_list])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5, help="of the crystal's cell, in each direction")
    parser.add_argument("--isa", help="instruction set of lmlink's kernel")
    add_bin(parser)
    arguments = parser.parse_args()
    program = find(arguments.bin, "bench_evaluate")
    environment = {**os.environ, **({"LMLINK_ISA": arguments.isa} if arguments.isa else {})}
    print(f"{'file':30} {'atoms':>6} {'neighbours':>10} {'python-ace':>11} {'lmlink':>8}   µs an atom")
    for path in arguments.files:
        with tempfile.TemporaryDirectory() as folder:
            atoms = crystal(elements_of(path), arguments.repeats)
            measure, neighbours = peer(path, atoms)
            write(Path(folder) / "in.xyz", atoms, format="extxyz")

            def own(path=path, folder=folder, natoms=len(atoms)):
                return float(run(program, path, Path(folder) / "in.xyz", 20, env=environment)[1]) / natoms * 1e6

            theirs, ours = alternate(arguments.rounds, measure, own)
            print(f"{path.name:30} {len(atoms):6} {neighbours:10.1f} {theirs:11.2f} {ours:8.2f}   {theirs / ours:.1f} times")


if __name__ == "__main__":
    main()
