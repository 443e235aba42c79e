"""The worked examples run as their READMEs say, and draw what they promise."""

import importlib
import os
import re
import signal
import sys
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read
from conftest import LAMMPS_DATA, ROOT, TIMEOUT, program
from examples import example, is_picture, number, run
from lmlink import LMLink
from lmlink.dislocations import build_disk, lattice_and_elasticity
from matscipy.dislocation import BCCScrew111Dislocation
from serve import descendants, ends


def test_tungsten(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "tungsten.py", "--output", "out"])
    assert abs(number(r"lattice constant \(Å\)", output) - 3.180) < 1e-9
    assert abs(number(r"C11 \(GPa\)", output) - 517.7) < 0.2
    assert abs(number(r"vacancy formation \(eV\)", output) - 3.231) < 0.002
    assert is_picture(tmp_path / "out" / "tungsten.png") and (tmp_path / "out" / "screw.xyz").is_file()


def test_regions(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "plot_regions.py"])
    assert "periodic along c" in output and is_picture(tmp_path / "regions.png")
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "plot_regions.py", "--uncertain", "--output",
                                   "uncertain.png"])
    qm, buffer = map(int, output.splitlines()[1].split()[2:4])
    assert 30 < qm < 60 and 100 < buffer < 300 and is_picture(tmp_path / "uncertain.png")


def test_relaxation_and_dynamics(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "relax_and_md.py"])
    assert abs(number("drift of the total energy in NVE:", output)) < 1e-4
    assert is_picture(tmp_path / "relax_and_md.png")


def test_properties(start, potentials, tmp_path):
    """EMT's copper, with the elastic constants that ASE's documentation quotes."""
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "properties.py", "--quick", "--size", "2",
                                   "--element", "Cu", "--calculator", "ase.calculators.emt:EMT()"])
    assert abs(number(r"C11 \(GPa\)", output) - 173) < 1 and abs(number(r"C12 \(GPa\)", output) - 116) < 1
    assert abs(number(r"C44 \(GPa\)", output) - 90) < 1
    assert is_picture(tmp_path / "properties.png")


def test_properties_of_molybdenum(start, potentials, tmp_path):
    """With the figures that the potential's authors publish (Phys. Rev. Materials 1, 043603)."""
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "properties.py", "--quick", "--element",
                                   "Mo", "--potential", potentials / "Mo_Chen_PRM2017.snap"])
    for name, published in (("C11", 473), ("C12", 152), ("C44", 107)):
        assert abs(number(rf"{name} \(GPa\)", output) - published) < 1
    assert 1.2 < number(r"vacancy migration \(eV\)", output) < 1.7


def test_constraints(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "make_constraints.py", "--quick"])
    assert "102 strained cells" in output and is_picture(tmp_path / "constraints" / "constraints.png")
    path = read(tmp_path / "constraints" / "vacancy.xyz", ":")
    energies = [image.get_potential_energy() for image in path]
    assert abs(energies[1] - energies[-2]) < 1e-3 and 1.8 < energies[3] - energies[0] < 2.3
    hot = read(tmp_path / "constraints" / "hot.xyz", ":")
    assert len(hot) == 3 and hot[2].info["temperature"] > 1000 and np.abs(hot[2].get_forces()).max() > 1


def test_strains_are_the_papers(reference):
    """Six kinds of strain, the same cells as the reference's to the lattice constant, in the same order."""
    theirs = read(reference / "eos_configurations.xyz", ":")
    from crystals import STRAINS, strained_cells

    lattice = 15.9275 / 5
    ours = strained_cells(bulk("W", cubic=True, a=lattice))
    assert len(ours) == len(theirs) == 17 * len(STRAINS)
    for one, other in zip(ours, theirs):
        assert np.abs(one.cell.array - other.cell.array / 5).max() < 2e-4 * lattice
        assert abs(one.info["strain_value"] - other.info["strain_value"]) < 1e-12


