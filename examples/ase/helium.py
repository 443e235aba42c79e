"""Helium on a ½⟨111⟩ screw dislocation in tungsten: a QM sphere around it, LAMMPS with a He–W potential as the engine.

The surrounding potential W_2940_2017_2 does not know helium, which exists in the sphere alone; the engine has the same
tungsten and the helium of Juslin and Wirth (2013). In the disk each period of the line has a helium atom (1927 atoms
with the paper's lattice constant), in the cylinder of 31 periods there is one.

    python helium.py [--quick] [--output FOLDER]

draws helium.png: differential displacements at the helium atom and far from it.
"""

import argparse
import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase import Atom
from matscipy.dislocation import BCCScrew111Dislocation

from common import (PATIENCE, add_vacuum, along_line, find_potential, lammps_engine, largest_force,
                    lattice_and_elasticity, peak_memory, relax, say)
from lmlink import LMLink
from tungsten import differential_displacements

QM_RADIUS, BUFFER = 6.5, 9.5  # Å
HELIUM = "W_2940_2017_2_He_JW2013.snap"


def add_helium(atoms):
    """Put helium into the core, in the middle of the line."""
    atoms.append(Atom("He", [*atoms.info["core"], atoms.cell[2, 2] / 2 + 0.3]))
    return len(atoms) - 1


def relax_with_helium(atoms):
    """Relax in QM/ML with a sphere around the helium atom, the last one; prints what it took."""
    around = atoms.get_distances(len(atoms) - 1, range(len(atoms)), mic=True)
    core = np.flatnonzero(around < QM_RADIUS)
    settings = {"qm_selection_mask": core, "buffer_width": BUFFER, "timeout": PATIENCE}
    cluster = LMLink(find_potential(), qm_calc={"launch": "true"}, **settings).get_qm_cluster(atoms)
    os.environ["LAMMPS_POTENTIALS"] = str(find_potential().parent)
    engine = lammps_engine(cluster, [f"include {find_potential(HELIUM)}"], ["W", "He"])
    with LMLink(find_potential(), qm_calc=engine, **settings) as atoms.calc:
        steps = relax(atoms)
        say(f"{len(atoms)} atoms, {len(core)} QM, {len(cluster)} in the cluster: relaxed to {largest_force(atoms):.4f} "
            f"eV/Å in {steps} steps")


def draw_core(axes, perfect, relaxed, core, burgers, title):
    """Differential displacements of one period of the line; perfect and relaxed have the same atoms."""
    keep = np.linalg.norm(perfect.positions[:, :2] - core, axis=1) < 12
    perfect, relaxed = perfect[keep], relaxed[keep]
    points = perfect.positions[:, :2] - core
    first, second, difference = differential_displacements(perfect, relaxed, burgers, 1.05 * burgers)
    way = (points[second] - points[first]) * (difference / (burgers / 3))[:, None]
    middle = (points[second] + points[first]) / 2
    axes.quiver(*(middle - way / 2).T, *way.T, angles="xy", scale_units="xy", scale=1, width=0.006, color="#c8102e")
    axes.scatter(*points.T, s=60, color="white", edgecolors="#2f3b48", zorder=2)
    axes.set(aspect="equal", xlim=(-9, 9), ylim=(-9, 9), xlabel="x (Å)", ylabel="y (Å)", title=title)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small disk alone")
    parser.add_argument("--output", type=Path, default=Path("helium"), help="folder of structures and picture")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    radius, periods = (25.0, 1) if arguments.quick else (60.0, 31)
    with LMLink(find_potential()) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        builder = BCCScrew111Dislocation(constant, *elastic, symbol="W")
        perfect, disk = builder.build_cylinder(radius, verbose=False)
        perfect.positions[:, :2] -= disk.positions[:, :2].min(axis=0)
        add_vacuum(disk)
        perfect.positions[:, :2] += disk.positions[:, :2].min(axis=0)
        disk.calc = calculator
        say(f"disk of {len(disk)} atoms relaxed in {relax(disk)} steps")
    burgers, core, size = disk.cell[2, 2], disk.info["core"], len(disk)
    figure, panels = plt.subplots(1, 3, figsize=(14, 4.8), layout="constrained")
    for axes, count in zip(panels, (1, periods) if periods > 1 else (1,)):
        atoms = along_line(disk, count)
        add_helium(atoms)
        relax_with_helium(atoms)
        atoms.write(arguments.output / f"helium-{count}.xyz", format="extxyz")
        slices = [atoms[i * size:(i + 1) * size] for i in range(count)]
        for number, part in enumerate(slices):
            part.positions[:, 2] -= number * burgers
        name = "disk" if count == 1 else f"cylinder of {count} periods"
        draw_core(axes, perfect, slices[count // 2], core, burgers, f"{name}, at the helium atom\n{len(atoms)} atoms")
        helium = atoms.positions[-1]
        print(f"{name}: helium {np.linalg.norm(helium[:2] - core):.2f} Å from the elastic centre of the line")
    draw_core(panels[2], perfect, slices[0], core, burgers, f"the same, {periods // 2} periods away")
    moved = [np.linalg.norm(part.positions - disk.positions, axis=1).max() for part in slices]
    for number, largest in enumerate(moved):
        print(f"period {number - periods // 2:+3d} from helium: largest displacement {largest:.4f} Å")
    figure.savefig(arguments.output / "helium.png", dpi=110)
    print("memory: server {:.0f} MB, Python {:.0f} MB".format(*peak_memory()))
    print(f"picture: {arguments.output / 'helium.png'}")


if __name__ == "__main__":
    main()
