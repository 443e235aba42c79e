"""Learning on the fly: the quantum code is asked only where the potential does not know, and teaches it.

    python learn.py [--quick] [--output FOLDER]

Molecular dynamics of a screw dislocation in tungsten with a vacancy in its core. Forces around the vacancy come from a
second, different potential, WBe_Wood_PRB2019, which plays the quantum code in a process of its own; elsewhere from
W_2940_2017_2, which knows neither core nor vacancy as the other one has them. What the engine computes is logged,
lmlink-retrain follows the log, and lmlink-serve takes over each new potential with its uncertainty: while that is small,
the engine is skipped. The comparison is the same dynamics with an engine that is asked at each step, and a potential that
is retrained on the first of its frames: how many of them does it need to be as good on configurations that neither has
seen? Prints engine calls and errors, and draws learn.png. The exit code is 1 where learning on the fly does not save what
it should.
"""

import argparse
import json
import os
import re
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
from common import computed, find_potential, rms, say, served_engine
from lmlink import LMLink, find_program
from lmlink.dislocations import build_cylinder, build_disk
from loop import TEACHER

QM_RADIUS, BUFFER = 4.5, 9.6  # Å; with two cutoffs of buffer the teacher's forces are exact
TEMPERATURE, TIME_STEP, FRICTION = 300.0, 4.0, 0.01  # K, fs, 1/fs
RIDGE = 100
SKIP = {"below": 0.05, "check_every": 12, "blend_evaluations": 5}  # eV/Å
FIRST = 8  # evaluations before an uncertainty is believed
BAR = 3.0  # times fewer calls of the engine for the same error


def structure(cell, elastic, radius, periods):
    """A disk with a screw dislocation, repeated along the line, without the atom nearest to the core's centre; and the
    atoms around that."""
    builder = BCCScrew111Dislocation(cell.cell[0, 0], *elastic, symbol="W")
    atoms = build_cylinder(build_disk(builder, radius), periods)
    centre = np.append(atoms.info["core"], atoms.cell[2, 2] / 2)
    vacancy = int(np.argmin(np.linalg.norm(atoms.positions - centre, axis=1)))
    near = np.flatnonzero(atoms.get_distances(vacancy, range(len(atoms)), mic=True) < QM_RADIUS)
    del atoms[vacancy]
    return atoms, [int(i) - int(i > vacancy) for i in near if i != vacancy]


class Learner:
    """lmlink-retrain that follows a log: a new potential with its uncertainty for every frame with quantum forces."""

    def __init__(self, potential, folder, log, name):
        self.output, self.frames, self.history = folder / f"{name}.snapcoeff", 0, {}
        for file in folder.glob(f"{name}.*"):
            file.unlink()
        command = [*retrain_options(potential, folder, self.output), "--follow", log, "--uncertainty", "sandwich"]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        self.script = self.output.with_suffix(".snap")

    def wait(self, frames):
        """Until what it has written is of that many frames; what it says of it."""
        while self.frames < frames:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("lmlink-retrain has ended")
            self.frames = int(re.match(r"(\d+) frames", line)[1])
        self.history[self.frames] = [file.read_text() for file in (self.output, self.output.with_suffix(".snapparam"))]
        return line.split("; wrote")[0]

    def close(self):
        self.process.terminate()
        self.process.wait()


