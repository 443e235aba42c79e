"""The paper's three figures, in order, and every statement of its sections II and VI that has a number.

    LMLINK_REFERENCE=FOLDER python reproduce.py [--stages NAME ...] [--output FOLDER]
    python reproduce.py --quick [--stages NAME ...] [--output FOLDER]

runs the examples of ../ase that make figure 1 (Peierls barriers, retraining, a line through a QM sphere), figure 2 (a vacancy's
segregation) and figure 3 (helium), each in a folder of its own, and prints a table: what the paper says, lmlink's number, and
whether they agree, or why not. --table prints it from what there is, without running anything. A stage that is done is not run
again. With --quick all structures are small, and the numbers are those of small structures.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

ASE = Path(__file__).resolve().parents[1] / "ase"
sys.path[:0] = [str(ASE), str(Path(__file__).resolve().parents[2] / "python")]
from common import QUADRATIC, choose_potentials, reference_folder, say  # noqa: E402
from lmlink import LMLink, find_program  # noqa: E402
from lmlink.dislocations import lattice_and_elasticity  # noqa: E402
from retrain_barrier import with_fixed_terms  # noqa: E402
from statements import REFERENCE, STATEMENTS, Missing  # noqa: E402

VERDICTS = {True: "yes", False: "no", None: "—"}


# ---- what is run ----

FIGURES = {"glide-screw": "figure 1", "glide-011": "figure 1", "peierls": "figure 1", "sphere": "figure 1",
           "glide-linear": "figure 2", "segregation-start": "figure 2", "segregation": "figure 2", "helium": "figure 3",
           "buffer": "methods"}


def stages(output):
    """Command of each stage, in order, by name."""
    start = choose_potentials()[0]  # that of sphere.py and segregation.py
    retrained = {name: with_fixed_terms(output / name / "retrained.snapcoeff") for name in ("glide-screw", "glide-linear")}
    return {
        "glide-screw": ["retrain_barrier.py"],
        "glide-011": ["retrain_barrier.py", "--system", "011"],
        "peierls": ["peierls.py"],
        "sphere": ["sphere.py", "--surrounding", start, retrained["glide-screw"]],
        # From the linear Θ₀: around the quadratic one the vacancy's place one jump away relaxes in hundreds of steps, if at all.
        "glide-linear": ["retrain_barrier.py", "--system", "011", "--start", start],
        "segregation-start": ["segregation.py"],
        "segregation": ["segregation.py", "--surrounding", retrained["glide-linear"], "--further", "relaxed", "path"],
        "helium": ["helium.py"],
        "buffer": ["buffer_convergence.py"],
    }


def run(name, command, arguments):
    """One stage; what it prints is kept when it has ended well."""
    done = arguments.output / f"{name}.txt"
    if done.is_file():
        return
    say(f"{name} ({FIGURES[name]})")
    words = [sys.executable, ASE / command[0], *command[1:], *(["--quick"] if arguments.quick else []),
             "--output", arguments.output / name]
    partial = arguments.output / f"{name}.partial"
    with open(partial, "w") as output:
        subprocess.run([str(word) for word in words], stdout=output, check=True,
                       env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])})
    partial.rename(done)


def retrain_on_published(folder):
    """The paper's retraining on its public data: with elastic constraints, and with those of a vacancy's migration too."""
    reference = reference_folder()
    if reference is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, more in (("elastic", []), ("vacancy", ["--hard", reference / "Vac_NEB_images.xyz"])):
        if not (folder / f"{name}.json").is_file():
            say(f"retraining on the public data, constraints: {name}")
            subprocess.run([str(word) for word in (
                find_program("lmlink-retrain"), "--start", reference / "milady_lml.snapcoeff", "--targets",
                reference / "screw_glide_qmml.xyz", "--select", "unfixed", "--hard", reference / "eos_configurations.xyz", *more,
                "--soft", reference / "bulk_MD_train.xyz", "--test", reference / "bulk_MD_test.xyz", "--lambda-soft", "1",
                "--lambda-ridge", "500", "--output", folder / f"{name}.snapcoeff", "--report", folder / f"{name}.json",
                "--overwrite", "--log-level", "error")], check=True, stdout=subprocess.DEVNULL)


# ---- what came out ----

class Results:
    """What the stages have left in the output folder."""

    def __init__(self, output):
        self.output = output

    def text(self, stage):
        file = self.output / f"{stage}.txt"
        if not file.is_file():
            raise Missing(f"the stage {stage}")
        return file.read_text()

    def words(self, stage, pattern):
        return re.search(pattern, self.text(stage))[1]

    def numbers(self, stage, pattern):
        """All numbers that follow the pattern in what a stage printed."""
        found = re.findall(pattern + r"\D*?(-?\d+\.?\d*(?:e-?\d+)?)", self.text(stage))
        return [float(number) for number in found]

    def number(self, stage, pattern):
        return self.numbers(stage, pattern)[0]

    def json(self, stage, name):
        self.text(stage)
        return json.loads((self.output / stage / name).read_text())

    def retraining(self, name):
        file = self.output / "retraining" / f"{name}.json"
        if not file.is_file():
            raise Missing(REFERENCE)
        return json.loads(file.read_text())

    def disk_atoms(self, system):
        return self.json("peierls", "peierls.json")[system]["ML"]["atoms"]

    @cache
    def lattice(self):
        """Lattice constant (Å) and elastic constants (GPa) of Θ₀: the paper's quadratic one where it is there."""
        if reference_folder() is None:
            raise Missing(REFERENCE)
        with LMLink(choose_potentials(QUADRATIC)[0]) as calculator:
            return lattice_and_elasticity(calculator)


def rows(results):
    """Section, what the paper says, its numbers, ours, verdict and remark of each statement."""
    for each in STATEMENTS:
        try:
            ours, agrees = each.ours(results) if each.ours else ("not computed", None)
        except Missing as missing:
            ours, agrees = f"not computed: needs {missing}", None
        yield each.section, each.says, ", ".join(each.numbers), ours, VERDICTS[agrees], each.remark


def print_rows(found):
    for section, says, numbers, ours, verdict, remark in found:
        said = f"{says}: {numbers}" if numbers else says
        for label, text in ((section, said), ("", f"lmlink: {ours}"), ("", f"agrees: {verdict}" + (f"; {remark}" if remark else ""))):
            print(textwrap.fill(text, 118, initial_indent=f"{label:6s}", subsequent_indent=" " * 10))


def markdown(found):
    lines = ["| section | the paper | its numbers | lmlink | agrees | remark |", "| --- | --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|b|", "b") for cell in row) + " |" for row in found)]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stages", nargs="+", choices=list(FIGURES), default=list(FIGURES), help="which to run (all)")
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what there is")
    parser.add_argument("--quick", action="store_true", help="small structures")
    parser.add_argument("--output", type=Path, default=Path("paper"), help="folder of all files")
    arguments = parser.parse_args()
    arguments.output = arguments.output.resolve()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.table:
        retrain_on_published(arguments.output / "retraining")
        for name, command in stages(arguments.output).items():
            if name in arguments.stages:
                run(name, command, arguments)
    found = list(rows(Results(arguments.output)))
    print_rows(found)
    (arguments.output / "statements.md").write_text(markdown(found))
    print(f"\nthe same as a table: {arguments.output / 'statements.md'}")
    if arguments.quick:
        print("--quick: the numbers are those of small structures")


if __name__ == "__main__":
    main()
