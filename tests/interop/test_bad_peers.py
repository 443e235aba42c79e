"""What goes wrong from outside: conversations cut at every byte, garbage, wrong INIT strings, wrong files and flags.
Each gives one line on stderr that names the thing, exit code 1 or 2, and no process, socket or file is left."""

import json
import os
import random
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from conftest import TIMEOUT, program
from scripted_driver import CELL, POSITIONS, Driver
from serve import children_of

POTENTIAL = "W_2940_2017_2.snap"


@pytest.fixture
def driver(socket_folder):
    made = Driver(socket_folder)
    yield made
    made.close()
    Path(made.path).unlink()
    assert not list(socket_folder.iterdir())


@pytest.fixture
def serve(start, potentials, driver):
    """Start lmlink-serve for the driver and accept its connection."""

    def run(*options, potential=POTENTIAL):
        process = start([program("lmlink-serve"), "--potential", potentials / potential, "--driver",
                         f"unix:{driver.path}", *options])
        driver.process = process
        driver.accept()
        return process

    return run


def fails_with(process, message):
    """The process ends with code 1 and one line, behind the one that says what is served, which holds the message."""
    output, errors = process.communicate(timeout=TIMEOUT)
    lines = [line for line in errors.splitlines() if "waiting for a driver" not in line]
    assert process.returncode == 1 and output == "" and len(lines) == 2, errors
    assert message in lines[1], lines[1]


def positions_message(natoms=2):
    return b"".join([b"POSDATA     ", CELL.T.tobytes(), np.eye(3).tobytes(), struct.pack("=i", natoms),
                     POSITIONS.tobytes()])


def init_message(text, replica=0):
    text = text if isinstance(text, bytes) else text.encode()
    return b"INIT        " + struct.pack("=ii", replica, len(text)) + text


def still_serves(process, driver, before):
    """The process takes the next driver and gives the same answer as at the start; then it is stopped."""
    driver.accept()
    energy, forces, _ = driver.evaluate()
    assert np.isclose(energy, before[0], rtol=1e-13, atol=0) and np.allclose(forces, before[1], rtol=0, atol=1e-13)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM
    driver.hang_up()


def first_answer(driver):
    answer = driver.evaluate()
    driver.hang_up()
    return answer


# Drivers


def test_a_driver_that_vanishes_at_any_byte(serve, driver):
    """One server survives a conversation cut at each of its bytes, and then serves as before."""
    process = serve("--reconnect", "--log-level", "quiet")
    before = first_answer(driver)
    init = init_message(json.dumps({"lmlink": 1, "species": [74, 74], "pbc": [True] * 3, "results": ["energies"]}))
    conversation = b"STATUS      " + init + positions_message() + b"STATUS      GETFORCE    "
    for cut in range(len(conversation) + 1):
        driver.accept()
        driver.connection.sendall(conversation[:cut])
        driver.hang_up()
    still_serves(process, driver, before)


@pytest.mark.parametrize("seed", range(3))
def test_garbage(seed, serve, driver):
    """Messages of the protocol shuffled, damaged and mixed with noise never crash or hang the server."""
    rng = random.Random(seed)
    process = serve("--reconnect", "--log-level", "quiet")
    before = first_answer(driver)
    known = [b"STATUS      ", b"GETFORCE    ", positions_message(), positions_message(1), init_message("\0"),
             init_message('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, true]}'), b"EXIT        "]
    for _ in range(60):
        driver.accept()
        message = bytearray(b"".join(rng.choices(known, k=rng.randint(1, 6))))
        for _ in range(rng.randint(0, 4)):
            message[rng.randrange(len(message))] = rng.randrange(256)
        try:
            driver.connection.sendall(message + rng.randbytes(rng.choice([0, 0, 5, 300])))
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has had enough already
        driver.hang_up()
    still_serves(process, driver, before)


