"""What else a mixture can be, against what it is by definition: blends, several regions, an ML side behind a socket,
rescaling; and what is refused, in one line that says what to change."""

import re

import ace_oracle
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.qmmm import RescaledCalculator
from ase.io import read
from ase.units import GPa
from conftest import program
from mixture import (Mixture, Oracle, block, check, configure, linear, middle, mixing, refusal, remote, run,
                     write_exactly)
from results import read_results
from scipy.optimize import brentq
from test_uf3 import made_up, write_triplets, write_uf3

BAR = 1e-8  # eV/Å, between lmlink and LAMMPS
POTENTIAL = "W_2940_2017_2.snap"
WIDE = 9.6  # Å: two cutoffs, from where on the forces of a cluster are those of the whole


@pytest.fixture
def both(reference, potentials, lammps):
    """(ML, QM) potentials, and their forces on a structure by LAMMPS."""
    paths = potentials / POTENTIAL, reference / "milady_lml.snapcoeff"
    return *paths, lambda atoms: [lammps.evaluate(atoms, lammps.Potential(path)).forces for path in paths]


def distances(atoms, chosen):
    """Of each atom to the nearest of those chosen."""
    return np.min([atoms.get_distances(i, range(len(atoms)), mic=True) for i in chosen], axis=0)


def expected(weights, ml, qm, zero_mean=True):
    forces = weights[:, None] * qm + (1 - weights[:, None]) * ml
    return forces - forces.mean(axis=0) if zero_mean else forces


@pytest.mark.parametrize("zero_mean", [True, False])
@pytest.mark.parametrize("shape", ["linear", "cubic"])
def test_blends(shape, zero_mean, both, start, folders):
    ml, qm, forces = both
    atoms = block(8)
    qm_atoms = [middle(atoms)]
    region = {"indices": qm_atoms, "buffer": WIDE, "blend": {"width": 5.0, "shape": shape}}
    path = configure(folders[0], atoms, mixing(linear(ml), (region, linear(qm)), zero_mean_force=zero_mean))
    x = distances(atoms, qm_atoms) / 5.0
    weights = np.where(x < 1, 1 - x if shape == "linear" else 1 - 3 * x**2 + 2 * x**3, 0)
    with Mixture(start, folders[1], path) as mixture:
        ours = mixture.evaluate(atoms)
    assert ours.extras["blend_atoms"] == (weights > 0).sum() - 1 > 10
    assert np.abs(ours.forces - expected(weights, *forces(atoms), zero_mean)).max() <= BAR


def write_ace(folder, seed):
    return ace_oracle.write_yace(folder / f"{seed}.yace", ace_oracle.made_up(["W"], seed=seed))


def write_splines(folder, seed):
    return write_triplets(write_uf3(folder / f"{seed}.uf3", made_up([("W", "W")], seed=seed)), {("W", "W", "W"): 3.6}, seed)


@pytest.mark.parametrize("write_kind", [write_ace, write_splines], ids=["ace", "uf3"])
def test_other_families(write_kind, lmlink_eval, start, folders):
    """Both sides of a mixture are ACE, or UF3: its forces, its work along a way, and its log, with two threads."""
    ml, qm = (write_kind(folders[0], seed) for seed in (1, 2))
    atoms = block(8)
    qm_atom = middle(atoms)
    sides = [linear(path) for path in (ml, qm)]
    sides[0]["threads"] = 2
    path = configure(folders[0], atoms, mixing(sides[0], ({"indices": [qm_atom], "buffer": 10.5}, sides[1])),
                     log={"file": "log.xyz"})

    def forces(potential):
        write_exactly(atoms, folders[0] / "in.xyz")
        lmlink_eval("--potential", potential, folders[0] / "in.xyz", "--output", folders[0] / "out.xyz")
        return read_results(folders[0] / "out.xyz")[0].forces

    weights = np.zeros(len(atoms))
    weights[qm_atom] = 1
    rng, work, last = np.random.default_rng(3), 0.0, None
    with Mixture(start, folders[1], path) as mixture:
        for _ in range(3):
            ours, of_qm = mixture.evaluate(atoms), forces(qm)
            assert np.abs(ours.forces - expected(weights, forces(ml), of_qm)).max() <= BAR
            if last is not None:
                work -= 0.5 * ((ours.forces + last[1]) * (atoms.positions - last[0])).sum()
            assert ours.extras["virtual_work"] == pytest.approx(work, abs=1e-10)
            logged = read(folders[0] / "log.xyz", index=-1)
            place = logged.arrays["region"].tolist().index("QM")
            assert logged.arrays["forces_qm"][place] == pytest.approx(of_qm[qm_atom], abs=BAR)
            last = atoms.positions.copy(), ours.forces
            atoms.positions += rng.normal(0, 0.05, (len(atoms), 3))
    assert abs(work) > 0.1


