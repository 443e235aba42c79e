"""Potentials with chemflag whose coefficients are not equal under exchange of elements at equal j: lmlink's forces are the
gradient of the energy, LAMMPS's are not. What lmlink-retrain writes both evaluate alike."""

import json
import subprocess

import numpy as np
import pytest
from ase.io import write
from conftest import TIMEOUT, program
from made_up import average_exchanges, exchange_average, write_coefficients, write_potential
from results import read_results
from structures import rattled_cells

SAME = 1e-9  # eV/Å, and eV per atom
ELEMENTS = [("W", 0.5, 1.0), ("Be", 0.418, 0.759)]
SETTINGS = {"linear": {"rcutfac": 4.6, "twojmax": 4, "chemflag": 1},
            "quadratic": {"rcutfac": 4.6, "twojmax": 2, "chemflag": 1, "quadraticflag": 1}}


@pytest.fixture(params=SETTINGS)
def form(request):
    return request.param


@pytest.fixture
def uneven(form, lammps, tmp_path):
    """A potential that is not symmetric, its coefficients, and structures."""
    settings = SETTINGS[form]
    structures = rattled_cells(["W", "Be"], "bcc", 3.15, seed=3)[:2]
    path = write_potential(tmp_path, settings, ELEMENTS, structures[0], seed=4)
    theta = lammps.Potential(path).theta
    theta[:, 1:] *= 1 + 0.1 * np.random.default_rng(5).normal(size=theta[:, 1:].shape)
    write_coefficients(path, ELEMENTS, theta)
    return path, theta, structures


def averaged(theta, form):
    average = exchange_average(SETTINGS[form]["twojmax"], len(ELEMENTS))
    return np.hstack([theta[:, :1], average_exchanges(theta[:, 1:], average)])


def evaluate(lmlink_eval, potential, structures, folder):
    write(folder / "in.xyz", structures, format="extxyz", columns=["symbols", "positions"])
    said = lmlink_eval("--potential", potential, folder / "in.xyz", "--output", folder / "out.xyz").stderr
    return read_results(folder / "out.xyz"), said


def retrain(start, data, output, *options):
    command = [program("lmlink-retrain"), "--start", start, "--targets", data, "--select", "all", "--output", output,
               "--report", output.with_suffix(".json"), *options]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    return json.loads(output.with_suffix(".json").read_text()), result.stderr


def largest_difference(lammps, frames, potential):
    """Between LAMMPS's forces and these, eV/Å."""
    files = lammps.Potential(potential)
    return max(np.abs(frame.forces - lammps.evaluate(frame.atoms, files).forces).max() for frame in frames)


def test_averaging_changes_nothing_in_lmlink(form, uneven, lammps, lmlink_eval, tmp_path):
    """It changes LAMMPS's forces, which then are the gradient of its energy, too; and reading says by how much."""
    path, theta, structures = uneven
    before, said = evaluate(lmlink_eval, path, structures, tmp_path)
    even = averaged(theta, form)
    amount = np.abs(even - theta)[:, 1:].max()
    assert said.count("\n") == 1 and f"warning: {path}: coefficients of components that are equal with chemflag" in said
    assert f"differ by up to {amount:.2g} eV from their mean" in said
    assert largest_difference(lammps, before, path) > 1e-4
    for frame in before:
        assert np.abs(frame.forces - lammps.gradient_forces(frame.atoms, lammps.Potential(path))).max() <= SAME
    write_coefficients(path, ELEMENTS, even)
    after, said = evaluate(lmlink_eval, path, structures, tmp_path)
    assert said == ""
    for one, other in zip(before, after):
        assert np.abs(one.forces - other.forces).max() <= SAME
        assert abs(one.energy - other.energy) <= SAME * len(one.atoms)
    assert largest_difference(lammps, after, path) <= SAME


def test_a_published_file(lmlink_eval, potentials, tmp_path):
    """Its coefficients are equal to their digits' rounding, which is nothing to warn of."""
    structures = rattled_cells(["In", "P"], "zincblende", 5.87)[:1]
    assert evaluate(lmlink_eval, potentials / "InP_JCPA2020.snap", structures, tmp_path)[1] == ""


def test_what_is_retrained(form, uneven, lammps, lmlink_eval, tmp_path):
    """Both programs' forces are the same, and the hard constraint holds, in the files as they are written."""
    path, theta, structures = uneven
    write(tmp_path / "hard.xyz", structures[:1], format="extxyz", columns=["symbols", "positions"])
    teacher = tmp_path / "teacher.snapcoeff"
    write_coefficients(teacher, ELEMENTS, theta * np.r_[1, np.full(theta.shape[1] - 1, 1.2)])
    teacher.with_suffix(".snapparam").write_text(path.with_suffix(".snapparam").read_text())
    lmlink_eval("--potential", teacher, tmp_path / "hard.xyz", "--output", tmp_path / "data.xyz")
    output = tmp_path / "new.snapcoeff"
    report, said = retrain(path, tmp_path / "data.xyz", output, "--form", form, "--hard", tmp_path / "hard.xyz",
                           "--lambda-ridge", "1e-6")
    assert said.count("lmlink-retrain: warning: ") == 1
    frames, said = evaluate(lmlink_eval, output, structures, tmp_path)
    assert said == ""
    assert largest_difference(lammps, frames, output) <= SAME
    before, _ = evaluate(lmlink_eval, path, structures, tmp_path)
    assert abs(before[0].energy - frames[0].energy) <= SAME * len(structures[0])
    assert np.abs(before[0].forces - frames[0].forces).max() > 1e-3
    assert report["hard"]["keep"]["largest_deviation"] <= 1e-10
    after = np.array(report["coefficients"]["after"]).reshape(theta.shape)
    assert np.array_equal(after, lammps.Potential(output).theta)
    # With a ridge that holds everything, what is written is the start's average.
    retrain(path, tmp_path / "data.xyz", output, "--form", form, "--lambda-ridge", "1e16", "--overwrite")
    assert np.abs(lammps.Potential(output).theta - averaged(theta, form)).max() <= 1e-9
