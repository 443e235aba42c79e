"""The published retraining of the paper, done again from its public data."""

import json
import subprocess

import numpy as np
import pytest
from ase.io import read
from conftest import TIMEOUT, program
from results import read_results
from test_retrain import read_coefficients

FORCE_BAR = 1e-5  # eV/Å, of any component on a target atom, against the published potential
COEFFICIENT_BAR = 5e-5  # eV
HARD_BAR = 1e-12  # eV/atom
LAMMPS_BAR = 1e-9  # eV/Å
MEMORY_BAR = 300  # MB


@pytest.fixture(scope="module")
def retrained(reference, tmp_path_factory):
    """The new potential and the report."""
    folder = tmp_path_factory.mktemp("retrained")
    new = folder / "new.snapcoeff"
    result = subprocess.run([program("lmlink-retrain"), "--start", reference / "milady_lml.snapcoeff", "--targets",
                             reference / "screw_glide_qmml.xyz", "--select", "unfixed", "--hard",
                             reference / "eos_configurations.xyz", "--soft", reference / "bulk_MD_train.xyz", "--test",
                             reference / "bulk_MD_test.xyz", "--lambda-soft", "1", "--lambda-ridge", "500", "--output",
                             new, "--report", folder / "new.json"], capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    return new, json.loads((folder / "new.json").read_text())


def errors(report, role):
    return next(entry["errors"] for entry in report["sets"] if entry["role"] == role)


def test_ranks(retrained):
    keep = retrained[1]["hard"]["keep"]
    assert keep["rank"] == 25 and keep["rows"] == 102
    assert keep["last_kept"] / keep["singular_values"][0] == pytest.approx(3.74e-13, rel=0.01)
    assert keep["first_dropped"] / keep["singular_values"][0] < 3e-14
    assert abs(retrained[1]["solution"]["soft_rank"] - 1116) <= 1


def test_errors(retrained):
    target = errors(retrained[1], "target")
    assert target["count"] == 3 * 18044
    assert target["rms_before"] == pytest.approx(0.011175515, abs=1e-7)
    assert target["rms_after"] == pytest.approx(0.002578938, abs=1e-7)
    assert target["regions"]["QM"]["rms_before"] == pytest.approx(0.083270, abs=1e-6)
    assert target["regions"]["QM"]["rms_after"] == pytest.approx(0.018953, abs=1e-6)
    assert errors(retrained[1], "soft")["rms_change"] == pytest.approx(0.00776, abs=5e-6)
    assert errors(retrained[1], "test")["rms_change"] == pytest.approx(0.00968, abs=5e-6)


def test_hard_constraints(retrained):
    assert np.abs(retrained[1]["hard"]["keep"]["change"]).max() <= HARD_BAR


def test_coefficients_are_the_published_ones(retrained, reference):
    published = read_coefficients(reference / "retrained_published.snapcoeff")
    assert np.abs(read_coefficients(retrained[0]) - published).max() <= COEFFICIENT_BAR


def test_forces_are_the_published_ones(retrained, reference, lmlink_eval, tmp_path):
    images = reference / "screw_glide_qmml.xyz"
    for name, potential in (("ours", retrained[0]), ("theirs", reference / "retrained_published.snapcoeff")):
        lmlink_eval("--potential", potential, images, "--output", tmp_path / f"{name}.xyz")
    free = [~atoms.arrays["fix_mask"] for atoms in read(images, ":")]
    for ours, theirs, mask in zip(read_results(tmp_path / "ours.xyz"), read_results(tmp_path / "theirs.xyz"), free):
        assert np.abs(ours.forces - theirs.forces)[mask].max() <= FORCE_BAR


def test_lammps_takes_the_result(retrained, reference, lammps, lmlink_eval, tmp_path):
    images = reference / "bulk_MD_test.xyz"
    lmlink_eval("--potential", retrained[0], images, "--output", tmp_path / "out.xyz")
    ours = read_results(tmp_path / "out.xyz")[0]
    theirs = lammps.evaluate(ours.atoms, lammps.Potential(retrained[0]))
    assert np.abs(ours.forces - theirs.forces).max() <= LAMMPS_BAR


def test_memory(retrained):
    assert retrained[1]["peak_memory_mb"] <= MEMORY_BAR


def test_rank_with_the_vacancy_path(reference, tmp_path):
    """A run with few targets, as only the constraints count."""
    result = subprocess.run([program("lmlink-retrain"), "--start", reference / "milady_lml.snapcoeff", "--targets",
                             reference / "bulk_MD_test.xyz", "--hard", reference / "eos_configurations.xyz", "--hard",
                             reference / "Vac_NEB_images.xyz", "--lambda-ridge", "500", "--output",
                             tmp_path / "new.snapcoeff", "--report", tmp_path / "new.json"], capture_output=True,
                            text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    keep = json.loads((tmp_path / "new.json").read_text())["hard"]["keep"]
    assert keep["rows"] == 115 and keep["rank"] == 37
