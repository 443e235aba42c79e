"""Energies as targets: offsets of each element that are fitted beside the coefficients, against least squares in NumPy on
all rows; quantities, their weights, and groups of frames."""

import json
import os
import shutil

import numpy as np
import pytest
from ase.io import read, write
from conftest import need
from retrain_oracle import HARD_TOLERANCE, energy_rows, force_rows, minimum
from test_retrain import (W, W_BE, cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401
                          write_potential)

ZEROS = {"W": -11.25, "Be": 3.5}  # eV per atom, by which the teacher's energies are off
RIDGE = 1e-3
SAME = 1e-8  # relative: coefficients by normal equations and by least squares on the rows


def shifted(path, name, zeros=ZEROS):
    """A copy of the labelled file with energies whose zero is another."""
    frames = read(path, ":")
    for atoms in frames:
        atoms.calc.results["energy"] += sum(zeros[symbol] for symbol in atoms.symbols)
    write(path.with_name(name), frames, format="extxyz")
    return path.with_name(name)


def fractions(path, symbols):
    return np.array([[np.mean(np.array(atoms.symbols) == symbol) for symbol in symbols] for atoms in read(path, ":")])


def without_offsets(rows, composition, weight):
    """Target for `minimum`: what rows and values of energies tell once the best offsets are taken off them."""
    projection = np.eye(len(rows.rows)) - composition @ np.linalg.pinv(composition)
    return projection @ rows.rows, projection @ rows.values, weight


def element_rows(lmlink_eval, potential, path, folder, symbols):
    """energy_rows for several elements."""
    rows = energy_rows(lmlink_eval, potential, path, folder)
    frames = read(path, ":")
    descriptors = np.split(np.load(folder / "descriptors.npy"), np.cumsum([len(atoms) for atoms in frames])[:-1])
    rows.rows = np.array([np.concatenate([part[np.array(atoms.symbols) == symbol].sum(axis=0) for symbol in symbols])
                          / len(atoms) for atoms, part in zip(frames, descriptors)])
    return rows


@pytest.fixture
def alloy(label, tmp_path):
    """Linear potentials of two elements, and files that the first has labelled."""
    rng = np.random.default_rng(8)
    size = np.r_[3.0, np.full(5, 0.03)]
    theta = rng.normal(0, 1, (2, 6)) * size
    full = write_potential(tmp_path / "full.snapcoeff", theta, W_BE)
    start = write_potential(tmp_path / "begin.snapcoeff", theta + rng.normal(0, 0.1, (2, 6)) * size, W_BE)
    files = {name: shifted(label(f"plain-{name}.xyz", cells(count, seed, ("W", "Be"), size=1), full), f"{name}.xyz")
             for name, count, seed in (("data", 9, 4), ("unseen", 5, 5))}
    return start, files


def solve(lmlink_eval, alloy, folder, weight, ridge=RIDGE):
    """Θ, and the offsets, by least squares on all rows."""
    start, files = alloy
    theta = read_coefficients(start).ravel()
    forces = force_rows(lmlink_eval, start, files["data"], folder)
    energies = element_rows(lmlink_eval, start, files["data"], folder, ("W", "Be"))
    composition = fractions(files["data"], ("W", "Be"))
    best = minimum(theta, [(forces.rows, forces.values, 1.0), without_offsets(energies, composition, weight)],
                   ridge=ridge)
    return best, np.linalg.pinv(composition) @ (energies.values - energies.rows @ best)


