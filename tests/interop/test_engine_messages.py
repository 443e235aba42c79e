"""What lmlink-serve says about an engine that does not come: its last lines, and the file that has the others."""

import re
import signal
import sys
from threading import Thread

import pytest
from ase import Atoms
from conftest import need, program
from engines import ENGINES, SPRINGS, write_configuration
from mixture import Mixture, block, configure, linear, middle, mixing, remote
from serve import finish, socket_name, until_it_ends

ATOMS = Atoms("ArAr", positions=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], cell=[9, 9, 9], pbc=True)


@pytest.fixture
def serve(start, tmp_path):
    """Serve an engine that is started by a command, and ask for forces; meanwhile(server) runs beside. Forces or None,
    exit code, and what lmlink-serve has said about the engine."""
    (tmp_path / "work").mkdir()

    def run(launch, atoms=ATOMS, meanwhile=None, **settings):
        name = socket_name()
        path = write_configuration(tmp_path, {"type": "remote", "name": "dft", "address": f"unix:{name}qm",
                                              "launch": launch, "folder": "work", "back_off": 0.01, **settings}, atoms)
        server = start([program("lmlink-serve"), path, "--driver", f"unix:{name}"])
        forces, beside = None, Thread(target=meanwhile or (lambda server: None), args=[server])
        beside.start()
        with until_it_ends(name) as calculator:
            forces = calculator.get_forces(atoms)
        beside.join()
        code, messages = finish(server)
        return forces, code, [line for line in messages.splitlines() if "dft at" in line]

    return run


def test_input_error(serve, tmp_path, monkeypatch):
    """Quantum ESPRESSO, in parallel, with a word in its input that it does not know: it is started twice, and both times
    the user sees its own words."""
    engine = ENGINES["quantum_espresso"]
    reason = engine.missing()
    if reason:
        need("engines", reason)
    for name in "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe":
        monkeypatch.setenv(name, "1")
    (tmp_path / "work" / "pw.in").write_text(engine.input(engine.atoms).replace("ecutwfc", "ecutwfk"))
    forces, code, lines = serve(f"mpirun -n 2 {engine.launch}", engine.atoms)
    assert forces is None and code == 1
    starts = [line for line in lines if ": started '" in line]
    warning, error = (line for line in lines if "what it printed is in" in line)
    assert len(starts) == 2, lines
    assert warning.startswith("lmlink-serve: warning: engine dft at unix:")
    assert error.startswith("lmlink-serve: evaluation 1: engine dft at unix:") and "correct its input" in error
    for line in warning, error:
        assert f"{tmp_path / 'work' / 'engine.log'}: " in line and "bad line in namelist &system" in line, line


@pytest.mark.parametrize("on_failure", ["restart", "wait", "stop"])
def test_end_without_an_engine(serve, on_failure):
    """A command that ends well may have submitted a job. The user learns of it before the hour that lmlink waits."""

    told = []

    def stop_when_told(server):
        while not told or "exit code 0" not in told[-1]:
            told.append(server.stderr.readline())
        server.send_signal(signal.SIGTERM)

    forces, code, _ = serve("echo no licence", meanwhile=stop_when_told, on_failure=on_failure)
    assert forces is None and code == 128 + signal.SIGTERM
    assert "warning: engine dft at unix:" in told[-1] and "'echo no licence' ended with exit code 0" in told[-1]
    assert told[-1].endswith("engine.log: no licence\n")


def test_engine_in_the_background(serve):
    """A launcher that ends well while the engine goes on is no reason for a warning."""
    forces, code, lines = serve(f"(sleep 0.2; {SPRINGS}) & exit 0")
    assert code == 0 and abs(forces).max() > 0.01
    assert not [line for line in lines if "warning" in line], lines


def test_last_words(serve, tmp_path):
    """An engine that fails amid a calculation closes its connection before it says why."""
    (tmp_path / "work" / "engine.py").write_text("""import sys
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.socketio import SocketClient

class Failing(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, *arguments):
        raise ValueError("no basis set for argon")

SocketClient(unixsocket=sys.argv[1]).run(Atoms("ArAr", cell=[9, 9, 9], calculator=Failing()))
""")
    forces, code, lines = serve(f"exec {sys.executable} engine.py {{name}}", retries=1)
    assert forces is None and code == 1
    told = [line for line in lines if "closed the connection before it had computed the structure" in line]
    assert len(told) == 2 and all(line.endswith("ValueError: no basis set for argon") for line in told), lines


SCALED = """
import sys
from ase.calculators.calculator import Calculator
from ase.calculators.socketio import SocketClient
from ase.io import read
from lmlink import LMLink


class Scaled(Calculator):
    implemented_properties = ["energy", "forces"]
    potential = LMLink(sys.argv[3], threads=1)

    def calculate(self, atoms=None, properties=("forces",), changes=()):
        super().calculate(atoms, properties, changes)
        forces = self.potential.get_forces(atoms)
        self.results = {"energy": 0.0, "forces": eval(sys.argv[4])}


atoms = read(sys.argv[2])
atoms.calc = Scaled()
SocketClient(unixsocket=sys.argv[1]).run(atoms)
"""

DOUBTS = {"as they should be": ("forces", None),
          "gradients": ("-forces", "like -(0.9[0-9]+|1.*) times the ML calculator's \\(correlation -(0.9.|1.00)\\)"),
          "eV/Å as Hartree/Bohr": ("forces * 51.422", "like (4[5-9]|5[0-6]).* times the ML calculator's \\(correlation (0.9.|1.00)\\)"),
          "another order": ("forces[::-1]", "are unlike the ML calculator's \\(correlation -?0.[012].*, .* order of the")}


@pytest.mark.parametrize("case", DOUBTS)
def test_forces_that_cannot_be_those(case, start, folders, potentials):
    """An engine's script that sends gradients, other units, or atoms in another order gets a warning, once."""
    make, expected = DOUBTS[case]
    folder, sockets = folders
    (folder / "engine.py").write_text(SCALED)
    atoms = block(5)
    engine = remote(f"unix:{socket_name()}scaled", launch=f"exec {sys.executable} engine.py {{name}} {{cluster}} "
                                                          f"{potentials / 'W_2940_2017_2.snap'} '{make}'")
    region = {"spheres": [{"atom": middle(atoms), "radius": 4.0}], "buffer": 5.0}
    path = configure(folder, atoms, mixing(linear(potentials / "W_2940_2017_2.snap"), (region, engine)))
    mixture = Mixture(start, sockets, path)
    for shift in (0.0, 0.01):
        atoms.positions[0] += shift
        mixture.evaluate(atoms)
    told = [line for line in mixture.close().splitlines() if "warning" in line]
    assert len(told) == (expected is not None), told
    assert expected is None or (re.search(expected, told[0]) and "region" in told[0]), told
