"""Relax a structure with what a configuration of lmlink-serve says, and write it every step.

    python relax.py NAME.json [--tolerance 0.02] [--ranks 8 --launcher srun]

The structure is that of the configuration. relaxed.traj has it as it was after the last step: a second start goes on from
there, and what stands in the force log is not computed again.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from ase.io import read
from ase.optimize import FIRE

sys.path.append(str(Path(__file__).resolve().parents[3] / "python"))  # where pip has not installed lmlink
from lmlink import LMLink  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.02, metavar="eV/Å")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--ranks", type=int, default=1, help="of lmlink-serve (1)")
    parser.add_argument("--launcher", default="mpirun", help="that starts them")
    parser.add_argument("--wait", type=float, default=3600, metavar="s", help="for lmlink-serve to start")
    given = parser.parse_args()
    folder = given.configuration.resolve().parent
    structure, result = folder / json.loads(given.configuration.read_text())["structure"], folder / "relaxed.traj"
    partial = folder / ".relaxed.traj"
    atoms = read(result if result.is_file() else structure)
    with LMLink(given.configuration, ranks=given.ranks, launcher=given.launcher, timeout=given.wait) as atoms.calc:
        optimizer = FIRE(atoms, logfile=None)

        def note():
            largest = np.linalg.norm(atoms.get_forces(), axis=1).max()
            print(f"step {optimizer.nsteps}: {largest:.4f} eV/Å", flush=True)
            atoms.write(partial, format="traj")
            os.replace(partial, result)

        optimizer.attach(note)
        converged = optimizer.run(fmax=given.tolerance, steps=given.steps)
    print(f"{'relaxed' if converged else 'not relaxed'} after {optimizer.nsteps} steps: {result}")


if __name__ == "__main__":
    main()
