"""New coefficients for a server that is at work: by a changed file or SIGHUP, between evaluations, all or nothing."""

import os
import shutil
import signal

import numpy as np
import pytest
from ase.io import read
from mixture import Mixture, configure, linear
from test_force_log import ML, block
from test_uf3 import made_up, write_uf3

SAME = 1e-9  # eV/Å


@pytest.fixture
def folder_of(potentials, tmp_path):
    """A folder with a potential W.snapcoeff that may be replaced, its coefficients times a factor."""
    source = (potentials / ML).with_suffix(".snapcoeff")
    shutil.copy(source.with_suffix(".snapparam"), tmp_path / "W.snapparam")

    def put(factor=1.0, text=None):
        lines = source.read_text().splitlines()
        scaled = [repr(float(line) * factor) if len(line.split()) == 1 and not line.startswith("#") else line
                  for line in lines]
        (tmp_path / "new").write_text("\n".join(scaled) + "\n" if text is None else text)
        os.replace(tmp_path / "new", tmp_path / "W.snapcoeff")

    put()
    return tmp_path, put


def server(start, sockets, path, ranks):
    """A Mixture on that many ranks."""
    if ranks == 1:
        return Mixture(start, sockets, path, "--log-level", "info")
    launcher = os.environ.get("LMLINK_MPIEXEC") or shutil.which("mpirun")
    if not launcher:
        pytest.skip("there is no MPI launcher")
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    return Mixture(lambda command: start([launcher, "-n", ranks, *command], env=environment), sockets, path)


@pytest.mark.parametrize("ranks", [1, 2])
def test_changed_file(ranks, folder_of, socket_folder, start):
    folder, put = folder_of
    atoms = block(3)
    calculator = linear("W.snapcoeff")
    calculator["potential"].update(reload=True, fixed_terms="none")
    path = configure(folder, atoms, calculator, log={"file": "log.xyz"})
    with server(start, socket_folder, path, ranks) as mixture:
        first = mixture.evaluate(atoms).forces
        put(0.5)
        assert np.abs(mixture.evaluate(atoms).forces - 0.5 * first).max() < SAME
        for text in ("nonsense\n", (folder / "W.snapcoeff").read_text().replace("0.5 1", "0.4 1")[:2000]):
            put(text=text)
            assert np.abs(mixture.evaluate(atoms).forces - 0.5 * first).max() < SAME
        put(0.25)
        assert np.abs(mixture.evaluate(atoms).forces - 0.25 * first).max() < SAME
        errors = mixture.close()
        mixture.close = lambda: None
    assert errors.count("new coefficients in force") == 2
    assert errors.count("the old coefficients stay in force") == 2
    frames = read(folder / "log.xyz", index=":")
    changed = [frame.info.get("previous_potential") for frame in frames]
    potentials = [frame.info["potential"] for frame in frames]
    assert changed == [None, potentials[0], None, None, potentials[3]]
    assert len(set(potentials)) == 3 and potentials[1] == potentials[2] == potentials[3]


def test_hang_up_signal(folder_of, socket_folder, start):
    """SIGHUP alone makes it look where nothing else does."""
    folder, put = folder_of
    atoms = block(3)
    calculator = linear("W.snapcoeff")
    calculator["potential"]["fixed_terms"] = "none"
    with server(start, socket_folder, configure(folder, atoms, calculator), 1) as mixture:
        first = mixture.evaluate(atoms).forces
        put(0.5)
        assert np.abs(mixture.evaluate(atoms).forces - first).max() < SAME
        os.kill(mixture.process.pid, signal.SIGHUP)
        assert np.abs(mixture.evaluate(atoms).forces - 0.5 * first).max() < SAME


def test_other_parameters_are_refused(folder_of, socket_folder, start):
    folder, put = folder_of
    atoms = block(3)
    calculator = linear("W.snapcoeff")
    calculator["potential"].update(reload=True, fixed_terms="none")
    with server(start, socket_folder, configure(folder, atoms, calculator), 1) as mixture:
        first = mixture.evaluate(atoms).forces
        parameters = folder / "W.snapparam"
        parameters.write_text(parameters.read_text() + "rmin0 0.1\n")
        put(0.5)
        assert np.abs(mixture.evaluate(atoms).forces - first).max() < SAME
        errors = mixture.close()
        mixture.close = lambda: None
    assert "has other parameters" in errors


def test_changed_file_of_a_format_with_one_file(tmp_path, socket_folder, start):
    """UF3: there is no parameter file to wait for."""
    def put(seed):
        write_uf3(tmp_path / "new", made_up([("W", "W")], seed=seed))
        os.replace(tmp_path / "new", tmp_path / "W.uf3")

    put(1)
    atoms = block(3)
    atoms.symbols[:] = "W"
    calculator = linear("W.uf3")
    calculator["potential"]["reload"] = True
    with server(start, socket_folder, configure(tmp_path, atoms, calculator), 1) as mixture:
        first = mixture.evaluate(atoms).forces
        put(2)
        second = mixture.evaluate(atoms).forces
        put(1)
        again = mixture.evaluate(atoms).forces
    assert np.abs(second - first).max() > 1e-3 and np.abs(again - first).max() < SAME
