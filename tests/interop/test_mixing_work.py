"""The work of a mixture's forces along the way of each replica, as its energy: against NumPy, over runs of ASE and of
i-PI whose atoms are wrapped into the cell."""

import shutil

import numpy as np
import pytest
from ase import units
from ase.calculators.socketio import SocketIOCalculator
from ase.io import read
from ase.md.verlet import VelocityVerlet
from conftest import program
from ipi_run import Run
from mixture import Mixture, configure, linear, mixing, refusal
from serve import finish, socket_name
from test_force_log import ENGINE, ML, block, sphere

BAR = 1e-10  # eV, over some tens of eV of work
PRINTED = 1e-8  # relative: i-PI prints nine digits


@pytest.fixture
def mixture_of(potentials, folders):
    """Write a configuration, with keys of the mixture and of the whole."""

    def write(atoms, mixture, **keys):
        calculator = mixing(linear(potentials / ML), (sphere(atoms), linear(potentials / ENGINE)), **mixture)
        return configure(folders[0], atoms, calculator, **keys)

    return write


def work(positions, forces):
    """−½ Σ (F + F')·(X' − X) up to each of the steps; positions are not wrapped."""
    steps = ((forces[1:] + forces[:-1]) * np.diff(positions, axis=0)).sum(axis=(1, 2))
    return -0.5 * np.concatenate([[0.0], np.cumsum(steps)])


def walk(atoms, seed, count):
    """A random walk of large steps, as it goes on, and as a driver sends it: wrapped into the cell."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        atoms = atoms.copy()
        atoms.positions += rng.normal(0, 0.3, (len(atoms), 3))
        wrapped = atoms.copy()
        wrapped.wrap()
        yield atoms.positions, wrapped


@pytest.mark.parametrize("energy", ["virtual_work", "ml", "none"])
def test_replicas_one_among_the_other(energy, mixture_of, start, folders):
    """Each has its own work, whatever stands for the energy; the log has it too."""
    atoms = block(5)
    atoms.positions -= [1.0, 2.0, 0.5]
    path = mixture_of(atoms, {"energy": energy}, log={"file": "log.xyz"})
    ways = {replica: list(walk(atoms, replica, 6)) for replica in (0, 7, 3)}
    replies = {replica: [] for replica in ways}
    with Mixture(start, folders[1], path) as mixture:
        for step in range(6):
            for replica in ways:
                mixture.replica(replica)
                replies[replica].append(mixture.evaluate(ways[replica][step][1]))
    works = {}
    for replica, way in ways.items():
        assert any(np.abs(positions - wrapped.positions).max() > 10 for positions, wrapped in way)
        expected = work(np.array([positions for positions, _ in way]), np.array([r.forces for r in replies[replica]]))
        works[replica] = [reply.extras["virtual_work"] for reply in replies[replica]]
        assert np.abs(works[replica] - expected).max() < BAR and np.abs(expected[1:]).min() > 0.1
        if energy == "virtual_work":
            assert np.abs([reply.energy for reply in replies[replica]] - expected).max() < BAR
        kinds = {"virtual_work": "virtual_work", "ml": "ml_part", "none": "absent"}
        assert {reply.extras["energy_kind"] for reply in replies[replica]} == {kinds[energy]}
        assert len({tuple(reply.extras) for reply in replies[replica]}) == 1
    for frame in read(folders[0] / "log.xyz", index=":"):
        step = (frame.info["evaluation"] - 1) // len(ways)
        assert frame.info["virtual_work"] == works[frame.info["replica"]][step]


def test_a_new_driver_begins_at_zero(mixture_of, start, folders):
    atoms = block(3)
    path = mixture_of(atoms, {}, driver={"reconnect": True})
    mixture = Mixture(start, folders[1], path)
    for _ in range(2):
        works = [mixture.evaluate(moved).extras["virtual_work"] for _, moved in walk(atoms, 1, 3)]
        assert works[0] == 0.0 and abs(works[2]) > 0.1
        mixture.driver.connection.close()
        mixture.driver.accept()
    mixture.process.terminate()
    mixture.process.wait()
    mixture.driver.close()


def test_new_coefficients_begin_at_zero(potentials, start, folders):
    folder, sockets = folders
    for suffix in (".snap", ".snapcoeff", ".snapparam"):
        shutil.copy((potentials / ML).with_suffix(suffix), folder)
    atoms = block(3)
    ml = linear(folder / ML)
    ml["potential"]["reload"] = True
    calculator = mixing(ml, (sphere(atoms), linear(potentials / ENGINE)), energy="virtual_work")
    energies = []
    with Mixture(start, sockets, configure(folder, atoms, calculator)) as mixture:
        for step, (_, moved) in enumerate(walk(atoms, 1, 6)):
            if step == 2:  # the same coefficients in a file that has changed
                with open((folder / ML).with_suffix(".snapcoeff"), "a") as file:
                    file.write("# the same\n")
            if step == 4:
                lines = (folder / ML).with_suffix(".snapcoeff").read_text().splitlines()
                lines[4] = str(float(lines[4]) + 0.01)
                (folder / ML).with_suffix(".snapcoeff").write_text("\n".join(lines) + "\n")
            energies.append(mixture.evaluate(moved).energy)
    assert [energy == 0.0 for energy in energies] == [step in (0, 2, 4) for step in range(6)]


def test_ase(mixture_of, start):
    """A run of ASE's own dynamics."""
    atoms = block(3)
    path = mixture_of(atoms, {"energy": "virtual_work"}, extras="none")
    atoms.set_velocities(np.random.default_rng(1).normal(0, 0.005, (len(atoms), 3)))
    name = socket_name()
    with SocketIOCalculator(unixsocket=name) as atoms.calc:
        server = start([program("lmlink-serve"), path, "--driver", f"unix:{name}"])
        dynamics = VelocityVerlet(atoms, 4 * units.fs)
        steps = []
        dynamics.attach(lambda: steps.append((atoms.positions.copy(), atoms.get_forces(), atoms.get_potential_energy())))
        dynamics.run(15)
    code, messages = finish(server)
    assert code == 0, messages
    positions, forces, energies = map(np.array, zip(*steps))
    expected = work(positions, forces)
    assert np.abs(energies - expected).max() < BAR and np.ptp(expected) > 0.1


