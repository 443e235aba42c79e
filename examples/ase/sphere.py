"""A dislocation line that crosses the border of a spherical QM region: how far atoms move when QM/ML relaxes it.

A straight ½⟨111⟩ screw dislocation is relaxed with the surrounding potential alone, and then with a QM sphere on the
line. With a surrounding potential that was retrained on the QM forces nothing should move.

    python sphere.py [--quick] [--surrounding FILE ...] [--output FOLDER]

compares the given surrounding potentials (by default the one that retrain_barrier.py starts from), prints a table and
draws sphere.png.
"""

import argparse
from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matscipy.dislocation import BCCScrew111Dislocation

from common import PATIENCE, choose_potentials, relax, say, say_memory, served_engine
from lmlink import LMLink
from lmlink.dislocations import build_cylinder, build_disk, lattice_and_elasticity

QM_RADIUS, BUFFER = 6.0, 9.5  # Å
TOLERANCE = 5e-4  # eV/Å: displacements below 0.001 Å are looked for


def straight_line(potential, radius, periods):
    """A relaxed cylinder with a screw dislocation along it."""
    with LMLink(potential) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        builder = BCCScrew111Dislocation(constant, *elastic, symbol="W")
        disk = build_disk(builder, radius)
        disk.calc = calculator
        say(f"disk of {len(disk)} atoms relaxed in {relax(disk, TOLERANCE)} steps")
    return build_cylinder(disk, periods)


def move(atoms, potential, engine):
    """Relax with a QM sphere in the middle of the line: displacements (Å) of all atoms, and the number of QM atoms."""
    before = atoms.positions.copy()
    centre = [*atoms.info["core"], atoms.cell[2, 2] / 2]
    core = np.flatnonzero(np.linalg.norm(before - centre, axis=1) < QM_RADIUS)
    with LMLink(potential, qm_calc=served_engine(engine), qm_selection_mask=core, buffer_width=BUFFER,
                timeout=PATIENCE) as atoms.calc:
        say(f"{len(atoms)} atoms, {len(core)} QM: relaxed in {relax(atoms, TOLERANCE)} steps")
        say_memory(atoms.calc)
    return np.linalg.norm(atoms.positions - before, axis=1), len(core)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surrounding", type=Path, nargs="+", help="potentials around the sphere, one after the other")
    parser.add_argument("--quick", action="store_true", help="a small cylinder")
    parser.add_argument("--output", type=Path, default=Path("sphere"), help="folder of the picture")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    ml, engine = choose_potentials()
    radius, periods = (25.0, 13) if arguments.quick else (60.0, 21)
    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for potential, colour in zip(arguments.surrounding or [ml], cycle(("#0057b8", "#c8102e", "#2e8b57"))):
        atoms = straight_line(potential, radius, periods)
        height = atoms.positions[:, 2] - atoms.cell[2, 2] / 2
        moved, count = move(atoms, potential, engine)
        print(f"{potential.stem} around {count} QM atoms of {len(atoms)}: largest displacement {moved.max():.5f} Å")
        free = moved > 0
        axes.semilogy(height[free], moved[free], ".", color=colour, markersize=2, alpha=0.6,
                      label=f"{potential.stem}: {moved.max():.4f} Å")
    axes.axhline(0.004, color="#9aa5b1", linestyle="--", linewidth=1, label="the paper, retrained: below 0.004 Å")
    axes.axvspan(-QM_RADIUS, QM_RADIUS, color="#0057b8", alpha=0.08)
    axes.set(xlabel="along the line, from the sphere's centre (Å)", ylabel="displacement (Å)",
             title=f"QM sphere of {QM_RADIUS:g} Å on a screw dislocation")
    axes.set_ylim(1e-7, 0.3)
    axes.legend(fontsize=8, markerscale=4)
    figure.savefig(arguments.output / "sphere.png", dpi=110)
    print(f"picture: {arguments.output / 'sphere.png'}")


if __name__ == "__main__":
    main()
