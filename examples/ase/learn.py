"""Learning on the fly: the quantum code is asked only where the potential does not know, and teaches it.

    python learn.py [--quick] [--output FOLDER]

Molecular dynamics of a screw dislocation in tungsten with a vacancy in its core. Forces around the vacancy come from a
second, different potential, WBe_Wood_PRB2019, which plays the quantum code in a process of its own; elsewhere from
W_2940_2017_2, which knows neither core nor vacancy as the other one has them. What the engine computes is logged,
lmlink-retrain follows the log, and lmlink-serve takes over each new potential with its uncertainty: while that is small,
the engine is skipped. The same dynamics with an engine that is always asked, retrained on all of it, is the comparison.
Prints engine calls and errors of both, and draws learn.png. The exit code is 1 if fewer than three times the calls were
saved, or the potential that was learnt has a larger error on configurations that neither has seen.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.units import fs
from matscipy.dislocation import BCCScrew111Dislocation

import crystals
from common import add_vacuum, along_line, find_potential, say
from lmlink import LMLink, find_program

TEACHER = "WBe_Wood_PRB2019.snap"
QM_RADIUS, BUFFER = 4.5, 9.6  # Å; with two cutoffs of buffer the teacher's forces are exact
TEMPERATURE, TIME_STEP, FRICTION = 300.0, 2.0, 0.01  # K, fs, 1/fs
RIDGE = float(os.environ.get("RIDGE", 100))
SKIP = {"below": 0.06, "above": 0.09, "check_every": 20, "blend_evaluations": 5}  # eV/Å
TOLERANCE = 1.1  # the errors of the two potentials count as the same within this factor


def structure(cell, elastic, radius, periods):
    """A disk with a screw dislocation, repeated along the line, without the atom nearest to the core's centre; and the
    atoms around that."""
    builder = BCCScrew111Dislocation(cell.cell[0, 0], *elastic, symbol="W")
    _, disk = builder.build_cylinder(radius, fix_width=10, verbose=False)
    add_vacuum(disk)
    atoms = along_line(disk, periods)
    centre = np.append(atoms.info["core"], atoms.cell[2, 2] / 2)
    vacancy = int(np.argmin(np.linalg.norm(atoms.positions - centre, axis=1)))
    near = np.flatnonzero(atoms.get_distances(vacancy, range(len(atoms)), mic=True) < QM_RADIUS)
    del atoms[vacancy]
    return atoms, [int(i) - int(i > vacancy) for i in near if i != vacancy]


def script_of(potential, folder, name):
    """A .snap file of the coefficients `name`, with the fixed terms of the potential."""
    script = folder / f"{name}.snap"
    script.write_text(Path(potential).read_text().replace(Path(potential).stem, name))
    return script


class Learner:
    """lmlink-retrain that follows a log: a new potential with its uncertainty for every so many frames."""

    def __init__(self, potential, folder, log, every, output):
        self.output, self.every, self.frames = folder / f"{output}.snapcoeff", every, 0
        for file in folder.glob(f"{output}.*"):
            file.unlink()
        command = [*retrain_options(potential, folder, self.output), "--follow", log, "--every", every,
                   "--uncertainty", "sandwich"]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        self.script = script_of(potential, folder, output)

    def wait(self, frames):
        """Until what it has written is of that many frames."""
        while self.frames < frames:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("lmlink-retrain has ended")
            self.frames = int(re.match(r"(\d+) frames", line)[1])
        return line.strip()

    def close(self):
        self.process.terminate()
        self.process.wait()


def configuration(folder, name, potential, teacher, region, skip):
    """The JSON file of an lmlink-serve with an engine, and perhaps a region that may be skipped."""
    program = shlex.quote(str(find_program("lmlink-serve")))
    engine = {"type": "remote", "address": f"unix:learn-{os.getpid()}", "init": "lmlink", "tag": str(teacher),
              "launch": f"exec {program} --potential {shlex.quote(str(teacher))} --driver unix:{{path}} --wait 600",
              "output": "engine.log"}
    qm = {"region": {"indices": region, "buffer": BUFFER}, "calculator": engine}
    ml = {"type": "linear", "potential": {"file": str(Path(potential).resolve()), "reload": skip is not None}}
    calculator = {"type": "mixing", "ml": ml, "qm": [qm | ({"skip": skip} if skip else {})]}
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"format": "lmlink-serve", "version": 1, "structure": "start.xyz", "extras": "json",
                                "calculator": calculator, "log": {"file": f"{name}.xyz", "full": True}}, indent=2))
    return path


def dynamics(atoms, seed):
    """Langevin dynamics that is the same for the same forces."""
    rng = np.random.default_rng(seed)
    thermalize_momenta(atoms, temperature_K=2 * TEMPERATURE, rng=rng)  # half of it goes into the potential
    return Langevin(atoms, TIME_STEP * fs, temperature_K=TEMPERATURE, friction=FRICTION / fs, rng=rng, fixcm=False)


def retrain_options(potential, folder, output):
    """What is the same for a potential that is learnt on the fly and one that is learnt afterwards."""
    return [find_program("lmlink-retrain"), "--start", potential, "--hard", folder / "strained.xyz", "--soft",
            folder / "hot.xyz", "--lambda-soft", 0.01, "--lambda-ridge", RIDGE, "--log-level", "error", "--output", output]


def run_always(atoms, folder, potential, teacher, region, steps, more):
    """The engine is asked at each step, then one potential is learnt from all of it. Beyond that, so many steps more are
    for the test."""
    path = configuration(folder, "always", potential, teacher, region, None)
    (folder / "always.xyz").unlink(missing_ok=True)
    with LMLink(str(path)) as calculator:
        atoms.calc = calculator
        dynamics(atoms, seed=1).run(steps + more - 1)
    frames = read(folder / "always.xyz", ":")
    write(folder / "targets.xyz", frames[:steps], format="extxyz")
    command = [*retrain_options(potential, folder, folder / "W_always.snapcoeff"), "--targets", folder / "targets.xyz",
               "--overwrite"]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return script_of(potential, folder, "W_always"), frames[steps + more // 4::more // 20]


def run_learning(atoms, folder, potential, teacher, region, steps, every):
    """The engine is asked where it is needed. It waits for the learner, so that each run is the same; dynamics with a
    quantum code, which takes minutes, has no need to."""
    log = folder / "learning.xyz"
    log.unlink(missing_ok=True)
    learner = Learner(potential, folder, log, every, "W_live")
    moving = dynamics(atoms, seed=1)
    with LMLink(str(configuration(folder, "learning", potential, teacher, region, None))) as calculator:
        atoms.calc = calculator
        moving.run(every - 1)
    say(f"asked every time: {learner.wait(every)}")
    asked = told = every
    with LMLink(str(configuration(folder, "learning", learner.script, teacher, region, SKIP))) as calculator:
        atoms.calc = calculator
        for step in range(every, steps):
            moving.run(1)
            asked += calculator.extras["skipped_regions"] == 0
            if asked - told >= every:
                told = asked
                line = learner.wait(asked)
                say(f"step {step}: sigma {calculator.extras['skip_sigma']:.3f} eV/Å; {line}")
    learner.close()
    return learner.script


def forces_of(potential, frames):
    with LMLink(potential) as calculator:
        result = []
        for frame in frames:
            atoms = frame.copy()
            atoms.set_constraint()
            atoms.calc = calculator
            result.append(atoms.get_forces())
    return np.array(result)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("learn"), help="folder for all files (learn)")
    parser.add_argument("--quick", action="store_true", help="a smaller disk and a shorter run")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    potential, teacher = find_potential(), find_potential(TEACHER)
    radius, periods, steps, every = (18, 3, 60, 4) if arguments.quick else (18, 3, int(os.environ.get("STEPS", 200)), int(os.environ.get("EVERY", 8)))
    SKIP["below"] = float(os.environ.get("BELOW", 0.06)); SKIP["above"] = 1.5*SKIP["below"]
    with LMLink(potential) as calculator:
        cell = crystals.relaxed_cell(calculator, "W", "bcc")
        elastic = crystals.elastic_constants(cell, calculator)
        hot = [crystals.snapshots(cell, calculator, temperature, size=4)[0] for temperature in (300, 1000)]
    write(folder / "strained.xyz", crystals.strained_cells(cell), format="extxyz")
    write(folder / "hot.xyz", hot, format="extxyz")
    atoms, region = structure(cell, elastic, radius, periods)
    write(folder / "start.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
    say(f"{len(atoms)} atoms, {len(region)} of them QM")
    always, test = run_always(atoms.copy(), folder, potential, teacher, region, steps, steps // 2)
    live = run_learning(atoms.copy(), folder, potential, teacher, region, steps, every)
    frames = {name: read(folder / f"{name}.xyz", ":") for name in ("always", "learning")}
    for name in frames: print(name, len(frames[name]))
    skipped = np.array([frame.info.get("skipped", False) for frame in frames["learning"]])
    sigma = np.array([frame.info.get("skip_sigma", np.nan) for frame in frames["learning"]])
    print("calls", (~skipped).sum(), "of", len(skipped))
    print("sigma", np.round(sigma, 3))
    sample = frames["learning"][::5]
    theirs = forces_of(teacher, sample)
    sent = np.array([f.get_forces() for f in sample])
    print("sent err", rms((sent - theirs)[:, region]), rms(forces_of(live, sample)[:,region]-theirs[:,region]))
    truth = np.array([f.arrays["forces_qm"] for f in test])
    for name, p in (("old", potential), ("always", always), ("live", live)):
        print(name, rms((forces_of(p, test) - truth)[:, region]))
    print("ratios", [round(f.info["skip_ratio"],2) for f in frames["learning"] if "skip_ratio" in f.info])


if __name__ == "__main__":
    main()
