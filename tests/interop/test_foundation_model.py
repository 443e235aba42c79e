"""A foundation model as the quantum side, by examples/ase/engines: CHGNet, in the environment of `scripts/setup chgnet`."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from conftest import ROOT, TIMEOUT
from engine_examples import logged, prepare, work  # noqa: F401

PYTHON = Path(os.environ.get("LMLINK_CHGNET_PYTHON", ROOT / ".venv" / "chgnet" / "bin" / "python"))
ALONE = """from ase.io import read
from chgnet.model.dynamics import CHGNetCalculator
for row in CHGNetCalculator(use_device="cpu").get_forces(read("foundation_model-cluster.xyz")).tolist():
    print("force", *row)
"""


def test_chgnet(work, monkeypatch):
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing: scripts/setup chgnet makes it")
    monkeypatch.setenv("QM_PYTHON", str(PYTHON))
    cluster = prepare("foundation_model", bulk("W", cubic=True, a=3.18).repeat(3), "W_2940_2017_2.snap", 6.0)
    output = subprocess.run([PYTHON, "-c", ALONE], capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    forces = np.array([line.split()[1:] for line in output.splitlines() if line.startswith("force")], float)
    at = int(np.flatnonzero(cluster.arrays["region"] == "QM")[0])
    logged("foundation_model", 1e-4, forces[at])  # its numbers have 32 bits
