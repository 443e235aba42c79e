"""Extended XYZ between ASE and lmlink-eval: nothing that ASE writes is lost or changed."""

import os

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read, write
from ase.io.extxyz import key_val_dict_to_str, key_val_str_to_dict

OWN_INFO = {"energy", "virial", "stress", "free_energy"}  # what lmlink-eval adds
OWN_ARRAYS = {"forces", "energies"}


@pytest.fixture
def structures():
    """Frames with every kind of info and column that ASE writes."""
    rng = np.random.default_rng(3)
    crystal = bulk("W", cubic=True, a=3.18).repeat(2)
    crystal.rattle(0.1, seed=1)
    crystal.info.update(step=12, temperature=301.25, converged=True, name="bulk", comment="two words", quote='a "b" c',
                        vector=np.array([1.5, -2.0, 1e-17]), whole=np.array([1, 2, 3, 4]), tiny=5e-324, huge=1e300,
                        flags=np.array([True, False]), matrix=rng.normal(size=(3, 3)))
    crystal.set_array("region", np.array(["QM"] * 3 + ["buffer"] * 5 + ["MM"] * 8))
    crystal.set_array("fix_mask", rng.random(16) < 0.5)
    crystal.set_array("momenta", rng.normal(size=(16, 3)))
    crystal.set_array("group", np.arange(16))
    crystal.set_array("weight", rng.normal(size=16))
    slab = crystal.copy()
    slab.pbc = True, False, True
    slab.set_cell(slab.cell.array @ [[1, 0.1, 0], [0, 1, 0.2], [0.05, 0, 1]])
    cluster = crystal.copy()
    cluster.pbc = False
    cluster.set_cell(None)
    return [crystal, slab, cluster]


def same(ours, original):
    """All info and columns of `original` are in `ours`, to the bit."""
    assert (ours.numbers == original.numbers).all()
    assert (ours.positions == original.positions).all()
    assert (ours.pbc == original.pbc).all() and (ours.cell.array == original.cell.array).all()
    for name, value in original.info.items():
        assert np.array_equal(ours.info[name], value), name
        assert np.asarray(ours.info[name]).dtype.kind == np.asarray(value).dtype.kind, name
    for name, values in original.arrays.items():
        assert np.array_equal(ours.arrays[name], values) and ours.arrays[name].dtype.kind == values.dtype.kind, name
    assert set(ours.info) - set(original.info) <= OWN_INFO
    assert set(ours.arrays) - set(original.arrays) <= OWN_ARRAYS


def evaluate(lmlink_eval, potentials, folder, **options):
    lmlink_eval("--potential", potentials / "W_2940_2017_2.snap", folder / "in.xyz", "--output", folder / "out.xyz",
                **options)
    return read(folder / "out.xyz", index=":", format="extxyz")


def test_round_trip(structures, lmlink_eval, potentials, tmp_path):
    write(tmp_path / "in.xyz", structures, format="extxyz")
    originals = read(tmp_path / "in.xyz", index=":", format="extxyz")
    results = evaluate(lmlink_eval, potentials, tmp_path)
    assert len(results) == len(originals)
    for ours, original in zip(results, originals):
        same(ours, original)


# Keys and values are made of these, quoted and escaped. Not among them: blanks and digits that only Python takes for
# such, which are part of a text here.
PIECES = ["a", "Key", "b_1", "1", "-3", "4.5", "1e5", "T", "F", "true", "nan", "inf", "0x1", "_JSON ", "null", '"', "'", "{",
          "}", "[", "]", "=", ",", "\\", " ", "  ", "\t", "é", "∞", "#", ":", "%", "uid", "\\n", "\\u0041", '{"x": 1}',
          "[1, 2]", "[NaN]", '"a"']
TEXTS = ['"', "'", "==", "{", "[", "a=b", 'say "hi"', "it's", "{a b}", "[1, 2]", "_JSON", "_JSONx", "1_000", "ü",
         "1\u00a02", "T\u00a0F", "a\u2028b", "٣", "a\tb c", "uid"]
OTHERS = [3, -2.5, True, [[1, 2], [3, 4]], {"a": [1, [2]], "b": None}, [1.5], np.array([True, False]), np.array([7, 8]),
          [[np.nan, np.inf]], ["a", "b"]]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_ase_reads(line):
    """The comment line's info; nothing where ASE does not read it."""
    try:
        return key_val_str_to_dict(line)
    except ValueError:
        return {}


def same_value(one, other):
    if isinstance(one, str | dict) or isinstance(other, str | dict):
        return type(one) is type(other) and one == other
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype.kind == other.dtype.kind and repr(one.tolist()) == repr(other.tolist())


