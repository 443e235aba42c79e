"""Regions whose engine is asked only while the potential is not sure: real lmlink-serves as engine and as server, what they
send against what NumPy makes of lmlink-eval's results of both sides; what is logged and learnt from; what is refused."""

import hashlib
import json
import os
import re
import shutil

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from ase.units import fs
from ipi_run import Run
from mixture import Mixture, configure, linear, mixing, refusal, remote, run
from skips import Rules
from test_mixing_moving import served
from test_retrain import cells, label, retrain, teacher, write_potential, W_BE  # noqa: F401 (fixtures)
from test_retrain import run as run_retrain

from lmlink import LMLink
from lmlink.cli import main

SAME = 1e-8  # eV/Å: between lmlink-eval's files, which have eight decimals, and what is sent
QM = [0, 5, 17]
STEPS = 26


@pytest.fixture
def potentials_of(label, retrain, teacher):
    """The engine's potential; and one trained on it, linear, with an uncertainty, as often as asked."""
    data = label("data.xyz", cells(8, 1), teacher[0])

    def train(output, ridge=1e-3):
        return retrain("--start", teacher[1], "--targets", data, "--select", "all", "--form", "linear", "--lambda-ridge",
                       ridge, "--uncertainty", "sandwich", output=output)[0]

    return teacher[0], train


def path_of(seed=4, size=3):
    """Structures one after the other, the larger their amplitude the less sure the potential is of them."""
    rng = np.random.default_rng(seed)
    perfect = bulk("W", "bcc", a=3.16, cubic=True).repeat(size)
    modes = rng.normal(0, 1, (2, len(perfect), 3))
    frames = []
    for k in range(STEPS):
        atoms = perfect.copy()
        amplitude = 0.07 + 0.05 * np.cos(0.55 * k + seed)
        atoms.positions += amplitude * (modes[0] + 0.2 * np.sin(0.9 * k) * modes[1])
        frames.append(atoms)
    return frames


class Sides:
    """Forces of both sides, and σ, of all structures: the cluster is the whole periodic structure."""

    def __init__(self, engine, potential, frames, lmlink_eval, folder):
        write(folder / "in.xyz", frames, format="extxyz", columns=["symbols", "positions"])
        found = []
        for name, file, more in (("qm", engine, ()), ("ml", potential, ("--results", "sigma_forces"))):
            lmlink_eval("--potential", file, folder / "in.xyz", "--output", folder / f"{name}.xyz", *more)
            found.append(read(folder / f"{name}.xyz", ":"))
        self.qm, self.ml = ([atoms.get_forces() for atoms in side] for side in found)
        self.sigmas = [atoms.arrays["sigma_forces"][QM] for atoms in found[1]]
        self.largest = np.array([np.linalg.norm(sigma, axis=1).max() for sigma in self.sigmas])
        errors = [np.sqrt(np.mean((q - m)[QM]**2)) for q, m in zip(self.qm, self.ml)]
        self.ratios = np.array(errors) / [np.sqrt(np.mean(sigma**2)) for sigma in self.sigmas]

    def keys(self, **more):
        """Thresholds between which σ goes to and fro."""
        below, above = np.quantile(self.largest, [0.5, 0.62])
        return {"below": float(below), "above": float(above), "check_every": 4,
                "check_ratio": float(1.5 * self.ratios.max()), **more}


class Replica(Rules):
    """One replica, and its forces."""

    def __init__(self, sides, **keys):
        super().__init__(**keys)
        self.sides = sides

    def evaluate(self, k):
        """Forces of QM atoms, whether the engine is asked, and the potential's part."""
        asked = self.decide(self.sides.largest[k], self.sides.ratios[k])
        if asked:
            self.difference = (self.sides.qm[k] - self.sides.ml[k])[QM]
        return self.sides.ml[k][QM] + self.share * self.difference, asked, 1 - self.share

    def expected(self, k):
        """Of all atoms, less their mean."""
        forces = self.sides.ml[k].copy()
        forces[QM], asked, part = self.evaluate(k)
        return forces - forces.mean(axis=0), asked, part


