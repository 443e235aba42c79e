"""The program lmlink-serve as a user of the command line meets it: what it prints, its exit codes, signals, drivers that
come late, come again or vanish, and several ranks. The driver is a plain socket; the potential is made up."""

import json
import os
import signal
import struct
import subprocess

import numpy as np
import pytest
from conftest import TIMEOUT, program
from scripted_driver import CELL, POSITIONS, Driver

COEFFICIENTS = "# made up\n1 6\nW 0.5 1.0\n0.1\n0.02\n-0.01\n0.03\n0.005\n-0.02\n"
TWO_ELEMENTS = COEFFICIENTS.replace("1 6", "2 6") + "Be 0.4 0.9\n-0.2\n0.01\n0.02\n-0.03\n0.015\n0.01\n"
PARAMETERS = "rcutfac 4.5\ntwojmax 2\nrfac0 0.99363\nrmin0 0\nbzeroflag 0\nquadraticflag 0\n"
STRUCTURE = """2
Lattice="3.2 0.0 0.0 0.0 3.2 0.0 0.0 0.0 3.2" Properties=species:S:1:pos:R:3 pbc="T T F"
{} 0.0 0.0 0.0
{} 1.6 1.6 1.6
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with potentials, structures and a configuration."""
    for name, coefficients in (("W", COEFFICIENTS), ("WBe", TWO_ELEMENTS)):
        (tmp_path / f"{name}.snapcoeff").write_text(coefficients)
        (tmp_path / f"{name}.snapparam").write_text(PARAMETERS)
    (tmp_path / "W.xyz").write_text(STRUCTURE.format("W", "W"))
    (tmp_path / "WBe.xyz").write_text(STRUCTURE.format("W", "Be"))
    configuration = {"format": "lmlink-serve", "version": 1, "structure": "W.xyz",
                     "driver": {"address": f"unix:{tmp_path}/absent", "wait": 0},
                     "calculator": {"type": "linear", "potential": {"file": "W.snapcoeff"}}}
    (tmp_path / "W.json").write_text(json.dumps(configuration, indent=1))
    return tmp_path


def run(*arguments, **options):
    return subprocess.run([program("lmlink-serve"), *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, **options)


def fails(code, message, *arguments, **options):
    """The program ends with that code and one line on stderr that holds the message, and prints nothing."""
    result = run(*arguments, **options)
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert result.stderr.startswith("lmlink-serve: ") and result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr


@pytest.fixture
def driver(socket_folder):
    made = Driver(socket_folder)
    yield made
    made.close()


@pytest.fixture
def serve(start, folder, driver):
    """Start lmlink-serve for the driver; `accept=False` leaves it waiting."""

    def run_server(*options, potential="W", accept=True, launcher=()):
        process = start([*launcher, program("lmlink-serve"), "--potential", folder / f"{potential}.snapcoeff",
                         "--driver", f"unix:{driver.path}", *options])
        driver.process = process
        if accept:
            driver.accept()
        return process

    return run_server


def end(process):
    """Exit code and what was printed on stderr; nothing may be on stdout."""
    stdout, stderr = process.communicate(timeout=TIMEOUT)
    assert stdout == ""
    return process.returncode, stderr


# ---- what it prints ----


def test_help_and_version():
    text = run("--help")
    assert text.returncode == 0 and "--socket-prefix" in text.stdout and text.stderr == ""
    version = run("--version")
    assert version.returncode == 0 and version.stdout.startswith("lmlink-serve 0.")


def test_check(folder):
    result = run(folder / "W.json", "--check")
    assert (result.returncode, result.stderr) == (0, "")
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines()[1:])
    assert lines["configuration"] == str(folder / "W.json")
    assert lines["structure"] == f"{folder}/W.xyz: W 2; periodic along a, b"
    assert lines["driver"] == f"unix:{folder}/absent"
    assert lines["waits"] == "0 s" and lines["extras"] == "none" and lines["ranks"] == "1"
    assert lines["calculator"].startswith("linear: W.snapcoeff: ")


def test_check_without_a_structure(folder):
    one, two = (run("--potential", folder / f"{name}.snapcoeff", "--driver", "localhost:31415", "--check").stdout
                for name in ("W", "WBe"))
    assert "any number of W atoms" in one and "localhost:31415" in one and "without limit" in one
    assert "INIT must name the species" in two


