"""The wheel that scripts/release makes works where there is Python and nothing else: in a fresh environment, in a folder
in place of the system's root that has Python, the C library and what Python itself needs.

`scripts/release` is run, unless LMLINK_WHEEL names a wheel that it has made.
"""

import email
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import ROOT, need
from test_pip import run

LIMIT = 40 * 2**20  # bytes
# Libraries that manylinux wheels may count on: the C library's, and the compilers'.
SYSTEM = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libgcc_s.so.1",
          "libstdc++.so.6"}
POTENTIAL = "W_2940_2017_2"


@pytest.fixture(scope="session")
def wheel():
    given = os.environ.get("LMLINK_WHEEL")
    if given:
        return Path(given)
    if shutil.which("dpkg-query") is None:
        pytest.skip("scripts/release is for Debian")
    done = run(ROOT / "scripts" / "release", cwd=ROOT)
    if done.returncode != 0 and "could not install requirements-tools.txt" in done.stderr:
        need("pip", done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return ROOT / "dist" / re.search(r"dist/(lmlink\S+\.whl)", done.stdout)[1]


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A fresh environment with the wheel: its folder."""
    folder = tmp_path_factory.mktemp("wheel") / "venv"
    made = run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    assert made.returncode == 0, made.stderr
    done = run(folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet",
               "--constraint", ROOT / "requirements.txt", wheel, cwd=folder.parent)
    if done.returncode != 0 and "No matching distribution" in done.stderr and "lmlink" not in done.stderr.splitlines()[-1]:
        need("pip", f"pip cannot fetch what lmlink needs: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


def test_what_is_in_it(wheel):
    """Small, for Debian 12 and newer, with the licences of what is bundled, and a description whose links work."""
    assert wheel.stat().st_size < LIMIT
    assert re.fullmatch(r"lmlink-[0-9.]+-py3-none-manylinux_2_3[0-6]_x86_64\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = email.message_from_bytes(archive.read(next(name for name in names if name.endswith("/METADATA"))))
    assert {"lmlink/py.typed", "lmlink/bin/lmlink-serve", "lmlink/bin/lmlink-eval", "lmlink/bin/lmlink-retrain"} <= set(names)
    text = " ".join(names)
    for library, package in (("libcjson", "libcjson1"), ("libnettle", "libnettle8"), ("libopenblas", "libopenblas0-pthread"),
                             ("libyaml", "libyaml-0-2")):
        assert re.search(rf"\.libs/{library}\S*\.so", text) and f"licenses/{package}/copyright" in text
    for page in ("man/man1/lmlink.1", "man/man1/lmlink-retrain.1", "bash-completion/completions/lmlink",
                 "zsh/site-functions/_lmlink-serve"):
        assert f"/data/share/{page}" in text
    assert metadata["License-Expression"] == "MIT" and metadata["Author"] and metadata.get_all("Project-URL")
    links = re.findall(r"\]\(([^)]*)\)", metadata.get_payload())
    assert links and all(link.startswith(("https://", "#")) for link in links), links


def linked(path):
    """Libraries that a file is linked with, as the loader finds them."""
    done = subprocess.run(["ldd", path], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False)
    return {line.split()[0]: line.split()[2] for line in done.stdout.splitlines() if "=>" in line}


def test_it_is_linked_with_its_own_libraries(environment):
    site = next(environment.glob("lib/python*/site-packages"))
    files = [*(site / "lmlink" / "bin").iterdir(), *(site / "lmlink.libs").iterdir()]
    assert len(files) > 6
    for file in files:
        for name, path in linked(file).items():
            assert Path(path).resolve().is_relative_to(site.resolve()) or name in SYSTEM, (file, name, path)


def bare_root(folder):
    """bwrap's arguments for a root with the Python of this machine, the C library, and nothing else."""
    base = Path(sys._base_executable).resolve()
    standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}))
    needed = {"/lib64/ld-linux-x86-64.so.2"}
    for file in (base, *standard.glob("lib-dynload/*.so")):
        needed.update(linked(file).values())
    needed.update(str(Path(linked(base)["libc.so.6"]).parent / name) for name in SYSTEM)
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in [str(base), str(standard), *sorted(needed)]:
        arguments += ["--ro-bind", path, path]
    if sys.prefix != sys.base_prefix:  # an environment's python is a link to one of these
        for name in ("python3", base.name):
            arguments += ["--ro-bind", str(base), str(base.parent / name)]
    return [*arguments, "--bind", str(folder), str(folder), "--chdir", str(folder)]


SNIPPET = """
import json, shutil, sys
from ase.build import bulk
from lmlink import LMLink, read_log

assert not any(shutil.which(name) for name in ("sh", "gcc", "mpirun"))
with LMLink(sys.argv[1], force_log="log.xyz") as calculator:
    atoms = bulk("W", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.calc = calculator
    print(json.dumps([atoms.get_potential_energy(), atoms.get_forces().tolist(), atoms.get_stress().tolist()]))
assert len(read_log("log.xyz")) == 1
"""


def test_it_works_with_python_alone(environment, potentials, lmlink_eval, tmp_path):
    """README's first lines, every program, and lmlink-retrain's linear algebra."""
    if shutil.which("bwrap") is None:
        need("bwrap", "bwrap is missing: install Debian's bubblewrap")
    for extension in (".snap", ".snapcoeff", ".snapparam"):
        shutil.copy(potentials / f"{POTENTIAL}{extension}", tmp_path)
    (tmp_path / "snippet.py").write_text(SNIPPET)
    root = [*bare_root(tmp_path), "--ro-bind", str(environment), str(environment)]
    if subprocess.run([*root, str(environment / "bin" / "python"), "-c", ""], capture_output=True).returncode != 0:
        pytest.skip("bwrap cannot make a namespace here")

    def inside(*words):
        done = run(*root, "--setenv", "PATH", environment / "bin", environment / "bin" / words[0], *words[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    energy, forces, stress = json.loads(inside("python", "snippet.py", f"{POTENTIAL}.snap"))
    atoms = bulk("W", cubic=True)
    atoms.rattle(0.05, seed=1)
    write(tmp_path / "in.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
    lmlink_eval("--potential", potentials / f"{POTENTIAL}.snap", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
    ours = read(tmp_path / "out.xyz")
    assert abs(energy - ours.get_potential_energy()) < 1e-6 and np.abs(forces - ours.get_forces()).max() < 1e-6
    assert np.abs(stress - ours.get_stress()).max() < 1e-6

    for name in ("lmlink-serve", "lmlink-eval", "lmlink-retrain", "lmlink"):
        assert inside(name, "--version").startswith(name)
    assert "configuration OK" in inside("lmlink", "check", f"{POTENTIAL}.snap")
    assert "1 frames as they were written" in inside("lmlink", "check", "log.xyz")
    inside("lmlink", "retrain", "--start", f"{POTENTIAL}.snap", "--form", "linear", "--targets", "out.xyz",
           "--lambda-ridge", "1", "--output", "new.snapcoeff", "--report", "new.json", "--log-level", "quiet")
    assert (tmp_path / "new.snapcoeff").is_file()
