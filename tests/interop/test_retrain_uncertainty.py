"""The uncertainty that lmlink-retrain writes, against the same mathematics in NumPy with all rows at once: the sandwich
covariance, POPS, their scale from frames that are left out, and the distance of atoms from those trained on."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from ase.io import read, write
from ase.neighborlist import neighbor_list
from conftest import need
from retrain_oracle import HARD_TOLERANCE, energy_rows, force_rows
from scipy.optimize import minimize
from test_retrain import (W, W_BE, cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401
                          write_potential)

RIDGE, SOFT = 1e-3, 0.5
NEAR = 1e-6  # relative, of covariances and scales
NOISE = 0.02  # eV/Å, that forces have beside the teacher's
CUTOFF = 4.5
HELD = 1024  # clusters of rows that are held


# ---- the same in NumPy ----


class Problem:
    """Rows of targets, all and those of the quantum code, each with its frame's fold; soft and hard rows."""

    def __init__(self, start, soft, hard, ridge=RIDGE, soft_weight=SOFT):
        self.start, self.soft, self.ridge, self.soft_weight = start, soft, ridge, soft_weight
        self.free = np.eye(len(start))
        if hard is not None:
            _, singular, right = np.linalg.svd(hard)
            self.free = right[(singular > HARD_TOLERANCE * singular[0]).sum():].T

    def solve(self, rows, deviations):
        """Whitening matrix B with C⁺ = B Bᵀ, δ, and M."""
        sums = rows.T @ rows
        if self.soft is not None:
            sums = sums + self.soft_weight * self.soft.T @ self.soft
        inside = self.free.T @ (sums + self.ridge * np.eye(len(self.start))) @ self.free
        whitening = self.free @ np.linalg.inv(np.linalg.cholesky(inside)).T
        return whitening, whitening @ (whitening.T @ (rows.T @ deviations)), sums


def sandwich(whitening, rows, errors, clusters):
    """Columns X: a score of each cluster, in Θ."""
    white = rows @ whitening
    corrected = errors / (1 - (white**2).sum(axis=1))
    scores = np.array([(white[clusters == c] * corrected[clusters == c, None]).sum(axis=0) for c in np.unique(clusters)])
    return whitening @ scores.T


def pops(whitening, rows, errors, _):
    """Columns X of the box along the principal axes of pointwise changes."""
    white = rows @ whitening
    leverages = (white**2).sum(axis=1)
    changes = (white * (errors / leverages)[:, None])[leverages >= np.median(leverages)] @ whitening.T
    values, axes = np.linalg.eigh(changes.T @ changes)
    axes = axes[:, values > 1e-8 * values.max()]
    along = changes @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    return np.column_stack([axes * (high - low) / np.sqrt(12), axes @ (low + high) / 2])


def leading(columns, sums, rank):
    """The columns that keep most of the trace of XᵀMX, and its share."""
    values, vectors = np.linalg.eigh(columns.T @ sums @ columns)
    return columns @ vectors[:, ::-1][:, :rank], values[::-1][:rank].sum() / values.sum()


def likeliest(errors, sigmas):
    """α and s of variances α²σ² + s²."""
    def cost(x):
        variance = np.exp(2 * x[0]) * sigmas**2 + np.exp(2 * x[1])
        return (np.log(variance) + errors**2 / variance).mean()

    starts = [(a, b) for a in (-1, 0, 2) for b in (-7, -5, -3)]
    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 10000, "maxfev": 10000}
    best = min((minimize(cost, start, method="Nelder-Mead", options=options) for start in starts),
               key=lambda result: result.fun)
    return np.exp(best.x)


