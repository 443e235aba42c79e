"""SNAP potentials in the files of LAMMPS's `pair_style mliap`, against that style."""

import re
import types

import numpy as np
import pytest
from ase.io import write
from made_up import write_potential
from results import read_results
from structures import rattled_cells

FORCE_BAR = 1e-9  # eV/Å
ENERGY_BAR = 1e-9  # eV per atom
VIRIAL_BAR = 1e-8  # of the virial's norm

# Those of lammps-data with a linear or quadratic model and the descriptor sna: crystal and lattice constant (Å).
PUBLISHED = {"Ta06A.mliap": ("bcc", 3.30), "W.quadratic.mliap": ("bcc", 3.18), "WBe_Wood_PRB2019.mliap": ("bcc", 3.05),
             "InP_JCPA2020.mliap": ("zincblende", 5.87)}
REFUSED = {"Ta06A.nn.mliap": "mliap model nn is not supported", "Ta06A.pytorch.mliap": "mliap model mliappy is not supported"}
# LAMMPS's forces are no gradient of its energy with coefficients that differ under exchange (docs/potentials.md).
ROUNDED_EXCHANGES = {"InP_JCPA2020.mliap": 1e-7}


def oracle_potential(path, monkeypatch):
    """What the oracle wants to know of a potential: it reads the file itself."""
    text = path.read_text()
    elements = re.search(r"^pair_coeff \* \* (?:mliap)?(.*)$", text, re.MULTILINE)[1].split()
    monkeypatch.setenv("LAMMPS_POTENTIALS", str(path.parent))
    variables = re.findall(r"^\s*variable\s+(\w+)", text, re.MULTILINE)
    return types.SimpleNamespace(elements=elements, commands=lambda: [
        *(f"variable {name} delete" for name in variables), f"include {path}"])


def compare(oracle, lmlink_eval, folder, path, potential, lattice, force_bar=FORCE_BAR):
    write(folder / "in.xyz", rattled_cells(potential.elements, *lattice), format="extxyz", columns=["symbols", "positions"])
    lmlink_eval("--potential", path, folder / "in.xyz", "--output", folder / "out.xyz")
    frames = read_results(folder / "out.xyz")
    for found in frames:
        expected = oracle.evaluate(found.atoms, potential)
        assert np.abs(expected.forces).max() > 0.1
        assert np.abs(found.forces - expected.forces).max() <= force_bar
        assert np.abs(found.energies - expected.energies).max() <= ENERGY_BAR
        assert np.linalg.norm(found.virial - expected.virial) <= VIRIAL_BAR * np.linalg.norm(expected.virial)
    return frames


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_potential(name, lammps, lmlink_eval, potentials, tmp_path, monkeypatch):
    path = potentials / name
    frames = compare(lammps, lmlink_eval, tmp_path, path, oracle_potential(path, monkeypatch), PUBLISHED[name],
                     ROUNDED_EXCHANGES.get(name, FORCE_BAR))
    twin = path.with_suffix(".snap")
    if name not in ROUNDED_EXCHANGES or not twin.is_file():
        return
    lmlink_eval("--potential", twin, tmp_path / "in.xyz", "--output", tmp_path / "twin.xyz")
    for found, expected in zip(frames, read_results(tmp_path / "twin.xyz")):
        assert np.abs(found.forces - expected.forces).max() <= FORCE_BAR


def test_none_is_forgotten(potentials):
    assert {path.name for path in potentials.glob("*.mliap")} == set(PUBLISHED) | set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_other_models_are_refused_by_name(name, lmlink_eval, potentials, tmp_path):
    write(tmp_path / "in.xyz", rattled_cells(["Ta"], "bcc", 3.3)[0], format="extxyz")
    done = lmlink_eval("--potential", potentials / name, tmp_path / "in.xyz", check=False)
    assert done.returncode == 1 and REFUSED[name] in done.stderr and f"{name}:12:" in done.stderr


