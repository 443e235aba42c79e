"""Draw nvt.png from i-PI's nvt.out: temperature and conserved quantity, and print their figures."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ATOMS = 54
TARGET = 300.0  # K

_, time, conserved, temperature, potential = np.loadtxt("nvt.out").T
settled = time > 0.5  # ps
drift = np.polyfit(time, conserved / ATOMS, 1)[0]

figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5.2), sharex=True, layout="constrained")
above.plot(time, temperature, color="#0057b8")
above.axhline(TARGET, color="#2f3b48", linewidth=1, linestyle="--")
above.set(ylabel="temperature (K)", title="54 tungsten atoms: i-PI drives, lmlink-serve computes")
below.plot(time, 1e6 * (conserved - conserved[0]) / ATOMS, color="#c8102e")
below.set(xlabel="time (ps)", ylabel="conserved quantity\n(µeV/atom from its start)")
figure.savefig("nvt.png", dpi=110)

print(f"mean temperature after 0.5 ps: {temperature[settled].mean():.0f} K (thermostat: {TARGET:.0f} K)")
print(f"mean potential energy:         {potential[settled].mean() / ATOMS:.4f} eV/atom")
print(f"drift of conserved quantity:   {drift:.1e} eV per atom and ps")
print("picture: nvt.png")
