"""Takes VASP's place in a test: reads POSCAR, computes real forces with ASE's EMT, and writes OUTCAR, CONTCAR and
vasprun.xml with what ASE reads of them, where and as VASP writes it. With INTERACTIVE it goes on with the positions that
stdin has, in the order of POSCAR, until that ends."""

import sys
from pathlib import Path

from ase.calculators.emt import EMT
from ase.io import read
from ase.units import GPa

VECTOR = "{:16.8f}{:16.8f}{:16.8f}".format


def vectors(name, rows):
    lines = "".join(f"<v>{VECTOR(*row)}</v>\n" for row in rows)
    return f'<varray name="{name}">\n{lines}</varray>\n'


def structure(atoms, name=None):
    title = f' name="{name}"' if name else ""
    # More digits than VASP writes: positions do not come back from here.
    return (f"<structure{title}>\n<crystal>\n{vectors('basis', atoms.cell)}"
            f'<i name="volume">{atoms.get_volume():16.8f}</i>\n</crystal>\n'
            f"{vectors('positions', atoms.get_scaled_positions())}</structure>\n")


def energies(energy):
    return "".join(f'<i name="{name}">{energy:16.8f}</i>\n' for name in ("e_fr_energy", "e_wo_entrp", "e_0_energy"))


def head(atoms):
    """The beginning of vasprun.xml."""
    symbols = atoms.get_chemical_symbols()
    kinds = sorted(set(symbols), key=symbols.index)
    entries = "".join(f"<rc><c>{symbol:<2}</c><c>{kinds.index(symbol) + 1:4d}</c></rc>\n" for symbol in symbols)
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator>
<i name="program" type="string">vasp</i>
<i name="version" type="string">6.4.2</i>
</generator>
<kpoints>
<varray name="kpointlist">
<v>{VECTOR(0, 0, 0)}</v>
</varray>
<varray name="weights">
<v>{1:16.8f}</v>
</varray>
</kpoints>
<atominfo>
<atoms>{len(atoms):8d}</atoms>
<types>{len(kinds):8d}</types>
<array name="atoms">
<dimension dim="1">ion</dimension>
<field type="string">element</field>
<field type="int">atomtype</field>
<set>
{entries}</set>
</array>
</atominfo>
{structure(atoms, "initialpos")}"""


def step(atoms, energy, forces, stress):
    """What vasprun.xml has of one ionic step with one electronic step."""
    return f"""<calculation>
<scstep>
<energy>
{energies(energy)}</energy>
</scstep>
{structure(atoms)}{vectors("forces", forces)}{vectors("stress", stress)}<energy>
{energies(energy)}</energy>
<dos>
<i name="efermi">{0:16.8f}</i>
</dos>
</calculation>
"""


def outcar(atoms, energy, forces):
    rows = "".join(f"{VECTOR(*position)}    {VECTOR(*force)}\n" for position, force in zip(atoms.positions, forces))
    return f""" vasp.6.4.2 20Jul23 (build stand-in) complex

   NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS={8:7d}
   EDIFF  = 0.1E-03   stopping-criterion for ELM
   ISPIN  =      1    spin polarized calculation?
  total energy-change (2. order) :-0.1000000E-05  (-0.1000000E-05)

  free energy    TOTEN  = {energy:18.8f} eV

 POSITION                                       TOTAL-FORCE (eV/Angst)
 -----------------------------------------------------------------------------------
{rows} -----------------------------------------------------------------------------------
"""


def next_positions(atoms):
    """Whether stdin had some; atoms: those of POSCAR, which get them."""
    print("POSITIONS: reading from stdin", flush=True)
    lines = [[float(word) for word in sys.stdin.readline().split()] for _ in atoms]
    if all(lines):
        atoms.set_scaled_positions(lines)
    return all(lines)


atoms = read("POSCAR", format="vasp")
assert all(Path(name).is_file() for name in ("INCAR", "KPOINTS", "POTCAR"))
interactive = "INTERACTIVE = .TRUE." in Path("INCAR").read_text()
atoms.calc = EMT()
with open("vasprun.xml", "w") as file:
    file.write(head(atoms))
    while True:
        results = atoms.get_potential_energy(), atoms.get_forces()
        file.write(step(atoms, *results, -atoms.get_stress(voigt=False) / (0.1 * GPa)))  # kilobar
        file.flush()
        if not (interactive and next_positions(atoms)):
            break
    file.write(f"{structure(atoms, 'finalpos')}</modeling>\n")
Path("OUTCAR").write_text(outcar(atoms, *results))
Path("CONTCAR").write_text(Path("POSCAR").read_text())
