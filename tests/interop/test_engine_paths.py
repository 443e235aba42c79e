"""Engines in folders, and at sockets, whose names a shell would take apart."""

import json
import os
import sys

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT, program
from engines import write_configuration
from scripted_driver import Driver
from serve import finish

ENGINE = f"{sys.executable} -S {ROOT / 'tests' / 'support' / 'faulty_engine.py'}"
PAIR = Atoms("ArAr", positions=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], cell=[9, 9, 9], pbc=True)
FORCES = np.reshape([0.01 * (i % 7) - 0.02 * x for i, x in enumerate(PAIR.positions.ravel())], (-1, 3))


@pytest.mark.parametrize("name", ["a b", "it's", "$(touch hit)", "x;touch hit", '"', "a&b"])
@pytest.mark.parametrize("quoted", ["{path}", '"{path}"', "'{path}'"])
def test_names_that_a_shell_would_take_apart(start, socket_folder, name, quoted):
    folder = socket_folder / name
    folder.mkdir()
    settings = {"type": "remote", "address": f"unix:{folder}/{name}", "folder": str(folder / "work"),
                "prepare": "tail -n 1 {cluster} > 'last line'", "launch": f"exec {ENGINE} {quoted} none none mark"}
    driver = Driver(folder)
    driver.process = start([program("lmlink-serve"), write_configuration(folder, settings, PAIR), "--driver",
                            f"unix:{folder}/s"])
    driver.accept()
    assert np.array_equal(driver.evaluate(PAIR.positions)[1], FORCES)
    driver.close()
    os.unlink(driver.path)
    code, messages = finish(driver.process)
    assert code == 0, messages
    assert (folder / "work" / "last line").read_text().startswith("Ar")
    assert not list(socket_folder.rglob("hit"))


def test_what_cannot_be_quoted_is_refused(start, socket_folder):
    settings = {"type": "remote", "address": f"unix:{socket_folder}/a b", "launch": "engine $(cat {path})"}
    path = write_configuration(socket_folder, settings, PAIR)
    assert json.loads(path.read_text())["calculator"] == settings
    code, messages = finish(start([program("lmlink-serve"), path, "--driver", f"unix:{socket_folder}/s", "--check"]))
    assert code == 1 and messages.count("\n") == 1, messages
    assert "launch: {path} stands for" in messages and "cannot be quoted for the shell" in messages, messages
