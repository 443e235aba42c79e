"""A foundation model, or any other ASE calculator, as the teacher of a fast linear potential.

    python distill.py --teacher "chgnet.model.dynamics:CHGNetCalculator()" [--set-elastic] [--bulk] [--output FOLDER]
    python distill.py --quick [--output FOLDER]

The teacher computes the atoms around a vacancy in hot crystals, as an engine of lmlink-serve, or with --bulk all atoms of hot
crystals without one. The force log trains the potential, under the constraint that its elastic constants stay, or with
--set-elastic become the teacher's. Both are compared in hot structures that were not trained on. Without --teacher another
potential, WBe_Wood_PRB2019, is the teacher. A foundation model belongs in an environment of its own, with this script's packages.

Prints errors, elastic constants, calls and seconds, and draws distill.png; a second start computes nothing of the teacher again
that is in the force logs.
"""

import argparse
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read, write

import crystals
from common import find_potential, rms, say
from elastic_targets import SINGLE, set_cells, sublattice
from lmlink import LMLink, find_program
from loop import qm_forces
from retrain_barrier import with_fixed_terms

SMALL_TEACHER = "WBe_Wood_PRB2019.snap"
CORE = 1.2  # of the second neighbours' distance: the QM atoms around the vacancy
WHOLE = 3.0  # Å of buffer with which the cluster of all atoms is periodic


# ---- what is computed ----

def snapshots(cell, calculator, arguments, count, seed):
    """Hot structures by the potential: of a crystal, whose first atom is missing unless --bulk."""
    atoms = cell.repeat(arguments.size)
    if not arguments.bulk:
        del atoms[0]
    return [frame for i, temperature in enumerate(arguments.temperatures)
            for frame in crystals.snapshots(atoms, calculator, temperature, count, size=1, seed=seed + i)]


def qm_atoms(cell, arguments):
    """Indices of the atoms that the teacher computes, in these structures."""
    perfect = cell.repeat(arguments.size)
    if arguments.bulk:
        return np.arange(len(perfect))
    distances = perfect.get_distances(0, np.arange(len(perfect)), mic=True)
    return np.flatnonzero(distances < CORE * cell.cell[0, 0])[1:] - 1


def log_forces(teacher, frames, core, name, arguments):
    """Have the teacher's forces in a force log; its frames, calls, and seconds of the teacher."""
    log, calls, seconds = arguments.output / f"{name}.xyz", 0, 0.0
    tag = {} if isinstance(teacher, LMLink) else {"qm_tag": arguments.teacher}  # a potential is known by its files
    with LMLink(arguments.potential, qm_calc=teacher, qm_selection_mask=core, force_log=log,
                buffer_width=WHOLE if arguments.bulk else arguments.buffer, **tag) as calculator:
        for frame in frames:
            atoms = frame.copy()
            atoms.calc = calculator
            atoms.get_forces()
            calls += 1 - calculator.extras["recalled_regions"]
            seconds += calculator.extras["engine_seconds"]
    say(f"{name}: {len(core)} QM atoms of {len(frames[0])}, {len(frames)} structures, {calls} calls of the teacher, "
        f"{seconds:.1f} s")
    return [frame for frame in read(log, ":") if not frame.info["recalled"]], calls, seconds


# ---- constraints ----

def strained(cell, teacher_cell, constants, arguments):
    """The hard constraints' option and file: strained cells whose energies stay, or with --set-elastic become the teacher's."""
    option = "--hard"
    if arguments.set_elastic:
        cells, option = set_cells(teacher_cell, constants.values(), teacher_cell.calc, cell.calc), "--hard-set"
    else:
        cells = crystals.elastic_cells(cell, cell.calc)
    write(arguments.output / "strained.xyz", cells, format="extxyz")
    return option, arguments.output / "strained.xyz"


def retrain(hard, arguments):
    """Run lmlink-retrain on the log; the new potential, with the fixed terms of the old one."""
    kind = arguments.potential.suffix if arguments.potential.suffix in (".yace", ".uf3") else ".snapcoeff"
    result = (arguments.output / "distilled").with_suffix(kind)
    command = [find_program("lmlink-retrain"), "--start", arguments.potential, "--targets", arguments.output / "train.xyz", *hard,
               "--output", result, "--report", arguments.output / "distilled.json", "--overwrite", "--log-level", "error",
               "--form", arguments.form]
    if arguments.bulk:
        command += ["--lambda-soft", "0", "--lambda-ridge", "0.1,1,10,100,1000"]
    else:
        command += ["--soft", arguments.output / "hot.xyz", "--soft-limit", str(arguments.soft_limit)]
    if subprocess.run([str(word) for word in command]).returncode != 0:
        raise SystemExit(1)
    return with_fixed_terms(result) if kind == ".snapcoeff" else result


# ---- output ----

def draw(path, theirs, before, after, constants):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for name, forces, colour in (("before", before, "#0057b8"), ("after", after, "#c8102e")):
        left.plot(theirs, forces, ".", color=colour, markersize=3, label=f"{name}: {1000 * rms(forces - theirs):.0f} meV/Å off")
    left.axline((0, 0), slope=1, color="#9aa5b1", linewidth=1)
    left.set(xlabel="teacher (eV/Å)", ylabel="potential (eV/Å)", title="Forces that were not trained on")
    names = list(constants["before"])
    for shift, (who, colour) in zip((-0.27, 0, 0.27), (("before", "#0057b8"), ("teacher", "#111111"), ("after", "#c8102e"))):
        right.bar(np.arange(len(names)) + shift, list(constants[who].values()), 0.27, color=colour, label=who)
    right.set_xticks(np.arange(len(names)), names)
    right.set(ylabel="GPa", title="Elastic constants")
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")


