"""What the uncertainty of the paper's retraining is worth: trained on the first and last images of the dislocation's
path, it is to say where the images between them are off, and how far the forces of other structures change."""

import hashlib
import json

import numpy as np
import pytest
from ase.io import read, write
from conftest import ROOT
from retrain_oracle import energy_rows, force_rows
from scipy.stats import spearmanr
from test_retrain import read_coefficients
from test_retrain_reference import run
from test_retrain_uncertainty import distances, neighbour_mean, read_uncertainty, unpack

from lmlink import LMLink

TRAINED, LEFT_OUT = (0, 1, 2, 3, 9, 10, 11, 12), (4, 5, 6, 7, 8)
RATIO = 0.5, 1.3  # rms error / rms σ
HARD_FACTOR_BAR = 1e-12  # of A_H L, eV per atom
SPREAD_BAR, MEAN_BAR = 1e-12, 1e-11  # eV/Å, of members evaluated one by one
PROPERTIES = 0.02  # of σ, from the spread of properties that are no linear functions of the coefficients
MEMBER_BAR = 2e-12  # eV per atom, of a committee's hard energies
QM_RANKS, PATH_RANKS = 0.80, 0.90  # Spearman's, of σ and errors of atoms
INSIDE = 0.90  # share of errors within 2σ; at a vacancy with displaced atoms 0.87
LARGE = 0.05  # eV/Å: a force is off by more
PRECISION, RECALL = 0.85, 0.70
DISTANCE, DISTANCE_WITH_NOISE = 0.93, 0.90  # average precision
NOISE, THERMAL = 0.06, 0.09  # Å; the second is what tungsten's atoms have at 1000 K


def displaced(atoms, size, seed):
    atoms = atoms.copy()
    atoms.positions += np.random.default_rng(seed).normal(0, size, (len(atoms), 3))
    return atoms


@pytest.fixture(scope="module")
def folder(reference, tmp_path_factory):
    """Images that are trained on and left out, and structures whose forces the starting potential knows."""
    folder = tmp_path_factory.mktemp("uncertainty")
    images = read(reference / "screw_glide_qmml.xyz", ":")
    for name, chosen in (("trained", TRAINED), ("left_out", LEFT_OUT)):
        write(folder / f"{name}.xyz", [images[i] for i in chosen], format="extxyz")
    path = [atoms.copy() for atoms in read(reference / "Vac_NEB_images.xyz", ":")]
    write(folder / "path.xyz", path, format="extxyz")
    write(folder / "vacancy.xyz", [displaced(path[0], THERMAL, seed) for seed in range(4)], format="extxyz")
    write(folder / "bulk.xyz", [atoms.copy() for atoms in read(reference / "bulk_MD_test.xyz", ":")], format="extxyz")
    return folder


@pytest.fixture(scope="module")
def trained_with(reference, folder):
    """For a rank: the new potential and the report, made once; all but the first run take their sums from a cache."""
    made = {}

    def make(rank):
        if rank not in made:
            new = folder / f"rank-{rank}.snapcoeff"
            tests = [word for name in ("bulk", "vacancy", "path") for word in ("--soft-test", folder / f"{name}.xyz")]
            run("--start", reference / "milady_lml.snapcoeff", "--hard", reference / "eos_configurations.xyz", "--soft",
                reference / "bulk_MD_train.xyz", "--lambda-soft", 1, "--lambda-ridge", 500, "--targets",
                folder / "trained.xyz", "--select", "unfixed", "--test", folder / "left_out.xyz", "--test-select",
                "unfixed", *tests, "--uncertainty", "sandwich", "--uncertainty-rank", rank, "--cache", folder / "cache",
                "--output", new, "--report", new.with_suffix(".json"))
            made[rank] = new, json.loads(new.with_suffix(".json").read_text())
        return made[rank]

    return make


@pytest.fixture(scope="module")
def rows_of(folder, lmlink_eval, trained_with):
    """Rows of a file's forces, of QM atoms where there are some."""
    def make(name):
        frames = read(folder / f"{name}.xyz", ":")
        parts = []
        for atoms in frames:
            one = folder / "one.xyz"
            write(one, atoms, format="extxyz")
            chosen = atoms.arrays.get("region", np.full(len(atoms), "QM")) == "QM"
            if atoms.calc is None:
                lmlink_eval("--potential", trained_with(15)[0], one, "--output", folder / "labelled.xyz")
                one = folder / "labelled.xyz"
            parts.append(force_rows(lmlink_eval, trained_with(15)[0], one, folder, [chosen]))
        return np.concatenate([part.rows for part in parts]), np.concatenate([part.values for part in parts])

    return make


def of_atoms(values):
    return np.linalg.norm(values.reshape(-1, 3), axis=1)


