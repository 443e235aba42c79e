"""An engine that fails, at every point of the conversation, in every way, under every policy: each force that reaches the
driver is that of an undisturbed run, bit for bit, or lmlink-serve ends with one error that names the engine; and nothing is
left behind. Who hangs is given up after half a second, here; the tests wait for that, and judge nothing by a clock."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT, program
from engines import write_configuration
from serve import descendants, ends, finish, socket_name, until_it_ends

ENGINE = ROOT / "tests" / "support" / "faulty_engine.py"
PHASES = ("connect", "ready", "posdata", "computing", "reply", "idle")
FAULTS = ("kill", "hang", "garbage", "nan", "short", "count")
POLICIES = ("restart", "wait", "stop")
FRAMES = [Atoms("ArAr", positions=[[1.0, 2.0, 3.0], [4.0, 5.0 + 0.1 * step, 6.0]], cell=[9, 9, 9], pbc=True)
          for step in range(3)]


def launch(policy, phase, fault):
    """What starts the engine; where lmlink waits for the next one, that is there already, and comes to its turn when the
    socket is free."""
    one = f"{sys.executable} -S {ENGINE} {{path}} {phase} {fault} mark"
    if policy != "wait" or phase == "none":
        return f"exec {one}"
    return f"{one} & until [ -e mark ]; do sleep 0.01; done; exec {one}"


def serve(start, folder, policy, phase, fault):
    """Forces of the frames as far as they came, exit code, and messages."""
    name = socket_name()
    settings = {"type": "remote", "name": "springs", "address": f"unix:{name}qm", "launch": launch(policy, phase, fault),
                "folder": "work", "on_failure": policy, "back_off": 0.01, "limits": {"evaluate": 0.5, "answer": 0.5,
                                                                                     "connect": 60, "stop": 0.1}}
    path = write_configuration(folder, settings, FRAMES[0])
    forces, processes = [], []
    server = start([program("lmlink-serve"), path, "--driver", f"unix:{name}"])
    with until_it_ends(name) as calculator:
        for frame in FRAMES:
            forces.append(calculator.get_forces(frame))
            processes += [pid for pid, _ in descendants(server.pid)]
    code, messages = finish(server)
    assert all(ends(pid) for pid in processes)
    assert not Path(f"/tmp/ipi_{name}qm").exists()
    return forces, code, messages


@pytest.fixture(scope="module")
def undisturbed(request, tmp_path_factory):
    """Forces of a run without a fault, through the same sockets."""
    results = {}

    def run(start):
        if not results:
            forces, code, messages = serve(start, tmp_path_factory.mktemp("undisturbed"), "stop", "none", "none")
            assert code == 0 and len(forces) == len(FRAMES), messages
            assert np.abs(forces[0]).max() > 0.01
            results["forces"] = forces
        return results["forces"]

    return run


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("phase", PHASES)
def test_fault(start, undisturbed, tmp_path, phase, fault, policy):
    expected = undisturbed(start)
    forces, code, messages = serve(start, tmp_path, policy, phase, fault)
    assert (tmp_path / "work" / "mark").exists()
    for came, wanted in zip(forces, expected):
        assert came.tobytes() == wanted.tobytes()
    if policy == "stop":
        errors = [line for line in messages.splitlines() if line.startswith("lmlink-serve: evaluation")
                  and ": engine springs at unix:" in line]
        assert code == 1 and len(errors) == 1, messages
        assert len(forces) == (1 if phase == "idle" else 0)
    else:
        assert code == 0 and len(forces) == len(expected), messages
