"""VASP as an engine, through ASE: computes the structures that lmlink sends with ASE's Vasp calculator.

    VASP_PP_PATH=FOLDER python vasp.py CLUSTER.xyz --address unix:qm --command "srun ... vasp_std" [--kpoints 12]

ASE starts VASP for each structure, which begins from the last one's WAVECAR. The settings are those of the paper for
tungsten: PBE, 550 eV, Methfessel-Paxton smearing of 0.1 eV, k points along a dislocation's line alone.
"""

import argparse
from pathlib import Path

from ase.calculators.socketio import SocketClient
from ase.calculators.vasp import Vasp
from ase.io import read


def calculator(cluster, command, kpoints=1, cutoff=550.0, folder="vasp"):
    """ASE's Vasp for the cluster; kpoints: along its periodic directions."""
    grid = [kpoints if periodic else 1 for periodic in cluster.pbc]
    return Vasp(command=command, directory=str(folder), xc="PBE", pp="PBE", encut=cutoff, ismear=1, sigma=0.1, kpts=grid,
                gamma=True, prec="Accurate", ediff=1e-6, nelm=200, algo="Normal", isym=0, lreal="Auto", ncore=4, lwave=True,
                lcharg=False, istart=1)


def client(address):
    """ASE's client for an address of lmlink: unix:NAME or HOST:PORT."""
    if address.startswith("unix:"):
        return SocketClient(unixsocket=address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return SocketClient(host=host, port=int(port))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--address", default="unix:qm", help="of lmlink: unix:NAME (unix:qm) or HOST:PORT")
    parser.add_argument("--command", required=True, help="that runs VASP in the folder it is in")
    parser.add_argument("--kpoints", type=int, default=1, help="along periodic directions (1)")
    parser.add_argument("--cutoff", type=float, default=550, metavar="eV", help="of the plane waves (550)")
    given = parser.parse_args()
    atoms = read(given.cluster)
    atoms.pbc = True  # as VASP has it
    atoms.calc = calculator(read(given.cluster), given.command, given.kpoints, given.cutoff)
    client(given.address).run(atoms)


if __name__ == "__main__":
    main()
