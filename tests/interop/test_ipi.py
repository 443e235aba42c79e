"""i-PI drives lmlink-serve in real runs: dynamics and path integrals, with one and with four clients."""

import os

import numpy as np
import pytest
from ase.build import bulk
from ase.units import Bohr, Hartree
from ipi_run import run_ipi
from serve import ipi_frames, serve_command

POTENTIAL = "W_2940_2017_2.snap"
DRIFT_BAR = 1e-4  # eV per atom and ps
FORCE_BAR = 1e-9  # eV/Å
STEPS, TIME_STEP = 100, 2.0  # fs

OUTPUT = """
    <properties stride='1' filename='out'> [ step, time{picosecond}, conserved{electronvolt},
      temperature{kelvin} ] </properties>
    <trajectory filename='pos' stride='20' format='bin'> positions </trajectory>
    <trajectory filename='for' stride='20' format='bin'> forces </trajectory>
"""
SOCKET = """
  <ffsocket name='lmlink' mode='{mode}' pbc='{pbc}'>
    <address>{address}</address> <port>{port}</port> <latency>1e-4</latency>
    <consolidate_messages>{consolidated}</consolidate_messages> <batch_size>{batch}</batch_size>
  </ffsocket>
"""
DEFAULTS = dict(steps=STEPS, time_step=TIME_STEP, mode="unix", pbc="false", port=0, consolidated="true", batch=1,
                beads=1, ensemble="nvt", thermostat="langevin", tau=100, velocities=600, temperature=300)


@pytest.fixture
def run(ipi, start, potentials, tmp_path):
    """Run i-PI with `clients` processes of lmlink-serve behind it; all must end well. The rest are settings of run_ipi."""

    def go(clients=1, options=(), **settings):
        settings = {**DEFAULTS, "address": f"lmlipi{os.getpid()}", **settings}
        atoms = bulk("W", cubic=True, a=3.18).repeat(3)
        atoms.positions += np.random.default_rng(8).normal(0, 0.03, (len(atoms), 3))
        driver = f"unix:{settings['address']}" if settings["mode"] == "unix" else f"127.0.0.1:{settings['port']}"
        command = serve_command(potentials / POTENTIAL, driver, "--structure", tmp_path / "init.xyz", *options)
        codes, messages = run_ipi(ipi, start, tmp_path, atoms, OUTPUT, SOCKET, [command] * clients, **settings)
        assert not any(codes), messages
        return atoms

    return go


def drift(folder, natoms):
    """Slope of the conserved quantity over time, eV per atom and ps; the run must have moved."""
    step, time, conserved, temperature = np.loadtxt(folder / "run.out").T
    assert len(step) == STEPS + 1 and np.ptp(temperature) > 10
    return abs(np.polyfit(time, conserved / natoms, 1)[0])


def check(folder, atoms, lammps, potential, beads=1):
    """Drift, and the forces of the trajectory's frames against LAMMPS's."""
    assert drift(folder, len(atoms) * beads) < DRIFT_BAR
    potential = lammps.Potential(potential)
    compared = 0
    for bead in range(beads):
        positions, forces = (ipi_frames(next(folder.glob(f"run.{name}_*{bead}.bin"))) for name in ("pos", "for"))
        assert len(positions) == len(forces) == STEPS // 20 + 1
        for there, ours in zip(positions * Bohr, forces * (Hartree / Bohr)):
            atoms.positions = there
            theirs = lammps.evaluate(atoms, potential).forces
            assert np.abs(ours - theirs).max() <= FORCE_BAR
            compared += 1
    assert compared == beads * (STEPS // 20 + 1)


@pytest.mark.parametrize("consolidated", ["true", "false"], ids=["consolidated", "one by one"])
@pytest.mark.parametrize("clients", [1, 4])
@pytest.mark.parametrize("ensemble", ["nve", "nvt"])
def test_dynamics(ensemble, clients, consolidated, run, lammps, potentials, tmp_path):
    atoms = run(clients, ensemble=ensemble, consolidated=consolidated)
    check(tmp_path, atoms, lammps, potentials / POTENTIAL)


@pytest.mark.parametrize("consolidated", ["true", "false"], ids=["consolidated", "one by one"])
def test_path_integral(consolidated, run, lammps, potentials, tmp_path):
    """Eight beads, shared out among four clients."""
    atoms = run(4, beads=8, thermostat="pile_l", time_step=1.0, consolidated=consolidated)
    check(tmp_path, atoms, lammps, potentials / POTENTIAL, beads=8)


@pytest.mark.parametrize("consolidated", ["true", "false"], ids=["consolidated", "one by one"])
def test_one_client_for_eight_beads_with_an_init_each(consolidated, run, lammps, potentials, tmp_path):
    atoms = run(1, options=["--reinit"], beads=8, thermostat="pile_l", time_step=1.0, consolidated=consolidated)
    check(tmp_path, atoms, lammps, potentials / POTENTIAL, beads=8)


def test_batches(run, lammps, potentials, tmp_path):
    """Eight beads in batches of three: the last batch of a step is filled up by i-PI."""
    atoms = run(1, beads=8, thermostat="pile_l", time_step=1.0, batch=3)
    check(tmp_path, atoms, lammps, potentials / POTENTIAL, beads=8)


def test_over_tcp(run, lammps, potentials, free_port, tmp_path):
    atoms = run(2, mode="inet", address="127.0.0.1", port=free_port, ensemble="nve")
    check(tmp_path, atoms, lammps, potentials / POTENTIAL)


def test_wrapped_positions(run, lammps, potentials, tmp_path):
    """With pbc i-PI wraps positions before it sends them."""
    atoms = run(1, pbc="true", ensemble="nve")
    check(tmp_path, atoms, lammps, potentials / POTENTIAL)


def test_extras_are_taken(run, lammps, potentials, tmp_path):
    atoms = run(1, options=["--extras", "json"], ensemble="nve")
    check(tmp_path, atoms, lammps, potentials / POTENTIAL)
