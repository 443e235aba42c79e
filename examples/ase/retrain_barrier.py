"""The loop of the method: a QM/ML path of a gliding dislocation → force log → lmlink-retrain → the barrier again.

A second SNAP potential plays the quantum code near the core. Every evaluation along the way is logged; from the log,
with strained cells and a vacancy's jump as hard constraints and hot crystals as soft ones, `lmlink-retrain` makes a
potential that is to have the QM/ML barrier by itself, and the elastic constants that it had before.

    python retrain_barrier.py [--quick] [--system screw] [--start FILE] [--ridge 1] [--output FOLDER]

draws retrain_barrier.png; a second start goes on where the first one ended.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from common import QUADRATIC, RADIUS_QUICK, choose_potentials, computed, rms, say, total_energies
from lmlink import LMLink, find_program
from lmlink.dislocations import lattice_and_elasticity, virtual_work
from peierls import SYSTEMS, Model, barrier

STRAIN = 5e-5  # step of the elastic constants that are compared: a larger one sees what may change, anharmonic terms


def make_constraints(potential, output, quick):
    """Hard and soft structures for the potential, by make_constraints.py; their folder."""
    folder = output / "constraints"
    if not (folder / "constraints.png").is_file():
        say("structures for constraints")
        command = [sys.executable, Path(__file__).with_name("make_constraints.py"), "--potential", potential, "--output",
                   folder]
        subprocess.run([*command, "--quick"] if quick else command, check=True)
    return folder


def constraint_sets(folder):
    """Options of lmlink-retrain for the structures in this folder."""
    return [("--hard", folder / "strained.xyz"), ("--hard", folder / "vacancy.xyz"), ("--soft", folder / "hot.xyz"),
            ("--test", folder / "hot_test.xyz")]


def retrain(potential, sets, ridge, output):
    """Run lmlink-retrain; the file of the new potential. sets: pairs of an option and a file."""
    result = output / "retrained.snapcoeff"
    if result.is_file():
        return with_fixed_terms(result)
    subprocess.run([find_program("lmlink-retrain"), "--start", potential, *(word for pair in sets for word in pair),
                    "--lambda-soft", "1", "--lambda-ridge", str(ridge), "--output", result, "--report", output / "retrained.json",
                    "--log-level", "error"], check=True)
    return with_fixed_terms(result)


def with_fixed_terms(result):
    """The file that lmlink-retrain writes beside the coefficients, with terms such as ZBL of the old potential."""
    return result.with_suffix(".snap")


def compare_elasticity(before, after):
    """C11, C12, C44 (GPa) of both, and their largest relative difference."""
    constants = []
    for potential in before, after:
        with LMLink(potential) as calculator:
            constants.append(np.array(lattice_and_elasticity(calculator, step=STRAIN)[1]))
    return constants, float(np.abs(constants[1] / constants[0] - 1).max())


def draw(file, title, curves, images, before, after):
    """Barriers, and forces on QM atoms along the QM/ML path."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for name, (path, colour) in curves.items():
        work = virtual_work(path)
        left.plot(work.curve[0] / work.length[-1], 1000 * work.curve[1], color=colour, label=name)
        if name != "QM/ML":
            left.plot(work.length / work.length[-1], 1000 * total_energies(path), "o", color=colour, fillstyle="none")
    left.set(title=title, xlabel="way", ylabel="energy (meV per period of the line)")
    left.legend(frameon=False)
    target = np.concatenate([atoms.get_forces()[atoms.info["core_atoms"]] for atoms in images]).ravel()
    for label, potential, colour in (("before", before, "#0057b8"), ("after", after, "#c8102e")):
        forces = [atoms.get_forces()[atoms.info["core_atoms"]] for atoms in computed(potential, images)]
        forces = np.concatenate(forces).ravel()
        error = rms(forces - target)
        print(f"forces on QM atoms along the QM/ML path, {label}: {error:.4f} eV/Å off")
        right.plot(target, forces, ".", color=colour, markersize=4, label=f"{label}: {1000 * error:.2g} meV/Å off")
    right.axline((0, 0), slope=1, color="#9aa5b1", linewidth=1)
    right.set(title="Forces on QM atoms", xlabel="quantum (eV/Å)", ylabel="potential (eV/Å)")
    right.legend(frameon=False)
    figure.savefig(file, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", choices=list(SYSTEMS), default="screw")
    parser.add_argument("--start", type=Path, help="the potential to retrain (default: the paper's quadratic or linear Θ₀, else "
                        "W_2940_2017_2)")
    parser.add_argument("--ridge", type=float, default=1.0, help="λ₀ of lmlink-retrain (1)")
    parser.add_argument("--quick", action="store_true", help="a small disk")
    parser.add_argument("--output", type=Path, default=Path("retrain_barrier"), help="folder of all files")
    arguments = parser.parse_args()
    arguments.images, arguments.radius = 13, RADIUS_QUICK if arguments.quick else None
    arguments.output.mkdir(parents=True, exist_ok=True)
    before, engine = choose_potentials(QUADRATIC)
    before = arguments.start.resolve() if arguments.start else before
    logs = arguments.output / "logs"
    logs.mkdir(exist_ok=True)
    qmml = barrier(Model("QM/ML", before, engine, logs=logs.resolve()), arguments.system, arguments)
    original = barrier(Model("ML", before), arguments.system, arguments)
    constraints = make_constraints(before, arguments.output, arguments.quick)
    targets = [("--targets", log) for log in sorted(logs.glob("*.xyz"))]
    after = retrain(before, targets + constraint_sets(constraints), arguments.ridge, arguments.output)
    retrained = barrier(Model("retrained", after), arguments.system, arguments)

    wanted, heights = virtual_work(qmml).barrier, [total_energies(path).max() for path in (original, retrained)]
    print(f"\nbarrier: {1000 * heights[0]:.1f} meV before, {1000 * wanted:.1f} meV in QM/ML, {1000 * heights[1]:.1f} meV "
          f"retrained")
    print(f"retrained barrier off by {100 * (heights[1] / wanted - 1):.1f} %, before by {100 * (heights[0] / wanted - 1):.1f} %")
    constants, difference = compare_elasticity(before, after)
    for name, values in zip(("before", "retrained"), constants):
        print(f"C11, C12, C44 {name}: {values[0]:.4f}, {values[1]:.4f}, {values[2]:.4f} GPa")
    print(f"largest relative difference of elastic constants: {difference:.1e}")
    curves = {"before": (original, "#0057b8"), "QM/ML": (qmml, "#111111"), "retrained": (retrained, "#c8102e")}
    draw(arguments.output / "retrain_barrier.png", SYSTEMS[arguments.system][0], curves, qmml, before, after)
    print(f"\npicture: {arguments.output / 'retrain_barrier.png'}")


if __name__ == "__main__":
    main()
