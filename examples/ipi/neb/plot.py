"""Draw neb.png from the runs of run.sh: energies along the vacancy's jump, by virtual work and, where there is one, by
total energy."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read

from common import total_energies
from lmlink import LMLink
from lmlink.dislocations import keep_results, virtual_work

MODELS = {"ml": ("ML", "linear.json", "#0057b8"), "qm": ("QM", "linear.json", "#2f3b48"),
          "mixed": ("QM/ML", "mixed.json", "#c8102e")}


def last_path(folder, configuration):
    """The images as i-PI left them, with their energies and forces."""
    images = [read(path, "-1") for path in sorted(folder.glob("neb.pos_*.extxyz"))]
    with LMLink(folder / configuration) as calculator:
        for image in images:
            image.calc = calculator
            keep_results(image)
    return images


figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
for folder, (name, configuration, colour) in MODELS.items():
    if not Path(folder).is_dir():  # with --quick
        continue
    images = last_path(Path(folder), configuration)
    work = virtual_work(images)
    steps = int(np.loadtxt(Path(folder) / "neb.out")[-1, 0])
    line = f"{name + ':':7s}{len(images)} images, {steps} steps, barrier by virtual work {work.barrier:.4f} eV"
    axes.plot(work.curve[0] / work.length[-1], work.curve[1], color=colour, label=f"{name}, virtual work")
    if folder != "mixed":
        total = total_energies(images)
        axes.plot(work.length / work.length[-1], total, "o", color=colour, fillstyle="none",
                  label=f"{name}, total energy")
        line += f", by total energy {total.max():.4f} eV"
    print(line)
axes.set(xlabel="way", ylabel="energy (eV)", title="A vacancy jumps in tungsten: i-PI's nudged elastic band")
axes.legend(frameon=False)
figure.savefig("neb.png", dpi=110)
print("picture: neb.png")
