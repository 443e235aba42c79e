"""FHI-aims's input for a cluster that lmlink writes.

    python fhi_aims.py CLUSTER.xyz --species-dir .../species_defaults/defaults_2020/light [--kpoints 12]

writes control.in and geometry.in, with ASE. FHI-aims is not free and could not be run when this was written: the
keywords are those that ASE's own calculator writes.
"""

import argparse
from pathlib import Path

from ase.io import read
from ase.io.aims import write_aims, write_control


def socket_of(address):
    """The values of use_pimd_wrapper for an address of lmlink: unix:NAME or HOST:PORT."""
    if address.startswith("unix:"):
        return f"UNIX:{address.removeprefix('unix:')}", 1
    host, _, port = address.rpartition(":")
    return host, int(port)


def write_input(cluster, folder, species_dir, address="unix:qm", kpoints=1):
    """Write control.in and geometry.in into the folder."""
    cluster = cluster.copy()
    cluster.set_constraint()
    grid = tuple(kpoints if periodic else 1 for periodic in cluster.pbc)
    cluster.pbc = True  # the cell, with its vacuum, is sent along with the positions
    settings = {"xc": "pbe", "relativistic": "atomic_zora scalar", "spin": "none", "occupation_type": "gaussian 0.1",
                "sc_accuracy_rho": 1e-5, "sc_accuracy_forces": 1e-4, "sc_iter_limit": 200, "compute_forces": True,
                "output_level": "MD_light", "use_pimd_wrapper": socket_of(address), "k_grid": grid,
                "species_dir": str(species_dir)}
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "geometry.in", "w") as file:
        write_aims(file, cluster)
    with open(folder / "control.in", "w") as file:
        write_control(file, cluster, settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--species-dir", type=Path, required=True, help="folder of the species' defaults")
    parser.add_argument("--address", default="unix:qm", help="of lmlink: unix:NAME (unix:qm) or HOST:PORT")
    parser.add_argument("--kpoints", type=int, default=1, help="along periodic directions (1)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the engine runs (.)")
    given = parser.parse_args()
    write_input(read(given.cluster), given.folder, given.species_dir, given.address, given.kpoints)


if __name__ == "__main__":
    main()
