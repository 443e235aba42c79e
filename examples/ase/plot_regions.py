"""Draw who is QM, blend, buffer and ML in a structure: a file that `lmlink-serve NAME.json --check` writes.

    python plot_regions.py                       # a screw dislocation in tungsten, made here
    python plot_regions.py NAME-regions.xyz      # any structure with a column `region`
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import ase.io
import matplotlib
import numpy as np
from matscipy.dislocation import BCCScrew111Dislocation

from common import find_potential, lattice_and_elasticity
from lmlink import LMLink, find_program

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {"MM": ("#c9d3dc", "ML potential"), "buffer": ("#e8b04b", "buffer"),
           "blend": ("#c97b5a", "blend"), "QM": ("#b3122b", "QM")}


def screw_with_regions(folder, radius=45.0, qm_radius=5.5, buffer=12.0):
    """A screw dislocation's disk with labels, as lmlink-serve --check gives them."""
    potential = find_potential()
    with LMLink(potential) as calculator:
        lattice_constant, elastic = lattice_and_elasticity(calculator)
    builder = BCCScrew111Dislocation(lattice_constant, *elastic, symbol="W")
    _, disk = builder.build_cylinder(radius, verbose=False)
    disk.pbc = (False, False, True)
    for name in list(disk.arrays):
        if name not in ("numbers", "positions"):
            del disk.arrays[name]
    ase.io.write(folder / "screw.xyz", disk)
    centre = disk.positions.mean(axis=0)
    region = {"cylinder": {"axis": "c", "point": list(centre), "radius": qm_radius}, "buffer": buffer}
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
    figure, axes = plt.subplots(figsize=(7.2, 6.4))
    for label, (colour, meaning) in COLOURS.items():
        chosen = labels == label
        if chosen.any():
            axes.scatter(atoms.positions[chosen, across], atoms.positions[chosen, up], s=36, color=colour,
                         edgecolor="#333333", linewidth=0.4, label=f"{meaning} ({chosen.sum()} atoms)")
    axes.set(aspect="equal", xlabel=f"{'xyz'[across]} (Å)", ylabel=f"{'xyz'[up]} (Å)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncol=4, frameon=False)
    figure.savefig(output, dpi=110, bbox_inches="tight")
    print(f"wrote {output}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structure", nargs="?", type=Path, help="extended XYZ file with a column `region`")
    parser.add_argument("--output", type=Path, default=Path("regions.png"))
    arguments = parser.parse_args()
    if arguments.structure is not None:
        draw(arguments.structure, arguments.output)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw(screw_with_regions(Path(folder)), arguments.output)


if __name__ == "__main__":
    main()
