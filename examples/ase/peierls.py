"""Peierls barriers of three dislocations in tungsten, from total energies and from virtual work, and in QM/ML.

The ½⟨111⟩ screw dislocation and the ⟨100⟩ edge dislocations in {001} and {011} glide by one step. Each barrier is
computed with a SNAP potential, with a second one that plays the quantum code, with QM/ML (the second one near the core,
the first one around it), and with an embedded-atom potential in LAMMPS. All forces come through `lmlink-serve`.

    python peierls.py [--quick] [--systems screw 001 011] [--retrained FILE.snapcoeff] [--output FOLDER]

draws peierls.png and writes the paths; a second start goes on where the first one ended.
"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read, write
from matscipy.calculators.eam import EAM
from matscipy.dislocation import BCCEdge100110Dislocation, BCCEdge100Dislocation, BCCScrew111Dislocation

from common import (PATIENCE, QUADRATIC, RADIUS_QUICK, choose_potentials, computed, find_potential, lammps_engine, progress,
                    reference_folder, relax, say, served_engine, total_energies, write_whole)
from lmlink import LMLink
from lmlink.dislocations import build_glide, find_path, keep_results, lattice_and_elasticity, near_line, refine_path, virtual_work

SYSTEMS = {"screw": ("½⟨111⟩ screw, {110}", BCCScrew111Dislocation),
           "001": ("⟨100⟩ edge, {001}", BCCEdge100Dislocation),
           "011": ("⟨100⟩ edge, {011}", BCCEdge100110Dislocation)}
RADIUS = {"screw": 60.0, "001": 85.0, "011": 85.0}  # Å, of the disk, as in the paper
QM_RADIUS = 5.5  # Å around the middle of the dislocation's way
BUFFER = 9.5  # Å: two cutoffs of a SNAP engine, from where on its forces on the QM atoms are exact
EAM_FILE = "W_zhou.eam.alloy"
PAPER_QMML = 0.4  # eV, "around 0.4 eV" for both edge dislocations with density functional theory in the core
COLOURS = {"ML": "#0057b8", "QM": "#2e8b57", "QM/ML": "#111111", "retrained": "#c8102e", "EAM": "#e08a00"}


# ---- what computes the forces ----

def eam_lattice(output):
    """Lattice constant and elastic constants of the embedded-atom potential, with matscipy's calculator, which wants the
    atomic number that the file lacks."""
    lines = find_potential(EAM_FILE).read_text().splitlines(keepends=True)
    lines[5] = lines[5].replace("1", "74", 1)
    (output / EAM_FILE).write_text("".join(lines))
    return lattice_and_elasticity(EAM(str(output / EAM_FILE)))


class Model:
    """What computes the forces of one curve: potential is a SNAP file; engine one that computes the core in QM/ML;
    logs a folder for the force logs of QM/ML, one for each server."""

    def __init__(self, name, potential=None, engine=None, output=None, logs=None):
        self.name, self.potential, self.engine = name, potential, engine
        self.output = output
        self._logs = [] if logs is None else [logs / f"{i:02d}.xyz" for i in range(99)]
        self._lattice = None

    def lattice(self):
        """Lattice constant (Å) and elastic constants (GPa)."""
        if self._lattice is None and self.potential is None:
            self._lattice = eam_lattice(self.output)
        elif self._lattice is None:
            with LMLink(self.potential) as calculator:
                self._lattice = lattice_and_elasticity(calculator)
        return self._lattice

    def calculator(self, structure, core):
        """One server for the disk; core: the indices of the QM atoms."""
        if self.potential is None:
            commands = ["pair_style eam/alloy", f"pair_coeff * * {find_potential(EAM_FILE)} W"]
            return LMLink(lammps_engine(structure, commands, ["W"]), timeout=PATIENCE)
        if self.engine is None:
            return LMLink(self.potential, timeout=PATIENCE)
        return LMLink(self.potential, qm_calc=served_engine(self.engine), qm_selection_mask=core, buffer_width=BUFFER,
                      timeout=PATIENCE, force_log=self._logs.pop(0) if self._logs else None)


def find_models(arguments):
    ml, qm = choose_potentials(QUADRATIC)
    models = [Model("ML", ml), Model("QM", qm), Model("QM/ML", ml, qm)]
    if arguments.retrained:
        models.append(Model("retrained", arguments.retrained))
    if not arguments.quick:
        models.append(Model("EAM", output=arguments.output))
    return models


# ---- one barrier ----

def compute_path(model, dislocation, radius, images):
    """Relax the ends and find the path between them; its images with their results, and more where splines need them."""
    initial, final = build_glide(dislocation, radius)
    core = near_line(initial, (initial.info["core"] + final.info["core"]) / 2, QM_RADIUS)
    say(f"  {len(initial)} atoms, {len(core)} of them QM" if model.engine else f"  {len(initial)} atoms")
    with ExitStack() as stack:
        calculators = [stack.enter_context(model.calculator(initial, core)) for _ in range(images - 2)]
        for end in (initial, final):
            end.calc = calculators[0]
            say(f"  end relaxed in {relax(end)} steps")
            keep_results(end)
        band = find_path(initial, final, calculators, climbing_steps=0, report=progress("band, step", 1))
        path = refine_path(band, calculators)
    say(f"  {len(band)} images of the band, {len(path)} for its energies")
    for atoms in path:
        atoms.info["core_atoms"] = core
        atoms.info["of_band"] = any(atoms is image for image in band)
    return path


def barrier(model, system, arguments):
    """The path of one curve, from its file where an earlier run left it."""
    title, kind = SYSTEMS[system]
    file = arguments.output / f"{system}-{model.name.replace('/', '')}.xyz"
    say(f"{title}: {model.name}")
    if file.is_file():
        return read(file, ":")
    constant, elastic = model.lattice()
    images = compute_path(model, kind(constant, *elastic, symbol="W"), arguments.radius or RADIUS[system],
                          arguments.images)
    write_whole(file, lambda partial: write(partial, images, format="extxyz"))
    return images


def summarise(model, images):
    """What is known of one curve: heights (eV) and the curves themselves."""
    work = virtual_work(images)
    total = None if model.engine else total_energies(images)
    return {"atoms": len(images[0]), "line": float(images[0].cell[2, 2]),
            "images of the band": sum(bool(atoms.info["of_band"]) for atoms in images), "virtual work": work.barrier,
            "lowest": float(work.curve[1].min()),
            "total energy": None if total is None else float(total.max()),
            "lengths": work.length.tolist(), "works": work.energy.tolist(), "curve": work.curve.tolist(),
            "energies": None if total is None else total.tolist()}


# ---- the paper's own path ----

def reference_images(folder):
    """Both energies along the paper's 13 images of the screw dislocation, for both potentials; largest differences, eV."""
    rows = {}
    for name in ("milady_lml", "retrained_published"):
        images = computed(folder / f"{name}.snapcoeff", read(folder / "screw_glide_qmml.xyz", ":"))
        work, total = virtual_work(images), total_energies(images)
        rows[name] = {"virtual work": work.barrier, "total energy": float(total.max()),
                      "largest difference": float(np.abs(work.energy - total).max())}
    return rows


