"""ACE potentials in .yace files: evaluated, served and retrained like any other."""

import copy
import json
import os
import re
import subprocess
from functools import partial
from pathlib import Path

import ace_oracle
import numpy as np
import pytest
from ase.build import bulk
from ase.io import write
from conftest import LAMMPS_DATA, ROOT, TIMEOUT, need, program
from results import read_results
from retrain_oracle import HARD_TOLERANCE, energy_rows, force_rows, minimum
from retraining import retrain_to
from structures import rattled_cells

retrain = partial(retrain_to, "new.yace")

SHIFTED = ("FinnisSinclairShiftedScaled", [1.0, 1.0, 0.7, 0.5])
KINDS = {  # made-up potentials
    "one element": (["W"], {}),
    "two elements": (["W", "Be"], {}),
    "ChebPow, core repulsion": (["W", "Be"], {"radial": "ChebPow", "inner": "density", "core": 12.0}),
    "core repulsion at a distance": (["W"], {"core": 40.0}),
    "SBessel, two densities": (["W", "Be"], {"radial": "SBessel", "inner": "density", "embedding": SHIFTED}),
    "ZBL": (["W", "Be"], {"inner": "zbl", "core": 0.7}),
    "ZBL, two densities": (["W", "Be"], {"inner": "zbl", "core": 1.0, "radial": "SBessel", "embedding": SHIFTED}),
    "square root": (["W"], {"embedding": ("FinnisSinclair", [1.0, 1.0, 0.5, 0.5]), "core": 12.0, "inner": "density"}),
}
LINEAR = [name for name, (_, options) in KINDS.items() if "embedding" not in options and options.get("inner") != "zbl"]


def write_kind(folder, name, **options):
    elements, settings = KINDS[name]
    model = ace_oracle.made_up(elements, **settings, **options)
    return model, ace_oracle.write_yace(folder / "made-up.yace", model)


def frames_of(elements):
    return rattled_cells(elements, "bcc", 3.17)


def write_exactly(path, frames):
    """Extended XYZ with all digits, of which ASE writes eight decimals."""
    with open(path, "w") as file:
        for atoms in frames:
            words = " ".join(map(repr, atoms.cell.array.ravel().tolist()))
            periodic = " ".join("FT"[int(flag)] for flag in atoms.pbc)
            file.write(f'{len(atoms)}\nLattice="{words}" Properties=species:S:1:pos:R:3 pbc="{periodic}"\n')
            for symbol, position in zip(atoms.symbols, atoms.positions.tolist()):
                file.write(f"{symbol} {' '.join(map(repr, position))}\n")


@pytest.fixture
def evaluate(lmlink_eval, tmp_path):
    """Results of a potential for frames."""
    def run(potential, frames, *options):
        write_exactly(tmp_path / "in.xyz", frames)
        lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", *options)
        return read_results(tmp_path / "out.xyz")

    return run


@pytest.fixture(scope="session")
def pyace():
    """PyPI's python-ace."""
    try:
        import pyace as module
    except ImportError as error:
        need("python-ace", f"PyPI's python-ace is missing: {error}")
    return module


@pytest.fixture
def yace(request, tmp_path, pyace):
    """A published potential."""
    source = request.param
    if source.suffix == ".ace":
        if not source.is_file():
            need("lammps", f"{source} is missing: install Debian's lammps-data")
        pyace.ACECTildeBasisSet(str(source)).save_yaml(str(tmp_path / "converted.yace"))
        source = tmp_path / "converted.yace"
    if not source.is_file():
        need("reference", f"{source} is missing")
    return source


# ---- energies and forces ----

