"""Forces that stand in the force log are found by a restarted i-PI too, which has nine digits of each number, and by
the log's index, which changes nothing but the time that it takes to open the log."""

import os
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from ase.units import Bohr
from conftest import TIMEOUT, program
from mixture import Mixture, run
from serve import finish
from test_never_twice import case, count, evaluations  # noqa: F401: a fixture


def restarted(values):
    """Lengths as i-PI's restart file has them."""
    io_xml = pytest.importorskip("ipi.utils.io.inputs.io_xml")
    return np.vectorize(lambda x: float(io_xml.write_float(x / Bohr)) * Bohr)(np.asarray(values, dtype=float))


@pytest.mark.parametrize("place", [60, 120])
def test_a_restart_of_ipi_is_found(place, case, start):
    """A block in a cell of twice that size, with coordinates of about `place` Å."""
    write, atoms, folder, sockets = case
    atoms.positions += place
    atoms.cell = np.diag([2.0 * place + 0.123456789] * 3)
    path = write()
    with Mixture(start, sockets, path) as mixture:
        first = mixture.evaluate(atoms)
    assert count(folder) == 1
    again = atoms.copy()
    again.positions = restarted(atoms.positions)
    again.cell = restarted(atoms.cell.array)
    apart = np.abs(again.positions - atoms.positions).max()
    assert 1e-8 < apart < 1e-8 * place
    mixture = Mixture(start, sockets, path, "--log-level", "info")
    second = mixture.evaluate(again)
    told = mixture.close()
    assert count(folder) == 0 and second.extras["recalled_regions"] == 1
    lines = [line for line in told.splitlines() if "forces of frame 0 of the force log are taken" in line]
    assert len(lines) == 1 and f"{apart:.1e}" in lines[0]
    assert np.abs(second.forces - first.forces).max() < 1e-4  # of the ML part, at the places of now
    # What was found that way is found again, but does not stand in for others that are as far from it.
    assert evaluations(start, case, path, [again.positions])[0] == 0
    beyond = atoms.positions + 2 * (again.positions - atoms.positions)
    beyond[0] = again.positions[0] + [1.5e-8 * place, 0, 0]
    assert evaluations(start, case, path, [beyond])[0] == 1


# ---- the index ----

def index_of(folder):
    return folder / "log.xyz.index"


def displaced(atoms, number):
    rng = np.random.default_rng(number)
    return atoms.positions + rng.normal(0, 0.01, atoms.positions.shape)


@pytest.fixture
def three(case, start):
    """A log of three evaluations; their positions."""
    _, atoms, _, _ = case
    positions = [displaced(atoms, number) for number in range(3)]
    assert evaluations(start, case, case[0](), positions)[0] == 3
    return positions


def damage(at):
    def change(index):
        data = bytearray(index.read_bytes())
        data[at] ^= 1
        index.write_bytes(data)
    return change


def become_a_folder(index):
    index.unlink()
    index.mkdir()


@pytest.mark.parametrize("happens", [
    lambda index: None,
    lambda index: index.unlink(),
    lambda index: index.write_bytes(b""),
    lambda index: index.write_bytes(os.urandom(3000)),
    lambda index: index.write_bytes(b"\0" * 128 + index.read_bytes()[128:]),
    lambda index: os.truncate(index, index.stat().st_size - 1),
    lambda index: os.truncate(index, 128 + 2 * 176),
    lambda index: index.write_bytes(index.read_bytes() + index.read_bytes()[128:]),
    damage(20), damage(128), damage(128 + 40), damage(128 + 176), damage(-1), become_a_folder],
    ids=["whole", "missing", "empty", "random", "header", "cut", "short", "twice", "version", "number", "hash",
         "second", "last", "folder"])
def test_an_index_is_never_trusted(happens, case, three, start):
    """Whatever its index is like, a log has what it has."""
    write, atoms, folder, sockets = case
    index = index_of(folder)
    whole = index.read_bytes()
    happens(index)
    mixture, moved = Mixture(start, sockets, write()), atoms.copy()
    for moved.positions in three:
        assert mixture.evaluate(moved).extras["recalled_regions"] == 1
    moved.positions = displaced(atoms, 3)
    assert mixture.evaluate(moved).extras["recalled_regions"] == 0
    told = mixture.close()
    assert count(folder) == 1
    assert ("without an index" in told) == index.is_dir()
    if not index.is_dir():
        assert index.read_bytes()[: len(whole)] == whole and len(index.read_bytes()) == 128 + 7 * 176


def test_it_is_the_same_whenever_it_is_made(case, three, start):
    """By evaluations, or by reading the log."""
    write, _, folder, sockets = case
    index = index_of(folder)
    again = [three[1], three[0] * (1 + 5e-9)]
    assert evaluations(start, case, write(), again)[0] == 0  # recalled, and so in the log once more
    made = index.read_bytes()
    index.unlink()
    with Mixture(start, sockets, write()):
        pass
    assert index.read_bytes() == made
    assert run(write(), "--check").returncode == 0 and index.read_bytes() == made


