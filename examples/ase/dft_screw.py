"""A screw dislocation in tungsten with density functional theory in its core, on two cores of a desktop.

    LMLINK_REFERENCE=FOLDER python dft_screw.py [--output FOLDER]     # seven calls of 160 s; or --reference FOLDER
    python dft_screw.py --quick [--output FOLDER]

CP2K computes twelve QM atoms of the ½⟨111⟩ screw dislocation and 10.5 Å of buffer, 108 atoms, on the first half of the paper's
published path; Θ₀ is around them. The drive along the path and its virtual work are put beside those of the paper's VASP
forces on the same atoms, and of Θ₀. `lmlink-retrain` makes a potential from the force log, with the paper's constraints and λs.

Every call is in the force log before the next one begins: a run that was interrupted, however that happened, goes on there
without computing one again. With --quick, clusters are 14 atoms, four of them, and neither path nor potential are the
published ones: this shows that the wires are connected, and no figure means anything.
"""

import argparse
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from matscipy.dislocation import BCCScrew111Dislocation

from common import PATIENCE, RADIUS_QUICK, computed, find_potential, mpirun, reference_folder, rms, say, total_energies
from engines import cp2k
from lmlink import LMLink
from lmlink.dislocations import build_glide as glide, lattice_and_elasticity, near_line, virtual_work
from retrain_barrier import constraint_sets, make_constraints, retrain

KIND = {"W": ("DZVP-MOLOPT-SR-GTH/2s1p2d", "GTH-PBE-q14")}
ENGINE = "CP2K"
HALF = 7  # images of the thirteen: the other half of the path is the mirror image of this one
QM_ATOMS, BUFFER, VACUUM = 12, 10.5, 4.0  # the QM atoms nearest to the middle of the published ones; Å; Å
QUICK_ATOMS, QUICK_IMAGES, QUICK_BUFFER = 4, 4, 3.0
SAME_PLACE = 1e-6  # Å
TEMPERATURE_ERROR = 0.27  # relative, of the drive: with 1500 K it is −0.167 eV/Å at image 3 in place of −0.131
FORCE_ERROR = 0.015  # eV/Å, of the drive: what it is at image 0, where symmetry makes it zero
COLOURS = {ENGINE: "#111111", "VASP": "#2e8b57", "before": "#0057b8", "retrained": "#c8102e", "published": "#e08a00"}


@dataclass
class Case:
    """What is computed. images: of the whole path; chosen: numbers of those that CP2K gets, in rising order; core: indices of
    the QM atoms; sets and ridge: of lmlink-retrain; published: the potential that was retrained on all VASP forces, which the
    images then have."""

    images: list
    chosen: list
    core: np.ndarray
    buffer: float
    potential: Path
    settings: cp2k.Settings
    sets: list
    ridge: float
    middle: int  # the image that decides who is in the buffer
    published: Path | None = None

    def half(self):
        """The images that CP2K gets."""
        return [self.images[number] for number in self.chosen]


def nearest(atoms, middle, indices, count):
    """So many of the atoms with these indices that are nearest to the line through the middle (x and y) along z."""
    distance = np.linalg.norm(atoms.positions[indices, :2] - middle, axis=1)
    return indices[np.argsort(distance, kind="stable")[:count]]


