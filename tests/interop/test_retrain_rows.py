"""Weights of single rows and coefficients, and prepared design matrices in place of structures: NumPy is the oracle."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from conftest import TIMEOUT
from retrain_oracle import HARD_TOLERANCE, energy_rows, force_rows, minimum
from test_retrain import (W, cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401 (fixtures)
                          write_potential)

NEAR = 1e-8  # of the largest coefficient


def near(found, wanted):
    return np.abs(found - wanted).max() <= NEAR * np.abs(wanted).max()


@pytest.fixture
def quadratic_start(teacher, tmp_path):
    """The start with its quadratic coefficients, zeros, so that lmlink-eval gives all columns."""
    theta = np.r_[teacher[2][:6], np.zeros(15)]
    return write_potential(tmp_path / "zeros.snapcoeff", theta, W), theta


@pytest.fixture
def material(label, teacher, quadratic_start, lmlink_eval, tmp_path):
    """Files and the rows that NumPy takes from them."""
    full, start, _ = teacher
    wide, theta = quadratic_start
    files = {"target": label("t.xyz", cells(4, 2), full), "soft": label("s.xyz", cells(2, 7), start),
             "hard": label("h.xyz", strained(), start), "set": label("w.xyz", cells(2, 11), full),
             "test": label("e.xyz", cells(2, 9), full)}
    rows = {name: (energy_rows if name in ("hard", "set") else force_rows)(lmlink_eval, wide, file, tmp_path)
            for name, file in files.items()}
    return start, theta, files, rows


def configure(folder, start, **keys):
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": start.name},
              "hard_tolerance": HARD_TOLERANCE, **keys}
    (folder / "c.json").write_text(json.dumps(config))
    return folder / "c.json"


# ---- weights ----


@pytest.mark.parametrize("method", ["cholesky", "qr"])
@pytest.mark.parametrize("kind", ["vector", "degree"])
def test_each_coefficient_has_its_ridge(method, kind, material, retrain, tmp_path):
    """Also where values are set, as the penalty then couples the shift with the rest."""
    start, theta, files, rows = material
    if kind == "vector":
        factors = np.random.default_rng(4).uniform(0, 2, 21) * np.r_[1.0, np.full(5, 1e-2), np.full(15, 10.0)]
        factors[3] = 0.0
        np.save(tmp_path / "factors.npy", factors)
        scale = "factors.npy"
    else:
        scale = {"linear": 0.01, "quadratic": 10.0}
        factors = np.r_[1.0, np.full(5, 0.01), np.full(15, 10.0)]
    for hard, mode, wanted in (("hard", "keep", None), ("set", "set", rows["set"].values - rows["set"].rows @ theta)):
        new, report = retrain(configure(
            tmp_path, start, targets=[{"file": "t.xyz", "select": "all"}], soft=[{"file": "s.xyz"}],
            hard=[{"file": files[hard].name, "mode": mode}], lambda_ridge=0.3, lambda_soft=1, lambda_ridge_scale=scale,
            method=method))
        expected = minimum(theta, [(rows["target"].rows, rows["target"].values, 1)],
                           [(rows["soft"].rows, None, 1)], rows[hard].rows, 0.3 * factors, wanted)
        assert near(read_coefficients(new)[0], expected)
        written = report["solution"]["lambda_ridge_scale"]
        assert (written["smallest"], written["largest"]) == (factors.min(), factors.max())
    plain = minimum(theta, [(rows["target"].rows, rows["target"].values, 1)], [(rows["soft"].rows, None, 1)],
                    rows["set"].rows, 0.3, wanted)
    assert not near(expected, plain)


def test_a_vector_of_factors_on_the_command_line(material, retrain, tmp_path):
    start, theta, files, rows = material
    factors = np.linspace(0.5, 3, 21)
    np.save(tmp_path / "factors.npy", factors)
    new, _ = retrain("--start", start, "--targets", files["target"], "--select", "all", "--lambda-ridge", 2,
                     "--lambda-ridge-scale", tmp_path / "factors.npy")
    assert near(read_coefficients(new)[0],
                minimum(theta, [(rows["target"].rows, rows["target"].values, 1)], ridge=2 * factors))


@pytest.mark.parametrize("method", ["cholesky", "qr"])
def test_each_row_has_its_weight(method, material, retrain, tmp_path):
    """Per-atom columns of targets and of soft constraints, beside weights of frames and sets."""
    start, theta, files, rows = material
    rng = np.random.default_rng(6)
    weights = {}
    for name in ("target", "soft"):
        frames = read(files[name], ":")
        weights[name] = [rng.uniform(0, 3, len(atoms)) * (rng.random(len(atoms)) > 0.3) for atoms in frames]
        for k, atoms in enumerate(frames):
            atoms.new_array("importance", weights[name][k])
            atoms.info["w"] = 1.0 + k
        write(tmp_path / f"{name}.xyz", frames, format="extxyz")
    new, report = retrain(configure(
        tmp_path, start, lambda_soft=2, lambda_ridge=0.3, method=method,
        targets=[{"file": "target.xyz", "select": "all", "row_weights": "importance", "frame_weights": "w",
                  "weight": 0.5}],
        soft=[{"file": "soft.xyz", "row_weights": "importance"}]))
    # the file holds eight decimals of each weight
    read_back = {name: [atoms.arrays["importance"] for atoms in read(tmp_path / f"{name}.xyz", ":")] for name in weights}
    by_row = {name: np.concatenate([(0.5 * (1 + k) if name == "target" else 2) * np.repeat(w, 3)
                                    for k, w in enumerate(parts)]) for name, parts in read_back.items()}
    expected = minimum(theta, [(rows["target"].rows, rows["target"].values, by_row["target"])],
                       [(rows["soft"].rows, None, by_row["soft"])], ridge=0.3)
    assert near(read_coefficients(new)[0], expected)
    for frame, weight in zip(report["sets"][0]["errors"]["frames"], read_back["target"]):
        assert frame["mean_row_weight"] == pytest.approx(weight.mean(), rel=1e-12)
    errors = rows["target"].rows @ read_coefficients(new)[0] - rows["target"].values
    assert report["sets"][0]["errors"]["rms_after"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)


def test_weights_that_cannot_be(material, fails_with, tmp_path):
    start, _, files, _ = material
    frames = read(files["target"], ":")
    for value in (-1.0, np.nan):
        for atoms in frames:
            atoms.set_array("importance", np.ones(len(atoms)))
        frames[1].arrays["importance"][3] = value
        write(tmp_path / "bad.xyz", frames, format="extxyz")
        fails_with("bad.xyz: frame 1: the weight of atom 3 (counted from 0), column importance, is",
                   targets=[{"file": "bad.xyz", "select": "all", "row_weights": "importance"}])
    fails_with("t.xyz: frame 0: no column importance (importance:R:1), which row_weights names",
               targets=[{"file": "t.xyz", "select": "all", "row_weights": "importance"}])
    fails_with("targets[0].row_weights: is for forces alone",
               targets=[{"file": "t.xyz", "quantity": "energy", "row_weights": "importance"}])
    fails_with("hard[0].row_weights: is of no use for hard constraints", targets=[{"file": "t.xyz"}],
               hard=[{"file": "h.xyz", "row_weights": "importance"}])
    for factors, message in ((np.ones(20), "must be a vector of 21 numbers, one for each coefficient; it holds 20"),
                             (np.r_[np.ones(20), -1], "number 20 (counted from 0) is -1"),
                             (np.r_[np.nan, np.ones(20)], "number 0 (counted from 0) is nan")):
        np.save(tmp_path / "factors.npy", factors)
        fails_with(f"{tmp_path}/factors.npy: {message}", targets=[{"file": "t.xyz"}], lambda_ridge_scale="factors.npy")
    fails_with("lambda_ridge_scale.cubic: no such key", targets=[{"file": "t.xyz"}], lambda_ridge_scale={"cubic": 1})


@pytest.fixture
def fails_with(teacher, tmp_path):
    """Run with these keys: one line on stderr ends with exit code 1."""
    def check(message, **keys):
        config = configure(tmp_path, teacher[1], **{"lambda_ridge": 0.3, **keys})
        result = run(config, "--output", tmp_path / "new.snapcoeff", "--log-level", "error")
        assert result.returncode == 1 and result.stderr.count("\n") == 1, result.stderr
        assert message in result.stderr
        assert not (tmp_path / "new.snapcoeff").exists()

    return check


# ---- design matrices ----


def save(folder, name, rows, order="C", values=None):
    np.save(folder / f"{name}.npy", np.asarray(rows.rows, order=order))
    if values is not None:
        np.save(folder / values, rows.values)
    return f"{name}.npy"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("method", ["cholesky", "qr"])
def test_matrices_in_place_of_structures(order, method, material, retrain, tmp_path):
    """Every role; the result is that of the structures, and the errors are NumPy's."""
    start, theta, files, rows = material
    common = {"lambda_ridge": 0.3, "lambda_soft": 2, "method": method}
    ours, _ = retrain(configure(
        tmp_path, start, **common, targets=[{"file": "t.xyz", "select": "all", "weight": 0.5}],
        soft=[{"file": "s.xyz"}], hard=[{"file": "h.xyz"}, {"file": "w.xyz", "mode": "set"}],
        test=[{"file": "e.xyz"}]), output="structures.snapcoeff")
    save(tmp_path, "target", rows["target"], order, "values.npy")
    save(tmp_path, "soft", rows["soft"], order)
    save(tmp_path, "keep", rows["hard"], order)
    save(tmp_path, "set", rows["set"], order, "set.targets.npy")
    save(tmp_path, "test", rows["test"], order, "test.targets.npy")
    new, report = retrain(configure(
        tmp_path, start, **common, targets=[{"file": "target.npy", "targets": "values.npy", "weight": 0.5}],
        soft=[{"file": "soft.npy"}], hard=[{"file": "keep.npy"}, {"file": "set.npy", "mode": "set"}],
        test=[{"file": "test.npy"}]))
    assert near(read_coefficients(new)[0], read_coefficients(ours)[0])
    after = read_coefficients(new)[0]
    names = {"target": "target", "soft": "soft", "keep": "hard", "set": "set", "test": "test"}
    for entry in report["sets"]:
        assert entry["errors_from"] == "rows" and len(entry["sha256"]) == 64
        wanted = rows[names[entry["file"].split("/")[-1][:-4]]]
        change = wanted.rows @ (after - theta)
        assert entry["rows"] == entry["errors"]["count"] == len(wanted.rows)
        assert entry["errors"]["rms_change"] == pytest.approx(np.sqrt(np.mean(change**2)), rel=1e-6, abs=1e-12)
        if "targets" in entry:
            for name, coefficients in (("before", theta), ("after", after)):
                difference = np.abs(wanted.rows @ coefficients - wanted.values)
                assert entry["errors"][f"largest_{name}"] == pytest.approx(difference.max(), rel=1e-6, abs=1e-9)
    assert [("targets" in entry) for entry in report["sets"]] == [True, False, True, False, True]


