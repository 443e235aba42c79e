"""lmlink-retrain --follow: a potential that is written anew as a force log grows."""

import json
import os
import shutil
import signal
import time

import numpy as np
import pytest
from ase.io import read, write
from conftest import TIMEOUT, need, program
from test_retrain import cells, label, read_coefficients, run, strained, teacher  # noqa: F401 (fixtures)

REGIONS = np.array(["QM"] * 6 + ["MM"] * 10)


@pytest.fixture
def frames(label, teacher, tmp_path):
    """Frames as a force log has them: forces_qm on QM atoms, forces of an old potential on the others."""
    result = read(label("labelled.xyz", cells(6, 2), teacher[0]), ":")
    for atoms in result:
        atoms.new_array("region", REGIONS)
        atoms.new_array("forces_qm", np.where((REGIONS == "QM")[:, None], atoms.get_forces(), np.nan))
        atoms.calc = None
        atoms.new_array("forces", np.full((len(atoms), 3), 99.0))
    return result


class Follower:
    """The program at work, and what it has written."""

    def __init__(self, start, folder, *arguments, prefix=(), **options):
        self.folder, self.log, self.output = folder, folder / "log.xyz", folder / "new.snapcoeff"
        self.process = start([*prefix, program("lmlink-retrain"), "--follow", self.log, "--output", self.output,
                              *arguments], **options)

    def append(self, *frames):
        write(self.folder / "piece.xyz", frames, format="extxyz")
        with self.log.open("ab") as log:
            log.write((self.folder / "piece.xyz").read_bytes())

    def wait(self):
        """Until it looks at the log."""
        for line in self.process.stderr:
            if line.endswith("log.xyz: is followed\n"):
                return
        raise AssertionError("it ended")

    def line(self):
        """What is said of the next result."""
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return line

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, output, errors


@pytest.fixture
def follow(start, teacher, label, tmp_path):
    hard = label("hard.xyz", strained(), teacher[1])
    options = ["--start", teacher[1], "--hard", hard, "--lambda-ridge", "1e-3"]
    return lambda *more, **how: Follower(start, tmp_path, *options, *more, **how), options


def once(options, log, output):
    """The result of a run that is not followed."""
    result = run(*options, "--targets", log, "--output", output, "--overwrite")
    assert result.returncode == 0, result.stderr
    return read_coefficients(output)


def test_a_result_for_every_frame(follow, frames, tmp_path):
    """The log need not be there at first; each result is that of a run with the frames so far."""
    begin, options = follow
    follower = begin("--report", tmp_path / "new.json")
    follower.wait()
    for count in range(1, 4):
        follower.append(frames[count - 1])
        assert follower.line().startswith(f"{count} frames, {count * 18} rows: RMS error ")
        found = read_coefficients(follower.output)
        wanted = once(options, follower.log, tmp_path / "once.snapcoeff")
        assert np.abs(found - wanted).max() <= 1e-11 * np.abs(wanted).max()
    code, _, errors = follower.stop()
    assert code == 0 and "no longer followed; 3 of 3 frames" in errors
    report = json.loads((tmp_path / "new.json").read_text())
    assert report["sets"][0]["frames_used"] == 3
    keep = report["hard"]["keep"]
    rounding = 1e-15 * keep["singular_values"][0] * report["coefficients"]["norm_of_change"]
    assert np.abs(keep["change"]).max() <= rounding


def test_every_n_frames_and_again_after_a_restart(follow, frames, tmp_path):
    begin, options = follow
    follower = begin("--every", "2")
    follower.append(*frames[:2])
    assert follower.line().startswith("2 frames")
    follower.append(frames[2])
    code, output, errors = follower.stop(signal.SIGINT)
    assert code == 0 and output == "" and ("2 of 3 frames" in errors or "2 of 2 frames" in errors)
    again = begin("--every", "2", "--overwrite")
    assert again.line().startswith("3 frames")
    again.append(*frames[3:5])
    assert again.line().startswith("5 frames")
    assert again.stop()[0] == 0
    wanted = once(options, again.log, tmp_path / "once.snapcoeff")
    assert np.abs(read_coefficients(again.output) - wanted).max() <= 1e-11 * np.abs(wanted).max()


def uncertainty_of(path):
    """The factor, and what is said of its scale."""
    content = json.loads(path.with_suffix(".uncertainty.json").read_text())
    return np.load(path.with_suffix(".uncertainty.npy")), content