@pytest.fixture
def serve(start, folders):
    """A server with a region that may be skipped, and the number of its engine's evaluations."""
    folder, sockets = folders

    def begin(frames, potential, engine, skip, *options, tag="teacher", reuse=None, **keys):
        qm = served(sockets, engine, output="engine.log", **({"tag": tag} if tag else {}))
        calculator = mixing(potential if isinstance(potential, dict) else linear(potential),
                            ({"indices": QM, "buffer": 20.0}, qm, {"skip": skip}), **keys)
        path = configure(folder, frames[0], calculator,
                         log={"file": "log.xyz", **({} if reuse is None else {"reuse": reuse})})
        return Mixture(start, sockets, path, "--log-level", "info", *options)

    def calls():
        return (folder / "engine.log").read_text().count(" evaluation ") if (folder / "engine.log").exists() else 0

    begin.calls, begin.folder = calls, folder
    return begin


def matches(found, expected, sides, k):
    forces, asked, part = expected
    extras = found.extras
    assert np.abs(found.forces - forces).max() < 10 * SAME
    assert extras["skipped_regions"] == (0 if asked else 1)
    assert extras["skip_part"] == pytest.approx(part, abs=1e-12)
    assert extras["skip_sigma"] == pytest.approx(sides.largest[k], rel=1e-5)
    assert extras["skip_ratio"] == (pytest.approx(sides.ratios[k], rel=1e-4) if asked else None)
    assert (extras["qm_difference_max"] is None) == (not asked)


# ---- the forces ----


@pytest.mark.parametrize("blend", [0, 3])
def test_forces_are_those_of_the_rules(blend, potentials_of, serve, lmlink_eval, tmp_path):
    """Of two replicas that take turns; the engine is asked as often as the rules say."""
    engine, train = potentials_of
    potential, paths = train("W.snapcoeff"), [path_of(4), path_of(7)]
    sides = [Sides(engine, potential, frames, lmlink_eval, tmp_path) for frames in paths]
    keys = sides[0].keys(blend_evaluations=blend)
    keys["check_ratio"] = 100.0
    rules = [Replica(side, **keys) for side in sides]
    asked, parts, checked = 0, [], 0
    with serve(paths[0], potential, engine, keys) as server:
        for k in range(STEPS):
            for replica in (0, 1):
                server.replica(replica)
                found, skips = server.evaluate(paths[replica][k]), rules[replica].mode == "skips"
                expected = rules[replica].expected(k)
                matches(found, expected, sides[replica], k)
                asked += expected[1]
                checked += expected[1] and skips and rules[replica].mode == "skips"
                parts.append(expected[2])
    assert serve.calls() == asked < 2 * STEPS - 10 and checked > 1
    assert (0 in parts) and (1 in parts) and (blend == 0) == (set(parts) == {0.0, 1.0})


def test_work_and_its_part(potentials_of, serve, lmlink_eval, tmp_path):
    """Of the forces that are sent; and what of it is the potential's in place of the engine's."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    sides = Sides(engine, potential, frames, lmlink_eval, tmp_path)
    rules, work, part = Replica(sides, **sides.keys(blend_evaluations=3)), 0.0, 0.0
    with serve(frames, potential, engine, sides.keys(blend_evaluations=3), energy="virtual_work") as server:
        for k, atoms in enumerate(frames):
            found = server.evaluate(atoms)
            forces, _, missing = rules.expected(k)
            stands_in = np.zeros_like(forces)
            stands_in[QM] = missing * forces[QM]
            if k > 0:
                moved = atoms.positions - frames[k - 1].positions
                work -= np.sum((forces + last[0]) * moved) / 2
                part -= np.sum((stands_in + last[1]) * moved) / 2
            last = forces, stands_in
            assert found.energy == pytest.approx(work, abs=1e-6) == found.extras["virtual_work"]
            assert found.extras["virtual_work_skipped"] == pytest.approx(part, abs=1e-6)
    assert abs(part) > 1e-3 and abs(part - work) > 1e-3


def test_sigma_is_of_what_is_sent(potentials_of, serve, lmlink_eval, tmp_path):
    """Where the potential stands in, so does its uncertainty."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    sides = Sides(engine, potential, frames, lmlink_eval, tmp_path)
    rules = Replica(sides, **sides.keys(blend_evaluations=3))
    with serve(frames, potential, engine, sides.keys(blend_evaluations=3), "--results", "sigma_forces") as server:
        for k, atoms in enumerate(frames[:14]):
            sigmas = np.array(server.evaluate(atoms).extras["sigma_forces"])[QM]
            part = rules.evaluate(k)[2]
            assert np.abs(sigmas - part * sides.sigmas[k]).max() < 1e-6 * sides.largest[k] + 1e-8