@pytest.mark.parametrize("way", ["cholesky", "qr", "ranks", "cache"])
def test_offsets_of_each_element(way, alloy, retrain, lmlink_eval, tmp_path):
    start, files = alloy
    best, offsets = solve(lmlink_eval, alloy, tmp_path, 5.0)
    words = {"cholesky": ["--method", "cholesky"], "qr": ["--method", "qr"], "ranks": [],
             "cache": ["--cache", tmp_path / "sums"]}[way]
    launcher = shutil.which("mpirun")
    if way == "ranks" and launcher is None:
        need("mpi", "there is no mpirun")
    prefix = (launcher, "--oversubscribe", "-n", "2") if way == "ranks" else ()
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    for _ in range(2 if way == "cache" else 1):
        new, report = retrain("--start", start, "--form", "linear", "--targets", files["data"], "--energy-weight", 5,
                              "--lambda-ridge", RIDGE, *words, prefix=prefix, env=environment)
    assert np.abs(read_coefficients(new).ravel() - best).max() <= SAME * np.abs(best).max()
    told = report["energy_offsets"]
    assert told["fitted_to"] == "targets" and told["rank"] == 2
    assert np.abs([told["elements"][symbol]["after"] for symbol in ("W", "Be")] - offsets).max() <= 1e-6
    assert abs(told["elements"]["W"]["after"] - ZEROS["W"]) < 1  # what Θ has not taken up
    assert "offset per element" in report["stdout"] and report["sets"][1]["reference"] == "offset"
    lmlink_eval("--potential", new, files["data"], "--output", tmp_path / "again.xyz")
    composition, frames = fractions(files["data"], ("W", "Be")), read(files["data"], ":")
    errors = [after.get_potential_energy() / len(after) - before.get_potential_energy() / len(before) + part @ offsets
              for after, before, part in zip(read(tmp_path / "again.xyz", ":"), frames, composition)]
    found = report["sets"][1]["errors"]
    assert found["rms_after"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-4)
    assert found["mae_after"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
    if way == "cache":
        assert report["cache"]["found"] == "used"


def test_rows_of_energies_have_offsets_too(alloy, retrain, lmlink_eval, tmp_path):
    """A design matrix of energies beside structures: the same as all of them as structures."""
    start, files = alloy
    rows = element_rows(lmlink_eval, start, files["unseen"], tmp_path, ("W", "Be"))
    np.save(tmp_path / "rows.npy", rows.rows)
    np.save(tmp_path / "rows.targets.npy", rows.values)
    found = []
    for name in ("rows.npy", files["unseen"].name):
        config = {"format": "lmlink-retrain", "version": 1, "form": "linear", "start": {"file": start.name},
                  "targets": [{"file": files["data"].name, "quantity": "energy"},
                              {"file": name, "quantity": "energy"}], "lambda_ridge": RIDGE}
        (tmp_path / "c.json").write_text(json.dumps(config))
        new, report = retrain(tmp_path / "c.json")
        found.append((read_coefficients(new), report["sets"][1]["errors"]["rms_after"],
                      report["energy_offsets"]["elements"]["W"]["after"]))
    assert np.abs(found[0][0] - found[1][0]).max() <= SAME * np.abs(found[1][0]).max()
    assert found[0][1:] == pytest.approx(found[1][1:], rel=1e-6)


@pytest.mark.parametrize("by", ["test", "folds"])
def test_what_lambdas_are_chosen_by(by, alloy, retrain, lmlink_eval, tmp_path):
    """Offsets are those of what is trained on, for test files and for frames that are left out."""
    start, files = alloy
    config = {"format": "lmlink-retrain", "version": 1, "form": "linear", "start": {"file": start.name},
              "targets": [{"file": files["data"].name, "quantity": "energy"}],
              "test": [{"file": files["unseen"].name, "quantity": "energy"}], "lambda_ridge": [RIDGE, 0.1]}
    if by == "folds":
        config["folds"] = 3
    (tmp_path / "c.json").write_text(json.dumps(config))
    _, report = retrain(tmp_path / "c.json")
    theta = read_coefficients(start).ravel()
    rows, unseen = (element_rows(lmlink_eval, start, files[name], tmp_path, ("W", "Be")) for name in ("data", "unseen"))
    data, others = (fractions(files[name], ("W", "Be")) for name in ("data", "unseen"))

    def residuals(train, tested, composition, ridge):
        part, inside = type(rows)(rows.rows[train], rows.values[train]), data[train]
        best = minimum(theta, [without_offsets(part, inside, 1.0)], ridge=ridge)
        offsets = np.linalg.pinv(inside) @ (part.values - part.rows @ best)
        return tested.values - tested.rows @ best - composition @ offsets

    number = np.arange(len(data))
    if by == "folds":
        fold = np.array([frame["fold"] for frame in report["sets"][0]["errors"]["frames"]])
        assert sorted(set(fold)) == [0, 1, 2]
    for trial in report["search"]["grid"]:
        ridge = trial["lambda_ridge"]
        if by == "test":
            errors = residuals(number >= 0, unseen, others, ridge)
        else:
            errors = np.concatenate([residuals(fold != k, type(rows)(rows.rows[fold == k], rows.values[fold == k]),
                                               data[fold == k], ridge) for k in range(3)])
        assert trial["rms_choice"] == pytest.approx(np.sqrt(np.mean(errors ** 2)), rel=1e-5)


def test_one_composition_has_the_smallest_offsets(label, alloy, retrain, tmp_path):
    start, files = alloy
    frames = [atoms for atoms in cells(3, 4, size=1)]
    for atoms in frames:
        atoms.symbols = ["W", "Be"]
    data = shifted(label("half.xyz", frames, tmp_path / "full.snapcoeff"), "half-shifted.xyz")
    _, report = retrain("--start", start, "--form", "linear", "--targets", data, "--energy-weight", 1,
                        "--lambda-ridge", RIDGE)
    told = report["energy_offsets"]
    assert told["rank"] == 1 and "determine 1 of these 2 offsets" in report["stdout"]
    assert told["elements"]["W"]["after"] == pytest.approx(told["elements"]["Be"]["after"], abs=1e-9)


def test_forces_are_not_ruined(label, teacher, retrain, tmp_path):
    """By energies whose zero is another, with constraints that hold the constant, whatever the method."""
    full, start, _ = teacher
    data, hard = label("d.xyz", cells(6, 2), full), label("h.xyz", strained(), start)
    unseen = label("u.xyz", cells(3, 77), full)
    options = ["--start", start, "--hard", hard, "--hard-tolerance", HARD_TOLERANCE, "--test", unseen,
               "--lambda-ridge", 1e-6]
    error = {}
    for zero in (0.0, -9000.0):
        moved = shifted(data, f"zero{zero:.0f}.xyz", {"W": zero})
        for words in ((), ("--energy-weight", 1), ("--energy-weight", 1, "--method", "qr"),
                      ("--energy-weight", 1, "--leverage", 1e-3), ("--difference-weight", 1)):
            _, report = retrain(*options, "--targets", moved, *words)
            error[zero, words] = report["sets"][-1]["errors"]["rms_after"]
    print(*(f"{key}: {value:.3e} eV/A" for key, value in error.items()), sep="\n")
    assert max(error.values()) <= 1.2 * error[0.0, ()]
    for words in {words for _, words in error}:
        assert error[-9000.0, words] == pytest.approx(error[0.0, words], rel=1e-3)


def test_leverages_beside_offsets(label, teacher, retrain, lmlink_eval, tmp_path):
    """A row's leverage is that of offset and coefficients together, of which the ridge is a prior of the latter alone."""
    full, start, theta = teacher
    wide = write_potential(tmp_path / "wide.snapcoeff", np.r_[theta[:6], np.zeros(15)], W)
    data = label("d.xyz", cells(8, 2), full)
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": wide.name}, "lambda_ridge": 0.3,
              "targets": [{"file": data.name, "quantity": "energy", "leverage": 1000}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    _, report = retrain(tmp_path / "c.json")
    rows = energy_rows(lmlink_eval, wide, data, tmp_path).rows  # the constant's column is that of the offset
    sums, found = np.diag(np.r_[0.0, np.full(20, 0.3)]), []
    for row in rows:
        found.append(row[1:] @ row[1:] / 0.3 if sums[0, 0] == 0 else row @ np.linalg.solve(sums, row))
        if found[-1] > 1000:
            sums += np.outer(row, row)
    told = [frame["leverage"] for frame in report["sets"][0]["leverage"]["frames"]]
    assert told == pytest.approx(found, rel=1e-6)
    assert 1 < report["sets"][0]["frames_used"] < 8


def test_absolute_energies_where_they_are_wanted(label, teacher, retrain, lmlink_eval, tmp_path):
    """The constant takes up the zero, as without offsets."""
    full, start, theta = teacher
    data = shifted(label("d.xyz", cells(6, 2), full), "moved.xyz", {"W": -2.0})
    new, report = retrain("--start", start, "--targets", data, "--energy-weight", 1, "--energy-reference", "absolute",
                          "--lambda-ridge", 1e-9)
    assert read_coefficients(new)[0][0] == pytest.approx(theta[0] - 2.0, abs=1e-3)
    assert "energy_offsets" not in report and report["sets"][1]["reference"] == "absolute"


def test_each_quantity_has_its_weight(label, teacher, retrain, tmp_path):
    full, start, _ = teacher
    data = label("d.xyz", cells(3, 2), full)
    _, report = retrain("--start", start, "--targets", data, "--lambda-ridge", RIDGE, "--forces-weight", 2,
                        "--energy-weight", 3, "--difference-weight", 4, "--virial-weight", 5)
    found = {part["quantity"]: (part["weight"], part["rows"]) for part in report["sets"]}
    assert found == {"forces": (2, 144), "energy": (3, 3), "energy_difference": (4, 2), "virial": (5, 18)}


# ---- groups ----


@pytest.fixture
def grouped(label, teacher, tmp_path):
    """Frames of three kinds, of which one has no name, and the same with weights of their own."""
    full, _, _ = teacher
    frames = read(label("d.xyz", cells(5, 2), full), ":")
    for atoms, kind, weight in zip(frames, ("bulk", "surface", None, "bulk", "surface"), (10, 0.5, 1, 10, 0.5)):
        atoms.info["own"] = float(weight)
        if kind:
            atoms.info["config_type"] = kind
    write(tmp_path / "groups.xyz", frames, format="extxyz")
    return tmp_path / "groups.xyz"


def test_groups_of_long_names_are_told_apart(grouped, teacher, retrain):
    frames = read(grouped, ":")
    for atoms, end in zip(frames, "ababa"):
        atoms.info["config_type"] = 200 * "x" + end
    write(grouped, frames, format="extxyz")
    _, report = retrain("--start", teacher[1], "--targets", grouped, "--lambda-ridge", RIDGE)
    assert set(report["sets"][0]["errors"]["groups"]) == {200 * "x" + end for end in "ab"}


def test_groups_have_weights_and_errors(grouped, teacher, retrain, lmlink_eval, tmp_path):
    _, start, _ = teacher
    options = ["--start", start, "--targets", grouped, "--lambda-ridge", RIDGE]
    new, report = retrain(*options, "--group-weight", "bulk=10", "--group-weight", "surface=0.5")
    (tmp_path / "c.json").write_text(json.dumps({
        "format": "lmlink-retrain", "version": 1, "start": {"file": start.name}, "lambda_ridge": RIDGE,
        "targets": [{"file": grouped.name, "frame_weights": "own"}], "group_key": "own"}))
    same, _ = retrain(tmp_path / "c.json", output="same.snapcoeff")
    assert np.array_equal(read_coefficients(new), read_coefficients(same))
    lmlink_eval("--potential", new, grouped, "--output", tmp_path / "again.xyz")
    frames, again = read(grouped, ":"), read(tmp_path / "again.xyz", ":")
    groups = report["sets"][0]["errors"]["groups"]
    lines = [line.split() for line in report["stdout"].splitlines()]
    for kind in ("bulk", "surface"):
        errors = np.array([new.get_forces() - old.get_forces() for old, new in zip(frames, again)
                           if old.info.get("config_type") == kind])
        assert groups[kind]["rms_after"] == pytest.approx(np.sqrt(np.mean(errors ** 2)), rel=1e-4)
        assert groups[kind]["mae_after"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-4)
        row = next(words for words in lines if words[-1] == f"config_type={kind}")
        assert int(row[0]) == errors.size and float(row[5]) == pytest.approx(groups[kind]["mae_after"], abs=1e-6)
    assert "group" not in report["sets"][0]["errors"]["frames"][2]


def test_groups_that_are_not_there(grouped, teacher, tmp_path):
    _, start, _ = teacher
    for words, message in ((("--group-weight", "bluk=2"), "no frame of the targets, soft or test files has config_type=bluk"),
                           (("--group-key", "kind"), "--group-key kind: no frame"),
                           (("--group-weight", "bulk"), "must be NAME=WEIGHT")):
        result = run("--start", start, "--targets", grouped, "--lambda-ridge", RIDGE, "--output",
                     tmp_path / "new.snapcoeff", *words)
        assert result.returncode != 0 and message in result.stderr