@pytest.mark.parametrize("name", KINDS)
def test_energies_of_the_formula(evaluate, tmp_path, name):
    model, path = write_kind(tmp_path, name)
    for found in evaluate(path, frames_of(KINDS[name][0])):
        chosen = np.linspace(0, len(found.atoms) - 1, 6).astype(int)
        expected = ace_oracle.energies(model, found.atoms, chosen)
        assert np.ptp(expected) > 0.1
        assert found.energies[chosen] == pytest.approx(expected, abs=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", KINDS)
def test_forces_are_slopes_of_energies(evaluate, tmp_path, name):
    """Differences of sixth order along a few coordinates of a cluster, and along a strain of a thin cell."""
    _, path = write_kind(tmp_path, name)
    *_, thin, cluster = frames_of(KINDS[name][0])
    found, rng = evaluate(path, [cluster])[0], np.random.default_rng(2)
    for _ in range(4):
        i, k = rng.integers(len(cluster)), rng.integers(3)

        def move(distance, i=i, k=k):
            atoms = cluster.copy()
            atoms.positions[i, k] += distance
            return atoms

        slope = slope_of(move, path, evaluate)
        assert found.forces[i, k] == pytest.approx(-slope, abs=1e-9 * max(1.0, np.abs(found.forces).max()))
    strain = np.array([[0.3, 0.2, 0.0], [0.2, -0.5, 0.1], [0.0, 0.1, 0.4]])

    def deform(size):
        atoms = thin.copy()
        atoms.set_cell(thin.cell.array @ (np.eye(3) + size * strain), scale_atoms=True)
        return atoms

    found = evaluate(path, [thin])[0]
    slope = slope_of(deform, path, evaluate)
    assert (found.virial * strain).sum() == pytest.approx(-slope, abs=1e-8 * np.linalg.norm(found.virial))


def slope_of(change, path, evaluate, step=2e-4):
    """The slope of the energy along a change of the atoms."""
    places = (-3, -2, -1, 1, 2, 3)
    found = dict(zip(places, (frame.energy for frame in evaluate(path, [change(k * step) for k in places]))))
    return sum(weight * (found[k] - found[-k]) for k, weight in ((1, 0.75), (2, -0.15), (3, 1 / 60))) / step


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512"])
def test_instruction_sets_agree(evaluate, tmp_path, monkeypatch, isa):
    _, path = write_kind(tmp_path, "ChebPow, core repulsion")
    expected = evaluate(path, frames_of(["W", "Be"]))
    monkeypatch.setenv("LMLINK_ISA", isa)
    probe = subprocess.run([program("lmlink-eval"), "--potential", path, tmp_path / "in.xyz", "--output",
                            tmp_path / "probe.xyz"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if "does not have these instructions" in probe.stderr or "not known" in probe.stderr:
        pytest.skip(f"this processor has no {isa}")
    for one, other in zip(evaluate(path, frames_of(["W", "Be"])), expected):
        assert one.forces == pytest.approx(other.forces, abs=1e-10)
        assert one.energies == pytest.approx(other.energies, abs=1e-10)


# ---- beside python-ace ----

FOLDER = Path(os.environ.get("LMLINK_REFERENCE", ROOT.parent / "shared" / "reference" / "w-screw-qmml")).parent / "ace"
PUBLISHED = {FOLDER / "Ta_fitsnap_ridge.yace": (["Ta"], "bcc", 3.31), FOLDER / "InP_fitsnap.yace": (["In", "P"], "diamond", 5.87),
             LAMMPS_DATA / "Cu-PBE-core-rep.ace": (["Cu"], "fcc", 3.62)}


def results_of(pyace, path, atoms):
    """python-ace's forces and virial."""
    atoms = atoms.copy()
    atoms.calc = pyace.PyACECalculator(pyace.ACECTildeBasisSet(str(path)), recursive_evaluator=True, recursive=True)
    virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    return atoms.get_potential_energy(), atoms.get_forces(), virial


@pytest.mark.parametrize("yace", PUBLISHED, indirect=True, ids=lambda path: path.stem)
def test_published_files_like_python_ace(request, pyace, yace, evaluate):
    """With the splines that the file's deltaSplineBins makes, near the cutoff too."""
    elements, lattice, a = PUBLISHED[request.node.callspec.params["yace"]]
    for found in evaluate(yace, rattled_cells(elements, lattice, a)[:2]):
        energy, forces, virial = results_of(pyace, yace, found.atoms)
        assert np.abs(forces).max() > 1.0
        assert found.forces == pytest.approx(forces, abs=1e-9)
        assert found.energy == pytest.approx(energy, abs=1e-11 * len(found.atoms))
        assert found.virial == pytest.approx(virial, abs=1e-9 * np.linalg.norm(virial))


@pytest.mark.parametrize("name", KINDS)
def test_made_up_files_like_python_ace(pyace, evaluate, tmp_path, name):
    """With splines so coarse that they are some 1e-5 eV/Å off the functions that they are of."""
    elements, settings = KINDS[name]
    path = ace_oracle.write_yace(tmp_path / "made-up.yace", ace_oracle.made_up(elements, **settings), spline_step=0.01)
    for found in evaluate(path, frames_of(elements)[:2]):
        energy, forces, _ = results_of(pyace, path, found.atoms)
        assert found.forces == pytest.approx(forces, abs=1e-9 * max(1.0, np.abs(forces).max()))
        assert found.energy == pytest.approx(energy, abs=1e-9 * len(found.atoms))


# ---- components ----

@pytest.mark.parametrize("name", LINEAR)
def test_gradients_times_coefficients_are_forces(evaluate, tmp_path, name):
    """And descriptors times coefficients energies, but for what the core repulsion adds as a fixed term; where it fades
    the functions out, their gradients know of it. The last cell but one is thinner than the cutoff."""
    model, path = write_kind(tmp_path, name)
    bare = copy.deepcopy(model)
    for functions in bare["functions"].values():
        for function in functions:
            function["ctildes"] = [0.0] * len(function["ctildes"])
    frames = frames_of(KINDS[name][0])
    core = evaluate(ace_oracle.write_yace(tmp_path / "core.yace", bare), frames)
    found = evaluate(path, frames, "--gradients", tmp_path / "gradients.npy", "--descriptors", tmp_path / "descriptors.npy")
    theta = coefficients(model)
    fixed = np.concatenate([frame.forces for frame in core])
    forces = np.einsum("nexk,ek->nx", np.load(tmp_path / "gradients.npy"), theta[:, 1:])
    assert forces + fixed == pytest.approx(np.concatenate([frame.forces for frame in found]), abs=1e-10)
    elements = np.concatenate([[model["elements"].index(s) for s in frame.atoms.symbols] for frame in found])
    energies = (np.load(tmp_path / "descriptors.npy") * theta[elements]).sum(axis=1)
    fixed = np.concatenate([frame.energies for frame in core]) - theta[elements, 0]
    assert energies + fixed == pytest.approx(np.concatenate([frame.energies for frame in found]), abs=1e-10)
    assert ("core" in KINDS[name][1]) == (np.abs(fixed).max() > 0.1)


def coefficients(model):
    """elements × (1 + functions): E₀, and the norm of each function's c̃ with the sign of the first."""
    rows = np.zeros((len(model["elements"]), 1 + max(len(functions) for functions in model["functions"].values())))
    rows[:, 0] = model["E0"]
    for e, functions in model["functions"].items():
        for f, function in enumerate(functions):
            rows[e, 1 + f] = np.copysign(np.linalg.norm(function["ctildes"]), function["ctildes"][0])
    return rows


# ---- retraining ----

def cells(count, seed, rattle=0.12):
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("W", "bcc", a=3.17, cubic=True).repeat(2)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, rattle, (len(atoms), 3))
        frames.append(atoms)
    return frames


@pytest.fixture
def label(evaluate, tmp_path):
    """Write frames with a potential's results to a file."""
    def run(name, frames, potential):
        evaluate(potential, frames)
        (tmp_path / "out.xyz").rename(tmp_path / name)
        return tmp_path / name

    return run


def training(folder, label, noise=0.0):
    """A start, and a teacher's forces; the start has a core repulsion, which stays what it is."""
    start = ace_oracle.made_up(["W"], core=12.0, inner="density", seed=1)
    teacher = copy.deepcopy(start)
    rng = np.random.default_rng(7)
    for function in teacher["functions"][0]:
        function["ctildes"] = (np.array(function["ctildes"]) * rng.normal(1, 0.5)).tolist()
    paths = [ace_oracle.write_yace(folder / f"{name}.yace", model) for name, model in (("start", start), ("teacher", teacher))]
    return *paths, start, teacher, label("targets.xyz", cells(4, seed=1), paths[1])


def test_retraining_finds_the_teacher(label, evaluate, pyace, tmp_path):
    """What it writes is read by python-ace too, with the same forces."""
    start, teacher, _, model, targets = training(tmp_path, label)
    _, new, report = retrain(tmp_path, "--start", start, "--targets", targets, "--form", "linear", "--lambda-ridge", "1e-12")
    frames = cells(2, seed=3)
    expected = evaluate(teacher, frames)
    for one, other in zip(evaluate(new, frames), expected):
        assert one.forces == pytest.approx(other.forces, abs=1e-6)
        assert one.forces == pytest.approx(results_of(pyace, new, one.atoms)[1], abs=1e-5)
    assert report["sets"][0]["errors"]["rms_before"] > 0.1
    found, wanted = read_coefficients(new), coefficients(model)[0, 1:]
    assert found == pytest.approx(wanted, abs=1e-4)


def read_coefficients(path):
    """Norms of c̃ in a file that lmlink wrote."""
    rows = re.findall(r"ctildes: \[(.*?)\]", path.read_text())
    numbers = [np.array(list(map(float, row.split(",")))) for row in rows]
    return np.array([np.copysign(np.linalg.norm(values), values[0]) for values in numbers])


def test_a_hard_constraint_and_an_independent_fit(lmlink_eval, label, evaluate, tmp_path):
    """Energies of strained crystals stay what they were; the coefficients are those of NumPy's least squares."""
    start, _, model, _, targets = training(tmp_path, label)
    crystals = cells(3, seed=2, rattle=0.0)
    hard = label("hard.xyz", crystals, start)
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": str(start)}, "targets": [{"file": str(targets)}],
              "hard": [{"file": str(hard)}], "form": "linear", "lambda_ridge": [1e-2], "hard_tolerance": HARD_TOLERANCE}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, new, report = retrain(tmp_path, tmp_path / "config.json")
    for after, before in zip(evaluate(new, crystals), evaluate(start, crystals)):
        assert abs(after.energy - before.energy) < 1e-12 * len(after.atoms) * max(1, abs(before.energies).max())
    errors = report["sets"][0]["errors"]
    assert errors["rms_after"] < 0.5 * errors["rms_before"]

    theta = coefficients(model)[0]
    rows = force_rows(lmlink_eval, start, targets, tmp_path)
    hard_rows = energy_rows(lmlink_eval, start, hard, tmp_path).rows
    core = copy.deepcopy(model)
    for function in core["functions"][0]:
        function["ctildes"] = [0.0] * len(function["ctildes"])
    fixed = evaluate(ace_oracle.write_yace(tmp_path / "core.yace", core), cells(4, seed=1))
    values = rows.values - np.concatenate([frame.forces.ravel() for frame in fixed])
    fitted = minimum(theta, [(rows.rows, values, 1)], hard=hard_rows, ridge=1e-2)
    assert np.abs(fitted - theta).max() > 0.05
    assert read_coefficients(new) == pytest.approx(fitted[1:], abs=1e-7 * np.abs(fitted).max())


# ---- files ----

def test_what_is_refused(lmlink_eval, evaluate, tmp_path):
    """Each message names the file and the line."""
    _, path = write_kind(tmp_path, "one element")
    good = path.read_text()
    write(tmp_path / "in.xyz", cells(1, seed=1), format="extxyz")
    cases = {
        good.replace("ChebExpCos", "TEST_zero"): "radbasename is 'TEST_zero', and lmlink has ChebExpCos, ChebPow, SBessel alone",
        good.replace("inner_cutoff_type: distance", "inner_cutoff_type: none"): "inner_cutoff_type is 'none'",
        good.replace("npoti: FinnisSinclair", "npoti: Linear"): "npoti is 'Linear'",
        good.replace("elements: [W]", "elements: [Wx]"): "'Wx' is no chemical symbol",
        good.replace("rcut: 4.6", "rcut: -1"): "rcut must be positive",
        good.replace("rcut: 4.6", "rcut: much"): "rcut must be a number, not 'much'",
        good.replace("rcut: 4.6", "reach: 4.6"): "the bond [0, 0] has the key 'reach', which is not known",
        good.replace("prehc: 0.0, ", ""): "the bond [0, 0] lacks 'prehc'",
        good.replace("nradmax: 2", "nradmax: 3"): "radcoefficients must have nradmax = 3 lists",
        good.replace("ns: [3]", "ns: [9]"): "ns must be from 1 to 5, not 9",
        good.replace("ls: [1, 1], ms_combs: [-1, 1", "ls: [1, 1], ms_combs: [-1, 0"): "the combination 1 of ms_combs has the sum -1",
        good.replace("[0, 0]: {", "[0, 1]: {"): "a key of bonds must be from 0 to 0, not 1",
        good[:-40]: "is no YAML", good.replace("functions:", "functions:\n  1: []"): "a key of functions must be from 0 to 0",
        good.replace("deltaSplineBins: 0.001", "deltaSplineBins: 9"): "deltaSplineBins must be positive and let each rcut have",
        good.replace("E0: [-1.5]", "E0: [-1.5, 2]"): "E0 must have 1 numbers, not 2",
    }
    for text, message in cases.items():
        assert text != good, message
        (tmp_path / "bad.yace").write_text(text)
        done = lmlink_eval("--potential", tmp_path / "bad.yace", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                           check=False)
        assert done.returncode == 1 and message in done.stderr, (message, done.stderr)
        assert re.search(r"bad\.yace:\d+: ", done.stderr)
    (tmp_path / "old.ace").write_text("nelements=1\n")
    done = lmlink_eval("--potential", tmp_path / "old.ace", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", check=False)
    assert "convert it to .yace" in done.stderr


@pytest.mark.parametrize("name, reason", [("square root", "its embedding is nonlinear or has several densities"),
                                          ("ZBL", "its inner_cutoff_type is zbl")])
def test_others_are_not_retrained(lmlink_eval, evaluate, label, tmp_path, name, reason):
    _, path = write_kind(tmp_path, name)
    targets = label("targets.xyz", cells(1, seed=1), path)
    done, _, _ = retrain(tmp_path, "--start", path, "--targets", targets, "--form", "linear", check=False)
    assert done.returncode == 1 and f"can't be retrained: {reason}" in done.stderr
    done = lmlink_eval("--potential", path, targets, "--output", tmp_path / "out.xyz", "--descriptors",
                       tmp_path / "descriptors.npy", check=False)
    assert done.returncode == 1 and "has no descriptors" in done.stderr


def test_served_to_ase(tmp_path):
    from lmlink import LMLink

    model, path = write_kind(tmp_path, "SBessel, two densities")
    atoms = rattled_cells(["W", "Be"], "bcc", 3.17)[0]
    with LMLink(potential=path) as calculator:
        atoms.calc = calculator
        assert atoms.get_potential_energies()[:3] == pytest.approx(ace_oracle.energies(model, atoms, range(3)), abs=1e-8)
