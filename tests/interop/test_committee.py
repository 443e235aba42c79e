"""A committee of potentials as results: against its members written to files and evaluated one by one, against rows of
descriptors, for i-PI; the sigma of the energy, sums of descriptors; with threads, in mixtures, with new coefficients."""

import json
import os
import shutil

import numpy as np
import pytest
from ase.constraints import FixAtoms
from ase.io import read, write
from ase.units import Bohr, Hartree
from ipi_run import numbers, run_ipi
from made_up import write_potential as write_made_up
from mixture import Mixture, configure, linear, mixing
from serve import finish, serve_command
from test_reload import server
from test_retrain import W_BE, cells, label, read_coefficients, retrain, teacher, write_potential  # noqa: F401
from test_uf3 import made_up, write_uf3
from test_uncertainty_served import alloy, evaluate, near, train  # noqa: F401

from lmlink import LMLink, LMLinkError

COMMITTEE = ["committee_energies", "committee_forces", "committee_virials"]
SIGMAS = 1e-12  # of the spread of members against the norm of deviations, relative to the largest
FORCES = 1e-11  # eV/Å


def members_of(potential, lmlink_eval):
    """Files of the members, in their order."""
    lmlink_eval("--potential", potential, "--write", potential.with_name("member" + potential.suffix), "--committee")
    paths = list(potential.parent.glob(f"member-*{potential.suffix}"))
    return sorted(paths, key=lambda path: int(path.stem.split("-")[1]))


def chemical(folder):
    return write_made_up(folder, {"rcutfac": 4.6, "twojmax": 2, "chemflag": 1},
                         [("W", 0.5, 1.0), ("Be", 0.418, 0.759)], cells(1, 2, ("W", "Be"))[0], seed=4)


@pytest.fixture
def start_of(alloy, tmp_path):  # noqa: F811
    """Potentials to train, by name, with options."""
    made = {"linear": lambda: (alloy, "--form", "linear", "--uncertainty-rank", 8),
            "quadratic": lambda: (alloy, "--form", "quadratic"),
            "chemflag": lambda: (chemical(tmp_path), "--form", "linear", "--uncertainty-rank", 6),
            "uf3": lambda: (write_uf3(tmp_path / "start.uf3", made_up([("W", "W"), ("W", "Be"), ("Be", "Be")], seed=2)),
                            "--form", "linear", "--uncertainty-rank", 6)}
    return lambda name: made[name]()


# ---- members ----


@pytest.mark.parametrize("form", ["linear", "quadratic", "chemflag", "uf3"])
def test_members_one_by_one(form, start_of, train, lmlink_eval):  # noqa: F811
    """Potentials written to files, evaluated like any other: each is what the shared evaluation says of it. The mean is the
    potential, the spread its sigma."""
    start, *options = start_of(form)
    potential = train(start, ("W", "Be"), *options, output="new" + start.suffix)
    rank = json.loads(potential.with_suffix(".uncertainty.json").read_text())["factor"]["rank"]
    first, second = cells(2, 5, ("W", "Be"), size=3)
    second.symbols = first.symbols
    with LMLink(potential, results=[*COMMITTEE, "sigma_forces", "sigma_energy"]) as calculator:
        for atoms in (first, second):
            atoms.calc = calculator
            atoms.get_forces()
        shared, forces = dict(calculator.results), atoms.get_forces()
        energy = atoms.get_potential_energy()
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
    alone, energies, virials = [], [], []
    for member in members_of(potential, lmlink_eval):
        with LMLink(member) as calculator:
            changes = []
            for atoms in (first, second):
                atoms.calc = calculator
                changes.append(atoms.get_potential_energy())
            alone.append(atoms.get_forces())
            energies.append(changes[1] - changes[0])
            virials.append(-atoms.get_stress(voigt=False) * atoms.get_volume())
    alone, energies, virials = np.array(alone), np.array(energies), np.array(virials)
    count = rank + 1
    assert len(alone) == count and (form != "quadratic" or count == 16)
    together = shared["committee_forces"].reshape(-1, count, 3).transpose(1, 0, 2)
    assert np.abs(together - alone).max() < FORCES and np.abs(alone.mean(axis=0) - forces).max() < FORCES
    assert near(alone.std(axis=0, ddof=1), shared["sigma_forces"], 1e-10)  # forces of files are good to some 1e-13 eV/Å
    assert near(together.std(axis=0, ddof=1), shared["sigma_forces"], SIGMAS)
    assert np.abs(together.mean(axis=0) - forces).max() < FORCES
    assert near(shared["committee_virials"].reshape(count, 3, 3), virials, 1e-10)
    assert np.abs(shared["committee_virials"].reshape(count, 3, 3).mean(axis=0) - virial).max() < 1e-9
    assert abs(shared["committee_energies"].mean() - energy) < 1e-9
    assert np.abs(shared["committee_energies"] - energy - (energies - energies.mean())).max() < 1e-8
    assert abs(shared["committee_energies"].std(ddof=1) / shared["sigma_energy"] - 1) < 1e-9
    assert shared["sigma_forces"].max() > 1e-4 < shared["sigma_energy"]


