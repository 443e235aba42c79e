"""QM/ML with a real quantum code: Quantum ESPRESSO at a plane through silicon, or CP2K on nine tungsten atoms.

    python quantum.py [--quick] [--output FOLDER]                  # Quantum ESPRESSO
    python quantum.py --engine cp2k [--quick] [--output FOLDER]

One half of a silicon crystal slides over the other on a {111} plane (shuffle set), along ½⟨110⟩. Quantum ESPRESSO has the
layers near the plane, with a buffer; the SNAP potential of Zuo et al., rescaled to Quantum ESPRESSO's lattice constant and bulk
modulus, has the rest. The energy half way, a point of the γ-line, is the virtual work of the mixed forces. Then the layers at
the plane relax across it. Both are compared with Quantum ESPRESSO alone, in a slab that is small enough for it, and for which
there is a total energy. With --quick layers, k points and buffer are too few for any figure to mean something.

CP2K computes one tungsten atom, off its place, with its first shell as the buffer, in a crystal of W_2940_2017_2: a
demonstration of the wiring. Nine atoms are no tungsten.

Prints what it finds, draws quantum.png (silicon); a second start goes on where the first one ended.
"""

import argparse
import json
import subprocess
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk, diamond111
from ase.constraints import FixAtoms, FixCartesian
from ase.io import read
from ase.units import GPa, J, m

import crystals
from common import PATIENCE, find_potential, mpirun, relax, say, total_energies, write_whole
from engines import cp2k, quantum_espresso
from lmlink import LMLink
from lmlink.dislocations import keep_results, largest_force, virtual_work

PSEUDO_DIR = Path("/usr/share/espresso/pseudo")
SETTINGS = {"pseudopotentials": {"Si": "Si.pz-vbc.UPF"}, "pseudo_dir": PSEUDO_DIR, "cutoff": 16.0, "smearing": 0.02}  # Ry
POTENTIAL = "Si_Zuo_JPCA2020.snap"
TOLERANCE = 0.02  # eV/Å
COLOURS = {"potential": "#0057b8", "QM/ML": "#111111", "Quantum ESPRESSO": "#2e8b57"}


# ---- Quantum ESPRESSO ----

def equation_of_state(folder):
    """Lattice constant (Å) and bulk modulus (GPa) of silicon by Quantum ESPRESSO; a file keeps them."""
    file = folder / "eos.json"
    if not file.is_file():
        constants, energies = np.linspace(5.2, 5.62, 7), []
        for constant in constants:
            quantum_espresso.write_input(bulk("Si", a=constant), folder / "eos", kpoints=8, convergence=1e-9, nosym=False,
                                         **SETTINGS)
            with open(folder / "eos" / "pw.out", "w") as output:
                subprocess.run("OMP_NUM_THREADS=1 exec pw.x -in pw.in", shell=True, cwd=folder / "eos", stdout=output,
                               check=True)
            energies.append(read(folder / "eos" / "pw.out", format="espresso-out").get_potential_energy())
        curve = np.poly1d(np.polyfit(constants, energies, 3))
        lowest = max(curve.deriv().r, key=lambda a: curve.deriv(2)(a))
        result = {"constant": float(lowest), "modulus": float(curve.deriv(2)(lowest) / (9 / 4 * lowest) / GPa)}
        write_whole(file, lambda partial: partial.write_text(json.dumps(result) + "\n"))
    return json.loads(file.read_text())


def espresso_engine(atoms, folder, arguments):
    """qm_calc or potential of LMLink: Quantum ESPRESSO on these atoms."""
    folder = folder.resolve()
    quantum_espresso.write_input(atoms, folder, kpoints=arguments.kpoints, convergence=1e-7, **SETTINGS)
    return {"launch": f"OMP_NUM_THREADS=1 exec {mpirun('pw.x', arguments.ranks)} pw.x --ipi {{address}} -in pw.in",
            "folder": str(folder), "limits": {"connect": PATIENCE}, "inputs": [str(folder / "pw.in")]}


# ---- the crystal and its plane ----

def bar(constant, layers):
    """Silicon with one atom in each of its {111} layers, whole double layers, with a surface at both ends; and which atoms
    are above the plane in its middle, which cuts one bond of each atom there."""
    atoms = diamond111("Si", (1, 1, layers + 2), a=constant)
    atoms = atoms[np.argsort(atoms.positions[:, 2])[1:-1]]
    atoms.center(vacuum=5.0, axis=2)
    return atoms, np.arange(layers) >= layers // 2


