"""Write init.xyz, a disk with a ½⟨111⟩ screw dislocation that $POTENTIAL has relaxed, with the QM atoms at the core in
the column `region`; and print the indices of the rim's atoms, which stay where they are.

    python prepare.py RADIUS
"""

import os
import sys

import numpy as np
from ase.io import write
from matscipy.dislocation import BCCScrew111Dislocation

from common import relax
from lmlink import LMLink
from lmlink.dislocations import build_disk, lattice_and_elasticity, near_line

QM_RADIUS = 6.0  # Å, around the line

sys.stdout = sys.stderr  # for what says how far the relaxation is
with LMLink(os.environ["POTENTIAL"]) as calculator:
    constant, elastic = lattice_and_elasticity(calculator)
    builder = BCCScrew111Dislocation(constant, *elastic, symbol="W")
    disk = build_disk(builder, float(sys.argv[1]))
    disk.calc = calculator
    relax(disk)
rim = np.unique(np.concatenate([fixed.index for fixed in disk.constraints]))
region = np.full(len(disk), "MM")
region[near_line(disk, disk.info["core"], QM_RADIUS)] = "QM"
disk.arrays["region"] = region
disk.calc, disk.constraints, disk.info = None, [], {}
write("init.xyz", disk, format="extxyz", columns=["symbols", "positions", "region"])
print(rim.tolist(), file=sys.__stdout__)