@pytest.mark.parametrize("buffer, empty", [(5.2, [1, 3]), (7.0, []), (11.5, []), (2.76, [1, 2, 3]), (0.0, [0, 1, 2, 3])])
def test_shells_of_the_coupling_diagnostic(buffer, empty, both, start, folders):
    """Thin buffers too, whose innermost quarter holds no atom of the crystal: their first shell begins at one."""
    ml, qm, forces = both
    atoms = block(8, noise=0.0 if buffer < 6 else 0.08)
    chosen = [middle(atoms)]
    path = configure(folders[0], atoms, mixing(linear(ml), ({"indices": chosen, "buffer": buffer}, linear(qm))))
    with Mixture(start, folders[1], path) as mixture:
        extras = mixture.evaluate(atoms).extras
    cluster = check(path)[2]
    parents = cluster.arrays["index"]
    far = distances(atoms, chosen)[parents]
    of_ml, of_qm = forces(atoms)[0][parents], forces(cluster)[1]
    lengths = np.linalg.norm(of_qm - of_ml, axis=1)
    edges = np.linspace(far[far > 0].min(), buffer, 5) if buffer > 0 else np.zeros(5)
    members = [(far > 0) & (far >= low - 1e-9) & (far < high - 1e-9) for low, high in zip(edges, edges[1:])]
    assert [k for k in range(4) if not members[k].any()] == empty
    for k, shell in enumerate(members):
        mean, largest = extras["buffer_difference_mean"][k], extras["buffer_difference_max"][k]
        if k in empty:
            assert mean is None and largest is None
        else:
            assert mean == pytest.approx(lengths[shell].mean(), abs=BAR) and mean > 1e-4
            assert largest == pytest.approx(lengths[shell].max(), abs=BAR)


def test_no_qm_atom_to_compare(potentials, both, start, folders):
    """Helium alone in the QM region, which the ML side does not see: nothing is compared there, and no 0 stands for it."""
    ml, _, _ = both
    atoms = bulk("W", cubic=True, a=3.18).repeat(4) + Atoms("He", [[1.6, 0.8, 0.0]])
    quantum = potentials / "W_2940_2017_2.snapcoeff"
    region = {"indices": [len(atoms) - 1], "buffer": 5.0}
    helium = folders[0] / "he.snapcoeff"
    lines = quantum.read_text().splitlines()
    body = [line for line in lines if line.strip() and not line.startswith("#")]
    count = body[0].split()[1]
    helium.write_text("\n".join([f"2 {count}", *body[1:], "He 0.4 0.5", *body[2:]]) + "\n")
    helium.with_suffix(".snapparam").write_text(quantum.with_suffix(".snapparam").read_text())
    path = configure(folders[0], atoms, mixing(linear(ml), (region, linear(helium))))
    with Mixture(start, folders[1], path) as mixture:
        extras = mixture.evaluate(atoms).extras
    assert extras["qm_difference_mean"] is None and extras["qm_difference_max"] is None
    assert extras["buffer_difference_mean"][0] > 0


def test_two_regions_with_an_engine_each(both, start, folders):
    """Both engines are at work at the same time, and so is the ML side, which is one too."""
    ml, qm, forces = both
    atoms = block(8)
    chosen = [0, middle(atoms)]

    def engine(name, potential):
        return remote(f"unix:{folders[1]}/{name}", name=name, init="lmlink", output=f"{name}.log",
                      launch=f"{program('lmlink-serve')} --potential {potential} --driver unix:{{path}} --wait 60")

    regions = [({"indices": [atom], "buffer": WIDE}, engine(f"engine{atom}", qm), {"name": f"at{atom}"})
               for atom in chosen]
    path = configure(folders[0], atoms, mixing(engine("ml", ml), *regions))
    weights = np.zeros(len(atoms))
    weights[chosen] = 1
    with Mixture(start, folders[1], path) as mixture:
        for step in range(2):
            ours = mixture.evaluate(atoms)
            assert np.abs(ours.forces - expected(weights, *forces(atoms))).max() <= BAR
            atoms.positions += np.random.default_rng(step).normal(0, 0.02, (len(atoms), 3))
    assert ours.extras["qm_atoms"] == 2