def test_ipi(mixture_of, ipi, start, folders):
    """Four beads and one server, to which i-PI names each; atoms cross the borders that it wraps them at, L/2."""
    atoms = block(3)
    run = Run(ipi, start, folders[0], [mixture_of(atoms, {"energy": "virtual_work"})], atoms)
    assert run.codes == (0,), run.messages
    expected = np.array([work(*bead) for bead in zip(run.positions, run.forces)]).T
    assert np.ptp(expected[-1]) > 0.01 and np.abs(expected[-1]).min() > 0.01
    assert np.abs(run.energies - expected).max() < PRINTED * np.abs(expected).max() + BAR
    assert np.abs(run.works - expected).max() < PRINTED * np.abs(expected).max() + BAR


def test_batches(mixture_of, ipi, start, folders):
    """A batch names its first structure's replica alone: there is no work, and a mixture that needs it says so."""
    atoms = block(3)
    run = Run(ipi, start, folders[0], [mixture_of(atoms, {})], atoms, batch=3, steps=3)
    assert run.codes == (0,), run.messages
    assert np.isnan(run.works).all() and np.abs(run.forces).max() > 0.1
    run = Run(ipi, start, folders[0], [mixture_of(atoms, {"energy": "virtual_work"})], atoms, batch=3, steps=3)
    last = run.messages[0].splitlines()[-1]
    assert run.codes == (1,) and "batches of 3 structures" in last and "let its batch_size be 1" in last


def test_only_the_whole_has_it(potentials, folders):
    """A mixture within another one has no replicas."""
    atoms, ml = block(3), linear(potentials / ML)
    inner = mixing(ml, (sphere(atoms), ml), energy="virtual_work")
    line = refusal(configure(folders[0], atoms, mixing(inner, (sphere(atoms), ml))))
    assert "calculator.ml.energy" in line and "outermost mixture" in line, line