class Expected:
    """`quantum`: rows, deviations, clusters; `targets`: rows and deviations; each with folds."""

    def __init__(self, problem, columns_of, targets, quantum, rank):
        rows, deviations, folds = targets
        q_rows, q_deviations, q_clusters, q_folds = quantum
        stride = -(-(q_clusters.max() + 1) // HELD)
        whitening, self.delta, sums = problem.solve(rows, deviations)
        columns = columns_of(whitening, q_rows, q_deviations - q_rows @ self.delta, q_clusters)
        columns, self.share = leading(columns, sums, rank)
        held = q_clusters % stride == 0
        errors, sigmas = [], []
        for fold in np.unique(folds):
            whitening, delta, sums = problem.solve(rows[folds != fold], deviations[folds != fold])
            train, left_out = held & (q_folds != fold), held & (q_folds == fold)
            x = np.sqrt(stride) * columns_of(whitening, q_rows[train], q_deviations[train] - q_rows[train] @ delta,
                                             q_clusters[train])
            x, _ = leading(x, sums, rank)
            errors.append(q_deviations[left_out] - q_rows[left_out] @ delta)
            sigmas.append(np.linalg.norm(q_rows[left_out] @ x, axis=1))
        errors, sigmas = np.concatenate(errors), np.concatenate(sigmas)
        self.alpha = np.sqrt((errors**2).mean() / (sigmas**2).mean())
        self.alpha_noise, self.noise = likeliest(errors, sigmas)
        self.factor = self.alpha * columns


# ---- material ----


def with_noise(path, seed, quantum=True):
    """Add what no potential can meet, and say which atoms the quantum code's forces are of: some, one of them held in
    part; in the last frame there is no such column."""
    rng = np.random.default_rng(seed)
    frames = read(path, ":")
    for k, atoms in enumerate(frames):
        atoms.calc.results["forces"] = atoms.get_forces() + rng.normal(0, NOISE, (len(atoms), 3))
        if not quantum or k == len(frames) - 1:
            continue
        atoms.arrays["region"] = np.where(np.arange(len(atoms)) % 3 == k % 3, "QM", "MM").astype("<U6")
        held = np.zeros((len(atoms), 3), bool)
        held[k % 3, 1] = held[5] = True
        atoms.arrays["fix_mask"] = held
    write(path, frames, format="extxyz")
    return path


@pytest.fixture
def material(label, teacher, lmlink_eval, tmp_path):
    """Files, and the rows of their forces in NumPy."""
    full, start, theta = teacher
    wide = write_potential(tmp_path / "zeros.snapcoeff", np.r_[theta[:6], np.zeros(15)], W)
    files = {"targets": with_noise(label("data.xyz", cells(8, 1), full), 1),
             "test": with_noise(label("test.xyz", cells(3, 7), full), 2),
             "soft": label("soft.xyz", cells(2, 4), start), "hard": label("hard.xyz", strained(6), start)}
    rows = {name: force_rows(lmlink_eval, wide, files[name], tmp_path) for name in ("targets", "test", "soft")}
    hard = energy_rows(lmlink_eval, wide, files["hard"], tmp_path).rows
    return start, np.r_[theta[:6], np.zeros(15)], files, rows, hard


def counted(path):
    """Masks of the rows of a file that count, and that are the quantum code's; its rows' atoms and frames."""
    all_rows, quantum, atoms_of, frame_of = [], [], [], []
    number = 0
    for k, atoms in enumerate(read(path, ":")):
        free = ~atoms.arrays.get("fix_mask", np.zeros((len(atoms), 3), bool))
        region = atoms.arrays.get("region", np.full(len(atoms), "QM"))
        all_rows.append(free.ravel())
        quantum.append((free & (region == "QM")[:, None]).ravel())
        cluster = np.full(len(atoms), -1)
        chosen = np.flatnonzero((region == "QM") & free.any(axis=1))
        cluster[chosen] = number + np.arange(len(chosen))
        number += len(chosen)
        atoms_of.append(np.repeat(cluster, 3))
        frame_of.append(np.full(3 * len(atoms), k))
    return [np.concatenate(part) for part in (all_rows, quantum, atoms_of, frame_of)]


def expect(material, report, columns_of, rank):
    start, theta, files, rows, hard = material
    targets = rows["targets"]
    used, quantum, clusters, frame_of = counted(files["targets"])
    frames = next(entry for entry in report["sets"] if entry["role"] == "target")["errors"]["frames"]
    folds = np.array([frame["fold"] for frame in frames])[frame_of]
    deviations = targets.values - targets.rows @ theta
    return Expected(Problem(theta, rows["soft"].rows, hard), columns_of,
                    (targets.rows[used], deviations[used], folds[used]),
                    (targets.rows[quantum], deviations[quantum], clusters[quantum], folds[quantum]), rank)


def arguments(material, *further):
    start, _, files, _, _ = material
    return ("--start", start, "--targets", files["targets"], "--select", "unfixed", "--hard", files["hard"], "--soft",
            files["soft"], "--test", files["test"], "--test-select", "unfixed", "--lambda-ridge", RIDGE,
            "--lambda-soft", SOFT, "--hard-tolerance", HARD_TOLERANCE, *further)


def read_uncertainty(new):
    content = json.loads(new.with_suffix(".uncertainty.json").read_text())
    array = new.with_suffix(".uncertainty.npy")
    return content, np.load(array) if array.exists() else None


def near(a, b, tolerance=NEAR):
    return np.abs(a - b).max() <= tolerance * np.abs(b).max()


@pytest.mark.parametrize("kind, columns_of", [("sandwich", sandwich), ("pops", pops)])
@pytest.mark.parametrize("rank", [3, 21])
def test_the_factor_is_numpys(material, retrain, kind, columns_of, rank):
    new, report = retrain(*arguments(material, "--uncertainty", kind, "--uncertainty-rank", rank))
    content, factor = read_uncertainty(new)
    expected = expect(material, report, columns_of, rank)
    factor_of = content["factor"]
    assert factor_of["kind"] == kind and factor_of["rank"] == factor.shape[1] <= rank
    assert near(factor @ factor.T, expected.factor @ expected.factor.T)
    assert factor_of["trace_kept"] == pytest.approx(expected.share, rel=NEAR)
    calibration = factor_of["calibration"]
    assert calibration["alpha"] == pytest.approx(expected.alpha, rel=NEAR)
    assert calibration["alpha_with_noise"] == pytest.approx(expected.alpha_noise, rel=1e-3)
    assert calibration["noise"] == pytest.approx(expected.noise, rel=1e-3)
    assert np.abs(material[4] @ factor).max() < 1e-12 + HARD_TOLERANCE * np.abs(factor).max()
    assert report["uncertainty"]["alpha"] == calibration["alpha"]


def test_the_kind_is_chosen_by_form(material, retrain, tmp_path):
    """From a configuration file, which names the structures that distances count from, too."""
    config = {"format": "lmlink-retrain", "version": 1,
              "uncertainty": {"kind": "auto", "rank": 4, "from": [material[2]["hard"].name]}}
    (tmp_path / "c.json").write_text(json.dumps(config))
    atoms = sum(len(atoms) for atoms in read(material[2]["hard"], ":"))
    for form, kind in (("quadratic", "sandwich"), ("linear", "pops")):
        new, report = retrain(tmp_path / "c.json", *arguments(material, "--form", form))
        content, factor = read_uncertainty(new)
        assert content["factor"]["kind"] == kind and factor.shape[1] <= 4
        assert content["distance"]["elements"]["W"]["atoms"] == atoms
        assert report["uncertainty"]["distance_from"] == [str(material[2]["hard"])]


def test_the_table_says_how_good_it_is(material, retrain):
    """Errors and σ of targets and tests: of quantum rows where the file has values."""
    start, theta, files, rows, _ = material
    new, report = retrain(*arguments(material, "--uncertainty", "sandwich"))
    _, factor = read_uncertainty(new)
    calibration = report["uncertainty"]
    for entry, name in zip(calibration["sets"], ("targets", "test")):
        quantum = counted(files[name])[1]
        errors = (rows[name].values - rows[name].rows @ read_coefficients(new)[0])[quantum]
        sigmas = np.linalg.norm(rows[name].rows[quantum] @ factor, axis=1)
        noisy = (calibration["alpha_with_noise"] / calibration["alpha"] * sigmas)**2 + calibration["noise"]**2
        assert entry["rows"] == quantum.sum() and entry["error"] == "deviation"
        assert entry["rms_error"] == pytest.approx(np.sqrt((errors**2).mean()), rel=NEAR)
        assert entry["rms_sigma"] == pytest.approx(np.sqrt((sigmas**2).mean()), rel=NEAR)
        assert entry["inside_2_sigma"] == pytest.approx((errors**2 < 4 * sigmas**2).mean())
        assert entry["inside_2_sigma_with_noise"] == pytest.approx((errors**2 < 4 * noisy).mean())
    assert "uncertainty: sandwich" in report["stdout"] and "distance of W" in report["stdout"]


def test_many_rows_are_not_held(material, label, teacher, retrain, lmlink_eval, tmp_path):
    """More atoms than are held: all count for the factor, every second one for its scale."""
    start, theta, files, rows, hard = material
    files["targets"] = with_noise(label("many.xyz", cells(80, 3), teacher[0]), 3, quantum=False)
    rows["targets"] = force_rows(lmlink_eval, tmp_path / "zeros.snapcoeff", files["targets"], tmp_path)
    assert HELD < len(rows["targets"].rows) / 3 <= 2 * HELD
    new, report = retrain(*arguments(material, "--uncertainty", "sandwich", "--uncertainty-rank", 8))
    content, factor = read_uncertainty(new)
    expected = expect(material, report, sandwich, 8)
    assert content["factor"]["rows"] == len(rows["targets"].rows)
    assert content["factor"]["calibration"]["alpha"] == pytest.approx(expected.alpha, rel=NEAR)
    assert near(factor @ factor.T, expected.factor @ expected.factor.T)


# ---- POPS of others ----


def test_pops_is_that_of_popsregression(retrain, tmp_path):
    """The covariance before it is scaled, of rows of a design matrix, with the ridge that the package finds."""
    package = pytest.importorskip("popsregression", reason="PyPI's popsregression is not there")
    rng = np.random.default_rng(2)
    rows = rng.normal(0, 1, (400, 6)) * np.r_[1, 2, 3, 1, 0.5, 1]
    values = rows @ rng.normal(0, 1, 6) + 0.3 * np.sin(2 * rows[:, 1])
    theirs = package.POPSRegression(fit_intercept=False, resample_density=500.0)
    np.random.seed(1)
    theirs.fit(rows, values)
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "values.npy", values)
    start = write_potential(tmp_path / "start.snapcoeff", np.zeros(6), W)
    config = {"format": "lmlink-retrain", "version": 1, "form": "linear", "uncertainty": {"kind": "pops", "rank": 6},
              "targets": [{"file": "rows.npy", "targets": "values.npy", "frame_rows": 40}]}
    (tmp_path / "c.json").write_text(json.dumps(config))
    new, _ = retrain(tmp_path / "c.json", "--start", start, "--lambda-ridge", theirs.lambda_ / theirs.alpha_)
    content, factor = read_uncertainty(new)
    factor /= content["factor"]["calibration"]["alpha"]
    assert np.abs(read_coefficients(new)[0] - theirs.coef_).max() < 1e-6
    assert near(factor @ factor.T, theirs.misspecification_sigma_, 0.02)  # theirs is sampled


