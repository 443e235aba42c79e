"""lmlink-retrain as its user sees it: known coefficients are found again, constraints hold, several ranks give what one
gives, and what is wrong with the input is said."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import TIMEOUT, need, program
from results import read_results

NLINEAR = 6  # coefficients of 2J = 2; 21 with the quadratic ones
ELASTIC_STRAIN = 0.01


def read_coefficients(path):
    """nelements × ncoefficients."""
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    lines = [words for words in lines if words]
    nelements, count = map(int, lines[0])
    return np.array([[float(words[0]) for words in lines[2 + e * (count + 1):2 + e * (count + 1) + count]]
                     for e in range(nelements)])


def write_potential(path, coefficients, elements, twojmax=2):
    coefficients = np.atleast_2d(coefficients)
    ncomponents = {2: 5, 4: 14, 8: 55}[twojmax]
    quadratic = int(coefficients.shape[1] > ncomponents + 1)
    blocks = "".join(f"{symbol} {radius} {weight}\n" + "".join(f"{value!r}\n" for value in row.tolist())
                     for (symbol, radius, weight), row in zip(elements, coefficients))
    path.write_text(f"# made up\n{len(coefficients)} {coefficients.shape[1]}\n{blocks}")
    path.with_suffix(".snapparam").write_text(f"rcutfac 4.5\ntwojmax {twojmax}\nquadraticflag {quadratic}\n")
    return path


W = [("W", 0.5, 1.0)]
W_BE = [("W", 0.5, 1.0), ("Be", 0.42, 0.7)]


def cells(count, seed, symbols=("W",), size=2):
    """Rattled and strained bcc cells."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("W", "bcc", a=3.16, cubic=True).repeat(size)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.12, (len(atoms), 3))
        atoms.symbols = rng.choice(symbols, len(atoms))
        frames.append(atoms)
    return frames