def test_an_index_of_less_or_more_than_the_log(case, three, start):
    """Of a log that another program made longer, or that was cut off or replaced since."""
    write, atoms, folder, _ = case
    log, index = folder / "log.xyz", index_of(folder)
    old_log, old_index = log.read_bytes(), index.read_bytes()
    fourth = displaced(atoms, 3)
    assert evaluations(start, case, write(), [fourth])[0] == 1
    new_log, new_index = log.read_bytes(), index.read_bytes()
    index.write_bytes(old_index)
    assert evaluations(start, case, write(), [fourth])[0] == 0
    log.write_bytes(old_log)
    index.write_bytes(new_index)
    assert evaluations(start, case, write(), [three[2], fourth])[0] == 1
    log.write_bytes(new_log[len(new_log) - (len(new_log) - len(old_log)):])  # the last frame alone
    index.write_bytes(new_index)
    assert evaluations(start, case, write(), [fourth, three[0]])[0] == 1


def test_a_damaged_frame_is_not_found(case, three, start):
    """Its index does not know; what it has is computed again, and the next start sets it aside."""
    write, atoms, folder, sockets = case
    log = folder / "log.xyz"
    data = bytearray(log.read_bytes())
    at = data.index(b"forces_qm") + 2000
    while not chr(data[at]).isdigit():
        at += 1
    data[at] ^= 1
    log.write_bytes(data)
    mixture, moved = Mixture(start, sockets, write()), atoms.copy()
    for moved.positions in three:
        mixture.evaluate(moved)
    told = mixture.close()
    assert count(folder) == 1
    warnings = [line for line in told.splitlines() if "warning: " in line]
    assert len(warnings) == 1 and "frame 0 of the force log" in warnings[0] and "damaged" in warnings[0]
    assert evaluations(start, case, write(), three)[0] == 0
    assert (folder / "log.xyz.damaged-1").exists()


def test_a_removed_log_is_noticed_before_the_engine_is_asked(case, start):
    write, atoms, folder, sockets = case
    mixture = Mixture(start, sockets, write())
    mixture.evaluate(atoms)
    (folder / "log.xyz").unlink()
    moved = atoms.copy()
    moved.positions = displaced(atoms, 1)
    with pytest.raises((EOFError, OSError)):
        mixture.evaluate(moved)
    _, errors = mixture.process.communicate(timeout=TIMEOUT)
    mixture.driver.close()
    assert mixture.process.returncode == 1 and "was removed" in errors
    assert count(folder) == 1


def bytes_read(start, path, folder):
    """By a server, until it waits for its driver."""
    process = start([program("lmlink-serve"), path, "--driver", f"unix:{folder / 'nobody'}"])
    for line in process.stderr:
        if "waiting for a driver" in line:
            break
    words = Path(f"/proc/{process.pid}/io").read_text().split()
    process.kill()
    process.communicate(timeout=TIMEOUT)
    return int(words[words.index("rchar:") + 1])


def test_a_long_log_is_not_read_to_be_opened(case, three, start):
    """By its index hardly more than the last frame is."""
    write, _, folder, _ = case
    log, index = folder / "log.xyz", index_of(folder)
    data, path = log.read_bytes(), write()
    log.write_bytes(50 * data)
    index.unlink()
    whole = bytes_read(start, path, folder)
    again = bytes_read(start, path, folder)
    print(f"{log.stat().st_size} bytes of log: {whole} read without its index, {again} with it")
    assert whole > 50 * len(data) > 20 * index.stat().st_size
    assert again - (whole - 50 * len(data)) < len(data)


RUN = """
<simulation verbosity='low'>
  <output prefix='run'> <checkpoint filename='chk' stride='1' overwrite='true'/> </output>
  <total_steps>2</total_steps>
  <ffsocket name='lmlink' mode='unix' pbc='false'>
    <address>{address}</address> <latency>1e-4</latency>
  </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='ase'>init.xyz</file> <velocities mode='thermal' units='kelvin'>300</velocities>
    </initialize>
    <forces> <force forcefield='lmlink'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'>1.0</timestep> </dynamics>
    </motion>
    <ensemble> <temperature units='kelvin'>300</temperature> </ensemble>
  </system>
</simulation>
"""


def test_ipi_itself_repeats_nothing(ipi, case, start):
    """It ends after two steps, and is restarted from its own checkpoint for two more."""
    write, atoms, folder, _ = case
    atoms.positions += 120.0
    atoms.cell = np.diag([240.123456789] * 3)
    atoms.write(folder / "init.xyz", format="extxyz", columns=["symbols", "positions"])
    address = f"lmlrestart{os.getpid()}"
    (folder / "input.xml").write_text(RUN.format(address=address))
    path = write()
    for name, new in (("input.xml", 3), ("RESTART", 2)):
        if name == "RESTART":
            text = (folder / name).read_text()
            assert "<total_steps>2</total_steps>" in text.replace(" ", "")
            (folder / name).write_text(text.replace("<total_steps>2<", "<total_steps>4<"))
        driver = start([ipi, name], cwd=folder)
        server = start([program("lmlink-serve"), path, "--driver", f"unix:{address}", "--wait", 60])
        assert finish(server)[0] == 0 and driver.wait(TIMEOUT) == 0
        assert count(folder) == new
    recalled = [frame.info["recalled"] for frame in read(folder / "log.xyz", index=":")]
    assert recalled == [False] * 3 + [True] + [False] * 2
