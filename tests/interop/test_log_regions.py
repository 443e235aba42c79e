"""The force log of a mixture with several regions: what each has computed, also where their buffers overlap; that
lmlink-retrain takes it, and that each region by itself is not computed twice."""

import json
import subprocess

import numpy as np
import pytest
from ase.io import read
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, remote
from test_force_log import ENGINE, ML, block, potential_forces, steps

BAR = 1e-9  # eV/Å, between two evaluations of lmlink
ROUNDING = 1e-12
LABELS = ["MM", "buffer", "blend", "QM"]


def two_regions(atoms, apart, blend=0.0):
    """Spheres around two atoms, some way apart along x, in the middle of the cell."""
    middle = atoms.cell.array.sum(axis=0) / 2
    width = {"blend": {"width": blend}} if blend else {}
    return [{"spheres": [{"centre": list(middle + [side * apart / 2, 0, 0]), "radius": 2.9}], "buffer": 5.0, **width}
            for side in (-1, 1)]


def configure_regions(folder, potentials, atoms, regions):
    """A mixture of two potentials with these regions, and its log; the path of the configuration."""
    engine = linear(potentials / ENGINE)
    return configure(folder, atoms, mixing(linear(potentials / ML), *((region, engine) for region in regions)),
                     log={"file": "log.xyz"})


def clusters(path, names=("1", "2")):
    """Labelled structure and the clusters that --check writes."""
    stem = str(path.with_suffix(""))
    check_all(path)
    return [read(f"{stem}-cluster-{name}.xyz") for name in names]


