"""What uncertainties cost beside a force call: distances, the sigma of the energy, and the forces of a committee of 16.

    python bench/committee.py [--bin build/bench/bench] [--rounds 5] [--natoms 2000] [--isa avx2]

A quadratic potential with 2J = 8 and a factor of rank 15, whose numbers do not matter for the time. A force call and the
same with results take turns; medians of processor seconds are printed, in force calls. The bars are 1.03 for distances
and the sums that the sigma of the energy is from, and 4 for the committee's forces.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase.io import write

from bench import add_bin, alternate, find, run, verdict
from force_call import make_structure, write_potential

RANK = 15
CASES = {"distance": (["distance"], None), "energy_deviations": (["energy_deviations"], None),
         "both": (["distance", "energy_deviations"], 1.03), "force_deviations": (["force_deviations"], 4.0),
         "all of the committee": (["energy_deviations", "force_deviations", "virial_deviations"], 4.0),
         "sigma_energies": (["sigma_energies"], None)}


def write_uncertainty(potential, structure, retrain):
    """Distances by lmlink-retrain, and a factor of random numbers."""
    run(retrain, "--start", potential, "--fixed-terms", "none", "--uncertainty-from", structure, "--select", "all")
    path = potential.with_suffix(".uncertainty.json")
    content = json.loads(path.read_text())
    factor = np.random.default_rng(2).normal(0, 1e-6, (content["potential"]["coefficients_per_element"], RANK))
    np.save(path.with_suffix(".npy"), factor)
    content["factor"] = {"kind": "sandwich", "file": path.with_suffix(".npy").name, "rank": RANK, "rows": 1,
                         "sha256": hashlib.sha256(factor.tobytes()).hexdigest(), "trace_kept": 1.0,
                         "calibration": {"alpha": 1.0, "alpha_with_noise": 1.0, "noise": 0.0, "folds": 2,
                                         "rows_left_out": 1}}
    path.write_text(json.dumps(content))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bin(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--natoms", type=int, default=2000)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--twojmax", type=int, default=8)
    parser.add_argument("--isa", help="instruction set: avx512, avx2, generic")
    arguments = parser.parse_args()
    if arguments.isa:
        os.environ["LMLINK_ISA"] = arguments.isa
    program = find(arguments.bin, "bench_evaluate")
    retrain = find(arguments.bin.parent / "src" / "programs", "lmlink-retrain")
    atoms, met = make_structure(arguments.natoms, ["W"]), True
    with tempfile.TemporaryDirectory() as folder:
        potential = write_potential(Path(folder), arguments.twojmax, ["W"], {"quadraticflag": 1})
        structure = Path(folder) / "structure.xyz"
        write(structure, atoms)
        write_uncertainty(potential, structure, retrain)

        def seconds(*results):
            return float(run(program, potential, structure, arguments.calls, 1, 0.01, *results)[1])

        times = alternate(arguments.rounds, seconds, *(lambda names=names: seconds(*names) for names, _ in CASES.values()))
    print(f"force call: {1e6 * times[0] / len(atoms):.2f} us per atom")
    for (name, (_, bar)), time in zip(CASES.items(), times[1:]):
        print(f"{name:24s} {time / times[0]:.3f} calls" + (f", bar {bar}" if bar else ""))
        met = met and (bar is None or time <= bar * times[0])
    return verdict(met)


if __name__ == "__main__":
    sys.exit(main())