def test_messages_of_a_run(serve, driver):
    process = serve("--log-level", "info")
    driver.evaluate()
    driver.evaluate()
    driver.send("EXIT")
    code, log = end(process)
    lines = [line.removeprefix("lmlink-serve: ") for line in log.splitlines()]
    assert code == 0
    assert lines[0].startswith("version 0.") and lines[0].endswith(f"driver at unix:{driver.path}")
    assert [line for line in lines if line.startswith("evaluation 2: replica -1, 2 atoms, energy ")]


def test_quiet_by_default(serve, driver):
    process = serve()
    driver.evaluate()
    driver.hang_up()
    code, log = end(process)
    assert code == 0
    assert [line for line in log.splitlines() if "waiting for" not in line] == log.splitlines()[:1]


def test_quiet(serve, driver):
    process = serve("--log-level", "quiet")
    driver.evaluate()
    driver.send("EXIT")
    assert end(process) == (0, "")


def test_extras(serve, driver):
    serve("--extras", "json")
    assert json.loads(driver.evaluate()[2]) == {"energy_kind": "exact", "virial_kind": "exact"}


# ---- drivers ----


def test_a_late_driver_is_waited_for(serve, driver):
    process = serve(accept=False)
    while "waiting for a driver" not in process.stderr.readline():
        assert process.poll() is None
    driver.accept()
    driver.evaluate()
    driver.send("EXIT")
    assert end(process)[0] == 0


def test_no_driver(folder):
    fails(1, f"no driver at unix:{folder}/absent within 0 s", folder / "W.json", "--log-level", "quiet")


def test_reconnect(serve, driver):
    process = serve("--reconnect", "--log-level", "info")
    energy, forces, _ = driver.evaluate()
    driver.send("EXIT")
    driver.hang_up()
    driver.accept()
    driver.send_positions(np.full((2, 3), np.nan))
    assert driver.is_alone()
    driver.hang_up()
    driver.accept()
    again = driver.evaluate()
    assert again[0] == pytest.approx(energy, abs=1e-12) and again[1] == pytest.approx(forces, abs=1e-12)
    process.send_signal(signal.SIGTERM)
    code, log = end(process)
    assert code == 128 + signal.SIGTERM
    assert log.count("connected to the driver") == 3 and "atom 0" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("connected", [True, False])
def test_signals(serve, driver, number, connected):
    process = serve(accept=connected)
    if connected:
        driver.evaluate()
    else:
        assert "version" in process.stderr.readline()
    process.send_signal(number)
    code, log = end(process)
    assert code == 128 + number and "error" not in log
    assert not connected or driver.is_alone()


def crystal(cells):
    """Positions and cell of a cubic crystal, to keep the server busy for a while."""
    grid = np.arange(cells)
    corners = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3)
    return 3.2 * np.vstack([corners, corners + 0.5]), 3.2 * cells * np.eye(3)


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_driver_that_vanishes(serve, driver, ranks, request):
    """Whether it goes during the evaluation or when it is done: the next one is served."""
    process = serve("--reconnect", launcher=request.getfixturevalue("launcher") if ranks > 1 else ())
    driver.send_positions(*crystal(20))
    driver.hang_up()
    driver.accept()
    energy = driver.evaluate()[0]
    driver.hang_up()
    driver.accept()
    assert driver.evaluate()[0] == pytest.approx(energy, abs=1e-12)
    driver.send_positions(*crystal(20))
    process.send_signal(signal.SIGTERM)
    code, log = end(process)
    assert code != 0 and log.count("the driver closed the connection") == 1


# ---- bad input ----


def test_a_wrong_command_line():
    fails(2, "--potential", "--potental", "W.snap")
    fails(2, "no driver", "--potential", "W.snap")


def test_wrong_files(folder):
    driver = ["--driver", "unix:x"]
    fails(1, "absent.snapcoeff", "--potential", folder / "absent.snapcoeff", *driver)
    fails(1, "absent.xyz", "--potential", folder / "W.snapcoeff", "--structure", folder / "absent.xyz", *driver)
    fails(1, "atom 1 is Be", "--potential", folder / "W.snapcoeff", "--structure", folder / "WBe.xyz", *driver)
    (folder / "bad.json").write_text((folder / "W.json").read_text().replace('"wait"', '"wiat"'))
    fails(1, f"{folder}/bad.json:7: driver.wiat: no such key; is 'wait' meant?", folder / "bad.json")