def test_peierls_barriers(start, potentials, tmp_path):
    output = example(start, tmp_path, "peierls.py", "--systems", "screw", "011")
    rows = {name: [float(value) for value in re.findall(r"(-?\d+\.\d+) eV", line)]
            for line in output.splitlines() if line.startswith("½") for name in [line.split()[-1]]}
    highest, lowest, total = rows["ML"]
    assert 0.05 < highest < 0.1 and abs(lowest) < 1e-3
    assert abs(highest - total) < 1e-3
    # The potentials' barriers differ by 50 meV, and QM/ML is to have the second one's.
    assert abs(rows["QM/ML"][0] - rows["QM"][0]) < 0.01 < abs(rows["QM"][0] - highest)
    assert is_picture(tmp_path / "out" / "peierls.png")
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.xyz")}
    assert len(files) == 6
    again = example(start, tmp_path, "peierls.py", "--systems", "screw", "011")
    assert again.split("\nHighest")[1] == output.split("\nHighest")[1]
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_loop(start, potentials, tmp_path):
    """QM/ML, log, retraining: the error falls to less than a third, elastic constants are kept (the script's own bar)."""
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "loop.py", "--quick", "--output", "out"])
    before, after = re.search(r"before ([\d.]+), after ([\d.]+)", output).groups()
    assert float(after) < float(before) / 3
    assert number("largest relative change of an elastic constant:", output) < 1e-6
    assert is_picture(tmp_path / "out" / "loop.png")


def test_learning_on_the_fly(start, potentials, tmp_path):
    """The engine is asked less often than at each step, and what it teaches is worth more calls than it took."""
    output = example(start, tmp_path, "learn.py")
    calls, steps = number("engine calls in 48 steps:", output), 48
    before, learnt = re.search(r"before ([\d.]+), learnt on the fly ([\d.]+)", output).groups()
    assert calls < steps / 2 and float(learnt) < float(before) / 2
    assert is_picture(tmp_path / "out" / "learn.png")
    frames = read(tmp_path / "out" / "learning.xyz", ":")
    asked = [frame for frame in frames if not frame.info.get("skipped", False) and not frame.info["recalled"]]
    assert len(asked) == calls and len(frames) == steps + 1
    assert (tmp_path / "out" / "engine.log").read_text().count("version") == 3  # a process of its own, each time


def validate(start, folder, old, new, *options):
    """Exit code and output of validate.py."""
    process = start([sys.executable, ROOT / "examples" / "ase" / "validate.py", old, new, "--quick", "--output", folder,
                     *options], env={**os.environ}, start_new_session=True)
    output, errors = process.communicate(timeout=5 * TIMEOUT)
    assert is_picture(folder / "validate.png"), errors
    return process.returncode, output


def test_validation(start, reference, tmp_path):
    """The published retraining kept the elastic constants, and not the vacancy's energy."""
    program("lmlink-serve")
    old, new = (reference / f"{name}.snapcoeff" for name in ("milady_lml", "retrained_published"))
    limits = ["--limit", "elastic=1e-6", "--limit", "lattice=1e-6"]
    code, output = validate(start, tmp_path, old, new, "--files", reference / "bulk_MD_test.xyz", *limits)
    exceeded = [line for line in output.splitlines() if "EXCEEDED" in line]
    assert code == 1 and [line.split("  ")[0] for line in exceeded] == ["vacancy formation (eV)",
                                                                        "screw, hard − easy core (meV/b)"]
    # Path and cores are those of peierls.py's disk, and the path leads between hard and split.
    rows = {line.split("  ")[0]: line.split()[-4] for line in output.splitlines() if line.startswith("screw, ")}
    hard, split, barrier = (float(rows[name]) for name in rows)
    assert 50 < barrier < hard < split < 250
    errors = next(line for line in output.splitlines() if line.startswith("forces of bulk_MD_test.xyz"))
    assert float(errors.split()[-2]) == 0.00968
    code, output = validate(start, tmp_path, old, new, *limits, "--limit", "vacancy=0.3", "--limit", "core=0.4")
    assert code == 0 and "EXCEEDED" not in output


def test_validation_of_what_is_not_there(start, potentials, tmp_path):
    """One line that names the option, and an exit code that no crossed limit has, before anything is computed."""
    (tmp_path / "bare.xyz").write_text("1\n\nW 0 0 0\n")
    (tmp_path / "wrong.snapcoeff").write_text("no potential\n")
    good = potentials / "W_2940_2017_2.snap"
    for old, options, words in ((tmp_path / "none", (), "argument old: there is no file"),
                                (good, ("--limit", "cores=1"), "argument --limit: 'cores=1' is not NAME=NUMBER with a name of"),
                                (good, ("--band", "4"), "argument --band: '4' is not an odd number"),
                                (good, ("--files", tmp_path / "bare.xyz"), "frame 0 (counted from 0) has no forces"),
                                (tmp_path / "wrong.snapcoeff", (), "wrong.snapcoeff:1: ")):
        command = [sys.executable, ROOT / "examples" / "ase" / "validate.py", old, good, *options]
        process = start(command, cwd=tmp_path, env={**os.environ})
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 2 and words in errors.splitlines()[-1] and "Traceback" not in errors


