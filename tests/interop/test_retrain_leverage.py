"""Frames that are left out as their rows have little leverage: the same judgement in NumPy, and the same result as with
the frames that are taken."""

import json
import os
import shutil

import numpy as np
import pytest
from ase.io import read, write
from conftest import need
from retrain_oracle import HARD_TOLERANCE, energy_rows, force_rows
from test_retrain import (W, cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401 (fixtures)
                          write_potential)

RIDGE = 0.3
NEAR = 1e-6  # relative, of leverages


def wander(seed, count=8, steps=(0.002, 0.3)):
    """Frames that differ from the one before by little or by much, in turn."""
    rng = np.random.default_rng(seed)
    atoms = cells(1, seed, size=1)[0]
    frames = []
    for k in range(count):
        atoms = atoms.copy()
        atoms.positions += rng.normal(0, steps[(k // 2) % 2], (len(atoms), 3))
        frames.append(atoms)
    return frames


def judge(sets, threshold, ridge, hard=None, before=None):
    """For each set of frames (each frame: rows, weighted): leverage and whether it is taken, in order."""
    width = len(sets[0][0][0])
    free = np.eye(width)
    if hard is not None:
        _, singular, right = np.linalg.svd(hard)
        free = right[(singular > HARD_TOLERANCE * singular[0]).sum():].T
    sums = np.diag(np.broadcast_to(ridge, width).astype(float))
    if before is not None:
        sums += before.T @ before
    result = []
    for frames in sets:
        judged = []
        for rows in frames:
            inside = rows @ free
            leverages = np.einsum("ri,ri->r", inside, np.linalg.solve(free.T @ sums @ free, inside.T).T)
            judged.append((leverages.max(), bool(leverages.max() > threshold)))
            if judged[-1][1]:
                sums += rows.T @ rows
        result.append(judged)
    return result


@pytest.fixture
def material(label, teacher, lmlink_eval, tmp_path):
    full, start, theta = teacher
    wide = write_potential(tmp_path / "zeros.snapcoeff", np.r_[theta[:6], np.zeros(15)], W)
    files = {"a": label("a.xyz", wander(1), full), "b": label("b.xyz", wander(1, 12), full),
             "c": label("c.xyz", wander(5, 2), full), "hard": label("h.xyz", strained(), start)}
    rows = {name: (energy_rows if name == "hard" else force_rows)(lmlink_eval, wide, file, tmp_path)
            for name, file in files.items()}
    split = {name: np.split(part.rows, len(part.frames)) for name, part in rows.items() if name != "hard"}
    return start, wide, files, rows, split


def keep(file, name, taken):
    """A copy of the file with these of its frames, digit by digit; all have as many atoms."""
    lines = file.read_text().splitlines(keepends=True)
    size = int(lines[0]) + 2
    new = file.with_name(name)
    new.write_text("".join("".join(lines[k * size:(k + 1) * size]) for k in taken))
    return new


def configure(folder, start, **keys):
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": start.name}, "lambda_ridge": RIDGE,
              "hard_tolerance": HARD_TOLERANCE, **keys}
    (folder / "c.json").write_text(json.dumps(config))
    return folder / "c.json"


def check(entry, judged, weight=1.0):
    """A set of the report against NumPy's judgement."""
    frames = entry["leverage"]["frames"]
    assert [frame["frame"] for frame in frames] == list(range(len(judged)))
    assert [frame["leverage"] for frame in frames] == pytest.approx([leverage for leverage, _ in judged], rel=NEAR)
    weights = np.broadcast_to(weight, len(judged)) * [taken for _, taken in judged]
    assert [frame["effective_weight"] for frame in frames] == pytest.approx(weights.tolist())
    assert [frame["frame"] for frame in entry["errors"]["frames"]] == [k for k, (_, taken) in enumerate(judged) if taken]
    assert 0 < entry["frames_used"] == sum(taken for _, taken in judged) < entry["frames_read"] == len(judged)


def test_frames_are_judged_in_order(material, retrain, tmp_path):
    """Relative to targets that are all taken, and to what was taken of those before; within what constraints leave."""
    start, _, files, rows, split = material
    new, report = retrain(configure(
        tmp_path, start, hard=[{"file": "h.xyz"}],
        targets=[{"file": "a.xyz", "select": "all", "leverage": 0.85}, {"file": "c.xyz", "select": "all"},
                 {"file": "b.xyz", "select": "all", "leverage": 0.85, "weight": 2}]))
    judged = judge([split["a"], [np.sqrt(2) * frame for frame in split["b"]]], 0.85, RIDGE, rows["hard"].rows,
                   rows["c"].rows)
    check(report["sets"][0], judged[0])
    check(report["sets"][2], judged[1], 2)
    assert "leverage" not in report["sets"][1] and report["sets"][0]["leverage"]["lambda_ridge"] == RIDGE
    for name, part in (("a", judged[0]), ("b", judged[1])):
        keep(files[name], f"{name}_taken.xyz", [k for k, (_, taken) in enumerate(part) if taken])
    same, _ = retrain(configure(
        tmp_path, start, hard=[{"file": "h.xyz"}],
        targets=[{"file": "a_taken.xyz", "select": "all"}, {"file": "c.xyz", "select": "all"},
                 {"file": "b_taken.xyz", "select": "all", "weight": 2}]), output="same.snapcoeff")
    assert np.abs(read_coefficients(new) - read_coefficients(same)).max() <= 1e-9 * np.abs(read_coefficients(same)).max()


def test_weights_and_ridge_factors(material, retrain, tmp_path):
    start, _, files, rows, split = material
    factors = np.r_[1.0, np.full(5, 0.01), np.full(15, 10.0)]
    frames = read(files["b"], ":")
    rng = np.random.default_rng(2)
    weighted = []
    for k, atoms in enumerate(frames):
        atoms.info["w"] = 1.0 + k % 3
        atoms.new_array("importance", rng.integers(0, 4, len(atoms)) / 4)
        weighted.append(np.sqrt(atoms.info["w"] * np.repeat(atoms.arrays["importance"], 3))[:, None] * split["b"][k])
    write(tmp_path / "weighted.xyz", frames, format="extxyz")
    _, report = retrain(configure(
        tmp_path, start, lambda_ridge_scale={"linear": 0.01, "quadratic": 10},
        targets=[{"file": "weighted.xyz", "select": "all", "leverage": 1, "frame_weights": "w",
                  "row_weights": "importance"}]))
    judged = judge([weighted], 1, RIDGE * factors)[0]
    check(report["sets"][0], judged, [a.info["w"] * a.arrays["importance"].mean() for a in frames])


def test_the_command_line_and_matrices(material, retrain, tmp_path):
    """With energies, which are judged as sets of their own, and the first of several ridges."""
    start, wide, files, rows, split = material
    np.save(tmp_path / "b.npy", rows["b"].rows)
    np.save(tmp_path / "b.targets.npy", rows["b"].values)
    words = ["--start", start, "--lambda-ridge", f"{RIDGE},1", "--leverage", 1]
    _, report = retrain(*words, "--targets", files["b"], "--select", "all", "--energy-weight", 0.5, "--folds", 3)
    check(report["sets"][0], judge([split["b"]], 1, RIDGE)[0])
    energies = report["sets"][1]
    assert energies["quantity"] == "energy" and energies["leverage"]["frames"][0]["leverage"] > 0
    config = configure(tmp_path, start, targets=[{"file": "b.npy", "frame_rows": 6, "leverage": 1}])
    _, again = retrain(config)
    check(again["sets"][0], judge([split["b"]], 1, RIDGE)[0])


def test_folds_of_what_is_taken(material, retrain, tmp_path):
    """Errors of left-out frames are those of a run with the taken frames alone."""
    start, _, files, _, split = material
    words = ["--start", start, "--lambda-ridge", f"{RIDGE},30", "--folds", 3, "--select", "all"]
    _, report = retrain(*words, "--targets", files["b"], "--leverage", 1)
    taken = [frame["frame"] for frame in report["sets"][0]["errors"]["frames"]]
    assert 3 <= len(taken) < 12
    _, same = retrain(*words, "--targets", keep(files["b"], "taken.xyz", taken))
    for ours, theirs in zip(report["search"]["grid"], same["search"]["grid"]):
        assert ours["rms_choice"] == pytest.approx(theirs["rms_choice"], rel=1e-6)


@pytest.mark.parametrize("method", ["cholesky", "qr"])
def test_several_ranks(method, material, retrain, tmp_path):
    start, _, files, _, split = material
    launcher = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                "OPENBLAS_NUM_THREADS": "1"}
    config = configure(tmp_path, start, method=method,
                       targets=[{"file": "a.xyz", "select": "all", "leverage": 1}, {"file": "c.xyz", "select": "all"}])
    alone, first = retrain(config, output="alone.snapcoeff")
    shared, second = retrain(config, output="shared.snapcoeff", env=environment,
                             prefix=(launcher, "--oversubscribe", "-n", "3"))
    assert [frame["effective_weight"] for frame in first["sets"][0]["leverage"]["frames"]] == [
        frame["effective_weight"] for frame in second["sets"][0]["leverage"]["frames"]]
    a, b = read_coefficients(alone), read_coefficients(shared)
    assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()
    assert second["sets"][0]["errors"]["rms_after"] == pytest.approx(first["sets"][0]["errors"]["rms_after"], rel=1e-9)


def test_what_cannot_be_judged(material, tmp_path):
    start, _, files, _, _ = material

    def refused(message, *words, code=2, **keys):
        arguments = [configure(tmp_path, start, **keys)] if keys else ["--start", start, "--targets", files["a"],
                                                                       "--select", "all"]
        result = run(*arguments, "--output", tmp_path / "n.snapcoeff", *words)
        assert result.returncode == code and message in result.stderr.splitlines()[-1], result.stderr
        assert not (tmp_path / "n.snapcoeff").exists()

    refused("a.xyz: leverages are relative to a ridge penalty: give --lambda-ridge", "--leverage", 1)
    refused("give --lambda-ridge", "--leverage", 1, "--lambda-ridge", 0)
    refused("a.xyz: no frame of it has a leverage above 1e+09", "--leverage", 1e9, "--lambda-ridge", 1, code=1)
    refused("of 3 folds, leverage leaves only 2 with target frames", "--leverage", 1e8, "--lambda-ridge", "1e-3,1",
            "--folds", 3, code=1)
    refused("--leverage '-1' is negative", "--leverage", -1)
    refused("the ridge 1e-30 is too small beside the sums", "--leverage", 1, "--lambda-ridge", 1e-30, code=1)
    refused("some of its factors are 0", targets=[{"file": "a.xyz", "leverage": 1}],
            lambda_ridge_scale={"quadratic": 0})
    refused("soft[0].leverage: is for targets alone", code=1, targets=[{"file": "a.xyz"}],
            soft=[{"file": "a.xyz", "leverage": 1}])