def test_regions_by_uncertainty(potentials_of, start, folders):
    """They are chosen first, and then asked or skipped; one without atoms has nobody to ask."""
    engine, train = potentials_of
    folder, sockets = folders
    potential, frames = train("W.snapcoeff"), path_of()
    skip = {"below": 10.0, "check_every": 3, "check_ratio": 1e3}
    for inner, numbers in ((1e6, [0, 0, 0, 0]), (0.5, [0, 1, 1, 0])):
        region = {"uncertain": {"inner": inner}, "buffer": 20.0}
        path = configure(folder, frames[0], mixing(linear(potential), (region, linear(engine), {"skip": skip})),
                         log={"file": f"log{inner:.0f}.xyz"})
        with Mixture(start, sockets, path) as server:
            found = [server.evaluate(atoms).extras for atoms in frames[:4]]
        assert [extras["skipped_regions"] for extras in found] == numbers
        assert (found[0]["qm_atoms"] > 0) == (inner < 1) == (found[0]["skip_sigma"] is not None)
        logged = read(folder / f"log{inner:.0f}.xyz", ":")
        assert [bool(frame.info["skipped"]) for frame in logged] == [bool(number) for number in numbers]


# ---- the log ----


def test_log_and_targets(potentials_of, serve, lmlink_eval, tmp_path, teacher):
    """What was skipped has no quantum forces, is no target of any kind of selection, and is not taken from the log."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    sides = Sides(engine, potential, frames, lmlink_eval, tmp_path)
    rules = Replica(sides, **sides.keys(blend_evaluations=3))
    with serve(frames, potential, engine, sides.keys(blend_evaluations=3)) as server:
        sent = [server.evaluate(atoms).forces for atoms in frames]
    log = serve.folder / "log.xyz"
    logged, asked = read(log, ":"), []
    for k, frame in enumerate(logged):
        _, was_asked, part = rules.evaluate(k)
        asked.append(was_asked)
        assert frame.info["skipped"] != was_asked and frame.info["skip_mode"] == rules.mode and not frame.info["recalled"]
        assert frame.info["skip_age"] == rules.age and frame.info["skip_part"] == pytest.approx(part)
        assert ("energy_qm" in frame.info) == was_asked == ("skip_ratio" in frame.info)
        quantum = frame.arrays["forces_qm"]
        assert np.isnan(quantum).all() if not was_asked else np.abs(quantum - sides.qm[k]).max() < 10 * SAME
        assert np.abs(frame.arrays["forces_ml"] - sides.ml[k]).max() < 10 * SAME
        assert np.abs(frame.get_forces() - sent[k]).max() < 10 * SAME
    assert 5 < sum(asked) < STEPS - 5
    whole = re.split(rf"(?m)^{len(frames[0])}\n", log.read_text())[1:]
    (tmp_path / "asked.xyz").write_text("".join(f"{len(frames[0])}\n{text}" for text, was in zip(whole, asked) if was))
    for select in ("log", "qm", "all", "unfixed"):
        thetas = []
        for name in (log, tmp_path / "asked.xyz"):
            result = run_retrain("--start", teacher[1], "--targets", name, "--select", select, "--form", "linear",
                                 "--lambda-ridge", 1e-3, "--output", tmp_path / "log.snapcoeff", "--report",
                                 tmp_path / "log.json", "--overwrite")
            assert result.returncode == 0, result.stderr
            report = json.loads((tmp_path / "log.json").read_text())
            assert report["sets"][0]["frames_used"] == sum(asked)
            thetas.append(report["coefficients"]["after"])
        assert thetas[0] == thetas[1]
    before = serve.calls()  # again, with a limit that nothing is below: what was asked is known, what was skipped is not
    with serve(frames, potential, engine, {"below": 1e-9}) as server:
        again = [server.evaluate(atoms) for atoms in frames]
    assert serve.calls() - before == STEPS - sum(asked)
    for k, found in enumerate(again):
        assert found.extras["recalled_regions"] == (1 if asked[k] else 0) and found.extras["skipped_regions"] == 0
        full = sides.ml[k].copy()
        full[QM] = sides.qm[k][QM]
        assert np.abs(found.forces - (full - full.mean(axis=0))).max() < 10 * SAME


@pytest.mark.parametrize("blend", [0, 3])
def test_it_goes_on_from_the_log(blend, potentials_of, serve, lmlink_eval, tmp_path):
    """A run that ends after any evaluation and begins again with it sends the same forces as one that did not end."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    sides = Sides(engine, potential, frames, lmlink_eval, tmp_path)
    keys = sides.keys(blend_evaluations=blend)
    rules, kinds, ends = Replica(sides, **keys), {}, []
    expected = []
    for k in range(STEPS):
        before = rules.mode
        expected.append(rules.expected(k))
        kind = (before, rules.mode, expected[-1][1], 0 < rules.share < 1)
        if k > 0 and kinds.setdefault(kind, k) == k:
            ends.append(k)
    assert len(ends) >= 4 + blend // 2
    first = 0
    for end in [*ends, STEPS - 1]:  # each run begins where the last ended
        if end == first:
            continue
        with serve(frames, potential, engine, keys) as server:
            for k in range(first, end + 1):
                found = server.evaluate(frames[k])
                assert np.abs(found.forces - expected[k][0]).max() < 20 * SAME, (first, k)
                assert found.extras["skipped_regions"] == (0 if expected[k][1] else 1), (first, k)
        first = end


