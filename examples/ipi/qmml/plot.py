"""Draw qmml.png from the run of run.sh: temperature, work of the forces, and how much quantum forces differ from the
potential's, as i-PI wrote them; and where they differ, from the force log."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read

TARGET = 100.0  # K
SETTLED = 0.1  # ps

_, time, temperature, conserved, work = np.loadtxt("qmml.out").T
mean, largest = np.loadtxt("qmml.differences_0").T
log = read("forces.xyz", ":")
quantum = log[0].arrays["region"] == "QM"
differences = np.array([frame.arrays["forces_qm"] - frame.arrays["forces_ml"] for frame in log])[:, quantum]
differences = np.sqrt((differences**2).sum(axis=2).mean(axis=0))
everything = read("init.xyz")
core = everything.positions[log[0].arrays["index"][quantum], :2].mean(axis=0)

figure, panels = plt.subplot_mosaic([["forces", "map"], ["temperature", "map"], ["work", "map"]], figsize=(11, 5.6),
                                    height_ratios=[2, 1, 1], layout="constrained")
panels["forces"].plot(time, largest, color="#c8102e", label="largest")
panels["forces"].plot(time, mean, color="#0057b8", label="mean")
panels["forces"].set(ylabel=r"|$F_{QM} - F_{ML}$| (eV/Å)", ylim=(0, None),
                     title=f"Screw dislocation: {quantum.sum()} of {len(everything)} atoms are QM")
panels["forces"].legend(frameon=False, loc="lower right")
panels["temperature"].plot(time, temperature, color="#2f3b48", linewidth=1)
panels["temperature"].set(ylabel="temperature (K)", ylim=(0, 2 * TARGET))
panels["work"].plot(time, work, color="#2f3b48", linewidth=1)
panels["work"].set(xlabel="time (ps)", ylabel="energy by\nvirtual work (eV)", ylim=(0, None))
right = panels["map"]
right.scatter(*(everything.positions[:, :2] - core).T, s=60, color="white", edgecolors="#9aa5b1")
shown = right.scatter(*(log[-1].positions[quantum, :2] - core).T, s=90, c=differences, edgecolors="#2f3b48")
right.set(aspect="equal", xlim=(-12, 12), ylim=(-12, 12), xlabel="x (Å)", ylabel="y (Å)",
          title="root of the mean square along the run")
figure.colorbar(shown, ax=right, label=r"|$F_{QM} - F_{ML}$| (eV/Å)")
figure.savefig("qmml.png", dpi=110)

print(f"mean temperature after {SETTLED} ps: {temperature[time > SETTLED].mean():.0f} K (thermostat: {TARGET:.0f} K)")
print(f"difference of forces of QM atoms: mean {mean.mean():.3f} eV/A, largest {largest.max():.3f} eV/A")
print(f"drift of conserved quantity: {np.polyfit(time, conserved / len(everything), 1)[0]:.1e} eV per atom and ps")
print(f"frames in forces.xyz: {len(log)}")
print("picture: qmml.png")
