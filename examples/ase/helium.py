"""Helium on a ½⟨111⟩ screw dislocation in tungsten: a QM sphere around it, LAMMPS with a He–W potential as the engine.

The surrounding potential W_2940_2017_2 does not know helium, which exists in the sphere alone; the engine has the same
tungsten and the helium of Juslin and Wirth (2013). In the disk each period of the line has a helium atom (1927 atoms), in
the cylinder of 31 periods there is one (59,707 atoms). Helium starts at the centre of the straight, easy core, or beside
it, where the core would be hard. matscipy fits the core's place along the line; LAMMPS with all atoms, which this engine
makes possible, gives the energies and tells whether the structure is relaxed.

    python helium.py [--quick] [--output FOLDER]

prints which core there is along the line, and draws helium.png; a second start goes on where the first one ended.
"""

import argparse
import json
import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase import Atom
from ase.io import read, write
from matscipy.dislocation import BCCScrew111Dislocation

from common import PATIENCE, find_potential, lammps_engine, relax, say, say_memory, write_whole
from lmlink import LMLink
from lmlink.dislocations import (bcc_screw_sites, build_cylinder, build_disk, core_kind, core_line, largest_force,
                                 lattice_and_elasticity, one_period, plot_displacement_map)

RADIUS = 60.0 / 3.1855  # lattice constants: the paper's radius, and so its number of atoms
PERIODS = 31
SIZE_QUICK = (25.0 / 3.1855, 7)  # radius and periods of --quick
QM_RADIUS, BUFFER = 5.0, 9.5  # Å; tungsten feels helium up to 3.25 Å; two cutoffs of buffer are exact
HELIUM = "W_2940_2017_2_He_JW2013.snap"
EASY = (0.1, 0.02)  # Å: nearer to the easy core than this counts as back; the fit is good to 0.01 Å
MARKERS = {"easy": "^", "hard": "v", "split": "o"}
COLOURS = ("#111111", "#c8102e")


def lammps(atoms):
    """LAMMPS with tungsten and helium, as an engine for these atoms."""
    os.environ["LAMMPS_POTENTIALS"] = str(find_potential().parent)
    return lammps_engine(atoms, [f"include {find_potential(HELIUM)}"], ["W", "He"])


def relaxed_disk(radius):
    """Builder, and relaxed disk without helium."""
    with LMLink(find_potential()) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
        builder = BCCScrew111Dislocation(constant, *elastic, symbol="W")
        disk = build_disk(builder, radius * constant)
        disk.calc = calculator
        say(f"disk of {len(disk)} atoms relaxed in {relax(disk)} steps")
    return builder, disk


