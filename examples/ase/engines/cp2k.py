"""CP2K's input for a cluster that lmlink writes.

    python cp2k.py CLUSTER.xyz --kind W=DZVP-MOLOPT-SR-GTH,GTH-PBE-q14 [--kpoints 12]
    python cp2k.py CLUSTER.xyz --kind W=DZVP-MOLOPT-SR-GTH/2s1p2d,GTH-PBE-q14 --preset metal --kpoints 8

writes cp2k.inp for `cp2k.psmp -i cp2k.inp`: RUN_TYPE DRIVER, PBE, Fermi smearing, Broyden mixing. The defaults are those
of a metal; the cutoffs are to be converged. The basis NAME/2s1p2d is cut from CP2K's NAME: its first two s, one p and two
d functions, so that two s, three p and ten d ones are on each atom.

The preset `metal` is for clusters of some hundred atoms on few cores, with forces to 0.05 eV/Å (../dft_screw.py). Every
call begins from atoms, as CP2K 2023.1 cannot go on from its last wave functions where there are k points.
"""

import argparse
import os
import re
from dataclasses import dataclass, fields, replace
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
    &QS
      EPS_DEFAULT {precision:g}
      EXTRAPOLATION {extrapolation}
    &END QS
    &MGRID
      CUTOFF {cutoff:g}
      REL_CUTOFF {relative_cutoff:g}
    &END MGRID
{mesh}    &SCF
      EPS_SCF {convergence:g}
      MAX_SCF 200
      ADDED_MOS {empty}
      &SMEAR ON
        METHOD FERMI_DIRAC
        ELECTRONIC_TEMPERATURE [K] {temperature:g}
      &END SMEAR
      &DIAGONALIZATION ON
      &END DIAGONALIZATION
      &MIXING
        METHOD BROYDEN_MIXING
        ALPHA {mixing:g}
        BETA {damping:g}
        NBROYDEN {history}
      &END MIXING
      &PRINT
        &RESTART OFF
        &END RESTART
      &END PRINT
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

# Time reversal halves the points.
KPOINTS = """    &KPOINTS
      SCHEME MONKHORST-PACK {} {} {}
      PARALLEL_GROUP_SIZE 1
    &END KPOINTS
"""

KIND = """    &KIND {symbol}
{basis}
      POTENTIAL {potential}
    &END KIND"""


@dataclass(frozen=True)
class Settings:
    """What decides how well CP2K's forces are converged. Each is an option of this script too."""

    cutoff: float = 400.0  # Ry, of the finest grid
    relative_cutoff: float = 50.0  # Ry, REL_CUTOFF
    precision: float = 1e-10  # EPS_DEFAULT
    extrapolation: str = "ASPC"  # from one call to the next; USE_GUESS: none
    temperature: float = 1000.0  # K, of the electrons
    bands_per_atom: float = 3.0  # empty ones
    convergence: float = 1e-6  # EPS_SCF
    mixing: float = 0.1  # ALPHA of Broyden's mixing
    damping: float = 0.5  # BETA, 1/bohr
    history: int = 8  # NBROYDEN, iterations
    kpoints: int = 1  # along periodic directions


PRESETS = {
    "default": Settings(),
    "metal": Settings(cutoff=220, relative_cutoff=44, precision=1e-7, extrapolation="USE_GUESS", temperature=3000,
                      bands_per_atom=0.8, convergence=1.5e-3, mixing=0.2, history=12),
}


# ---- basis sets ----

def data_folder():
    """The folder of CP2K's basis sets."""
    return Path(os.environ.get("CP2K_DATA_DIR", "/usr/share/cp2k"))


def find_basis(symbol, name, file="BASIS_MOLOPT"):
    """Rows of numbers of a basis set with one set of exponents in CP2K's file: its head, and a row for each exponent."""
    lines = (data_folder() / file).read_text().splitlines()
    at = [i for i, line in enumerate(lines) if line.split()[:1] == [symbol] and name in line.split()[1:]]
    if not at:
        raise SystemExit(f"{data_folder() / file} has no basis {name} of {symbol}")
    if lines[at[0] + 1].split() != ["1"]:
        raise SystemExit(f"{name} of {symbol} has several sets of exponents: only one set can be cut")
    head = [int(word) for word in lines[at[0] + 2].split()]
    return head, [line.split() for line in lines[at[0] + 3:at[0] + 3 + head[3]]]


