"""Runs of i-PI with mixtures behind it, looked at bead by bead. Å, eV."""

import os
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from conftest import TIMEOUT, program
from serve import finish, ipi_frames

INPUT = """
<simulation verbosity='low'>
  <output prefix='run'>
    <properties stride='1' filename='out'> [ step, bead_potentials ] </properties>
    <trajectory filename='pos' stride='1' format='bin'> positions </trajectory>
    <trajectory filename='for' stride='1' format='bin'> forces </trajectory>
    <trajectory filename='work' stride='1' extra_type='virtual_work'> extras </trajectory>
  </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>31</seed></prng>
  <ffsocket name='lmlink' mode='unix' pbc='true' matching='{matching}'>
    <address>{address}</address> <latency>1e-4</latency> <batch_size>{batch}</batch_size>
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='ase'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>{temperature}</velocities>
    </initialize>
    <forces> <force forcefield='lmlink'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nvt'>
        <timestep units='femtosecond'>{time_step}</timestep>
        <thermostat mode='{thermostat}'> <tau units='femtosecond'>50</tau> </thermostat>
      </dynamics>
    </motion>
    <ensemble> <temperature units='kelvin'>{temperature}</temperature> </ensemble>
  </system>
</simulation>
"""
DEFAULTS = {"steps": 20, "beads": 4, "batch": 1, "matching": "auto", "temperature": 300, "time_step": 2.0,
            "thermostat": "pile_l"}


class Run:
    """i-PI in `folder` with one lmlink-serve for each path of a configuration; atoms: where all beads begin. `codes` and
    `messages` are those of the servers."""

    def __init__(self, ipi, start, folder, paths, atoms, **settings):
        settings = {**DEFAULTS, "address": f"lmlmix{os.getpid()}", **settings}
        self.folder, self.beads = folder, settings["beads"]
        self.energies = self.works = None
        atoms.write(folder / "init.xyz", format="extxyz", columns=["symbols", "positions"])
        (folder / "input.xml").write_text(INPUT.format(**settings))
        servers = [start([program("lmlink-serve"), path, "--driver", f"unix:{settings['address']}", "--wait", 60,
                          "--index", index]) for index, path in enumerate(paths)]
        self.log = folder / "ipi.log"
        with open(self.log, "w") as log:
            driver = start([ipi, "input.xml"], cwd=folder, stdout=log, stderr=log)
            ended = [finish(server) for server in servers]
            self.codes, self.messages = zip(*ended)
            if any(self.codes):
                driver.terminate()
            assert driver.wait(TIMEOUT) == 0 or any(self.codes), self.log.read_text()[-3000:]
        Path(f"/tmp/ipi_{settings['address']}").unlink(missing_ok=True)
        if not any(self.codes):
            self.read()

    def read(self):
        """energies, works: steps × beads; positions, forces: beads × steps × natoms × 3."""
        self.energies = np.loadtxt(self.folder / "run.out", ndmin=2)[:, 1:] * Hartree
        self.positions, self.forces = (
            np.array([ipi_frames(next(self.folder.glob(f"run.{name}_*{bead}.bin"))) for bead in range(self.beads)]) * unit
            for name, unit in (("pos", Bohr), ("for", Hartree / Bohr)))
        texts = [next(self.folder.glob(f"run.work_*{bead}")).read_text() for bead in range(self.beads)]
        lines = [[line for line in text.splitlines() if line.strip() and "#" not in line] for text in texts]
        self.works = np.array(lines, dtype=float).T
