"""The core of a screw dislocation in tungsten, relaxed with density functional theory, and the barrier from it, with no data but
a published potential.

    python dft_core.py [--output FOLDER]            # seven calls of CP2K, 21 minutes on two idle cores
    python dft_core.py --quick [--output FOLDER]

An easy ½⟨111⟩ core begins with the displacements of elasticity. CP2K computes its twelve innermost atoms and 10.5 Å of buffer;
W_2940_2017_2, rescaled to CP2K's lattice constant and bulk modulus, has the rest. Then CP2K computes twelve atoms on the first
half of a path of seven images which the potential has found, and `lmlink-retrain` makes a potential of all these forces.

Every call is in a force log before the next begins: a run that was interrupted, however that happened, goes on there without
computing one again. With --quick clusters are 14 atoms, two calls relax and two are on the path: this shows that the wires are
connected, and no figure means anything.
"""

import argparse
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.io import read, write
from matscipy.dislocation import BCCScrew111Dislocation

import crystals
from common import RADIUS_QUICK, computed, find_potential, relax, rms, say, total_energies, write_whole
from dft_core_plot import draw, polarity
from dft_screw import (BUFFER, ENGINE, QM_ATOMS, QUICK_ATOMS, QUICK_BUFFER, TEMPERATURE_ERROR, Case, ask, drives, logged,
                       nearest, quantum_core, read_calls, with_forces, work_on_all)
from engines import cp2k
from lmlink import LMLink
from lmlink.dislocations import build_disk, core_kind, core_position, lattice_and_elasticity, near_line, virtual_work
from peierls import RADIUS, Model, barrier
from retrain_barrier import compare_elasticity, constraint_sets, make_constraints, retrain

CONSTANT, MODULUS = 3.1859, 309.0  # Å, GPa: CP2K's, with this basis at 3000 K
SHEAR = {"C'": 152.6, "C44": 138.7}  # GPa, likewise (dft_bulk.py)
TOLERANCE = 0.05  # eV/Å, of a component: what the forces of this basis are off VASP's
IMAGES = 7  # of the path, whose second half is the mirror image of the first one
INNER = 0.002  # eV/Å: to which the potential relaxes between two calls
RIDGE = 30.0  # has the smallest error on structures that are left out in turn


@dataclass
class Scale:
    """From the potential's lattice to CP2K's, as `rescale` has it (docs/mixing.md). Structures of this script are the
    potential's; only CP2K gets larger ones."""

    rescale: dict

    @property
    def alpha(self):
        return self.rescale["qm_lattice_constant"] / self.rescale["ml_lattice_constant"]

    @property
    def beta(self):
        return self.rescale["ml_bulk_modulus"] / self.rescale["qm_bulk_modulus"] / self.alpha**3

    def enlarged(self, atoms):
        """The structure that CP2K gets."""
        copy = atoms.copy()
        copy.set_cell(atoms.cell * self.alpha, scale_atoms=True)
        return copy

    def of_potential(self, forces):
        """CP2K's forces in the potential's units: what it would have to give for its rescaled forces to be these."""
        return self.alpha * self.beta * forces


@dataclass
class Setting:
    """What all steps share. constant, constants: the potential's lattice constant (Å) and C11, C12, C44 (GPa); cp2k: accuracy;
    atoms: of the QM region; buffer: Å; radius: of the disks, Å; most_calls: of the relaxation; half: numbers of the images that
    CP2K gets, in this order."""

    potential: Path
    constant: float
    constants: tuple
    scale: Scale
    cp2k: cp2k.Settings
    atoms: int
    buffer: float
    radius: float
    most_calls: int
    half: tuple

    def builder(self):
        return BCCScrew111Dislocation(self.constant, *self.constants, symbol="W")


def settle(quick):
    """Setting of the full run, or of the quick one."""
    potential = find_potential()
    with LMLink(potential) as calculator:
        constant, constants = lattice_and_elasticity(calculator)
    scale = Scale({"qm_lattice_constant": CONSTANT, "qm_bulk_modulus": MODULUS, "ml_lattice_constant": constant,
                   "ml_bulk_modulus": (constants[0] + 2 * constants[1]) / 3})
    metal = cp2k.PRESETS["metal"]
    if quick:
        settings = replace(metal, cutoff=120, relative_cutoff=24, temperature=5000, kpoints=2)
        return Setting(potential, constant, constants, scale, settings, QUICK_ATOMS, QUICK_BUFFER, RADIUS_QUICK, 2, (0, 3))
    return Setting(potential, constant, constants, scale, replace(metal, kpoints=8), QM_ATOMS, BUFFER, RADIUS["screw"], 8,
                   (2, 1, 0, 3))