def test_files_of_members_are_kept(train, teacher, lmlink_eval):  # noqa: F811
    potential = train(teacher[0], ("W",), "--uncertainty-rank", 3)
    kept = potential.with_name("m-3.snapcoeff")
    kept.write_text("mine")
    done = lmlink_eval("--potential", potential, "--write", potential.with_name("m.snapcoeff"), "--committee", check=False)
    assert done.returncode == 2 and "m-3.snapcoeff: exists already" in done.stderr
    assert kept.read_text() == "mine" and not potential.with_name("m-1.snapcoeff").exists()
    done = lmlink_eval("--potential", potential, "--committee", potential, check=False)
    assert done.returncode == 2 and "--committee needs --write FILE" in done.stderr


@pytest.mark.parametrize("isa", ["generic", "avx2"])
def test_instruction_sets(isa, train, alloy, monkeypatch):  # noqa: F811
    potential, atoms = train(alloy, ("W", "Be"), "--form", "quadratic"), cells(1, 5, ("W", "Be"), size=2)[0]
    names = ["force_deviations", "energy_deviations", "virial_deviations", "descriptor_sums", "distance"]
    found = []
    for chosen in (None, isa):
        if chosen:
            monkeypatch.setenv("LMLINK_ISA", chosen)
        with LMLink(potential, results=names) as calculator:
            calculator.get_property("forces", atoms)
            found.append([calculator.results[name] for name in names])
    for one, other in zip(*found):
        assert near(one, other, 1e-10)


@pytest.mark.parametrize("form", ["linear", "quadratic"])
def test_threads(form, train, alloy):  # noqa: F811
    """Not a bit depends on their number, of more atoms than a unit has."""
    potential = train(alloy, ("W", "Be"), "--form", form)
    atoms = cells(1, 5, ("W", "Be"), size=6)[0]
    names = ["force_deviations", "energy_deviations", "virial_deviations", "descriptor_sums", "distance", "sigma_energies"]
    found = set()
    for threads in (1, 2, 5):
        with LMLink(potential, results=names, threads=threads) as calculator:
            forces = calculator.get_property("forces", atoms)
            found.add((forces.tobytes(), *(calculator.results[name].tobytes() for name in names)))
    assert len(found) == 1


# ---- energies ----


def test_sums_reweight_to_other_coefficients(train, alloy, tmp_path):  # noqa: F811
    """The energy by any other coefficients is known from the sums alone."""
    potential = train(alloy, ("W", "Be"), "--form", "quadratic")
    theta = read_coefficients(potential)
    other = theta * (1 + np.random.default_rng(3).normal(0, 0.1, theta.shape))
    write_potential(tmp_path / "other.snapcoeff", other, W_BE)
    frames = cells(3, 7, ("W", "Be"), size=3)
    with LMLink(potential, results=["descriptor_sums"]) as first, LMLink(tmp_path / "other.snapcoeff") as second:
        for atoms in frames:
            change = second.get_property("energy", atoms) - first.get_property("energy", atoms)
            assert abs(change - (other - theta).ravel() @ first.results["descriptor_sums"]) < 1e-9
            assert (first.results["descriptor_sums"].reshape(theta.shape)[:, 0] ==
                    [(atoms.symbols == symbol).sum() for symbol in ("W", "Be")]).all()


def test_sums_need_no_uncertainty(teacher, lmlink_eval, tmp_path):  # noqa: F811
    frames = cells(2, 3, size=3)
    found = evaluate(lmlink_eval, teacher[0], frames, tmp_path, ["descriptor_sums"])
    lmlink_eval("--potential", teacher[0], tmp_path / "in.xyz", "--descriptors", tmp_path / "d.npy")
    rows = np.load(tmp_path / "d.npy").reshape(2, len(frames[0]), -1)
    for atoms, expected in zip(found, rows.sum(axis=1)):
        assert near(atoms.info["descriptor_sums"], expected)