@pytest.fixture
def noisy(frames):
    """With errors that no potential can meet, for a covariance."""
    rng = np.random.default_rng(3)
    for atoms in frames:
        atoms.arrays["forces_qm"][:6] += rng.normal(0, 0.02, (6, 3))
    return frames


@pytest.mark.parametrize("more", [(), ("--leverage", "1e-3"), ("--fold-groups", "run")])
def test_an_uncertainty_each_time(more, follow, noisy, label, teacher, tmp_path):
    """Written with the potential, and that of a run with the frames so far; neither while all frames are equivalent."""
    begin, options = follow
    soft = label("soft.xyz", cells(2, 9), teacher[1])
    for number, atoms in enumerate(noisy):
        atoms.info["run"] = f"r{number // 2}"
    several = [*options, "--soft", soft, "--lambda-soft", "1e-3", *more, "--uncertainty", "sandwich"]
    follower = begin("--soft", soft, "--lambda-soft", "1e-3", *more, "--uncertainty", "sandwich", "--report",
                     tmp_path / "new.json")
    follower.wait()
    follower.append(noisy[0], noisy[0])
    for line in follower.process.stderr:
        if "none can be left out to scale the uncertainty by" in line:
            break
    assert not list(tmp_path.glob("new.*"))
    for piece in (noisy[1:3], noisy[3:6]):
        follower.append(*piece)
        once(several, follower.log, tmp_path / "once.snapcoeff")
        factor, content = uncertainty_of(tmp_path / "once.snapcoeff")
        while True:  # the frames may be seen one by one
            line = follower.line()
            found, said = uncertainty_of(follower.output)
            if said["factor"]["rows"] == content["factor"]["rows"]:
                break
        assert "uncertainty scaled by" in line
        assert said["factor"]["calibration"]["folds"] == content["factor"]["calibration"]["folds"] > 1
        assert said["factor"]["calibration"] == pytest.approx(content["factor"]["calibration"], rel=1e-6)
        assert said["distance"]["elements"]["W"]["atoms"] == content["distance"]["elements"]["W"]["atoms"]
        squares, wanted = found @ found.T, factor @ factor.T
        assert np.abs(squares - wanted).max() <= 1e-6 * np.abs(wanted).max()
        theta = read_coefficients(tmp_path / "once.snapcoeff")
        assert np.abs(read_coefficients(follower.output) - theta).max() <= 1e-10 * np.abs(theta).max()
    code, _, errors = follower.stop()
    assert code == 0, errors


@pytest.fixture
def large_frames(label, teacher, tmp_path):
    """Frames so large that each is a unit of work, which a rank does by itself."""
    result = read(label("large.xyz", cells(6, 2, size=6), teacher[0]), ":")
    for atoms in result:
        atoms.new_array("region", np.full(len(atoms), "QM"))
        atoms.new_array("forces_qm", atoms.get_forces() + np.random.default_rng(1).normal(0, 0.1, (len(atoms), 3)))
        atoms.calc = None
    return result


@pytest.mark.parametrize("more", [[], ["--leverage", "0.01"], ["--method", "qr"],
                                  ["--uncertainty", "sandwich"]])
def test_several_ranks(more, follow, large_frames, tmp_path):
    """Rank 0 looks at the log, and the ranks share the frames; each result is that of one rank. SIGUSR1, which mpirun
    passes on, ends it."""
    frames = large_frames
    launcher = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                "OPENBLAS_NUM_THREADS": "1"}
    begin, options = follow
    follower = begin("--report", tmp_path / "new.json", *more, prefix=(launcher, "--oversubscribe", "-n", "3"),
                     env=environment)
    follower.wait()
    taken = 0
    for piece in (frames[:2], frames[2:3], frames[3:6]):
        follower.append(*piece)
        wanted = once([*options, *more, "--report", tmp_path / "once.json"], follower.log, tmp_path / "once.snapcoeff")
        alone = json.loads((tmp_path / "once.json").read_text())
        while not follower.line().startswith(f"{alone['sets'][0]['frames_used']} frames"):
            pass  # the frames may be seen one by one
        found = read_coefficients(follower.output)
        report = json.loads((tmp_path / "new.json").read_text())
        assert np.abs(found - wanted).max() <= 1e-9 * np.abs(wanted).max()
        assert report["ranks"] == 3 and report["sets"][0]["frames_read"] == alone["sets"][0]["frames_read"]
        assert report["sets"][0]["frames_used"] == alone["sets"][0]["frames_used"] > taken
        assert report["sets"][0]["errors"]["rms_after"] == pytest.approx(alone["sets"][0]["errors"]["rms_after"])
        taken = report["sets"][0]["frames_used"]
    code, _, errors = follower.stop(signal.SIGUSR1)
    assert code == 0 and f"no longer followed; {taken} of {taken} frames" in errors


