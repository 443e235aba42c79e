"""lmlink-eval as its user sees it: what ASE reads back, what is kept, printed, refused."""

import os
import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

COEFFICIENTS = 6  # of 2J = 2


@pytest.fixture
def potential(tmp_path):
    """A made-up potential of W and Be with a ZBL term in its .snap file."""
    values = np.linspace(-0.02, 0.03, COEFFICIENTS)
    blocks = "".join(f"{element} 0.5 {weight}\n" + "".join(f"{value}\n" for value in values * scale)
                     for element, weight, scale in (("W", 1.0, 1.0), ("Be", 0.7, -0.6)))
    (tmp_path / "A.snapcoeff").write_text(f"# made up\n\n2 {COEFFICIENTS}\n{blocks}")
    (tmp_path / "A.snapparam").write_text("rcutfac 4.5\ntwojmax 2\n")
    (tmp_path / "A.snap").write_text("pair_style hybrid/overlay zbl 2 3 snap\npair_coeff 1 1 zbl 74 74\n"
                                     "pair_coeff * * snap A.snapcoeff A.snapparam W Be\n")
    return tmp_path / "A.snap"


@pytest.fixture
def frames(tmp_path):
    """A crystal with info keys and columns, a mixed crystal, a molecule without a cell; the file they are in."""
    crystal = bulk("W", "bcc", a=3.1, cubic=True).repeat(2)
    crystal.rattle(0.1, seed=1)
    crystal.info |= {"name": "first one", "count": 3, "energy": 12.0, "stress": np.eye(3)}
    crystal.set_momenta(np.arange(48.0).reshape(16, 3))
    crystal.new_array("region", np.array(["QM", "MM"] * 8))
    mixed = crystal.copy()
    mixed.info = {}
    mixed.symbols[::3] = "Be"
    molecule = Atoms("WBe", [[0, 0, 0], [2.3, 0.1, 0]])
    molecule.info["stress"] = np.eye(3)
    path = tmp_path / "in.xyz"
    write(path, [crystal, mixed, molecule], format="extxyz")
    return path


def test_ase_reads_the_results(potential, frames, lmlink_eval, tmp_path):
    done = lmlink_eval("--potential", potential, frames, "--output", tmp_path / "out.xyz")
    assert done.stdout == done.stderr == ""
    before, after = read(frames, ":"), read(tmp_path / "out.xyz", ":")
    assert len(after) == 3
    for atoms in after:
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        assert atoms.get_potential_energies().sum() == pytest.approx(energy, abs=1e-12)
        assert atoms.get_potential_energy(force_consistent=True) == energy
        assert np.abs(forces.sum(axis=0)).max() < 1e-12
        assert np.abs(forces).max() > 1e-3
    for atoms in after[:2]:
        assert atoms.get_stress(voigt=False) == pytest.approx(-atoms.info["virial"] / atoms.get_volume(), abs=1e-15)
    assert "stress" not in after[2].calc.results and "stress" not in after[2].info
    assert after[0].info["name"] == "first one" and after[0].info["count"] == 3
    assert after[0].get_momenta() == pytest.approx(before[0].get_momenta(), abs=0)
    assert list(after[0].arrays["region"]) == list(before[0].arrays["region"])
    assert after[0].positions == pytest.approx(before[0].positions, abs=0)
    assert after[0].cell.array == pytest.approx(before[0].cell.array, abs=0)


