"""Dislocations: structures that hold one, on the builders of matscipy; where their cores are; relaxation and minimum-energy
paths that need forces alone, as those of a QM/ML mixture have no energy.

    from matscipy.dislocation import BCCScrew111Dislocation
    from lmlink import LMLink
    from lmlink.dislocations import build_disk, core_position, lattice_and_elasticity, near_line, relax

    with LMLink(potential) as calculator:                            # a ½⟨111⟩ screw in a disk, its rim held
        constant, elastic = lattice_and_elasticity(calculator, "W")
        builder = BCCScrew111Dislocation(constant, *elastic, symbol="W")
        disk = build_disk(builder, radius=60.0)
        disk.calc = calculator
        relax(disk)
    core = near_line(disk, disk.info["core"], 5.5)                   # the core's columns of atoms are QM atoms
    with LMLink(potential, qm_calc=dft, qm_selection_mask=core, buffer_width=9.5, force_log="run.xyz") as mixture:
        disk.calc = mixture
        relax(disk, tolerance=0.02)
    print(core_position(disk, builder) - disk.info["core"])

Conventions. The dislocation line is along z. Lengths are in Å, energies in eV, forces in eV/Å, elastic constants in GPa. Each
structure has

- `info["burgers"]`: the Burgers vector (3), in the structure's axes;
- `info["core"]`: where elasticity's solution has the line (x and y); `info["cores"]` (n × 2) instead in a quadrupole, and
  besides where a dislocation is dissociated, of each partial;
- `arrays["perfect_positions"]`: where each atom is in the crystal without a dislocation (natoms × 3), from which displacements
  follow; atoms that are added later have zeros there;
- in disks a rim of atoms that are held by FixAtoms, and `arrays["fix_mask"]`, which says so to lmlink-retrain.

They survive copies, slices, deleted atoms, and files of extended XYZ.

matscipy is imported when it is needed: `pip install 'lmlink[dislocations]'` brings it.
"""

from __future__ import annotations

from .bands import VirtualWork, find_path, keep_results, refine_path, virtual_work
from .cores import (DisplacementMap, bcc_screw_sites, core_kind, core_line, core_position, core_positions,
                    differential_displacements, one_period, plot_displacement_map)
from .relaxation import Springs, largest_force, relax
from .structures import (build_cylinder, build_disk, build_glide, build_quadrupole, lattice_and_elasticity, near_line,
                         perfect_crystal)

__all__ = ["DisplacementMap", "Springs", "VirtualWork", "bcc_screw_sites", "build_cylinder", "build_disk", "build_glide",
           "build_quadrupole", "core_kind", "core_line", "core_position", "core_positions", "differential_displacements",
           "find_path", "keep_results", "largest_force", "lattice_and_elasticity", "near_line", "one_period", "perfect_crystal",
           "plot_displacement_map", "refine_path", "relax", "virtual_work"]