def cut_basis(symbol, name, shells):
    """Lines of a basis in CP2K's format, with the first functions of each kind of another: (("s", 2), ("p", 1)) has its
    first two s and its first p functions."""
    (number, lowest, _, exponents, *counts), rows = find_basis(symbol, name)
    kept, wanted = [0], dict(shells)
    for letter, count, first in zip("spdfgh"[lowest:], counts, (1 + sum(counts[:i]) for i in range(len(counts)))):
        if wanted.get(letter, 0) > count:
            raise SystemExit(f"{name} of {symbol} has {count} {letter} functions, not {wanted[letter]}")
        kept += range(first, first + wanted.get(letter, 0))
    numbers = [count for _, count in shells]
    if lowest != 0 or "".join(letter for letter, _ in shells) != "spdfgh"[:len(shells)]:
        raise SystemExit("the shells of a basis must be s, p, d and so on, without a gap")
    return ["1", " ".join(map(str, [number, lowest, len(shells) - 1, exponents, *numbers])),
            *(" ".join(row[i] for i in kept) for row in rows)]


def basis_lines(symbol, basis):
    """The keyword or section of &KIND for a name, or for NAME/SHELLS."""
    name, slash, shells = basis.partition("/")
    if not slash:
        return f"      BASIS_SET {name}"
    if not re.fullmatch(r"(\d+[spdfgh])+", shells):
        raise SystemExit(f"'{shells}' is not a list of functions such as 2s1p2d")
    pairs = tuple((letter, int(count)) for count, letter in re.findall(r"(\d+)([spdfgh])", shells))
    lines = ["      &BASIS", *("        " + line for line in cut_basis(symbol, name, pairs)), "      &END BASIS"]
    return "\n".join(lines)


# ---- the input ----

def driver(address):
    """The section &DRIVER for an address of lmlink: unix:NAME or HOST:PORT."""
    if address.startswith("unix:"):
        return DRIVER.format(host=address.removeprefix("unix:"), port=1, unix="    UNIX\n")
    host, _, port = address.rpartition(":")
    return DRIVER.format(host=host, port=port, unix="")


def write_input(cluster, folder, kinds, address="unix:qm", settings=PRESETS["default"]):
    """Write cp2k.inp into the folder. kinds: (basis set, potential) by symbol; address: of lmlink's socket, None for an
    input that computes the cluster's own forces."""
    grid = [settings.kpoints if periodic else 1 for periodic in cluster.pbc]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cp2k.inp").write_text(INPUT.format(
        **vars(settings), run_type="DRIVER" if address else "ENERGY_FORCE", driver=driver(address) if address else "",
        mesh="" if max(grid) == 1 else KPOINTS.format(*grid), empty=round(settings.bands_per_atom * len(cluster)),
        cell="\n".join(f"      {name} {x!r} {y!r} {z!r}" for name, (x, y, z) in zip("ABC", cluster.cell.tolist())),
        atoms="\n".join(f"      {symbol} {x!r} {y!r} {z!r}"
                        for symbol, (x, y, z) in zip(cluster.symbols, cluster.positions.tolist())),
        kinds="\n".join(KIND.format(symbol=symbol, basis=basis_lines(symbol, basis), potential=potential)
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
    parser.add_argument("--preset", choices=PRESETS, default="default", help="of the settings below")
    for field in fields(Settings):
        values = ", ".join(f"{name}: {getattr(preset, field.name)}" for name, preset in PRESETS.items())
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, help=values)
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the engine runs (.)")
    given = parser.parse_args()
    chosen = {field.name: getattr(given, field.name) for field in fields(Settings)
              if getattr(given, field.name) is not None}
    write_input(read(given.cluster), given.folder, dict(given.kind), given.address,
                replace(PRESETS[given.preset], **chosen))


if __name__ == "__main__":
    main()