# ---- output ----

def cut_below(axes, curves):
    """Leave out how far EAM goes below all others, whose barriers would be flat beside that, and say so."""
    rest = [curve for name, curve in curves.items() if name != "EAM"]
    if not rest or "EAM" not in curves:
        return
    bottom = min(curve["lowest"] for curve in rest) - 0.55 * max(curve["virtual work"] for curve in rest)
    if curves["EAM"]["lowest"] < bottom:
        axes.set_ylim(bottom=bottom)
        axes.annotate(f"EAM: down\nto −{-curves['EAM']['lowest']:.2f} eV", (0.28, 0.04), xycoords="axes fraction",
                      ha="center", color=COLOURS["EAM"], fontsize=8)


def draw(axes, system, curves):
    for name, curve in curves.items():
        colour = COLOURS[name]
        x = np.array(curve["curve"][0]) / curve["lengths"][-1]
        axes.plot(x, curve["curve"][1], color=colour, linewidth=1.4, label=f"{name}, virtual work")
        nodes = np.array(curve["lengths"]) / curve["lengths"][-1]
        if curve["energies"] is None:
            axes.plot(nodes, curve["works"], "x", color=colour, markersize=6)
        else:
            axes.plot(nodes, curve["energies"], "o", color=colour, markersize=5, fillstyle="none",
                      label=f"{name}, total energy")
    if system != "screw":
        axes.axhline(PAPER_QMML, color="#9aa5b1", linestyle="--", linewidth=1, label="QM/ML with DFT (paper)")
    cut_below(axes, curves)
    atoms = next(iter(curves.values()))["atoms"]
    axes.set(title=f"{SYSTEMS[system][0]}\n{atoms} atoms", xlabel="way", ylabel="energy (eV per period of the line)")


