"""The loop that runs by itself: lmlink-serve logs quantum forces, lmlink-retrain follows the log and writes new
coefficients, lmlink-serve takes them over. Another potential plays the quantum code."""

import shutil
import signal
import time

import numpy as np
from ase.build import bulk
from ase.io import read, write
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, write_exactly
from test_force_log import ENGINE, ML, block, sphere

ROUNDS, FRAMES = 3, 4


def strained_cells(path):
    """Cells whose energies are kept: a cubic crystal's response to six strains, of both signs."""
    cells, crystal = [], bulk("Mo", "bcc", a=3.15, cubic=True)
    for k in range(6):
        for size in (-0.01, 0.0, 0.01):
            strain = np.eye(3)
            i, j = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)][k]
            strain[i, j] += size
            cell = crystal.copy()
            cell.set_cell(crystal.cell.array @ strain, scale_atoms=True)
            cells.append(cell)
    write(path, cells, format="extxyz", columns=["symbols", "positions"])
    return path


def error_on(frames, lmlink_eval, potential, folder):
    """RMS error (eV/Å) of the potential's forces against forces_qm of QM atoms, on frames of a log."""
    squares = []
    for frame in frames:
        alone = frame.copy()
        alone.arrays.pop("region")
        lmlink_eval("--potential", potential, "--fixed-terms", "none", write_exactly(alone, folder / "alone.xyz"),
                    "--output", folder / "forces.xyz")
        qm = frame.arrays["region"] == "QM"
        squares.append((read(folder / "forces.xyz").get_forces() - frame.arrays["forces_qm"])[qm] ** 2)
    return np.sqrt(np.mean(squares))


def energies(lmlink_eval, potential, cells, folder):
    lmlink_eval("--potential", potential, "--fixed-terms", "none", cells, "--output", folder / "cells-out.xyz")
    return np.array([c.get_potential_energy() / len(c) for c in read(folder / "cells-out.xyz", index=":")])


def wait_for_line(path, text, times):
    """Until a line with that text was printed that often."""
    deadline = time.monotonic() + TIMEOUT
    while path.read_text().count(text) < times:
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.02)


def test_three_rounds(potentials, lmlink_eval, start, folders):
    folder, sockets = folders
    student, begin = folder / "student.snapcoeff", folder / "begin.snapcoeff"
    for suffix in (".snapcoeff", ".snapparam"):
        for target in (student, begin):
            shutil.copy((potentials / ML).with_suffix(suffix), target.with_suffix(suffix))
    atoms = block(5)
    calculator = mixing(linear("student.snapcoeff"), (sphere(atoms, 3.5, 9.3), linear(potentials / ENGINE)))
    calculator["ml"]["potential"].update(reload=True, fixed_terms="none")
    cells = strained_cells(folder / "cells.xyz")

    def positions(seed):
        moved = atoms.copy()
        moved.positions += np.random.default_rng(seed).normal(0, 0.05, atoms.positions.shape)
        return moved

    # Frames that are never trained on.
    with Mixture(start, sockets, configure(folder, atoms, calculator, log={"file": "held-out.xyz"})) as mixture:
        for seed in range(100, 103):
            mixture.evaluate(positions(seed))
    held_out = read(folder / "held-out.xyz", index=":")
    errors = [error_on(held_out, lmlink_eval, student, folder)]
    before = energies(lmlink_eval, student, cells, folder)

    path = configure(folder, atoms, calculator, log={"file": "log.xyz"})
    messages = folder / "retrain.txt"
    with Mixture(start, sockets, path) as mixture, open(messages, "w") as output:
        mixture.evaluate(positions(0))
        follower = start([program("lmlink-retrain"), "--start", begin, "--fixed-terms", "none", "--form", "linear",
                          "--follow", "log.xyz", "--every", "1", "--hard", cells, "--lambda-ridge", "1e-8",
                          "--output", student, "--overwrite"], cwd=folder, stdout=output, stderr=output)
        for number in range(ROUNDS):
            for k in range(FRAMES):
                mixture.evaluate(positions(1 + number * FRAMES + k))
            wait_for_line(messages, f"{2 + number * FRAMES + k} frames", 1)
            errors.append(error_on(held_out, lmlink_eval, student, folder))
        mixture.evaluate(positions(50))
        follower.send_signal(signal.SIGTERM)
        follower.wait(TIMEOUT)
    print("RMS error on QM atoms that were never trained on:", *(f"{e:.4f}" for e in errors), "eV/Å")
    assert errors[1] <= errors[0] / 3
    assert all(after <= 1.1 * previous for previous, after in zip(errors[1:], errors[2:]))
    change = np.abs(energies(lmlink_eval, student, cells, folder) - before).max()
    print(f"energies of the strained cells change by {change:.1e} eV/atom")
    assert change <= 1e-10
    frames = read(folder / "log.xyz", index=":")
    assert len({frame.info["potential"] for frame in frames}) > ROUNDS
    assert sum("previous_potential" in frame.info for frame in frames) >= ROUNDS