def asked(setting, middle, core, output, ranks):
    """CP2K around a core, for structures of the potential's lattice that have been enlarged."""
    output.mkdir(exist_ok=True)
    return quantum_core(setting.potential, setting.scale.enlarged(middle), core, setting.buffer, setting.cp2k, output, ranks,
                        settings={"calculator": {"rescale": setting.scale.rescale}})


# ---- the relaxed core ----

class Corrected(Calculator):
    """A potential and a constant force (eV/Å) on each atom."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, calculator, forces):
        super().__init__()
        self.calculator, self.correction = calculator, forces

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": self.calculator.get_potential_energy(self.atoms) - np.vdot(self.correction, atoms.positions),
                        "forces": self.calculator.get_forces(self.atoms) + self.correction}


def relaxed_with(calculator, atoms):
    copy = atoms.copy()
    copy.calc = calculator
    say(f"  {relax(copy, INNER, every=1000)} steps of the potential")
    copy.calc = None
    return copy


def placed(file, atoms):
    """The structure with the positions in a file, which is written where it is not there: what is computed next has to be
    the same after an interrupt, to the last digit."""
    if not file.is_file():
        write_whole(file, lambda partial: np.save(partial, atoms.positions))
    copy = atoms.copy()
    copy.positions = np.load(file)
    return copy


@dataclass
class Relaxed:
    """start, potential, quantum: the core by elasticity, by the potential alone, and with CP2K;
    largest: component of the mixed forces at each call, eV/Å; miss: RMS of what the potential is off CP2K at the QM atoms."""

    start: Atoms
    potential: Atoms
    quantum: Atoms
    core: np.ndarray
    largest: list
    miss: list


def relax_core(setting, arguments):
    """Relax an easy core, by CP2K where it is, from elasticity's displacements.

    A call of CP2K says by how much the potential's forces on the QM atoms are off. The potential relaxes all atoms with that much
    added to them, as if it stayed the same; it does not quite, which the next call says. So the potential's stiffness takes the
    place of an optimiser's guess, and a call reduces forces by some four times."""
    start = build_disk(setting.builder(), setting.radius)
    middle = start.info["core"]
    core = nearest(start, middle, near_line(start, middle, RADIUS_QUICK), setting.atoms)
    folder = arguments.output / "core"
    free = np.setdiff1d(np.arange(len(start)), start.constraints[0].index)
    largest, miss, atoms = [], [], start
    with (LMLink(setting.potential) as potential, asked(setting, start, core, folder, arguments.ranks) as quantum):
        for call in range(setting.most_calls):
            atoms = placed(folder / f"{call}.npy", atoms)
            mixed = ask(quantum, setting.scale.enlarged(atoms), f"relaxation, call {call + 1}")
            largest.append(float(np.abs(mixed[free]).max()))
            correction = np.zeros_like(mixed)
            correction[core] = setting.scale.of_potential(mixed[core]) - potential.get_forces(atoms)[core]
            miss.append(rms(correction[core]) / setting.scale.of_potential(1.0))
            say(f"  largest component {largest[-1]:.3f} eV/Å; the potential is {miss[-1]:.3f} eV/Å off")
            if largest[-1] < TOLERANCE or call + 1 == setting.most_calls:
                break
            if not (folder / f"{call + 1}.npy").is_file():
                atoms = relaxed_with(Corrected(potential, correction), atoms)
        alone = relaxed_with(potential, start)
    return Relaxed(start, alone, atoms, core, largest, miss)


def describe(setting, relaxed):
    """Print what the cores are."""
    print(f"\nlargest component of a force on {len(relaxed.core)} QM atoms and all others that are free, call by call (eV/Å): "
          + ", ".join(f"{value:.3f}" for value in relaxed.largest))
    if relaxed.largest[-1] < TOLERANCE:
        print(f"the core is relaxed to {TOLERANCE} eV/Å")
    else:
        print(f"NOT CONVERGED: the core is relaxed to {relaxed.largest[-1]:.3f}, not {TOLERANCE} eV/Å")
    easy = relaxed.start.info["core"]
    for name, atoms in (("elasticity", relaxed.start), ("potential", relaxed.potential), (ENGINE, relaxed.quantum)):
        kind, distance = core_kind(core_position(atoms, setting.builder()) - easy, setting.constant)
        print(f"core by {name}: {distance:.2f} Å from the place of one that is {kind}; polarity {polarity(atoms, easy):.3f} "
              "(0: compact; 1: fully split)")
    apart = relaxed.quantum.positions - relaxed.potential.positions
    print(f"{ENGINE}'s core and the potential's: atoms at most {np.linalg.norm(apart, axis=1).max():.3f} Å apart")


# ---- the path ----

def potential_path(potential, setting, arguments, name):
    """The path of one step of glide, found with a potential; as it is in its file, so that it is the same, to the last digit,
    after an interrupt."""
    barrier(Model(name, potential), "screw", Namespace(output=arguments.output, radius=setting.radius, images=IMAGES))
    return [image for image in read(arguments.output / f"screw-{name}.xyz", ":") if image.info["of_band"]]