def test_weights_folds_and_options_of_matrices(material, retrain, tmp_path):
    """On the command line; folds are dealt frames of so many rows; rows have weights."""
    start, theta, files, rows = material
    save(tmp_path, "G", rows["target"], "C", "G.targets.npy")
    new, report = retrain("--start", start, "--targets", tmp_path / "G.npy", "--lambda-ridge", 0.3)
    assert near(read_coefficients(new)[0], minimum(theta, [(rows["target"].rows, rows["target"].values, 1)], ridge=0.3))
    assert report["sets"][0]["frame_rows"] == len(rows["target"].rows)  # fewer than a block
    weights = np.random.default_rng(1).uniform(0, 2, len(rows["target"].rows))
    np.save(tmp_path / "weights.npy", weights)
    config = configure(tmp_path, start, lambda_ridge=[0.3, 30, 3000], folds=4,
                       targets=[{"file": "G.npy", "row_weights": "weights.npy", "frame_rows": 48}])
    new, report = retrain(config)
    # the frames are those of the structures: 16 atoms each
    errors = []
    for ridge in (0.3, 30, 3000):
        square = 0.0
        for k in range(4):
            left_out = np.arange(len(weights)) // 48 == k
            inside = (rows["target"].rows[~left_out], rows["target"].values[~left_out], weights[~left_out])
            outside = rows["target"].rows[left_out] @ minimum(theta, [inside], ridge=ridge)
            square += (weights[left_out] * (rows["target"].values[left_out] - outside)**2).sum()
        errors.append(np.sqrt(square / len(weights)))
    assert [trial["rms_choice"] for trial in report["search"]["grid"]] == pytest.approx(errors, rel=1e-6, abs=1e-10)
    chosen = (0.3, 30, 3000)[int(np.argmin(errors))]
    assert near(read_coefficients(new)[0],
                minimum(theta, [(rows["target"].rows, rows["target"].values, weights)], ridge=chosen))
    assert [frame["mean_row_weight"] for frame in report["sets"][0]["errors"]["frames"]] == pytest.approx(
        weights.reshape(4, 48).mean(axis=1))


