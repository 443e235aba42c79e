"""The picture of dft_core.py: maps of differential displacements, and forces and work along the path."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from dft_screw import COLOURS, ENGINE, FORCE_ERROR, TEMPERATURE_ERROR
from lmlink.dislocations import perfect_crystal, plot_displacement_map


def polarity(relaxed, core):
    """How much a screw core spreads to one side along its three {110} planes: |d − d'| in units of b/3, the largest of three, where d
    and d' are the differences of displacement between a column at the core's triangle and its two neighbours on the line across the
    way to the core. Twofold axes make them equal in a compact core: V. Vitek's, in the form of atomic rows."""
    burgers, perfect = relaxed.cell[2, 2], perfect_crystal(relaxed).positions
    points, shift = perfect[:, :2], relaxed.positions[:, 2] - perfect[:, 2]
    columns = np.argsort(np.linalg.norm(points - core, axis=1))[:3]
    spacing = np.linalg.norm(points[columns[0]] - points[columns[1]])
    found = []
    for column in columns:
        out = (points[column] - core) / np.linalg.norm(points[column] - core)
        across = spacing * np.array([-out[1], out[0]])
        sides = [np.argmin(np.linalg.norm(points - points[column] - sign * across, axis=1)) for sign in (1, -1)]
        steps = [shift[sides[0]] - shift[column], shift[column] - shift[sides[1]]]
        steps = np.array(steps) - burgers * np.round(np.array(steps) / burgers)
        found.append(abs(steps[0] - steps[1]) / (burgers / 3))
    return float(max(found))


def draw(path, relaxed, case, found, quick):
    figure, axes = plt.subplots(2, 2, figsize=(12, 10.5), layout="constrained")
    cores = {"the potential alone": relaxed.potential, f"{ENGINE} in the core": relaxed.quantum}
    for place, (name, atoms) in zip(axes[0], cores.items()):
        plot_displacement_map(place, atoms)
        place.set(title=f"Relaxed with {name}\n(differential displacements)", xlabel=r"$[11\bar{2}]$ (Å)",
                  ylabel=r"$[\bar{1}10]$ (Å)")
    inside = perfect_crystal(relaxed.start).positions[relaxed.core, :2] - relaxed.start.info["core"]
    axes[0, 1].scatter(*inside.T, s=170, facecolors="none", edgecolors="#0057b8", linewidths=1.5, label="QM atoms", zorder=4)
    axes[0, 1].legend(frameon=True, fontsize=8, loc="upper right")
    left, right = axes[1]
    for name, curve in found.items():
        style = {"color": COLOURS[name], "label": name}
        if name == ENGINE:
            error = np.maximum(TEMPERATURE_ERROR * np.abs(curve.drive), FORCE_ERROR)
            left.errorbar(case.chosen, curve.drive, error, marker="x", capsize=3, **style)
            right.errorbar(curve.work.length[-1], 1000 * curve.work.energy[-1], 1000 * curve.error, color=COLOURS[name], capsize=4)
        else:
            left.plot(case.chosen, curve.drive, "o-", fillstyle="none", **style)
        right.plot(curve.work.curve[0], 1000 * curve.work.curve[1], **style)
    left.axhline(0, color="#9aa5b1", linewidth=1)
    left.set(title=f"Drive on {len(case.core)} QM atoms", xlabel="image", ylabel="F·t (eV/Å)")
    right.set(title="Virtual work on these atoms", xlabel="their way (Å)", ylabel="energy (meV per period of the line)")
    for place in (left, right):
        place.legend(frameon=False, fontsize=8)
    if quick:
        figure.suptitle("--quick: the wiring, no physics")
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")