def test_a_rank_that_fails_ends_all(follow, frames):
    launcher = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    begin, _ = follow
    follower = begin(prefix=(launcher, "--oversubscribe", "-n", "2"), env=environment)
    follower.wait()
    follower.append(*frames[:2])
    assert follower.line().startswith("2 frames")
    os.truncate(follower.log, 100)
    _, errors = follower.process.communicate(timeout=TIMEOUT)
    assert follower.process.returncode != 0 and "is shorter than it was" in errors


def test_frames_with_little_leverage_are_left_out(follow, frames, tmp_path):
    """Each frame twice: the second time it says nothing new. Judged as they come, or all at once: the same."""
    begin, options = follow
    follower = begin("--leverage", "1", "--report", tmp_path / "new.json")
    for count in (1, 2):
        follower.append(frames[count - 1], frames[count - 1])
        assert follower.line().startswith(f"{count} frames, {count * 18} rows: RMS error ")
    code, _, errors = follower.stop()
    assert code == 0 and "no longer followed; 2 of 2 frames" in errors
    report = json.loads((tmp_path / "new.json").read_text())["sets"][0]
    assert [bool(frame["effective_weight"]) for frame in report["leverage"]["frames"]][:3] == [True, False, True]
    wanted = once([*options, "--leverage", "1"], follower.log, tmp_path / "once.snapcoeff")
    assert np.abs(read_coefficients(follower.output) - wanted).max() <= 1e-11 * np.abs(wanted).max()


def test_a_frame_in_pieces_waits_for_its_end(follow, frames, tmp_path):
    begin, _ = follow
    follower = begin()
    write(tmp_path / "piece.xyz", frames[:2], format="extxyz")
    text = (tmp_path / "piece.xyz").read_bytes()
    for part in (text[:100], text[100:len(text) // 2 + 200], text[len(text) // 2 + 200:]):
        with follower.log.open("ab") as log:
            log.write(part)
        time.sleep(0.7)
    counts = []
    while not counts or counts[-1] < 2:
        counts.append(int(follower.line().split()[0]))
    assert counts in ([1, 2], [2])
    assert follower.stop()[0] == 0


def test_unusable_frames_are_left_out(follow, frames):
    begin, _ = follow
    follower = begin()
    no_quantum = frames[0].copy()
    del no_quantum.arrays["forces_qm"]
    not_finite = frames[1].copy()
    not_finite.arrays["forces_qm"][0, 0] = np.nan
    foreign = frames[2].copy()
    foreign.symbols[7] = "He"
    follower.append(no_quantum, not_finite, foreign, frames[3])
    assert follower.line().startswith("1 frames")
    code, _, errors = follower.stop()
    assert code == 0 and "3 such frames so far are skipped" in errors


def test_a_log_that_has_become_shorter(follow, frames):
    begin, _ = follow
    follower = begin()
    follower.append(*frames[:2])
    assert follower.line().startswith("2 frames")
    before = follower.output.read_bytes()
    os.truncate(follower.log, 100)
    _, errors = follower.process.communicate(timeout=TIMEOUT)
    assert follower.process.returncode == 1 and "is shorter than it was" in errors
    assert follower.output.read_bytes() == before


def test_wrong_usage(teacher, tmp_path):
    out = tmp_path / "n.snapcoeff"
    for words, message in ((["--follow", "x", "--select", "all"], "omit --select all"),
                           (["--targets", "x", "--every", 2], "--every is of use with --follow alone"),
                           (["--follow", "x", "--every", 0], "--every '0'"),
                           (["--follow", "x", "--folds", 2, "--lambda-ridge", "1,2"], "--folds needs all frames")):
        result = run("--start", teacher[1], "--output", out, *words)
        assert result.returncode == 2 and message in result.stderr, result.stderr
