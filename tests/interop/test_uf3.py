"""Two-body UF3 potentials, LAMMPS `pair_style uf3`: evaluated, served and retrained like any other."""

import json
import subprocess
import types

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import TIMEOUT, program
from results import read_results
from structures import rattled_cells

FORCE_BAR = 1e-9  # eV/Å
ENERGY_BAR = 1e-9  # eV per atom
VIRIAL_BAR = 1e-8  # of the virial's norm
NCOEFFICIENTS = {("W", "W"): 14, ("W", "Be"): 11, ("Be", "Be"): 9}
CUTOFFS = {("W", "W"): 5.0, ("W", "Be"): 4.5, ("Be", "Be"): 4.0}


def knots_of(pair):
    """Knots that are not evenly spaced."""
    inner = 1.2 + (CUTOFFS[pair] - 1.2) * np.linspace(0, 1, NCOEFFICIENTS[pair] - 2)**1.2
    return np.r_[[inner[0]] * 3, inner, [inner[-1]] * 3]


def write_uf3(path, coefficients):
    """A file of one block for each pair in `coefficients`."""
    blocks = []
    for pair, values in coefficients.items():
        knots = knots_of(pair)
        blocks.append(f"#UF3 POT UNITS: metal\n2B {pair[0]} {pair[1]} 0 3 nk\n{CUTOFFS[pair]} {len(knots)}\n"
                      f"{' '.join(map(repr, knots.tolist()))}\n{len(values)}\n{' '.join(map(repr, values.tolist()))}\n#\n")
    path.write_text("".join(blocks))
    return path


