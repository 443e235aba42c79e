"""Distance and σ of each atom as results: against NumPy, from the descriptors and gradients of lmlink-eval and the files of
the uncertainty; wherever results go; what is refused; with new coefficients; in mixtures."""

import json
import os
import shutil

import numpy as np
import pytest
from ase.io import read, write
from ase.neighborlist import neighbor_list
from mixture import Mixture, configure, linear, mixing
from test_reload import server
from test_retrain import W_BE, cells, label, retrain, teacher, write_potential  # noqa: F401
from test_uf3 import made_up, write_uf3

from lmlink import LMLink, LMLinkError

NAMES = ["distance", "sigma_energies", "sigma_forces"]
CUTOFF = 4.5  # Å, of the potentials of test_retrain
NEAR = 1e-7  # relative to the largest: files of frames have eight decimals


def near(found, expected, tolerance=NEAR):
    return np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def with_noise(path, seed=1):
    """What no potential can meet: errors for a covariance."""
    rng = np.random.default_rng(seed)
    frames = read(path, ":")
    for atoms in frames:
        atoms.calc.results["forces"] = atoms.get_forces() + rng.normal(0, 0.02, (len(atoms), 3))
    write(path, frames, format="extxyz")
    return path


@pytest.fixture
def train(label, retrain, tmp_path):
    """A potential with an uncertainty, from start and symbols."""
    def run(start, symbols, *options, output="new.snapcoeff", ridge=1e-3):
        data = with_noise(label("data.xyz", cells(8, 1, symbols), start))
        return retrain("--start", start, "--targets", data, "--select", "all", "--lambda-ridge", ridge,
                       "--uncertainty", "sandwich", *options, output=output)[0]

    return run


@pytest.fixture
def alloy(tmp_path):
    theta = np.random.default_rng(1).normal(0, 1, (2, 6)) * np.r_[3.0, np.full(5, 0.03)]
    return write_potential(tmp_path / "alloy.snapcoeff", theta, W_BE)


class Expected:
    """Rows of lmlink-eval, and the files of the uncertainty, in NumPy."""

    def __init__(self, potential, lmlink_eval, tmp_path, cutoff=CUTOFF):
        self.potential, self.run, self.folder, self.cutoff = potential, lmlink_eval, tmp_path, cutoff
        self.content = json.loads(potential.with_suffix(".uncertainty.json").read_text())
        self.elements = self.content["potential"]["elements"]
        self.factor = np.load(potential.with_suffix(".uncertainty.npy"))
        self.factor = self.factor.reshape(len(self.elements), -1, self.factor.shape[1])

    def of(self, atoms):
        """The three results."""
        path, d, g = (self.folder / name for name in ("rows.xyz", "d.npy", "g.npy"))
        write(path, atoms, format="extxyz", columns=["symbols", "positions"])
        self.run("--potential", self.potential, path, "--descriptors", d, "--gradients", g)
        descriptors, gradients = np.load(d), np.load(g)
        kinds = np.array([self.elements.index(symbol) for symbol in atoms.symbols])
        energies = np.einsum("ic,ick->ik", descriptors, self.factor[kinds])
        forces = np.einsum("iedc,eck->idk", gradients, self.factor[:, 1:])
        return {"distance": self.distances(atoms, descriptors), "sigma_energies": np.linalg.norm(energies, axis=1),
                "sigma_forces": np.linalg.norm(forces, axis=2)}

    def distances(self, atoms, descriptors):
        n = self.content["distance"]["components"]
        squares = np.full(len(atoms), np.nan)
        for symbol, part in self.content["distance"]["elements"].items():
            of = atoms.symbols == symbol
            if part["atoms"] > 1 and of.any():
                root = np.zeros((n, n))
                root[np.triu_indices(n)] = part["factor"]
                squares[of] = (((descriptors[of, 1:1 + n] - part["mean"]) @ root)**2).sum(axis=1)
        i, j = neighbor_list("ij", atoms, self.cutoff)
        sums, counts = squares.copy(), np.ones(len(atoms))
        np.add.at(sums, i, squares[j])
        np.add.at(counts, i, 1)
        return np.sqrt(sums / counts)


def evaluate(lmlink_eval, potential, frames, tmp_path, names=NAMES):
    write(tmp_path / "in.xyz", frames, format="extxyz", columns=["symbols", "positions"])
    lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--results",
                ",".join(names))
    return read(tmp_path / "out.xyz", ":")