def test_check_shows_the_command_that_will_run(potentials, folders):
    """Of an engine with a name, and of one without."""
    atoms, ml = block(3), linear(potentials / POTENTIAL)
    for name in ({}, {"name": "dft"}):
        engine = remote(f"unix:{folders[1]}/qm{{index}}", launch="pw.x --ipi {address} {index} ${HOME}", **name)
        path = configure(folders[0], atoms, mixing(ml, ({"indices": [0], "buffer": 3.0}, engine)))
        text = run(path, "--check", "--index", "7").stdout
        who = " dft" if name else ""
        line = f"1: engine{who} at unix:{folders[1]}/qm7, started by pw.x --ipi {folders[1]}/qm7:UNIX 7 ${{HOME}}"
        assert line in text, text


def test_energy_and_virial_of_the_ml_side(both, lammps, start, folders):
    ml, qm, _ = both
    atoms = block(4)
    calculator = mixing(linear(ml), ({"indices": [middle(atoms)], "buffer": 3.0}, linear(qm)), energy="ml", virial="ml")
    with Mixture(start, folders[1], configure(folders[0], atoms, calculator)) as mixture:
        ours = mixture.evaluate(atoms)
    energy = lammps.evaluate(atoms, lammps.Potential(ml)).energy
    assert abs(ours.energy - energy) <= 1e-7 and abs(ours.extras["energy_ml"] - energy) <= 1e-7
    assert ours.extras["energy_kind"] == ours.extras["virial_kind"] == "ml_part"


def test_rescaling(both, lammps, start, folders):
    """The ML side has the lattice constant and bulk modulus of the QM side, as by ASE's RescaledCalculator."""
    ml, qm, _ = both
    atoms = block(4)
    alike = {"qm_lattice_constant": 3.1855, "qm_bulk_modulus": 305.0, "ml_lattice_constant": 3.1803,
             "ml_bulk_modulus": 322.0}
    chosen = middle(atoms)
    calculator = mixing(linear(ml), ({"indices": [chosen], "buffer": 3.0}, linear(qm)), energy="ml", virial="ml",
                        zero_mean_force=False, rescale=alike)
    with Mixture(start, folders[1], configure(folders[0], atoms, calculator)) as mixture:
        ours = mixture.evaluate(atoms)
    atoms.calc = RescaledCalculator(Oracle(lammps, ml), *(alike[key] for key in alike))
    theirs, others = atoms.get_forces(), np.arange(len(atoms)) != chosen
    assert np.abs(ours.forces - theirs)[others].max() <= BAR < np.abs(ours.forces - theirs)[chosen].max()
    assert abs(ours.energy - atoms.get_potential_energy()) <= 1e-7
    stress = -ours.virial / atoms.get_volume()
    assert np.abs(stress - atoms.get_stress(voigt=False)).max() <= 1e-9


def elastic(lammps, potential, a):
    """(a, C11, C12, C44) of the bcc cell with no pressure near a, from LAMMPS; Å and GPa."""

    def stress(deformation):
        atoms = bulk("W", cubic=True, a=a)
        atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
        return -lammps.evaluate(atoms, lammps.Potential(potential)).virial / atoms.get_volume() / GPa

    scale = brentq(lambda s: np.trace(stress(s * np.eye(3))), 0.97, 1.03, xtol=1e-13)

    def slope(strain, h=1e-4):
        return (stress(scale * (np.eye(3) + h * strain)) - stress(scale * (np.eye(3) - h * strain))) / (2 * h)

    along, shear = np.diag([1.0, 0, 0]), np.array([[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0]])
    return scale * a, slope(along)[0, 0], slope(along)[1, 1], slope(shear)[1, 2]


