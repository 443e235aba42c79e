"""examples/ase/distill.py with small teachers: in the bulk, with the teacher's elastic constants, and around a vacancy, with the
potential's own ones."""

import os

from ase.io import read
from examples import example, is_picture, number


def test_bulk(start, potentials, tmp_path):
    """EMT's copper, whose elastic constants ASE's documentation quotes; a second start calls it no more."""
    options = ("--bulk", "--set-elastic", "--size", "3", "--temperatures", "300", "600", "--element", "Cu", "--potential",
               potentials / "Cu_Zuo_JPCA2020.snap", "--teacher", "ase.calculators.emt:EMT()")
    output = example(start, tmp_path, "distill.py", *map(str, options))
    after = output.split("\nafter")[1].split("\n")[0].split()
    assert abs(float(after[1]) - 173) < 1 and abs(float(after[2]) - 116) < 1 and abs(float(after[3]) - 90) < 1
    assert number("elastic constant from the teacher's:", output) < 1e-3
    assert number("eV/Å after:", output) < 1 / 3
    frames = read(tmp_path / "out" / "train.xyz", ":")
    assert len(frames) == 8 and all((frame.arrays["region"] == "QM").all() for frame in frames)
    assert "8 structures, 8 calls of the teacher" in output and is_picture(tmp_path / "out" / "distill.png")
    again = example(start, tmp_path, "distill.py", *map(str, options))
    assert "8 structures, 0 calls of the teacher" in again and "2 structures, 0 calls of the teacher" in again
    assert again.split("\nafter")[1].split("\n")[0] == output.split("\nafter")[1].split("\n")[0]


SOFT_STRESS = """
from ase.calculators.emt import EMT


class Teacher(EMT):
    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        if "stress" in self.results:
            self.results["stress"] *= 0.94
"""


def test_stresses_that_differ_from_energies(start, potentials, monkeypatch, tmp_path):
    """Of a teacher whose energies and stresses say different constants, as foundation models' can, the stresses' are set."""
    (tmp_path / "soft_stress.py").write_text(SOFT_STRESS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    output = example(start, tmp_path, "distill.py", "--bulk", "--set-elastic", "--size", "3", "--temperatures", "300", "--element",
                     "Cu", "--potential", str(potentials / "Cu_Zuo_JPCA2020.snap"), "--teacher", "soft_stress:Teacher()")
    after = output.split("\nafter")[1].split("\n")[0].split()
    for constant, energies_say in zip(after[1:], (173, 116, 90)):
        assert abs(float(constant) / (0.94 * energies_say) - 1) < 0.01
    assert number("elastic constant from the teacher's:", output) < 0.01
    assert number("eV/Å after:", output) < 1 / 3


def test_diamond(start, potentials, tmp_path):
    """Symmetry does not hold silicon's atoms under shear: C44, which depends on how they move, becomes the teacher's too."""
    teacher = f"lmlink:LMLink('{potentials / 'Si_Zuo_JPCA2020.quadratic.snap'}')"
    output = example(start, tmp_path, "distill.py", "--bulk", "--set-elastic", "--size", "2", "--temperatures", "300", "600",
                     "--element", "Si", "--potential", str(potentials / "Si_Zuo_JPCA2020.snap"), "--teacher", teacher)
    assert number("elastic constant from kept:", output) > 0.2
    assert number("elastic constant from the teacher's:", output) < 1e-3
    assert number("eV/Å after:", output) < 1 / 3


def test_vacancy(start, potentials, tmp_path):
    output = example(start, tmp_path, "distill.py", "--size", "4")
    assert "train: 14 QM atoms of 127" in output
    assert number("elastic constant from kept:", output) < 1e-6
    assert number("eV/Å after:", output) < 0.4
    assert is_picture(tmp_path / "out" / "distill.png")
