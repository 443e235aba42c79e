"""The worked examples run as their READMEs say, and draw what they promise."""

import os
import re
import sys

from conftest import ROOT, TIMEOUT, program


def run(start, folder, command):
    """Run the example in the folder; its output. LMLINK_BIN says where the programs are, as for the tests."""
    program("lmlink-serve")
    process = start(command, cwd=folder, env={**os.environ, "PYTHON": sys.executable}, start_new_session=True)
    output, errors = process.communicate(timeout=5 * TIMEOUT)
    assert process.returncode == 0, errors
    return output


def number(pattern, text):
    return float(re.search(pattern + r"[^-\d]*(-?[\d.]+(?:e-?\d+)?)", text)[1])


def is_picture(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_tungsten(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "tungsten.py", "--output", "out"])
    assert abs(number(r"lattice constant \(Å\)", output) - 3.180) < 1e-9
    assert abs(number(r"C11 \(GPa\)", output) - 517.7) < 0.2
    assert abs(number(r"vacancy formation \(eV\)", output) - 3.231) < 0.002
    assert is_picture(tmp_path / "out" / "tungsten.png") and (tmp_path / "out" / "screw.xyz").is_file()


def test_relaxation_and_dynamics(start, potentials, tmp_path):
    output = run(start, tmp_path, [sys.executable, ROOT / "examples" / "ase" / "relax_and_md.py"])
    assert abs(number("drift of the total energy in NVE:", output)) < 1e-4
    assert is_picture(tmp_path / "relax_and_md.png")


def test_ipi(start, potentials, tmp_path):
    output = run(start, tmp_path, ["sh", ROOT / "examples" / "ipi" / "run.sh", "out"])
    assert abs(number("drift of conserved quantity:", output)) < 1e-4
    assert 200 < number(r"mean temperature after 0.5 ps:", output) < 400
    assert is_picture(tmp_path / "out" / "nvt.png")
