"""What of a set's files counts: constraints in the forms in which ASE and lmlink write them, which atoms tests judge, two
sources of one quantity, and under which names values stand."""

import json
import re
import subprocess
import sys

import numpy as np
import plot_retrain
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from conftest import TIMEOUT, need
from mixture import Mixture, configure, linear, mixing
from retrain_oracle import force_rows, minimum
from test_force_log import ENGINE, ML, block, sphere
from test_loop import error_on
from test_retrain import (W, cells, label, read_coefficients, retrain, run, strained, teacher,  # noqa: F401 (fixtures)
                          write_potential)

RIDGE = 1e-3
SAME = 1e-9  # relative, of coefficients
DEBIAN = "/usr/bin/python3"  # with Debian's ASE 3.22

# Writes what test_ase_writes wants of a version of ASE: constraints on frames whose forces they have made zero.
WRITER = """
import json, sys
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from ase.io import read, write
source, target, atoms, cartesian = sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:5])
frames = read(source, ":")
for frame in frames:
    energy, forces = frame.get_potential_energy(), frame.get_forces()
    frame.set_constraint(([FixAtoms(atoms)] if atoms else []) + [FixCartesian(*one) for one in cartesian])
    frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces)
    frame.calc = SinglePointCalculator(frame, energy=energy, forces=frame.get_forces())
write(target, frames, format="extxyz", columns=["symbols", "positions", "move_mask"] + sys.argv[5:])
"""


@pytest.fixture
def best(lmlink_eval, tmp_path):
    """Θ by least squares from the rows of the components that are free, 16 × 3 for each frame."""
    def find(start, data, free):
        rows = force_rows(lmlink_eval, start, data, tmp_path)
        free = np.tile(free.ravel(), len(rows.frames))
        return minimum(read_coefficients(start)[0], [(rows.rows[free], rows.values[free], 1.0)], ridge=RIDGE)

    return find


@pytest.fixture
def quadratic_start(teacher, tmp_path):
    """The linear start with quadratic coefficients that are zero, as a file."""
    _, _, theta = teacher
    return write_potential(tmp_path / "wide.snapcoeff", np.r_[theta[:6], np.zeros(15)], W)


@pytest.fixture
def data(label, teacher):
    """Labelled frames with the digits that ASE writes."""
    path = label("plain.xyz", cells(3, 2), teacher[0])
    write(path.with_name("d.xyz"), read(path, ":"), format="extxyz")
    return path.with_name("d.xyz")


def check_target(retrain, best, start, data, target, free, *words):
    """Retrained on `target`, Θ and rows are those of the free components of `data`."""
    new, report = retrain("--start", start, "--targets", target, "--lambda-ridge", RIDGE, *words)
    expected = best(start, data, free)
    assert np.abs(read_coefficients(new)[0] - expected).max() <= SAME * np.abs(expected).max()
    assert report["sets"][0]["rows"] == 3 * free.sum()
    assert report["sets"][0]["errors"]["count"] == 3 * free.sum()
    return report


FORMS = {"atoms": ([0, 3, 4], []), "components": ([], [[1, [1, 0, 0]], [5, [0, 1, 1]]]),
         "both": ([0, 3], [[1, [1, 0, 0]], [5, [0, 1, 1]]])}


@pytest.mark.parametrize("python, form", [(sys.executable, name) for name in FORMS] +
                         [(DEBIAN, "atoms"), (DEBIAN, "components")])
def test_ase_writes(python, form, data, retrain, best, quadratic_start, tmp_path):
    """Constrained components are no targets, whichever ASE has written them; the forces there are zero."""
    if subprocess.run([python, "-c", "import ase"], capture_output=True).returncode != 0:
        need("debian-ase", f"{python} has no ase")
    held, cartesian = FORMS[form]
    forces = ["forces"] if python == sys.executable else []
    subprocess.run([python, "-c", WRITER, data, tmp_path / "held.xyz", json.dumps(held), json.dumps(cartesian),
                    *forces], check=True, timeout=TIMEOUT)
    free = np.ones((16, 3), bool)
    free[held] = False
    for atom, mask in cartesian:
        free[atom] &= ~np.array(mask, bool)
    report = check_target(retrain, best, quadratic_start, data, tmp_path / "held.xyz", free)
    assert "warning" not in report["stderr"]
    _, everything = retrain("--start", quadratic_start, "--targets", tmp_path / "held.xyz", "--select", "all",
                            "--lambda-ridge", RIDGE)
    assert f"held.xyz: {3 * (~free).sum()} force components that count are exactly zero" in everything["stderr"]
    assert everything["sets"][0]["errors"]["zero_forces"] == 3 * (~free).sum()


