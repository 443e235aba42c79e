"""VASP as an engine, through ASE: computes the structures that lmlink sends with ASE's Vasp calculator.

    VASP_PP_PATH=FOLDER python vasp.py CLUSTER.xyz --address unix:qm --command "srun ... vasp_std" [--kpoints 12] [--keep-running]

ASE starts VASP for each structure, which begins from the last one's WAVECAR; with --keep-running one VASP computes them all,
as its INTERACTIVE has it, and goes on from the wave functions in memory. The settings are those of the paper for tungsten:
PBE, 550 eV, Methfessel-Paxton smearing of 0.1 eV, k points along a dislocation's line alone.
"""

import argparse
from pathlib import Path

from ase.calculators.calculator import Calculator
from ase.calculators.vasp import Vasp, VaspInteractive
from ase.io import read
from ase_engine import add_arguments, client


class KeptVasp(VaspInteractive):
    """ASE's calculator for a VASP that stays alive, without what is wrong with that of ASE 3.29: it does not initialise what
    it inherits from, does not see that atoms have moved which are the same object, tells VASP positions in the order of the
    atoms where VASP has them by species, and waits at its end without a limit."""

    def __init__(self, path, **options):
        Calculator.__init__(self, directory=path)
        super().__init__(path=path, **options)

    def _run_vasp(self, atoms):
        super()._run_vasp(atoms.copy() if self.process is None else atoms[self.sort])

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None


def settings(cluster, kpoints=1, cutoff=550.0):
    """Keywords of ASE's calculators for the cluster; kpoints: along its periodic directions."""
    grid = [kpoints if periodic else 1 for periodic in cluster.pbc]
    return {"xc": "PBE", "pp": "PBE", "encut": cutoff, "ismear": 1, "sigma": 0.1, "kpts": grid, "gamma": True,
            "prec": "Accurate", "ediff": 1e-6, "nelm": 200, "algo": "Normal", "isym": 0, "lreal": "Auto", "ncore": 4,
            "lcharg": False}


def calculator(cluster, command, folder="vasp", **options):
    """ASE's Vasp for the cluster, which starts VASP for each structure. options: of settings()."""
    return Vasp(command=command, directory=str(folder), lwave=True, istart=1, **settings(cluster, **options))


def kept_calculator(cluster, command, folder="vasp", **options):
    """The same for a VASP that stays alive."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    return KeptVasp(command=command, path=str(folder), txt=str(Path(folder) / "interactive.log"), lwave=False, istart=0,
                    nsw=100000, **settings(cluster, **options))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--command", required=True, help="that runs VASP in the folder it is in")
    parser.add_argument("--keep-running", action="store_true", help="one VASP for all structures, by its INTERACTIVE")
    parser.add_argument("--kpoints", type=int, default=1, help="along periodic directions (1)")
    parser.add_argument("--cutoff", type=float, default=550, metavar="eV", help="of the plane waves (550)")
    given = parser.parse_args()
    atoms = read(given.cluster)
    make = kept_calculator if given.keep_running else calculator
    made = make(atoms, given.command, kpoints=given.kpoints, cutoff=given.cutoff)
    atoms.pbc = True  # as VASP has it
    atoms.calc = made
    client(given.address).run(atoms)
    if given.keep_running:
        made.close()


if __name__ == "__main__":
    main()
