"""LAMMPS as the oracle for potentials whose lines of an input script stand in a file, of any pair style."""

import os
import re
from pathlib import Path


class Script:
    """What oracle.evaluate wants to know: the elements of the atom types, and the lines."""

    def __init__(self, path, elements):
        self.path, self.elements = Path(path).resolve(), list(elements)

    def commands(self):
        """The file's lines with the names of other files made absolute, as LAMMPS takes them from where it runs."""
        os.environ["LAMMPS_POTENTIALS"] = str(self.path.parent)
        text = self.path.read_text()
        names = re.findall(r"^\s*variable\s+(\w+)", text, re.MULTILINE)
        return [f"variable {name} delete" for name in names] + [f'include "{self.path}"']