@pytest.mark.parametrize("text, message", [
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, true], "specis": []}', "specis"),
    ('{"lmlink": 2, "species": [74, 74], "pbc": [true, true, true]}', "lmlink"),
    ('{"species": [74, 74], "pbc": [true, true, true]}', "lmlink"),
    ('{"lmlink": 1, "pbc": [true, true, true]}', "species"),
    ('{"lmlink": 1, "species": [74, 74]}', "pbc"),
    ('{"lmlink": 1, "species": [], "pbc": [true, true, true]}', "species"),
    ('{"lmlink": 1, "species": [74, "W"], "pbc": [true, true, true]}', "species[1]"),
    ('{"lmlink": 1, "species": [74, 0], "pbc": [true, true, true]}', "species: 0, of atom 1"),
    ('{"lmlink": 1, "species": [74, 119], "pbc": [true, true, true]}', "species: 119, of atom 1"),
    ('{"lmlink": 1, "species": [74, -74], "pbc": [true, true, true]}', "species: -74, of atom 1"),
    ('{"lmlink": 1, "species": [74, 74.5], "pbc": [true, true, true]}', "species[1]"),
    ('{"lmlink": 1, "species": 74, "pbc": [true, true, true]}', "species"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true]}', "pbc"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [1, 1, 1]}', "pbc"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, true], "results": ["stresses"]}', "stresses"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, true], "results": "energies"}', "results"),
    ('{"lmlink": 1, "lmlink": 1, "species": [74, 74], "pbc": [true, true, true]}', "lmlink"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, true]} // W', "INIT"),
    ('{"lmlink": 1, "species": [74, 74], "pbc": [true, true, tr', "INIT"),
    ('{"a": ' + "[" * 100000, "INIT"),
])
def test_wrong_init_strings(text, message, serve, driver):
    process = serve()
    driver.connection.sendall(init_message(text))
    assert driver.is_alone()
    fails_with(process, message)


@pytest.mark.parametrize("length", [-1, 2**31 - 1])
def test_wrong_init_lengths(length, serve, driver):
    process = serve()
    driver.send("INIT", struct.pack("=ii", 0, length))
    assert driver.is_alone()
    fails_with(process, str(length))


def test_more_positions_than_species(serve, driver):
    process = serve()
    driver.connection.sendall(init_message('{"lmlink": 1, "species": [74], "pbc": [true, true, true]}'))
    driver.send_positions()
    assert driver.is_alone()
    fails_with(process, "natoms = 2")


def test_an_element_that_the_potential_lacks(serve, driver):
    process = serve()
    driver.connection.sendall(init_message('{"lmlink": 1, "species": [74, 2], "pbc": [true, true, true]}'))
    driver.send_positions()
    assert driver.is_alone()
    fails_with(process, "atom 1 (counted from 0) is He")


def test_forces_without_positions(serve, driver):
    process = serve()
    driver.send("GETFORCE")
    assert driver.is_alone()
    fails_with(process, "GETFORCE")


# Files and flags


def run(name, *arguments):
    return subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT)


@pytest.fixture
def files(potentials, tmp_path):
    """A folder with a sound potential, structure and configuration, to be spoilt."""
    for suffix in ".snap", ".snapcoeff", ".snapparam":
        (tmp_path / f"W{suffix}").write_text(
            (potentials / POTENTIAL).with_suffix(suffix).read_text().replace("W_2940_2017_2.", "W."))
    bulk("W", cubic=True).write(tmp_path / "W.xyz", format="extxyz")
    configuration = {"format": "lmlink-serve", "version": 1, "structure": "W.xyz",
                     "driver": {"address": f"unix:{tmp_path}/s", "wait": 0},
                     "calculator": {"type": "linear", "potential": {"file": "W.snap"}}}
    (tmp_path / "W.json").write_text(json.dumps(configuration, indent=2) + "\n")
    return tmp_path


def test_the_unspoilt_files_are_fine(files):
    assert run("lmlink-eval", "--potential", files / "W.snap", files / "W.xyz").returncode == 0
    assert run("lmlink-serve", files / "W.json", "--check").returncode == 0