def configuration(folder, name, potential, teacher, region, skip):
    """The JSON file of an lmlink-serve with an engine, and perhaps a region that may be skipped."""
    engine = {**served_engine(teacher), "type": "remote", "address": f"unix:learn-{os.getpid()}", "tag": str(teacher),
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


def run_always(atoms, folder, potential, teacher, region, steps):
    """The engine is asked at each step, and for half as many steps more, from which frames for the test are taken. The
    frames of both."""
    path = configuration(folder, "always", potential, teacher, region, None)
    (folder / "always.xyz").unlink(missing_ok=True)
    with LMLink(str(path)) as calculator:
        atoms.calc = calculator
        dynamics(atoms, seed=1).run(steps + steps // 2 - 1)
    frames = read(folder / "always.xyz", ":")
    return frames[:steps], frames[steps + steps // 8::max(1, steps // 40)]


def run_learning(atoms, folder, potential, teacher, region, steps):
    """The engine is asked where it is needed. The driver waits for the learner, so that each run is the same; with a
    quantum code, which takes minutes, it has no need to. The learner, and the frames."""
    log = folder / "learning.xyz"
    log.unlink(missing_ok=True)
    learner = Learner(potential, folder, log, "W_live")
    moving = dynamics(atoms, seed=1)
    with LMLink(str(configuration(folder, "learning", potential, teacher, region, None))) as calculator:
        atoms.calc = calculator
        moving.run(FIRST - 1)
    say(f"asked at each step: {learner.wait(FIRST)}")
    asked = FIRST
    with LMLink(str(configuration(folder, "learning", learner.script, teacher, region, SKIP))) as calculator:
        atoms.calc = calculator
        for step in range(FIRST, steps):
            moving.run(1)
            if calculator.extras["skipped_regions"] == 0:
                asked += 1
                say(f"step {step}, asked: {learner.wait(asked)}")
    learner.close()
    return learner, [frame for frame in read(log, ":") if not frame.info["recalled"]]  # where the second run began


def learn_from(frames, potential, folder):
    """One potential from all of these frames."""
    write(folder / "targets.xyz", frames, format="extxyz")
    command = [*retrain_options(potential, folder, folder / "W_always.snapcoeff"), "--targets", folder / "targets.xyz",
               "--overwrite"]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return folder / "W_always.snap"


def forces_of(potential, frames):
    """Of all atoms of all frames, eV/Å."""
    return np.array([atoms.get_forces() for atoms in computed(potential, frames)])


class Test:
    """Configurations that nobody has learnt from."""

    def __init__(self, frames, region):
        self.frames, self.region = frames, region
        self.truth = np.array([frame.arrays["forces_qm"][region] for frame in frames])

    def error(self, potential):
        """RMS error of a force component on QM atoms, eV/Å."""
        return rms(forces_of(potential, self.frames)[:, self.region] - self.truth)


def errors_on_the_fly(learner, test, folder):
    """Error after some numbers of calls, of the last one among them."""
    calls = sorted(learner.history)
    script, errors = folder / "W_then.snap", {}
    script.write_text(learner.script.read_text().replace("W_live", "W_then"))
    for count in sorted({*calls[::max(1, len(calls) // 6)], calls[-1]}):
        for suffix, text in zip(("snapcoeff", "snapparam"), learner.history[count]):
            (folder / f"W_then.{suffix}").write_text(text)
        errors[count] = test.error(script)
    return errors


def calls_for(error, errors):
    """The calls after which the error was first no larger, between two numbers of them by powers; the most, if never."""
    below = None
    for count, other in errors.items():
        if other <= error:
            if below is None:
                return float(count)
            part = np.log(below[1] / error) / np.log(below[1] / other)
            return float(below[0] * (count / below[0]) ** part)
        below = count, other
    return float(below[0])


def draw(path, frames, sent, fly, always):
    steps = np.arange(len(frames))
    sigma = np.array([frame.info.get("skip_sigma", np.nan) for frame in frames], float)
    asked = np.array([not frame.info.get("skipped", False) for frame in frames])
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained", width_ratios=(1.5, 1))
    axes[0].plot(steps, sigma, color="#0057b8", linewidth=1.3, label="largest σ on a QM atom")
    axes[0].plot(*zip(*sent), "o", color="#d1495b", markersize=4, label="RMS error of the forces that were sent")
    axes[0].axhline(SKIP["below"], color="#9aa5b1", linewidth=1, linestyle="--")
    axes[0].plot(steps[asked], np.zeros(asked.sum()), "|", color="#2f3b48", markersize=12, label="the engine was asked")
    axes[0].set(xlabel="step", ylabel="eV/Å", ylim=(-0.006, 5 * SKIP["below"]), title=f"{asked.sum()} calls of the engine in {len(frames)} steps")
    for errors, style, name in ((always, "s-", "asked at each step"), (fly, "o-", "on the fly")):
        axes[1].loglog(list(errors), list(errors.values()), style, label=name,
                       color="#0057b8" if errors is fly else "#9aa5b1")
    axes[1].set(xlabel="calls of the engine", ylabel="error on configurations not seen (eV/Å)",
                title="What was learnt from them")
    for axis in axes:
        axis.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("learn"), help="folder for all files (learn)")
    parser.add_argument("--quick", action="store_true", help="a shorter run, of which less is asked")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    potential, teacher = find_potential(), find_potential(TEACHER)
    steps, bar = (48, 1.2) if arguments.quick else (240, BAR)
    with LMLink(potential) as calculator:
        cell = crystals.relaxed_cell(calculator, "W", "bcc")
        elastic = crystals.elastic_constants(cell, calculator)
        crystals.write_constraints(cell, calculator, folder)
    atoms, region = structure(cell, elastic, radius=18, periods=3)
    write(folder / "start.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
    say(f"{len(atoms)} atoms, {len(region)} of them QM")
    frames, unseen = run_always(atoms.copy(), folder, potential, teacher, region, steps)
    say(f"{len(frames)} steps with an engine that is always asked, and {len(unseen)} configurations for the test")
    learner, learning = run_learning(atoms.copy(), folder, potential, teacher, region, steps)
    test = Test(unseen, region)
    fly = errors_on_the_fly(learner, test, folder)
    calls, error = list(fly.items())[-1]
    counts = np.unique(np.geomspace(FIRST, steps, 5 if arguments.quick else 12).astype(int))
    always = {int(count): test.error(learn_from(frames[:count], potential, folder)) for count in counts}
    as_good = calls_for(error, always)
    checked = learning[::max(1, steps // 40)]
    theirs = forces_of(teacher, checked)
    sent = [(k * max(1, steps // 40), rms((frame.get_forces() - truth)[region]))
            for k, (frame, truth) in enumerate(zip(checked, theirs))]
    draw(folder / "learn.png", learning, sent, fly, always)
    print(f"\nengine calls in {steps} steps: {calls}")
    print(f"RMS error on configurations that were not seen (eV/Å): before {test.error(potential):.4f}, learnt on the fly "
          f"{error:.4f}")
    print(f"calls for such an error where the engine is asked at each step: {as_good:.0f}, {as_good / calls:.1f} times as many")
    print(f"all {steps} calls give {always[steps]:.4f}; RMS error of the forces that were sent: "
          f"{rms([value for _, value in sent]):.4f}")
    print(f"picture: {folder / 'learn.png'}")
    if as_good < bar * calls:
        raise SystemExit("learning on the fly did not save what it should")


if __name__ == "__main__":
    main()