def test_retrained_barrier(start, potentials, monkeypatch, tmp_path):
    """The paper's loop: 12 % of the QM/ML barrier, and elastic constants to 1e-6. With the published potentials also where
    the paper's are there: in so small a disk their barrier is only 6 % off before, and nothing would be seen to improve."""
    monkeypatch.delenv("LMLINK_REFERENCE", raising=False)
    output = example(start, tmp_path, "retrain_barrier.py")
    assert abs(number("retrained barrier off by", output)) < 12 < abs(number(r"%, before by", output))
    assert number("largest relative difference of elastic constants:", output) < 1e-6
    assert number("QM/ML path, after:", output) < 0.1 * number("QM/ML path, before:", output)
    assert is_picture(tmp_path / "out" / "retrain_barrier.png")


def test_line_through_a_qm_sphere(start, potentials, tmp_path):
    output = example(start, tmp_path, "sphere.py")
    assert 0.001 < number("largest displacement", output) < 0.1
    assert is_picture(tmp_path / "out" / "sphere.png")


def test_vacancy_segregation(start, potentials, tmp_path):
    output = example(start, tmp_path, "segregation.py")
    assert number("by total energy, at most", output) < 10  # meV of some 2 eV
    assert is_picture(tmp_path / "out" / "segregation.png")


def test_buffer_convergence(start, potentials, tmp_path):
    """A potential as the engine: exact with two cutoffs of buffer, far from it with one."""
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "buffer_convergence.py", "--quick"])
    change = {float(width): float(largest) for width, largest in
              re.findall(r"^ +([\d.]+) +\d+ +\S+ +(\S+)$", output.split("vacuum (Å)")[0], re.MULTILINE)}
    assert change[4.0] > 0.1 > change[6.0] > 1e-3 and change[9.6] < 1e-10
    assert is_picture(tmp_path / "buffer_convergence.png")


def test_helium(start, lammps, potentials, monkeypatch, tmp_path):
    """In the disk helium makes the core hard, in the cylinder split; LAMMPS with all atoms agrees that both are relaxed.
    Interrupted in the cylinder, it goes on there. Helium pushes its neighbours against what the potential, which does not see
    it, says of them: no reason to doubt the engine."""
    monkeypatch.setenv("PYTHONWARNINGS", "error:region")
    command = [sys.executable, ROOT / "examples" / "ase" / "helium.py", "--quick", "--output", "out"]
    process = start(command, cwd=tmp_path, env={**os.environ}, start_new_session=True)
    kept = tmp_path / "out" / "cylinder-easy.npy"
    while process.poll() is None and not kept.is_file():
        time.sleep(0.05)
    children = [pid for pid, _ in descendants(process.pid)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert "KeyboardInterrupt" in errors and all(ends(pid) for pid in children)
    output = example(start, tmp_path, "helium.py")
    assert f"going on from {kept.relative_to(tmp_path)}" in output and not kept.exists()
    assert output.count("relaxed to ") == 1
    found = {name: (float(distance), kind) for name, distance, kind in
             re.findall(r"^(\w+ from \w+): core .* one, ([\d.]+) Å from a place of the (\w+) one", output, re.MULTILINE)}
    assert found["disk from hard"][0] < 0.1 and found["disk from hard"][1] == "hard"
    assert found["cylinder from easy"][0] < 0.4 and found["cylinder from easy"][1] == "split"
    forces = re.findall(r"LAMMPS with all atoms: largest force ([\d.]+)", output)
    energies = [float(energy) for energy in re.findall(r"energy (-[\d.]+) eV", output)]
    assert len(forces) == 3 and all(float(force) < 0.0105 for force in forces)
    assert energies[1] < energies[0] - 0.5
    assert is_picture(tmp_path / "out" / "helium.png")


def test_full_sizes(start, lammps, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "full_size.py", "--quick", "screw", "vacancy-0",
                                   "helium-disk"])
    rows = [[float(value) for value in re.findall(r" (\d+\.?\d*)", line)[-7:]] for line in output.splitlines()[1:]]
    assert len(rows) == 3
    for atoms, steps, _, force, server, engine, python in rows:
        assert atoms > 300 and steps > 3 and 0 < force < 0.0101
        assert 1 < server < python and (engine > 10) == (atoms == rows[2][0])