def path_case(setting, arguments):
    """The potential's path, CP2K's forces on it in the potential's units, and the net forces on the clusters."""
    images = potential_path(setting.potential, setting, arguments, "potential")
    middle, centre = images[IMAGES // 2], (images[0].info["core"] + images[-1].info["core"]) / 2
    core = nearest(middle, centre, near_line(middle, centre, RADIUS_QUICK), setting.atoms)
    case = Case(images, sorted(setting.half), core, setting.buffer, setting.potential, setting.cp2k, [], RIDGE, IMAGES // 2)
    folder = arguments.output / "path"
    with asked(setting, middle, core, folder, arguments.ranks) as quantum:
        for number in setting.half:
            ask(quantum, setting.scale.enlarged(images[number]), f"path, image {number}")
    forces, net = logged([setting.scale.enlarged(image) for image in case.half()], core, folder / "forces.xyz")
    return case, setting.scale.of_potential(forces), net


# ---- retraining ----

def write_targets(setting, output):
    """CP2K's forces of both logs, in the potential's units, for lmlink-retrain; how many frames."""
    frames = []
    for part in ("core", "path"):
        for frame in read_calls(output / part / "forces.xyz"):
            atoms = Atoms(frame.symbols, frame.positions / setting.scale.alpha, cell=frame.cell / setting.scale.alpha,
                          pbc=frame.pbc, info={"config_type": part, "log_complete": False})
            atoms.set_array("region", frame.arrays["region"])
            atoms.set_array("forces_qm", setting.scale.of_potential(frame.arrays["forces_qm"]))
            frames.append(atoms)
    write_whole(output / "targets.xyz", lambda partial: write(partial, frames, format="extxyz"))
    return len(frames)


def held(setting, arguments):
    """Options of lmlink-retrain: what stays as it is. With --quick there is no vacancy."""
    if not arguments.quick:
        return constraint_sets(make_constraints(setting.potential, arguments.output, False))
    with LMLink(setting.potential) as calculator:
        crystals.write_constraints(crystals.relaxed_cell(calculator, "W"), calculator, arguments.output)
    return [("--hard", arguments.output / "strained.xyz"), ("--soft", arguments.output / "hot.xyz")]


def retrained_potential(setting, arguments):
    """The file of the potential that lmlink-retrain makes."""
    count = write_targets(setting, arguments.output)
    sets = [("--targets", arguments.output / "targets.xyz"), *held(setting, arguments), ("--overwrite",)]
    file = arguments.output / "retrained.snapcoeff"
    earlier = file.read_bytes() if file.is_file() else None
    file.unlink(missing_ok=True)
    result = retrain(setting.potential, sets, arguments.ridge, arguments.output)
    if file.read_bytes() != earlier:
        (arguments.output / "screw-retrained.xyz").unlink(missing_ok=True)  # the path of an earlier one
    print(f"retrained from {ENGINE}'s forces on {setting.atoms} atoms of {count} structures, λ_S = 1, λ₀ = {arguments.ridge:g}")
    return result


# ---- what they say ----

@dataclass
class Curve:
    """Of one source of forces, in CP2K's units. forces: on the QM atoms, eV/Å; drive: F·t on them; work: of them along the
    half path; total: eV, with the potential's forces on all others; error: of total."""

    forces: np.ndarray
    drive: np.ndarray
    work: object
    total: float
    error: float | None = None
    height: float | None = None  # of a potential by itself along the same path, eV
    barrier: float | None = None  # along its own path


def curves(setting, case, quantum, retrained, arguments):
    """Curves by name."""
    core, scale = case.core, setting.scale
    found, energies, background = {ENGINE: quantum}, {}, None
    for name, potential in (("before", case.potential), ("retrained", retrained)):
        path = computed(potential, case.images)
        forces = np.array([atoms.get_forces() for atoms in path])
        background = forces if background is None else background
        found[name] = forces[case.chosen][:, core]
        energies[name] = [total_energies(path).max() / scale.beta]
        if name == "before" or not arguments.quick:  # of four atoms' forces in vacuum comes no potential that has a path
            own = case.images if name == "before" else potential_path(potential, setting, arguments, name)
            energies[name].append(total_energies(own).max() / scale.beta)
    result = {}
    for name, forces in found.items():
        work = virtual_work(with_forces(case.half(), core, forces))
        work.energy, work.curve[1] = work.energy / scale.beta, work.curve[1] / scale.beta
        work.length, work.curve[0] = work.length * scale.alpha, work.curve[0] * scale.alpha
        result[name] = Curve(forces / scale.of_potential(1.0), drives(case, forces) / scale.of_potential(1.0), work,
                             work_on_all(case, background, forces) / scale.beta, None, *energies.get(name, ()))
    ours = result[ENGINE]
    offset = max(abs(ours.drive[0]), abs(ours.drive[-1])) * ours.work.length[-1] / 2
    ours.error = float(np.hypot(TEMPERATURE_ERROR * ours.work.energy[-1], offset))
    return result


def report(case, found, net):
    print(f"\nF·t on {len(case.core)} QM atoms (eV/Å), by image, and the net force on the cluster ({ENGINE}):")
    print(f"{'image':>6s}" + "".join(f"{name:>12s}" for name in found) + f"{'net force':>12s}")
    for i, number in enumerate(case.chosen):
        print(f"{number:6d}" + "".join(f"{curve.drive[i]:12.3f}" for curve in found.values()) + f"{net[i]:12.3f}")
    target = found[ENGINE].forces
    before, after = (rms(found[name].forces - target) for name in ("before", "retrained"))
    print(f"\nRMS of a component off {ENGINE}'s on these atoms (eV/Å): {before:.4f} before, {after:.4f} retrained")
    print(f"RMS from {ENGINE} after retraining: {after / before:.3f} of what it was before")
    print("\nto the middle of the path (meV per period): virtual work of the QM atoms; with the potential's forces on all others; total "
          "energy of the potential by itself there; barrier on its own path:")
    for name, curve in found.items():
        alone = "".join(f"{1000 * value:10.1f}" for value in (curve.height, curve.barrier) if value is not None)
        print(f"{name:>10s}{1000 * curve.work.energy[-1]:10.1f}{1000 * curve.total:10.1f}{alone}")
    ours = found[ENGINE]
    before, after = (1000 * (found[name].barrier or found[name].height) for name in ("before", "retrained"))
    print(f"\nbarrier: {before:.0f} meV before, {1000 * ours.total:.0f} ± {1000 * ours.error:.0f} meV with {ENGINE} in the core, "
          f"{after:.0f} meV retrained")


def say_scale(setting):
    """How far the two sides are from each other elastically."""
    c11, c12, c44 = np.array(setting.constants) * MODULUS / setting.scale.rescale["ml_bulk_modulus"]
    print(f"{ENGINE}: {CONSTANT} Å, B {MODULUS:.0f} GPa; the potential {setting.constant:.4f} Å, "
          f"{setting.scale.rescale['ml_bulk_modulus']:.1f} GPa: rescaled by α = {setting.scale.alpha:.5f}, β = {setting.scale.beta:.4f}")
    for name, ours in (("C'", (c11 - c12) / 2), ("C44", c44)):
        print(f"{name}: {ours:.0f} GPa rescaled, {SHEAR[name]:.0f} by {ENGINE}: {100 * (ours / SHEAR[name] - 1):+.0f} %, which "
              "is not matched")


def say_limits(relaxed):
    """What a reader of the figures has to know."""
    reached = relaxed.largest[-1]
    print(f"""
Converged: {f"the core, to {reached:.3f} eV/Å; " if reached < TOLERANCE else ""}what the potential relaxes between two calls, to \
{INNER} eV/Å; its path, to 0.05 eV/Å.
Not converged: {f"the core ({reached:.3f} eV/Å are left, not {TOLERANCE}); " if reached >= TOLERANCE else ""}the basis, whose forces \
in the plane are {TOLERANCE} eV/Å off; the electrons' temperature, which is worth {100 * TEMPERATURE_ERROR:.0f} % of a drive; the \
number of QM atoms, beyond which shear constants are the potential's. The path is the potential's, whose ends and middle {ENGINE} would relax \
further, each by another energy; the retrained potential's own path says by how much.""")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ridge", type=float, default=RIDGE, help=f"λ₀ of lmlink-retrain ({RIDGE:g})")
    parser.add_argument("--ranks", type=int, help="of CP2K (2; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="clusters of 14 atoms: the wiring")
    parser.add_argument("--output", type=Path, default=Path("dft_core"), help="folder of all files")
    arguments = parser.parse_args()
    arguments.ranks = arguments.ranks or (1 if arguments.quick else 2)
    arguments.output.mkdir(parents=True, exist_ok=True)
    setting = settle(arguments.quick)
    say_scale(setting)
    relaxed = relax_core(setting, arguments)
    describe(setting, relaxed)
    case, quantum, net = path_case(setting, arguments)
    retrained = retrained_potential(setting, arguments)
    found = curves(setting, case, quantum, retrained, arguments)
    report(case, found, net)
    constants, difference = compare_elasticity(setting.potential, retrained)
    print(f"largest relative difference of elastic constants, before and after: {difference:.1e}")
    say_limits(relaxed)
    draw(arguments.output / "dft_core.png", relaxed, case, found, arguments.quick)
    if arguments.quick:
        print("--quick: this shows the wiring, and no physics")


if __name__ == "__main__":
    main()
