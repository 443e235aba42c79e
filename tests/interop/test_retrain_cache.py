"""The cache of lmlink-retrain: the same bytes with it as without, used for the same inputs alone, and never when damaged."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
from ase.io import read, write
from conftest import need
from test_retrain import (cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401 (fixtures)
                          write_potential, W)
from test_retrain_follow import Follower, REGIONS


@pytest.fixture
def files(label, teacher, tmp_path):
    full, start, _ = teacher
    label("t.xyz", cells(6, 2), full), label("s.xyz", cells(2, 7), start), label("h.xyz", strained(), start)
    label("w.xyz", cells(2, 11), full), label("e.xyz", cells(2, 9), full)
    frames = read(tmp_path / "t.xyz", ":")
    for k, atoms in enumerate(frames):
        atoms.info["w"], atoms.info["v"] = 1.0 + k, 1.0
        atoms.new_array("importance", np.arange(len(atoms)) / len(atoms))
        atoms.new_array("other", np.ones(len(atoms)))
    write(tmp_path / "weighted.xyz", frames, format="extxyz")
    rng = np.random.default_rng(1)
    np.save(tmp_path / "G.npy", rng.normal(size=(50, 21)))
    np.save(tmp_path / "G.targets.npy", rng.normal(size=50))
    np.save(tmp_path / "weights.npy", rng.uniform(0, 1, 50))
    return tmp_path


def config_of(files, **changes):
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": "start.snapcoeff"}, "lambda_ridge": 0.3,
              "lambda_soft": 1, "targets": [{"file": "weighted.xyz", "select": "all", "frame_weights": "w", "row_weights": "importance"},
                          {"file": "G.npy", "row_weights": "weights.npy", "frame_rows": 10}],
              "soft": [{"file": "s.xyz"}], "hard": [{"file": "h.xyz"}, {"file": "w.xyz", "mode": "set"}], **changes}
    (files / "c.json").write_text(json.dumps(config))
    return files / "c.json"


@pytest.fixture
def both(files, retrain):
    """The result with the cache, which must be that without, byte by byte; what the report says of the cache, and
    stderr."""
    def do(config, *words, **options):
        plain, _ = retrain(config, *words, output="plain.snapcoeff", **options)
        new, report = retrain(config, *words, "--cache", files / "sums.cache", **options)
        assert new.read_bytes() == plain.read_bytes()
        return report

    return do


@pytest.mark.parametrize("changes", [{}, {"lambda_ridge": [0.1, 1, 10], "test": [{"file": "e.xyz"}]},
                                     {"lambda_ridge": [0.1, 1, 10], "folds": 3}, {"method": "qr"}])
def test_the_same_bytes_without_the_passes(changes, files, both):
    config = config_of(files, **changes)
    first = both(config)
    assert first["cache"] == {"file": str(files / "sums.cache"), "found": "absent"}
    before = (files / "sums.cache").read_bytes()
    second = both(config)
    assert second["cache"]["found"] == "used" and "sums.cache has the sums of these inputs" in second["stderr"]
    for stage in ("hard constraints", "rows"):
        assert f"{stage}: " not in second["stderr"]
    assert (files / "sums.cache").read_bytes() == before
    for name in ("solution", "search", "hard", "sets", "coefficients"):
        assert first.get(name) == second.get(name)


def test_what_is_chosen_from_the_sums_may_change(files, both):
    """λs, tolerances, outputs and, where nothing is chosen by them, test files."""
    assert both(config_of(files))["cache"]["found"] == "absent"
    for changes in ({"lambda_ridge": 7}, {"lambda_soft": 2}, {"hard_tolerance": 1e-9}, {"method": "qr"},
                    {"test": [{"file": "e.xyz"}]}, {"lambda_ridge_scale": {"linear": 0.5}}):
        assert both(config_of(files, **changes))["cache"]["found"] == "used", changes


def test_other_inputs_are_named(files, both, teacher):
    config = json.loads(config_of(files).read_text())
    target, matrix = config["targets"]
    np.save(files / "weights2.npy", np.ones(50))
    (files / "t2.xyz").write_text((files / "weighted.xyz").read_text().replace("w=1.0", "w=1.5", 1))
    theta = read_coefficients(teacher[1])[0]
    theta[3] *= 1 + 1e-15
    write_potential(files / "other.snapcoeff", theta, W)
    shutil.copy(files / "start.snapcoeff", files / "radius.snapcoeff")
    (files / "radius.snapparam").write_text((files / "start.snapparam").read_text().replace("4.5", "4.4"))
    cases = [({"targets": [target | {"file": "t2.xyz"}, matrix]}, "targets[0].file"),
             ({"targets": [target | {"weight": 2}, matrix]}, "targets[0].weight"),
             ({"targets": [target | {"select": "unfixed"}, matrix]}, "targets[0].select"),
             ({"targets": [target | {"frame_weights": "v"}, matrix]}, "targets[0].frame_weights"),
             ({"targets": [target | {"row_weights": "other"}, matrix]}, "targets[0].row_weights"),
             ({"targets": [target | {"min_displacement": 0.01}, matrix]}, "targets[0].min_displacement"),
             ({"targets": [target, matrix | {"row_weights": "weights2.npy"}]}, "targets[1].row_weights"),
             ({"targets": [target, matrix | {"targets": "weights2.npy"}]}, "targets[1].targets"),
             ({"targets": [target, matrix | {"frame_rows": 11}]}, "targets[1].frame_rows"),
             ({"targets": [target]}, "the number of target files"), ({"soft": []}, "the number of soft files"),
             ({"hard": [{"file": "h.xyz"}, {"file": "w.xyz", "mode": "keep"}]}, "hard[1].mode"),
             ({"hard": [{"file": "h.xyz"}, {"file": "w.xyz", "mode": "set", "quantity": "energy_difference"}]},
              "hard[1].quantity"),
             ({"targets": [target | {"leverage": 1}, matrix]}, "targets[0].leverage"),
             ({"start": {"file": "start.snapcoeff", "zero": True}}, "the starting coefficients"),
             ({"start": {"file": "other.snapcoeff"}}, "the starting coefficients"),
             ({"start": {"file": "radius.snapcoeff"}}, "the descriptors' parameters"),
             ({"lambda_ridge": [1, 2], "test": [{"file": "e.xyz"}]}, "the number of test files")]
    assert both(config_of(files))["cache"]["found"] == "absent"
    for changes, name in cases:
        for config, wanted in ((config_of(files, **changes), name), (config_of(files), None)):
            report = both(config_of(files, **(changes if wanted else {})))
            assert report["cache"]["found"] == "other", (changes, report["cache"])
            assert wanted in (report["cache"]["changed"], None)
            assert f"sums.cache is of other inputs: {report['cache']['changed']} changed; rebuilt" in report["stderr"]


@pytest.mark.parametrize("by", [{"folds": 3}, {"test": [{"file": "e.xyz"}]}])
def test_how_lambdas_are_found_does_not_count(by, files, both):
    """One λ, a list or a search: the sums are the same, in either order."""
    ways = ({"lambda_ridge": 0.3}, {"lambda_ridge": [0.1, 1, 10]}, {"lambda_ridge": [0.1, 10], "search": {"trials": 5}},
            {"lambda_ridge": 7, "lambda_soft": [1, 10]})
    for order in (ways, ways[::-1]):
        (files / "sums.cache").unlink(missing_ok=True)
        found = [both(config_of(files, **by, **way))["cache"] for way in order]
        assert [cache["found"] for cache in found] == ["absent", "used", "used", "used"], found


def test_a_cache_by_folds_serves_one_pair(files, both, retrain):
    """A run with given λs takes the folds of the cache that an earlier one chose them with, and tells their error."""
    chosen = both(config_of(files, lambda_ridge=[0.1, 1, 10], soft_limit=10))
    assert both(config_of(files, lambda_ridge=[1, 2], folds=2))["cache"]["changed"] == "folds"
    both(config_of(files, lambda_ridge=[0.1, 1, 10], soft_limit=10))
    best = chosen["search"]["grid"][chosen["search"]["chosen"]]
    _, report = retrain(config_of(files, lambda_ridge=best["lambda_ridge"]), "--cache", files / "sums.cache")
    assert report["cache"]["found"] == "used" and report["search"]["by"] == "folds"
    assert report["search"]["grid"][0]["rms_choice"] == best["rms_choice"]
    plain, _ = retrain(config_of(files, lambda_ridge=best["lambda_ridge"]), output="plain.snapcoeff")
    ours, theirs = read_coefficients(files / "new.snapcoeff"), read_coefficients(plain)
    assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(theirs).max()


def test_other_machines_are_named(files, both):
    """Instruction set, BLAS and ranks decide the last digits."""
    config = config_of(files)
    both(config)
    report = both(config, env=os.environ | {"LMLINK_ISA": "generic"})
    assert report["cache"].get("changed") == "the instruction set"
    threads = "1" if (os.cpu_count() or 1) > 1 else "2"
    both(config, env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "LMLINK_ISA": "generic"})
    report = both(config, env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "LMLINK_ISA": "generic"})
    assert report["cache"]["found"] == "used"


def test_several_ranks(files, both, label, teacher):
    """With frames so large that each rank has some."""
    launcher = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                "OPENBLAS_NUM_THREADS": "1"}
    label("large.xyz", cells(4, 3, size=6), teacher[0])
    config = config_of(files, targets=[{"file": "weighted.xyz", "select": "all", "leverage": 0.001},
                                       {"file": "large.xyz", "select": "all"},
                                       {"file": "G.npy", "frame_rows": 5}])
    options = {"env": environment, "prefix": (launcher, "--oversubscribe", "-n", "2")}
    assert both(config, **options)["cache"]["found"] == "absent"
    assert both(config, **options)["cache"]["found"] == "used"
    assert both(config, env=environment)["cache"]["changed"] == "the number of ranks"


def test_frames_that_were_left_out_stay_out(files, both):
    config = config_of(files, targets=[{"file": "G.npy", "frame_rows": 5},
                                       {"file": "weighted.xyz", "select": "all", "leverage": 0.5, "weight": 2}])
    first, second = both(config), both(config)
    assert second["cache"]["found"] == "used"
    assert 0 < first["sets"][1]["frames_used"] < first["sets"][1]["frames_read"] == 6
    assert first["sets"] == second["sets"]
    scaled = config_of(files, lambda_ridge_scale={"linear": 0.5}, targets=json.loads(config.read_text())["targets"])
    assert both(scaled)["cache"]["changed"] == "lambda_ridge_scale"
    assert both(config_of(files, lambda_ridge=[7], lambda_ridge_scale={"linear": 0.5},
                          targets=json.loads(config.read_text())["targets"]))["cache"]["changed"] == "lambda_ridge"


def test_damage_is_told_and_mended(files, both):
    """A bit that flipped here and there, and a file that was cut; other places in the unit test."""
    config = config_of(files)
    both(config)
    cache = files / "sums.cache"
    whole = cache.read_bytes()
    for place in (3, 30, 90, 200, len(whole) // 2, len(whole) - 10):
        cache.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1:])
        report = both(config)
        assert report["cache"]["found"] == "damaged" and "sums.cache is damaged; rebuilt" in report["stderr"], place
        assert cache.read_bytes() == whole
    for length in (0, 10, 100, len(whole) // 2, len(whole) - 1):
        cache.write_bytes(whole[:length])
        assert both(config)["cache"]["found"] == "damaged"
        assert cache.read_bytes() == whole


def test_what_cannot_be_a_cache(files):
    words = [config_of(files), "--output", files / "n.snapcoeff", "--overwrite", "--cache"]
    precious = (files / "e.xyz").read_bytes()
    for path, message in ((files / "e.xyz", "e.xyz: is no cache of lmlink-retrain: name another file"),
                          (files, "exists and is not a regular file; name another file"),
                          (files / "absent" / "c", "absent/c: a file beside it cannot be created: No such file")):
        result = run(*words, path)
        assert result.returncode == 1 and message in result.stderr.splitlines()[-1], result.stderr
    assert (files / "e.xyz").read_bytes() == precious and not (files / "n.snapcoeff").exists()
    assert not list(files.glob("*.tmp"))


def test_following_a_log(files, start, teacher, both):
    """The cache holds what is not followed; the log is read anew."""
    frames = read(files / "t.xyz", ":")
    for atoms in frames:
        atoms.new_array("region", REGIONS)
        atoms.new_array("forces_qm", np.where((REGIONS == "QM")[:, None], atoms.get_forces(), np.nan))
    found = []
    for _ in range(2):
        follower = Follower(start, files, "--start", teacher[1], "--soft", files / "s.xyz", "--hard", files / "h.xyz",
                            "--targets", files / "G.npy", "--lambda-ridge", 0.3, "--lambda-soft", 1, "--cache", files / "sums.cache",
                            "--overwrite", "--report", files / "new.json")
        follower.append(*frames[:3])
        assert follower.line().startswith("3 frames")
        found.append((json.loads((files / "new.json").read_text())["cache"]["found"], follower.output.read_bytes()))
        follower.append(frames[3])
        assert follower.line().startswith("4 frames")
        assert follower.stop(signal.SIGTERM)[0] == 0
        follower.log.unlink()
    assert [state for state, _ in found] == ["absent", "used"] and found[0][1] == found[1][1]
