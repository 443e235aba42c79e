"""Two regions that may both be skipped, one of which is chosen by the uncertainty and has no atoms at times: what is sent
against what NumPy makes of both sides' forces, from a server that asks for all; what is logged and learnt from."""

import json

import numpy as np
import pytest
from ase.io import read
from mixture import Mixture, configure, linear, mixing
from skips import Rules
from test_reload import server
from test_regions_uncertain import block, made, scores, uncertain  # noqa: F401 (fixtures)
from test_retrain import run as run_retrain

from lmlink import read_log

FAR = [224, 225]  # as far as can be from the atom whose place is wrong
AMPLITUDES = [0, 0.5, 0.5, 0.5, 0.45, 0, 0, 0.5, 0.6, 0.5, 0.6, 0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0]
SKIP = {"check_every": 4, "blend_evaluations": 3, "check_ratio": 1e4}


class Region(Rules):
    """One region, and what the two sides differ by; `d` is by atom."""

    def begin(self):
        super().begin()
        self.d = {}

    def evaluate(self, atoms, sigma, differences):
        """The share, d of each atom, and whether the engine is asked."""
        asked = self.decide(sigma)
        if asked:
            self.d = dict(zip(atoms, differences))
        return self.share, [self.d.get(i, np.zeros(3)) for i in atoms], asked


def frames_of():
    return [block(5, seed, amplitude) for seed, amplitude in enumerate(AMPLITUDES)]


def two_regions(folder, made, first, skips):  # noqa: F811
    """A server's configuration: atoms that stay, and those that are uncertain."""
    regions = ({"indices": FAR, "buffer": 2.0}, uncertain())
    qm = [(region, linear(made / "qm.snapcoeff"), {"skip": skip} if skip else {}) for region, skip in zip(regions, skips)]
    return configure(folder, first, mixing(linear(made / "W.snapcoeff"), *qm),
                     log={"file": "log.xyz", "full": True})


@pytest.fixture
def journey(made, scores, start, folders):  # noqa: F811
    """Frames, σ of their atoms, labels and quantum forces of both regions, and the potential's forces."""
    folder, sockets = folders
    frames = frames_of()
    path = two_regions(folder, made, frames[0], (None, None))
    with Mixture(start, sockets, path) as server:
        for atoms in frames:
            server.evaluate(atoms)
    logged = read(folder / "log.xyz", ":")
    (folder / "log.xyz").unlink()
    (folder / "log.xyz.index").unlink()
    sigmas = [scores(atoms, "sigma_forces") for atoms in frames]
    qm = [[np.flatnonzero(frame.arrays[f"region_{r}"] == "QM") for r in (1, 2)] for frame in logged]
    forces = [[frame.arrays[f"forces_qm_{r}"] for r in (1, 2)] for frame in logged]
    there = [len(one[1]) > 0 for one in qm]
    assert sum(b and not a for a, b in zip(there, there[1:])) > 1  # it begins anew
    return frames, sigmas, qm, forces, [frame.arrays["forces_ml"] for frame in logged]


def expected(journey, skips):
    """Of each evaluation the forces, and for each region whether it is asked (None: it has no atoms) and its share."""
    rules = [Region(**keys) for keys in skips]
    for _, sigmas, qm, forces, ml in zip(*journey):
        total, told = ml.copy(), []
        for r, rule in enumerate(rules):
            if len(qm[r]) == 0:
                rule.begin()
                told.append((None, 1.0))
                continue
            share, d, asked = rule.evaluate(qm[r], sigmas[qm[r]].max(), (forces[r] - ml)[qm[r]])
            total[qm[r]] += share * np.array(d)
            told.append((asked, share))
        yield total - total.mean(axis=0), told


def matches(reply, forces, told):
    assert np.abs(reply.forces - forces).max() < 1e-7
    assert reply.extras["skipped_regions"] == sum(asked is False for asked, _ in told)
    assert reply.extras["skip_part"] == pytest.approx([1 - share for _, share in told], abs=1e-12)


@pytest.fixture
def plan(made, journey, folders):  # noqa: F811
    """A configuration in which the first region's σ goes to and fro and the second one's is always small; and what is
    expected of it."""
    far = np.array([sigma[FAR].max() for sigma in journey[1]])
    thresholds = [(float(np.quantile(far, 0.5)), float(np.quantile(far, 0.8))), (1e3, 1e3)]
    skips = [{"below": below, "above": above, **SKIP} for below, above in thresholds]
    return two_regions(folders[0], made, journey[0][0], skips), list(expected(journey, skips))