def add_helium(disk, periods, place):
    """The disk repeated along the line, with one helium atom at a place (x and y from the easy core, Å)."""
    atoms = build_cylinder(disk, periods)
    atoms.append(Atom("He", [*(disk.info["core"] + place), (periods // 2 + 0.6) * disk.cell[2, 2]]))
    return atoms


def mixture(atoms):
    """LMLink with a QM sphere around the helium atom, the last one, which stays that of these atoms."""
    around = atoms.get_distances(len(atoms) - 1, range(len(atoms)), mic=True)
    core = np.flatnonzero(around < QM_RADIUS)
    settings = {"qm_selection_mask": core, "buffer_width": BUFFER, "timeout": PATIENCE}
    cluster = LMLink(find_potential(), qm_calc={"launch": "true"}, **settings).get_qm_cluster(atoms)
    calculator = LMLink(find_potential(), qm_calc=lammps(cluster), **settings)
    calculator.get_region_from_masks(atoms)
    say(f"{len(atoms)} atoms, {len(core)} QM, {len(cluster)} in the cluster")
    return calculator


def relax_with_helium(atoms, file):
    """Relax in QM/ML, or read what an earlier run left in the file."""
    if file.is_file():
        atoms.positions = read(file).positions
        return
    with mixture(atoms) as atoms.calc:
        steps = relax(atoms, keep=file.with_suffix(".npy"))
        say(f"relaxed to {largest_force(atoms):.4f} eV/Å in {steps} steps")
        say_memory(atoms.calc)
    write_whole(file, lambda partial: write(partial, atoms, format="extxyz"))


def examine(atoms, builder, file):
    """Heights and places of the core along the line, and what LAMMPS says of all atoms; kept in a JSON file."""
    if file.is_file():
        return json.loads(file.read_text())
    heights, places = core_line(atoms, builder)
    easy = np.append(atoms.info["core"], 0.0)
    whole = atoms.copy()
    whole.wrap()
    with LMLink(lammps(whole), timeout=PATIENCE) as whole.calc:
        say(f"LAMMPS with all {len(atoms)} atoms")
        found = {"energy": whole.get_potential_energy(), "force": largest_force(whole), "heights": heights.tolist(),
                 "places": (places - easy[:2]).tolist(), "helium": (atoms.positions[-1] - easy).tolist()}
    write_whole(file, lambda partial: partial.write_text(json.dumps(found) + "\n"))
    return found


def describe(name, found, constant, burgers):
    """Print which core there is at helium, and over which length it is not the easy one."""
    places, heights = np.array(found["places"]), np.array(found["heights"])
    away = np.linalg.norm(places, axis=1)
    kind, distance = core_kind(places[away.argmax()], constant)
    print(f"\n{name}: core up to {away.max():.2f} Å from the easy one, {distance:.2f} Å from a place of the {kind} one there;"
          f" helium {np.linalg.norm(found['helium'][:2]):.2f} Å from the easy one")
    if len(heights) > 3:
        periods = len(heights) / 3
        beside = (heights - found["helium"][2]) / burgers
        beside = np.abs(beside - periods * np.round(beside / periods))
        for limit in EASY:
            print(f"  {limit:g} Å or more from the easy core up to {beside[away > limit].max(initial=0):.1f} |b| from helium")
    print(f"  LAMMPS with all atoms: largest force {found['force']:.4f} eV/Å, energy {found['energy']:.4f} eV")


def draw_places(axes, cylinders, constant):
    """The core's places in the plane, seen along the line."""
    for kind, points in bcc_screw_sites(constant).items():
        axes.scatter(*points.T, s=90, marker=MARKERS[kind], facecolor="white", edgecolor="#7b8794", linewidth=1.5,
                     label=f"{kind} core", zorder=2)
    for (name, found), colour in zip(cylinders.items(), COLOURS):
        axes.plot(*np.transpose(found["places"]), ".-", color=colour, markersize=5, linewidth=0.8, label=name, zorder=3)
        axes.plot(*found["helium"][:2], "*", color=colour, markersize=11, label="its helium", zorder=4)
    axes.set(aspect="equal", xlim=(-3.0, 3.0), ylim=(-2.6, 2.6), xlabel=r"$[11\bar{2}]$ (Å)",
             ylabel=r"$[\bar{1}10]$ (Å)", title="Places of the core in the cylinder")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)


def draw_along(axes, cylinders, constant, burgers):
    """How far the core is from the easy one along the line."""
    for (name, found), colour in zip(cylinders.items(), COLOURS):
        beside = (np.array(found["heights"]) - found["helium"][2]) / burgers
        axes.semilogy(beside, np.linalg.norm(found["places"], axis=1), ".-", color=colour, label=name)
    axes.axhline(np.sqrt(2) / 3 * constant, color="#9aa5b1", linestyle="--", linewidth=1, label="hard, split")
    for limit in EASY:
        axes.axhline(limit, color="#9aa5b1", linestyle=":", linewidth=1)
        axes.annotate(f"{limit:g} Å", (0.01, limit), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", fontsize=8, color="#66727f")
    axes.set(xlabel="along the line, from helium (|b|)", ylabel="from the easy core (Å)", title="Return to the easy core")
    axes.legend(frameon=False)


def draw(path, builder, runs, structures):
    """Differential displacements at helium and far from it, and the core's places along the line. runs: what examine
    found, by geometry and start."""
    burgers, constant, maps = float(np.linalg.norm(builder.burgers)), builder.alat, []
    for name, found in runs.items():
        maps.append((f"{name}, at helium", one_period(structures[name], builder, found["helium"][2]), found["helium"][:2]))
    far = round(structures[name].cell[2, 2] / burgers) // 2
    maps.append((f"{name},\n{far} |b| from helium",
                 one_period(structures[name], builder, found["helium"][2] + far * burgers), None))
    figure = plt.figure(figsize=(3.5 * len(maps), 8.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1))
    for axes, (title, atoms, helium) in zip(above.subplots(1, len(maps)), maps):
        plot_displacement_map(axes, atoms, reach=8)
        axes.set(title=title, xlabel=r"$[11\bar{2}]$ (Å)", ylabel=r"$[\bar{1}10]$ (Å)")
        if helium is not None:
            axes.plot(*helium, "*", color="#0057b8", markersize=13, zorder=4)
    cylinders = {name: found for name, found in runs.items() if len(found["heights"]) > 3}
    places, along = below.subplots(1, 2)
    draw_places(places, cylinders, constant)
    draw_along(along, cylinders, constant, burgers)
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small disk and a short cylinder")
    parser.add_argument("--output", type=Path, default=Path("helium"), help="folder of structures and picture")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    radius, periods = SIZE_QUICK if arguments.quick else (RADIUS, PERIODS)
    builder, disk = relaxed_disk(radius)
    starts = {"easy": (0.0, 0.0), "hard": bcc_screw_sites(builder.alat)["hard"][1]}
    runs, structures = {}, {}
    for geometry, count in (("disk", 1), ("cylinder", periods)):
        for start, place in starts.items():
            if arguments.quick and (geometry, start) == ("cylinder", "hard"):
                continue
            name, file = f"{geometry} from {start}", arguments.output / f"{geometry}-{start}.xyz"
            structures[name] = add_helium(disk, count, place)
            say(name)
            relax_with_helium(structures[name], file)
            runs[name] = examine(structures[name], builder, file.with_suffix(".json"))
    for name, found in runs.items():
        describe(name, found, builder.alat, disk.cell[2, 2])
    draw(arguments.output / "helium.png", builder, runs, structures)
    print(f"\npicture: {arguments.output / 'helium.png'}")


if __name__ == "__main__":
    main()
