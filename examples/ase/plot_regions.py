"""Draw who is QM, blend, buffer and ML in a structure: a file that `lmlink-serve NAME.json --check` or
`lmlink-eval --propose-region` writes. Where the file has an uncertainty of each atom, that is drawn beside it.

    python plot_regions.py                       # a screw dislocation in tungsten, made here
    python plot_regions.py --uncertain           # the same, the region chosen by the potential's uncertainty
    python plot_regions.py NAME-regions.xyz      # any structure with a column `region`
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import ase.io
import matplotlib
import numpy as np
from ase.build import bulk
from matplotlib.colors import LogNorm
from matscipy.dislocation import BCCScrew111Dislocation

from common import find_potential
from lmlink import LMLink, find_program
from lmlink.dislocations import build_disk, lattice_and_elasticity

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"MM": ("#c9d3dc", "ML potential"), "buffer": ("#e8b04b", "buffer"),
           "blend": ("#c97b5a", "blend"), "QM": ("#b3122b", "QM")}
SCORES = {"distance": "distance from the training atoms", "sigma_forces": "σ of the force (eV/Å)"}
BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncol": 4, "frameon": False}  # of legends


def make_screw(potential, radius=45.0):
    """A screw dislocation's disk, its rim held; and the lattice constant."""
    with LMLink(potential) as calculator:
        lattice_constant, elastic = lattice_and_elasticity(calculator)
    builder = BCCScrew111Dislocation(lattice_constant, *elastic, symbol="W")
    return build_disk(builder, radius), lattice_constant


def proposed_region(folder, inner=9.0, buffer=12.0):
    """The disk with the region that lmlink-eval proposes, by the distance from bulk tungsten that vibrates."""
    disk, lattice_constant = make_screw(find_potential())
    for path in find_potential().parent.glob(f"{find_potential().stem}.*"):
        shutil.copy(path, folder)
    potential = folder / find_potential().name
    cells = [bulk("W", cubic=True, a=lattice_constant).repeat(4) for _ in range(5)]
    for seed, cell in enumerate(cells):
        cell.rattle(0.05, seed=seed)
    ase.io.write(folder / "bulk.xyz", cells)
    ase.io.write(folder / "screw.xyz", disk)
    subprocess.run([find_program("lmlink-retrain"), "--start", potential, "--uncertainty-from", folder / "bulk.xyz"],
                   check=True, capture_output=True)
    proposed = folder / "proposed.xyz"
    print(subprocess.run([find_program("lmlink-eval"), "--potential", potential, folder / "screw.xyz", "--output", proposed,
                          "--propose-region", "--region-inner", str(inner), "--region-buffer", str(buffer)],
                         check=True, capture_output=True, text=True).stdout, end="")
    return proposed


def screw_with_regions(folder, qm_radius=5.5, buffer=12.0):
    """The disk with labels, as lmlink-serve --check gives them."""
    potential = find_potential()
    disk, _ = make_screw(potential)
    ase.io.write(folder / "screw.xyz", disk)
    region = {"cylinder": {"axis": "c", "point": [*disk.info["core"], 0.0], "radius": qm_radius}, "buffer": buffer}
    engine = {"type": "linear", "potential": {"file": str(potential)}}
    configuration = {"format": "lmlink-serve", "version": 1, "structure": "screw.xyz", "driver": {"address": "unix:none"},
                     "calculator": {"type": "mixing", "ml": engine, "qm": [{"region": region, "calculator": engine}]}}
    (folder / "screw.json").write_text(json.dumps(configuration))
    checked = subprocess.run([find_program("lmlink-serve"), "screw.json", "--check"], cwd=folder, check=True,
                             capture_output=True, text=True)
    print("\n".join(line for line in checked.stdout.splitlines() if line.startswith(("region", "cluster"))))
    return folder / "screw-regions.xyz"


def draw(path, output):
    """Atoms in a view along the shortest cell vector, coloured by region."""
    atoms = ase.io.read(path)
    labels = np.asarray(atoms.arrays["region"])
    axis = int(np.argmin(atoms.cell.lengths()))
    across, up = [k for k in range(3) if k != axis]
    scores = next((name for name in SCORES if name in atoms.arrays), None)
    figure, panels = plt.subplots(1, 2 if scores else 1, figsize=(13.0, 6.4) if scores else (7.2, 6.4),
                                  squeeze=False, sharey=True)
    axes = panels[0, 0]
    for label, (colour, meaning) in COLOURS.items():
        chosen = labels == label
        if chosen.any():
            axes.scatter(atoms.positions[chosen, across], atoms.positions[chosen, up], s=36, color=colour,
                         edgecolor="#333333", linewidth=0.4, label=f"{meaning} ({chosen.sum()} atoms)")
    if scores:
        draw_scores(figure, panels[0, 1], atoms, scores, (across, up))
    for panel in panels[0]:
        panel.set(aspect="equal", xlabel=f"{'xyz'[across]} (Å)", ylabel=f"{'xyz'[up]} (Å)")
    axes.legend(**BELOW)
    figure.savefig(output, dpi=110, bbox_inches="tight")
    print(f"wrote {output}")


def draw_scores(figure, axes, atoms, name, directions):
    """How uncertain each atom is; what is held, and so no candidate, is grey."""
    values = atoms.arrays[name]
    values = values if values.ndim == 1 else np.linalg.norm(values, axis=1)
    held = np.asarray(atoms.arrays.get("fix_mask", np.zeros(len(atoms))), dtype=bool)
    place = atoms.positions[:, directions]
    if held.any():
        axes.scatter(*place[held].T, s=36, color="#eeeeee", edgecolor="#bbbbbb", linewidth=0.4,
                     label=f"held ({held.sum()} atoms)")
        axes.legend(**BELOW)
    order = np.argsort(values[~held])
    dots = axes.scatter(*place[~held][order].T, s=36, c=values[~held][order], norm=LogNorm(), cmap="viridis",
                        edgecolor="#333333", linewidth=0.2)
    figure.colorbar(dots, cax=axes.inset_axes([1.04, 0.1, 0.04, 0.8]), label=SCORES[name])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structure", nargs="?", type=Path, help="extended XYZ file with a column `region`")
    parser.add_argument("--uncertain", action="store_true", help="let the uncertainty choose the region that is made here")
    parser.add_argument("--output", type=Path, default=Path("regions.png"))
    arguments = parser.parse_args()
    if arguments.structure is not None:
        draw(arguments.structure, arguments.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        make = proposed_region if arguments.uncertain else screw_with_regions
        draw(make(Path(folder)), arguments.output)


if __name__ == "__main__":
    main()
