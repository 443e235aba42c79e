"""Mixtures in tests: their configurations, and an lmlink-serve that evaluates one, with its extras.

Lengths in Å, energies in eV; conversions happen here.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.qmmm import ForceQMMM
from ase.io import read, write
from ase.units import Bohr, Hartree
from conftest import TIMEOUT, program
from scripted_driver import Driver

LATTICE = 3.18  # Å, of tungsten
FORCE_BAR = 1e-8  # eV/Å, between lmlink and LAMMPS


def linear(path):
    """A linear calculator's part of the configuration."""
    return {"type": "linear", "potential": {"file": str(path)}}


def remote(address, **keys):
    """An engine's part of the configuration."""
    return {"type": "remote", "address": address, "limits": {"connect": 60, "stop": 2}, "retries": 0, **keys}


def mixing(ml, *regions, **keys):
    """A mixture of calculators: each region is (selection, calculator) or (selection, calculator, other keys)."""
    qm = [{"region": region[0], "calculator": region[1], **(region[2] if len(region) > 2 else {})}
          for region in regions]
    return {"type": "mixing", "ml": ml, "qm": qm, **keys}


def write_exactly(atoms, path):
    """An extended XYZ file with every digit of the positions, of which ASE writes eight decimals; with the column
    `region`, where the atoms have that array."""
    regions = atoms.arrays.get("region", np.full(len(atoms), ""))
    bare = Atoms(numbers=atoms.numbers, cell=atoms.cell, pbc=atoms.pbc)
    write(path, bare, format="extxyz", columns=["symbols", "positions"])
    head = path.read_text().splitlines()[:2]
    if "region" in atoms.arrays:
        head[1] = head[1].replace("pos:R:3", "pos:R:3:region:S:1")
    lines = [f"{symbol} {x!r} {y!r} {z!r} {region}"
             for symbol, (x, y, z), region in zip(atoms.symbols, atoms.positions.tolist(), regions)]
    path.write_text("\n".join(head + lines) + "\n")
    return path


def configure(folder, atoms, calculator, **keys):
    """Write structure and configuration into `folder`; the path of the latter."""
    write_exactly(atoms, folder / "structure.xyz")
    path = folder / "mixture.json"
    path.write_text(json.dumps({"format": "lmlink-serve", "version": 1, "structure": "structure.xyz",
                                "calculator": calculator, "extras": "json", **keys}, indent=2))
    return path


def run(path, *options):
    """lmlink-serve with that configuration and options with which it ends by itself."""
    return subprocess.run([program("lmlink-serve"), path, "--driver", "unix:none", *options], cwd=Path(path).parent,
                          capture_output=True, text=True, timeout=TIMEOUT)


def check(path):
    """What `lmlink-serve --check` prints and writes: (text, labelled structure, cluster)."""
    result = run(path, "--check")
    assert result.returncode == 0, result.stderr
    stem = str(Path(path).with_suffix(""))
    return result.stdout, read(f"{stem}-regions.xyz"), read(f"{stem}-cluster.xyz")


def refusal(path):
    """The one line with which `lmlink-serve --check` refuses a configuration."""
    result = run(path, "--check")
    lines = result.stderr.splitlines()
    assert result.returncode == 1 and result.stdout == "" and len(lines) == 1, (result.returncode, result.stderr)
    return lines[0]


@dataclass
class Evaluation:
    """energy: eV; forces: natoms × 3, eV/Å; virial: 3 × 3, eV; extras: the JSON object."""

    energy: float
    forces: np.ndarray
    virial: np.ndarray
    extras: dict


class Mixture:
    """An lmlink-serve at work; `start` is the fixture of that name, `folder` holds the socket."""

    def __init__(self, start, folder, path, *options):
        self.driver = Driver(folder)
        self.driver.listen()
        self.process = self.driver.process = start(
            [program("lmlink-serve"), path, "--driver", f"unix:{self.driver.path}", *options])
        self.driver.accept()

    def evaluate(self, atoms):
        energy, forces, extras = self.driver.evaluate(atoms.positions / Bohr, atoms.cell.array / Bohr)
        virial = self.driver.virial * Hartree
        return Evaluation(energy * Hartree, forces * (Hartree / Bohr), virial, json.loads(extras or "{}"))

    def replica(self, index):
        """What follows is replica `index`."""
        self.driver.send("INIT", np.array([index, 1], dtype=np.int32).tobytes() + b"\0")

    def close(self):
        """End the conversation; what was printed. The process must end well, and its engines with it."""
        self.driver.close()
        Path(self.driver.path).unlink()
        _, errors = self.process.communicate(timeout=TIMEOUT)
        assert self.process.returncode == 0, errors
        return errors

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()


class Oracle(Calculator):
    """LAMMPS, by the module `oracle`, as an ASE calculator."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, lammps, potential):
        super().__init__()
        self.lammps, self.potential = lammps, lammps.Potential(potential)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        results = self.lammps.evaluate(self.atoms, self.potential)
        self.results = {"energy": results.energy, "forces": results.forces}
        if self.atoms.cell.rank == 3:
            virial = -results.virial / self.atoms.get_volume()
            self.results["stress"] = virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


def block(size, seed=5, noise=0.08):
    """A rattled block of tungsten, periodic in all directions."""
    atoms = bulk("W", cubic=True, a=LATTICE).repeat(size)
    atoms.positions += np.random.default_rng(seed).normal(0, noise, (len(atoms), 3))
    return atoms


def middle(atoms):
    """The atom nearest to the middle of the cell."""
    return int(np.argmin(np.linalg.norm(atoms.positions - atoms.cell.array.sum(axis=0) / 2, axis=1)))


def inside(atoms, centre, radius):
    """Which atoms lie within a sphere around an atom."""
    return atoms.get_distances(centre, range(len(atoms)), mic=True) < radius


def compare_with_ase(atoms, selection, mask, buffer, qm, ml, lammps, start, folders, **keys):
    """The same mixture by lmlink, with two potentials in its process, and by ForceQMMM with LAMMPS for both."""
    folder, sockets = folders
    theirs = ForceQMMM(atoms, mask, Oracle(lammps, qm), Oracle(lammps, ml), buffer_width=buffer)
    expected = theirs.get_forces(atoms)
    path = configure(folder, atoms, mixing(linear(ml), (selection, linear(qm)), **keys))
    _, labelled, cluster = check(path)
    assert (labelled.arrays["region"] == theirs.get_region_from_masks(atoms)).all()
    their_cluster = theirs.qm_calc.atoms  # later ones have a cell that is not rounded
    assert (cluster.pbc == their_cluster.pbc).all()
    assert np.abs(cluster.cell.array - their_cluster.cell.array).max() <= 1e-12
    assert (cluster.arrays["index"] == np.flatnonzero(theirs.qm_buffer_mask)).all()
    apart = cluster.positions - their_cluster.positions
    apart -= np.where(cluster.pbc, np.rint(apart / cluster.cell.lengths()), 0) * cluster.cell.lengths()
    assert np.abs(apart).max() <= 1e-10
    with Mixture(start, sockets, path) as mixture:
        ours = mixture.evaluate(atoms)
    assert ours.energy == 0.0 and ours.extras["energy_kind"] == "absent"
    assert ours.extras["qm_atoms"] == mask.sum()
    difference = np.abs(ours.forces - expected).max()
    print(f"{len(atoms)} atoms, {mask.sum()} QM, {len(cluster)} in the cluster: forces differ by {difference:.1e} eV/Å")
    assert difference <= FORCE_BAR
    return cluster
