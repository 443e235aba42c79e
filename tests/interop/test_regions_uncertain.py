"""Regions by uncertainty: their atoms against those that NumPy finds from what lmlink-eval says of each structure, their
engines, regions without atoms, and what lmlink-eval proposes."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.calculators.socketio import SocketIOCalculator
from ase.constraints import FixAtoms
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from conftest import program
from mixture import Mixture, check, configure, linear, mixing, refusal, remote, run
from moving import UncertainTracks, around_qm
from retraining import retrain_to
from serve import finish, socket_name
from test_mixing_moving import count, served
from test_reload import server
from test_retrain import W, W_BE, write_potential

from lmlink import LMLink, read_log

CONSTANT, CUTOFF = 3.16, 4.5  # Å, of the potential's tungsten
MOVED = 100  # the atom whose place is wrong
INNER, OUTER, BUFFER = 4.0, 3.4, 2.0
LOOSE = {"inner": INNER, "outer": OUTER, "buffer": BUFFER}


def block(size, seed, amplitude=0.0, noise=0.05):
    atoms = bulk("W", cubic=True, a=CONSTANT).repeat(size)
    atoms.positions += np.random.default_rng(seed).normal(0, noise, (len(atoms), 3))
    if amplitude:
        atoms.positions[MOVED, 0] += amplitude
    return atoms


def journey(amplitudes):
    """An atom that leaves its place and comes back, among atoms that vibrate."""
    return [block(5, seed, amplitude) for seed, amplitude in enumerate(amplitudes)]


COME_AND_GO = journey([0, 0.1, 0.45, 0.5, 0.38, 0.6, 0.5, 0.35, 0.1, 0, 0, 0.5, 0.6, 0.1, 0.45, 0.1, 0, 0])


@pytest.fixture(scope="module")
def made(tmp_path_factory, lmlink_eval):
    """A folder with a potential W.snapcoeff that has an uncertainty, trained on bulk, and another one, qm.snapcoeff."""
    folder = tmp_path_factory.mktemp("made")
    theta = np.r_[-3.0, np.random.default_rng(3).normal(0, 0.03, 5)]
    start = write_potential(folder / "start.snapcoeff", theta, W)
    write_potential(folder / "qm.snapcoeff", theta * np.r_[1, 1.2, 1, 0.9, 1, 1.1], W)
    write(folder / "bulk.xyz", [block(3, seed) for seed in range(4)], format="extxyz")
    lmlink_eval("--potential", start, folder / "bulk.xyz", "--output", folder / "labelled.xyz")
    rng = np.random.default_rng(0)
    frames = []
    for atoms in read(folder / "labelled.xyz", ":"):
        bare = atoms.copy()
        bare.calc = SinglePointCalculator(bare, forces=atoms.get_forces() + rng.normal(0, 0.02, (len(atoms), 3)))
        frames.append(bare)
    write(folder / "data.xyz", frames, format="extxyz")
    retrain_to("W.snapcoeff", folder, "--start", start, "--targets", folder / "data.xyz", "--select", "all",
               "--lambda-ridge", 1e-3, "--uncertainty", "sandwich", "--uncertainty-rank", 5)
    return folder


@pytest.fixture(scope="module")
def scores(made, lmlink_eval, tmp_path_factory):
    """The distance of each atom, or the length of its sigma_forces."""
    folder = tmp_path_factory.mktemp("scores")

    def of(atoms, by="distance", potential=made / "W.snapcoeff"):
        write(folder / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
        lmlink_eval("--potential", potential, folder / "in.xyz", "--output", folder / "out.xyz", "--results", by)
        values = read(folder / "out.xyz").arrays[by]
        return values if values.ndim == 1 else np.linalg.norm(values, axis=1)

    return of


def uncertain(update=1, *, inner=INNER, outer=OUTER, buffer=BUFFER, **keys):
    """A region's part of the configuration."""
    moving = {"outer": outer} if update else {}
    return {"uncertain": {"inner": inner, **moving, **keys}, **({"update": update} if update else {}), "buffer": buffer}


