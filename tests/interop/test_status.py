"""What a running lmlink-serve says of itself: `lmlink status`, SIGUSR1, and the summary at its end."""

import json
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
from ase.units import Bohr
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing, remote
from serve import children_of
from test_force_log import ENGINE, ML, block, sphere, steps

from lmlink import status as lmlink_status
from lmlink.cli import main


def ask(capsys, *words):
    """The parsed answers, and the text for people."""
    assert main(["status", "--json", *map(str, words)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["status", *map(str, words)]) == 0
    return found, capsys.readouterr().out


def test_between_evaluations(potentials, start, folders, capsys, monkeypatch):
    folder, sockets = folders
    atoms = block(2)
    path = configure(folder, atoms, linear(potentials / ML))
    mixture = Mixture(start, sockets, path, "--log-level", "info")
    replies = [mixture.evaluate(there) for there in steps(atoms, 3)]
    (status,), text = ask(capsys, mixture.process.pid)
    assert status["evaluations"] == 3 and status["natoms"] == len(atoms) and status["engines"] == []
    assert status["state"] == "waits for the driver's next wish" and status["state_seconds"] < TIMEOUT
    assert abs(status["last"]["energy"] - replies[-1].energy) < 1e-9
    assert abs(status["last"]["largest_force"] - np.linalg.norm(replies[-1].forces, axis=1).max()) < 1e-9
    seconds = status["seconds"]
    parts = sum(seconds[name] for name in ("no_driver", "driver", "engines", "potential", "log"))
    assert abs(parts - seconds["total"]) < 1e-3 and seconds["potential"] > 0 and status["memory"] > 2**20
    assert f"process {mixture.process.pid}, driver at unix:{mixture.driver.path}" in text and "3 evaluations" in text
    # Servers of other tests are left alone.
    assert mixture.process.pid in lmlink_status.servers()
    monkeypatch.setattr(lmlink_status, "servers", lambda: [mixture.process.pid])
    by_address, _ = ask(capsys, f"unix:{mixture.driver.path}")
    assert [each["pid"] for each in by_address] == [mixture.process.pid]
    everyone, _ = ask(capsys)
    assert mixture.process.pid in [each["pid"] for each in everyone]
    assert not list(Path(f"/tmp/lmlink-{os.geteuid()}").glob(f"{mixture.process.pid}.*"))
    mixture.evaluate(atoms)
    errors = mixture.close()
    assert len(re.findall(r"status: waits for the driver's next wish \(driver at .*\) for ", errors)) == 6
    assert re.search(r"4 evaluations in [0-9.]+ s: without a driver [0-9.]+ s, waiting for it .* log 0.0 s", errors)


def test_what_a_log_saves(potentials, start, folders, capsys):
    folder, sockets = folders
    atoms = block(5)
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=4.0),
                                                                     linear(potentials / ENGINE))),
                     log={"file": "log.xyz"})
    first, second = steps(atoms, 2)
    with Mixture(start, sockets, path) as mixture:
        for there in (first, second, first):
            mixture.evaluate(there)
        (status,), text = ask(capsys, mixture.process.pid)
    assert (status["asked"], status["recalled"], status["skipped"]) == (2, 1, 0)
    assert "asked for 2 results; 1 were known from the log" in text and status["seconds"]["log"] > 0


def test_while_an_engine_is_waited_for(potentials, start, folders, capsys):
    folder, sockets = folders
    atoms = block(5)
    engine = remote(f"unix:{sockets}/e", launch="exec sleep 600", name="slow")
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=4.0), engine)))
    mixture = Mixture(start, sockets, path)
    mixture.driver.send_positions(atoms.positions / Bohr, atoms.cell.array / Bohr)
    mixture.driver.send("GETFORCE")
    end = time.monotonic() + TIMEOUT
    while True:
        (status,), text = ask(capsys, mixture.process.pid)
        if status["engines"][0]["state"] == "starting" and status["state"] == "evaluates":
            break
        assert time.monotonic() < end
    assert status["state"] == "evaluates" and status["evaluations"] == 0 and status["natoms"] == len(atoms)
    assert status["engines"][0]["pid"] in children_of(mixture.process.pid)
    # What has gone by of the evaluation is the engine's time.
    (status,), _ = ask(capsys, mixture.process.pid)
    assert status["seconds"]["engines"] > 0 and status["seconds"]["potential"] == 0
    assert "slow" in status["engines"][0]["name"] and ": starting for " in text
    mixture.process.terminate()
    assert mixture.process.wait(TIMEOUT) == 128 + signal.SIGTERM
    mixture.driver.close()


def test_without_a_driver(potentials, start, tmp_path, capsys):
    """And without `lmlink status`, by a signal alone."""
    address = f"unix:{tmp_path}/nobody"
    process = start([program("lmlink-serve"), "--potential", potentials / ML, "--driver", address])
    assert "version" in process.stderr.readline() and "waiting for a driver" in process.stderr.readline()
    (status,), text = ask(capsys, process.pid)
    assert status["state"] == "waits for a driver" and "waits for a driver, for " in text
    process.send_signal(signal.SIGUSR1)
    for _ in range(3):
        assert "status: waits for a driver" in process.stderr.readline()
        assert "0 evaluations in" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 128 + signal.SIGTERM


def test_who_cannot_be_asked(capsys, start, monkeypatch):
    """Another program would be ended by the signal: it does not get it."""
    process = start(["sleep", "600"])
    assert main(["status", str(process.pid)]) == 1
    assert f"process {process.pid} is no lmlink-serve of this user" in capsys.readouterr().err and process.poll() is None
    monkeypatch.setattr(lmlink_status, "servers", list)
    assert main(["status", "unix:nowhere"]) == 1 and "serves a driver at unix:nowhere" in capsys.readouterr().err