def compare_info(lines, expected, lmlink_eval, potentials, folder):
    """Frames with these comment lines, by lmlink-eval: what ASE reads then, and what lmlink-eval does."""
    (folder / "in.xyz").write_text("".join(f"1\n{line}\nW 0 0 0\n" for line in lines), encoding="utf-8")
    potential = potentials / "W_2940_2017_2.snap"
    lmlink_eval("--potential", potential, folder / "in.xyz", "--output", folder / "out.xyz")
    written = (folder / "out.xyz").read_text(encoding="utf-8").split("\n")[1::3]
    for line, info, ours in zip(lines, expected, written, strict=True):
        read_back = as_ase_reads(ours)
        assert read_back.keys() - OWN_INFO == info.keys() | {"pbc", "Properties"}, (line, ours)
        for key, value in info.items():
            assert same_value(read_back[key], value), (key, line, ours)
    lmlink_eval("--potential", potential, folder / "out.xyz", "--output", folder / "again.xyz")
    assert (folder / "again.xyz").read_bytes() == (folder / "out.xyz").read_bytes()


LAYOUT = 'Properties=species:S:1:pos:R:3 pbc="F F F"'


def test_any_key_and_value(lmlink_eval, potentials, tmp_path):
    rng = np.random.default_rng(1)

    def word():
        return "".join(rng.choice(PIECES, rng.integers(1, 7)))

    lines = [f"{LAYOUT} " + " ".join(f"{quoted(word())}={quoted(word())}" for _ in range(rng.integers(1, 4)))
             for _ in range(2000)]
    expected = [{key: value for key, value in as_ase_reads(line).items() if key not in ("pbc", "Properties")}
                for line in lines]
    readable = [k for k, info in enumerate(expected) if info]  # not where something that is no JSON stands for it
    assert len(readable) > 1500
    compare_info([lines[k] for k in readable], [expected[k] for k in readable], lmlink_eval, potentials, tmp_path)


def test_what_ase_writes(lmlink_eval, potentials, tmp_path):
    """Also what ASE itself takes for something else when it reads it."""
    infos = [{"before": 1, "k": value, "after": "x y"} for value in TEXTS + OTHERS]
    infos += [{"uid": value} for value in TEXTS if "=" not in value]
    infos += [{value: 5, "after": 2} for value in TEXTS if "=" not in value and value != "uid"]
    lines = [f"{LAYOUT} {key_val_dict_to_str(info)}" for info in infos]
    compare_info(lines, infos, lmlink_eval, potentials, tmp_path)


def test_values_without_anything_in_them(lmlink_eval, potentials, tmp_path):
    empty = np.array([], dtype=int)
    lines = {"k=,": {"k": empty}, 'k=", ,"': {"k": empty}, 'k="" after=1': {"k": empty, "after": 1},
             '"" after=1': {"after": 1}, 'uid="" after=1': {"after": 1}, "after=1 ''": {"after": 1}, "after=1 {": {"after": 1},
             "after=1 \\": {"after": 1}, 'k="_JSON " after=1': {"k": "_JSON ", "after": 1},
             'k="_JSON [1, 2" after=1': {"k": "_JSON [1, 2", "after": 1}, 'k="_JSON 01"': {"k": "_JSON 01"}}
    compare_info([f"{LAYOUT} {line}" for line in lines], lines.values(), lmlink_eval, potentials, tmp_path)


def test_positions_keep_all_their_digits(lmlink_eval, potentials, tmp_path):
    """ASE writes eight decimals; a file with all digits of a double comes back with all of them."""
    positions = np.random.default_rng(5).normal(size=(4, 3)) * [3, 3e-7, 300]
    lines = [f"W {' '.join(map(repr, row))}" for row in positions.tolist()]
    header = 'Properties=species:S:1:pos:R:3 pbc="F F F"'
    (tmp_path / "in.xyz").write_text("\n".join([str(len(lines)), header, *lines, ""]))
    results = evaluate(lmlink_eval, potentials, tmp_path)
    assert (results[0].positions == positions).all()


def test_results_of_another_calculator_are_replaced(lmlink_eval, potentials, tmp_path):
    atoms = bulk("W", cubic=True, a=3.18)
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.ones((2, 3)))
    write(tmp_path / "in.xyz", atoms, format="extxyz")
    ours = evaluate(lmlink_eval, potentials, tmp_path)[0]
    assert ours.get_potential_energy() < -20
    assert np.abs(ours.get_forces()).max() < 1e-9


def test_constraints_come_back(lmlink_eval, potentials, tmp_path):
    atoms = bulk("W", cubic=True, a=3.18).repeat(2)
    atoms.set_constraint(FixAtoms([1, 4]))
    write(tmp_path / "in.xyz", atoms, format="extxyz")
    ours = evaluate(lmlink_eval, potentials, tmp_path)[0]
    assert ours.constraints[0].index.tolist() == [1, 4]


@pytest.mark.parametrize("name", ["LC_ALL", "LC_NUMERIC", "LANG"])
def test_the_locale_does_not_matter(name, structures, lmlink_eval, potentials, tmp_path):
    write(tmp_path / "in.xyz", structures, format="extxyz")
    plain = evaluate(lmlink_eval, potentials, tmp_path, env={**os.environ, "LC_ALL": "C"})
    german = evaluate(lmlink_eval, potentials, tmp_path,
                      env={**{k: v for k, v in os.environ.items() if k != "LC_ALL"}, name: "de_DE.UTF-8"})
    for one, other in zip(plain, german):
        same(other, one)
        assert one.get_potential_energy() == other.get_potential_energy()
