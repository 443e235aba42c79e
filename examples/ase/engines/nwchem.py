"""NWChem's input for a cluster that lmlink writes.

    python nwchem.py CLUSTER.xyz --basis def2-svp [--functional "xpbe96 cpbe96"] [--ecp W=...] [--address unix:qm]

writes qm.nw for `nwchem qm.nw`: density functional theory in Gaussian functions, for a cluster without periodic
directions, such as a sphere.
"""

import argparse
from pathlib import Path

from ase.io import read

INPUT = """start qm
permanent_dir .
scratch_dir .
charge {charge}
geometry units angstroms noautosym noautoz nocenter
{atoms}
end
basis spherical
{basis}
end
{ecp}dft
  xc {functional}
  mult {multiplicity}
  iterations 200
  convergence energy {energy!r} density {density!r} gradient {gradient!r}
{smearing}end
driver
  socket {socket}
end
task dft optimize
"""


def socket_of(address):
    """The values of `socket` for an address of lmlink: unix:NAME or HOST:PORT."""
    return address.replace("unix:", "unix ", 1) if address.startswith("unix:") else f"ipi_client {address}"


def library(given):
    return "\n".join(f"  {symbol} library {name}" for symbol, name in given.items())


def write_input(cluster, folder, basis, address="unix:qm", ecp=None, functional="xpbe96 cpbe96", charge=0, multiplicity=None,
                smearing=0.0, convergence=1e-4):
    """Write qm.nw into the folder. basis, ecp: names of NWChem's library by symbol, * for all others; multiplicity: by
    default 1, or 2 for an odd number of electrons; smearing: of occupations, Ha; convergence: of the orbitals' gradient."""
    if any(cluster.pbc):
        raise SystemExit("the cluster is periodic, and NWChem's Gaussian functions are not: take a region without periodic "
                         "directions, or another code")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "qm.nw").write_text(INPUT.format(
        atoms="\n".join(f"  {symbol} {x!r} {y!r} {z!r}"
                        for symbol, (x, y, z) in zip(cluster.symbols, cluster.positions.tolist())),
        basis=library(basis), ecp=f"ecp\n{library(ecp)}\nend\n" if ecp else "", functional=functional, charge=charge,
        multiplicity=multiplicity or 1 + (int(sum(cluster.numbers)) - charge) % 2,
        energy=1e-2 * convergence, density=0.1 * convergence, gradient=convergence,
        smearing=f"  smear {smearing!r}\n" if smearing else "", socket=socket_of(address)))


def pair(text):
    symbol, equals, value = text.partition("=")
    return (symbol, value) if equals else ("*", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--basis", type=pair, action="append", required=True, metavar="[SYMBOL=]NAME", help="of its library")
    parser.add_argument("--ecp", type=pair, action="append", default=[], metavar="[SYMBOL=]NAME", help="core potentials")
    parser.add_argument("--address", default="unix:qm", help="of lmlink: unix:NAME (unix:qm) or HOST:PORT")
    parser.add_argument("--functional", default="xpbe96 cpbe96", help="as NWChem's xc has it (xpbe96 cpbe96)")
    parser.add_argument("--charge", type=int, default=0, help="of the cluster (0)")
    parser.add_argument("--multiplicity", type=int, help="of its spins (the lowest)")
    parser.add_argument("--smearing", type=float, default=0, metavar="Ha", help="of the occupations (none)")
    parser.add_argument("--convergence", type=float, default=1e-4, help="of the orbitals' gradient (1e-4)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the engine runs (.)")
    given = parser.parse_args()
    write_input(read(given.cluster), given.folder, dict(given.basis), given.address, dict(given.ecp), given.functional,
                given.charge, given.multiplicity, given.smearing, given.convergence)


if __name__ == "__main__":
    main()