def test_pictures_without_structures(material, retrain, tmp_path):
    """Strained cells that were kept as rows can't be drawn; all else is."""
    start, _, _, rows = material
    save(tmp_path, "G", rows["target"], "C", "G.targets.npy")
    save(tmp_path, "keep", rows["hard"])
    retrain("--start", start, "--targets", tmp_path / "G.npy", "--hard", tmp_path / "keep.npy", "--lambda-ridge", 0.3)
    script = Path(__file__).resolve().parents[2] / "examples" / "ase" / "plot_retrain.py"
    subprocess.run([sys.executable, script, tmp_path / "new.json"], check=True, timeout=TIMEOUT)
    assert (tmp_path / "new.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_matrix_need_not_fit_into_memory(teacher, retrain, tmp_path):
    """400,000 rows, 67 MB, in either order."""
    count, width = 400_000, 21
    rng = np.random.default_rng(0)
    theta = rng.normal(size=width)
    rows = rng.normal(size=(count, width))
    np.save(tmp_path / "G.targets.npy", rows @ theta)
    for order, frame_rows in (("C", 384), ("F", 1000)):
        np.save(tmp_path / "G.npy", np.asarray(rows, order=order))
        config = configure(tmp_path, teacher[1], targets=[{"file": "G.npy", "frame_rows": frame_rows}])
        new, report = retrain(config, "--from-scratch")
        before = report["sets"][0]["errors"]["rms_before"]
        assert before == pytest.approx(np.sqrt(np.mean((rows @ theta)**2)), rel=1e-9)
        assert len(report["sets"][0]["errors"]["frames"]) == -(-count // frame_rows)
        assert np.abs(read_coefficients(new)[0] - theta).max() <= 1e-9
        assert report["peak_memory_mb"] <= 40, report["peak_memory_mb"]


def test_matrices_that_cannot_be(material, fails_with, tmp_path):
    _, _, _, rows = material
    G, f = rows["target"].rows, rows["target"].values
    np.save(tmp_path / "f.npy", f)

    def refused(message, array, values="f.npy", **more):
        np.save(tmp_path / "G.npy", array)
        fails_with(message, targets=[{"file": "G.npy", **({"targets": values} if values else {}), **more}])

    refused("G.npy: has 20 columns; there are 21 coefficients", G[:, :20])
    refused("G.npy: an array of 1 dimensions; a design matrix has two: rows × 21", G[0])
    refused("G.npy: holds no row", G[:0])
    refused("f.npy: must be a vector of 190 numbers, one for each row of", G[:190])
    refused("the array's type is '<f4'; it must be '<f8'", G.astype(np.float32))
    refused("what its rows shall give is missing: write it to", G, values=None)
    refused("no.npy: cannot be opened", G, values="no.npy")
    bad = G.copy()
    bad[100, 7] = np.inf
    refused("G.npy: row 100, column 7 (counted from 0) is inf", bad)
    np.save(tmp_path / "f2.npy", np.where(np.arange(len(f)) == 5, np.nan, f))
    refused("f2.npy: row 5, column 0 (counted from 0) is nan", G, values="f2.npy")
    np.save(tmp_path / "w.npy", -np.ones(len(f)))
    refused("w.npy: row 0, column 0 (counted from 0) is -1", G, row_weights="w.npy")
    for key, value in (("select", "all"), ("min_displacement", 1), ("frame_weights", "w"), ("follow", True)):
        refused(f"targets[0].{key}: is for files of structures", G, **{key: value})
    refused("targets[0].frame_rows: must be at least 1", G, frame_rows=0)
    np.save(tmp_path / "G.npy", G)
    fails_with("targets[0].targets: is for design matrices", targets=[{"file": "t.xyz", "targets": "f.npy"}])
    fails_with("soft[0].targets: is of no use where values are kept",
               targets=[{"file": "t.xyz", "select": "all"}], soft=[{"file": "G.npy", "targets": "f.npy"}])
    (tmp_path / "G.npy").write_bytes((tmp_path / "G.npy").read_bytes()[:-8])
    fails_with("the file is cut short or damaged", targets=[{"file": "G.npy", "targets": "f.npy"}])
