"""The whole loop on one dislocation: QM/ML, force log, constrained retraining, validation.

    python loop.py [--quick] [--output FOLDER]

A ½⟨111⟩ screw dislocation in tungsten moves to the next valley with mixed forces. Around its core they come from a
second, different potential, WBe_Wood_PRB2019, which plays the quantum code; elsewhere from W_2940_2017_2. The logged
forces retrain the latter, while the energies of strained cells, and so the elastic constants, stay exactly. Prints the
errors on configurations that were not trained on, and draws loop.png. The exit code is 1 if the loop did not improve
the forces, or changed an elastic constant.
"""

import argparse
import subprocess
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read
from ase.optimize import FIRE
from matscipy.dislocation import BCCScrew111Dislocation

import crystals
from common import computed, find_potential, rms, say
from lmlink import LMLink, find_program

TEACHER = "WBe_Wood_PRB2019.snap"
QM_RADIUS, BUFFER = 7.0, 9.6  # Å; with two cutoffs of buffer the teacher's forces are exact
RIDGES = "1,10,100,1000,10000"
ELASTIC_BAR = 1e-6  # relative change of an elastic constant


def mixture(potential, teacher, atoms, log):
    """LMLink that mixes the teacher's forces in around both cores, and logs them to a new file."""
    log.unlink(missing_ok=True)
    first, last = atoms.info["path"]
    distance = np.min([np.linalg.norm(atoms.positions[:, :2] - core, axis=1) for core in (first, last)], axis=0)
    return LMLink(potential, qm_calc=teacher, qm_selection_mask=distance < QM_RADIUS, buffer_width=BUFFER,
                  force_log=log)


def glide(cell, elastic, radius):
    """The dislocation before and after its step to the next valley, with the cores' places in `info`."""
    builder = BCCScrew111Dislocation(cell.cell[0, 0], *elastic, symbol="W")
    _, first, last = builder.build_glide_configurations(radius, fix_width=10, verbose=False)
    cores = [np.array(atoms.info["core_positions"][0][:2], float) for atoms in (first, last)]
    if np.linalg.norm(cores[1] - cores[0]) < 0.1:  # both cells may name the first core
        cores[1] = cores[0] + [builder.glide_distance, 0]
    for atoms in first, last:
        atoms.info["path"] = cores
    return first, last


def log_path(potential, teacher, ends, places, log, seed):
    """Relax the ends with mixed forces, then evaluate the path between them at `places` (0 to 1), atoms displaced by
    0.03 Å at random: all of it goes to the log."""
    rng = np.random.default_rng(seed)
    with mixture(potential, teacher, ends[0], log) as calculator:
        for atoms in ends:
            atoms.calc = calculator
            FIRE(atoms, logfile=None).run(fmax=0.02, steps=60)
        free = np.delete(np.arange(len(ends[0])), ends[0].constraints[0].index)
        for place in places:
            image = ends[0].copy()
            image.positions += place * (ends[1].positions - ends[0].positions)
            image.positions[free] += rng.normal(0, 0.03, (len(free), 3))
            image.calc = calculator
            image.get_forces()
    return read(log, ":")


def retrain(potential, folder):
    """Run lmlink-retrain; the new potential, with the fixed terms of the old one."""
    command = [find_program("lmlink-retrain"), "--start", potential, "--targets", folder / "train.xyz",
               "--min-displacement", "0.02", "--hard", folder / "strained.xyz", "--soft", folder / "hot.xyz",
               "--folds", "4", "--lambda-soft", "0.01", "--lambda-ridge", RIDGES, "--soft-limit", "0.1",
               "--output", folder / "W_retrained.snapcoeff", "--report", folder / "retrain.json", "--overwrite"]
    subprocess.run([str(word) for word in command], check=True)
    return folder / "W_retrained.snap"


def qm_forces(frames, potential):
    """The teacher's and the potential's force components (eV/Å) on the QM atoms of logged frames."""
    regions = [frame.arrays["region"] == "QM" for frame in frames]
    theirs = [frame.arrays["forces_qm"][qm] for frame, qm in zip(frames, regions)]
    ours = [atoms.get_forces()[qm] for atoms, qm in zip(computed(potential, frames), regions)]
    return np.concatenate(theirs).ravel(), np.concatenate(ours).ravel()


def draw(path, theirs, before, after, elastic):
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    colours = {"before": "#9aa5b1", "after": "#0057b8"}
    for name, forces in (("before", before), ("after", after)):
        error = forces - theirs
        axes[0].scatter(theirs, forces, s=9, color=colours[name], label=name)
        axes[1].hist(np.abs(error), bins=np.linspace(0, np.abs(before - theirs).max(), 40), color=colours[name],
                     alpha=0.7, label=f"{name}: {1000 * rms(error):.0f} meV/Å")
    edge = 1.05 * np.abs(theirs).max()
    axes[0].plot([-edge, edge], [-edge, edge], color="#2f3b48", linewidth=1)
    axes[0].set(xlabel="teacher's force (eV/Å)", ylabel="potential's force (eV/Å)", title="QM atoms, not trained on")
    axes[1].set(xlabel="error of a force component (eV/Å)", ylabel="components", title="Force errors")
    for axis in axes[:2]:
        axis.legend(frameon=False)
    rows = np.arange(3)
    for shift, name in ((-0.2, "before"), (0.2, "after")):
        axes[2].bar(rows + shift, elastic[name], 0.4, color=colours[name], label=name)
    axes[2].set_xticks(rows, ["C11", "C12", "C44"])
    axes[2].set(ylabel="GPa", title="Elastic constants are kept")
    axes[2].legend(frameon=False)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("loop"), help="folder for all files (loop)")
    parser.add_argument("--quick", action="store_true", help="a smaller cylinder and fewer configurations")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    potential, teacher = find_potential(), find_potential(TEACHER)
    radius, images = (25, 15) if arguments.quick else (40, 41)
    with LMLink(potential) as calculator:
        cell = crystals.relaxed_cell(calculator, "W", "bcc")
        elastic = {"before": crystals.elastic_constants(cell, calculator)}
        crystals.write_constraints(cell, calculator, folder)
    say("strained cells and hot crystals are written")
    ends = glide(cell, elastic["before"], radius)
    train = log_path(potential, teacher, ends, np.linspace(0, 1, images), folder / "train.xyz", seed=1)
    say(f"{len(train)} evaluations of {len(ends[0])} atoms are logged, {(train[0].arrays['region'] == 'QM').sum()} QM")
    test = log_path(potential, teacher, ends, np.linspace(0.05, 0.95, 5), folder / "test.xyz", seed=2)[-5:]
    say("configurations for the test are logged")
    new = retrain(potential, folder)
    with LMLink(new) as calculator:
        elastic["after"] = crystals.elastic_constants(cell, calculator)
    theirs, before = qm_forces(test, potential)
    after = qm_forces(test, new)[1]
    draw(folder / "loop.png", theirs, before, after, elastic)
    change = max(abs(b / a - 1) for a, b in zip(elastic["before"], elastic["after"]))
    print(f"\nRMS force error on QM atoms (eV/Å): before {rms(before - theirs):.4f}, after {rms(after - theirs):.4f}")
    print(f"largest relative change of an elastic constant: {change:.1e}")
    print(f"new potential: {new}\npicture: {folder / 'loop.png'}")
    if rms(after - theirs) >= rms(before - theirs) or change > ELASTIC_BAR:
        raise SystemExit("the loop did not do what it should")


if __name__ == "__main__":
    main()
