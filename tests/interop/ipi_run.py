"""Runs of i-PI; those with mixtures behind it are looked at bead by bead. Å, eV."""

import os
from pathlib import Path

import numpy as np
from ase.units import Bohr, Hartree
from conftest import TIMEOUT, program
from serve import finish, ipi_frames, write_structure

INPUT = """
<simulation verbosity='low'>
  <output prefix='run'> {output} </output>
  <total_steps>{steps}</total_steps>
  <prng><seed>31</seed></prng>
  {forcefield}
  <system>
    <initialize nbeads='{beads}'>
      <file mode='ase'>init.xyz</file>
      <velocities mode='thermal' units='kelvin'>{velocities}</velocities>
    </initialize>
    <forces> <force forcefield='lmlink'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='{ensemble}'>
        <timestep units='femtosecond'>{time_step}</timestep>
        <thermostat mode='{thermostat}'> <tau units='femtosecond'>{tau}</tau> </thermostat>
      </dynamics>
    </motion>
    <ensemble> <temperature units='kelvin'>{temperature}</temperature> </ensemble>
  </system>
</simulation>
"""


def run_ipi(ipi, start, folder, atoms, output, forcefield, commands, *, address, **settings):
    """Run i-PI in the folder, all beads from these atoms (init.xyz), with a server for each command; exit codes and messages
    of the servers. Where they end well, i-PI must, too. output: what it is to write; forcefield: named lmlink; its address
    and settings stand in braces."""
    write_structure(atoms, folder / "init.xyz")
    forcefield = forcefield.format(address=address, **settings)
    (folder / "input.xml").write_text(INPUT.format(output=output, forcefield=forcefield, **settings))
    servers = [start(command) for command in commands]
    log = folder / "ipi.log"
    try:
        with open(log, "w") as file:
            driver = start([ipi, "input.xml"], cwd=folder, stdout=file, stderr=file)
            codes, messages = zip(*(finish(server) for server in servers))
            if any(codes):
                driver.terminate()
            assert driver.wait(TIMEOUT) == 0 or any(codes), log.read_text()[-3000:]
    finally:
        Path(f"/tmp/ipi_{address}").unlink(missing_ok=True)
    return codes, messages


def numbers(path):
    """The lines of one kind of extras, as numbers: steps × how many there are."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and "#" not in line]
    return np.array([line.replace("[", " ").replace("]", " ").split() for line in lines], dtype=float)


OUTPUT = """
    <properties stride='1' filename='out'> [ step, bead_potentials ] </properties>
    <trajectory filename='pos' stride='1' format='bin'> positions </trajectory>
    <trajectory filename='for' stride='1' format='bin'> forces </trajectory>
    <trajectory filename='work' stride='1' extra_type='virtual_work'> extras </trajectory>
"""
SOCKET = """
  <ffsocket name='lmlink' mode='unix' pbc='true' matching='{matching}'>
    <address>{address}</address> <latency>1e-4</latency> <batch_size>{batch}</batch_size>
  </ffsocket>
"""
DEFAULTS = {"steps": 20, "beads": 4, "batch": 1, "matching": "auto", "temperature": 300, "time_step": 2.0, "ensemble": "nvt",
            "thermostat": "pile_l", "tau": 50}


class Run:
    """i-PI in `folder` with one lmlink-serve for each path of a configuration; atoms: where all beads begin. `codes` and
    `messages` are those of the servers."""

    def __init__(self, ipi, start, folder, paths, atoms, **settings):
        settings = {**DEFAULTS, "address": f"lmlmix{os.getpid()}", **settings}
        self.folder, self.beads = folder, settings["beads"]
        self.energies = self.works = None
        commands = [[program("lmlink-serve"), path, "--driver", f"unix:{settings['address']}", "--wait", 60, "--index", index]
                    for index, path in enumerate(paths)]
        self.codes, self.messages = run_ipi(ipi, start, folder, atoms, OUTPUT, SOCKET, commands,
                                            velocities=settings["temperature"], **settings)
        if not any(self.codes):
            self.read()

    def read(self):
        """energies, works: steps × beads; positions, forces: beads × steps × natoms × 3."""
        self.energies = np.loadtxt(self.folder / "run.out", ndmin=2)[:, 1:] * Hartree
        self.positions, self.forces = (
            np.array([ipi_frames(next(self.folder.glob(f"run.{name}_*{bead}.bin"))) for bead in range(self.beads)]) * unit
            for name, unit in (("pos", Bohr), ("for", Hartree / Bohr)))
        self.works = np.hstack([numbers(next(self.folder.glob(f"run.work_*{bead}"))) for bead in range(self.beads)])
