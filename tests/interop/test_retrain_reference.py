"""The published retraining of the paper, done again from its public data."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import TIMEOUT, need, program
from results import read_results
from test_retrain import read_coefficients

FORCE_BAR = 1e-5  # eV/Å, of any component on a target atom, against the published potential
COEFFICIENT_BAR = 5e-5  # eV
HARD_BAR = 1e-12  # eV/atom
LAMMPS_BAR = 1e-9  # eV/Å
MEMORY_BAR = 300  # MB
SUMS_BAR = 1e-6  # eV and eV/Å, of sums with less work against exact ones


ELASTIC_BAR = 1e-6  # relative, of elastic constants before and after
ELASTIC_STRAIN = 1e-4  # at 1e-2 the change of anharmonic terms shows
EV_PER_A3 = 160.21766208  # GPa
COEFFICIENT_FROM_SCRATCH_BAR = 1e-8  # relative
UNSEEN_FORCE_BAR = 1e-6  # eV/Å


def launcher(ranks):
    """The words that start so many ranks."""
    mpirun = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    return mpirun, "--oversubscribe", "--allow-run-as-root", "-n", str(ranks)


def run(*arguments, isa=None, prefix=()):
    """lmlink-retrain with the reference's start; skips where the processor lacks the instruction set."""
    environment = os.environ | ({"LMLINK_ISA": isa} if isa else {})
    result = subprocess.run([*prefix, program("lmlink-retrain"), *map(str, arguments)], capture_output=True, text=True,
                            timeout=TIMEOUT, env=environment)
    if "does not have these instructions" in result.stderr:
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def paper(reference):
    """The arguments of the paper's retraining, but for the targets and the outputs."""
    return ("--start", reference / "milady_lml.snapcoeff", "--hard", reference / "eos_configurations.xyz", "--soft",
            reference / "bulk_MD_train.xyz", "--test", reference / "bulk_MD_test.xyz", "--lambda-soft", 1,
            "--lambda-ridge", 500)


@pytest.fixture(scope="module")
def retrained_with(reference, paper, tmp_path_factory):
    """For an instruction set (None: the widest): the new potential and the report, made once."""
    made = {}

    def make(isa=None):
        if isa not in made:
            new = tmp_path_factory.mktemp("retrained") / "new.snapcoeff"
            run(*paper, "--targets", reference / "screw_glide_qmml.xyz", "--select", "unfixed", "--output", new,
                "--report", new.with_suffix(".json"), isa=isa)
            made[isa] = new, json.loads(new.with_suffix(".json").read_text())
        return made[isa]

    return make


@pytest.fixture(scope="module")
def retrained(retrained_with):
    return retrained_with()


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


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512"])
def test_result_is_the_published_one(isa, retrained_with, reference, lmlink_eval, tmp_path):
    """Coefficients, and forces on the target atoms, on every instruction set."""
    new, _ = retrained_with(isa)
    published = reference / "retrained_published.snapcoeff"
    assert np.abs(read_coefficients(new) - read_coefficients(published)).max() <= COEFFICIENT_BAR
    images = reference / "screw_glide_qmml.xyz"
    for name, potential in (("ours", new), ("theirs", published)):
        lmlink_eval("--potential", potential, images, "--output", tmp_path / f"{name}.xyz")
    free = [~atoms.arrays["fix_mask"] for atoms in read(images, ":")]
    for ours, theirs, mask in zip(read_results(tmp_path / "ours.xyz"), read_results(tmp_path / "theirs.xyz"), free):
        assert np.abs(ours.forces - theirs.forces)[mask].max() <= FORCE_BAR


def elastic_constants(lmlink_eval, potential, folder, a):
    """C11, C12, C44 (GPa) of a bcc crystal, by central differences of the stress."""
    strained = []
    for sign in (1, -1):
        for i, j in ((0, 0), (1, 2)):
            strain = np.eye(3)
            strain[i, j] = strain[j, i] = strain[i, j] + sign * ELASTIC_STRAIN / (1 if i == j else 2)
            atoms = bulk("W", "bcc", a=a, cubic=True)
            atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            strained.append(atoms)
    write(folder / "strained.xyz", strained, format="extxyz")
    lmlink_eval("--potential", potential, folder / "strained.xyz", "--output", folder / "out.xyz")
    stress = [-frame.virial / frame.atoms.get_volume() for frame in read_results(folder / "out.xyz")]
    along, across = ((stress[k] - stress[k + 2]) / (2 * ELASTIC_STRAIN) * EV_PER_A3 for k in range(2))
    return np.array([along[0, 0], along[1, 1], across[1, 2]])


def test_elastic_constants_are_kept(retrained, reference, lmlink_eval, tmp_path):
    before, after = (elastic_constants(lmlink_eval, potential, tmp_path, 3.18551)
                     for potential in (reference / "milady_lml.snapcoeff", retrained[0]))
    assert before[0] == pytest.approx(509.2, abs=0.1)
    assert np.abs(after / before - 1).max() <= ELASTIC_BAR


