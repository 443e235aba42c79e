"""A vacancy at a ⟨100⟩{011} edge dislocation: its segregation energy from virtual work, beside the total energy.

A cylinder around the dislocation (full size: 11 × 6396 − 1 = 70,355 atoms with the paper's lattice constant) is relaxed
with a vacancy in the core and at places up to two ⟨111⟩ jumps away. Between two relaxed structures the atoms are moved
along a straight line, and the forces' work along it is summed: no minimum-energy path is needed for the difference of two
minima. In QM/ML, spheres around all places of the vacancy are the QM region; as the line crosses their border, the
surrounding potential should be one that was retrained on the dislocation (retrain_barrier.py --system 011).

    python segregation.py [--quick] [--qm] [--surrounding FILE] [--further relaxed path] [--output FOLDER]

draws segregation.png; a second start goes on where the first one ended. --further retrains once more: on what the surrounding
potential was trained on, and on the quantum forces in the three structures that QM/ML relaxed, or on those along the path.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read, write
from matscipy.dislocation import BCCEdge100110Dislocation

from common import (PATIENCE, choose_potentials, relax, say, say_memory, served_engine, total_energies, write_whole)
from lmlink import LMLink
from lmlink.dislocations import build_cylinder, build_glide, keep_results, lattice_and_elasticity, virtual_work
from retrain_barrier import retrain

RADIUS, PERIODS = 85.0, 11
SIZE_QUICK = (30.0, 5)
QM_RADIUS, BUFFER = 3.5, 9.5  # Å around each place of the vacancy
POINTS = 11  # structures between two minima
PLACES = 3  # of the vacancy
SAME = 1.0  # Å: where no atom moves farther between two minima, they are one
OPTIONS = {"target": "--targets", "hard": "--hard", "soft": "--soft", "test": "--test"}  # of lmlink-retrain, by role


def straight_line(calculator, constant, elastic, radius, periods):
    """The relaxed dislocation without a vacancy."""
    builder = BCCEdge100110Dislocation(constant, *elastic, symbol="W")
    disk, _ = build_glide(builder, radius)
    disk.calc = calculator
    say(f"disk of {len(disk)} atoms relaxed in {relax(disk)} steps")
    return build_cylinder(disk, periods)


def places(line, constant, count):
    """Atoms on a chain of neighbours that leads away from the core, in the middle of the line: the vacancy's places."""
    middle = np.array([*line.info["core"], line.cell[2, 2] / 2])
    distances = np.linalg.norm(line.positions - middle, axis=1)
    # The core's most stretched atom: the one with the fewest near neighbours.
    near = np.flatnonzero(distances < 2 * constant)
    crowd = [np.sum(np.linalg.norm(line.positions - line.positions[i], axis=1) < 1.2 * constant) for i in near]
    chain = [int(near[np.lexsort((distances[near], crowd))[0]])]
    while len(chain) < count:
        here = line.positions[chain[-1]]
        jumps = np.flatnonzero(np.abs(np.linalg.norm(line.positions - here, axis=1) / constant - 0.866) < 0.12)
        jumps = [i for i in jumps if i not in chain]
        chain.append(int(max(jumps, key=lambda i: np.linalg.norm((line.positions[i] - middle)[:2]))))
    return chain


def with_vacancy(line, chain, step):
    """The line with its vacancy at chain[step]: the atoms between it and the chain's end have each moved by one place, so
    that all structures have the same atoms."""
    atoms = line.copy()
    for i in range(step):
        atoms.positions[chain[i + 1]] = line.positions[chain[i]]
    del atoms[chain[0]]
    return atoms


def minimum(line, chain, step, calculator, output):
    """The relaxed structure with the vacancy at a place, from its file where an earlier run left it."""
    file = output / f"vacancy-{step}.xyz"
    if file.is_file():
        atoms = read(file)
        atoms.set_constraint(with_vacancy(line, chain, step).constraints)
        atoms.calc = calculator
        return atoms
    atoms = with_vacancy(line, chain, step)
    atoms.calc = calculator
    steps = relax(atoms, keep=file.with_suffix(".npy"))
    say(f"{len(atoms)} atoms, vacancy at place {step}: relaxed in {steps} steps")
    write_whole(file, lambda partial: write(partial, atoms, format="extxyz"))
    return atoms


def straight_path(first, last, calculator):
    """Structures on the straight line between two, with their results."""
    path = []
    for fraction in np.linspace(0, 1, POINTS + 2):
        atoms = first.copy()
        atoms.set_constraint()
        atoms.positions = (1 - fraction) * first.positions + fraction * last.positions
        atoms.calc = calculator
        keep_results(atoms)
        path.append(atoms)
    return path


def qm_atoms(line, chain):
    """Union of spheres around the vacancy's places, as indices of the structures with a vacancy."""
    distance = np.min([np.linalg.norm(line.positions - line.positions[i], axis=1) for i in chain], axis=0)
    chosen = np.flatnonzero(distance < QM_RADIUS)
    chosen = chosen[chosen != chain[0]]
    return chosen - (chosen > chain[0])