def test_wrong_addresses(folder, socket_folder):
    potential = ["--log-level", "quiet", "--potential", folder / "W.snapcoeff", "--wait", "0", "--driver"]
    fails(2, "a socket takes at most", *potential, "unix:" + 120 * "x")
    fails(1, "no driver", *potential, f"unix:{socket_folder}/absent")
    (socket_folder / "file").write_text("")
    fails(1, "is not a socket", *potential, f"unix:{socket_folder}/file")


@pytest.mark.parametrize("natoms", [0, -1, 3, 2**31 - 1])
def test_wrong_numbers_of_atoms(serve, driver, folder, natoms):
    process = serve("--structure", folder / "W.xyz", potential="WBe")
    driver.send("POSDATA", bytes(144) + struct.pack("=i", natoms))
    assert driver.is_alone()
    code, log = end(process)
    assert code == 1 and f"natoms = {natoms}" in log


@pytest.mark.parametrize("positions, cell, message", [
    (np.full((2, 3), np.nan), CELL, "atom 0"),
    (np.array([[0.0, 0.0, 0.0], [0.0, np.inf, 0.0]]), CELL, "atom 1"),
    (POSITIONS, np.diag([6.0, 0.0, 6.0]), "b"),
    (POSITIONS, np.array([[6.0, 0.0, 0.0], [6.0, 0.0, 0.0], [0.0, 0.0, 6.0]]), "a"),
])
def test_wrong_structures(serve, driver, folder, positions, cell, message):
    process = serve("--structure", folder / "W.xyz")
    driver.send_positions(positions, cell)
    assert driver.is_alone()
    code, log = end(process)
    assert code == 1 and "evaluation 1: " in log and message in log.splitlines()[-1].split("evaluation 1: ")[1]


def test_unknown_headers_and_cut_messages(serve, driver):
    process = serve()
    driver.send("GETSTRESS")
    assert driver.is_alone()
    code, log = end(process)
    assert code == 1 and "GETSTRESS" in log
    process = serve()
    driver.send("POSDATA", bytes(100))
    driver.hang_up()
    code, log = end(process)
    assert code == 1 and "closed the connection inside POSDATA" in log


def test_unknown_species(serve, driver):
    process = serve(potential="WBe")
    driver.send_positions()
    assert driver.is_alone()
    code, log = end(process)
    assert code == 1 and "species" in log


# ---- ranks ----


def test_ranks_share_the_work(serve, driver, launcher):
    alone = serve()
    structures = [POSITIONS * factor for factor in (1.0, 0.95, 0.9)]
    expected = [driver.evaluate(positions) for positions in structures]
    driver.send("EXIT")
    assert end(alone)[0] == 0
    together = serve("--log-level", "info", launcher=launcher)
    for (energy, forces, _), positions in zip(expected, structures):
        result = driver.evaluate(positions)
        assert result[0] == pytest.approx(energy, abs=1e-12)
        assert result[1] == pytest.approx(forces, abs=1e-12)
    driver.send("EXIT")
    code, log = end(together)
    assert code == 0 and log.count("evaluation 1:") == 1


@pytest.mark.parametrize("code, arguments", [
    (1, ["--potential", "absent.snapcoeff", "--driver", "unix:x"]),
    (1, ["absent.json"]),
    (2, ["--potental", "W.snapcoeff"]),
    (2, ["--potential", "W.snapcoeff"]),
    (0, ["--version"]),
])
def test_ranks_speak_with_one_voice(folder, launcher, code, arguments):
    result = subprocess.run([*launcher, program("lmlink-serve"), *arguments], capture_output=True, text=True,
                            timeout=TIMEOUT, cwd=folder)
    assert result.returncode == code
    assert result.stderr.count("lmlink-serve: ") == (code != 0)
    assert result.stdout.count("lmlink-serve ") == (code == 0)


def test_ranks_are_counted(folder, launcher):
    result = subprocess.run([*launcher, program("lmlink-serve"), str(folder / "W.json"), "--check"],
                            capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0 and result.stdout.count("ranks ") == 1 and "ranks          3" in result.stdout


def test_a_child_of_a_rank_stays_alone(folder):
    """Another MPI program's rank may start lmlink-serve, which inherits the launcher's variables."""
    environment = {**os.environ, "OMPI_COMM_WORLD_SIZE": "2", "LMLINK_MPI": "off"}
    result = run(folder / "W.json", "--check", env=environment)
    assert result.returncode == 0 and "ranks          1" in result.stdout
