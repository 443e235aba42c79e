"""Write what lmlink-serve and i-PI read: structure.xyz, with the QM atoms around the jump in its column `region`, and
path.xyz, a straight path between the vacancy and its neighbour, both relaxed with what CONFIGURATION describes.

    python prepare.py CONFIGURATION IMAGES
"""

import sys

import numpy as np
from ase.build import bulk
from ase.io import write
from ase.mep import interpolate
from ase.optimize import FIRE

from lmlink import LMLink

CELLS = 8  # along a side: 1023 atoms, so that the cluster ends before it meets its own image
LATTICE = 3.1803  # Å, of both potentials
QM_RADIUS = 4.2  # Å, around the middle of the jump
TOLERANCE = 0.005  # eV/Å

configuration, images = sys.argv[1], int(sys.argv[2])
ends = [bulk("W", cubic=True, a=LATTICE).repeat(CELLS) for _ in range(2)]
middle = ends[0].cell.array.sum(axis=0) / 2
site, jumper = np.linalg.norm(ends[0].positions - middle, axis=1).argsort()[:2]
ends[1].positions[jumper] = ends[0].positions[site]
for end in ends:
    del end[site]

core = (ends[0].positions + ends[1].positions)[jumper - (jumper > site)] / 2
near = np.linalg.norm(ends[0].positions - core, axis=1) < QM_RADIUS
ends[0].set_array("region", np.where(near, "QM", "MM"))
write("structure.xyz", ends[0], format="extxyz", columns=["symbols", "positions", "region"])

with LMLink(configuration) as calculator:
    for end in ends:
        end.calc = calculator
        FIRE(end, logfile=None).run(fmax=TOLERANCE)
        end.calc = None
path = [ends[0], *(ends[0].copy() for _ in range(images - 2)), ends[1]]
interpolate(path)
write("path.xyz", path, format="extxyz", columns=["symbols", "positions"])