# ---- distances ----


def distances(lmlink_eval, potential, frames, folder):
    """Components B of each frame's atoms."""
    write(folder / "d.xyz", frames, format="extxyz")
    lmlink_eval("--potential", potential, folder / "d.xyz", "--descriptors", folder / "d.npy", "--output",
                folder / "ignored.xyz")
    return np.split(np.load(folder / "d.npy")[:, 1:], np.cumsum([len(atoms) for atoms in frames])[:-1])


def unpack(packed):
    """R from its rows."""
    n = int(np.sqrt(2 * len(packed)))
    factor = np.zeros((n, n))
    factor[np.triu_indices(n)] = packed
    return factor


def neighbour_mean(atoms, squares, cutoff=CUTOFF):
    sums, counts = squares.copy(), np.ones(len(atoms))
    i, j = neighbor_list("ij", atoms, cutoff)
    np.add.at(sums, i, squares[j])
    np.add.at(counts, i, 1)
    return np.sqrt(sums / counts)


def test_distances_of_two_elements(label, lmlink_eval, tmp_path):
    """Of a potential that is not retrained, from structures that are named."""
    theta = np.random.default_rng(1).normal(0, 1, (2, 6)) * np.r_[3.0, np.full(5, 0.03)]
    potential = write_potential(tmp_path / "pot.snapcoeff", theta, W_BE)
    files = [tmp_path / "a.xyz", tmp_path / "b.xyz"]
    for path, seed in zip(files, (1, 2)):
        write(path, cells(3, seed, ("W", "Be"), size=3), format="extxyz")
    before = potential.read_bytes()
    result = run("--start", potential, "--uncertainty-from", files[0], "--uncertainty-from", files[1])
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"wrote {tmp_path}/pot.uncertainty.json"
    content, factor = read_uncertainty(potential)
    assert factor is None and "factor" not in content and potential.read_bytes() == before
    frames = read(files[0], ":") + read(files[1], ":")
    components = distances(lmlink_eval, potential, frames, tmp_path)
    symbols = np.concatenate([atoms.get_chemical_symbols() for atoms in frames])
    of = content["distance"]["elements"]
    squares = np.zeros(len(symbols))
    for symbol, entry in of.items():
        b = np.concatenate(components)[symbols == symbol]
        covariance = np.cov(b.T, bias=True)
        epsilon = 1e-8 * np.trace(covariance) / 5
        r = unpack(entry["factor"])
        assert entry["atoms"] == len(b) and entry["epsilon"] == pytest.approx(epsilon, rel=1e-9)
        assert near(np.array(entry["mean"]), b.mean(axis=0), 1e-12)
        assert near(r @ r.T @ (covariance + epsilon * np.eye(5)), np.eye(5), 1e-7)
        squares[symbols == symbol] = (((b - b.mean(axis=0)) @ r)**2).sum(axis=1)
    ends = np.cumsum([len(atoms) for atoms in frames])[:-1]
    means = np.concatenate([neighbour_mean(a, s) for a, s in zip(frames, np.split(squares, ends))])
    for symbol, entry in of.items():
        expected = np.quantile(means[symbols == symbol], content["distance"]["shares"], method="inverted_cdf")
        assert near(np.array(entry["quantiles"]), expected, 1e-7)