def renamed(path, name, old, new):
    (path.with_name(name)).write_text(path.read_text().replace(old, new))
    return path.with_name(name)


def zeroed(path, name, free, **arrays):
    """A copy in which held components have no force, with further columns: under names that ASE does not know itself."""
    frames = read(path, ":")
    for atoms in frames:
        forces = np.where(free, atoms.get_forces(), 0.0)
        atoms.calc = None
        atoms.arrays.update(forces=forces, **{f"my_{key}": array for key, array in arrays.items()})
    new = path.with_name(name)
    write(new, frames, format="extxyz", columns=["symbols", "positions", *(f"my_{key}" for key in arrays), "forces"])
    return renamed(new, name, ":my_", ":")


def some_free():
    free = np.ones((16, 3), bool)
    free[2] = [False, True, True]
    free[7] = [True, False, False]
    return free


@pytest.mark.parametrize("form", ["fix_mask L:1", "fix_mask L:3", "fix_mask I:1", "move_mask I:1", "ase-3.23",
                                  "raw ase-3.23", "inverted"])
def test_other_forms(form, data, retrain, best, quadratic_start):
    whole = np.repeat(~np.isin(np.arange(16), [0, 9])[:, None], 3, axis=1)
    unlisted = np.where(some_free().all(axis=1, keepdims=True), False, some_free())
    free, arrays, words = {
        "fix_mask L:1": (whole, {"fix_mask": ~whole[:, 0]}, ()),
        "fix_mask L:3": (some_free(), {"fix_mask": ~some_free()}, ()),
        "fix_mask I:1": (whole, {"fix_mask": (~whole[:, 0]).astype(int)}, ()),
        "move_mask I:1": (whole, {"move_mask": whole[:, 0].astype(int)}, ()),
        "ase-3.23": (some_free(), {"move_mask": unlisted}, ()),
        "raw ase-3.23": (some_free(), {"move_mask": unlisted}, ("--move-mask", "ase-3.23")),
        "inverted": (whole, {"move_mask": ~whole[:, 0]}, ("--move-mask", "held"))}[form]
    kept = np.ones((16, 3), bool) if form.startswith("raw") else free
    report = check_target(retrain, best, quadratic_start, data, zeroed(data, "held.xyz", kept, **arrays), free, *words)
    assert ("taken as ASE 3.23 to 3.26 write it" in report["stderr"]) == (form == "ase-3.23")


def test_masks_that_contradict_forces(label, teacher, tmp_path):
    full, start, _ = teacher
    data = label("d.xyz", cells(2, 2), full)
    unlisted = np.where(some_free().all(axis=1, keepdims=True), False, some_free())
    scaled = some_free()
    scaled[7] = ~scaled[7]
    whole = np.arange(16) > 3
    cases = {"F F F for atoms that have forces": zeroed(data, "a.xyz", np.ones((16, 3), bool), move_mask=unlisted),
             "holds atom 7 (counted from 0) where it has a force": zeroed(data, "b.xyz", some_free(), move_mask=scaled),
             "move_mask is F where there are forces": zeroed(data, "c.xyz", whole[:, None], move_mask=~whole),
             "column fix_mask must hold T or F": zeroed(data, "d2.xyz", whole[:, None], fix_mask=2 * whole.astype(int))}
    for message, target in cases.items():
        result = run("--start", start, "--targets", target, "--lambda-ridge", RIDGE, "--output",
                     tmp_path / "new.snapcoeff")
        assert result.returncode == 1 and f"{target}: frame 0: " in result.stderr and message in result.stderr


@pytest.mark.parametrize("column, words", [("fix_mask", ()), ("move_mask", ("--move-mask", "held")), (None, ())])
def test_frames_whose_selected_forces_are_all_zero(column, words, label, retrain, teacher):
    """A mask the wrong way round selects the held atoms alone; a file may also have no forces but zeros."""
    full, start, _ = teacher
    data = label("d.xyz", cells(2, 2), full)
    free = np.arange(16) > 3
    masks = {column: free.astype(int)} if column else {}
    target = zeroed(data, "zero.xyz", free[:, None] if column else False, **masks)
    _, report = retrain("--start", start, "--targets", data, "--test", target, "--lambda-ridge", RIDGE, *words)
    count = 2 * 3 * (4 if column else 16)
    assert f"warning: {target}: {count} force components that count are exactly zero, in 2 frames" in report["stderr"]