def change(trained_with, reference):
    """δ: what was added to the start's coefficients."""
    delta = read_coefficients(trained_with(15)[0])[0]
    start = read_coefficients(reference / "milady_lml.snapcoeff")[0]
    delta[:len(start)] -= start
    return delta


def test_sigma_is_as_large_as_errors(trained_with):
    """On quantum forces that were left out; of the other files on what the change against the start's forces is."""
    report = trained_with(15)[1]["uncertainty"]
    sets = {entry["file"].rsplit("/", 1)[1]: entry for entry in report["sets"]}
    assert 5 < report["alpha"] < 8 and report["folds"] == 4 and report["rows"] == 3 * 25 * len(TRAINED)
    for name in ("left_out.xyz", "bulk.xyz", "vacancy.xyz", "path.xyz"):
        assert RATIO[0] <= sets[name]["rms_error"] / sets[name]["rms_sigma"] <= RATIO[1]
    assert sets["left_out.xyz"]["rows"] == 3 * 25 * len(LEFT_OUT)
    assert sets["left_out.xyz"]["inside_2_sigma_with_noise"] >= INSIDE
    assert min(sets[name]["inside_2_sigma"] for name in ("bulk.xyz", "path.xyz")) >= INSIDE
    assert sets["vacancy.xyz"]["inside_2_sigma"] >= 0.87


def test_the_first_columns_say_nearly_all(trained_with, rows_of):
    new, _ = trained_with(200)
    _, factor = read_uncertainty(new)
    assert factor.shape[1] == 25 * len(TRAINED)
    for name in ("left_out", "bulk", "path"):
        along = rows_of(name)[0] @ factor
        full, most, least = (np.sqrt((along[:, :rank]**2).sum(axis=1).mean()) for rank in (200, 31, 15))
        assert most >= 0.97 * full and least >= 0.80 * full


def test_constraints_are_certain(trained_with, reference, lmlink_eval, folder):
    """Hard energies have no variance, and a committee of K = 16 leaves them as they are."""
    new, _ = trained_with(15)
    _, factor = read_uncertainty(new)
    (folder / "hard").mkdir()
    rows = energy_rows(lmlink_eval, new, reference / "eos_configurations.xyz", folder / "hard").rows
    helmert = np.linalg.qr(np.eye(16) - 1 / 16)[0][:, :15]
    assert np.abs(helmert.sum(axis=0)).max() < 1e-12
    assert np.abs(rows @ factor).max() <= HARD_FACTOR_BAR
    assert np.abs(rows @ (factor @ (np.sqrt(15) * helmert.T))).max() <= MEMBER_BAR


def test_members_written_to_files(trained_with, reference, lmlink_eval, folder):
    """The committee that is served against its 16 members, evaluated one by one."""
    new, _ = trained_with(15)
    lmlink_eval("--potential", new, "--write", folder / "member.snapcoeff", "--committee")
    members = [folder / f"member-{k}.snapcoeff" for k in range(1, 17)]
    image = read(folder / "left_out.xyz", 2)
    hard = read(reference / "eos_configurations.xyz", ":")
    hard = [hard[0], hard[-1]]
    with LMLink(new, results=["committee_forces", "sigma_forces"], fixed_terms="none") as calculator:
        forces = calculator.get_property("forces", image)
        shared, sigmas = calculator.results["committee_forces"].reshape(-1, 16, 3), calculator.results["sigma_forces"]
        energies = np.array([calculator.get_property("energy", atoms) / len(atoms) for atoms in hard])
    alone, changes = [], []
    for member in members:
        with LMLink(member, fixed_terms="none") as calculator:
            alone.append(calculator.get_property("forces", image))
            changes.append([calculator.get_property("energy", atoms) / len(atoms) for atoms in hard] - energies)
    alone = np.array(alone)
    assert np.abs(shared.transpose(1, 0, 2) - alone).max() <= MEAN_BAR
    assert np.abs(alone.std(axis=0, ddof=1) - sigmas).max() <= SPREAD_BAR < 1e-9 * sigmas.max()
    assert np.abs(alone.mean(axis=0) - forces).max() <= MEAN_BAR
    assert np.abs(changes).max() <= MEMBER_BAR