def as_mliap(snapcoeff, settings, elements, order):
    """The files of a potential of `pair_style snap` in those of `mliap`; the script has its types in another order."""
    words = [line.split() for line in snapcoeff.read_text().splitlines()[1:]]
    numbers = "".join(f"{line[0]} # a comment\n" for line in words[1:] if len(line) == 1)
    folder = snapcoeff.parent
    (folder / "made-up.mliap.model").write_text(f"# made up\n{' '.join(words[0])}\n{numbers}")
    symbols, radii, weights = (" ".join(str(element[k]) for element in elements) for k in range(3))
    (folder / "made-up.mliap.descriptor").write_text(
        f"nelems {len(elements)}\nelems {symbols}\nradelems {radii}\nwelems {weights}\n"
        + "".join(f"{name} {value}\n" for name, value in settings.items() if name != "quadraticflag"))
    form = "quadratic" if settings.get("quadraticflag") else "linear"
    (folder / "made-up.mliap").write_text(f"pair_style mliap model {form} made-up.mliap.model descriptor sna "
                                          f"made-up.mliap.descriptor\npair_coeff * * {' '.join(order)}\n")
    return folder / "made-up.mliap"


@pytest.mark.parametrize("settings, order", [
    ({"twojmax": 4}, ["Be", "W"]), ({"twojmax": 4, "quadraticflag": 1, "bzeroflag": 0}, ["Be", "W"]),
    ({"twojmax": 3, "chemflag": 1, "bnormflag": 1, "wselfallflag": 1}, ["W", "Be"]),
    ({"twojmax": 4, "rfac0": 0.9, "rmin0": 0.6, "switchflag": 0}, ["W", "Be"])],
    ids=["linear", "quadratic", "chemflag", "others"])
def test_each_flag(settings, order, lammps, lmlink_eval, tmp_path, monkeypatch):
    elements = [("W", 0.5, 1.0), ("Be", 0.418, 0.759)]
    settings = {"rcutfac": 4.6, **settings}
    atoms = rattled_cells(["W", "Be"], "bcc", 3.15)[0]
    path = as_mliap(write_potential(tmp_path, settings, elements, atoms, seed=4), settings, elements, order)
    compare(lammps, lmlink_eval, tmp_path, path, oracle_potential(path, monkeypatch), ("bcc", 3.15))


def test_what_does_not_fit_is_refused(lammps, lmlink_eval, tmp_path):
    """Each message names the file, the line and the word."""
    elements, settings = [("W", 0.5, 1.0), ("Be", 0.418, 0.759)], {"rcutfac": 4.6, "twojmax": 3, "chemflag": 1}
    atoms = rattled_cells(["W", "Be"], "bcc", 3.15)[0]
    path = as_mliap(write_potential(tmp_path, settings, elements, atoms, seed=4), settings, elements, ["W", "Be"])
    write(tmp_path / "in.xyz", atoms, format="extxyz")
    cases = [(".mliap", "sna", "so3", "made-up.mliap:1: mliap descriptor so3 is not supported"),
             (".mliap", "linear", "quadratic", "made-up.mliap.model:2: 65 coefficients per element, but a quadratic"),
             (".mliap", "model linear", "unified", "expected 'mliap model linear|quadratic FILE descriptor sna FILE'"),
             (".mliap", "W Be", "Be W", "with chemflag all elements of the file must be used, in its order: W Be"),
             (".mliap", "W Be", "W Fe", "there is no element Fe"),
             (".mliap.descriptor", "chemflag 1", "sinner 2 2", "made-up.mliap.descriptor:7: unknown keyword 'sinner'"),
             (".mliap.descriptor", "twojmax 3", "nmax 3", "made-up.mliap.descriptor:6: unknown keyword 'nmax'"),
             (".mliap.descriptor", "welems 1.0 0.759", "welems 1.0", "made-up.mliap.descriptor:4: welems has 1 values"),
             (".mliap.descriptor", "nelems 2\n", "", "made-up.mliap.descriptor:1: elems before nelems"),
             (".mliap.descriptor", "elems W Be", "elems W W", "made-up.mliap.descriptor:2: element W is there twice"),
             (".mliap.descriptor", "radelems 0.5 0.418\n", "", "required keyword 'radelems' is missing"),
             (".mliap.model", "2 65", "1 65", "made-up.mliap.model:2: coefficients of 1 elements, but the descriptor"),
             (".mliap.model", "2 65", "2 66", "66 coefficients"), (".mliap.model", " # a comment\n", "\n\n", "blank or comment")]
    for extension, old, new, message in cases:
        file = tmp_path / f"made-up{extension}"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        done = lmlink_eval("--potential", path, tmp_path / "in.xyz", check=False)
        assert done.returncode == 1 and message in done.stderr, (message, done.stderr)
        file.write_text(text)
    done = lmlink_eval("--potential", tmp_path / "made-up.mliap.model", tmp_path / "in.xyz", check=False)
    assert done.returncode == 2 and "give the .mliap file" in done.stderr