def check_all(path):
    result = subprocess.run([program("lmlink-serve"), path, "--driver", "unix:none", "--check"], cwd=path.parent,
                            capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("apart, blend", [(7.0, 0.0), (9.0, 1.4), (15.7, 0.0)])
def test_columns_and_keys(apart, blend, potentials, lmlink_eval, start, folders):
    """Each cluster's forces are those of its potential by itself, and stand in the region's own column; the common ones
    have those of the region that gives the atom the larger part."""
    folder, sockets = folders
    atoms = block(10)
    regions = two_regions(atoms, apart, blend)
    path = configure_regions(folder, potentials, atoms, regions)
    parts = clusters(path)
    shared = np.intersect1d(*(part.arrays["index"] for part in parts))
    assert (len(shared) > 5) == (apart < 10) and (len(shared) == 0) == (apart > 10)
    moved = list(steps(atoms, 2))
    with Mixture(start, sockets, path) as mixture:
        replies = [mixture.evaluate(there) for there in moved]
    frames = read(folder / "log.xyz", index=":")
    for frame, there, reply in zip(frames, moved, replies, strict=True):
        index = frame.arrays["index"]
        level = np.zeros(len(atoms), dtype=int)
        common = np.full((len(atoms), 3), np.nan)
        mixed = potential_forces(lmlink_eval, potentials / ML, there, folder)
        for number, (part, region) in enumerate(zip(parts, regions), start=1):
            labels = np.full(len(atoms), "MM", dtype="U6")
            labels[part.arrays["index"]] = part.arrays["region"]
            assert (frame.arrays[f"region_{number}"] == labels[index]).all()
            alone = part.copy()
            alone.positions += (there.positions - atoms.positions)[part.arrays["index"]]
            own = np.full((len(atoms), 3), np.nan)
            own[part.arrays["index"]] = potential_forces(lmlink_eval, potentials / ENGINE, alone, folder)
            ours = frame.arrays[f"forces_qm_{number}"]
            assert (np.isnan(ours) == np.isnan(own[index])).all() and np.nanmax(np.abs(ours - own[index])) < BAR
            own_level = np.array([LABELS.index(label) for label in labels])
            larger = own_level > level
            common[larger] = own[larger]
            level = np.maximum(level, own_level)
            qm = labels == "QM"
            mixed[qm] = own[qm]
            for i in np.flatnonzero(labels == "blend"):
                weight = 1 - min(atoms.get_distance(i, k, mic=True) for k in np.flatnonzero(qm)) / blend
                mixed[i] = weight * own[i] + (1 - weight) * mixed[i]
            assert np.abs(frame.info[f"cluster_cell_{number}"].reshape(3, 3) - part.cell.array).max() < ROUNDING
            assert frame.info[f"engine_{number}"].startswith("sha256:") and not frame.info[f"recalled_{number}"]
            assert np.isfinite(frame.info[f"energy_qm_{number}"])
        assert not {"engine", "cluster_cell", "energy_qm", "region_3"} & (set(frame.info) | set(frame.arrays))
        assert (frame.arrays["region"] == np.array(LABELS)[level][index]).all()
        ours = frame.arrays["forces_qm"]
        assert (np.isnan(ours) == np.isnan(common[index])).all() and np.nanmax(np.abs(ours - common[index])) < BAR
        mixed -= mixed.mean(axis=0)
        assert np.abs(reply.forces - mixed).max() < BAR
        assert np.abs(frame.get_forces() - reply.forces[index]).max() < ROUNDING


def test_retraining(potentials, lmlink_eval, start, folders):
    """Each QM atom is a target once, with the force of its own region, and the potential before is as far from it as the log
    says; what was recalled, of all regions or of one, is no target again."""
    folder, sockets = folders
    atoms = block(8)
    path = configure_regions(folder, potentials, atoms, two_regions(atoms, 9.0))
    parts = clusters(path)
    first, second = list(steps(atoms, 2))
    half = second.copy()  # of the first cluster, no atom has moved since `first`
    half.positions[parts[0].arrays["index"]] = first.positions[parts[0].arrays["index"]]
    with Mixture(start, sockets, path) as mixture:
        recalled = [mixture.evaluate(there).extras["recalled_regions"] for there in (first, second, second, half)]
    assert recalled == [0, 0, 2, 1]
    frames = read(folder / "log.xyz", index=":")
    assert [frame.info["recalled"] for frame in frames] == [False, False, True, False]
    assert frames[3].info["recalled_1"] and not frames[3].info["recalled_2"]
    result = subprocess.run(
        [program("lmlink-retrain"), "--start", potentials / ML, "--form", "linear", "--targets", "log.xyz",
         "--lambda-ridge", "1e-6", "--output", "new.snapcoeff", "--report", "new.json"],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    target = json.loads((folder / "new.json").read_text())["sets"][0]
    nqm = [(part.arrays["region"] == "QM").sum() for part in parts]
    counts = [3 * sum(nqm), 3 * sum(nqm), 3 * nqm[1]]
    assert target["frames_used"] == 3 and target["rows"] == sum(counts)
    for entry, frame, there, numbers, count in zip(target["errors"]["frames"], (frames[0], frames[1], frames[3]),
                                                   (first, second, half), ((0, 1), (0, 1), (1,)), counts, strict=True):
        ml = potential_forces(lmlink_eval, potentials / ML, there, folder)
        differences = []
        for number in numbers:
            part = parts[number]
            alone = part.copy()
            alone.positions += (there.positions - atoms.positions)[part.arrays["index"]]
            own = potential_forces(lmlink_eval, potentials / ENGINE, alone, folder)
            qm = part.arrays["region"] == "QM"
            differences.append((own - ml[part.arrays["index"]])[qm].ravel())
        differences = np.concatenate(differences)
        assert len(differences) == count == entry["count"]
        assert entry["rms_before"] == pytest.approx(np.sqrt(np.mean(differences**2)), rel=1e-8)


def test_each_region_by_itself(potentials, start, folders):
    """After a restart the engine of the region whose atoms have not moved is not asked."""
    folder, sockets = folders
    atoms = block(8)

    def engine(number):
        launch = f"{program('lmlink-serve')} --potential {potentials / ENGINE} --driver unix:{{path}} --log-level info"
        return remote(f"unix:{sockets / f'engine{number}'}", init="lmlink", launch=launch, output=f"engine{number}.log",
                      inputs=[str((potentials / ENGINE).with_suffix(".snapcoeff"))])

    path = configure(folder, atoms, mixing(linear(potentials / ML), *((region, engine(number)) for number, region in
                                                                      enumerate(two_regions(atoms, 9.0)))),
                     log={"file": "log.xyz"})
    parts = clusters(path)
    alone = np.setdiff1d(parts[1].arrays["index"], parts[0].arrays["index"])
    other = atoms.copy()
    other.positions[alone[0]] += 0.05
    for there, asked, recalled in ((atoms, [1, 1], 0), (other, [1, 2], 1), (other, [1, 2], 2)):
        with Mixture(start, sockets, path) as mixture:
            reply = mixture.evaluate(there)
        assert reply.extras["recalled_regions"] == recalled
        texts = [(folder / f"engine{number}.log").read_text() for number in (0, 1)]
        assert [text.count("evaluation 1:") for text in texts] == asked
