"""ABINIT's input for a cluster that lmlink writes.

    python abinit.py CLUSTER.xyz --pseudopotential W=W.psp8 [--kpoints 12]

writes qm.abi for `abinit qm.abi --ipi {address}`. A cluster that is periodic along a dislocation's line takes k points
along it; any other one Γ alone. Exchange and correlation are those of the pseudopotentials. Cutoff and smearing are to be
converged for them.
"""

import argparse

from ase.data import atomic_numbers
from ase.io import read
from quantum_espresso import add_arguments

# ionmov 28: positions come from the socket, which `expert_user` lets it do. Without a tolmxf that no forces meet, ABINIT
# ends at the first structure whose forces are small.
INPUT = """ionmov 28
ntime 10000
expert_user 1
tolmxf 1e-30

pp_dirpath "{pseudo_dir}"
pseudos "{pseudos}"
ntypat {kinds}
znucl {numbers}
natom {natoms}
typat
{types}
acell 3*1.0 angstrom
rprim
{cell}
xcart
{positions} angstrom

ecut {cutoff!r}
nsym 1
kptopt 2
ngkpt {grid}
shiftk 0 0 0
occopt 4
tsmear {smearing!r}
nband {bands}
toldff {convergence!r}
nstep 200

prtwf 0
prtden 0
prteig 0
prtebands 0
prtgsr 0
"""


def charge_of(file):
    """How many electrons a pseudopotential leaves: the second number of the second line."""
    try:
        with open(file) as lines:
            return float(lines.readlines()[1].split()[1])
    except (OSError, IndexError, ValueError) as error:
        raise SystemExit(f"{file}: the second line has no charge, as psp8, pspnc, fhi and hgh files have it: {error}")


def rows(numbers):
    return "\n".join(" ".join(map(repr, row)) for row in numbers.tolist())


def write_input(cluster, folder, pseudopotentials, pseudo_dir, cutoff=20.0, smearing=0.01, convergence=5e-5, bands_per_atom=2.0,
                kpoints=1):
    """Write qm.abi into the folder. pseudopotentials: file names by symbol; cutoff and smearing in Ha; convergence: of
    forces, Ha/bohr; bands_per_atom: empty ones; kpoints: along periodic directions."""
    symbols = list(dict.fromkeys(cluster.symbols))
    grid = [kpoints if periodic else 1 for periodic in cluster.pbc]
    electrons = sum(charge_of(pseudo_dir / pseudopotentials[symbol]) for symbol in cluster.symbols)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "qm.abi").write_text(INPUT.format(
        pseudo_dir=pseudo_dir, pseudos=", ".join(pseudopotentials[symbol] for symbol in symbols), kinds=len(symbols),
        numbers=" ".join(str(atomic_numbers[symbol]) for symbol in symbols), natoms=len(cluster),
        types="\n".join(str(symbols.index(symbol) + 1) for symbol in cluster.symbols), cell=rows(cluster.cell.array),
        positions=rows(cluster.positions), cutoff=cutoff, grid=" ".join(map(str, grid)),
        smearing=smearing, bands=round(electrons / 2 + bands_per_atom * len(cluster)), convergence=convergence))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "/usr/share/abinit/psp")
    parser.add_argument("--cutoff", type=float, default=20, metavar="Ha", help="of the wave functions (20)")
    parser.add_argument("--smearing", type=float, default=0.01, metavar="Ha", help="cold smearing's width (0.01)")
    parser.add_argument("--convergence", type=float, default=5e-5, metavar="Ha/bohr", help="of the forces (5e-5)")
    parser.add_argument("--bands-per-atom", type=float, default=2, help="empty ones (2)")
    given = parser.parse_args()
    write_input(read(given.cluster), given.folder, dict(given.pseudopotential), given.pseudo_dir.resolve(), given.cutoff,
                given.smearing, given.convergence, given.bands_per_atom, given.kpoints)


if __name__ == "__main__":
    main()
