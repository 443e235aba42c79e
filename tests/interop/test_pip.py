"""`pip install .` gives a Python environment the programs and the module, which then need the checkout no more."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, need

PATIENCE = 900  # seconds for pip: it compiles lmlink, and fetches what ASE needs

SCRIPT = """
import sys, lmlink
from ase.build import bulk

assert lmlink.__file__.startswith(sys.prefix), lmlink.__file__
assert lmlink.find_program("lmlink-serve").startswith(sys.prefix), lmlink.find_program("lmlink-serve")
with lmlink.LMLink(sys.argv[1]) as calculator:
    atoms = bulk("W", cubic=True, a=3.18)
    atoms.calc = calculator
    print(repr(atoms.get_potential_energy()))
"""


def clean_environment():
    """The environment without what would lead to the checkout's programs and module."""
    dropped = ("LMLINK_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def run(*command, cwd):
    return subprocess.run([str(word) for word in command], cwd=cwd, env=clean_environment(), capture_output=True,
                          text=True, timeout=PATIENCE)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A fresh environment into which pip has installed the checkout: its folder of commands."""
    made = run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    commands = tmp_path / "venv" / "bin"
    pip = [commands / "python", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    fetched = run(*pip, "download", "--quiet", "--no-deps", "--dest", "fetched", "--constraint", ROOT / "requirements-tools.txt",
                  "scikit-build-core", cwd=tmp_path)
    if fetched.returncode != 0:
        need("pip", f"pip cannot fetch scikit-build-core: {fetched.stderr.strip().splitlines()[-1]}")
    (tmp_path / "builds.txt").write_text("".join(f"scikit-build-core=={wheel.name.split('-')[1]}\n"
                                                 for wheel in (tmp_path / "fetched").iterdir()))
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "builds.txt"))  # of what pip builds with
    result = run(*pip, "install", "--quiet", "--constraint", ROOT / "requirements.txt", ROOT, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    return commands


def test_installed_module_finds_its_programs(installed, potentials, lmlink_eval, tmp_path):
    potential = potentials / "W_2940_2017_2.snap"
    version = run(installed / "lmlink-serve", "--version", cwd=tmp_path)
    assert version.returncode == 0 and "lmlink-serve" in version.stdout, version.stderr
    result = run(installed / "python", "-c", SCRIPT, potential, cwd=tmp_path)
    assert result.returncode == 0, result.stderr

    from ase.build import bulk
    from ase.io import read

    bulk("W", cubic=True, a=3.18).write(tmp_path / "bulk.xyz")
    lmlink_eval("--potential", potential, tmp_path / "bulk.xyz", "--output", tmp_path / "out.xyz")
    assert abs(float(result.stdout) - read(tmp_path / "out.xyz").get_potential_energy()) < 1e-9
    removed = run(installed / "python", "-m", "pip", "uninstall", "--yes", "lmlink", cwd=tmp_path)
    assert removed.returncode == 0 and not (installed / "lmlink-serve").exists(), removed.stderr
