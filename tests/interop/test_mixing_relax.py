"""A vacancy in tungsten, with quantum forces around it, relaxed by what users relax mixtures with: programs that follow
forces, as a mixture has no energy. ML: the paper's potential; "quantum" code: the retrained one."""

from contextlib import ExitStack

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write
from ase.mep import NEB
from ase.optimize import FIRE
from ase.optimize.ode import ODE12r
from ase.optimize.precon import Exp
from ase.units import Bohr, Hartree
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, remote
from serve import finish, ipi_frames, socket_name

FORCE_LIMIT = 0.01  # eV/Å
FORCE_LIMIT_IPI = FORCE_LIMIT * Bohr / Hartree
LATTICE = 3.18551  # Å, of both potentials
MOVING = 3  # images between the ends of a path


def vacancy(fraction=0.0):
    """A crystal with a vacancy next to the atom that is to jump; its jump done to that fraction."""
    atoms = bulk("W", cubic=True, a=LATTICE).repeat(6)
    site, jumper = 2 * (2 * 36 + 2 * 6 + 2), 2 * (2 * 36 + 2 * 6 + 2) + 1
    atoms.positions[jumper] += fraction * (atoms.positions[site] - atoms.positions[jumper])
    del atoms[site]
    return atoms


def jumping():
    """Index of the atom that jumps."""
    return 2 * (2 * 36 + 2 * 6 + 2)


@pytest.fixture
def configured(reference, folders):
    """Write the configuration of the mixture; with an engine of its own for each server, or both sides in one."""
    folder, sockets = folders

    def run(qm):
        region = {"spheres": [{"atom": jumping(), "radius": 4.2}], "buffer": 5.0}
        ml = linear(reference / "milady_lml.snapcoeff")
        return configure(folder, vacancy(0.5), mixing(ml, (region, qm)), extras="none")

    return run


@pytest.fixture
def potential(reference):
    """What plays the quantum code."""
    return reference / "retrained_published.snapcoeff"


@pytest.fixture
def serve(start):
    """Make a SocketIOCalculator with an lmlink-serve of its own behind it, which must end well with the test."""
    processes = []
    with ExitStack() as stack:

        def run(path):
            index = len(processes)
            name = f"{socket_name()}r{index}"
            calculator = stack.enter_context(SocketIOCalculator(unixsocket=name))
            processes.append(start([program("lmlink-serve"), path, "--driver", f"unix:{name}", "--index", str(index),
                                    "--wait", "60"]))
            return calculator

        yield run
    for process in processes:
        code, errors = finish(process)
        assert code == 0, errors


def rattled():
    atoms = vacancy()
    atoms.positions += np.random.default_rng(2).normal(0, 0.03, (len(atoms), 3))
    return atoms


def fire(atoms):
    return FIRE(atoms, logfile=None)


def preconditioned(atoms):
    return ODE12r(atoms, precon=Exp(A=3), logfile=None)


@pytest.mark.parametrize("optimiser", [fire, preconditioned])
def test_relaxing(optimiser, configured, potential, serve):
    atoms = rattled()
    atoms.calc = serve(configured(linear(potential)))
    first = np.linalg.norm(atoms.get_forces(), axis=1).max()
    assert first > 10 * FORCE_LIMIT
    assert optimiser(atoms).run(fmax=FORCE_LIMIT, steps=400)
    left = np.linalg.norm(atoms.get_forces(), axis=1).max()
    print(f"from {first:.3f} to {left:.4f} eV/Å")
    assert left <= FORCE_LIMIT


def relaxed_ends(serve, path):
    """Both ends of the jump, relaxed."""
    calculator = serve(path)
    ends = [vacancy(0.0), vacancy(1.0)]
    for atoms in ends:
        atoms.calc = calculator
        assert FIRE(atoms, logfile=None).run(fmax=0.005, steps=400)
        forces = atoms.get_forces()
        atoms.calc = None
        assert np.abs(forces).max() < FORCE_LIMIT
    return ends


def interpolated(ends):
    """The ends and MOVING images between them, on a straight line that has been pushed aside a little."""
    images = [ends[0], *(ends[0].copy() for _ in range(MOVING)), ends[1]]
    NEB(images, method="spline").interpolate()
    for image in images[1:-1]:
        image.positions += np.random.default_rng(4).normal(0, 0.02, (len(image), 3))
    return images