def print_table(results):
    print("\nHighest and lowest energies on the way from the first end, by virtual work, and the highest total energy:")
    print(f"{'':24s}{'atoms':>6s}{'highest':>12s}{'lowest':>12s}{'total':>12s}{'per Å of line':>16s}")
    for system, curves in results.items():
        for name, curve in curves.items():
            total = "—" if curve["total energy"] is None else f"{curve['total energy']:.4f} eV"
            print(f"{SYSTEMS[system][0]:24s}{curve['atoms']:6d}{curve['virtual work']:9.4f} eV{curve['lowest']:9.4f} eV"
                  f"{total:>12s}{1000 * curve['virtual work'] / curve['line']:12.1f} meV  {name}")


def print_ratios(results):
    if not {"001", "011"} <= set(results):
        return
    for name in [name for name in results["001"] if name != "EAM"]:  # which has other cores, lower than the ends
        high, low = results["001"][name], results["011"][name]
        ratio = high["virtual work"] / low["virtual work"]
        print(f"{name}: {{001}} / {{011}} = {ratio:.2f} per period, {ratio * low['line'] / high['line']:.2f} per length")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--quick", action="store_true", help="small disks, without EAM")
    parser.add_argument("--retrained", type=Path, help="a potential from lmlink-retrain (see retrain_barrier.py)")
    parser.add_argument("--output", type=Path, default=Path("peierls"), help="folder of paths and picture")
    arguments = parser.parse_args()
    arguments.images, arguments.radius = 13, RADIUS_QUICK if arguments.quick else None
    arguments.output.mkdir(parents=True, exist_ok=True)
    models = find_models(arguments)
    results = {system: {model.name: summarise(model, barrier(model, system, arguments)) for model in models}
               for system in arguments.systems}

    figure, panels = plt.subplots(1, len(results), figsize=(2 + 4.2 * len(results), 4.4), layout="constrained", squeeze=False)
    for axes, (system, curves) in zip(panels[0], results.items()):
        draw(axes, system, curves)
    figure.legend(*panels[0, -1].get_legend_handles_labels(), fontsize=8, loc="outside right center")
    figure.suptitle(f"ML: {models[0].potential.stem}     QM: {models[1].potential.stem}     EAM: Zhou 2001", fontsize=9)
    figure.savefig(arguments.output / "peierls.png", dpi=110)
    print_table(results)
    print_ratios(results)
    if reference_folder() is not None:
        for name, row in reference_images(reference_folder()).items():
            print(f"the paper's screw path with {name}: virtual work {1000 * row['virtual work']:.2f} meV, total energy "
                  f"{1000 * row['total energy']:.2f} meV, {1000 * row['largest difference']:.3f} meV apart")
    (arguments.output / "peierls.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"\npicture: {arguments.output / 'peierls.png'}")


if __name__ == "__main__":
    main()