@pytest.mark.parametrize("keys", [{"tag": None}, {"reuse": False}, {}], ids=["unknown", "off", "known"])
def test_whose_log_is_not_taken(keys, potentials_of, serve):
    """Where no forces are taken from the log, no difference of the two sides is, either: the region begins anew."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    found = []
    for numbers in ((0, 1), (1,)):
        with serve(frames, potential, engine, {"below": 10.0, "check_ratio": 1e3, "blend_evaluations": 3}, **keys) as server:
            found += [server.evaluate(moved(frames[0], number)).extras["skipped_regions"] for number in numbers]
    assert found == [0, 1, 0 if keys else 1]


def test_atoms_that_were_wrapped(potentials_of, serve):
    """Between two runs, to places that are known as well as the cell: the region goes on as it was, as its forces would."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    wrapped = moved(frames[0], 1)
    wrapped.positions[0, 0] += frames[0].cell[0, 0] + 5e-8
    found = []
    for structures in ((frames[0], moved(frames[0], 1)), (wrapped,)):
        with serve(frames, potential, engine, {"below": 10.0, "check_ratio": 1e3, "blend_evaluations": 3}) as server:
            found += [server.evaluate(atoms).extras for atoms in structures]
    assert [extras["skipped_regions"] for extras in found] == [0, 1, 1]
    assert found[2]["skip_part"] == found[1]["skip_part"] > 0


# ---- wrong uncertainties ----


def scale(potential, factor):
    """The same uncertainty, but so many times as large."""
    array, file = (potential.with_suffix(f".uncertainty.{end}") for end in ("npy", "json"))
    numbers = np.ascontiguousarray(np.load(array) * factor)
    np.save(array, numbers)
    content = json.loads(file.read_text())
    content["factor"]["sha256"] = hashlib.sha256(numbers.tobytes()).hexdigest()
    file.write_text(json.dumps(content))


def put(source, target):
    """Coefficients and uncertainty, the latter last, as lmlink-retrain does."""
    for suffix in (".snapparam", ".snapcoeff", ".uncertainty.npy", ".uncertainty.json"):
        shutil.copy(source.with_suffix(suffix), target.with_suffix(".copy"))
        os.replace(target.with_suffix(".copy"), target.with_name(source.stem + suffix)
                   if suffix == ".uncertainty.npy" else target.with_suffix(suffix))


def moved(atoms, number):
    """A little, so that nothing is known from the log."""
    atoms = atoms.copy()
    atoms.positions[0, 0] += 1e-5 * number
    return atoms