def test_training_atoms_are_those_of_quantum_and_soft_forces(material, retrain):
    new, _ = retrain(*arguments(material, "--uncertainty", "sandwich"))
    content, _ = read_uncertainty(new)
    atoms = len(np.unique(counted(material[2]["targets"])[2])) - 1 + sum(len(a) for a in read(material[2]["soft"], ":"))
    assert content["distance"]["elements"]["W"]["atoms"] == atoms


# ---- files and runs ----


def test_checksums_are_of_the_numbers(material, retrain):
    new, _ = retrain(*arguments(material, "--uncertainty", "sandwich"))
    content, factor = read_uncertainty(new)
    theta = np.array(read_coefficients(new), "<f8")
    assert content["potential"]["coefficients_sha256"] == hashlib.sha256(theta.tobytes()).hexdigest()
    assert content["factor"]["sha256"] == hashlib.sha256(factor.tobytes()).hexdigest()
    assert content["potential"]["elements"] == ["W"] and content["factor"]["file"] == "new.uncertainty.npy"


def test_threads_ranks_and_cache_give_the_same(material, retrain, tmp_path):
    def make(*further, **options):
        new, _ = retrain(*arguments(material, "--uncertainty", "sandwich", *further), **options)
        return [new.with_suffix(end).read_bytes() for end in (".uncertainty.json", ".uncertainty.npy")], \
            read_uncertainty(new)[1]

    files, factor = make("--threads", 1)
    assert make("--threads", 3)[0] == files
    cached = ("--threads", 1, "--cache", tmp_path / "cache")
    assert make(*cached)[0] == files and make(*cached)[0] == files
    mpirun = shutil.which("mpirun") or need("mpi", "there is no mpirun")
    prefix = (mpirun, "--oversubscribe", "--allow-run-as-root", "-n", "2")
    other = make("--threads", 1, prefix=prefix)[1]
    assert near(other @ other.T, factor @ factor.T)