def labels_of(frame):
    """The labels of all atoms of a log's frame."""
    labels = np.full(frame.info["log_natoms"], "MM", dtype=object)
    labels[frame.arrays["index"]] = frame.arrays["region"]
    return labels


def logged(folder):
    return [labels_of(frame) for frame in read(folder / "log.xyz", index=":")]


# ---- which atoms ----


@pytest.mark.parametrize("update,rules", [(1, {}), (1, {"enter_after": 2, "leave_after": 3}), (2, {"leave_after": 2}),
                                          (1, {"max_atoms": 9, "enter_after": 2}), (3, {"margin": 0.0})],
                         ids=lambda value: str(value).replace(" ", ""))
def test_labels(update, rules, made, scores, start, folders):
    """Of two replicas, whose atom goes the same way at other times; a region without atoms gives the potential's forces."""
    folder, sockets = folders
    path = configure(folder, COME_AND_GO[0], mixing(linear(made / "W.snapcoeff"), (
        uncertain(update, **rules), linear(made / "qm.snapcoeff"))), log={"file": "log.xyz"})
    tracks = UncertainTracks(update, **{**LOOSE, **rules})
    expected, counts = [], []
    with Mixture(start, sockets, path) as mixture:
        for step in range(len(COME_AND_GO)):
            for replica, late in ((5, 0), (0, 4)):
                atoms = COME_AND_GO[(step - late) % len(COME_AND_GO)]
                mixture.replica(replica)
                reply = mixture.evaluate(atoms)
                expected.append(tracks.follow(replica, atoms, scores(atoms)))
                counts.append([reply.extras[f"{name}_atoms"] for name in ("qm", "buffer")])
        errors = mixture.close()
        mixture.close = lambda: None
    for labels, theirs, numbers in zip(logged(folder), expected, counts, strict=True):
        assert (labels == theirs).all() and numbers == [(theirs == name).sum() for name in ("QM", "buffer")]
    empty = [(labels == "MM").all() for labels in expected]
    assert 5 < sum(empty) < 30 and len({tuple(labels) for labels in expected}) > 3
    bounded = any((labels == "QM").sum() == rules.get("max_atoms") for labels in expected)
    assert errors.count("max_atoms lets the 9 most uncertain ones be QM atoms") == bounded == ("max_atoms" in rules), errors


def test_dynamics_of_ase(made, scores, start, folders):
    """Molecular dynamics with ASE as the driver, from a place that is wrong: atoms leave and others come."""
    folder, _ = folders
    rules = {"enter_after": 2, "leave_after": 2, "max_atoms": 20}
    atoms = block(5, 3, 0.7)
    path = configure(folder, atoms, mixing(linear(made / "W.snapcoeff"), (
        uncertain(2, **rules), linear(made / "qm.snapcoeff"))), log={"file": "log.xyz", "full": True})
    tracks = UncertainTracks(2, **{**LOOSE, **rules})
    spread = np.sqrt(600 * units.kB / atoms.get_masses()[:, None])
    atoms.set_velocities(np.random.default_rng(1).normal(0, 1, (len(atoms), 3)) * spread)
    with SocketIOCalculator(unixsocket=socket_name()) as calculator:
        process = start([program("lmlink-serve"), path, "--driver", f"unix:{socket_name()}", "--wait", 60])
        atoms.calc = calculator
        VelocityVerlet(atoms, 4 * units.fs).run(25)
    code, errors = finish(process)
    assert code == 0, errors
    frames = read(folder / "log.xyz", ":")
    expected = [tracks.follow(0, frame, scores(frame)) for frame in frames]
    assert len(frames) == 26 and all((labels_of(frame) == labels).all() for frame, labels in zip(frames, expected))
    regions = {tuple(np.flatnonzero(labels == "QM")) for labels in expected}
    assert len(regions) > 3


