"""examples/ase/distill.py with small teachers: in the bulk, with the teacher's elastic constants, and around a vacancy, with the
potential's own ones."""

from ase.io import read
from examples import example, is_picture, number


def test_bulk(start, potentials, tmp_path):
    """EMT's copper, whose elastic constants ASE's documentation quotes; a second start calls it no more."""
    options = ("--bulk", "--set-elastic", "--size", "3", "--temperatures", "300", "600", "--element", "Cu", "--potential",
               potentials / "Cu_Zuo_JPCA2020.snap", "--teacher", "ase.calculators.emt:EMT()")
    output = example(start, tmp_path, "distill.py", *map(str, options))
    after = output.split("\nafter")[1].split("\n")[0].split()
    assert abs(float(after[1]) - 173) < 1 and abs(float(after[2]) - 116) < 1 and abs(float(after[3]) - 90) < 1
    assert number("elastic constant from the teacher's:", output) < 0.01
    assert number("eV/Å after:", output) < 1 / 3
    frames = read(tmp_path / "out" / "train.xyz", ":")
    assert len(frames) == 8 and all((frame.arrays["region"] == "QM").all() for frame in frames)
    assert "8 structures, 8 calls of the teacher" in output and is_picture(tmp_path / "out" / "distill.png")
    again = example(start, tmp_path, "distill.py", *map(str, options))
    assert "8 structures, 0 calls of the teacher" in again and "2 structures, 0 calls of the teacher" in again
    assert again.split("\nafter")[1].split("\n")[0] == output.split("\nafter")[1].split("\n")[0]


def test_vacancy(start, potentials, tmp_path):
    output = example(start, tmp_path, "distill.py", "--size", "4")
    assert "train: 14 QM atoms of 127" in output
    assert number("elastic constant from kept:", output) < 1e-6
    assert number("eV/Å after:", output) < 0.4
    assert is_picture(tmp_path / "out" / "distill.png")
