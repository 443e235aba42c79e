"""How lmlink-retrain chooses λs by itself: target frames that are left out in groups, a limit on how much forces of soft
structures change, and what it says of the choice. Against NumPy's minima without what was left out."""

import json

import numpy as np
import pytest
from ase.io import read, write
from retrain_oracle import force_rows, minimum
from test_retrain import W, cells, label, retrain, run, strained, teacher, write_potential  # noqa: F401 (fixtures)

CLUSTER = 5  # atoms that are left out with a soft atom, itself among them


def search_of(report):
    search = report["search"]
    return search, search["grid"][search["chosen"]]


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def folds_of(report):
    """The fold of each frame of the first set."""
    return [frame["fold"] for frame in report["sets"][0]["errors"]["frames"]]


def turned(atoms, seed):
    """The same structure elsewhere: reflected, shifted, its atoms in another order; forces likewise."""
    rng = np.random.default_rng(seed)
    twin = atoms.copy()
    mirror = np.diag([1.0, 1.0, -1.0])[:, [1, 0, 2]]
    twin.set_cell(atoms.cell.array @ mirror)
    twin.positions = atoms.positions @ mirror + rng.normal(0, 1, 3)
    twin = twin[rng.permutation(len(twin))]
    return twin


def path(count, seed=3):
    """Images on a way that is its own mirror image: number k and number count − 1 − k are equivalent."""
    begin, end = cells(2, seed)
    end.set_cell(begin.cell)
    way = (end.positions - begin.positions)
    images = []
    for k in range((count + 1) // 2):
        image = begin.copy()
        image.positions += way * k / count
        images.append(image)
    return images + [turned(image, k) for k, image in enumerate(images[:count // 2])][::-1]


@pytest.fixture
def material(label, teacher, lmlink_eval, tmp_path):
    """Start, files of targets (a path of nine images that a quadratic potential labels), soft structures and a test."""
    full, start, theta = teacher
    begin = np.r_[theta[:6], np.zeros(15)]
    wide = write_potential(tmp_path / "wide.snapcoeff", begin, W)
    files = {"target": label("target.xyz", path(9), full), "soft": label("soft.xyz", cells(2, 7), start),
             "test": label("test.xyz", cells(2, 50), full)}

    def rows(name):
        return force_rows(lmlink_eval, wide, files[name], tmp_path)

    return start, begin, files, rows


# ---- groups and folds ----


def test_equivalent_frames_are_left_out_together(material, retrain):
    """Errors on folds are those of NumPy's minima without the groups of each."""
    start, begin, files, rows = material
    frames = read(files["target"], ":")
    for k, atoms in enumerate(frames):
        atoms.calc.results["forces"] = atoms.get_forces() + np.random.default_rng(k).normal(0, 0.1, (len(atoms), 3))
    write(files["target"], frames, format="extxyz")
    words = ["--start", start, "--targets", files["target"], "--select", "all", "--lambda-ridge", "1e-3,1"]
    _, report = retrain(*words)
    search, _ = search_of(report)
    assert (search["by"], search["groups"], search["folds"]) == ("folds", 5, 5)
    folds = folds_of(report)
    assert folds == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    target = rows("target")
    fold_of_row = np.repeat(folds, 3 * np.array(target.frames))
    for trial in search["grid"]:
        errors = []
        for fold in range(5):
            out = fold_of_row == fold
            theta = minimum(begin, [(target.rows[~out], target.values[~out], 1)], ridge=trial["lambda_ridge"])
            errors.append(target.rows[out] @ theta - target.values[out])
        assert trial["rms_choice"] == pytest.approx(rms(np.concatenate(errors)), rel=1e-6)
    _, report = retrain(*words, "--folds", 2)
    assert folds_of(report) == [0, 0, 0, 1, 1, 1, 0, 0, 0]


def test_energies_are_left_out_with_the_forces(material, retrain):
    start, _, files, _ = material
    _, report = retrain("--start", start, "--targets", files["target"], "--select", "all", "--energy-weight", 1,
                        "--lambda-ridge", "1e-3,1")
    energies = [frame["fold"] for frame in report["sets"][1]["errors"]["frames"]]
    assert report["search"]["groups"] == 5 and energies == folds_of(report)


def test_frames_that_differ_are_not_one_group(label, material, retrain):
    """Snapshots, small cells, and frames that share a config_type."""
    start, _, files, _ = material
    frames = read(files["target"], ":")
    for atoms in frames:
        atoms.info["config_type"] = "md"
    for data in (cells(6, 2), cells(6, 2, size=1), cells(12, 3, size=3)):
        for atoms in data:
            atoms.info["config_type"] = "md"
        _, report = retrain("--start", start, "--targets", label("d.xyz", data, start), "--select", "all",
                            "--lambda-ridge", "1e-3,1")
        assert report["search"]["groups"] == len(data)


def test_groups_that_the_file_names(material, retrain, tmp_path):
    start, _, files, _ = material
    frames = read(files["target"], ":")
    for atoms, name in zip(frames, "aabbcabcc"):
        atoms.info["config_type"] = name
    write(tmp_path / "named.xyz", frames, format="extxyz")
    words = ["--start", start, "--targets", tmp_path / "named.xyz", "--select", "all", "--lambda-ridge", "1e-3,1"]
    _, report = retrain(*words, "--fold-groups", "config_type")
    assert report["search"]["groups"] == 3 and folds_of(report) == [0, 0, 1, 1, 2, 0, 1, 2, 2]
    result = run(*words, "--fold-groups", "kind", "--output", tmp_path / "n.snapcoeff")
    assert result.returncode == 1 and "frame 0: no text or whole number kind" in result.stderr


# ---- the change of soft structures ----


def change_without(rows, frames, positions, begin, targets, soft, ridge):
    """RMS change of each soft atom's force in the minimum without the rows of it and its nearest neighbours."""
    changes, first = [], 0
    for count, atoms in zip(frames, positions):
        distances = atoms.get_all_distances(mic=True)
        for atom in range(count):
            near = np.argsort(distances[atom])[:CLUSTER]
            out = (3 * (first + near)[:, None] + np.arange(3)).ravel()
            kept = np.setdiff1d(np.arange(len(rows)), out)
            theta = minimum(begin, [targets], [(rows[kept], None, soft)], ridge=ridge)
            changes.append(rows[3 * (first + atom):3 * (first + atom) + 3] @ (theta - begin))
        first += count
    return rms(changes)


def test_the_change_of_atoms_that_were_left_out(material, retrain):
    """As if the minimum had been found without the rows of the atoms, one cluster after the other."""
    start, begin, files, rows = material
    _, report = retrain("--start", start, "--targets", files["target"], "--select", "all", "--soft", files["soft"],
                        "--lambda-soft", "0.1,10", "--lambda-ridge", "1e-4,1")
    target, soft = rows("target"), rows("soft")
    search, chosen = search_of(report)
    assert search["watched_by"] == "left_out" and search["soft_limit"] == 0.015
    for trial in search["grid"]:
        change = change_without(soft.rows, soft.frames, read(files["soft"], ":"), begin,
                                (target.rows, target.values, 1), trial["lambda_soft"], trial["lambda_ridge"])
        assert trial["soft_change"] == pytest.approx(change, rel=1e-5)
        assert trial["soft_change"] > trial["rms_soft"]


def best_within(grid, limit):
    return min((trial for trial in grid if trial["soft_change"] <= limit), key=lambda trial: trial["rms_choice"])


def test_the_limit_is_kept(material, retrain):
    """Of a grid and of a search, by folds and by a test file; without a search nothing beyond the grid."""
    start, _, files, _ = material
    words = ["--start", start, "--targets", files["target"], "--select", "all", "--soft", files["soft"]]
    grid = ["--lambda-soft", "1e-3,1e-1,1e1,1e3,1e5", "--lambda-ridge", "1e-6,1e-3,1"]
    chosen = {}
    for limit in (0.005, 0.05):
        for by in ([], ["--test", files["test"]]):
            for way in (grid, []):
                _, report = retrain(*words, *by, *way, "--soft-limit", limit)
                search, best = search_of(report)
                assert best == best_within(search["grid"], limit), (limit, by, way)
                chosen[limit, bool(by), bool(way)] = best["rms_choice"]
        assert chosen[limit, False, False] <= 1.02 * chosen[limit, False, True]
        assert chosen[limit, True, False] <= 1.02 * chosen[limit, True, True]
    assert chosen[0.005, False, False] > chosen[0.05, False, False]


@pytest.mark.parametrize("forces", ["start", "none", "told"])
def test_a_test_file_may_watch(forces, label, material, teacher, retrain, tmp_path):
    """One with the start's own forces, one without any, and one of which it is said."""
    start, _, files, _ = material
    frames = cells(2, 21)
    watch = label("watch.xyz", frames, teacher[0] if forces == "told" else start)
    if forces == "none":
        write(watch, frames, format="extxyz")
    words = ["--start", start, "--targets", files["target"], "--select", "all",
             "--soft-test" if forces == "told" else "--test", watch]
    search, best = search_of(retrain(*words, "--soft", files["soft"], "--soft-limit", 0.02)[1])
    assert search["watched_by"] == "both" and best["soft_change"] <= 0.02
    _, report = retrain(*words, "--soft-limit", 0.3)
    search, best = search_of(report)
    assert (search["by"], search["watched_by"]) == ("folds", "test")
    assert report["sets"][-1]["kind"] == "soft" and best["soft_change"] <= 0.3
    assert best["soft_change"] == pytest.approx(report["sets"][-1]["errors"]["rms_change"], rel=1e-6)


def test_nothing_watches(material, retrain):
    start, _, files, _ = material
    _, report = retrain("--start", start, "--targets", files["target"], "--select", "all")
    assert report["search"]["watched_by"] == "nothing"
    assert "warning: nothing watches how forces on other structures change" in report["stderr"]
    assert {trial["lambda_soft"] for trial in report["search"]["grid"]} == {1}


# ---- what is said ----


def test_what_is_said_of_a_choice(material, retrain):
    """An end of a grid, a limit that no pair keeps, no gain; the table has what was left out beside what was not."""
    start, _, files, _ = material
    words = ["--start", start, "--targets", files["target"], "--select", "all", "--soft", files["soft"]]
    _, report = retrain(*words, "--lambda-soft", 1, "--lambda-ridge", "1e-3,1e-1", "--soft-limit", 1e-9)
    search, best = search_of(report)
    assert best["soft_change"] == min(trial["soft_change"] for trial in search["grid"])
    assert "warning: no pair of lambdas that was tried keeps forces of soft structures within 1e-09" in report["stderr"]
    assert search["at_end_of_range"] == ["lambda_ridge"]
    assert "warning: the best lambda_ridge is at the end of the range that was tried" in report["stderr"]
    line = next(line for line in report["stdout"].splitlines() if line.startswith("targets: RMS error"))
    numbers = [f"{best[name]:.6f}" for name in ("rms_target", "rms_choice")] + [f"{search['rms_before']:.6f}"]
    assert all(number in line for number in numbers) and "432 rows" in line and "5 groups of frames in 5 folds" in line
    assert "21 coefficients" in report["stdout"]
    _, report = retrain(*words, "--lambda-soft", 1, "--lambda-ridge", "1e-9,1e-3,1e-1", "--soft-limit", 10)
    assert "at the end" not in report["stderr"] or report["search"]["at_end_of_range"]
    _, report = retrain(*words, "--lambda-soft", 1, "--lambda-ridge", 1, "--soft-limit", 0.1)
    assert "warning: --soft-limit 0.1 is not looked at" in report["stderr"]
    _, report = retrain(*words, "--lambda-soft", 1, "--lambda-ridge", 1)
    assert "soft-limit" not in report["stderr"]


def test_too_few_targets_are_told(label, material, retrain):
    """Few atoms with noise: 21 coefficients fit it, and what was left out shows that."""
    start, _, files, _ = material
    frames = read(label("few.xyz", cells(4, 2, size=1), start), ":")
    for k, atoms in enumerate(frames):
        atoms.calc.results["forces"] = atoms.get_forces() + np.random.default_rng(k).normal(0, 0.3, (2, 3))
    write(files["target"].with_name("noise.xyz"), frames, format="extxyz")
    words = ["--start", start, "--targets", files["target"].with_name("noise.xyz"), "--select", "all"]
    _, report = retrain(*words, "--lambda-ridge", 1e-10, "--folds", 4)
    assert "warning: retraining gains nothing" in report["stderr"]
    assert all(report["stderr"].count(f"lmlink-retrain: {stage}: ") == 1 for stage in ("reading files", "rows", "solving"))
    _, report = retrain("--start", start, "--targets", files["target"], "--select", "all", "--form", "linear",
                        "--from-scratch", "--lambda-ridge", 1e-8, "--folds", 5)
    assert report["search"]["by"] == "folds" and "gains nothing" not in report["stderr"]


def test_what_cannot_be_chosen(material, label, tmp_path):
    start, _, files, _ = material
    words = ["--start", start, "--output", tmp_path / "n.snapcoeff"]
    for message, code, more in (
            ("none can be left out to choose lambdas by", 1, ["--targets", label("one.xyz", cells(1, 2), start)]),
            ("with --follow there is nothing to choose lambdas by: give --lambda-ridge, as", 2, ["--follow", "x.xyz"]),
            ("give --lambda-ridge and --lambda-soft, as", 2, ["--follow", "x.xyz", "--soft", files["soft"]]),
            ("--soft-limit must be above 0", 2, ["--targets", files["target"], "--soft-limit", 0])):
        result = run(*words, *more)
        assert result.returncode == code and message in result.stderr.splitlines()[-1], result.stderr
    for key, value, message in (("soft_limit", -1, "must not be negative"), ("fold_groups", 3, "fold_groups: must be")):
        (tmp_path / "c.json").write_text(json.dumps({"format": "lmlink-retrain", "version": 1, key: value}))
        assert message in run(tmp_path / "c.json").stderr


def test_a_rank_without_a_gap(material, label, retrain, lmlink_eval, tmp_path):
    """Singular values that fall by less than ten between the last that counts and the first that does not."""
    start, _, files, rows = material
    label("hard.xyz", strained(), start)
    words = ["--start", start, "--targets", files["target"], "--select", "all", "--lambda-ridge", 1e-3, "--hard",
             tmp_path / "hard.xyz"]
    _, report = retrain(*words)
    singular = np.array(report["hard"]["keep"]["singular_values"])
    ratios = singular[:-1] / singular[1:]
    for narrow, k in ((True, int(np.argmin(ratios[1:5])) + 1), (False, int(np.argmax(ratios[:6])))):
        tolerance = np.sqrt(singular[k] * singular[k + 1]) / singular[0]
        _, report = retrain(*words, "--hard-tolerance", tolerance)
        assert report["hard"]["keep"]["rank"] == k + 1
        assert ("has no clear gap" in report["stderr"]) == (ratios[k] < 10), (narrow, ratios)
    assert ratios[1:5].min() < 10 < ratios[:6].max()