# ---- numbers ----


@pytest.mark.parametrize("form", ["linear", "quadratic"])
def test_eval(form, train, alloy, lmlink_eval, tmp_path):
    """Of two elements, in cells in which atoms are their own neighbours, and in a cluster without a cell. The results one
    by one are those of all."""
    potential = train(alloy, ("W", "Be"), "--form", form)
    expected = Expected(potential, lmlink_eval, tmp_path)
    free = cells(1, 8, ("W", "Be"))[0]
    free.pbc = False
    frames = cells(2, 5, ("W", "Be"), size=3) + cells(2, 6, ("W", "Be"), size=1) + [free]
    for atoms in evaluate(lmlink_eval, potential, frames, tmp_path):
        wanted = expected.of(atoms)
        for name in NAMES:
            assert atoms.arrays[name].shape == wanted[name].shape
            assert near(atoms.arrays[name], wanted[name]), name
            alone = evaluate(lmlink_eval, potential, [atoms], tmp_path, [name])[0]
            assert near(alone.arrays[name], wanted[name]), name
            assert near(alone.get_forces(), atoms.get_forces(), 1e-12)


def test_forces_are_those_without(train, alloy, lmlink_eval, tmp_path):
    """Asking for them changes no other result: of runs of both elements, which take turns in a linear form."""
    potential, frames = train(alloy, ("W", "Be"), "--form", "linear"), cells(3, 9, ("W", "Be"), size=3)
    plain = evaluate(lmlink_eval, potential, frames, tmp_path, ["energies"])
    for with_them, without in zip(evaluate(lmlink_eval, potential, frames, tmp_path), plain):
        assert (with_them.get_forces() == without.get_forces()).all()
        assert with_them.get_potential_energy() == without.get_potential_energy()


def test_uf3(train, lmlink_eval, tmp_path):
    write_uf3(tmp_path / "start.uf3", made_up([("W", "W")], seed=2))
    potential = train(tmp_path / "start.uf3", ("W",), "--form", "linear", output="new.uf3")
    frames = cells(2, 5, size=2)
    found = evaluate(lmlink_eval, potential, frames, tmp_path, NAMES[1:])
    expected = Expected(potential, lmlink_eval, tmp_path, cutoff=1.0)
    for atoms in found:
        for name in NAMES[1:]:
            assert near(atoms.arrays[name], expected.of(atoms)[name]), name


def test_an_element_without_training_atoms(train, alloy, lmlink_eval, tmp_path):
    """Distances near it are undefined, and no number stands for them."""
    potential = train(alloy, ("W",))
    atoms = cells(1, 5, size=4)[0]
    atoms.symbols[0] = "Be"
    found = evaluate(lmlink_eval, potential, [atoms], tmp_path)[0].arrays["distance"]
    near_it = np.zeros(len(atoms), bool)
    near_it[neighbor_list("j", atoms, {("W", "Be"): CUTOFF})] = True
    expected = Expected(potential, lmlink_eval, tmp_path).of(atoms)["distance"]
    assert (np.isnan(found) == np.isnan(expected)).all() and np.isnan(found).any() and not np.isnan(found).all()
    assert near_it[np.isnan(found)].all()
    assert near(found[~np.isnan(found)], expected[~np.isnan(found)])


def test_energies_of_a_path(train, alloy, lmlink_eval, tmp_path):
    """σ of differences of energies, and of nothing else: of two structures that differ."""
    potential = train(alloy, ("W", "Be"))
    expected = Expected(potential, lmlink_eval, tmp_path)
    start = cells(1, 5, ("W", "Be"), size=3)[0]
    path = [start.copy() for _ in range(4)]
    for k, atoms in enumerate(path):
        atoms.positions[3, 0] += 0.3 * k
    found = evaluate(lmlink_eval, potential, path, tmp_path, ["energy_deviations"])
    lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--descriptors", tmp_path / "d.npy")
    kinds = np.array([expected.elements.index(symbol) for symbol in start.symbols])
    rows = np.load(tmp_path / "d.npy").reshape(len(path), len(start), -1)
    wanted = np.einsum("fic,ick->fk", rows - rows[0], expected.factor[kinds])
    sigmas = [np.linalg.norm(atoms.info["energy_deviations"] - found[0].info["energy_deviations"]) for atoms in found]
    assert near(np.array(sigmas), np.linalg.norm(wanted, axis=1), 1e-6) and sigmas[3] > sigmas[1] > 0