def test_spline_neb_with_a_server_for_each_image(configured, potential, folders, serve):
    """Each server has an engine of its own, too: another lmlink-serve."""
    ends = relaxed_ends(serve, configured(linear(potential)))
    engine = remote(f"unix:{folders[1]}/engine{{index}}", init="lmlink", output="engine{index}.log",
                    launch=f"{program('lmlink-serve')} --potential {potential} --driver unix:{{path}} --wait 60")
    path = configured(engine)
    images = interpolated(ends)
    for image in images:
        image.calc = serve(path)
    band = NEB(images, method="spline", k=0.1, parallel=True)
    band.get_forces()
    first = off_the_spline(band)
    assert FIRE(band, logfile=None).run(fmax=FORCE_LIMIT, steps=400)
    last, barrier = off_the_spline(band), barrier_of(band)
    print(f"from {first:.3f} to {last:.4f} eV/Å, residual {band.get_residual():.4f} eV/Å, barrier {barrier:.3f} eV")
    assert band.get_residual() <= FORCE_LIMIT and last <= FORCE_LIMIT < 0.1 * first
    assert 1.0 < barrier < 3.0


def off_the_spline(band):
    """The largest component of a force at right angles to the path."""
    fit = band.spline_fit()
    largest = 0.0
    for image, s in zip(band.images[1:-1], fit.s[1:-1]):
        tangent = fit.dx_ds(s).reshape(-1, 3)
        tangent /= np.linalg.norm(tangent)
        forces = image.get_forces()
        largest = max(largest, np.abs(forces - np.vdot(forces, tangent) * tangent).max())
    return largest


def barrier_of(band):
    """The highest point of the energy that the forces' work along the path gives, above its beginning."""
    _, energies, _ = band.integrate_forces()
    return energies.max() - energies[0]


IPI_INPUT = """
<simulation verbosity='low'>
  <output prefix='run'> <trajectory filename='pos' stride='1' format='bin'> positions </trajectory> </output>
  <total_steps>400</total_steps>
  <ffsocket name='lmlink' mode='unix' pbc='false'>
    <address>{address}</address> <port>0</port> <latency>1e-4</latency>
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'> <file mode='ase' bead='-1'>path.xyz</file> </initialize>
    <forces> <force forcefield='lmlink'/> </forces>
    <motion mode='neb'>
      <neb_optimizer mode='fire'>
        <tolerances> <energy>1</energy> <force>{force!r}</force> <position>1</position> </tolerances>
        <tangent>plain</tangent>
        <spring> {{varsprings: False, kappa: 0.02}} </spring>
        <stage>neb</stage>
      </neb_optimizer>
    </motion>
    <ensemble> <temperature units='kelvin'>300</temperature> </ensemble>
  </system>
</simulation>
"""


def test_ipi_neb_with_plain_tangents(configured, potential, serve, start, ipi, folders):
    """Improved tangents look at energies, plain ones do not. i-PI hands images to two clients as they come."""
    folder, sockets = folders
    path = configured(linear(potential))
    images = interpolated(relaxed_ends(serve, path))
    write(folder / "path.xyz", images, format="extxyz", columns=["symbols", "positions"])
    name = f"{socket_name()}ipi"
    (folder / "input.xml").write_text(IPI_INPUT.format(address=name, beads=len(images), force=0.8 * FORCE_LIMIT_IPI))
    clients = [start([program("lmlink-serve"), path, "--driver", f"unix:{name}", "--wait", "60"]) for _ in range(2)]
    with open(folder / "ipi.log", "w") as log:
        driver = start([ipi, "input.xml"], cwd=folder, stdout=log, stderr=log)
        code = driver.wait(TIMEOUT)
    text = (folder / "ipi.log").read_text()
    assert code == 0 and "NEB finished successfully" in text, text[-3000:]
    for client in clients:
        code, errors = finish(client)
        assert code == 0, errors
    first = perpendicular_force(images, path, start, sockets)
    last = perpendicular_force(final_images(folder, images), path, start, sockets)
    print(f"from {first:.3f} to {last:.4f} eV/Å")
    assert last <= FORCE_LIMIT < 0.1 * first


def final_images(folder, images):
    """The images as i-PI left them."""
    result = [image.copy() for image in images]
    for bead, image in enumerate(result):
        image.positions = ipi_frames(folder / f"run.pos_{bead}.bin")[-1] * Bohr
    return result


def perpendicular_force(images, path, start, sockets):
    """The largest component of a force at right angles to the path, whose tangent is that of i-PI."""
    largest = 0.0
    with Mixture(start, sockets, path) as mixture:
        for before, image, after in zip(images, images[1:], images[2:]):
            steps = [image.positions - before.positions, after.positions - image.positions]
            tangent = sum(step / np.linalg.norm(step) for step in steps)
            tangent /= np.linalg.norm(tangent)
            forces = mixture.evaluate(image).forces
            largest = max(largest, np.abs(forces - np.vdot(forces, tangent) * tangent).max())
    return largest
