"""The force log of lmlink-serve: what its frames hold, who reads them, and what becomes of it when programs are killed,
disks are full, and two servers write to one file."""

import json
import resource
import signal
import subprocess
import time
from io import StringIO

import numpy as np
import pytest
from ase.build import bulk
from ase.io import iread, read
from ase.units import Bohr
from conftest import TIMEOUT, program
from mixture import Mixture, check, configure, linear, mixing, refusal, run, write_exactly

ML, ENGINE = "Mo_Chen_PRM2017.snap", "Mo_Zuo_JPCA2020.snap"
CUTOFF = 4.61586  # Å, of ML
ROUNDING = 1e-12  # eV/Å, between a force that was sent and the one that was logged


def block(size=7, seed=3):
    """A rattled block of molybdenum."""
    atoms = bulk("Mo", "bcc", a=3.15, cubic=True).repeat(size)
    atoms.positions += np.random.default_rng(seed).normal(0, 0.05, (len(atoms), 3))
    return atoms


def sphere(atoms, radius=3.5, buffer=6.0):
    centre = int(np.argmin(np.linalg.norm(atoms.positions - atoms.cell.array.sum(axis=0) / 2, axis=1)))
    return {"spheres": [{"atom": centre, "radius": radius}], "buffer": buffer}


def mixture_of(potentials, atoms, **keys):
    return mixing(linear(potentials / ML), (sphere(atoms), linear(potentials / ENGINE)), **keys)


