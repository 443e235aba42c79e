"""How wide must the buffer be? Change of the quantum forces with buffer width and vacuum, for any engine.

    python buffer_convergence.py [--buffers 3 5 7 9 11] [--vacuums 3 5 8] [--calculator MODULE:EXPRESSION]

The engine computes the cluster around a screw dislocation's core in tungsten for each width; the forces on the QM atoms
are compared with those of the widest buffer and the widest vacuum. Without --calculator a second potential plays the
quantum code, for which two cutoffs of buffer (9.5 Å) are exact. An engine's own setting is tried by giving another
--calculator each time and comparing the printed tables. Draws buffer_convergence.png.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matscipy.dislocation import BCCScrew111Dislocation

import crystals
from common import find_potential, say
from lmlink import LMLink

TEACHER = "WBe_Wood_PRB2019.snap"


def qm_forces(atoms, mask, engine, buffer, vacuum):
    """Forces (eV/Å) of the engine on the QM atoms, and the number of atoms in its cluster."""
    with LMLink(find_potential(), qm_calc=engine, qm_selection_mask=mask, buffer_width=buffer, vacuum=vacuum,
                qm_cell_round_off=0.0, zero_mean=False) as atoms.calc:
        forces = atoms.get_forces(apply_constraint=False)[mask]
        return forces, int((atoms.calc.get_region_from_masks() != "MM").sum())


def compare(name, values, results):
    """Print a table of the changes from the last of the results; mean and largest change (eV/Å) of each."""
    print(f"\n{name + ' (Å)':>12s}{'atoms':>8s}{'mean change (eV/Å)':>22s}{'largest (eV/Å)':>18s}")
    changes = []
    for value, (forces, atoms) in zip(values, results):
        change = np.linalg.norm(forces - results[-1][0], axis=1)
        changes.append((change.mean(), change.max()))
        print(f"{value:12.1f}{atoms:8d}{change.mean():22.2e}{change.max():18.2e}")
    return np.array(changes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buffers", type=float, nargs="+", default=[3, 4, 5, 6, 7, 8, 9, 10, 12], metavar="Å")
    parser.add_argument("--vacuums", type=float, nargs="+", default=[1, 2, 3, 5, 8], metavar="Å")
    parser.add_argument("--qm-radius", type=float, default=5.0, metavar="Å")
    parser.add_argument("--calculator", metavar="MODULE:EXPRESSION", help="the engine, any ASE calculator")
    parser.add_argument("--potential", help="or a potential for lmlink (default: WBe_Wood_PRB2019.snap)")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder of buffer_convergence.png")
    parser.add_argument("--quick", action="store_true", help="a smaller cylinder, four widths and two vacuums")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.quick:
        arguments.buffers, arguments.vacuums = [4, 6, 9.6, 11], [3, 6]
    builder = BCCScrew111Dislocation(3.18046, 517.7, 194.5, 144.3, symbol="W")
    _, atoms = builder.build_cylinder(25 if arguments.quick else 35, fix_width=8, verbose=False)
    core = np.array(atoms.info["core_positions"][0][:2], float)
    mask = np.linalg.norm(atoms.positions[:, :2] - core, axis=1) < arguments.qm_radius
    say(f"{len(atoms)} atoms, {mask.sum()} of them QM")
    with ExitStack() as stack:
        engine = crystals.open_calculator(arguments, lambda: find_potential(TEACHER), stack)
        widths, vacuums = sorted(arguments.buffers), sorted(arguments.vacuums)
        by_buffer = [qm_forces(atoms, mask, engine, width, vacuums[-1]) for width in widths]
        by_vacuum = [qm_forces(atoms, mask, engine, widths[-1], vacuum) for vacuum in vacuums]
    changes = {"buffer": (widths, compare("buffer", widths, by_buffer)),
               "vacuum": (vacuums, compare("vacuum", vacuums, by_vacuum))}
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    for axis, (name, (values, change)) in zip(axes, changes.items()):
        for column, label, colour in ((0, "mean", "#0057b8"), (1, "largest", "#c8102e")):
            axis.semilogy(values[:-1], np.maximum(change[:-1, column], 1e-14), marker="o", color=colour, label=label)
        axis.set(xlabel=f"{name} (Å)", title=f"Against a {name} of {values[-1]:g} Å")
        axis.legend(frameon=False)
    axes[0].set(ylabel="change of the force on QM atoms (eV/Å)")
    figure.savefig(arguments.output / "buffer_convergence.png", dpi=110)
    print(f"\npicture: {arguments.output / 'buffer_convergence.png'}")


if __name__ == "__main__":
    main()