def profile(minima, calculator, has_energy):
    """Energies along the composite path: lengths, virtual work, total energies (None in QM/ML); lost: places at which the vacancy
    does not stay."""
    length, work, total = [0.0], [0.0], [0.0]
    for first, last in zip(minima, minima[1:]):
        path = straight_path(first, last, calculator)
        part = virtual_work(path)
        length += (length[-1] + part.length[1:]).tolist()
        work += (work[-1] + part.energy[1:]).tolist()
        total += (total[-1] + total_energies(path)[1:]).tolist()
    lost = [place + 1 for place, (first, last) in enumerate(zip(minima, minima[1:]))
            if np.linalg.norm(last.positions - first.positions, axis=1).max() < SAME]
    return {"length": length, "work": work, "total": total if has_energy else None, "lost": lost}


def alone(potential, radius, periods, arguments):
    """The straight line, the vacancy's places, and the profile, with one potential."""
    with LMLink(potential) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        line = straight_line(calculator, constant, elastic, radius, periods)
        chain = places(line, constant, PLACES)
        minima = [minimum(line, chain, step, calculator, arguments.output) for step in range(PLACES)]
        found = profile(minima, calculator, True)
        say_memory(calculator)
    return line, chain, found


def quantum(potential, engine, line, chain, output):
    """QM/ML: its profile. Beside it are the force logs of the relaxed structures, relaxed.xyz, and of the path, path.xyz."""
    core = qm_atoms(line, chain)
    output.mkdir(exist_ok=True)
    say(f"QM/ML with {len(core)} QM atoms")
    settings = {"qm_calc": served_engine(engine), "qm_selection_mask": core, "buffer_width": BUFFER, "timeout": PATIENCE}
    with LMLink(potential, **settings) as calculator:
        minima = [minimum(line, chain, step, calculator, output) for step in range(PLACES)]

    def logging(name):
        (output / f"{name}.xyz").unlink(missing_ok=True)
        return LMLink(potential, force_log=output / f"{name}.xyz", **settings)

    with logging("relaxed") as calculator:
        for atoms in minima:
            atoms.calc = calculator
            atoms.get_forces()
    with logging("path") as calculator:
        return profile(minima, calculator, False)


def train_further(potential, log, output):
    """Retrain as the report beside the potential says that it was, with one more log; the new potential's file."""
    output.mkdir(exist_ok=True)
    given = json.loads(potential.with_suffix(".json").read_text())
    sets = [(OPTIONS[each["role"]], each["file"]) for each in given["sets"]]
    return retrain(Path(given["start"]["files"][0]["file"]), [*sets, ("--targets", log)], given["solution"]["lambda_ridge"],
                   output)


def draw(file, profiles, count):
    """Draw and print the profiles."""
    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for (name, curve), colour in zip(profiles.items(), ("#0057b8", "#111111", "#c8102e", "#2e8b57")):
        axes.plot(curve["length"], curve["work"], color=colour, label=f"{name}, virtual work")
        print(f"{name}: vacancy at its places, by virtual work: "
              + ", ".join(f"{curve['work'][i]:.4f} eV" for i in range(0, len(curve["work"]), POINTS + 1)))
        for place in curve["lost"]:
            print(f"{name}: the vacancy does not stay at place {place}: it goes back to place {place - 1} when it relaxes")
        if curve["total"]:
            axes.plot(curve["length"], curve["total"], "x", color=colour, label=f"{name}, total energy")
            apart = np.abs(np.subtract(curve["work"], curve["total"]))[::POINTS + 1].max()
            print(f"{name}: the same by total energy, at most {1000 * apart:.3f} meV apart: "
                  + ", ".join(f"{curve['total'][i]:.4f} eV" for i in range(0, len(curve["total"]), POINTS + 1)))
    axes.set(xlabel="way (Å)", ylabel="energy (eV)", title=f"Vacancy at a ⟨100⟩{{011}} edge dislocation, {count} atoms")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=110)
    print(f"picture: {file}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small cylinder")
    parser.add_argument("--qm", action="store_true", help="QM/ML too")
    parser.add_argument("--surrounding", type=Path, help="potential around the QM region (as in retrain_barrier.py)")
    parser.add_argument("--further", nargs="+", choices=("relaxed", "path"), default=[], help="train it further, with the "
                        "report of lmlink-retrain that lies beside it, on the relaxed structures, on the path")
    parser.add_argument("--output", type=Path, default=Path("segregation"), help="folder of structures and picture")
    arguments = parser.parse_args()
    if arguments.further and not (arguments.surrounding and arguments.surrounding.with_suffix(".json").is_file()):
        parser.error("--further needs --surrounding with a file of retrain_barrier.py, beside which its report lies")
    arguments.output.mkdir(parents=True, exist_ok=True)
    ml, engine = choose_potentials()
    ml = arguments.surrounding or ml
    radius, periods = SIZE_QUICK if arguments.quick else (RADIUS, PERIODS)
    profiles = {}
    line, chain, profiles["ML"] = alone(ml, radius, periods, arguments)
    if arguments.qm or arguments.further:
        profiles["QM/ML"] = quantum(ml, engine, line, chain, arguments.output / "qmml")
    for what in arguments.further:
        output = arguments.output / f"further-{what}"
        with LMLink(train_further(ml, arguments.output / "qmml" / f"{what}.xyz", output)) as calculator:
            minima = [minimum(line, chain, step, calculator, output) for step in range(PLACES)]
            profiles[f"retrained on {what}"] = profile(minima, calculator, True)
    draw(arguments.output / "segregation.png", profiles, len(line) - 1)
    (arguments.output / "segregation.json").write_text(json.dumps(profiles) + "\n")


if __name__ == "__main__":
    main()
