"""CP2K's input for a cluster that lmlink writes.

    python cp2k.py CLUSTER.xyz --kind W=DZVP-MOLOPT-SR-GTH,GTH-PBE-q14 [--kpoints 12]

writes cp2k.inp for `cp2k.psmp -i cp2k.inp`: RUN_TYPE DRIVER, PBE, Fermi smearing, Broyden mixing. The defaults are those
of a metal; the cutoffs are to be converged.
"""

import argparse
from pathlib import Path

from ase.io import read

INPUT = """&GLOBAL
  PROJECT qm
  RUN_TYPE {run_type}
  PRINT_LEVEL LOW
&END GLOBAL
{driver}&FORCE_EVAL
  METHOD Quickstep
  &PRINT
    &FORCES ON
    &END FORCES
  &END PRINT
  &DFT
    BASIS_SET_FILE_NAME BASIS_MOLOPT
    POTENTIAL_FILE_NAME GTH_POTENTIALS
    &MGRID
      CUTOFF {cutoff:g}
      REL_CUTOFF {relative_cutoff:g}
    &END MGRID
{kpoints}    &SCF
      EPS_SCF {convergence:g}
      MAX_SCF 200
      ADDED_MOS {bands}
      &SMEAR ON
        METHOD FERMI_DIRAC
        ELECTRONIC_TEMPERATURE [K] {temperature:g}
      &END SMEAR
      &DIAGONALIZATION ON
      &END DIAGONALIZATION
      &MIXING
        METHOD BROYDEN_MIXING
        ALPHA 0.1
        NBROYDEN 8
      &END MIXING
    &END SCF
    &XC
      &XC_FUNCTIONAL PBE
      &END XC_FUNCTIONAL
    &END XC
  &END DFT
  &SUBSYS
    &CELL
{cell}
    &END CELL
    &COORD
{atoms}
    &END COORD
{kinds}
  &END SUBSYS
&END FORCE_EVAL
"""

DRIVER = """&MOTION
  &DRIVER
    HOST {host}
    PORT {port}
{unix}  &END DRIVER
&END MOTION
"""

KIND = """    &KIND {symbol}
      BASIS_SET {basis}
      POTENTIAL {potential}
    &END KIND"""


def driver(address):
    """The section &DRIVER for an address of lmlink: unix:NAME or HOST:PORT."""
    if address.startswith("unix:"):
        return DRIVER.format(host=address.removeprefix("unix:"), port=1, unix="    UNIX\n")
    host, _, port = address.rpartition(":")
    return DRIVER.format(host=host, port=port, unix="")


def write_input(cluster, folder, kinds, address="unix:qm", cutoff=400.0, relative_cutoff=50.0, temperature=1000.0,
                bands=None, convergence=1e-6, kpoints=1):
    """Write cp2k.inp into the folder. kinds: (basis set, potential) by symbol; address: of lmlink's socket, None for an
    input that computes the cluster's own forces; cutoffs in Ry; bands: empty ones (default: three per atom)."""
    grid = [kpoints if periodic else 1 for periodic in cluster.pbc]
    mesh = "" if max(grid) == 1 else ("    &KPOINTS\n      SCHEME MONKHORST-PACK {} {} {}\n      FULL_GRID\n"
                                      "    &END KPOINTS\n").format(*grid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cp2k.inp").write_text(INPUT.format(
        run_type="DRIVER" if address else "ENERGY_FORCE", driver=driver(address) if address else "", cutoff=cutoff,
        relative_cutoff=relative_cutoff, kpoints=mesh, convergence=convergence,
        bands=3 * len(cluster) if bands is None else bands, temperature=temperature,
        cell="\n".join(f"      {name} {x!r} {y!r} {z!r}" for name, (x, y, z) in zip("ABC", cluster.cell.tolist())),
        atoms="\n".join(f"      {symbol} {x!r} {y!r} {z!r}"
                        for symbol, (x, y, z) in zip(cluster.symbols, cluster.positions.tolist())),
        kinds="\n".join(KIND.format(symbol=symbol, basis=basis, potential=potential)
                        for symbol, (basis, potential) in kinds.items())))


def kind(text):
    symbol, equals, value = text.partition("=")
    basis, comma, potential = value.partition(",")
    if not equals or not comma:
        raise argparse.ArgumentTypeError(f"'{text}' is not SYMBOL=BASIS,POTENTIAL")
    return symbol, (basis, potential)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--kind", type=kind, action="append", required=True, metavar="SYMBOL=BASIS,POTENTIAL")
    parser.add_argument("--address", default="unix:qm", help="of lmlink: unix:NAME (unix:qm) or HOST:PORT")
    parser.add_argument("--cutoff", type=float, default=400, metavar="Ry", help="of the finest grid (400)")
    parser.add_argument("--relative-cutoff", type=float, default=50, metavar="Ry", help="REL_CUTOFF (50)")
    parser.add_argument("--temperature", type=float, default=1000, metavar="K", help="of the electrons (1000)")
    parser.add_argument("--bands", type=int, help="empty ones (three per atom)")
    parser.add_argument("--convergence", type=float, default=1e-6, help="EPS_SCF (1e-6)")
    parser.add_argument("--kpoints", type=int, default=1, help="along periodic directions (1)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the engine runs (.)")
    given = parser.parse_args()
    write_input(read(given.cluster), given.folder, dict(given.kind), given.address, given.cutoff, given.relative_cutoff,
                given.temperature, given.bands, given.convergence, given.kpoints)


if __name__ == "__main__":
    main()