def near_plane(atoms, arguments):
    """Which atoms are in the layers at the plane: the QM atoms, and those that relax."""
    return np.abs(np.arange(len(atoms)) + 0.5 - len(atoms) / 2) < (1 if arguments.quick else arguments.layers)


def opening(atoms, upper):
    """Distance (Å) of the two layers at the plane."""
    return float(atoms.positions[upper, 2].min() - atoms.positions[~upper, 2].max())


def slide(name, atoms, upper, calculator, arguments):
    """Half of the γ-line by one calculator, and at its end the relaxation of the layers at the plane across it: virtual work
    (also the curve between the points) and total energy along the way (J/m²), and by how much the plane opens (Å). A file
    keeps them."""
    file = arguments.output / f"{name.replace('/', '').replace(' ', '-')}.json"
    if file.is_file():
        return json.loads(file.read_text())
    say(f"{name}: {len(atoms)} atoms")
    path = []
    for fraction in np.linspace(0, 0.5, arguments.points):
        path.append(atoms.copy())
        path[-1].positions[upper] += fraction * atoms.cell[0]
        path[-1].calc = calculator
        keep_results(path[-1])
        say(f"  shifted by {fraction:.2f}")
    end = path[-1].copy()
    near = near_plane(end, arguments)
    end.set_constraint([FixAtoms(mask=~near), FixCartesian(np.flatnonzero(near), (True, True, False))])
    end.calc = calculator
    tolerance = 0.4 if arguments.quick else TOLERANCE
    say(f"  relaxed in {relax(end, tolerance, keep=file.with_suffix('.npy'), every=1)} steps")
    area = float(np.linalg.norm(np.cross(*atoms.cell[:2]))) * J / m**2
    work = virtual_work(path)
    result = {"work": (work.energy / area).tolist(), "curve": (work.curve[1] / area).tolist(),
              "energy": (total_energies(path) / area).tolist(), "opening": opening(end, upper) - opening(atoms, upper)}
    write_whole(file, lambda partial: partial.write_text(json.dumps(result) + "\n"))
    return result


def mixture(atoms, arguments, rescale):
    """LMLink with Quantum ESPRESSO on the layers at the plane in the middle."""
    mask = near_plane(atoms, arguments)
    settings = {"qm_selection_mask": mask, "buffer_width": arguments.buffer, "vacuum": 5.0, "qm_cell_round_off": 0.0,
                "timeout": PATIENCE}
    potential = find_potential(POTENTIAL)
    cluster = LMLink(potential, qm_calc={"launch": "true"}, **settings).get_qm_cluster(atoms)
    say(f"{mask.sum()} QM atoms, {len(cluster)} in the cluster")
    calculator = LMLink(potential, qm_calc=espresso_engine(cluster, arguments.output / "cluster", arguments),
                        force_log=arguments.output / "forces.xyz", settings={"calculator": {"rescale": rescale}},
                        **settings)
    calculator.get_region_from_masks(atoms)
    return calculator


def silicon(arguments):
    quantum = equation_of_state(arguments.output)
    long, short = (16, 12) if arguments.quick else (60, 24)
    found = {}
    with LMLink(find_potential(POTENTIAL)) as calculator:
        cell = crystals.relaxed_cell(calculator, "Si")
        c11, c12, _ = crystals.elastic_constants(cell, calculator)
        found["potential"] = slide("potential", *bar(cell.cell[0, 0], long), calculator, arguments)
    rescale = {"qm_lattice_constant": quantum["constant"], "qm_bulk_modulus": quantum["modulus"],
               "ml_lattice_constant": float(cell.cell[0, 0]), "ml_bulk_modulus": (c11 + 2 * c12) / 3}
    atoms, upper = bar(quantum["constant"], long)
    with mixture(atoms, arguments, rescale) as calculator:
        found["QM/ML"] = slide("QM/ML", atoms, upper, calculator, arguments)
    atoms, upper = bar(quantum["constant"], short)
    with LMLink(espresso_engine(atoms, arguments.output / "whole", arguments), timeout=PATIENCE) as calculator:
        found["Quantum ESPRESSO"] = slide("Quantum ESPRESSO", atoms, upper, calculator, arguments)
    print("\nsilicon: Quantum ESPRESSO {qm_lattice_constant:.3f} Å, {qm_bulk_modulus:.0f} GPa; potential "
          "{ml_lattice_constant:.3f} Å, {ml_bulk_modulus:.0f} GPa".format(**rescale))
    for name, result in found.items():
        energy = "" if name == "QM/ML" else f", {result['energy'][-1]:.3f} J/m² by total energy"
        print(f"{name}: half way {result['work'][-1]:.3f} J/m² by virtual work{energy}; the plane opens by "
              f"{result['opening']:.3f} Å")
    draw(arguments.output / "quantum.png", found)