def report(constants, lattice, theirs, before, after, cost):
    print(f"\n{'':10s}{'lattice (Å)':>14s}" + "".join(f"{name + ' (GPa)':>12s}" for name in constants["before"]))
    for who, values in constants.items():
        print(f"{who:10s}{lattice[who]:14.4f}" + "".join(f"{value:12.2f}" for value in values.values()))
    for who, other in (("before", "kept"), ("teacher", "the teacher's")):
        apart = max(abs(constants["after"][name] / constants[who][name] - 1) for name in constants[who])
        print(f"largest relative difference of an elastic constant from {other}: {apart:.1e}")
    print(f"forces not trained on, RMS off the teacher's: {rms(before - theirs):.4f} eV/Å before, {rms(after - theirs):.4f} "
          f"eV/Å after: {rms(after - theirs) / rms(before - theirs):.3f} of it")
    calls, seconds, whole = cost
    if calls:
        print(f"{calls} calls of the teacher took {seconds:.1f} s, {seconds / calls:.3f} s each for its cluster; the new potential "
              f"takes {whole:.4f} s for the whole structure")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    crystals.add_arguments(parser)
    parser.add_argument("--teacher", metavar="MODULE:EXPRESSION", help="an ASE calculator")
    parser.add_argument("--bulk", action="store_true", help="crystals without a vacancy, all atoms by the teacher")
    parser.add_argument("--set-elastic", action="store_true", help="elastic constants become the teacher's")
    parser.add_argument("--size", type=int, default=5, help="cells along a side (5)")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300, 1000, 2000], metavar="K")
    parser.add_argument("--structures", type=int, default=12, help="at each temperature; a quarter as many for the test (12)")
    parser.add_argument("--buffer", type=float, default=6.0, metavar="Å", help="around the QM atoms (6)")
    parser.add_argument("--soft-limit", type=float, default=0.1, metavar="eV/Å", help="change of forces in the hot crystal (0.1)")
    parser.add_argument("--form", choices=("quadratic", "linear"), default="quadratic",
                        help="of the new potential (quadratic); UF3 and ACE are linear, and of compounds the quadratic form may "
                        "need too much memory")
    parser.add_argument("--quick", action="store_true", help="few structures")
    parser.add_argument("--output", type=Path, default=Path("distill"), help="folder of all files")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.structures = 4
    arguments.output.mkdir(parents=True, exist_ok=True)
    arguments.potential = Path(arguments.potential or find_potential()).resolve()
    arguments.teacher = arguments.teacher or f"lmlink:LMLink('{find_potential(SMALL_TEACHER)}')"
    arguments.calculator = arguments.teacher
    lattice, constants = {}, {}

    def examine(who, calculator, tolerance=1e-7, **precision):
        cell = crystals.relaxed_cell(calculator, arguments.element, arguments.structure,
                                     lattice.get("teacher", arguments.lattice_constant), tolerance)
        if not crystals.is_hexagonal(cell):  # rounding may have made it a little oblique
            cell.set_cell(np.eye(3) * cell.get_volume() ** (1 / 3), scale_atoms=True)
        lattice[who] = cell.cell[0, 0]
        constants[who] = dict(zip(crystals.constants_of(cell), crystals.elastic_constants(cell, calculator, **precision)))
        return cell

    with ExitStack() as stack:
        teacher = crystals.open_calculator(arguments, find_potential, stack)
        student = stack.enter_context(LMLink(arguments.potential))
        cell, teacher_cell = examine("before", student), examine("teacher", teacher, 1e-4, **SINGLE)
        if arguments.set_elastic:
            sublattice(teacher_cell)  # that it can be done is known before the teacher is asked for much
        base = teacher_cell if arguments.bulk else cell
        core = qm_atoms(base, arguments)
        frames = [snapshots(base, student, arguments, count, seed) for count, seed in
                  ((arguments.structures, 0), (max(1, arguments.structures // 4), 100))]
        write(arguments.output / "hot.xyz", crystals.snapshots(cell, student, max(arguments.temperatures), 2, size=4, seed=7),
              format="extxyz")
        _, calls, seconds = log_forces(teacher, frames[0], core, "train", arguments)
        test, *_ = log_forces(teacher, frames[1], core, "test", arguments)
        hard = strained(cell, teacher_cell, constants["teacher"], arguments)
    new = retrain(hard, arguments)
    with LMLink(new) as calculator:
        examine("after", calculator)
        begin = time.perf_counter()
        for frame in frames[1]:
            calculator.get_forces(frame)
        whole = (time.perf_counter() - begin) / len(frames[1])
    (theirs, before), after = qm_forces(test, arguments.potential), qm_forces(test, new)[1]
    report(constants, lattice, theirs, before, after, (calls, seconds, whole))
    draw(arguments.output / "distill.png", theirs, before, after, constants)
    print(f"new potential: {new}")


if __name__ == "__main__":
    main()