# ---- where results go ----


def test_lmlink_and_log(train, alloy, lmlink_eval, tmp_path):
    potential, log = train(alloy, ("W", "Be")), tmp_path / "log.xyz"
    expected = Expected(potential, lmlink_eval, tmp_path)
    atoms = cells(1, 5, ("W", "Be"), size=3)[0]
    atoms.positions = np.round(atoms.positions, 8)
    atoms.cell = np.round(atoms.cell.array, 8)
    with LMLink(potential, results=NAMES, force_log=log) as calculator:
        for _ in range(2):
            atoms.calc = calculator
            atoms.get_forces()
            wanted = expected.of(atoms)
            assert all(near(calculator.results[name], wanted[name]) for name in NAMES)
            frame = read(log, -1)
            assert all(near(frame.arrays[name], wanted[name]) for name in NAMES)
            atoms.positions = np.round(atoms.positions + np.random.default_rng(3).normal(0, 0.05, (len(atoms), 3)), 8)


def test_ranks(launcher, train, alloy, lmlink_eval, tmp_path):
    potential = train(alloy, ("W", "Be"))
    expected = Expected(potential, lmlink_eval, tmp_path)
    atoms = cells(1, 5, ("W", "Be"), size=4)[0]
    with LMLink(potential, results=NAMES, ranks=3) as calculator:
        atoms.calc = calculator
        atoms.get_forces()
        wanted = expected.of(atoms)
        assert all(near(calculator.results[name], wanted[name], 1e-6) for name in NAMES)
        potential.with_suffix(".uncertainty.json").unlink()  # it has been read
        atoms.rattle(0.01)
        atoms.get_forces()


# ---- what is refused ----


def of_other_coefficients(potential):
    lines = potential.read_text().splitlines()
    potential.write_text("\n".join([*lines[:-1], repr(1.001 * float(lines[-1]))]) + "\n")
    return "potential.coefficients_sha256: is not that of the coefficients of"


def of_another_rank(potential):
    path = potential.with_suffix(".uncertainty.npy")
    np.save(path, np.load(path)[:, :-1].copy())
    return "new.uncertainty.npy: must be an array of"


def in_another_order(potential):
    path = potential.with_suffix(".uncertainty.npy")
    np.save(path, np.load(path)[::-1].copy())
    return "new.uncertainty.npy: its numbers or their order"


def truncated(potential):
    path = potential.with_suffix(".uncertainty.npy")
    path.write_bytes(path.read_bytes()[:-8])
    return "new.uncertainty.npy"


def missing(potential):
    potential.with_suffix(".uncertainty.json").unlink()
    return "new.uncertainty.json: cannot be read, and distances and sigmas are from it"


def without_factor(potential):
    path = potential.with_suffix(".uncertainty.json")
    content = json.loads(path.read_text())
    del content["factor"]
    path.write_text(json.dumps(content))
    return "the uncertainty beside it has no 'factor', which every sigma is from"


@pytest.mark.parametrize("spoil", [of_other_coefficients, of_another_rank, in_another_order, truncated, missing,
                                   without_factor])