def published_case(folder, numbers):
    """The paper's path, potential and constraints; numbers: of the images."""
    images = read(folder / "screw_glide_qmml.xyz", ":")
    labelled = np.flatnonzero(images[0].arrays["region"] == "QM")
    middle = np.mean([atoms.positions[labelled, :2] for atoms in images], axis=(0, 1))
    for atoms in images:
        del atoms.arrays["region"]
    sets = [("--hard", folder / "eos_configurations.xyz"), ("--soft", folder / "bulk_MD_train.xyz"),
            ("--test", folder / "bulk_MD_test.xyz")]
    return Case(images, sorted(numbers), nearest(images[0], middle, labelled, QM_ATOMS), BUFFER, folder / "milady_lml.snapcoeff",
                replace(cp2k.PRESETS["metal"], kpoints=8), sets, 500.0, HALF // 2, folder / "retrained_published.snapcoeff")


def quick_case(output):
    """Four structures on the straight line from one easy core to the middle of the way, in a small disk."""
    potential = find_potential()
    with LMLink(potential) as calculator:
        constant, elastic = lattice_and_elasticity(calculator)
    first, last = glide(BCCScrew111Dislocation(constant, *elastic, symbol="W"), RADIUS_QUICK)
    images = []
    for fraction in np.linspace(0, 0.5, QUICK_IMAGES):
        images.append(first.copy())
        images[-1].positions += fraction * (last.positions - first.positions)
    middle = (first.info["core"] + last.info["core"]) / 2
    core = nearest(first, middle, near_line(first, middle, RADIUS_QUICK), QUICK_ATOMS)
    settings = replace(cp2k.PRESETS["metal"], cutoff=120, relative_cutoff=24, temperature=5000, kpoints=2)
    sets = constraint_sets(make_constraints(potential, output, True))
    return Case(images, list(range(QUICK_IMAGES)), core, QUICK_BUFFER, potential, settings, sets, 1.0, QUICK_IMAGES // 2)


# ---- the quantum forces ----

def engine(folder, ranks):
    """qm_calc of LMLink: CP2K, whose input is in the folder."""
    return {"launch": f"sed s/SOCKET/{{name}}/ cp2k.inp >run.inp && OMP_NUM_THREADS=1 exec {mpirun('cp2k.psmp', ranks)} "
                      "cp2k.psmp -i run.inp",
            "folder": str(folder), "inputs": [str(folder / "cp2k.inp")], "limits": {"connect": PATIENCE}}


@contextmanager
def quantum_core(potential, middle, core, buffer, accuracy, output, ranks, **more):
    """LMLink with CP2K on the QM atoms, `core`, of structures whose buffer is that of `middle`. Its files are in the folder
    `output`: forces.xyz is the force log. more: what else LMLink gets."""
    folder = (output / "cp2k").resolve()
    common = {"qm_selection_mask": core, "buffer_width": buffer, "vacuum": VACUUM, "qm_cell_round_off": 0.0,
              "timeout": PATIENCE, **more}
    cluster = LMLink(potential, qm_calc={"launch": "true"}, **common).get_qm_cluster(middle)
    cp2k.write_input(cluster, folder, KIND, "unix:SOCKET", accuracy)
    say(f"{len(middle)} atoms, {len(core)} QM, {len(cluster)} in the cluster")
    with LMLink(potential, qm_calc=engine(folder, ranks), force_log=output / "forces.xyz", **common) as calculator:
        calculator.get_region_from_masks(middle)
        yield calculator


def ask(calculator, image, name):
    """The mixed forces on a structure, and who gave those of the core."""
    atoms = image.copy()
    atoms.calc = calculator
    forces = atoms.get_forces(apply_constraint=False)
    known = calculator.extras["recalled_regions"] == 1
    say(f"{name}: " + ("from the force log" if known else f"{calculator.extras['engine_seconds']:.0f} s"))
    return forces


def compute(case, arguments):
    """Have CP2K's forces of each image in the force log: one server and one CP2K for all, as several do not fit into the
    memory."""
    with quantum_core(case.potential, case.images[case.middle], case.core, case.buffer, case.settings, arguments.output,
                      arguments.ranks) as calculator:
        for number in arguments.images or case.chosen:
            ask(calculator, case.images[number], f"image {number}")


def read_calls(log):
    """Frames of a log in which CP2K was asked."""
    frames = read(log, ":")
    if len({frame.info["engine"] for frame in frames}) > 1:
        raise SystemExit(f"{log} holds forces of several settings: choose another --output")
    return [frame for frame in frames if not frame.info["recalled"]]


def logged(images, core, log):
    """CP2K's forces on the QM atoms of each image, and on each the net force on the cluster (eV/Å), from the log."""
    frames = read_calls(log)
    say(f"{len(frames)} calls of {ENGINE} are in the log")
    forces, net = [], []
    for image in images:
        same = [frame for frame in frames
                if np.abs(frame.positions - image.positions[frame.arrays["index"]]).max() < SAME_PLACE]
        if len(same) != 1:
            raise SystemExit(f"{log} has {len(same)} calls for one image, not one: choose another --output")
        row = {atom: i for i, atom in enumerate(same[0].arrays["index"])}
        quantum = same[0].arrays["forces_qm"]
        forces.append(quantum[[row[atom] for atom in core]])
        net.append(np.linalg.norm(np.nansum(quantum, axis=0)))
    return np.array(forces), np.array(net)


# ---- what they say ----

def with_forces(images, atoms, forces):
    """The images, of some of their atoms, with forces."""
    path = []
    for image, values in zip(images, forces):
        part = image[atoms]
        part.set_constraint()
        part.calc = SinglePointCalculator(part, energy=0.0, forces=values)
        path.append(part)
    return path


def drives(case, forces):
    """F·t of the QM atoms at each image, t being the unit tangent of their path."""
    positions = np.array([image.positions[case.core] for image in case.images])
    tangents = np.gradient(positions, axis=0)[case.chosen]
    tangents /= np.linalg.norm(tangents, axis=(1, 2), keepdims=True)
    return np.einsum("nij,nij->n", forces, tangents)


def work_on_all(case, background, forces):
    """Virtual work (eV) at the last image, with the background's forces on all atoms but the QM atoms."""
    mixed = background[case.chosen]
    mixed[:, case.core] = forces
    return virtual_work(with_forces(case.half(), np.arange(len(case.images[0])), mixed)).energy[-1]


@dataclass
class Result:
    """Of one source of forces on the QM atoms. drive: eV/Å at each image; work: along the half path; total: virtual work
    with Θ₀ on all other atoms, eV; barrier: of a potential by itself, eV on the whole path."""

    forces: np.ndarray
    drive: np.ndarray
    work: object
    total: float
    barrier: float | None = None


def summarise(case, quantum, retrained):
    """Results by name."""
    found = {ENGINE: (quantum, None)}
    core = case.core
    potentials = {"before": case.potential, "retrained": retrained}
    if case.published:
        found["VASP"] = np.array([image.get_forces(apply_constraint=False)[core] for image in case.half()]), None
        potentials["published"] = case.published
    background = None
    for name, potential in potentials.items():
        path = computed(potential, case.images)
        forces = np.array([atoms.get_forces() for atoms in path])
        background = forces if background is None else background
        found[name] = forces[case.chosen][:, core], total_energies(path).max()
    return {name: Result(forces, drives(case, forces),
                         virtual_work(with_forces(case.half(), core, forces)),
                         work_on_all(case, background, forces), barrier)
            for name, (forces, barrier) in found.items()}


def report(case, results, net):
    """Print the table, and what errors there are."""
    judge = "VASP" if case.published else ENGINE
    target = results[judge].forces
    print(f"\nF·t on {len(case.core)} QM atoms (eV/Å), by image, and the net force on the cluster ({ENGINE}):")
    print(f"{'image':>6s}" + "".join(f"{name:>12s}" for name in results) + f"{'net force':>12s}")
    for i, number in enumerate(case.chosen):
        print(f"{number:6d}" + "".join(f"{result.drive[i]:12.3f}" for result in results.values()) + f"{net[i]:12.3f}")
    print(f"\nRMS of force components on these atoms from {judge}'s (eV/Å):")
    for i, number in enumerate(case.chosen):
        print(f"{number:6d}" + "".join(f"{rms(result.forces[i] - target[i]):12.4f}" for result in results.values()))
    print("   all" + "".join(f"{rms(result.forces - target):12.4f}" for result in results.values()))
    print("\nvirtual work to the last image (meV), of the QM atoms, and with the start's forces on all others; barrier (meV) of "
          "the potential by itself, from total energies along the whole path:")
    for name, result in results.items():
        barrier = "" if result.barrier is None else f"{1000 * result.barrier:10.1f}"
        print(f"{name:>10s}{1000 * result.work.energy[-1]:10.1f}{1000 * result.total:10.1f}{barrier}")
    before, after = (rms(results[name].forces - target) for name in ("before", "retrained"))
    print(f"\nRMS from {judge} after retraining: {after / before:.3f} of what it was before")


def draw(path, case, results):
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    judge = "VASP" if case.published else ENGINE
    for name, result in results.items():
        style = {"color": COLOURS[name], "label": name}
        if name == ENGINE:
            error = np.maximum(TEMPERATURE_ERROR * np.abs(result.drive), FORCE_ERROR)
            left.errorbar(case.chosen, result.drive, error, marker="x", capsize=3, **style)
        else:
            left.plot(case.chosen, result.drive, "o-", fillstyle="none", **style)
        middle.plot(result.work.curve[0], 1000 * result.work.curve[1], **style)
        if name != judge:
            off = [1000 * rms(ours - theirs) for ours, theirs in zip(result.forces, results[judge].forces)]
            right.plot(case.chosen, off, "o-", fillstyle="none", **style)
    left.set(title=f"Drive on {len(case.core)} QM atoms", xlabel="image", ylabel="F·t (eV/Å)")
    middle.set(title="Virtual work on these atoms", xlabel="their way (Å)", ylabel="energy (meV per period of the line)")
    right.set(title=f"Forces on these atoms, off {judge}'s", xlabel="image", ylabel="RMS of a component (meV/Å)")
    right.set_ylim(bottom=0)
    for axes in (left, middle, right):
        axes.legend(frameon=False, fontsize=8)
    if not case.published:
        figure.suptitle("--quick: the wiring, no physics")
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, default=reference_folder(), help="folder of the paper's data "
                        "(LMLINK_REFERENCE)")
    parser.add_argument("--images", type=int, nargs="+", choices=range(HALF), metavar="N",
                        help="two or more of the path's images 0 to 6, computed in this order (all)")
    parser.add_argument("--ranks", type=int, help="of CP2K (2; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="clusters of 14 atoms: the wiring")
    parser.add_argument("--output", type=Path, default=Path("dft_screw"), help="folder of all files")
    arguments = parser.parse_args()
    arguments.ranks = arguments.ranks or (1 if arguments.quick else 2)
    if not arguments.quick and (arguments.reference is None or not arguments.reference.is_dir()):
        parser.error("the paper's data is not there: get marseille-matmol/LML-retrain and name its folder by --reference, or "
                     "try --quick")
    if arguments.images and (arguments.quick or len(set(arguments.images)) < 2):
        parser.error("--images names two images or more of the published path")
    arguments.output.mkdir(parents=True, exist_ok=True)
    case = quick_case(arguments.output) if arguments.quick else published_case(
        arguments.reference.resolve(), set(arguments.images or range(HALF)))
    compute(case, arguments)
    quantum, net = logged(case.half(), case.core, arguments.output / "forces.xyz")
    (arguments.output / "retrained.snapcoeff").unlink(missing_ok=True)  # of fewer images
    sets = [("--targets", arguments.output / "forces.xyz"), *case.sets, ("--overwrite",)]
    retrained = retrain(case.potential, sets, case.ridge, arguments.output)
    print(f"retrained from {ENGINE}'s forces on {len(case.core)} atoms of {len(case.chosen)} images, λ_S = 1, λ₀ = {case.ridge:g}")
    results = summarise(case, quantum, retrained)
    report(case, results, net)
    draw(arguments.output / "dft_screw.png", case, results)
    if arguments.quick:
        print("--quick: this shows the wiring, and no physics")


if __name__ == "__main__":
    main()