def evaluations(server, atoms, count):
    """The extras of so many, each a little elsewhere."""
    return [server.evaluate(moved(atoms, number)).extras for number in range(count)]


def test_a_lying_sigma_is_caught(potentials_of, serve, lmlink_eval, tmp_path):
    """A hundredth of what it should be: by the first answer of the engine; by that of a check, where the first one was
    right. Other coefficients with an uncertainty of their own are believed again."""
    engine, train = potentials_of
    frames = path_of()
    train("first.snapcoeff")
    train("second.snapcoeff", ridge=1e-2)
    sides = Sides(engine, tmp_path / "first.snapcoeff", frames, lmlink_eval, tmp_path)
    keys = {"below": 2 * float(sides.largest.max()), "check_every": 5, "check_ratio": float(1.5 * sides.ratios.max())}
    put(serve.folder / "first.snapcoeff", served := serve.folder / "W.snapcoeff")
    scale_of = {"right": 1.0, "lying": 0.01}
    ml = linear("W.snapcoeff")
    ml["potential"]["reload"] = True
    lying = serve.folder / "lying"
    lying.mkdir()
    for suffix in (".snapparam", ".snapcoeff", ".uncertainty.npy", ".uncertainty.json"):
        shutil.copy(serve.folder / f"first{suffix}", lying / f"first{suffix}")
    scale(lying / "first.snapcoeff", scale_of["lying"])
    with serve(frames, ml, engine, keys) as server:
        assert [one["skipped_regions"] for one in evaluations(server, frames[0], 7)] == [0, 1, 1, 1, 1, 0, 1]
        put(serve.folder / "second.snapcoeff", served)  # which is believed
        assert [one["skipped_regions"] for one in evaluations(server, frames[1], 3)] == [1, 1, 1]
        put(lying / "first.snapcoeff", served)
        found = evaluations(server, frames[2], 8)
        assert [one["skipped_regions"] for one in found] == [0] * 8 and found[0]["skip_ratio"] > 100 * sides.ratios.min() / 2
        assert all(one["skip_part"] == 0 for one in found)
        put(serve.folder / "second.snapcoeff", served)
        assert [one["skipped_regions"] for one in evaluations(server, frames[3], 3)] == [1, 1, 1]
        errors = server.close()
        server.close = lambda: None
    warnings = [line for line in errors.splitlines() if "warning: " in line]
    assert len(warnings) == 1 and "times what its uncertainty says, more than check_ratio" in warnings[0]
    assert "until there are other coefficients" in warnings[0]
    modes = [frame.info["skip_mode"] for frame in read(serve.folder / "log.xyz", ":")]
    assert modes.count("stopped") == 8


def test_a_check_catches_what_was_right_at_first(potentials_of, serve, lmlink_eval, tmp_path):
    """σ that is too small for structures that come later: an evaluation that is a check alone ends the skipping, and its
    answer is what is sent."""
    engine, train = potentials_of
    potential, frames = train("W.snapcoeff"), path_of()
    sides = Sides(engine, potential, frames, lmlink_eval, tmp_path)
    good, bad = int(np.argmin(sides.ratios)), int(np.argmax(sides.ratios))
    limit = float(np.sqrt(sides.ratios[good] * sides.ratios[bad]))
    keys = {"below": 2 * float(sides.largest.max()), "check_every": 5, "check_ratio": limit}
    with serve(frames, potential, engine, keys) as server:
        found = [server.evaluate(moved(frames[k], number))
                 for number, k in enumerate((good, good, good, bad, bad, bad, good))]
    assert [one.extras["skipped_regions"] for one in found] == [0, 1, 1, 1, 1, 0, 0]
    assert [one.extras["skip_part"] for one in found] == [0, 1, 1, 1, 1, 0, 0]
    wanted = sides.ml[bad].copy()
    wanted[QM] = sides.qm[bad][QM]
    assert np.abs(found[5].forces - (wanted - wanted.mean(axis=0))).max() < 1e-3 < np.abs(found[5].forces - found[4].forces).max()


# ---- a driver ----


