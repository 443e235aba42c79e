"""Threads of one evaluation: not a bit of the results depends on their number, in all programs and for all families."""

import fcntl
import os
import subprocess

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from conftest import program
from lmlink import LMLink
from test_uf3 import CUTOFFS, TRIPLETS, made_up, write_triplets, write_uf3


@pytest.fixture(scope="module")
def crystal():
    """More atoms than two units of evaluation have, of two elements."""
    atoms = bulk("W", "bcc", a=3.17, cubic=True).repeat((5, 5, 6))
    atoms.symbols[::7] = "Be"
    atoms.rattle(0.1, seed=3)
    return atoms


def snap(folder):
    values = np.random.default_rng(2).normal(0, 0.01, 2 * 15)
    blocks = "".join(f"{element} 0.5 {weight}\n" + "\n".join(map(str, part)) + "\n"
                     for element, weight, part in (("W", 1.0, values[:15]), ("Be", 0.7, values[15:])))
    (folder / "A.snapcoeff").write_text(f"2 15\n{blocks}")
    (folder / "A.snapparam").write_text("rcutfac 4.5\ntwojmax 4\n")
    (folder / "A.snap").write_text("pair_style hybrid/overlay zbl 2 3 snap\npair_coeff 1 1 zbl 74 74\n"
                                   "pair_coeff * * snap A.snapcoeff A.snapparam W Be\n")
    return folder / "A.snap"


def uf3(folder):
    return write_triplets(write_uf3(folder / "A.uf3", made_up(CUTOFFS)), TRIPLETS)


@pytest.mark.parametrize("make", [snap, uf3])
def test_files_are_the_same_byte_for_byte(make, crystal, lmlink_eval, tmp_path):
    potential = make(tmp_path)
    write(tmp_path / "in.xyz", [crystal, crystal[:100]], format="extxyz")
    outputs = []
    for threads in ([], ["--threads", 1], ["--threads", 3], ["--threads", 16]):
        output = tmp_path / "out.xyz"
        lmlink_eval("--potential", potential, tmp_path / "in.xyz", "--output", output, *threads)
        outputs.append(output.read_bytes())
    assert np.abs(read(tmp_path / "out.xyz", 0).get_forces()).max() > 1e-3
    assert len(set(outputs)) == 1


def test_a_calculator_with_threads_gives_the_same(crystal, tmp_path):
    potential = snap(tmp_path)
    results = []
    for kept in ({}, {"threads": 3}, {"threads": 2, "settings": {"log_level": "error"}}):
        atoms = crystal.copy()
        atoms.calc = LMLink(potential, **kept)
        for _ in range(3):  # new lists, then kept ones
            atoms.positions += 0.01 * np.sin(atoms.positions)
            results.append((atoms.get_potential_energy(), atoms.get_forces().tobytes(), atoms.get_stress().tobytes()))
        atoms.calc.close()
    assert results[:3] == results[3:6] == results[6:]


def test_a_mixture_may_have_threads_on_both_sides(crystal, tmp_path):
    """Its ML side and the potential that takes the quantum code's place."""
    potential = snap(tmp_path)
    forces = []
    for threads in (1, 3):
        atoms = crystal.copy()
        atoms.calc = LMLink(potential, threads=threads, qm_calc=LMLink(potential, threads=threads),
                            qm_selection_mask=[150, 151], buffer_width=6.0)
        forces.append(atoms.get_forces())
        atoms.calc.close()
    assert np.array_equal(*forces)


def threads_of(calculator):
    """Of its server: they are started when there is first work for them."""
    return len(os.listdir(f"/proc/{calculator._server.process.pid}/task"))


def checked(potential, *options, **environment):
    """What the server says about its threads."""
    done = subprocess.run([program("lmlink-serve"), "--potential", potential, "--driver", "unix:none", *options,
                           "--check"], capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return dict(line.split(None, 1) for line in done.stdout.splitlines())["threads"]


def test_by_default_all_cores_are_used(crystal, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    potential = snap(tmp_path)
    said = checked(potential)
    assert said == f"{cores} threads (the cores that may be used)" or "quota" in said
    assert checked(potential, "--threads", "3") == "3 threads (as told)"
    assert checked(potential, OMP_NUM_THREADS="1,2").startswith("1 thread (")
    one = subprocess.run(["taskset", "-c", str(min(os.sched_getaffinity(0))), program("lmlink-serve"), "--potential",
                          potential, "--driver", "unix:none", "--check"], capture_output=True, text=True, check=True)
    assert "1 thread (the cores that may be used)" in one.stdout


def test_servers_at_work_at_the_same_time_share_the_cores(crystal, tmp_path, monkeypatch):
    """Another one is at work while a byte of the roster is locked: this one then has half of the threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    potential = snap(tmp_path)
    cores = int(checked(potential).split()[0])
    if cores < 2:
        pytest.skip("needs two cores")
    atoms = crystal.copy()
    atoms.calc = LMLink(potential)
    roster = f"/tmp/lmlink-{os.geteuid()}.at-work"
    with open(os.open(roster, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        for byte in range(2**30, 2**30 + cores):  # as many others as there are cores
            fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
        beside = atoms.get_forces()
        assert threads_of(atoms.calc) == 1
        fcntl.lockf(file, fcntl.LOCK_UN)
    atoms.positions[0] += 0.001  # another structure
    atoms.get_forces()
    # Others may be at work on this machine: they are at least not more than those before.
    assert 1 <= threads_of(atoms.calc) <= cores
    atoms.positions[0] -= 0.001
    atoms.calc.reset()
    assert np.abs(atoms.get_forces() - beside).max() < 1e-10
    atoms.calc.close()


def test_numbers_that_are_none_are_refused(tmp_path, lmlink_eval):
    potential = snap(tmp_path)
    done = lmlink_eval("--potential", potential, "--threads", 0, tmp_path / "in.xyz", check=False)
    assert done.returncode == 2 and "--threads" in done.stderr and "1 to 1024" in done.stderr
    served = subprocess.run([program("lmlink-serve"), "--potential", potential, "--driver", "unix:none", "--threads",
                             "2000", "--check"], capture_output=True, text=True, check=False)
    assert served.returncode == 2 and "--threads" in served.stderr
    with pytest.raises(ValueError, match="threads is 0: it must be 1 to 1024"):
        LMLink(potential, threads=0)
    with pytest.raises(TypeError, match="threads must be a whole number"):
        LMLink(potential, threads=1.5)