def test_lammps_takes_the_result(retrained, reference, lammps, lmlink_eval, tmp_path):
    images = reference / "bulk_MD_test.xyz"
    lmlink_eval("--potential", retrained[0], images, "--output", tmp_path / "out.xyz")
    ours = read_results(tmp_path / "out.xyz")[0]
    theirs = lammps.evaluate(ours.atoms, lammps.Potential(retrained[0]))
    assert np.abs(ours.forces - theirs.forces).max() <= LAMMPS_BAR


def test_memory(retrained):
    assert retrained[1]["peak_memory_mb"] <= MEMORY_BAR


def glide(reference, paper, output, *options, **keywords):
    run(*paper, "--targets", reference / "screw_glide_qmml.xyz", "--select", "unfixed", *options, "--output", output,
        "--report", output.with_suffix(".json"), **keywords)
    return json.loads(output.with_suffix(".json").read_text())


def test_sums_with_less_work_give_the_same(retrained, reference, paper, lmlink_eval, tmp_path):
    """Most rows lie in a space of few dimensions; summing them there changes forces by less than anything counts."""
    exact = glide(reference, paper, tmp_path / "exact.snapcoeff", "--sums", "exact")
    assert exact["solution"]["sums"]["subspace_rank"] == exact["solution"]["sums"]["rows_inside"] == 0
    sums = retrained[1]["solution"]["sums"]
    assert sums["rows"] == 3 * 18044 and sums["rows_inside"] > 0.6 * sums["rows"]
    assert 0 < sums["left_out"] < 1e-8
    difference = read_coefficients(retrained[0]) - read_coefficients(tmp_path / "exact.snapcoeff")
    assert 0 < np.abs(difference).max() < SUMS_BAR
    for name, potential in (("ours", retrained[0]), ("exact", tmp_path / "exact.snapcoeff")):
        lmlink_eval("--potential", potential, reference / "bulk_MD_test.xyz", "--output", tmp_path / f"{name}.xyz")
    for ours, theirs in zip(*(read_results(tmp_path / f"{name}.xyz") for name in ("ours", "exact"))):
        assert np.abs(ours.forces - theirs.forces).max() < SUMS_BAR
    folds = ("--lambda-ridge", "5,500", "--folds", 2)
    less, all_rows = (glide(reference, paper[:-2], tmp_path / f"{kind}-folds.snapcoeff", *folds, "--sums", kind)
                      for kind in ("auto", "exact"))
    assert less["solution"]["sums"]["subspace_rank"] > 0
    for ours, theirs in zip(less["search"]["grid"], all_rows["search"]["grid"]):
        assert ours["rms_choice"] == pytest.approx(theirs["rms_choice"], rel=1e-6)


def test_threads_and_ranks_give_the_same(retrained, reference, paper, tmp_path):
    """The same potential and report from any number of threads; the same but for rounding from two ranks."""
    def what_counts(report):
        return {name: value for name, value in report.items()
                if name not in ("threads", "seconds", "peak_memory_mb", "output")}

    for threads in (1, 3):
        new = tmp_path / f"{threads}.snapcoeff"
        report = glide(reference, paper, new, "--threads", threads)
        assert report["threads"] == threads
        assert what_counts(report) == what_counts(retrained[1])
        assert new.read_bytes() == retrained[0].read_bytes()
    new = tmp_path / "ranks.snapcoeff"
    report = glide(reference, paper, new, "--threads", 1, prefix=launcher(2))
    assert report["ranks"] == 2 and report["solution"]["sums"]["rows"] == 3 * 18044
    assert np.abs(read_coefficients(new) - read_coefficients(retrained[0])).max() < SUMS_BAR


def test_a_cache_of_sums_with_less_work(retrained, reference, paper, tmp_path):
    """The same coefficients from the cache, whatever the threads; sums of the other kind are not taken from it."""
    new = tmp_path / "new.snapcoeff"
    cache = ("--cache", tmp_path / "sums.cache", "--overwrite")
    for found, threads in (("absent", 2), ("used", 1)):
        report = glide(reference, paper, new, *cache, "--threads", threads)
        assert report["cache"]["found"] == found and report["solution"] == retrained[1]["solution"]
        assert new.read_text().splitlines()[2:] == retrained[0].read_text().splitlines()[2:]
    exact = glide(reference, paper, new, *cache, "--sums", "exact")
    assert exact["cache"]["changed"] == "the kind of sums"


def test_rank_with_the_vacancy_path(reference, tmp_path):
    """A run with few targets, as only the constraints count."""
    new = tmp_path / "new.snapcoeff"
    run("--start", reference / "milady_lml.snapcoeff", "--targets", reference / "bulk_MD_test.xyz", "--hard",
        reference / "eos_configurations.xyz", "--hard", reference / "Vac_NEB_images.xyz", "--lambda-ridge", 500,
        "--output", new, "--report", new.with_suffix(".json"))
    keep = json.loads(new.with_suffix(".json").read_text())["hard"]["keep"]
    assert keep["rows"] == 115 and keep["rank"] == 37


