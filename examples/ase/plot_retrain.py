"""Pictures of a retraining, from the report of lmlink-retrain.

    python plot_retrain.py W_retrained.json --output W_retrained.png

Forces before and after beside their targets, the error against the distance from the QM atoms' centre, energies of the
strained cells that were kept, the λs that were tried (where there was a choice), with the held-out error against the change of soft structures, and
the coefficients. The strained
cells are read from the file that the report names; all else is in the report.
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read

BEFORE, AFTER = "#b0b0b0", "#0057b8"


def sets_of(report, role, quantity):
    return [entry for entry in report["sets"] if entry["role"] == role and entry["quantity"] == quantity]


def floats(values):
    """JSON has null for what is not a number."""
    return np.array([np.nan if value is None else value for value in values], float)


def draw_parity(axes, report):
    for entry in sets_of(report, "target", "forces"):
        samples = {name: floats(entry["samples"][name]) for name in ("value", "before", "after")}
        for name, colour in (("before", BEFORE), ("after", AFTER)):
            axes.plot(samples["value"], samples[name], ".", color=colour, markersize=4)
    errors = [entry["errors"] for entry in sets_of(report, "target", "forces")]
    count = sum(error["count"] for error in errors)
    for name, colour in (("before", BEFORE), ("after", AFTER)):
        rms = np.sqrt(sum(error[f"rms_{name}"] ** 2 * error["count"] for error in errors) / count)
        axes.plot([], [], ".", color=colour, label=f"{name}: RMS {1000 * rms:.1f} meV/Å")
    axes.axline((0, 0), slope=1, color="black", linewidth=0.6)
    axes.set(xlabel="target force (eV/Å)", ylabel="force of the potential (eV/Å)", title="Forces")
    axes.legend(frameon=False)


def draw_distances(axes, report):
    for entry in sets_of(report, "target", "forces"):
        bins = entry["errors"]["distances"]
        centres = [bin["from"] + 0.5 for bin in bins]
        for name, colour in (("before", BEFORE), ("after", AFTER)):
            axes.semilogy(centres, [1000 * bin[f"rms_{name}"] for bin in bins], "o-", color=colour, markersize=3,
                          label=name)
    axes.set(xlabel="distance from the QM atoms' centre (Å)", ylabel="RMS error of forces (meV/Å)", title="Distance")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[:2], labels[:2], frameon=False)


def signed_strain(atoms, reference):
    """A measure of how a cell is strained: the largest component of the strain, with its sign."""
    deformation = np.linalg.solve(reference.cell.array, atoms.cell.array)
    strain = (deformation + deformation.T) / 2 - np.eye(3)
    return strain.flat[np.abs(strain).argmax()]


def with_structures(report):
    """Hard constraints of energies whose structures can be read: design matrices have none."""
    return [entry for entry in sets_of(report, "hard", "energy") if not entry["file"].endswith(".npy")]


def draw_strains(axes, report):
    for entry in with_structures(report):
        frames = read(entry["file"], ":")
        used = [frames[frame["frame"]] for frame in entry["errors"]["frames"]]
        before, after = (1000 * floats(entry["samples"][name]) for name in ("before", "after"))
        if len(before) != len(used) or len({len(atoms) for atoms in used}) > 1:
            continue
        reference = used[before.argmin()]
        strains = [100 * signed_strain(atoms, reference) for atoms in used]
        axes.plot(strains, before - before.min(), "o", color=BEFORE, markersize=7, label="before")
        axes.plot(strains, after - before.min(), ".", color=AFTER, markersize=5,
                  label=f"after: at most {np.abs(after - before).max():.0e} meV away")
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.set(xlabel="largest component of the strain (%)", ylabel="energy (meV/atom)", title="Strained cells, kept")
    axes.legend(frameon=False)


def draw_trials(axes, report):
    """The λs that a search has tried, which lie on no grid; a curve where one of them is fixed."""
    search = report["search"]
    errors = 1000 * floats([trial["rms_choice"] for trial in search["grid"]])
    pairs = {name: floats([trial[name] for trial in search["grid"]]) for name in ("lambda_ridge", "lambda_soft")}
    labels = {"lambda_ridge": "ridge λ₀", "lambda_soft": "soft λ_S"}
    title = f"RMS error on {search['by']} (meV/Å)"
    varied = [name for name in pairs if len(set(pairs[name])) > 1]
    star = {"color": "white", "markeredgecolor": "black", "markersize": 14}
    if len(varied) == 1:
        x = pairs[varied[0]]
        order = np.argsort(x)
        axes.loglog(x[order], errors[order], ".-", color=AFTER)
        axes.plot(x[search["chosen"]], errors[search["chosen"]], "*", **star)
        axes.set(xlabel=labels[varied[0]], title=title)
        return
    x, y = pairs["lambda_ridge"], pairs["lambda_soft"]
    points = axes.scatter(x, y, c=errors, cmap="viridis_r", norm="log", s=25)
    axes.plot(x[search["chosen"]], y[search["chosen"]], "*", **star)
    axes.set(xscale="log", yscale="log", xlabel=labels["lambda_ridge"], ylabel=labels["lambda_soft"], title=title)
    axes.figure.colorbar(points, ax=axes)


def draw_grid(axes, report):
    grid = report["search"]["grid"]
    if len(grid) > report["search"].get("coarse", len(grid)):
        return draw_trials(axes, report)
    soft, ridge = (sorted({trial[name] for trial in grid}) for name in ("lambda_soft", "lambda_ridge"))
    errors = np.full((len(soft), len(ridge)), np.nan)
    for trial in grid:
        if trial["rms_choice"] is not None:
            errors[soft.index(trial["lambda_soft"]), ridge.index(trial["lambda_ridge"])] = 1000 * trial["rms_choice"]
    image = axes.imshow(errors, origin="lower", aspect="auto", cmap="viridis_r")
    axes.set_xticks(range(len(ridge)), [f"{value:g}" for value in ridge])
    axes.set_yticks(range(len(soft)), [f"{value:g}" for value in soft])
    chosen = grid[report["search"]["chosen"]]
    axes.plot(ridge.index(chosen["lambda_ridge"]), soft.index(chosen["lambda_soft"]), "*", color="white",
              markeredgecolor="black", markersize=14)
    axes.set(xlabel="ridge λ₀", ylabel="soft λ_S", title=f"RMS error on {report['search']['by']} (meV/Å)")
    axes.figure.colorbar(image, ax=axes)


def is_watched(report):
    """Whether soft structures were measured for each pair of λs."""
    return any(trial.get("soft_change") is not None for trial in report.get("search", {}).get("grid", []))


def draw_trade_off(axes, report):
    """What each pair of λs gives of the one and takes of the other; the line joins those that none is better than."""
    search = report["search"]
    change, error = (1000 * floats([trial[name] for trial in search["grid"]]) for name in ("soft_change", "rms_choice"))
    axes.loglog(change, error, ".", color=BEFORE)
    known = [k for k in np.argsort(change) if np.isfinite(error[k])]
    best = [k for n, k in enumerate(known) if n == 0 or error[k] < min(error[known[:n]])]
    axes.plot(change[best], error[best], "-", color=AFTER, linewidth=1)
    axes.plot(change[search["chosen"]], error[search["chosen"]], "*", color="white", markeredgecolor="black",
              markersize=14)
    axes.axvline(1000 * search["soft_limit"], color="black", linewidth=0.6, linestyle="--")
    axes.axhline(1000 * search["rms_before"], color=BEFORE, linewidth=0.6, linestyle=":")
    axes.set(xlabel="change of soft structures (meV/Å)", ylabel="held-out error of targets (meV/Å)",
             title="Trade-off, limit (dashed), before (dotted)")


def draw_coefficients(axes, report):
    before, after = (np.abs(report["coefficients"][name]) for name in ("before", "after"))
    axes.semilogy(np.where(after > 0, after, np.nan), ".", color=AFTER, markersize=3, label="after")
    axes.semilogy(np.where(before > 0, before, np.nan), ".", color="black", markersize=4, label="before")
    axes.set(xlabel="coefficient", ylabel="|Θ| (eV)", title="Coefficients")
    axes.legend(frameon=False)


def draw(report, path):
    panels = [draw_coefficients]
    if len(report.get("search", {}).get("grid", [])) > 1:
        panels.insert(0, draw_grid)
        if is_watched(report):
            panels.insert(0, draw_trade_off)
    if with_structures(report):
        panels.insert(0, draw_strains)
    if sets_of(report, "target", "forces"):
        panels.insert(0, draw_parity)
        if any(entry["errors"]["distances"] for entry in sets_of(report, "target", "forces")):
            panels.insert(1, draw_distances)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.6 * columns, 3.9 * rows), layout="constrained", squeeze=False)
    for panel, place in zip(panels, axes.flat):
        panel(place, report)
    for place in axes.flat[len(panels):]:
        place.axis("off")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="of lmlink-retrain")
    parser.add_argument("--output", type=Path, help="the picture; by default the report's name with .png")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text())
    if report.get("format") != "lmlink-retrain-report":
        raise SystemExit(f"{arguments.report} is no report of lmlink-retrain")
    output = arguments.output or arguments.report.with_suffix(".png")
    draw(report, output)
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