def strained(count=8, size=2):
    """bcc cells under small strains."""
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(count):
        atoms = bulk("W", "bcc", a=3.16, cubic=True).repeat(size)
        strain = rng.normal(0, ELASTIC_STRAIN, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
        frames.append(atoms)
    return frames


@pytest.fixture
def label(lmlink_eval, tmp_path):
    """Write frames with energies and forces of a potential to a file."""
    def run(name, frames, potential, **options):
        write(tmp_path / "unlabelled.xyz", frames, format="extxyz")
        lmlink_eval("--potential", potential, tmp_path / "unlabelled.xyz", "--output", tmp_path / name)
        return tmp_path / name

    return run


def run(*arguments, **options):
    return subprocess.run([program("lmlink-retrain"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, **options)


@pytest.fixture
def retrain(tmp_path):
    """Run lmlink-retrain; gives the new coefficients' file and the report."""
    def do(*arguments, output="new.snapcoeff", prefix=(), **options):
        out = tmp_path / output
        command = [*prefix, program("lmlink-retrain"), *map(str, arguments), "--output", str(out), "--report",
                   str(out.with_suffix(".json")), "--overwrite"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, **options)
        assert result.returncode == 0, result.stderr
        report = json.loads(out.with_suffix(".json").read_text())
        report["stdout"], report["stderr"] = result.stdout, result.stderr
        return out, report

    return do


@pytest.fixture
def teacher(tmp_path):
    """A quadratic potential, and the linear one with its linear coefficients."""
    rng = np.random.default_rng(3)
    # none near zero: they are compared by their relative difference
    theta = rng.choice([-1, 1], 21) * rng.uniform(0.5, 1.5, 21) * np.r_[1.0, np.full(5, 0.03), np.full(15, 1e-4)]
    full = write_potential(tmp_path / "teacher.snapcoeff", theta, W)
    start = write_potential(tmp_path / "start.snapcoeff", theta[:NLINEAR], W)
    return full, start, theta


# ---- coefficients that are known ----


def test_linear_coefficients_from_scratch(label, retrain, tmp_path):
    theta = np.random.default_rng(1).normal(0, 1, (2, NLINEAR)) * np.r_[3.0, np.full(5, 0.03)]
    teacher = write_potential(tmp_path / "teacher.snapcoeff", theta, W_BE)
    data = label("data.xyz", cells(8, 1, ("W", "Be")), teacher)
    new, report = retrain("--start", teacher, "--from-scratch", "--form", "linear", "--targets", data, "--select",
                          "all", "--energy-weight", 1, "--lambda-ridge", 0)
    assert np.abs(read_coefficients(new) / theta - 1).max() <= 1e-8
    assert report["start"]["origin"] == "zero" and report["coefficients"]["count"] == 12


def test_quadratic_coefficients_from_scratch(label, retrain, lmlink_eval, teacher, tmp_path):
    full, start, theta = teacher
    data = label("data.xyz", cells(12, 2), full)
    new, _ = retrain("--start", start, "--from-scratch", "--targets", data, "--select", "all", "--energy-weight", 1,
                     "--lambda-ridge", 0)
    assert np.abs(read_coefficients(new)[0] / theta - 1).max() <= 1e-8
    unseen = label("unseen.xyz", cells(2, 99), full)
    lmlink_eval("--potential", new, unseen, "--output", tmp_path / "again.xyz")
    for ours, theirs in zip(read_results(tmp_path / "again.xyz"), read_results(unseen)):
        assert np.abs(ours.forces - theirs.forces).max() <= 1e-6


@pytest.mark.parametrize("quantity", ["forces", "virial", "energy", "energy_difference"])
def test_each_quantity_determines_the_coefficients(quantity, label, retrain, tmp_path):
    """Of a linear potential with few components; only the constant is left out of all but the energy."""
    theta = np.r_[1.0, np.random.default_rng(1).normal(0, 0.03, 5)]
    teacher = write_potential(tmp_path / "teacher.snapcoeff", theta, W)
    data = label("data.xyz", cells(14, 1), teacher)
    config = {"format": "lmlink-retrain", "version": 1, "form": "linear", "start": {"file": teacher.name, "zero": True},
              "lambda_ridge": 0,
              "targets": [{"file": data.name, "quantity": quantity, "select": "all"}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    new, report = retrain(tmp_path / "c.json")
    found = read_coefficients(new)[0]
    first = 0 if quantity == "energy" else 1
    assert np.abs(found[first:] / theta[first:] - 1).max() <= 1e-7
    assert report["sets"][0]["errors"]["rms_after"] <= 1e-10
    assert report["sets"][0]["quantity"] == quantity


def test_methods_agree(label, retrain, teacher):
    full, start, _ = teacher
    data, soft = label("data.xyz", cells(4, 2), full), label("soft.xyz", cells(2, 3), full)
    hard = label("hard.xyz", strained(), full)
    options = ("--start", start, "--targets", data, "--select", "all", "--soft", soft, "--hard", hard, "--lambda-ridge",
               1e-3, "--lambda-soft", 1)
    cholesky, first = retrain(*options, "--method", "cholesky", output="c.snapcoeff")
    qr, second = retrain(*options, "--method", "qr", output="q.snapcoeff")
    assert (first["solution"]["method"], second["solution"]["method"]) == ("cholesky", "qr")
    a, b = read_coefficients(cholesky), read_coefficients(qr)
    assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max()


def test_too_ill_conditioned_for_normal_equations(label, retrain, teacher):
    """A crystal with small displacements: columns are almost dependent, and QR takes over with a word about it."""
    full, start, theta = teacher
    frames = [bulk("W", "bcc", a=3.16, cubic=True).repeat(2) for _ in range(6)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.01, seed=seed)
    data = label("data.xyz", frames, full)
    options = ("--start", start, "--targets", data, "--select", "all", "--lambda-ridge", 0)
    errors = {}
    for method in ("auto", "cholesky"):
        new, report = retrain(*options, "--method", method)
        errors[method] = np.abs(read_coefficients(new)[0] / theta - 1).max()
        assert report["solution"]["method"] == ("qr" if method == "auto" else "cholesky")
        assert ("too ill-conditioned" in report["stderr"]) == (method == "auto")
    assert errors["auto"] <= 1e-5 and errors["auto"] <= 0.1 * errors["cholesky"], errors


# ---- constraints ----


def test_constraints_are_kept_and_soft_ones_nearly(label, retrain, lmlink_eval, teacher, tmp_path):
    full, start, _ = teacher
    data, soft = label("d.xyz", cells(4, 2), full), label("s.xyz", cells(2, 7), start)
    hard = label("h.xyz", strained() + strained(), start)
    options = ("--start", start, "--targets", data, "--select", "all", "--hard", hard, "--lambda-ridge", 1e-6)
    new, report = retrain(*options)
    keep = report["hard"]["keep"]
    assert 0 < keep["rank"] == report["hard"]["rank"] < 21
    assert keep["last_kept"] > keep["tolerance"] >= keep["first_dropped"]
    rounding = 1e-15 * keep["singular_values"][0] * report["coefficients"]["norm_of_change"]
    assert np.abs(keep["change"]).max() <= rounding
    lmlink_eval("--potential", new, hard, "--output", tmp_path / "h2.xyz")
    for ours, theirs in zip(read_results(tmp_path / "h2.xyz"), read_results(hard)):
        assert abs(ours.energy - theirs.energy) <= 2 * len(ours.atoms) * rounding
    changes = [retrain(*options, "--soft", soft, "--lambda-soft", factor)[1]["sets"][2]["errors"]["rms_change"]
               for factor in (0, 1, 100)]
    assert changes[0] > changes[1] > changes[2] > 0
    assert report["sets"][0]["errors"]["rms_after"] < report["sets"][0]["errors"]["rms_before"]


def test_values_are_set(label, retrain, lmlink_eval, teacher, tmp_path):
    full, start, _ = teacher
    data, wanted = label("d.xyz", cells(4, 2), start), label("w.xyz", strained(3), full)
    kept = label("k.xyz", [bulk("W", "bcc", a=3.2, cubic=True)], start)
    new, report = retrain("--start", start, "--targets", data, "--select", "all", "--hard-set", wanted, "--hard", kept,
                          "--lambda-ridge", 1e-6)
    assert report["hard"]["set"]["rank"] == 3 and report["hard"]["keep"]["rank"] == 1
    for file in (wanted, kept):
        lmlink_eval("--potential", new, file, "--output", tmp_path / "out.xyz")
        for ours, theirs in zip(read_results(tmp_path / "out.xyz"), read_results(file)):
            assert abs(ours.energy - theirs.energy) <= 1e-8 * len(ours.atoms)


def test_fixed_terms_are_taken_off(label, retrain, tmp_path):
    """The teacher is SNAP + ZBL; the new coefficients are those of SNAP alone."""
    theta = np.r_[1.0, np.random.default_rng(1).normal(0, 0.03, 5)]
    write_potential(tmp_path / "A.snapcoeff", theta, W)
    (tmp_path / "A.snap").write_text("pair_style hybrid/overlay zbl 2.6 3.4 snap\npair_coeff 1 1 zbl 74 74\n"
                                     "pair_coeff * * snap A.snapcoeff A.snapparam W\n")
    data = label("data.xyz", cells(6, 1), tmp_path / "A.snap")
    new, report = retrain("--start", tmp_path / "A.snap", "--from-scratch", "--form", "linear", "--targets", data,
                          "--select", "all", "--energy-weight", 1, "--lambda-ridge", 0)
    assert np.abs(read_coefficients(new)[0] / theta - 1).max() <= 1e-8
    assert "use it by the .snap file beside it, which adds them\n" in report["stdout"] and len(report["start"]["files"]) == 3
    _, report = retrain("--start", tmp_path / "A.snapcoeff", "--fixed-terms", "snap", "--from-scratch", "--form",
                        "linear", "--targets", data, "--select", "all", "--lambda-ridge", 1e-3)
    assert "use it by the .snap file beside it, which adds them\n" in report["stdout"]


# ---- selections, lambdas, ranks ----


def test_selections(label, retrain, teacher, tmp_path):
    """Rows are those of the selected atoms, and the column forces_qm is taken where the log has it."""
    full, start, _ = teacher
    frames = read(label("d.xyz", cells(2, 2), full), ":")
    regions = np.array(["QM"] * 4 + ["buffer"] * 5 + ["MM"] * 7)
    for atoms in frames:
        forces = atoms.get_forces()
        atoms.new_array("region", regions)
        atoms.new_array("fix_mask", np.arange(16) >= 13)
        atoms.new_array("forces_qm", np.where((regions == "QM")[:, None], forces, np.nan))
    write(tmp_path / "log.xyz", frames, format="extxyz",
          columns=["symbols", "positions", "forces", "region", "fix_mask", "forces_qm"])
    rows = {}
    for select in (None, "all", "unfixed", "qm"):
        words = ["--select", select] if select else []
        _, report = retrain("--start", start, "--targets", tmp_path / "log.xyz", "--lambda-ridge", 1e-3, *words)
        rows[select] = report["sets"][0]["rows"]
        if select == "unfixed":
            counts = {region: sums["count"] for region, sums in report["sets"][0]["errors"]["regions"].items()}
    assert rows == {None: 24, "qm": 24, "all": 96, "unfixed": 78}
    assert counts == {"QM": 24, "buffer": 30, "MM": 24}


def test_frames_that_hardly_differ_are_left_out(label, retrain, teacher, tmp_path):
    full, start, _ = teacher
    frames = cells(1, 2) * 3
    frames = [atoms.copy() for atoms in frames]
    frames[1].positions[3] += 0.01
    frames[2].positions[3] += 0.2
    data = label("d.xyz", frames, full)
    _, report = retrain("--start", start, "--targets", data, "--select", "all", "--lambda-ridge", 1e-3,
                        "--min-displacement", 0.05)
    assert [frame["frame"] for frame in report["sets"][0]["errors"]["frames"]] == [0, 2]
    assert (report["sets"][0]["frames_read"], report["sets"][0]["frames_used"]) == (3, 2)


def test_weights_of_frames(label, retrain, teacher, tmp_path):
    """A frame of weight 2 counts as if it were there twice, one of weight 0 not at all, whatever the method."""
    full, start, _ = teacher
    frames = read(label("d.xyz", cells(3, 2), full), ":")
    for atoms, weight in zip(frames, (2.0, 1.0, 0.0)):
        atoms.info["importance"] = weight
    write(tmp_path / "weighted.xyz", frames, format="extxyz")
    write(tmp_path / "twice.xyz", [frames[0], frames[0], frames[1]], format="extxyz")
    for method in ("cholesky", "qr"):
        found = []
        for name, weights in (("weighted", {"frame_weights": "importance"}), ("twice", {})):
            config = {"format": "lmlink-retrain", "version": 1, "lambda_ridge": 1e-3, "method": method,
                      "start": {"file": start.name}, "targets": [{"file": f"{name}.xyz", "select": "all", **weights}]}
            (tmp_path / "c.json").write_text(json.dumps(config))
            new, report = retrain(tmp_path / "c.json")
            found.append(read_coefficients(new))
            if weights:
                assert [frame["weight"] for frame in report["sets"][0]["errors"]["frames"]] == [2, 1, 0]
        assert np.abs(found[0] - found[1]).max() <= 1e-9 * np.abs(found[1]).max()


@pytest.mark.parametrize("by", ["test", "folds"])
def test_choosing_lambdas(by, label, retrain, teacher, tmp_path):
    """Noisy forces: neither no ridge nor too much of it predicts best; what is chosen is what the grid says."""
    full, start, _ = teacher
    frames = read(label("d.xyz", cells(4, 2, size=1), full), ":")
    for k, atoms in enumerate(frames):
        atoms.calc.results["forces"] = atoms.get_forces() + np.random.default_rng(k).normal(0, 0.3, (2, 3))
    write(tmp_path / "noisy.xyz", frames, format="extxyz")
    test = label("t.xyz", cells(2, 11), full)
    words = ["--test", test] if by == "test" else ["--folds", "4"]
    _, report = retrain("--start", start, "--targets", tmp_path / "noisy.xyz", "--select", "all", "--lambda-ridge",
                        "1e-8,1e-2,1,1e2,1e8", *words)
    grid = report["search"]["grid"]
    errors = [trial["rms_choice"] for trial in grid]
    assert report["search"]["by"] == by and len(grid) == 5
    assert report["search"]["chosen"] == int(np.argmin(errors))
    assert report["solution"]["lambda_ridge"] == grid[int(np.argmin(errors))]["lambda_ridge"]
    assert [trial["rms_target"] for trial in grid] == sorted(trial["rms_target"] for trial in grid)
    if by == "test":
        measured = report["sets"][1]["errors"]["rms_after"]
        assert errors[report["search"]["chosen"]] == pytest.approx(measured, rel=1e-6)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_frames(ranks, label, retrain, teacher):
    full, start, _ = teacher
    launcher = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    data, soft = label("d.xyz", cells(5, 2, size=6), full), label("s.xyz", cells(2, 3), full)
    hard = label("h.xyz", strained(), full)
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                                "OPENBLAS_NUM_THREADS": "1"}
    for method in ("cholesky", "qr"):
        options = ("--start", start, "--targets", data, "--select", "all", "--soft", soft, "--hard", hard,
                   "--energy-weight", 0.1, "--lambda-ridge", 1e-3, "--lambda-soft", 1, "--method", method)
        alone, first = retrain(*options, output="alone.snapcoeff")
        shared, second = retrain(*options, output="shared.snapcoeff", env=environment,
                                 prefix=(launcher, "--oversubscribe", "-n", str(ranks)))
        a, b = read_coefficients(alone), read_coefficients(shared)
        assert np.abs(a - b).max() <= 1e-11 * np.abs(a).max()
        assert second["ranks"] == ranks
        for ours, theirs in zip(first["sets"], second["sets"]):
            for name, value in ours["errors"].items():
                if isinstance(value, float):
                    assert theirs["errors"][name] == pytest.approx(value, rel=1e-9, abs=1e-12)
            assert np.allclose(ours["samples"]["after"], theirs["samples"]["after"], rtol=0, atol=1e-11)


def test_the_same_bytes_every_time(label, retrain, teacher):
    full, start, _ = teacher
    data = label("d.xyz", cells(4, 2), full)
    options = ("--start", start, "--targets", data, "--select", "all", "--lambda-ridge", 1e-3)
    files = [retrain(*options, output=name)[0] for name in ("a.snapcoeff", "b.snapcoeff")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].with_suffix(".snapparam").read_bytes() == files[1].with_suffix(".snapparam").read_bytes()


def test_pictures_from_the_report(label, retrain, teacher, tmp_path):
    """Whatever the report holds: with and without constraints, regions and a grid."""
    full, start, _ = teacher
    data, hard = label("d.xyz", cells(4, 2), full), label("h.xyz", strained(), start)
    frames = read(data, ":")
    for atoms in frames:
        atoms.new_array("region", np.array(["QM"] * 6 + ["MM"] * 10))
    write(tmp_path / "regions.xyz", frames, format="extxyz")
    script = Path(__file__).resolve().parents[2] / "examples" / "ase" / "plot_retrain.py"
    for k, words in enumerate((["--targets", data, "--lambda-ridge", 1e-3],
                               ["--targets", tmp_path / "regions.xyz", "--hard", hard, "--lambda-ridge", "1e-3,1",
                                "--folds", 2])):
        _, report = retrain("--start", start, "--select", "all", *words)
        picture = tmp_path / f"{k}.png"
        subprocess.run([sys.executable, script, tmp_path / "new.json", "--output", picture], check=True,
                       timeout=TIMEOUT)
        assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# ---- killed ----


def test_killed_at_many_moments(label, teacher, tmp_path):
    """Each file is the old one or the new one, whole, whenever SIGKILL comes: at forty moments of a run as long as the
    first (a unit test goes through all calls that change files)."""
    full, start, _ = teacher
    data = label("d.xyz", cells(4, 2), full)
    files = [tmp_path / name for name in ("new.snapcoeff", "new.snapparam", "new.json", "sums.cache")]
    command = [program("lmlink-retrain"), "--start", start, "--targets", data, "--select", "all", "--lambda-ridge",
               "1e-3", "--overwrite", "--output", files[0], "--report", files[2], "--cache", files[3]]
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
    duration = time.perf_counter() - begin
    new = {file: file.read_bytes() for file in files}
    for k in range(40):
        for file in files[:3]:
            file.write_bytes(b"old")
        files[3].unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.2 * duration * k / 40)
        process.kill()
        process.wait()
        for file in files[:2]:
            assert file.read_bytes() in (b"old", new[file]), (k, file)
        report = files[2].read_bytes()
        assert report == b"old" or json.loads(report)["format"] == "lmlink-retrain-report"
        assert not files[3].exists() or files[3].read_bytes() == new[files[3]]
        for leftover in tmp_path.glob("*.tmp"):
            leftover.unlink()


# ---- what is wrong ----


@pytest.fixture
def fails(label, teacher, tmp_path):
    """Run with targets, and further arguments: one line on stderr holds the message, and nothing is written."""
    full, start, _ = teacher
    data = label("data.xyz", cells(2, 2), full)

    def check(message, *arguments, code=1, targets=data, **options):
        before = sorted(path.name for path in tmp_path.iterdir())
        result = run("--start", start, "--targets", targets, "--lambda-ridge", 1e-3, "--log-level", "error", "--output",
                     tmp_path / "new.snapcoeff", *arguments, **options)
        assert result.returncode == code and result.stdout == "", result.stderr
        assert result.stderr.startswith("lmlink-retrain: ") and result.stderr.count("\n") == 1, result.stderr
        assert message in result.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == before

    return check


def edited(path, name, edit):
    """A copy of a file of structures, each of which `edit` has changed."""
    frames = read(path, ":")
    for frame in frames:
        edit(frame)
    new = path.with_name(name)
    write(new, frames, format="extxyz")
    return new


def test_unusable_frames(fails, tmp_path):
    data = tmp_path / "data.xyz"

    def no_forces(atoms):
        atoms.calc = None

    def foreign(atoms):
        atoms.symbols[3] = "He"

    def not_finite(atoms):
        atoms.calc.results["forces"][5, 1] = np.nan

    def incomplete(atoms):
        atoms.info["log_complete"] = False
        atoms.new_array("region", np.array(["QM"] * 15 + ["MM"]))

    def virtual(atoms):
        atoms.info["energy_kind"] = "virtual_work"

    bad = edited(data, "none.xyz", no_forces)
    fails(f"{bad}: frame 0: no forces", targets=bad)
    bad = edited(data, "foreign.xyz", foreign)
    fails(f"{bad}: frame 0: atom 3 (counted from 0) is He", targets=bad)
    bad = edited(data, "nan.xyz", not_finite)
    fails(f"{bad}: frame 0: the force on atom 5 (counted from 0) is not finite", targets=bad)
    bad = edited(data, "part.xyz", incomplete)
    fails(f"{bad}: frame 0: log_complete=F: not all neighbours of atom 15", "--select", "all", targets=bad)
    fails(f"{bad}: frame 0: log_complete=F: it holds a part of the atoms", "--hard", bad)
    bad = edited(data, "virtual.xyz", virtual)
    fails(f"{bad}: frame 0: energy_kind=virtual_work: that is no energy that can be fitted", "--energy-weight", 1,
          targets=bad)
    for option in ("--soft", "--hard", "--test"):
        (tmp_path / "empty.xyz").write_text("")
        fails(f"{tmp_path}/empty.xyz: holds no frame", option, tmp_path / "empty.xyz")
        fails(f"{tmp_path}/absent.xyz: ", option, tmp_path / "absent.xyz")


def test_a_torn_last_frame_is_skipped(retrain, label, teacher, tmp_path):
    full, start, _ = teacher
    text = label("d.xyz", cells(3, 2), full).read_text()
    (tmp_path / "torn.xyz").write_text(text[:-40])
    _, report = retrain("--start", start, "--targets", tmp_path / "torn.xyz", "--select", "all", "--lambda-ridge", 1e-3)
    assert "the last frame is skipped, 2 before it are used" in report["stderr"]
    assert report["sets"][0]["frames_used"] == 2 and "torn.xyz" in report["sets"][0]["skipped"]


def test_constraints_that_cannot_be(fails, label, teacher, tmp_path):
    full, start, _ = teacher
    many = label("many.xyz", cells(40, 3), full)
    fails("the hard constraints leave no freedom: their rank is 21", "--hard", many)
    twice = read(label("one.xyz", strained(1), full), ":") * 2
    twice = [atoms.copy() for atoms in twice]
    for k, atoms in enumerate(twice):
        atoms.info["energy"] = float(k)
    write(tmp_path / "twice.xyz", twice, format="extxyz")
    fails("contradict each other", "--hard-set", tmp_path / "twice.xyz")
    write(tmp_path / "one.xyz", twice[1], format="extxyz")
    kept = label("kept.xyz", strained(1), start)
    wrong = abs(1 - read(kept).get_potential_energy()) / 16
    fails(f"come nearer to all of the values than {wrong:.3g} eV", "--hard", kept, "--hard-set", tmp_path / "one.xyz")


def test_outputs_are_not_overwritten(fails, teacher, tmp_path):
    for name in ("new.snapcoeff", "new.snapparam", "new.snap", "new.json"):
        (tmp_path / name).write_text("precious")
        fails(f"{tmp_path}/{name}: exists already", "--report", tmp_path / "new.json", code=2)
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    (tmp_path / "report.json").write_text("precious")
    (tmp_path / "other.json").symlink_to(tmp_path / "report.json")
    for words, message in ((["--report", tmp_path / "other.json", "--cache", tmp_path / "report.json"],
                            "report.json: two outputs can't be the same file"),
                           (["--report", tmp_path / "r.json", "--cache", tmp_path / "r.json"],
                            "r.json: two outputs can't be the same file"),
                           (["--report", tmp_path / "data.xyz"], "data.xyz: is read, and would be written as well"),
                           (["--cache", tmp_path / "data.xyz"], "data.xyz: is read, and would be written as well")):
        fails(message, *words, "--overwrite", code=2)
    fails("absent/r.json: a file beside it cannot be created: No such file", "--report", tmp_path / "absent" / "r.json")
    for start in (teacher[1], tmp_path / "script.snap"):
        (tmp_path / "script.snap").write_text("pair_style snap\npair_coeff * * start.snapcoeff start.snapparam W\n")
        result = run("--start", start, "--targets", tmp_path / "data.xyz", "--output",
                     teacher[1], "--overwrite")
        assert result.returncode == 2 and "start.snapcoeff: is read, and would be written as well" in result.stderr
    result = run("--start", teacher[1], "--targets", tmp_path / "data.xyz", "--output", tmp_path / "new.txt")
    assert result.returncode == 2 and "must be a .snapcoeff file" in result.stderr


def test_too_little_memory_is_said_before_starting(fails, tmp_path):
    """2J = 14 has 21115 quadratic coefficients: a matrix takes 3.6 GB."""
    ncomponents = 204
    values = "".join("0.001\n" for _ in range(ncomponents + 1))
    (tmp_path / "large.snapcoeff").write_text(f"1 {ncomponents + 1}\nW 0.5 1.0\n{values}")
    (tmp_path / "large.snapparam").write_text("rcutfac 4.5\ntwojmax 14\n")
    (tmp_path / "c.json").write_text("{}")
    limit = 4 * 10**6  # kB
    result = subprocess.run(["sh", "-c", f"ulimit -v {limit}; exec \"$@\"", "sh", program("lmlink-retrain"), "--start",
                             str(tmp_path / "large.snapcoeff"), "--targets", str(tmp_path / "data.xyz"), "--output",
                             str(tmp_path / "new.snapcoeff"), "--log-level", "error"], capture_output=True, text=True,
                            timeout=TIMEOUT)
    assert result.returncode == 1
    assert "21115 coefficients and the largest frame need about" in result.stderr and "4096 MB" in result.stderr


def test_too_little_memory_for_the_buffers_of_blas(label, teacher, tmp_path):
    """OpenBLAS maps 128 MB for each thread, and would try for ever."""
    full, start, _ = teacher
    arguments = ["--start", start, "--form", "quadratic", "--targets", label("data.xyz", cells(2, 2), full), "--output",
                 tmp_path / "new.snapcoeff", "--threads", "1", "--log-level", "error"]
    result = subprocess.run(["sh", "-c", "ulimit -v 150000; exec \"$@\"", "sh", program("lmlink-retrain"), *arguments],
                            capture_output=True, text=True, timeout=TIMEOUT,
                            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    assert result.returncode == 1
    assert "coefficients and the largest frame need about" in result.stderr and "154 MB are available" in result.stderr


def test_wrong_usage(fails, label, teacher, tmp_path):
    full, start, _ = teacher
    fails("none can be left out to choose lambdas by", "--lambda-soft", "1,2", targets=label("1.xyz", cells(1, 2), full))
    fails("--lambda-soft '1,x'", "--lambda-soft", "1,x", code=2)
    fails("--folds 5: there are only 2 groups of target frames", "--lambda-soft", "1,2", "--folds", 5, code=2)
    fails("--energy-weight '-1' is negative", "--energy-weight", -1, code=2)
    fails("the sums over the targets exceed the range of numbers: give smaller weights", "--energy-weight", 1e308)
    result = run("--start", full, "--form", "linear", "--targets", tmp_path / "data.xyz", "--output",
                 tmp_path / "new.snapcoeff")
    assert result.returncode == 2 and "is quadratic, and can't be made linear" in result.stderr
    for words, message in ((["--targets", "x"], "no starting potential"), (["--start", "x"], "no output"),
                           (["--start", "x", "--output", "y.snapcoeff"], "no targets")):
        result = run(*words)
        assert result.returncode == 2 and message in result.stderr


def test_configuration_errors_name_the_key(tmp_path):
    file = "t.xyz"
    good = {"format": "lmlink-retrain", "version": 1, "start": {"file": "a.snapcoeff"}, "targets": [{"file": file}]}
    for change, message in (({"version": 2}, "version: version 2 is not known"),
                            ({"lambda": 1}, "lambda: no such key"),
                            ({"targets": [{"file": file}, {}]}, "targets[1].file: the key is missing"),
                            ({"soft": [{"file": file, "mode": "set"}]}, "soft[0].mode: is for hard constraints alone"),
                            ({"hard": [{"file": file, "quantity": "mass"}]}, "hard[0].quantity: 'mass' is none of"),
                            ({"lambda_ridge": [1, -1]}, "lambda_ridge: must not be negative"),
                            ({"lambda_soft": []}, "lambda_soft: must have at least one number"),
                            ({"folds": 1}, "folds: must be from 2"),
                            ({"targets": [3]}, "targets[0]: must be an object")):
        path = tmp_path / "c.json"
        path.write_text(json.dumps(good | change, indent=1))
        result = run(path)
        assert result.returncode == 1 and message in result.stderr, result.stderr
        assert f"{path}:" in result.stderr