@pytest.mark.parametrize("ranks", [1, 2])
def test_forces(ranks, plan, journey, socket_folder, start, folders):
    """And σ and the committee of what is sent; the log's keys, and the clusters that are read from it."""
    (path, wanted), (frames, sigmas, qm, *_) = plan, journey
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "results": ["sigma_forces", "committee_forces"]}))
    with server(start, socket_folder, path, ranks) as mixture:
        found = [mixture.evaluate(atoms) for atoms in frames]
    kinds = set()
    for k, (reply, (forces, told)) in enumerate(zip(found, wanted)):
        matches(reply, forces, told)
        lengths = np.linalg.norm(reply.extras["sigma_forces"], axis=1)
        for r, (_, share) in enumerate(told):
            assert np.abs(lengths[qm[k][r]] - (1 - share) * sigmas[k][qm[k][r]]).max(initial=0) < 1e-6
        members = np.reshape(reply.extras["committee_forces"], (len(lengths), -1, 3))
        assert np.abs(members.mean(axis=1) - reply.forces).max() < 1e-7
        assert np.abs(members.std(axis=1, ddof=1) - reply.extras["sigma_forces"]).max() < 1e-7
        kinds.add(tuple(asked for asked, _ in told))
    assert len(kinds) == 6  # a region is asked or skipped, the other one that, too, or without atoms
    logged = read(folders[0] / "log.xyz", ":")
    for frame, (_, told) in zip(logged, wanted, strict=True):
        assert frame.info["skipped"] == (not any(asked for asked, _ in told)) and not frame.info["recalled"]
        for r, (asked, share) in enumerate(told, 1):
            assert np.isfinite(frame.arrays[f"forces_qm_{r}"]).any() == bool(asked)
            if asked is None:
                assert frame.info[f"skip_mode_{r}"] == "asks" and not frame.info[f"skipped_{r}"]
    clusters = read_log(folders[0] / "log.xyz", "clusters")
    assert len(clusters) == sum(asked is True for _, told in wanted for asked, _ in told)
    assert {"energy_ml", "virtual_work", "virtual_work_skipped"} <= logged[0].info.keys()
    for cluster in clusters:  # what is said of the whole structure is not said of a part
        assert {"evaluation", "time", "potential", "skip_part", "cluster"} <= cluster.info.keys()
        assert not any(name.startswith(("energy_ml", "virtual_work", "mean_force", "sigma")) for name in cluster.info)


def learnt(made, folder, select):  # noqa: F811
    """What the report says of the log as a set of targets."""
    result = run_retrain("--start", made / "start.snapcoeff", "--targets", folder / "log.xyz", "--select", select,
                         "--lambda-ridge", 1e-3, "--output", folder / "new.snapcoeff", "--report", folder / "new.json")
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "new.json").read_text())["sets"][0]


@pytest.mark.parametrize("select", ["log", "all"])
def test_targets(select, plan, journey, made, start, folders):  # noqa: F811
    """Frames for which no engine was asked are none, also where a region had no atoms; nor are atoms of a region that was
    skipped."""
    (path, wanted), (frames, _, qm, *_), (folder, sockets) = plan, journey, folders
    with Mixture(start, sockets, path) as mixture:
        for atoms in frames:
            mixture.evaluate(atoms)
    target = learnt(made, folder, select)
    asked = [[bool(one) for one, _ in told] for _, told in wanted]
    assert target["frames_used"] == sum(any(one) for one in asked) < len(frames)
    atoms = sum(len(qm[k][r]) for k, one in enumerate(asked) for r in (0, 1) if one[r])
    assert target["rows"] == 3 * (atoms if select == "log" else sum(len(frames[k]) for k, one in enumerate(asked) if any(one)))


@pytest.mark.parametrize("select", ["log", "all"])
def test_frames_without_regions(select, journey, made, start, folders):  # noqa: F811
    """All of their forces are the potential's, which are no targets."""
    (frames, _, qm, *_), (folder, sockets) = journey, folders
    region = (uncertain(), linear(made / "qm.snapcoeff"))
    path = configure(folder, frames[0], mixing(linear(made / "W.snapcoeff"), region),
                     log={"file": "log.xyz", "full": True})
    with Mixture(start, sockets, path) as mixture:
        for atoms in frames:
            mixture.evaluate(atoms)
    there = sum(len(one[1]) > 0 for one in qm)
    assert learnt(made, folder, select)["frames_used"] == there < len(frames)


def test_recalled_beside_no_atoms(plan, journey, start, folders):
    """A frame in which all there is was known says so."""
    (path, _), (frames, _, qm, *_), (folder, sockets) = plan, journey, folders
    assert len(qm[0][1]) == 0
    for _ in range(2):
        with Mixture(start, sockets, path) as mixture:
            recalled = mixture.evaluate(frames[0]).extras["recalled_regions"]
    assert recalled == 1
    assert [frame.info["recalled"] for frame in read(folder / "log.xyz", ":")] == [False, True]


def test_it_goes_on_from_the_log(plan, journey, start, folders):
    """Wherever the region that moves was not skipped."""
    (path, wanted), (frames, *_), (_, sockets) = plan, journey, folders
    ends = [k for k, (_, told) in enumerate(wanted) if k > 0 and told[1][0] is not False]
    assert len({wanted[k][1][1][0] for k in ends}) == 2
    first = 0
    for end in [*ends, len(frames) - 1]:
        if end == first:
            continue
        with Mixture(start, sockets, path) as mixture:
            for k in range(first, end + 1):
                matches(mixture.evaluate(frames[k]), *wanted[k])
        first = end