def test_a_crystal_without_forces_is_no_mistake(label, retrain, teacher):
    """Forces that symmetry makes zero, to the last digit in the file, are zero by the potential."""
    full, start, _ = teacher
    data = label("d.xyz", cells(2, 2), full)
    crystal = label("c.xyz", strained(1), full)
    _, report = retrain("--start", start, "--targets", data, "--test", zeroed(crystal, "zero.xyz", False),
                        "--lambda-ridge", RIDGE)
    assert "exactly zero" not in report["stderr"]


def test_masks_count_for_tests_and_soft_sets(label, retrain, teacher, tmp_path):
    full, start, _ = teacher
    data = label("d.xyz", cells(3, 2), full)
    held = zeroed(data, "held.xyz", some_free(), move_mask=some_free())
    options = ("--start", start, "--targets", data, "--lambda-ridge", RIDGE, "--test", held, "--soft", held)
    rows = {}
    for words in ((), ("--test-select", "all", "--soft-select", "unfixed")):
        _, report = retrain(*options, *words)
        rows[words] = {part["role"]: part["rows"] for part in report["sets"]}
    assert list(rows.values()) == [{"target": 144, "soft": 144, "test": 135}, {"target": 144, "soft": 135, "test": 144}]


# ---- what tests judge ----


@pytest.mark.parametrize("full", [False, True])
def test_an_improvement_is_seen_as_one(full, potentials, lmlink_eval, start, folders, retrain, tmp_path):
    """On a log of lmlink-serve, of all atoms or of those near the QM ones: tests are against the quantum forces, and the
    forces that the old potential gave ML atoms are no truth. A recalled frame counts once, as among targets."""
    folder, sockets = folders
    student = (potentials / ML).with_suffix(".snapcoeff")
    atoms = block(5)
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, 3.5, 9.3), linear(potentials / ENGINE))),
                     log={"file": "log.xyz", "full": full})
    rng = np.random.default_rng(0)
    with Mixture(start, sockets, path) as mixture:
        for _ in range(5):
            moved = atoms.copy()
            moved.positions += rng.normal(0, 0.05, atoms.positions.shape)
            mixture.evaluate(moved)
        mixture.evaluate(moved)
    lines = (folder / "log.xyz").read_text().splitlines(keepends=True)
    count = int(lines[0]) + 2
    (folder / "train.xyz").write_text("".join(lines[:2 * count]))
    (folder / "unseen.xyz").write_text("".join(lines[2 * count:]))
    frames = read(folder / "unseen.xyz", ":")
    assert [frame.info["recalled"] for frame in frames] == [False, False, False, True]
    new, report = retrain("--start", student, "--fixed-terms", "none", "--form", "linear", "--targets",
                          folder / "train.xyz", "--lambda-ridge", 1e-8, "--test", folder / "unseen.xyz",
                          "--log-level", "error")
    found = report["sets"][1]
    assert found["frames_used"] == 3 and found["rows"] == 9 * (frames[0].arrays["region"] == "QM").sum()
    for name, potential in (("rms_before", student), ("rms_after", new)):
        assert found["errors"][name] == pytest.approx(error_on(frames[:3], lmlink_eval, potential, tmp_path), rel=1e-6)
    assert found["errors"]["rms_after"] < 0.5 * found["errors"]["rms_before"]


# ---- errors ----


def test_where_errors_come_from(label, retrain, teacher):
    """Of energies that are constraints, from their rows."""
    full, start, _ = teacher
    data, hard = label("d.xyz", cells(3, 2), full), label("h.xyz", strained(), start)
    _, report = retrain("--start", start, "--targets", data, "--hard", hard, "--test", data, "--lambda-ridge", RIDGE)
    assert {part["role"]: part["errors_from"] for part in report["sets"]} == {
        "target": "evaluation", "hard": "rows", "test": "evaluation"}
    assert len(plot_retrain.with_structures(report)) == 1  # what pictures of strained cells are drawn of


# ---- two sources of one quantity, and names ----


def tensor_file(path, name, **tensors):
    """A copy of a labelled file with these tensors alone, functions of a frame and of what it had, as rows of numbers."""
    frames = read(path, ":")
    for atoms in frames:
        stress, energy, forces = atoms.get_stress(voigt=False), atoms.get_potential_energy(), atoms.get_forces()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        for key, make in tensors.items():
            atoms.info[key] = make(stress, -atoms.get_volume() * stress)
    new = path.with_name(name)
    write(new, frames, format="extxyz")
    return new