def test_a_run_without_it_writes_what_it_wrote(material, retrain):
    new, report = retrain(*arguments(material))
    assert "uncertainty" not in report and "search" not in report
    assert not new.with_suffix(".uncertainty.json").exists()


def test_existing_files_are_not_replaced(material, tmp_path):
    (tmp_path / "new.uncertainty.npy").write_bytes(b"mine")
    result = run(*arguments(material, "--uncertainty", "sandwich"), "--output", tmp_path / "new.snapcoeff")
    assert result.returncode == 2 and "new.uncertainty.npy: exists already" in result.stderr
    assert (tmp_path / "new.uncertainty.npy").read_bytes() == b"mine"
    assert not (tmp_path / "new.snapcoeff").exists()


def test_what_cannot_be_is_said(material, label, teacher, tmp_path):
    start, files = material[0], material[2]
    one = with_noise(label("one.xyz", cells(1, 1), teacher[0]), 1)
    output = ("--output", tmp_path / "new.snapcoeff")
    ridge = ("--lambda-ridge", 1)
    for words, code, message in [
            (("--targets", one, *ridge, "--uncertainty", "sandwich", *output), 1, "scale the uncertainty"),
            (("--uncertainty", "pops", "--uncertainty-from", files["soft"]), 2, "found from targets"),
            (("--uncertainty-from", tmp_path / "rows.npy"), 2, "name a file of structures"),
            (("--uncertainty-from", files["hard"].with_name("none.xyz")), 1, "none.xyz"),
            (("--targets", one, "--uncertainty", "bayes", *output), 2, "bayes")]:
        result = run("--start", start, *words)
        assert result.returncode == code, result.stderr
        assert message in result.stderr.splitlines()[-1]
        assert not list(tmp_path.glob("*.uncertainty.*")) and not list(tmp_path.glob("*.tmp"))


def test_a_perfect_crystal_has_no_distance(material, tmp_path):
    atoms = strained(1)[0]
    write(tmp_path / "crystal.xyz", atoms, format="extxyz")
    result = run("--start", material[0], "--uncertainty-from", tmp_path / "crystal.xyz")
    assert result.returncode == 1 and "same environment" in result.stderr.splitlines()[-1]