def draw(path, found):
    figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
    for name, result in found.items():
        curve, points = (np.linspace(0, 0.5, len(result[key])) for key in ("curve", "work"))
        axes.plot(curve, result["curve"], color=COLOURS[name], label=f"{name}, virtual work")
        if name == "QM/ML":
            axes.plot(points, result["work"], "x", color=COLOURS[name])
        else:
            axes.plot(points, result["energy"], "o", color=COLOURS[name], fillstyle="none", label=f"{name}, total energy")
    axes.set(xlabel="shift (fraction of ½⟨110⟩)", ylabel="energy (J/m²)",
             title="γ-line of silicon, {111} shuffle set, atoms held")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    print(f"picture: {path}")


# ---- CP2K ----

def tungsten(arguments):
    """One atom of a crystal, off its place, and its first shell by CP2K."""
    atoms = bulk("W", cubic=True, a=3.1805).repeat(3)
    atoms.positions[0] += (0.1, 0.05, 0.0)
    settings = {"qm_selection_mask": [0], "buffer_width": 3.0, "vacuum": 4.0, "qm_cell_round_off": 0.0, "zero_mean": False,
                "timeout": PATIENCE}
    cluster = LMLink(find_potential(), qm_calc={"launch": "true"}, **settings).get_qm_cluster(atoms)
    folder = (arguments.output / "cp2k").resolve()
    kind = ("SZV-MOLOPT-SR-GTH" if arguments.quick else "DZVP-MOLOPT-SR-GTH", "GTH-PBE-q14")
    cutoff = 120 if arguments.quick else 200
    cp2k.write_input(cluster, folder, {"W": kind}, "unix:SOCKET", cp2k.Settings(
        cutoff=cutoff, relative_cutoff=cutoff / 5, convergence=1e-3 if arguments.quick else 1e-5, bands_per_atom=4.4))
    engine = {"launch": "sed s/SOCKET/{name}/ cp2k.inp >run.inp && OMP_NUM_THREADS=1 exec cp2k.psmp -i run.inp",
              "folder": str(folder), "limits": {"connect": PATIENCE}}
    say(f"{len(atoms)} atoms, 1 QM, {len(cluster)} in the cluster; {' and '.join(kind)}")
    with LMLink(find_potential(), qm_calc=engine, **settings) as atoms.calc:
        print(f"force on the QM atom by CP2K: {np.linalg.norm(atoms.get_forces()[0]):.3f} eV/Å")
        if not arguments.quick:
            steps = relax(atoms, keep=folder / "relax.npy", every=1)
            say(f"relaxed to {largest_force(atoms):.4f} eV/Å in {steps} steps")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("espresso", "cp2k"), default="espresso")
    parser.add_argument("--layers", type=int, default=4, help="of QM atoms on each side of the plane (4)")
    parser.add_argument("--buffer", type=float, default=9.0, metavar="Å", help="beyond these layers (9)")
    parser.add_argument("--kpoints", type=int, default=3, help="along both directions in the plane (3)")
    parser.add_argument("--points", type=int, default=5, help="of half the γ-line (5)")
    parser.add_argument("--ranks", type=int, default=2, help="of Quantum ESPRESSO (2)")
    parser.add_argument("--quick", action="store_true", help="few layers, or few basis functions; hardly any relaxation")
    parser.add_argument("--output", type=Path, default=Path("quantum"), help="folder of all files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.quick:
        arguments.buffer, arguments.kpoints, arguments.points = min(arguments.buffer, 3.0), 2, 3
    {"espresso": silicon, "cp2k": tungsten}[arguments.engine](arguments)


if __name__ == "__main__":
    main()