def test_virials_and_stresses(label, retrain, teacher, tmp_path):
    """Both may be there if they agree within their digits; if not, one must be named; a lopsided one is refused."""
    full, start, _ = teacher
    data = label("d.xyz", cells(3, 2), full)
    options = ("--start", start, "--virial-weight", 1, "--lambda-ridge", RIDGE)

    def skewed(stress, virial):
        return virial + [[0, 1e-3, 0], [0, 0, 0], [0, 0, 0]]

    good = tensor_file(data, "good.xyz", virial=lambda s, w: w.round(4), stress=lambda s, w: s.round(9))
    constants = tensor_file(data, "constants.xyz", virial=lambda s, w: w * (1 + 2e-7), stress=lambda s, w: s)
    doubled = tensor_file(data, "doubled.xyz", virial=lambda s, w: 2 * w, stress=lambda s, w: s)
    signs = tensor_file(data, "signs.xyz", virial=lambda s, w: w, stress=lambda s, w: -s)
    lopsided = tensor_file(data, "lopsided.xyz", virial=skewed)
    _, plain = retrain(*options, "--targets", data)
    for path in (good, constants):
        _, report = retrain(*options, "--targets", path)
        assert report["sets"][1]["errors"]["rms_before"] == pytest.approx(plain["sets"][1]["errors"]["rms_before"],
                                                                         rel=1e-4)
    for path, message in ((doubled, "virial and stress contradict each other: xx is "), (signs, "contradict"),
                          (lopsided, "virial is not symmetric: xy is ")):
        for role in ("--targets", "--test"):
            config = {"format": "lmlink-retrain", "version": 1, "start": {"file": start.name},
                      "targets": [{"file": data.name}], "lambda_ridge": RIDGE, "output": "new.snapcoeff"}
            config.setdefault("test" if role == "--test" else "targets", []).append({"file": path.name,
                                                                                    "quantity": "virial"})
            (tmp_path / "c.json").write_text(json.dumps(config))
            result = run(tmp_path / "c.json", "--overwrite")
            assert result.returncode == 1 and f"{path}: frame 0: " in result.stderr and message in result.stderr
    for key in ("--stress-key", "--virial-key"):
        _, report = retrain(*options, "--targets", doubled, key, key[2:-4])
        same = report["sets"][1]["errors"]["rms_before"] == pytest.approx(plain["sets"][1]["errors"]["rms_before"])
        assert same == (key == "--stress-key")


def test_names_can_be_chosen(label, retrain, teacher, tmp_path):
    full, start, _ = teacher
    data = label("d.xyz", cells(3, 2), full)
    other = renamed(renamed(data, "e.xyz", " energy=", " free_energy="), "ef.xyz", "forces:R:3", "REF_forces:R:3")
    options = ("--start", start, "--energy-weight", 1, "--lambda-ridge", RIDGE)
    expected, _ = retrain(*options, "--targets", data)
    named, report = retrain(*options, "--targets", other, "--energy-key", "free_energy", "--forces-key", "REF_forces",
                            output="named.snapcoeff")
    assert named.read_text().splitlines()[3:] == expected.read_text().splitlines()[3:]
    assert report["sets"][0]["keys"] == {"energy": "free_energy", "forces": "REF_forces"}
    keys = {"energy": "free_energy", "forces": "REF_forces"}
    (tmp_path / "c.json").write_text(json.dumps({
        "format": "lmlink-retrain", "version": 1, "start": {"file": start.name}, "lambda_ridge": RIDGE,
        "targets": [{"file": "ef.xyz", "keys": keys}, {"file": "ef.xyz", "quantity": "energy", "keys": keys}]}))
    configured, _ = retrain(tmp_path / "c.json", output="configured.snapcoeff")
    assert configured.read_text().splitlines()[3:] == expected.read_text().splitlines()[3:]


def test_near_misses_are_told(label, teacher, retrain, tmp_path):
    full, start, _ = teacher
    data = label("d.xyz", cells(2, 2), full)
    options = ("--start", start, "--lambda-ridge", RIDGE, "--output", tmp_path / "new.snapcoeff", "--overwrite")
    cases = [(" energy=", " REF_energy=", "if that is meant, say \"keys\": {\"energy\": \"REF_energy\"} or --energy-key "
                                          "REF_energy", ["--energy-weight", 1]),
             (" energy=", " Energy=", "it has Energy", ["--energy-weight", 1]),
             ("forces:R:3", "force:R:3", "it has force: if that is meant", []),
             (" virial=", " Virial=", "it has Virial:", ["--virial-weight", 1])]
    beside = tensor_file(data, "beside.xyz", virial=lambda s, w: w, stress=lambda s, w: s)
    for old, new, other in (("virial", "Virial", "stress"), ("stress", "STRESS", "virial")):
        bad = renamed(beside, f"{new}.xyz", f" {old}=", f" {new}=")
        result = run(*options, "--virial-weight", 1, "--targets", bad)
        assert result.returncode == 1
        assert f"{bad}: frame 0: {new} is not known, as its name is {old}, and {other} would count" in result.stderr
        result = run(*options, "--virial-weight", 1, "--targets", bad, f"--{old}-key", new)
        assert result.returncode == 0, result.stderr
    for old, new, message, words in cases:
        bad = renamed(renamed(data, "s.xyz", " stress=", " pressure="), "bad.xyz", old, new)
        result = run(*options, "--targets", bad, *words)
        assert result.returncode == 1 and f"{bad}: frame 0: " in result.stderr and message in result.stderr
    test = renamed(data, "test.xyz", "forces:R:3", "REF_forces:R:3")
    _, report = retrain("--start", start, "--lambda-ridge", RIDGE, "--targets", data, "--test", test)
    assert f"warning: {test}: no forces to compare with; it has REF_forces" in report["stderr"]