def steps(atoms, count, seed=5):
    """Small steps away from `atoms`."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        moved = atoms.copy()
        moved.positions += rng.normal(0, 0.01, (len(atoms), 3))
        yield moved


def log_of_a_potential(potentials, start, folders, atoms, count):
    """Path of the log of a potential by itself, of so many small steps, and what was answered."""
    folder, sockets = folders
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        replies = [mixture.evaluate(moved) for moved in steps(atoms, count)]
    return folder / "log.xyz", replies


def potential_forces(lmlink_eval, potential, atoms, folder):
    """Forces of one potential by lmlink-eval."""
    lmlink_eval("--potential", potential, write_exactly(atoms, folder / "alone.xyz"), "--output",
                folder / "forces.xyz")
    return read(folder / "forces.xyz").get_forces()


@pytest.mark.parametrize("full", [False, True])
def test_frames(full, potentials, lmlink_eval, start, folders):
    """ASE reads what was sent, what it was mixed from, and where it belongs."""
    folder, sockets = folders
    atoms = block()
    path = configure(folder, atoms, mixture_of(potentials, atoms), log={"file": "log.xyz", "full": full})
    text, labelled, cluster = check(path)
    assert "log.xyz: 0 frames" in text and not (folder / "log.xyz").exists()
    regions = labelled.arrays["region"]
    with Mixture(start, sockets, path) as mixture:
        replies = []
        for replica, moved in enumerate(steps(atoms, 3)):
            mixture.replica(replica)
            replies.append((moved, mixture.evaluate(moved)))

    frames = read(folder / "log.xyz", index=":")
    assert len(frames) == 3
    qm = regions == "QM"
    # The oracle of which atoms are kept: ASE's minimum-image distances.
    near = replies[0][0].get_all_distances(mic=True)[qm].min(axis=0) < 2 * CUTOFF
    for number, (frame, (moved, reply)) in enumerate(zip(frames, replies)):
        index = frame.arrays["index"]
        assert np.abs(frame.positions - moved.positions[index]).max() < 1e-12
        assert (frame.arrays["region"] == regions[index]).all()
        assert np.abs(frame.get_forces() - reply.forces[index]).max() < ROUNDING
        assert frame.info["log_complete"] == full and frame.info["log_natoms"] == len(atoms)
        assert frame.info["evaluation"] == number + 1 and frame.info["replica"] == number
        assert frame.info["energy_ml"] == reply.extras["energy_ml"]
        assert (frame.info["mean_force"] == reply.extras["mean_force"]).all()
        assert not frame.info["recalled"]
        in_cluster = np.isin(index, cluster.arrays["index"])
        assert np.isnan(frame.arrays["forces_qm"][~in_cluster]).all()
        assert np.isfinite(frame.arrays["forces_qm"][in_cluster]).all()
        parts = np.where(frame.arrays["region"] == "QM", frame.arrays["forces_qm"].T, frame.arrays["forces_ml"].T).T
        assert np.abs(parts - frame.info["mean_force"] - frame.get_forces()).max() < ROUNDING
        for key in ("potential", "configuration", "engine"):
            assert frame.info[key].startswith("sha256:") and len(frame.info[key]) == 7 + 64
        time.strptime(frame.info["time"], "%Y-%m-%dT%H:%M:%SZ")
    if full:
        assert (frames[0].arrays["index"] == np.arange(len(atoms))).all()
    else:
        kept = near | np.isin(np.arange(len(atoms)), cluster.arrays["index"])
        assert (frames[0].arrays["index"] == np.flatnonzero(kept)).all() and not kept.all()

    moved = replies[-1][0]
    ours = potential_forces(lmlink_eval, potentials / ML, moved, folder)
    assert np.abs(frames[-1].arrays["forces_ml"] - ours[frames[-1].arrays["index"]]).max() < 1e-9
    digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert frames[0].info["configuration"] == f"sha256:{digest}"
    digest = subprocess.run(["sha256sum", (potentials / ML).with_suffix(".snapcoeff")], capture_output=True, text=True,
                            check=True).stdout.split()[0]
    assert frames[0].info["potential"] == f"sha256:{digest}"


def test_gradients_of_qm_atoms_are_exact(potentials, lmlink_eval, start, folders):
    """The forces that the potential gives QM atoms are the same with the atoms of the frame alone."""
    folder, sockets = folders
    atoms = block()
    path = configure(folder, atoms, mixture_of(potentials, atoms), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        mixture.evaluate(atoms)
    frame = read(folder / "log.xyz")
    qm = frame.arrays["region"] == "QM"
    frame.pbc = False
    frame.cell = None
    frame.calc = None
    alone = potential_forces(lmlink_eval, potentials / ML, frame, folder)
    assert np.abs(alone - frame.arrays["forces_ml"])[qm].max() < 1e-9
    assert np.abs(alone - frame.arrays["forces_ml"])[~qm].max() > 0.01


def test_linear_calculator(potentials, start, folders):
    log, replies = log_of_a_potential(potentials, start, folders, block(3), 2)
    frames = read(log, index=":")
    assert len(frames) == 2
    for frame, reply in zip(frames, replies):
        assert np.abs(frame.get_forces() - reply.forces).max() < ROUNDING
        assert abs(frame.get_potential_energy() - reply.energy) < 1e-9
        assert frame.info["energy_kind"] == "exact" and frame.info["log_complete"]
        assert "forces_qm" not in frame.arrays and "region" not in frame.arrays


def test_retrain_takes_it_for_targets(potentials, start, folders):
    """lmlink-retrain takes the engine's forces on QM atoms, and they are met better than before."""
    folder, sockets = folders
    atoms = block()
    path = configure(folder, atoms, mixture_of(potentials, atoms), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        for moved in steps(atoms, 3):
            mixture.evaluate(moved)
    nqm = sum((frame.arrays["region"] == "QM").sum() for frame in iread(folder / "log.xyz"))
    result = subprocess.run(
        [program("lmlink-retrain"), "--start", potentials / ML, "--form", "linear", "--targets", "log.xyz",
         "--lambda-ridge", "1e-6", "--output", "new.snapcoeff", "--report", "new.json"],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    report = json.loads((folder / "new.json").read_text())
    target = report["sets"][0] if "sets" in report else report["targets"][0]
    assert target["rows"] == 3 * nqm


# ---- what may happen to it ----


def test_it_survives_kills(potentials, start, folders):
    """Killed again and again at any moment: all that was answered is there, in order, and the run goes on behind it."""
    folder, sockets = folders
    atoms = block(5)
    path = configure(folder, atoms, mixture_of(potentials, atoms), log={"file": "log.xyz", "reuse": False})
    rng = np.random.default_rng(1)
    answered = []
    for _ in range(12):
        mixture = Mixture(start, sockets, path)
        moves = list(steps(atoms, 4, seed=len(answered)))
        for moved in moves[: rng.integers(1, 4)]:
            mixture.evaluate(moved)
            answered.append(moved.positions)
        # In the middle of the next one.
        mixture.driver.send_positions(moves[-1].positions / Bohr, moves[-1].cell.array / Bohr)
        mixture.driver.send("GETFORCE")
        time.sleep(rng.uniform(0, 0.03))
        mixture.process.kill()
        mixture.process.wait(TIMEOUT)
        mixture.driver.close()
        (sockets / "s").unlink()
        assert contains(whole_frames(folder / "log.xyz"), answered)


def whole_frames(path):
    """Positions of the frames of a log whose last one may be torn: as the format says, by their lengths alone."""
    data, frames = path.read_bytes(), []
    while data:
        head = data[:80].split(b"log_bytes=")
        size = int(head[1][:12]) if len(head) > 1 and len(head[1]) >= 12 else len(data) + 1
        if size > len(data):
            break
        frame = next(iread(StringIO(data[:size].decode()), format="extxyz"))
        frames.append(frame)
        data = data[size:]
    return frames


def contains(frames, answered):
    """Whether the frames hold all answered positions in their order; one that was never answered may be among them."""
    left = iter(frames)
    return all(any(np.abs(frame.positions - positions[frame.arrays["index"]]).max() < 1e-9 for frame in left)
               for positions in answered)


def test_full_disk_ends_the_run(potentials, start, folders):
    """A limit on the size of files stands for the disk: the run ends with an error, reconnect or not."""
    folder, sockets = folders
    atoms = block(5)
    path = configure(folder, atoms, mixture_of(potentials, atoms), log={"file": "log.xyz"},
                     driver={"reconnect": True})
    mixture = Mixture(lambda command: start(command, preexec_fn=limit_files), sockets, path)
    with pytest.raises((EOFError, OSError)):
        for moved in steps(atoms, 20):
            mixture.evaluate(moved)
            answered = moved
    _, errors = mixture.process.communicate(timeout=TIMEOUT)
    mixture.driver.close()
    assert mixture.process.returncode == 1
    last = errors.splitlines()[-1]
    assert "log.xyz" in last and "File too large" in last
    frames = read(folder / "log.xyz", index=":")
    assert np.abs(frames[-1].positions - answered.positions[frames[-1].arrays["index"]]).max() < 1e-9


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


def test_second_writer(potentials, start, folders):
    folder, sockets = folders
    atoms = block(3)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        mixture.evaluate(atoms)
        assert "another process is writing" in refusal(path)
        assert run(path, "--check", "--log", folder / "other.xyz").returncode == 0
        mixture.evaluate(atoms)
    assert len(read(folder / "log.xyz", index=":")) == 2


def test_bad_paths(potentials, start, folders):
    folder, sockets = folders
    atoms = block(3)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "missing/log.xyz"})
    assert "missing/log.xyz" in refusal(path) and "No such file" in refusal(path)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "."})
    assert "not a regular file" in refusal(path)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "structure.xyz"})
    before = (folder / "structure.xyz").read_bytes()
    assert "is no force log" in refusal(path)
    assert (folder / "structure.xyz").read_bytes() == before


def test_log_of_another_structure(potentials, start, folders):
    folder, sockets = folders
    atoms = block(3)
    path = configure(folder, atoms, linear(potentials / ML), log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        mixture.evaluate(atoms)
    before = (folder / "log.xyz").read_bytes()
    for other in (block(4), atoms[:-1]):
        line = refusal(configure(folder, other, linear(potentials / ML), log={"file": "log.xyz"}))
        assert "log of another structure" in line and "54 atoms" in line
    other = atoms.copy()
    other.pbc = True, True, False
    line = refusal(configure(folder, other, linear(potentials / ML), log={"file": "log.xyz"}))
    assert "log of another structure" in line
    assert (folder / "log.xyz").read_bytes() == before