def test_sigma_of_the_energy(train, alloy, lmlink_eval, tmp_path):  # noqa: F811
    """Against the first frame; of frames with other numbers of atoms it is no number."""
    potential = train(alloy, ("W", "Be"))
    path = cells(4, 5, ("W", "Be"), size=3)
    for atoms in path[1:]:
        atoms.symbols = path[0].symbols
    path[2].symbols[:] = "W"
    path[3].symbols[:] = path[0].symbols[::-1]  # which atoms they are does not matter
    found = evaluate(lmlink_eval, potential, path, tmp_path, ["sigma_energy", "energy_deviations", "committee_energies"])
    lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--descriptors", tmp_path / "d.npy")
    factor = np.load(potential.with_suffix(".uncertainty.npy")).reshape(2, -1, 15)
    rows = np.load(tmp_path / "d.npy").reshape(4, len(path[0]), -1)
    sums = [np.einsum("ic,ick->k", row, factor[(atoms.symbols == "Be").astype(int)]) for row, atoms in zip(rows, path)]
    sigmas = np.array([atoms.info["sigma_energy"] for atoms in found])
    expected = np.array([np.linalg.norm(row - sums[0]) for row in sums])
    assert sigmas[0] == 0 and np.isnan(sigmas[2]) and np.isnan(found[2].info["committee_energies"]).all()
    assert near(sigmas[[1, 3]], expected[[1, 3]], 1e-6) and sigmas[1] > 0
    assert np.abs(found[0].info["committee_energies"] - found[0].get_potential_energy()).max() < 1e-9


def test_sigma_along_a_path(train, alloy, lmlink_eval, tmp_path):  # noqa: F811
    """Of the work of forces, which of a fine path is that of the energies."""
    potential = train(alloy, ("W", "Be"))
    start = cells(1, 5, ("W", "Be"), size=3)[0]
    path = []
    for x in np.linspace(0, 1, 13):
        path.append(start.copy())
        path[-1].positions[3] += [1.2 * x, 0.4 * np.sin(np.pi * x), 0]
    found = evaluate(lmlink_eval, potential, path, tmp_path, ["energy_deviations"])
    rows = np.array([atoms.info["energy_deviations"] for atoms in found])
    energies = np.array([atoms.get_potential_energy() for atoms in found])
    sigmas = np.linalg.norm(rows - rows[0], axis=1)
    plain = lmlink_eval("--virtual-work", tmp_path / "in.xyz", "--potential", potential).stdout.splitlines()
    lines = lmlink_eval("--virtual-work", tmp_path / "in.xyz", "--potential", potential, "--uncertainty").stdout.splitlines()
    table = np.array([line.split() for line in lines[1:14]], dtype=float)
    assert [line.rsplit(maxsplit=1)[0] for line in lines[1:14]] == plain[1:14] and "sigma" not in "".join(plain)
    assert np.abs(table[:, 2] - (energies - energies[0])).max() < 5e-3
    assert table[0, 3] == 0 and near(table[:, 3], sigmas, 0.01) and sigmas.max() > 1e-5
    work, energy = [line.split() for line in lines if line.startswith("sigma")]
    top = float([line for line in lines if line.startswith("highest")][0].split()[-1])
    nearest = np.abs(table[:, 1] - top).argmin()
    assert energy[-4:] == [str(nearest), "against", "the", "first"] and abs(float(energy[1]) / sigmas[nearest] - 1) < 1e-6
    assert abs(float(work[1]) / np.interp(top, table[:, 1], table[:, 3]) - 1) < 0.02
    done = lmlink_eval("--virtual-work", tmp_path / "out.xyz", "--uncertainty", check=False)
    assert done.returncode == 2 and "--uncertainty is for --virtual-work with --potential" in done.stderr


# ---- rankings ----