def test_stress_is_the_strain_derivative(potential, frames, lmlink_eval, tmp_path):
    atoms, step = read(frames, 1), 1e-5
    strained = []
    for sign in (1, -1):
        copy = atoms.copy()
        strain = np.eye(3)
        strain[0, 1] = strain[1, 0] = sign * step / 2
        copy.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        copy.arrays = {name: copy.arrays[name] for name in ("numbers", "positions")}
        strained.append(copy)
    # ASE writes eight decimals, too few for differences.
    with open(tmp_path / "strained.xyz", "w") as file:
        for copy in [atoms, *strained]:
            cell = " ".join(map(repr, copy.cell.array.ravel().tolist()))
            file.write(f'{len(copy)}\nLattice="{cell}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
            file.writelines(f"{symbol} {x!r} {y!r} {z!r}\n"
                            for symbol, (x, y, z) in zip(copy.symbols, copy.positions.tolist()))
    lmlink_eval("--potential", potential, tmp_path / "strained.xyz", "--output", tmp_path / "out.xyz")
    here, up, down = read(tmp_path / "out.xyz", ":")
    slope = (up.get_potential_energy() - down.get_potential_energy()) / (2 * step * atoms.get_volume())
    assert here.get_stress(voigt=False)[0, 1] == pytest.approx(slope, abs=1e-8)


def test_fixed_terms(potential, frames, lmlink_eval, tmp_path):
    def energies(path, *arguments):
        lmlink_eval("--potential", path, *arguments, frames, "--output", tmp_path / "out.xyz")
        return np.array([atoms.get_potential_energy() for atoms in read(tmp_path / "out.xyz", ":")])

    coefficients = potential.with_suffix(".snapcoeff")
    whole, without = energies(potential), energies(coefficients, "--fixed-terms", "none")
    assert whole == pytest.approx(energies(coefficients, "--fixed-terms=snap"), abs=0)
    assert whole[0] - without[0] > 0.1  # pairs of W nearer than 3 Å
    assert whole[2] == without[2]  # W and Be have no ZBL term
    refused = lmlink_eval("--potential", coefficients, frames, check=False)
    assert refused.returncode == 1
    assert "A.snap beside it adds fixed terms" in refused.stderr


@pytest.mark.parametrize("variable", ["SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"])
def test_several_processes_are_refused(variable, potential, frames, lmlink_eval, tmp_path):
    """As `srun -n 2` or `mpirun -n 2` would start: both would write the same files."""
    def evaluate(**settings):
        return lmlink_eval("--potential", potential, frames, "--output", tmp_path / "out.xyz", check=False,
                           env={**os.environ, **settings})

    refused = evaluate(**{variable: "2"})
    assert refused.returncode == 2 and not (tmp_path / "out.xyz").exists()
    assert f"{variable}=2" in refused.stderr and "LMLINK_MPI=off" in refused.stderr and refused.stderr.count("\n") == 1
    assert evaluate(**{variable: "1"}).returncode == 0
    assert evaluate(**{variable: "2", "LMLINK_MPI": "off"}).returncode == 0


def test_table_and_index(potential, frames, lmlink_eval, tmp_path):
    lmlink_eval("--potential", potential, frames, "--output", tmp_path / "out.xyz")
    results = read(tmp_path / "out.xyz", ":")
    lines = lmlink_eval("--potential", potential, frames).stdout.splitlines()
    assert len(lines) == 4
    for number, (line, atoms) in enumerate(zip(lines[1:], results)):
        frame, natoms, energy, force = line.split()
        assert (int(frame), int(natoms)) == (number, len(atoms))
        assert float(energy) == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert float(force) == pytest.approx(np.linalg.norm(atoms.get_forces(), axis=1).max(), abs=1e-9)
    last = lmlink_eval("--potential", potential, frames, "--index", "-1").stdout.splitlines()
    assert len(last) == 2 and last[1].split()[1:] == lines[3].split()[1:]
    beyond = lmlink_eval("--potential", potential, frames, "--index", "3", check=False)
    assert beyond.returncode == 1 and "in.xyz" in beyond.stderr


def test_arrays_are_stacked_along_the_atoms(potential, frames, lmlink_eval, tmp_path):
    lmlink_eval("--potential", potential.with_suffix(".snapcoeff"), "--fixed-terms", "none", frames, "--output",
                tmp_path / "out.xyz", "--descriptors", tmp_path / "D.npy", "--gradients", tmp_path / "G.npy")
    results = read(tmp_path / "out.xyz", ":")
    D, G = np.load(tmp_path / "D.npy"), np.load(tmp_path / "G.npy")
    assert D.shape == (34, COEFFICIENTS) and G.shape == (34, 2, 3, COEFFICIENTS - 1)
    theta = np.linspace(-0.02, 0.03, COEFFICIENTS) * np.array([[1.0], [-0.6]])
    elements = np.concatenate([(atoms.numbers == 4).astype(int) for atoms in results])
    energies = np.concatenate([atoms.get_potential_energies() for atoms in results])
    forces = np.concatenate([atoms.get_forces() for atoms in results])
    assert np.all(D[:, 0] == 1)
    assert np.einsum("ik,ik->i", D, theta[elements]) == pytest.approx(energies, abs=1e-11)
    assert np.einsum("iexk,ek->ix", G, theta[:, 1:]) == pytest.approx(forces, abs=1e-11)
    one = lmlink_eval("--potential", potential, frames, "--index", "1", "--descriptors", tmp_path / "one.npy")
    assert len(one.stdout.splitlines()) == 2
    assert np.array_equal(np.load(tmp_path / "one.npy"), D[16:32])


def test_help_and_version(lmlink_eval):
    text = lmlink_eval("--help").stdout
    for option in ("potential", "parameters", "fixed-terms", "output", "descriptors", "gradients", "index"):
        assert f"  --{option}" in text
    assert re.fullmatch(r"lmlink-eval \d+\.\d+\.\d+\n", lmlink_eval("--version").stdout)


@pytest.mark.parametrize("arguments, code, message", [
    (["in.xyz"], 2, "--potential FILE is missing"),
    (["--potential", "A.snap"], 2, "missing argument: the structures"),
    (["--potential", "A.snap", "--outptu", "x", "in.xyz"], 2, "unknown option '--outptu': did you mean --output?"),
    (["--potential", "A.snap", "--index", "one", "in.xyz"], 2, "--index 'one' is not a whole number"),
    (["--potential", "A.snap", "--fixed-terms", "none", "in.xyz"], 2, "A.snap: a .snap file says"),
    (["--potential", "B.snap", "in.xyz"], 1, "B.snap"),
    (["--potential", "A.snap", "none.xyz"], 1, "none.xyz"),
    (["--potential", "A.snap", "helium.xyz"], 1, "helium.xyz, frame 1: "),
    (["--potential", "A.snap", "empty.xyz"], 1, "empty.xyz: there is no frame in it"),
])
def test_errors_are_one_line_and_leave_nothing(arguments, code, message, potential, frames, lmlink_eval, tmp_path):
    write(tmp_path / "helium.xyz", [read(frames, 0), Atoms("WHe", [[0, 0, 0], [2, 0, 0]])], format="extxyz")
    (tmp_path / "empty.xyz").write_text("")
    before = sorted(tmp_path.iterdir())
    for extra in ([], ["--output", "out.xyz", "--descriptors", "D.npy", "--gradients", "G.npy"]):
        done = lmlink_eval(*arguments, *extra, check=False, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith("lmlink-eval: ") and done.stderr.count("\n") == 1
        assert message in done.stderr
        assert sorted(tmp_path.iterdir()) == before


def test_results_beyond_the_range_of_numbers(potential, frames, lmlink_eval, tmp_path):
    """Coefficients that are far too large give an error, and no table with a largest force of 0."""
    huge = "".join(f"{element} 0.5 1\n" + COEFFICIENTS * "9e307\n" for element in ("W", "Be"))
    (tmp_path / "A.snapcoeff").write_text(f"2 {COEFFICIENTS}\n{huge}")
    done = lmlink_eval("--potential", potential, frames, "--output", tmp_path / "out.xyz", check=False)
    assert done.returncode == 1 and "is not a finite number" in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == "" and not (tmp_path / "out.xyz").exists()


def test_two_results_never_share_a_file(potential, frames, lmlink_eval, tmp_path):
    done = lmlink_eval("--potential", potential, frames, "--output", "x", "--gradients", "x", check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "lmlink-eval: --output and --gradients are the same file, x\n")
    assert not (tmp_path / "x").exists()


def test_no_output_takes_an_input_away(potential, frames, lmlink_eval):
    files = [frames, potential, potential.with_suffix(".snapcoeff"), potential.with_suffix(".snapparam")]
    before = [path.read_bytes() for path in files]
    for path in files:
        for option in ("--output", "--descriptors"):
            done = lmlink_eval("--potential", potential, frames, option, path, check=False)
            assert (done.returncode, done.stderr) == (
                2, f"lmlink-eval: {path}: is read, and would be written as well: choose another name\n")
    assert [path.read_bytes() for path in files] == before


def test_fixed_terms_that_are_not_written_are_told(potentials, lmlink_eval, tmp_path):
    done = lmlink_eval("--potential", potentials / "W_2940_2017_2.snap", "--write", tmp_path / "W.snapcoeff")
    assert done.stderr == (f"lmlink-eval: warning: {tmp_path}/W.snapcoeff: the fixed terms (zbl 4.0 4.8) are not part of "
                           "it: use it by a .snap file that adds them, as W_2940_2017_2.snap does\n")


def test_atoms_without_any_neighbour_are_told(potential, lmlink_eval, tmp_path):
    """Lengths in another unit, or no cell: a frame whose atoms are all by themselves; one atom alone is no mistake."""
    crystal = bulk("W", "bcc", a=3.1, cubic=True)
    apart = crystal.copy()
    apart.set_cell(3 * apart.cell, scale_atoms=True)
    for atoms, expected in ((apart, True), (crystal, False), (Atoms("W"), False)):
        write(tmp_path / "a.xyz", atoms)
        warned = lmlink_eval("--potential", potential, tmp_path / "a.xyz").stderr
        assert ("a.xyz, frame 0: none of the 2 atoms has a neighbour" in warned) == expected, warned