@pytest.mark.parametrize("old, new", [("Lattice=", "Latice="), ("Lattice=", "Lattce="), ("Lattice=", "lattices="),
                                      ("pbc=", "pcb=")])
def test_misspelt_names_of_the_format(old, new, label, teacher, lmlink_eval, tmp_path):
    """The cell, and its periodicity. Other keys with nine numbers, and other names, are no cells."""
    full, _, _ = teacher
    data = label("d.xyz", cells(1, 2), full)
    plain = renamed(data, "plain.xyz", ' pbc="T T T"', "") if old == "Lattice=" else data
    bad = renamed(plain, "bad.xyz", old, new)
    result = lmlink_eval("--potential", full, bad, "--output", tmp_path / "o.xyz", check=False)
    assert result.returncode == 1
    assert f"{bad}:2: the key {new[:-1]} is not known: is '{old[:-1]}' meant?" in result.stderr
    for name in ("virial=", "stress=", "lat=", "strain="):
        if old == "Lattice=":
            open_cluster = renamed(plain, "open.xyz", old, name)
            lmlink_eval("--potential", full, open_cluster, "--output", tmp_path / "o.xyz")


@pytest.mark.parametrize("old, new", [("Lattice=", "lattice="), ("Lattice=", "LATTICE="), ("Lattice=", "cell="),
                                      ("pbc=", "PBC="), ("Properties=", "properties=")])
def test_names_of_the_format_in_another_case(old, new, label, teacher, lmlink_eval, tmp_path):
    """A cell that is not seen would make a cluster of a crystal: wherever a structure comes in."""
    full, start, _ = teacher
    bad = renamed(label("d.xyz", cells(1, 2), full), "bad.xyz", old, new)
    message = f"{bad}:2: the key {new[:-1]} is not known, as its name in extended XYZ is {old[:-1]}"
    result = run("--start", start, "--targets", bad, "--lambda-ridge", RIDGE, "--output", tmp_path / "new.snapcoeff")
    assert result.returncode == 1 and message in result.stderr
    result = lmlink_eval("--potential", full, bad, "--output", tmp_path / "o.xyz", check=False)
    assert result.returncode == 1 and message in result.stderr


def test_other_units_and_signs_are_told(label, teacher, retrain, lmlink_eval, tmp_path):
    """Values that are like those of the starting potential but for a factor; those of another potential are not."""
    full, start, _ = teacher
    data = label("d.xyz", cells(3, 2), full)
    lmlink_eval("--potential", start, "--fixed-terms", "none", data, "--output", tmp_path / "start.xyz")
    mine, others = (np.concatenate([atoms.get_forces() for atoms in read(path, ":")])
                    for path in (tmp_path / "start.xyz", data))
    like = (mine * others).sum() / (mine**2).sum()

    def scaled(name, factor, sign):
        frames = read(data, ":")
        for atoms in frames:
            results = {"forces": factor * atoms.get_forces(), "stress": sign * atoms.get_stress()}
            atoms.calc = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(), **results)
            atoms.info.pop("virial", None)
        write(data.with_name(name), frames, format="extxyz")
        return data.with_name(name)

    cases = {scaled("right.xyz", 1, 1): {}, scaled("rydberg.xyz", 1 / 25.711, 1): {"forces": 1 / 25.711},
             scaled("signs.xyz", -1, -1): {"forces": -1, "virial": -1}}
    for path, expected in cases.items():
        _, report = retrain("--start", start, "--targets", path, "--lambda-ridge", RIDGE, "--virial-weight", 1)
        found = dict(re.findall(rf"warning: {path}: (\w+): the file's values are like (\S+) times", report["stderr"]))
        assert found.keys() == expected.keys()
        if expected:
            assert float(found["forces"]) == pytest.approx(like * expected["forces"], rel=0.01)