def spherical_regions(reference, radius=5.0, buffer=10.0, layers=9):
    """The dislocation line through a sphere of QM atoms around a vacancy in its core, in three places; what lies
    further than the buffer is left away, as in a log that is not full."""
    image = read(reference / "screw_glide_qmml.xyz", 6)
    core = image.positions[image.arrays["region"] == "QM"].mean(axis=0)
    line = image.repeat((1, 1, layers))
    line.positions += np.random.default_rng(8).normal(0, 0.02, (len(line), 3))
    offset = line.positions - core - [0, 0, image.cell[2, 2] * (layers // 2)]
    near = line[np.hypot(*offset[:, :2].T) < radius + buffer]
    frames = []
    for atom in np.argsort(np.linalg.norm(offset, axis=1))[:3]:
        atoms = near.copy()
        vacancy = np.argmin(np.linalg.norm(atoms.positions - line.positions[atom], axis=1))
        centre = atoms.positions[vacancy].copy()
        del atoms[vacancy]
        distance = np.linalg.norm(atoms.positions - centre, axis=1)
        atoms.arrays["region"] = np.where(distance < radius, "QM", "MM").astype("<U6")
        atoms = atoms[distance < radius + buffer]
        atoms.pbc = False
        frames.append(atoms)
    return frames


def test_joint_targets(reference, paper, potentials, lmlink_eval, tmp_path):
    """The glide images and a log of three spherical QM regions, for which another published potential plays the
    quantum code: both errors fall, and the constraints hold."""
    frames = spherical_regions(reference)
    write(tmp_path / "in.xyz", frames, format="extxyz")
    lmlink_eval("--potential", potentials / "W_2940_2017_2.snap", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    for atoms, result in zip(frames, read_results(tmp_path / "out.xyz")):
        atoms.arrays["forces_qm"] = np.where(atoms.arrays["region"][:, None] == "QM", result.forces, np.nan)
        atoms.info["log_complete"] = False
    write(tmp_path / "log.xyz", frames, format="extxyz")
    new = tmp_path / "new.snapcoeff"
    config = {"format": "lmlink-retrain", "version": 1,
              "targets": [{"file": str(reference / "screw_glide_qmml.xyz"), "select": "unfixed"},
                          {"file": "log.xyz", "weight": 3}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    run(tmp_path / "c.json", *paper, "--output", new, "--report", new.with_suffix(".json"))
    report = json.loads(new.with_suffix(".json").read_text())
    glide, log = (entry["errors"] for entry in report["sets"][:2])
    assert log["count"] == 3 * sum((atoms.arrays["region"] == "QM").sum() for atoms in frames) > 150
    assert glide["rms_after"] < 0.5 * glide["rms_before"]
    assert log["rms_after"] < 0.8 * log["rms_before"]
    assert np.abs(report["hard"]["keep"]["change"]).max() <= HARD_BAR


def rattled_and_strained(count, seed, rattle, strain):
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("W", "bcc", a=3.16, cubic=True).repeat(3)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, strain, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, rattle, (len(atoms), 3))
        frames.append(atoms)
    return frames


@pytest.mark.parametrize("form, teacher, count", [("linear", "milady_lml", 8), ("quadratic", "retrained_published", 40)])
def test_known_coefficients_from_scratch(form, teacher, count, reference, lmlink_eval, tmp_path):
    """All 56 or 1596 coefficients of 2J = 8 from forces and energies."""
    teacher = reference / f"{teacher}.snapcoeff"

    def label(name, frames, potential):
        write(tmp_path / "in.xyz", frames, format="extxyz")
        lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / name)
        return tmp_path / name

    data = label("data.xyz", rattled_and_strained(count, 1, 0.25, 0.05), teacher)
    new = tmp_path / "new.snapcoeff"
    run("--start", reference / "milady_lml.snapcoeff", "--from-scratch", "--form", form, "--targets", data, "--select",
        "all", "--energy-weight", 1, "--lambda-ridge", 0, "--output", new)
    wanted, found = read_coefficients(teacher), read_coefficients(new)
    assert wanted.shape == found.shape == (1, {"linear": 56, "quadratic": 1596}[form])
    assert np.abs(found / wanted - 1).max() <= COEFFICIENT_FROM_SCRATCH_BAR
    unseen = rattled_and_strained(2, 99, 0.15, 0.03)
    for ours, theirs in zip(*(read_results(label(f"{k}.xyz", unseen, p)) for k, p in enumerate((new, teacher)))):
        assert np.abs(ours.forces - theirs.forces).max() <= UNSEEN_FORCE_BAR