def read_uf3(path):
    """The coefficients of a file's first block."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return np.array(list(map(float, lines[4].split())))


def made_up(pairs, seed=1):
    """Coefficients of a repulsive core and a soft tail that ends smoothly."""
    rng = np.random.default_rng(seed)
    found = {}
    for pair in pairs:
        n = NCOEFFICIENTS[pair]
        found[pair] = 6.0 * np.exp(-1.2 * np.arange(n)) + rng.normal(0, 0.1, n)
        found[pair][-3:] = 0.0
    return found


def oracle_potential(path, elements):
    """What the oracle wants to know of a potential."""
    return types.SimpleNamespace(elements=elements, commands=lambda: [
        "pair_style uf3 2", f"pair_coeff * * {path} {' '.join(elements)}"])


@pytest.mark.parametrize("elements, pairs", [(["W"], [("W", "W")]), (["W", "Be"], list(CUTOFFS))], ids=["one", "two"])
def test_like_lammps(lammps, lmlink_eval, tmp_path, elements, pairs):
    path = write_uf3(tmp_path / "made-up.uf3", made_up(pairs))
    frames = rattled_cells(elements, "bcc", 3.17)
    write(tmp_path / "in.xyz", frames, format="extxyz")
    lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    for found in read_results(tmp_path / "out.xyz"):
        expected = lammps.evaluate(found.atoms, oracle_potential(path, elements))
        assert np.abs(expected.forces).max() > 0.1
        assert found.forces == pytest.approx(expected.forces, abs=FORCE_BAR)
        assert found.energy == pytest.approx(expected.energy, abs=ENERGY_BAR * len(found.atoms))
        assert found.virial == pytest.approx(expected.virial, abs=VIRIAL_BAR * np.linalg.norm(expected.virial))


def test_gradients_and_virials_are_those_of_energies(lmlink_eval, tmp_path):
    """Gradients of the components times the coefficients are the forces; the largest cell is thinner than the cutoff."""
    path = write_uf3(tmp_path / "made-up.uf3", made_up(CUTOFFS))
    write(tmp_path / "in.xyz", rattled_cells(["W", "Be"], "bcc", 3.17), format="extxyz")
    lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--gradients",
                tmp_path / "gradients.npy", "--descriptors", tmp_path / "descriptors.npy")
    theta = coefficients_by_element(made_up(CUTOFFS))
    found = read_results(tmp_path / "out.xyz")
    forces = np.einsum("nexk,ek->nx", np.load(tmp_path / "gradients.npy"), theta[:, 1:])
    assert forces == pytest.approx(np.concatenate([frame.forces for frame in found]), abs=1e-11)
    elements = np.concatenate([["WBe".index(symbol) > 0 for symbol in frame.atoms.symbols] for frame in found]).astype(int)
    energies = (np.load(tmp_path / "descriptors.npy") * theta[elements]).sum(axis=1)
    assert energies == pytest.approx(np.concatenate([frame.energies for frame in found]), abs=1e-11)


def coefficients_by_element(coefficients):
    """elements × (1 + all pairs' coefficients): each element has those of its pairs, and no constant."""
    rows = np.zeros((2, 1 + sum(map(len, coefficients.values()))))
    first = 1
    for pair, values in coefficients.items():
        for e, element in enumerate(("W", "Be")):
            if element in pair:
                rows[e, first:first + len(values)] = values
        first += len(values)
    return rows


def cells(count, seed):
    """Rattled and strained cells of tungsten."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("W", "bcc", a=3.16, cubic=True).repeat(3)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.03, (3, 3))), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.15, (len(atoms), 3))
        frames.append(atoms)
    return frames


@pytest.fixture
def label(lmlink_eval, tmp_path):
    """Write frames with a potential's results to a file."""
    def run(name, frames, potential):
        write(tmp_path / "unlabelled.xyz", frames, format="extxyz")
        lmlink_eval("--potential", potential, tmp_path / "unlabelled.xyz", "--output", tmp_path / name)
        return tmp_path / name

    return run


def retrain(folder, *arguments, output="new.uf3", check=True):
    """Run lmlink-retrain; gives what it printed, the new file and the report."""
    out = folder / output
    done = subprocess.run([program("lmlink-retrain"), *map(str, arguments), "--output", str(out), "--report",
                           str(folder / "report.json"), "--overwrite"], capture_output=True, text=True, timeout=TIMEOUT,
                          check=False)
    assert not check or done.returncode == 0, done.stderr
    return done, out, json.loads((folder / "report.json").read_text()) if check else None


def test_retraining_with_hard_constraints(lammps, label, tmp_path):
    """From another potential's forces; the virial of a strained crystal stays what it was, exactly, as do the file's
    knots; without constraints the other potential is found again."""
    pairs = [("W", "W")]
    teacher = write_uf3(tmp_path / "teacher.uf3", made_up(pairs, seed=4))
    start = write_uf3(tmp_path / "start.uf3", made_up(pairs, seed=5))
    targets = label("targets.xyz", cells(6, seed=1), teacher)
    crystals = cells(1, seed=2)
    for atoms in crystals:
        atoms.set_scaled_positions(bulk("W", "bcc", a=3.16, cubic=True).repeat(3).get_scaled_positions())
    hard = label("hard.xyz", crystals, start)
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": str(start)}, "targets": [{"file": str(targets)}],
              "hard": [{"file": str(hard), "quantity": "virial"}], "form": "linear", "lambda_ridge": [1e-9]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, constrained, report = retrain(tmp_path, tmp_path / "config.json")
    virials = {name: [frame.virial for frame in read_results(label(f"{name}.xyz", crystals, path))]
               for name, path in (("before", start), ("after", constrained))}
    scale = np.abs(virials["before"]).max()
    assert np.array(virials["after"]) == pytest.approx(np.array(virials["before"]), abs=1e-9 * scale)
    assert np.abs(read_uf3(constrained) - read_uf3(start)).max() > 1e-2
    before, after = (report["sets"][0]["errors"][f"rms_{when}"] for when in ("before", "after"))
    assert after < 0.5 * before
    found = read_results(label("found.xyz", crystals, constrained))[0]  # LAMMPS reads what was written
    assert found.forces == pytest.approx(lammps.evaluate(found.atoms, oracle_potential(constrained, ["W"])).forces,
                                         abs=FORCE_BAR)

    _, free, _ = retrain(tmp_path, "--start", start, "--targets", targets, "--lambda-ridge", "1e-9", "--form",
                         "linear")
    found = read_results(label("found.xyz", cells(2, seed=3), free))
    expected = read_results(label("expected.xyz", cells(2, seed=3), teacher))
    for one, other in zip(found, expected):
        assert one.forces == pytest.approx(other.forces, abs=1e-5)


def test_what_is_refused(lmlink_eval, tmp_path):
    """Three-body parts, files that are cut short or do not fit together, and outputs in another format."""
    good = write_uf3(tmp_path / "good.uf3", made_up([("W", "W")])).read_text()
    write(tmp_path / "in.xyz", cells(1, seed=1), format="extxyz")
    cases = {"#UF3 POT UNITS: metal\n3B W W W 0 3 nk\n": "three-body part", good[:200]: "has 12 knots, and needs 18", "".join(good.splitlines(keepends=True)[:3]): "ends within a block",
             good.replace(" nk", " xk"): "knots must be nk or uk", good.replace("metal", "real"): "units other than metal",
             good.replace("\n14\n", "\n15\n"): "do not go with 18 knots",
             good.replace("2B W W", "2B W Be"): "has no 2B block for W and W", good + good: "is there twice"}
    for text, message in cases.items():
        (tmp_path / "bad.uf3").write_text(text)
        done = lmlink_eval("--potential", tmp_path / "bad.uf3", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                           check=False)
        assert done.returncode == 1 and message in done.stderr and "bad.uf3" in done.stderr, (message, done.stderr)
    (tmp_path / "strange.dat").write_text("nothing that is known\n")
    done = lmlink_eval("--potential", tmp_path / "strange.dat", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                       check=False)
    assert "no potential that lmlink reads" in done.stderr and ".uf3" in done.stderr
    lmlink_eval("--potential", tmp_path / "good.uf3", tmp_path / "in.xyz", "--output", tmp_path / "labelled.xyz")
    for options, message in (({"output": "new.snapcoeff"}, "must be a .uf3 file"), ({}, "say --form linear")):
        done, _, _ = retrain(tmp_path, "--start", tmp_path / "good.uf3", "--targets", tmp_path / "labelled.xyz",
                             check=False, **options)
        assert done.returncode == 2 and message in done.stderr


def test_served_to_ase(tmp_path):
    from lmlink import LMLink

    path = write_uf3(tmp_path / "made-up.uf3", made_up(CUTOFFS))
    atoms = cells(1, seed=1)[0]
    with LMLink(potential=path) as calculator:
        atoms.calc = calculator
        forces, energy = atoms.get_forces(), atoms.get_potential_energy()
        moved = []
        for step in (1e-4, -1e-4):
            atoms.positions[5, 1] += step
            moved.append(atoms.get_potential_energy())
            atoms.positions[5, 1] -= step
    assert np.isfinite(energy) and forces[5, 1] == pytest.approx((moved[1] - moved[0]) / 2e-4, abs=1e-5)