def test_sigma_of_properties(reference, lmlink_eval, folder, monkeypatch):
    """Of what is published: the spread among members whose crystals and vacancies are relaxed one by one. Nothing holds the
    crystal's energies here; the factor is made so small that properties are linear in it."""
    monkeypatch.syspath_prepend(ROOT / "examples" / "ase")
    import crystals
    import sigmas

    new, members = folder / "loose.snapcoeff", 4
    run("--start", reference / "milady_lml.snapcoeff", "--soft", reference / "bulk_MD_train.xyz", "--lambda-soft", 1,
        "--lambda-ridge", 500, "--targets", folder / "trained.xyz", "--select", "unfixed", "--uncertainty", "sandwich",
        "--uncertainty-rank", members - 1, "--output", new, "--report", new.with_suffix(".json"))
    files = [new.with_suffix(f".uncertainty.{end}") for end in ("json", "npy")]
    content, factor = json.loads(files[0].read_text()), 0.03 * np.load(files[1])
    content["factor"]["sha256"] = hashlib.sha256(factor.tobytes()).hexdigest()
    files[0].write_text(json.dumps(content))
    np.save(files[1], factor)
    lmlink_eval("--potential", new, "--write", folder / "one.snapcoeff", "--committee")

    def properties(potential):
        with LMLink(potential, fixed_terms="none") as calculator:
            cell = crystals.relaxed_cell(calculator, "W")
            constants = crystals.elastic_constants(cell, calculator, 1e-3)
            formation, vacancy = crystals.vacancy_formation(cell, calculator, 2)
        return cell, vacancy, [cell.cell[0, 0], *constants, formation]

    spread = np.std([properties(folder / f"one-{k}.snapcoeff")[2] for k in range(1, members + 1)], axis=0, ddof=1)
    cell, vacancy, _ = properties(new)
    found = sigmas.of_crystal(new, cell, 2, vacancy, [vacancy, vacancy])
    names = ("lattice constant (Å)", "C11 (GPa)", "C12 (GPa)", "C44 (GPa)", "vacancy formation (eV)")
    assert np.allclose([found[name] for name in names], spread, rtol=PROPERTIES)
    assert spread[1:4].min() > 0.01 and found["vacancy migration (eV)"] == 0


def test_sigma_ranks_atoms(trained_with, rows_of, reference):
    delta = change(trained_with, reference)
    _, factor = read_uncertainty(trained_with(15)[0])
    rows, forces = rows_of("left_out")
    start = np.concatenate([atoms.get_forces()[atoms.arrays["region"] == "QM"].ravel()
                            for atoms in read(trained_with(15)[0].with_name("left_out.xyz"), ":")])
    assert np.array_equal(start, forces)
    new = read_coefficients(trained_with(15)[0])[0]
    errors, sigmas = of_atoms(forces - rows @ new), of_atoms(np.linalg.norm(rows @ factor, axis=1))
    assert spearmanr(errors, sigmas)[0] >= QM_RANKS
    suspected, wrong = sigmas > LARGE, errors > LARGE
    assert (suspected & wrong).sum() / suspected.sum() >= PRECISION
    assert (suspected & wrong).sum() / wrong.sum() >= RECALL
    rows, _ = rows_of("path")
    sigmas = of_atoms(np.linalg.norm(rows @ factor, axis=1))
    assert spearmanr(of_atoms(rows @ delta), sigmas)[0] >= PATH_RANKS


def average_precision(scores, wrong):
    hits = wrong[np.argsort(-scores)]
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def test_the_distance_finds_what_the_start_does_not_know(reference, folder, lmlink_eval):
    """From the start and bulk structures alone: the atoms of image 6 whose force is off, also among thermal noise."""
    for end in (".snapcoeff", ".snapparam"):
        (folder / f"start{end}").write_bytes((reference / f"milady_lml{end}").read_bytes())
    start = folder / "start.snapcoeff"
    run("--start", start, "--uncertainty-from", reference / "bulk_MD_train.xyz")
    of = read_uncertainty(start)[0]["distance"]["elements"]["W"]
    r = unpack(of["factor"])
    image = read(reference / "screw_glide_qmml.xyz", 6)
    free, qm = ~image.arrays["fix_mask"], image.arrays["region"] == "QM"
    (folder / "distance").mkdir()
    rows = force_rows(lmlink_eval, start, write_one(folder / "distance", image), folder / "distance")
    errors = rows.values - rows.rows @ read_coefficients(start)[0]
    wrong = (of_atoms(errors) > LARGE)[free]
    for noise, bar in ((0.0, DISTANCE), (NOISE, DISTANCE_WITH_NOISE)):
        atoms = displaced(image, noise, 0)
        b = distances(lmlink_eval, start, [atoms], folder / "distance")[0]
        scores = neighbour_mean(atoms, (((b - of["mean"]) @ r)**2).sum(axis=1), cutoff=4.7)
        assert average_precision(scores[free], wrong) >= bar
        if noise == 0.0:
            assert qm[free][np.argsort(-scores[free])[:25]].all()


def write_one(folder, atoms):
    write(folder / "image.xyz", atoms, format="extxyz")
    return folder / "image.xyz"