def test_dynamics_of_ase(potentials_of, start, tmp_path, capsys):
    """Molecular dynamics by LMLink: skipping saves engine calls, and from step to step forces change as without."""
    engine, train = potentials_of
    potential, atoms = train("W.snapcoeff"), path_of()[3]
    changes, calls = {}, {}
    for name, skip in (("asked", {}), ("skipped", {"skip": {"below": 10.0, "check_every": 8, "check_ratio": 1e3,
                                                            "blend_evaluations": 5}})):
        folder = tmp_path / name
        folder.mkdir()
        path = configure(folder, atoms, mixing(linear(potential), ({"indices": QM, "buffer": 20.0}, linear(engine), skip)),
                         log={"file": "log.xyz"})
        with LMLink(str(path)) as calculator:
            moving = atoms.copy()
            moving.calc = calculator
            VelocityVerlet(moving, 1 * fs).run(24)
        frames = read(folder / "log.xyz", ":")
        forces = [frame.get_forces() for frame in frames]
        changes[name] = max(np.abs(b - a).max() for a, b in zip(forces, forces[1:]))
        calls[name] = sum(not frame.info.get("skipped", False) for frame in frames)
    assert calls["asked"] == 25 and calls["skipped"] == 4
    assert changes["skipped"] < 1.3 * changes["asked"]
    log = str(tmp_path / "skipped" / "log.xyz")
    assert main(["log", "show", log]) == 0 and main(["report", log, "--output", str(tmp_path / "page.html")]) == 0
    assert [row.split()[-1] for row in capsys.readouterr().out.splitlines()].count("skipped") == 21
    assert "computed in 4 evaluations, recalled in 0, skipped in 21" in (tmp_path / "page.html").read_text()


# ---- what is refused ----


def test_what_cannot_be_skipped(potentials_of, label, retrain, teacher, folders, tmp_path):
    engine, train = potentials_of
    folder, sockets = folders
    potential, atoms, region = train("W.snapcoeff"), path_of()[0], {"indices": QM, "buffer": 5.0}
    qm = linear(engine)
    skip = {"skip": {"below": 0.1}}
    foreign = atoms.copy()
    foreign.symbols[5] = "Be"
    alloy = write_potential(tmp_path / "alloy.snapcoeff", np.ones((2, 6)), W_BE)

    def says(structure, calculator):
        return refusal(configure(folder, structure, calculator))

    result = run(configure(folder, foreign, mixing(linear(potential), (region, linear(alloy), skip))), "--check")
    assert result.returncode == 1 and "region 1: atom 5 of its cluster is Be" in result.stderr.splitlines()[-1]
    assert "start.uncertainty.json: cannot be read" in says(atoms, mixing(linear(teacher[1]), (region, qm, skip)))
    rescale = {"qm_lattice_constant": 3.1, "qm_bulk_modulus": 300, "ml_lattice_constant": 3.2, "ml_bulk_modulus": 310}
    assert "start.uncertainty.json: cannot be read" in says(
        atoms, mixing(linear(teacher[1]), (region, qm, skip), rescale=rescale))
    assert "calculator.ml: must be of type linear: the region 1 is skipped" in says(atoms, mixing(remote(f"unix:{sockets}/ml"), (region, qm, skip)))
    inner = mixing(linear(potential), (region, qm, skip))
    assert "its region 1 may be skipped" in says(atoms, mixing(inner, ({"indices": [40], "buffer": 5.0}, qm)))
    for keys, words in (({"below": 0.1, "above": 0.05}, "above: must not be smaller than below"),
                        ({"above": 0.1}, "below"), ({"below": -1.0}, "below"), ({"below": 0.1, "check_every": 0}, "check_every")):
        assert words in says(atoms, mixing(linear(potential), (region, qm, {"skip": keys})))
    assert run(configure(folder, atoms, mixing(linear(potential), (region, qm, skip))), "--check").returncode == 0


def test_batches(potentials_of, ipi, start, folders):
    engine, train = potentials_of
    atoms = path_of()[0]
    calculator = mixing(linear(train("W.snapcoeff")), ({"indices": QM, "buffer": 5.0}, linear(engine), {"skip": {"below": 0.1}}))
    path = configure(folders[0], atoms, calculator)
    batch = Run(ipi, start, folders[0], [path], atoms, batch=3, steps=3)
    last = batch.messages[0].splitlines()[-1]
    assert batch.codes == (1,) and "batches of 3 structures" in last and "a region may be skipped" in last