def test_free_atoms(teacher, lmlink_eval, start, folders, tmp_path):  # noqa: F811
    """Held atoms are told from those to rank: of each frame of a file, and of a server's structure."""
    frames = cells(2, 5, size=2)
    frames[0].arrays["fix_mask"] = np.arange(16) < 3
    frames[1].set_constraint(FixAtoms([5]))
    for k, (atoms, name) in enumerate(zip(frames, ("fix_mask", "move_mask"))):
        write(tmp_path / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions", name], append=k > 0)
    lmlink_eval("--potential", teacher[0], tmp_path / "in.xyz", "--output", tmp_path / "out.xyz", "--results", "free")
    found = read(tmp_path / "out.xyz", ":")
    assert found[0].arrays["free"].tolist() == [0] * 3 + [1] * 13
    assert found[1].arrays["free"].tolist() == [int(k != 5) for k in range(16)]
    folder, sockets = folders
    path = configure(folder, frames[0], linear(teacher[0]), results=["free"])
    write(folder / "structure.xyz", frames[0], format="extxyz", columns=["symbols", "positions", "fix_mask"])
    with Mixture(start, sockets, path) as mixture:
        assert mixture.evaluate(frames[0]).extras["free"] == [0] * 3 + [1] * 13
    with LMLink(teacher[0], results=["free"]) as calculator, pytest.raises(LMLinkError, match="'free' is one of"):
        calculator.get_property("forces", frames[0])  # its structures say nothing of what is held


# ---- servers ----


def test_new_coefficients_begin_anew(train, teacher, socket_folder, start, tmp_path):  # noqa: F811
    """Differences of energies are by the potential in force: the first structure behind a change is the one they count
    from."""
    first = train(teacher[0], ("W",), output="first.snapcoeff")
    second = train(teacher[0], ("W",), output="second.snapcoeff", ridge=1e3)
    folder = tmp_path / "served"
    folder.mkdir()

    def put(path):
        for suffix in (".snapparam", ".uncertainty.npy", ".snapcoeff", ".uncertainty.json"):
            name = path.name if suffix == ".uncertainty.npy" else "W.snapcoeff"
            shutil.copy(path.with_suffix(suffix), folder / "copy")
            os.replace(folder / "copy", (folder / name).with_suffix(suffix))

    put(first)
    frames = cells(3, 5, size=3)
    calculator = linear("W.snapcoeff")
    calculator["potential"]["reload"] = True
    path = configure(folder, frames[0], calculator, results=["sigma_energy"])
    with server(start, socket_folder, path, 1) as mixture:
        sigmas = [mixture.evaluate(atoms).extras["sigma_energy"] for atoms in (*frames, frames[0])]
        put(second)
        sigmas += [mixture.evaluate(atoms).extras["sigma_energy"] for atoms in frames[1:]]
        mixture.close()
        mixture.close = lambda: None
    assert sigmas[0] == sigmas[3] == sigmas[4] == 0 and min(sigmas[1], sigmas[2], sigmas[5]) > 1e-6


def test_extras_have_what_is_asked_for(train, teacher, start, folders):  # noqa: F811
    """What a committee is made of is not shown but where it is wanted, too."""
    folder, sockets = folders
    potential = train(teacher[0], ("W",))
    atoms = cells(1, 5, size=2)[0]
    path = configure(folder, atoms, linear(potential), results=["committee_forces", "sigma_energy"], log={"file": "log.xyz"})
    with Mixture(start, sockets, path) as mixture:
        extras = mixture.evaluate(atoms).extras
    assert set(extras) == {"energy_kind", "virial_kind", "committee_forces", "sigma_energy"}
    frame = read(folder / "log.xyz")
    assert "committee_forces" in frame.arrays and "sigma_energy" in frame.info
    assert not {"force_deviations", "energy_deviations"} & {*frame.arrays, *frame.info}


def test_a_mixture(train, teacher, alloy, start, folders, tmp_path):  # noqa: F811
    """The members differ by the potential's part of the forces, and not where the force is the engine's; their mean is what
    is served."""
    folder, sockets = folders
    potential = train(teacher[0], ("W",))
    frames = cells(2, 5, size=6)
    frames[1].cell = frames[0].cell
    region = {"indices": [0], "blend": {"width": 3.5, "shape": "linear"}, "buffer": 5.0}
    atoms = frames[0]
    path = configure(folder, atoms, mixing(linear(potential), (region, linear(alloy))),
                     results=[*COMMITTEE, "sigma_forces", "sigma_energy", "descriptor_sums"])
    with Mixture(start, sockets, path) as mixture:
        mixture.evaluate(atoms)
        found = mixture.evaluate(frames[1])
    forces = np.array(found.extras["committee_forces"]).reshape(len(atoms), 16, 3)
    assert np.abs(forces.mean(axis=1) - found.forces).max() < 1e-9 and np.ptp(forces[0], axis=0).max() == 0
    assert near(forces.std(axis=1, ddof=1), np.array(found.extras["sigma_forces"]), 1e-9)
    energies = np.array(found.extras["committee_energies"])
    assert abs(energies.mean() - found.energy) < 1e-9 and abs(energies.std(ddof=1) / found.extras["sigma_energy"] - 1) < 1e-9
    assert "committee_virials" not in found.extras  # there is no virial
    assert found.extras["descriptor_sums"][0] == len(atoms)


# ---- i-PI ----

OUTPUT = """
    <properties stride='1' filename='out'> [ step, potential ] </properties>
    <trajectory filename='for' stride='1' format='bin'> forces </trajectory>
    <trajectory filename='pot' stride='1' extra_type='committee_pot'> extras </trajectory>
    <trajectory filename='std' stride='1' extra_type='committee_uncertainty'> extras </trajectory>
    <trajectory filename='vir' stride='1' extra_type='committee_virial'> extras </trajectory>
    <trajectory filename='com' stride='1' extra_type='committee_force'> extras </trajectory>
"""
COMMITTEE_OF_IPI = """
  <ffcommittee name='lmlink'>
    <ffsocket name='server' mode='unix' pbc='false'>
      <address>{address}</address> <latency>1e-4</latency>
    </ffsocket>
    <parse_json>true</parse_json>
    <active_thresh units='electronvolt'>1e-9</active_thresh> <active_output>active</active_output>
  </ffcommittee>
"""


def test_ipi(train, teacher, ipi, start, tmp_path):  # noqa: F811
    """One server feeds a committee of i-PI, whose mean is the potential and whose spread its sigma."""
    potential = train(teacher[0], ("W",), "--form", "quadratic")
    folder, address = tmp_path / "run", f"lmlcom{os.getpid()}"
    folder.mkdir()
    command = [*serve_command(potential, f"unix:{address}", "--structure", folder / "init.xyz"), "--extras", "ipi-committee",
               "--log", folder / "log.xyz", "--results", "sigma_energy,sigma_forces"]
    codes, messages = run_ipi(ipi, start, folder, cells(1, 5, size=2)[0], OUTPUT, COMMITTEE_OF_IPI, [command],
                              address=address, steps=4, beads=1, ensemble="nve", thermostat="langevin", tau=100,
                              time_step=2.0, velocities=600, temperature=600)
    assert codes == (0,), messages
    frames = read(folder / "log.xyz", ":")
    assert len(frames) == 5
    energies = np.loadtxt(folder / "run.out")[:, 1] * Hartree
    assert np.abs(energies - [frame.get_potential_energy() for frame in frames]).max() < 1e-7  # eight decimals of Hartree
    members = numbers(next(folder.glob("run.pot*"))) * Hartree
    sigmas = np.array([frame.info["sigma_energy"] for frame in frames])
    assert members.shape == (5, 16) and np.abs(members.mean(axis=1) - energies).max() < 1e-6
    assert near(numbers(next(folder.glob("run.std*"))).ravel() * Hartree, sigmas, 1e-4) and sigmas[4] > 1e-6
    virials = numbers(next(folder.glob("run.vir*"))).reshape(5, 16, 9) * Hartree
    forces = numbers(next(folder.glob("run.com*"))).reshape(5, 16, -1, 3) * Hartree / Bohr
    for k, frame in enumerate(frames):
        assert near(virials[k].mean(axis=0), frame.info["virial"].ravel(), 1e-5)
        assert near(forces[k].mean(axis=0), frame.get_forces(), 1e-5)
        assert near(forces[k].std(axis=0, ddof=1), frame.arrays["sigma_forces"], 1e-3)
    active = next(folder.glob("run.active*")).read_text()
    assert active.count('"uncertainty"') == 4  # all but the first


def test_free_atoms_beside_a_committee(train, teacher, start, folders):  # noqa: F811
    """Other results stay in extras of i-PI's kind."""
    folder, sockets = folders
    atoms = cells(1, 5, size=2)[0]
    path = configure(folder, atoms, linear(train(teacher[0], ("W",))), results=["free"], extras="ipi-committee")
    with Mixture(start, sockets, path) as server:
        extras = server.evaluate(atoms).extras
    assert extras["free"] == [1] * len(atoms) and len(extras["committee_pot"]) == 16


def test_ipi_committee_without_an_uncertainty(teacher, start, tmp_path):  # noqa: F811
    process = start([*serve_command(teacher[0], f"unix:{tmp_path / 's'}"), "--extras", "ipi-committee"])
    code, errors = finish(process)
    assert code == 1 and "uncertainty.json: cannot be read" in errors
