"""A sphere in 60,000 atoms against ASE's ForceQMMM."""

from mixture import block, compare_with_ase, inside, middle


def test_sphere_in_60000_atoms(potentials, reference, lammps, start, folders):
    atoms = block((32, 31, 31))
    centre = middle(atoms)
    mask = inside(atoms, centre, 5.2)
    assert len(atoms) >= 60000 and mask.sum() >= 20
    compare_with_ase(atoms, {"spheres": [{"atom": centre, "radius": 5.2}], "buffer": 8.0}, mask, 8.0,
                     reference / "milady_lml.snapcoeff", potentials / "W_2940_2017_2.snap", lammps, start, folders)
