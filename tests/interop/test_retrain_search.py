"""The search of λs beyond a grid, against NumPy's errors on a fine one."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from conftest import TIMEOUT, program
from retrain_oracle import force_rows, minimum
from test_retrain import W, cells, label, retrain, run, teacher, write_potential  # noqa: F401 (fixtures)

WITHIN = 1e-3  # the search's error may be this much (relative) above the lowest of a fine grid


@pytest.fixture
def noisy(label, teacher, lmlink_eval, tmp_path):
    """Few targets with noise, soft constraints and a test set, and their rows."""
    full, start, theta = teacher
    begin = np.r_[theta[:6], np.zeros(15)]
    wide = write_potential(tmp_path / "zeros.snapcoeff", begin, W)
    target = read(label("clean.xyz", cells(4, 2, size=1), full), ":")
    for k, atoms in enumerate(target):
        atoms.calc.results["forces"] = atoms.get_forces() + np.random.default_rng(k).normal(0, 0.3, (2, 3))
    write(tmp_path / "target.xyz", target, format="extxyz")
    files = {"target": tmp_path / "target.xyz", "soft": label("soft.xyz", cells(2, 7), start),
             "test": label("test.xyz", cells(3, 50, size=1), full)}
    rows = {name: force_rows(lmlink_eval, wide, file, tmp_path) for name, file in files.items()}
    options = ["--start", start, "--targets", files["target"], "--select", "all", "--soft-limit", 1e9]
    return options, files, rows, begin


def error_on_test(noisy, ridge, soft=None):
    """RMS error on the test set of NumPy's minimum."""
    _, _, rows, begin = noisy
    theta = minimum(begin, [(rows["target"].rows, rows["target"].values, 1)],
                    [(rows["soft"].rows, None, soft)] if soft is not None else [], ridge=ridge)
    return np.sqrt(np.mean((rows["test"].rows @ theta - rows["test"].values)**2))




def test_one_lambda(noisy, retrain):
    options, files, _, _ = noisy
    _, report = retrain(*options, "--test", files["test"], "--search")
    search = report["search"]
    tried = [(trial["lambda_ridge"], trial["rms_choice"]) for trial in search["grid"]]
    assert search["coarse"] == 6 < len(tried) <= search["most_trials"] == 80
    for ridge, error in tried:
        if ridge > 1e-6:  # below, NumPy's own rounding shows
            assert error == pytest.approx(error_on_test(noisy, ridge), rel=1e-6), ridge
    ridges = [ridge for ridge, _ in tried]
    fine = 10.0**np.arange(np.log10(max(min(ridges), 1e-6)), np.log10(max(ridges)), 0.02)
    lowest = min(error_on_test(noisy, ridge) for ridge in fine)
    best = min(error for _, error in tried)
    assert best <= lowest * (1 + WITHIN) and best < 0.999 * min(error for _, error in tried[:6])
    assert report["solution"]["lambda_ridge"] == tried[search["chosen"]][0] and tried[search["chosen"]][1] == best
    assert all(f"{ridge:.3g}" == f"{float(f'{ridge:.2e}'):.3g}" and float(f"{ridge:.2e}") == ridge for ridge in ridges)


def test_two_lambdas_around_a_grid(noisy, retrain):
    options, files, _, _ = noisy
    _, report = retrain(*options, "--soft", files["soft"], "--test", files["test"], "--lambda-soft", "1e-3,1e-1",
                        "--lambda-ridge", "1e-4,1e-2,1", "--search")
    tried = [(trial["lambda_ridge"], trial["lambda_soft"], trial["rms_choice"]) for trial in report["search"]["grid"]]
    assert report["search"]["coarse"] == 6 < len(tried)
    assert {trial[:2] for trial in tried[:6]} == {(r, s) for r in (1e-4, 1e-2, 1) for s in (1e-3, 1e-1)}
    for ridge, soft, error in tried:
        assert 1e-6 <= ridge <= 100 and 1e-5 <= soft <= 10
        assert error == pytest.approx(error_on_test(noisy, ridge, soft), rel=1e-6), (ridge, soft)
    lowest = min(error_on_test(noisy, 10.0**r, 10.0**s) for r in np.arange(-6, 2.01, 0.2) for s in np.arange(-5, 1.01, 0.2))
    assert min(error for _, _, error in tried) <= lowest * (1 + WITHIN)
    ends = report["search"]["at_end_of_range"]
    assert ("lambda_ridge is at the end of the range" in report["stderr"]) == ("lambda_ridge" in ends)
    assert ("lambda_soft is at the end of the range" in report["stderr"]) == ("lambda_soft" in ends)


def test_what_is_fixed(noisy, retrain):
    """A λ with one value; λ_S without soft constraints."""
    options, files, _, _ = noisy
    soft = ["--soft", files["soft"]]

    def varied(*words):
        grid = retrain(*options, *words, "--search")[1]["search"]["grid"]
        return {name for name in ("lambda_soft", "lambda_ridge") if len({trial[name] for trial in grid}) > 1}

    assert varied("--test", files["test"], *soft) == {"lambda_soft", "lambda_ridge"}
    assert varied("--test", files["test"], *soft, "--lambda-soft", 2) == {"lambda_ridge"}
    assert varied("--test", files["test"], *soft, "--lambda-ridge", 2) == {"lambda_soft"}
    assert varied("--folds", 2, *soft) == {"lambda_soft", "lambda_ridge"}
    assert varied("--folds", 2, *soft, "--lambda-soft", "1,10") == {"lambda_soft", "lambda_ridge"}
    assert varied("--test", files["test"], "--lambda-soft", "1,10") == {"lambda_ridge"}


