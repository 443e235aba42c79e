"""The notebook of examples/ase, cell after cell in IPython, which a notebook's kernel is made of; and that interrupting it ends
an evaluation and nothing else."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, TIMEOUT

pytest.importorskip("IPython")

RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
for cell in json.load(sys.stdin):
    result = shell.run_cell(cell)
    error = result.error_before_exec or result.error_in_exec
    if error is not None and not (isinstance(error, KeyboardInterrupt) and "may be interrupted" in cell):
        sys.exit(1)
"""

# Interrupts the kernel when the server says that it evaluates; the engine never answers.
INTERRUPTED = ["""
import os, signal, threading, time
import numpy as np
from ase.build import bulk
from lmlink import LMLink, status

potential = "/usr/share/lammps/potentials/Mo_Chen_PRM2017.snap"
atoms = bulk("Mo", cubic=True).repeat(4)
mask = np.arange(len(atoms)) == 0
atoms.calc = mixture = LMLink(potential, qm_calc={"launch": "exec sleep 600"}, qm_selection_mask=mask, buffer_width=4.0)

def interrupt():
    while mixture.pid is None or not any(each["state"] == "evaluates" for each in status.ask([mixture.pid], 10)[0]):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
""", "atoms.get_forces()  # may be interrupted", """
assert mixture.pid is None
atoms.calc = LMLink(potential)
print("goes on", abs(atoms.get_forces()).max() < 1e-6)
atoms.calc.close()
"""]


def run_cells(cells, folder):
    done = subprocess.run([sys.executable, "-c", RUN], input=json.dumps(cells), capture_output=True, text=True, cwd=folder,
                          timeout=TIMEOUT, env={**os.environ, "IPYTHONDIR": str(folder / "ipython")})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_notebook(potentials, tmp_path):
    notebook = json.loads((ROOT / "examples" / "ase" / "notebook.ipynb").read_text())
    assert notebook["nbformat"] == 4
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    output = run_cells(["".join(cell["source"]) for cell in code], tmp_path)
    assert "RMS error of forces" in output and (tmp_path / "notebook.html").is_file()


def test_interrupt(potentials, tmp_path):
    output = run_cells(INTERRUPTED, tmp_path)
    assert "KeyboardInterrupt" in output and "goes on True" in output