def test_comparing_both_sides(both, lammps, tmp_path):
    """--check --compare prints both sides' constants, and warns of those that differ by more than 1 %."""
    ml, qm, _ = both
    atoms = block(4)
    path = configure(tmp_path, atoms, mixing(linear(ml), ({"indices": [0], "buffer": 3.0}, linear(qm))))
    write_exactly(bulk("W", cubic=True, a=3.2), tmp_path / "bcc.xyz")
    result = run(path, "--check", "--compare", "bcc.xyz")
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("crystal")]
    theirs = [elastic(lammps, potential, 3.18) for potential in (ml, qm)]
    for line, constants in zip(lines, theirs, strict=True):
        ours = [float(word) for word in re.findall(r" (\d+\.\d+)", line)]
        assert np.abs(np.array(ours) / constants - 1).max() <= 1e-5, line
    warned = re.findall(r"^warning +region 1: (\w+) is", result.stdout, re.MULTILINE)
    names = ["a", "C11", "C12", "C44"]
    assert warned == [name for name, one, two in zip(names, *theirs) if abs(two / one - 1) > 0.01] and warned


BAD = {
    "empty": ([{"spheres": [{"centre": [1.6, 0.2, 0.3], "radius": 0.1}], "buffer": 3.0}],
              "no atom of the structure is selected as QM; change the selection"),
    "outside": ([{"indices": [54], "buffer": 3.0}],
                "the QM atom 54 is not in the structure, whose 54 atoms count from 0"),
    "overlap": ([{"indices": [3, 4], "buffer": 3.0}, {"indices": [4], "buffer": 3.0}],
                "atom 4 gets a quantum force from both of the regions 1 and 2; make them smaller, or one"),
    "labels": ([{"labels": True}], "the structure file has no column region"),
    "two selections": ([{"indices": [1], "species": ["W"], "buffer": 3.0}],
                       "needs one of labels, indices, species, spheres, cylinder, around, uncertain, but has 2 of them"),
    "no buffer": ([{"indices": [1]}], "region.buffer: the key is missing"),
    "no regions": ([], "qm: must have at least one region"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_regions(case, potentials, tmp_path):
    regions, message = BAD[case]
    ml = linear(potentials / POTENTIAL)
    atoms = bulk("W", cubic=True, a=3.18).repeat(3)
    line = refusal(configure(tmp_path, atoms, mixing(ml, *((region, ml) for region in regions))))
    assert message in line, line


def test_a_cluster_that_touches_its_own_image(potentials, tmp_path):
    ml = linear(potentials / POTENTIAL)
    atoms = bulk("W", cubic=True, a=3.18).repeat(6)
    region = ({"indices": [0], "buffer": 6.0}, ml, {"cluster": {"vacuum": 0.0, "cell_rounding": 9.0}})
    line = refusal(configure(tmp_path, atoms, mixing(ml, region)))
    assert "from its own periodic image" in line and "raise the vacuum" in line, line


def test_foreign_atoms_outside_the_region(potentials, tmp_path):
    ml = linear(potentials / POTENTIAL)
    atoms = bulk("W", cubic=True, a=3.18).repeat(3) + Atoms("He", [[1.6, 0.8, 0.0]])
    line = refusal(configure(tmp_path, atoms, mixing(ml, ({"indices": [0], "buffer": 3.0}, ml))))
    assert "atom 54 is He" in line and "select it as QM" in line, line


def test_an_engine_with_another_number_of_atoms(potentials, start, folders):
    """An lmlink-serve whose structure has more than the cluster's one atom as the engine."""
    atoms = bulk("W", cubic=True, a=3.18).repeat(3)
    other = folders[0] / "other"
    other.mkdir()
    wrong = atoms.copy()
    wrong.symbols[0] = "Be"
    wrong.write(other / "wrong.xyz", format="extxyz")
    command = f"{program('lmlink-serve')} --potential {potentials / 'WBe_Wood_PRB2019.snap'} --structure other/wrong.xyz"
    engine = remote(f"unix:{folders[1]}/engine", launch=f"{command} --driver unix:{{path}} --wait 60", on_failure="stop")
    path = configure(folders[0], atoms, mixing(linear(potentials / POTENTIAL), ({"indices": [0], "buffer": 0.0}, engine)))
    mixture = Mixture(start, folders[1], path)
    with pytest.raises((EOFError, ConnectionError)):
        mixture.evaluate(atoms)
    _, errors = mixture.process.communicate(timeout=60)
    last = errors.splitlines()[-1]
    assert mixture.process.returncode == 1 and ": engine at unix:" in last and "what it printed is in" in last, errors
    mixture.driver.close()
