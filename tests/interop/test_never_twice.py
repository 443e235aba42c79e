"""Forces that stand in the force log are not computed again: the engine's own count of its evaluations says so."""

import shutil

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.mep import NEB
from ase.optimize import FIRE
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, refusal, remote
from test_force_log import ENGINE, ML, block, sphere

ENGINE_NAME = "engine"


class Mixed(Calculator):
    """An ASE calculator over a Mixture."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, mixture):
        super().__init__()
        self.mixture = mixture

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        results = self.mixture.evaluate(self.atoms)
        self.results = {"energy": results.energy, "forces": results.forces}


@pytest.fixture
def case(potentials, folders):
    """A configuration with an lmlink-serve as engine, which tells of each evaluation in engine.log; the potential's
    files are its inputs."""
    folder, sockets = folders
    for suffix in (".snap", ".snapcoeff", ".snapparam"):
        shutil.copy((potentials / ENGINE).with_suffix(suffix), folder)
    atoms = block(5)

    def write(inputs=(f"{ENGINE}coeff",), buffer=6.0, tag=None, **log):
        launch = f"{program('lmlink-serve')} --potential {ENGINE} --driver unix:{{path}} --log-level info"
        engine = remote(f"unix:{sockets / 'engine'}", name=ENGINE_NAME, launch=launch,
                        **({"inputs": list(inputs)} if inputs else {}), **({} if tag is None else {"tag": tag}))
        return configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=buffer), engine)),
                         log={"file": "log.xyz", **log})

    return write, atoms, folder, sockets


def count(folder):
    """Evaluations of the engine since it was started last, and those before are forgotten."""
    path = folder / "engine.log"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return sum("evaluation " in line for line in text.splitlines())


def relax(mixture, atoms, steps):
    """A nudged elastic band between two displacements of an atom; positions of all images after some steps."""
    images = [atoms.copy() for _ in range(4)]
    for k, image in enumerate(images):
        image.positions[len(atoms) // 2] += [0.1 * k, 0.02 * k * k, 0]
        image.calc = Mixed(mixture)
    band = NEB(images, method="aseneb", allow_shared_calculator=True)
    FIRE(band, logfile=None).run(fmax=1e-9, steps=steps)
    return np.array([image.positions for image in images])


def test_a_killed_band_repeats_nothing(case, start):
    write, atoms, folder, sockets = case
    path = write()
    with Mixture(start, sockets, path) as mixture:
        expected = relax(mixture, atoms, 5)
    undisturbed = count(folder)
    (folder / "log.xyz").unlink()

    mixture = Mixture(start, sockets, path)
    relax(mixture, atoms, 2)
    mixture.process.kill()
    mixture.process.wait(TIMEOUT)
    mixture.driver.close()
    (sockets / "s").unlink()
    first = count(folder)
    with Mixture(start, sockets, path) as mixture:
        resumed = relax(mixture, atoms, 5)
    second = count(folder)
    print(f"undisturbed: {undisturbed} evaluations of the engine; killed: {first}, then {second}")
    assert 0 < first < undisturbed and first + second == undisturbed
    assert np.abs(resumed - expected).max() < 1e-10  # neighbour lists have another history: another order of sums


def evaluations(start, case, path, positions):
    """How often the engine is asked for the forces at these positions; the forces of the last."""
    _, atoms, folder, sockets = case
    moved = atoms.copy()
    with Mixture(start, sockets, path) as mixture:
        for moved.positions in positions:
            reply = mixture.evaluate(moved)
    return count(folder), reply.forces


def test_what_counts_as_the_same(case, start):
    write, atoms, folder, _ = case
    there = [atoms.positions.copy()]
    asked, expected = evaluations(start, case, write(), there)
    assert asked == 1
    # The same, also by way of a periodic image, and as near as rounding.
    image = there[0] + atoms.cell.array.sum(axis=0)
    assert evaluations(start, case, write(), [there[0], image, there[0] + 5e-11])[0] == 0
    assert (evaluations(start, case, write(), there)[1] == expected).all()
    centre = int(np.argmin(np.linalg.norm(there[0] - atoms.cell.array.sum(axis=0) / 2, axis=1)))
    moved = there[0].copy()
    moved[centre, 0] += 1e-6
    assert evaluations(start, case, write(), [moved, moved])[0] == 1
    # Other regions, other inputs, and where nobody wants it.
    assert evaluations(start, case, write(buffer=5.0), there)[0] == 1
    assert evaluations(start, case, write(reuse=False), there)[0] == 1
    assert evaluations(start, case, write(inputs=()), there)[0] == 1
    with open(folder / f"{ENGINE}coeff", "a") as file:
        file.write("# another\n")
    assert evaluations(start, case, write(), there)[0] == 1
    line = refusal(write(inputs=(), reuse=True))
    assert "log.reuse" in line and "inputs" in line
    assert "missing.in" in refusal(write(inputs=("missing.in",)))


def test_a_tag_says_what_an_engine_is(case, start):
    """An engine without input files, as an ASE calculator, is known by its tag."""
    write, atoms, _, _ = case
    there = [atoms.positions.copy()]
    asked, expected = evaluations(start, case, write(inputs=(), tag="Zuo 2020"), there)
    assert asked == 1
    asked, again = evaluations(start, case, write(inputs=(), tag="Zuo 2020", reuse=True), there)
    assert asked == 0 and (again == expected).all()
    assert evaluations(start, case, write(inputs=(), tag="Zuo 2021"), there)[0] == 1
    assert evaluations(start, case, write(tag="Zuo 2020"), there)[0] == 1  # its files decide too
    assert evaluations(start, case, write(), there)[0] == 1
    assert "tag" in refusal(write(inputs=(), reuse=True))
    line = refusal(write(tag=""))
    assert "tag" in line and "empty" in line