@pytest.fixture
def scripts(monkeypatch):
    """Import scripts of examples/ase. Their folder has a package `engines`, and this one a module, which would hide it."""
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != os.path.dirname(__file__)])
    monkeypatch.delitem(sys.modules, "engines", raising=False)
    return lambda *names: [importlib.import_module(name) for name in names]


def test_constants_from_energies(monkeypatch, scripts, potentials):
    """Those of the strained cells that CP2K gets, by a potential, are those from its stress."""
    dft_bulk, = scripts("dft_bulk")
    with LMLink(LAMMPS_DATA / "W_2940_2017_2.snap") as calculator:
        constant, (c11, c12, c44) = lattice_and_elasticity(calculator)
        monkeypatch.setattr(dft_bulk, "START", constant)
        found, _ = dft_bulk.constants({name: calculator.get_potential_energy(dft_bulk.cell(deformation))
                                       for name, deformation in dft_bulk.cells().items()})
    assert abs(found["lattice constant"] - constant) < 1e-3
    for name, value in (("bulk modulus", (c11 + 2 * c12) / 3), ("C'", (c11 - c12) / 2), ("C44", c44)):
        assert abs(found[name] / value - 1) < 0.02, name


def test_vacancy_that_does_not_stay(scripts, capsys, tmp_path):
    """A place whose relaxed structure is that of the place before is told, not passed off as one of the same energy."""
    segregation, = scripts("segregation")
    first = bulk("Cu", cubic=True).repeat(2)
    del first[0]
    back, away = first.copy(), first.copy()
    back.rattle(0.01, seed=1)
    away.positions[0] = 0.0
    curve = segregation.profile([first, back, away], EMT(), True)
    assert curve["lost"] == [1]
    segregation.draw(tmp_path / "segregation.png", {"ML": curve}, len(first))
    assert "ML: the vacancy does not stay at place 1: it goes back to place 0" in capsys.readouterr().out


@pytest.mark.parametrize("symbol, structure", [("W", "bcc"), ("InP", "zincblende")])
def test_polynomials_of_strain(scripts, symbol, structure):
    """The strained cells determine all their constants: in an energy that is such a polynomial they are found again."""
    targets, = scripts("elastic_targets")
    cell = bulk(symbol, structure, a=5.0, cubic=True)
    odd = targets.sublattice(cell)
    rows = targets.terms(targets.cells_of(cell, odd, *targets.FAR))
    seen = np.abs(rows).max(axis=0) > 0
    assert seen.sum() == (20 if odd.any() else 11)
    constants = np.where(seen, np.random.default_rng(1).normal(size=len(seen)) * np.repeat((1, 100), (7, 13)), 0)
    assert np.abs(targets.fit_terms(rows, rows @ constants + 1e-12 * np.sin(np.arange(len(rows)))) - constants).max() < 1e-3
    few = targets.terms(targets.cells_to_set(cell, odd))[:, :targets.SECOND.stop]
    few = few[:, seen[:targets.SECOND.stop]]
    assert np.linalg.matrix_rank(few / np.abs(few).max(axis=0), tol=1e-2) == few.shape[1]


def test_polarity_of_a_core(scripts):
    """Elasticity's core has the twofold axes of a compact one; with all three columns moved along the line it has not."""
    plot, = scripts("dft_core_plot")
    disk = build_disk(BCCScrew111Dislocation(3.18, 520.0, 200.0, 150.0, symbol="W"), 20.0)
    core = disk.info["core"]
    assert plot.polarity(disk, core) < 0.02
    inner = np.argsort(np.linalg.norm(disk.arrays["perfect_positions"][:, :2] - core, axis=1))[:3]
    disk.positions[inner, 2] += disk.cell[2, 2] / 12
    assert abs(plot.polarity(disk, core) - 0.5) < 0.02