def test_forces(made, scores, lmlink_eval, start, folders):
    """Those of the mixture as NumPy puts it together, and without QM atoms those of the potential alone."""
    folder, sockets = folders
    wide = {"inner": 6.0, "outer": 5.0, "buffer": 9.1}
    path = configure(folder, block(8, 0), mixing(linear(made / "W.snapcoeff"), (
        uncertain(**wide), linear(made / "qm.snapcoeff"))))

    def forces(atoms, name):
        write(folder / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
        lmlink_eval("--potential", made / name, folder / "in.xyz", "--output", folder / "out.xyz")
        return read(folder / "out.xyz").get_forces()

    tracks = UncertainTracks(1, **wide)
    with Mixture(start, sockets, path) as mixture:
        for seed, amplitude in enumerate((0, 0.6, 0.7, 0)):
            atoms = block(8, seed, amplitude)
            qm = tracks.follow(0, atoms, scores(atoms)) == "QM"
            ours = mixture.evaluate(atoms)
            theirs = np.where(qm[:, None], forces(atoms, "qm.snapcoeff"), forces(atoms, "W.snapcoeff"))
            assert qm.any() == (amplitude > 0) and ours.extras["qm_atoms"] == qm.sum()
            assert np.abs(ours.forces - theirs + theirs.mean(axis=0)).max() < 1e-7 * np.abs(theirs).max()
            assert np.abs(ours.extras["mean_force"] - theirs.mean(axis=0)).max() < 1e-7
            assert (ours.extras["qm_difference_max"] is None) == (amplitude == 0)


def test_by_sigma(made, scores, folders):
    """--check says what the region begins with; without update it stays that."""
    atoms = block(5, 3, 0.6)
    values = scores(atoms, "sigma_forces")
    for update in (0, 4):
        region = uncertain(update, by="sigma_forces", inner=0.3, outer=0.2)
        text, labelled, cluster = check(configure(folders[0], atoms, mixing(
            linear(made / "W.snapcoeff"), (region, linear(made / "qm.snapcoeff")))))
        assert (labelled.arrays["region"] == around_qm(atoms, values > 0.3, None, buffer=BUFFER, margin=0)).all()
        assert 1 < (values > 0.3).sum() < 20 and len(cluster) == (labelled.arrays["region"] != "MM").sum()
        line = f"1: {(values > 0.3).sum()} QM,"
        assert line in text and "; by sigma_forces above 0.3" in text
        assert ("; until below 0.2, every 4 evaluations" in text) == (update > 0), text


def test_rescaled(made, scores, folders):
    """What the ML side sees is the structure that it is asked for."""
    atoms = block(5, 3, 0.6)
    rescale = {"qm_lattice_constant": 3.2, "qm_bulk_modulus": 300, "ml_lattice_constant": 3.16, "ml_bulk_modulus": 310}
    seen = atoms.copy()
    seen.set_cell(atoms.cell.array * 3.16 / 3.2, scale_atoms=True)
    qm = scores(seen) > INNER
    _, labelled, _ = check(configure(folders[0], atoms, mixing(
        linear(made / "W.snapcoeff"), (uncertain(), linear(made / "qm.snapcoeff")), rescale=rescale)))
    assert ((labelled.arrays["region"] == "QM") == qm).all() and qm.any() and ((scores(atoms) > INNER) != qm).any()


def test_what_is_masked(made, scores, lmlink_eval, folders):
    """Atoms that are held lead the list, and those near a free surface: unless they are asked for."""
    folder, _ = folders
    atoms = block((4, 4, 8), 3, 0.0)
    atoms.pbc[2] = False
    atoms.positions[100, 0] += 0.8
    high = scores(atoms) > INNER
    write(folder / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
    lmlink_eval("--potential", made / "W.snapcoeff", folder / "in.xyz", "--output", folder / "out.xyz", "--results",
                "coordination", "--coordination-radius", 3.7)
    low = read(folder / "out.xyz").arrays["coordination"] < 13
    near = np.array([(low & (atoms.get_distances(i, range(len(atoms)), mic=True) < CUTOFF)).any() for i in range(len(atoms))])
    held = np.arange(len(atoms)) % 7 == 0
    atoms.set_array("fix_mask", held)

    def proposed(*options):
        write(folder / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions", "fix_mask"])
        lmlink_eval("--potential", made / "W.snapcoeff", folder / "in.xyz", "--output", folder / "out.xyz", *options,
                    "--propose-region", "--region-inner", INNER, "--region-buffer", BUFFER)
        return read(folder / "out.xyz").arrays["region"] == "QM"

    surface = ["--region-min-coordination", 13, "--coordination-radius", 3.7]
    assert (proposed("--region-mask", "none") == high).all() and high.sum() > 100
    assert (proposed() == (high & ~held)).all()
    assert (proposed(*surface) == (high & ~held & ~near)).all() and 0 < (high & ~held & ~near).sum() < 90
    # A mixture has the same from its structure file.
    keys = {"format": "lmlink-serve", "version": 1, "structure": "in.xyz", "calculator": mixing(
        {**linear(made / "W.snapcoeff"), "coordination_radius": 3.7},
        (uncertain(min_coordination=13), linear(made / "qm.snapcoeff")))}
    (folder / "m.json").write_text(json.dumps(keys))
    _, labelled, _ = check(folder / "m.json")
    assert ((labelled.arrays["region"] == "QM") == (high & ~held & ~near)).all()


def test_an_atom_that_the_potential_does_not_know(made, scores, start, folders):
    """It and what is within the cutoff of it are QM atoms, whatever the bound in time says; the others by their distance."""
    folder, sockets = folders
    write_potential(folder / "both.snapcoeff", np.r_[-3.0, np.full(5, 0.02)] * np.ones((2, 1)), W_BE)
    frames = [block(6, seed, 0.6) for seed in range(2)]
    for step, atoms in enumerate(frames):
        atoms.symbols[400] = "Be"
        atoms.positions[400, 1] += 1.0 * step
    path = configure(folder, frames[0], mixing(linear(made / "W.snapcoeff"), (
        uncertain(buffer=1.0, enter_after=2, margin=0.0), linear(folder / "both.snapcoeff"))), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        for atoms in frames:
            mixture.evaluate(atoms)
    for atoms, labels in zip(frames, logged(folder), strict=True):
        values = np.zeros(len(atoms))
        values[atoms.symbols == "W"] = scores(atoms[atoms.symbols == "W"])
        near = atoms.get_distances(400, range(len(atoms)), mic=True) < CUTOFF
        assert near.sum() > 10 and ((labels == "QM")[near]).all()
        if atoms is frames[0]:
            assert ((labels == "QM") == (near | (values > INNER))).all()


def test_core_of_the_screw(reference, lmlink_eval, start, folders):
    """The distance from bulk alone chooses the core's atoms: the 25 of the paper where so many are asked for; and those of
    another image once that is there."""
    folder, sockets = folders
    for end in (".snapcoeff", ".snapparam"):
        shutil.copy(reference / f"milady_lml{end}", folder)
    potential = folder / "milady_lml.snapcoeff"
    retrain = [program("lmlink-retrain"), "--start", potential, "--uncertainty-from", reference / "bulk_MD_train.xyz"]
    subprocess.run(retrain, check=True, capture_output=True, timeout=60)
    images = [read(reference / "screw_glide_qmml.xyz", k) for k in (6, 0)]
    for image in images:
        image.calc = None
    write(folder / "in.xyz", images, format="extxyz", columns=["symbols", "positions", "fix_mask"])
    lmlink_eval("--potential", potential, folder / "in.xyz", "--output", folder / "out.xyz", "--propose-region",
                "--region-inner", 3, "--region-max-atoms", 25, "--region-buffer", 12)
    frames = read(folder / "out.xyz", ":")
    paper = images[0].arrays["region"]
    assert ((frames[0].arrays["region"] == "QM") == (paper == "QM")).all()
    keys = {"format": "lmlink-serve", "version": 1, "structure": "in.xyz", "extras": "json", "log": {"file": "log.xyz"},
            "calculator": mixing(linear(potential), (uncertain(inner=3.0, outer=2.5, buffer=12.0, margin=0.0),
                                                     linear(potential)))}
    (folder / "m.json").write_text(json.dumps(keys))
    tracks = UncertainTracks(1, inner=3.0, outer=2.5, buffer=12.0, margin=0.0)
    with Mixture(start, sockets, folder / "m.json") as mixture:
        for image, frame in zip(images, frames):
            mixture.evaluate(image)
            tracks.follow(0, frame, np.where(image.arrays["fix_mask"], -np.inf, frame.arrays["distance"]))
            labels = logged(folder)[-1]
            assert (labels == tracks.labels[0]).all() and 25 < (labels == "QM").sum() < 60


def test_lmlink(made, scores):
    """By the settings of ASE's calculator, which knows what is held from the atoms' constraints."""
    atoms = block(5, 3, 0.6)
    high = scores(atoms) > INNER
    held = np.flatnonzero(high)[:3]
    atoms.set_constraint(FixAtoms(held))
    wanted = np.isin(np.arange(len(atoms)), np.setdiff1d(np.flatnonzero(high), held))
    qm = linear(made / "W.snapcoeff")
    for region, expected in ((uncertain(), wanted), (uncertain(mask="none"), high), (uncertain(inner=90.0), 0 * high)):
        with LMLink(made / "W.snapcoeff", qm_calc=qm, qm_selection_mask=[0], buffer_width=BUFFER,
                    settings={"calculator": {"qm": [{"region": region, "calculator": qm}]}}) as calculator:
            assert ((calculator.get_region_from_masks(atoms) == "QM") == expected).all()
            assert len(calculator.get_qm_cluster(atoms)) >= expected.sum() and (expected.any() or
                                                                               len(calculator.get_qm_cluster(atoms)) == 0)
            calculator.get_forces(atoms)
            assert calculator.extras["qm_atoms"] == expected.sum()


# ---- engines ----


def engine_of(sockets, potential, **keys):
    """An lmlink-serve that is started anew where its atoms change, which `prepare` counts."""
    launch = f"{program('lmlink-serve')} --potential {potential} --structure {{cluster}} --driver unix:{{path}} --wait 60 " \
             "--log-level info"
    return remote(f"unix:{sockets}/engine", prepare="echo >> prepared", launch=launch, **keys)


def test_engine(made, scores, start, folders):
    """It gets new input where its atoms change, and at no other time; without atoms it is not asked."""
    folder, sockets = folders
    rules = {"leave_after": 2, "margin": 0.9}
    path = configure(folder, COME_AND_GO[0], mixing(linear(made / "W.snapcoeff"), (
        uncertain(**rules), engine_of(sockets, made / "qm.snapcoeff"))), log={"file": "log.xyz"}, log_level="info")
    still = [COME_AND_GO[5].copy() for _ in range(6)]
    for seed, atoms in enumerate(still):  # nothing changes but places
        atoms.positions += np.random.default_rng(seed).normal(0, 0.01, atoms.positions.shape)
    frames = [*COME_AND_GO[:5], *still, *COME_AND_GO[8:13]]
    tracks = UncertainTracks(1, **{**LOOSE, **rules})
    mixture = Mixture(start, sockets, path)
    replies = [mixture.evaluate(atoms) for atoms in frames]
    messages = mixture.close()
    labels = [tracks.follow(0, atoms, scores(atoms)) for atoms in frames]
    asked = [tuple(np.flatnonzero(one != "MM")) for one in labels if (one != "MM").any()]
    changes = 1 + sum(one != two for one, two in zip(asked, asked[1:]))
    assert len((folder / "prepared").read_text()) == changes
    assert sum("evaluation " in line for line in (folder / "engine.log").read_text().splitlines()) == len(asked)
    assert f"engines were asked for {len(asked)} results; 0 were known" in messages
    assert 3 <= changes < len(asked) - 4 and len(asked) < len(frames)
    assert [reply.extras["qm_atoms"] for reply in replies] == [(one == "QM").sum() for one in labels]


def test_nobody_is_asked(made, start, folders):
    """A run in which no atom is uncertain starts no engine, and its log can be read and gone on with."""
    folder, sockets = folders
    path = configure(folder, COME_AND_GO[0], mixing(linear(made / "W.snapcoeff"), (
        uncertain(inner=50.0, outer=40.0), engine_of(sockets, made / "qm.snapcoeff", tag="qm"))), log={"file": "log.xyz"})
    (folder / "mixture-cluster.xyz").write_text("of an earlier check")
    checked = run(path, "--check")
    assert checked.returncode == 0 and "1: no atoms, nothing to ask of its calculator" in checked.stdout
    assert (read(folder / "mixture-regions.xyz").arrays["region"] == "MM").all()
    assert not (folder / "mixture-cluster.xyz").exists()
    for _ in range(2):
        with Mixture(start, sockets, path) as mixture:
            for atoms in COME_AND_GO[:4]:
                reply = mixture.evaluate(atoms)
                assert reply.extras["qm_atoms"] == 0 and reply.extras["recalled_regions"] == 0
    assert not (folder / "prepared").exists()
    frames = read(folder / "log.xyz", ":")
    assert len(frames) == 8 and all(np.isnan(frame.arrays["forces_qm"]).all() for frame in frames)
    assert all(not frame.info["recalled"] and frame.info["region_age"] == 0 for frame in frames)
    assert all(0 < len(frame) < 250 and frame.info["most_uncertain"] in frame.arrays["index"] for frame in frames)


# ---- never twice ----


@pytest.mark.parametrize("kill", [2, 4, 8, 10, 13])
def test_resumed(kill, made, scores, start, folders):
    """A run that goes on from a logged configuration has the regions of one that did not end, wherever that is: with a
    region that waits, with one that has no atoms, between two looks."""
    folder, sockets = folders
    rules = {"enter_after": 2, "leave_after": 2}
    engine = served(sockets, made / "qm.snapcoeff", inputs=[str(made / "qm.snapcoeff")])
    path = configure(folder, COME_AND_GO[0], mixing(linear(made / "W.snapcoeff"), (uncertain(1 + kill % 3, **rules), engine)),
                     log={"file": "log.xyz"})
    tracks = UncertainTracks(1 + kill % 3, **{**LOOSE, **rules})
    expected = [tracks.follow(0, atoms, scores(atoms)) for atoms in COME_AND_GO]
    for frames in (COME_AND_GO[:kill], COME_AND_GO[kill - 1:]):
        with Mixture(start, sockets, path) as mixture:
            replies = [mixture.evaluate(atoms) for atoms in frames]
    found = logged(folder)
    assert (np.array(found[:kill]) == expected[:kill]).all()
    for labels, wanted in zip(found[kill:], expected[kill - 1:], strict=True):
        assert (labels == wanted).all()
    clusters = read_log(folder / "log.xyz", "clusters")
    assert [len(cluster) for cluster in clusters] == [n for n in ((labels != "MM").sum() for labels in found) if n > 0]
    again = (expected[kill - 1] != "MM").any()
    assert replies[0].extras["recalled_regions"] == again
    assert count(folder) == sum((labels != "MM").any() for labels in [*expected[:kill], *expected[kill:]])


# ---- new coefficients ----


def test_reload(made, start, folders):
    """Between two looks, too, potential and uncertainty are taken together or not at all."""
    folder, sockets = folders
    for path in made.glob("W.*"):
        shutil.copy(path, folder)
    potential = linear("W.snapcoeff")
    potential["potential"]["reload"] = True
    path = configure(folder, COME_AND_GO[3], mixing(potential, (uncertain(3), linear(made / "qm.snapcoeff"))))
    lines = (folder / "W.snapcoeff").read_text().splitlines()
    with Mixture(start, sockets, path) as mixture:
        before = [mixture.evaluate(COME_AND_GO[3]).forces for _ in range(2)][1]
        (folder / "new").write_text("\n".join([*lines[:-1], repr(1.1 * float(lines[-1]))]) + "\n")
        (folder / "new").rename(folder / "W.snapcoeff")
        after = [mixture.evaluate(COME_AND_GO[3]) for _ in range(4)]
        errors = mixture.close()
        mixture.close = lambda: None
    assert "the old coefficients stay in force" in errors and "uncertainty.json" in errors
    assert all(np.abs(reply.forces - before).max() < 1e-10 for reply in after)


def test_ranks(launcher, made, scores, socket_folder, start, folders):
    folder, _ = folders
    path = configure(folder, COME_AND_GO[0], mixing(linear(made / "W.snapcoeff"), (
        uncertain(2), linear(made / "qm.snapcoeff"))), log={"file": "log.xyz"})
    tracks = UncertainTracks(2, **LOOSE)
    frames = COME_AND_GO[2:8]
    with server(start, socket_folder, path, 2) as mixture:
        for atoms in frames:
            mixture.evaluate(atoms)
    for labels, atoms in zip(logged(folder), frames, strict=True):
        assert (labels == tracks.follow(0, atoms, scores(atoms))).all()


# ---- what is refused ----

REGION = {"uncertain": {"inner": 4.0, "outer": 3.0}, "update": 1, "buffer": 2.0}
STAYS = {"uncertain": {"inner": 4.0}, "buffer": 2.0}
BAD = {
    "no inner": ({"uncertain": {}, "buffer": 2.0}, {}, "region.uncertain.inner: the key is missing"),
    "no outer": ({**STAYS, "update": 1}, {}, "region.uncertain.outer: the key is missing"),
    "outer alone": ({"uncertain": {"inner": 4.0, "outer": 3.0}, "buffer": 2.0}, {},
                    "uncertain.outer: is for a region that moves; add update to the region, or omit outer"),
    "looks alone": ({"uncertain": {"inner": 4.0, "enter_after": 2}, "buffer": 2.0}, {},
                    "uncertain.enter_after: is for a region that moves"),
    "inside out": ({**REGION, "uncertain": {"inner": 3.0, "outer": 4.0}}, {}, "uncertain.outer: must not be larger than inner"),
    "no atoms": ({**REGION, "uncertain": {"inner": 3.0, "outer": 3.0, "max_atoms": 0}}, {}, "max_atoms: must be at least 1"),
    "no buffer": ({"uncertain": {"inner": 4.0}}, {}, "region.buffer: the key is missing"),
    "engine": (REGION, {"ml": remote("unix:none")}, "calculator.ml: must be of type linear: the region 1 is chosen by the "
               "uncertainty of a linear potential, which neither an engine nor a mixture has"),
    "no uncertainty": (REGION, {"ml": "start.snapcoeff"}, "region 1: "),
    "another element": (REGION, {"by": "energies"}, "uncertain.by: "),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_configurations(case, made, tmp_path):
    region, changes, message = BAD[case]
    ml = changes.get("ml", "W.snapcoeff")
    ml = ml if isinstance(ml, dict) else linear(made / ml)
    if "by" in changes:
        region = {**region, "uncertain": {**region["uncertain"], "by": changes["by"]}}
    line = refusal(configure(tmp_path, block(3, 0), mixing(ml, (region, linear(made / "qm.snapcoeff")))))
    assert message in line, line
    if case == "no uncertainty":
        assert "start.uncertainty.json: cannot be read, and distances and sigmas are from it" in line


def test_mixtures_within(made, tmp_path):
    """One inside may be chosen by uncertainty, but cannot move; and nothing is known of a mixture's uncertainty."""
    ml, qm = linear(made / "W.snapcoeff"), linear(made / "qm.snapcoeff")
    line = refusal(configure(tmp_path, block(3, 0), mixing(mixing(ml, (REGION, qm)), ({"indices": [0], "buffer": 2.0}, qm))))
    assert "calculator.ml.qm: its region 1 moves, which those of the outermost mixture alone can" in line, line
    line = refusal(configure(tmp_path, block(3, 0), mixing(mixing(ml, ({"indices": [0], "buffer": 2.0}, qm)), (STAYS, qm))))
    assert "calculator.ml: must be of type linear" in line, line


@pytest.mark.parametrize("options,message", [
    (["--propose-region"], "--propose-region needs --region-inner"),
    (["--propose-region", "--region-inner", "3"], "--propose-region needs --region-buffer"),
    (["--region-inner", "3"], "--region-inner is for --propose-region alone"),
    (["--propose-region", "--region-inner", "0", "--region-buffer", "3"], "--region-inner '0' is not positive"),
])
def test_bad_options(options, message, made, lmlink_eval, tmp_path):
    write(tmp_path / "in.xyz", block(3, 0), format="extxyz", columns=["symbols", "positions"])
    done = lmlink_eval("--potential", made / "W.snapcoeff", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", *options,
                       check=False)
    assert done.returncode == 2 and message in done.stderr, done.stderr