def test_what_is_refused(spoil, train, teacher, lmlink_eval, tmp_path):
    """Where it is asked for, and nowhere else."""
    potential = train(teacher[0], ("W",))
    message = spoil(potential)
    write(tmp_path / "in.xyz", cells(1, 5), format="extxyz", columns=["symbols", "positions"])
    arguments = ("--potential", potential, tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    done = lmlink_eval(*arguments, "--results", "sigma_forces", check=False)
    assert done.returncode == 1 and message in done.stderr.splitlines()[-1], done.stderr
    assert not (tmp_path / "out.xyz").exists()
    assert "uncertainty" not in lmlink_eval(*arguments, "--results", "coordination").stderr
    with LMLink(potential, results=["sigma_forces"]) as calculator:
        with pytest.raises(LMLinkError) as refusal:
            calculator.get_property("sigma_forces", cells(1, 5)[0])
    assert message in str(refusal.value)


# ---- new coefficients ----


@pytest.mark.parametrize("ranks", [1, 2])
def test_reload(ranks, train, teacher, lmlink_eval, socket_folder, start, tmp_path):
    """Both files or neither; the second one that comes is noticed."""
    first = train(teacher[0], ("W",), "--uncertainty-rank", 5, output="first.snapcoeff")
    second = train(teacher[0], ("W",), "--uncertainty-rank", 7, output="second.snapcoeff", ridge=1e3)
    folder = tmp_path / "served"
    folder.mkdir()

    def put(path, *suffixes):
        for suffix in suffixes:
            shutil.copy(path.with_suffix(suffix), folder / "copy")
            os.replace(folder / "copy", (folder / "W.snapcoeff").with_suffix(suffix))

    def put_uncertainty(path):
        """The array under the name that the other file has for it."""
        shutil.copy(path.with_suffix(".uncertainty.npy"), folder)
        put(path, ".uncertainty.json")

    put(first, ".snapparam", ".snapcoeff")
    put_uncertainty(first)
    atoms = cells(1, 5, size=3)[0]
    calculator = linear("W.snapcoeff")
    calculator["potential"]["reload"] = True
    path = configure(folder, atoms, calculator, results=NAMES)
    old, new = (Expected(potential, lmlink_eval, tmp_path).of(atoms) for potential in (first, second))
    assert not near(old["sigma_forces"], new["sigma_forces"], 1e-3)
    with server(start, socket_folder, path, ranks) as mixture:
        forces = mixture.evaluate(atoms)
        put(second, ".snapparam", ".snapcoeff")
        between = mixture.evaluate(atoms)
        put_uncertainty(second)
        after = mixture.evaluate(atoms)
        errors = mixture.close()
        mixture.close = lambda: None
    for name in NAMES:
        assert near(np.array(forces.extras[name]), old[name], 1e-6) and near(np.array(after.extras[name]), new[name], 1e-6)
        assert near(np.array(between.extras[name]), old[name], 1e-6)
    assert near(between.forces, forces.forces, 1e-12) and not near(after.forces, forces.forces, 1e-6)
    assert errors.count("the old coefficients stay in force") == 1 and "uncertainty.json" in errors
    assert errors.count("new coefficients in force") == 1


# ---- mixtures ----


def test_a_mixture(train, alloy, teacher, lmlink_eval, start, folders, tmp_path):
    """Of tungsten, with a beryllium atom that only the region's potential knows: nothing is said of atoms near it, and
    of forces what is the ML calculator's part of them."""
    folder, sockets = folders
    potential = train(teacher[0], ("W",))
    atoms = cells(1, 5, size=6)[0]
    atoms.symbols[215] = "Be"
    region = {"indices": [215, 0], "blend": {"width": 3.5, "shape": "linear"}, "buffer": 5.0}
    path = configure(folder, atoms, mixing(linear(potential), (region, linear(alloy))), results=NAMES)
    with Mixture(start, sockets, path) as mixture:
        found = mixture.evaluate(atoms).extras
    seen = np.flatnonzero(atoms.symbols == "W")
    bare = Expected(potential, lmlink_eval, tmp_path).of(atoms[seen])
    expected = {name: np.full((len(atoms), *bare[name].shape[1:]), np.nan) for name in bare}
    from_it = atoms.get_distances(215, range(len(atoms)), mic=True)
    for name in bare:
        expected[name][seen] = bare[name]
        expected[name][from_it < CUTOFF] = np.nan
    distances = np.array(found["distance"], float)
    assert (np.isnan(distances) == (from_it < CUTOFF)).all()
    assert near(distances[from_it >= CUTOFF], expected["distance"][from_it >= CUTOFF], 1e-6)
    left = np.minimum(np.minimum(from_it, atoms.get_distances(0, range(len(atoms)), mic=True)) / 3.5, 1.0)
    sigmas, wanted = np.array(found["sigma_forces"], float), expected["sigma_forces"] * left[:, None]
    wanted[[0, 215]] = 0.0
    undefined = np.isnan(wanted)
    assert (np.isnan(sigmas) == undefined).all() and undefined.any()
    assert near(sigmas[~undefined], wanted[~undefined], 1e-6)
    assert ((left > 0.1) & (left < 0.99) & ~undefined[:, 0]).sum() > 5
    assert "sigma_energies" not in found  # of a mixture without an energy