def test_trials_are_counted_and_the_same_every_time(noisy, retrain, tmp_path):
    options, files, _, _ = noisy
    words = ["--test", files["test"], "--soft", files["soft"], "--search"]
    first, report = retrain(*options, *words, output="a.snapcoeff")
    second, again = retrain(*options, *words, output="b.snapcoeff")
    assert first.read_bytes() == second.read_bytes() and report["search"] == again["search"]
    count = len(report["search"]["grid"])
    assert re.search(rf"solving: {count} in [0-9.]+ s\n", report["stderr"])
    for most in (30, 31, 35, count):
        _, report = retrain(*options, *words, "--search-trials", most)
        assert len(report["search"]["grid"]) == most
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": "start.snapcoeff"},
              "targets": [{"file": "target.xyz", "select": "all"}], "soft": [{"file": "soft.xyz"}],
              "test": [{"file": "test.xyz"}], "soft_limit": 1e9}
    for search, number in ((True, count), ({"trials": 31}, 31), ({"tolerance": 3}, None)):
        (tmp_path / "c.json").write_text(json.dumps(config | {"search": search}))
        _, report = retrain(tmp_path / "c.json")
        assert number is None or len(report["search"]["grid"]) == number
    assert 30 < len(report["search"]["grid"]) < count and report["search"]["tolerance"] == 3


def test_a_bar_on_a_terminal(label, tmp_path):
    """1596 coefficients, so that twelve trials take longer than the bar waits between two looks."""
    theta = np.r_[1.0, np.random.default_rng(0).normal(0, 1e-2, 55)]
    start = write_potential(tmp_path / "W.snapcoeff", theta, W, twojmax=8)
    data = label("data.xyz", cells(1, 2, size=1), write_potential(tmp_path / "V.snapcoeff", 1.1 * theta, W, twojmax=8))
    outer, inner = pty.openpty()
    process = subprocess.Popen([program("lmlink-retrain"), "--start", start, "--targets", data, "--test", data,
                                "--search", "--search-trials", "12", "--method", "cholesky", "--output",
                                tmp_path / "new.snapcoeff"], stderr=inner, stdout=subprocess.DEVNULL)
    os.close(inner)
    said = b""
    try:
        while piece := os.read(outer, 4096):
            said += piece
    except OSError:  # the other end is closed
        pass
    assert process.wait(timeout=TIMEOUT) == 0
    assert re.search(rb"\rsolving: \[=*>? *\] \d+ %, \d+ of 12, \d+ s left", said), said


def test_what_cannot_be_searched(noisy, tmp_path):
    options, files, _, _ = noisy

    def refused(message, *words, code=2):
        result = run(*options, "--output", tmp_path / "n.snapcoeff", *words)
        assert result.returncode == code and message in result.stderr.splitlines()[-1], result.stderr

    refused("--search has nothing to search", "--search", "--test", files["test"], "--lambda-ridge", 3)
    refused("0 can't be among the values", "--search", "--test", files["test"], "--lambda-ridge", "0,3")
    refused("--search-trials 5: the grid that the search begins with has 6 pairs", "--search", "--test", files["test"],
            "--search-trials", 5)
    refused("--search-trials is of use with --search alone", "--search-trials", 5)
    frames = read(files["test"], ":")
    for atoms in frames:
        atoms.calc = None
    write(tmp_path / "no_forces.xyz", frames, format="extxyz")
    (tmp_path / "c.json").write_text(json.dumps(
        {"format": "lmlink-retrain", "version": 1, "test": [{"file": "no_forces.xyz", "kind": "target"}]}))
    result = run(tmp_path / "c.json", *options, "--search", "--output", tmp_path / "n.snapcoeff")
    assert result.returncode == 1 and "no_forces.xyz: holds no forces to choose lambdas by" in result.stderr
    for search, message in (({"trials": 0}, "search.trials: must be at least 1"),
                            ({"rounds": 3}, "search.rounds: no such key"), (3, "search: must be")):
        (tmp_path / "c.json").write_text(json.dumps({"format": "lmlink-retrain", "version": 1, "search": search}))
        result = run(tmp_path / "c.json")
        assert result.returncode == 1 and message in result.stderr, result.stderr


def test_pictures_of_a_search(noisy, retrain, tmp_path):
    """With one λ and with two."""
    options, files, _, _ = noisy
    script = Path(__file__).resolve().parents[2] / "examples" / "ase" / "plot_retrain.py"
    for k, words in enumerate(([], ["--soft", files["soft"]])):
        retrain(*options, "--test", files["test"], "--search", *words)
        picture = tmp_path / f"{k}.png"
        subprocess.run([sys.executable, script, tmp_path / "new.json", "--output", picture], check=True,
                       timeout=TIMEOUT)
        assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
