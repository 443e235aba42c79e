"""The inputs and configurations of examples/ase/engines as a user has them: a copy of the folder, a small structure, a step."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import LAMMPS_DATA, ROOT, TIMEOUT, program

FOLDER = ROOT / "examples" / "ase" / "engines"


@pytest.fixture
def work(tmp_path, monkeypatch, potentials):
    """A copy of the folder, in which the code runs without a launcher, with sockets that are this test's own."""
    shutil.copytree(FOLDER, tmp_path / "engines")
    monkeypatch.chdir(tmp_path / "engines")
    monkeypatch.setenv("QM_RUN", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}")
    return tmp_path / "engines"


def command(*words):
    words = [str(word) for word in words]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
                          timeout=5 * TIMEOUT)
    assert done.returncode == 0, f"{words}: {done.stdout[-4000:]}"
    return done.stdout


def prepare(name, crystal, potential, buffer, script=()):
    """Structure and configuration with one QM atom, and the cluster that --check writes. script: options of what makes
    the input, in place of tungsten's."""
    crystal.rattle(0.05, seed=5)
    crystal.set_array("region", np.where(np.arange(len(crystal)) == 0, "QM", "MM"))
    write("structure.xyz", crystal, format="extxyz")
    given = json.loads(open(f"{name}.json").read())
    calculator = given["calculator"]
    calculator["ml"]["potential"]["file"] = str(LAMMPS_DATA / potential)
    region = calculator["qm"][0]
    region["region"]["buffer"] = buffer
    region["cluster"] = {"vacuum": 3.0, "cell_rounding": 0.0}
    region["calculator"]["address"] = f"unix:qm-{os.getpid()}"
    if script:
        words = region["calculator"]["prepare"].split()
        assert words[:3] == ["python3", f"../{name}.py", "{cluster}"]
        keep = [word for pair in zip(words, words[1:]) if pair[0] == "--address" for word in pair]
        region["calculator"]["prepare"] = " ".join([*words[:3], *keep, *map(str, script)])
    open(f"{name}.json", "w").write(json.dumps(given))
    command(program("lmlink-serve"), f"{name}.json", "--driver", "unix:none", "--check")
    return read(f"{name}-cluster.xyz")


def silicon(name, *script):
    return prepare(name, bulk("Si", cubic=True, a=5.47).repeat(2), "Si_Zuo_JPCA2020.snap", 2.7, script)


def logged(name, bar, alone):
    """Run a step; the first forces on the QM atom against those of the code alone on the cluster; go on once more."""
    out = command(sys.executable, "relax.py", f"{name}.json", "--steps", 1, "--tolerance", 1e-3)
    assert "step 0:" in out and "not relaxed after 1 steps" in out
    frames = read("forces.xyz", ":")
    qm = frames[0].arrays["region"] == "QM"
    assert qm.sum() == 1 and len(frames) == 2 and np.abs(alone).max() > 0.1
    np.testing.assert_allclose(frames[0].arrays["forces_qm"][qm][0], alone, rtol=0, atol=bar)
    out = command(sys.executable, "relax.py", f"{name}.json", "--steps", 1, "--tolerance", 1e-3)
    assert "step 0:" in out
    again = read("forces.xyz", ":")
    assert len(again) == 4 and again[2].info["recalled"] and not again[3].info.get("recalled")
    assert np.abs(again[2].positions - again[1].positions).max() < 1e-9