def spoil(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def refused(result, message, code=1):
    """One line on stderr with the message, and that exit code."""
    assert result.returncode == code, result.stderr
    assert result.stderr.count("\n") == 1 and message in result.stderr, result.stderr


SPOILT = [
    ("W.snapparam", "twojmax 8", "twojmax eight", "W.snapparam:5"),
    ("W.snapparam", "twojmax 8", "twojmax 6", "W.snapcoeff"),
    ("W.snapparam", "twojmax 8", "", "twojmax"),
    ("W.snapparam", "rcutfac 4.73442", "rcutfac -1", "W.snapparam:4"),
    ("W.snapparam", "rcutfac 4.73442", "rcutfac nan", "W.snapparam:4"),
    ("W.snapparam", "bzeroflag 0", "bzeroflag 2", "bzeroflag"),
    ("W.snapparam", "bzeroflag 0", "bzeroflg 0", "bzeroflag"),
    ("W.snapcoeff", "1 56", "1 57", "W.snapcoeff"),
    ("W.snapcoeff", "1 56", "2 56", "W.snapcoeff"),
    ("W.snapcoeff", "1 56", "one 56", "W.snapcoeff:5"),
    ("W.snapcoeff", "W 0.5 1", "Xx 0.5 1", "W.snapcoeff: there is no element W"),
    ("W.snapcoeff", "W 0.5 1", "W 0.5", "W.snapcoeff:6"),
    ("W.snap", "snap W.snapcoeff W.snapparam W", "snap missing.snapcoeff W.snapparam W", "missing.snapcoeff"),
    ("W.snap", "snap W.snapcoeff W.snapparam W", "snap W.snapcoeff W.snapparam Ta", "Ta"),
    ("W.snap", "${zblz} ${zblz}", "${zblz} ${zbl}", "zbl"),
    ("W.snap", "zbl ${zblcutinner} ${zblcutouter} &", "zbl ${zblcutouter} ${zblcutinner} &", "zbl"),
    ("W.snap", "pair_coeff 1 1 zbl", "pair_coeff 1 1 lj/cut", "lj/cut"),
]


@pytest.mark.parametrize("file, old, new, message", SPOILT, ids=[f"{old} -> {new}" for _, old, new, _ in SPOILT])
def test_spoilt_potential_files(file, old, new, message, files):
    spoil(files / file, old, new)
    output = files / "out.xyz"
    refused(run("lmlink-eval", "--potential", files / "W.snap", files / "W.xyz", "--output", output), message)
    assert not output.exists()
    refused(run("lmlink-serve", files / "W.json", "--check"), message)


@pytest.mark.parametrize("file", ["W.snap", "W.snapcoeff", "W.snapparam"])
def test_missing_potential_files(file, files):
    (files / file).unlink()
    refused(run("lmlink-serve", files / "W.json", "--check"), file)
    refused(run("lmlink-eval", "--potential", files / "W.snap", files / "W.xyz"), file)


def test_truncated_coefficients(files):
    """Cut anywhere in the numbers: an error, or the same number with nothing but its end cut off is noticed."""
    content = (files / "W.snapcoeff").read_text()
    for cut in range(content.index("1 56"), len(content) - 30, 97):
        (files / "W.snapcoeff").write_text(content[:cut])
        refused(run("lmlink-eval", "--potential", files / "W.snap", files / "W.xyz"), "W.snapcoeff")


def test_coefficients_alone_beside_a_zbl_term(files):
    refused(run("lmlink-eval", "--potential", files / "W.snapcoeff", files / "W.xyz"), "--fixed-terms")
    for terms in "none", "snap":
        assert run("lmlink-eval", "--potential", files / "W.snapcoeff", "--fixed-terms", terms,
                   files / "W.xyz").returncode == 0


CONFIGURATIONS = [
    ('"version": 1', '"version": 2', "version"),
    ('"version": 1', '"version": "1"', "version"),
    ('"version": 1,', "", "version"),
    ('"format": "lmlink-serve"', '"format": "lmlink-eval"', "format"),
    ('"wait": 0', '"wait": "long"', "W.json:7: driver.wait"),
    ('"wait": 0', '"wait": -1', "W.json:7: driver.wait"),
    ('"wait": 0', '"wait": 0, "reconect": true', "W.json:7: driver.reconect: no such key; is 'reconnect' meant?"),
    ('"wait": 0', '"wait": 0, "reconnect": 1', "W.json:7: driver.reconnect"),
    ('"wait": 0', '"wait": 0, "wait": 1', "W.json:7: driver.wait"),
    ('"wait": 0', '"wait": 0 // seconds', "W.json:7"),
    ('"wait": 0', '/* seconds */ "wait": 0', "W.json:7"),
    ('"wait": 0', '"wait": NaN', "W.json:7"),
    ('"wait": 0', '"wait": 0,', "W.json:8"),
    ('"linear"', '"quadratic"', "calculator.type"),
    ('"structure": "W.xyz"', '"structure": 3', "structure"),
    ('{"format"', '[{"format"', "W.json"),
]


@pytest.mark.parametrize("old, new, message", CONFIGURATIONS, ids=[new or old for old, new, _ in CONFIGURATIONS])
def test_wrong_configurations(old, new, message, files):
    if old == '{"format"':
        (files / "W.json").write_text("[" + (files / "W.json").read_text() + "]")
    else:
        spoil(files / "W.json", old, new)
    refused(run("lmlink-serve", files / "W.json", "--check"), message)


def test_a_truncated_configuration(files):
    content = (files / "W.json").read_text().rstrip()
    for cut in range(len(content)):
        (files / "W.json").write_text(content[:cut])
        refused(run("lmlink-serve", files / "W.json", "--check"), "W.json")


@pytest.mark.parametrize("name, arguments, message", [
    ("lmlink-serve", ["--fixed-terms", "zbl"], "zbl"),
    ("lmlink-serve", ["--log-level", "loud"], "loud"),
    ("lmlink-serve", ["--extras", "all"], "all"),
    ("lmlink-serve", ["--wait", "soon"], "soon"),
    ("lmlink-serve", ["--wait"], "--wait"),
    ("lmlink-serve", ["--reconect"], "--reconnect"),
    ("lmlink-serve", ["W.json", "V.json"], "V.json"),
    ("lmlink-serve", ["--driver", "unix:"], "unix:"),
    ("lmlink-serve", ["--driver", "localhost"], "localhost"),
    ("lmlink-serve", ["--driver", "localhost:99999"], "99999"),
    ("lmlink-eval", ["--fixed-terms", "zbl"], "zbl"),
    ("lmlink-eval", ["--outptu", "x"], "--output"),
    ("lmlink-eval", ["--index", "first", "W.xyz"], "first"),
    ("lmlink-eval", [], "an extended XYZ file"),
])
def test_wrong_flags(name, arguments, message, files):
    arguments = ["--potential", files / "W.snap", *arguments]
    if name == "lmlink-serve" and "--driver" not in arguments:
        arguments += ["--driver", "unix:x"]
    refused(run(name, *arguments), message, code=2)


@pytest.mark.parametrize("old, new, message", [
    ("W  ", "He ", "He"),
    ("2\n", "3\n", "W.xyz"),
    ("2\n", "0\n", "W.xyz"),
    ("0.00000000", "nan", "W.xyz:3: pos"),
    ('pbc="T T T"', 'pbc="T T"', "pbc"),
    ("Lattice=\"3.16 ", "Lattice=\"0.0 ", "a"),
    ("pos:R:3", "pos:R:2", "pos"),
])
def test_wrong_structures(old, new, message, files):
    spoil(files / "W.xyz", old, new)
    output = files / "out.xyz"
    refused(run("lmlink-eval", "--potential", files / "W.snap", files / "W.xyz", "--output", output), message)
    assert not output.exists()


def test_nothing_is_left_behind():
    assert not [pid for pid in children_of(os.getpid()) if "lmlink" in Path(f"/proc/{pid}/cmdline").read_text()]
