"""examples/paper/reproduce.py: every sentence of the paper with a number has its row, and the rows say what is right."""

import re
import sys

import pytest
from conftest import ROOT
from examples import run

FOLDER = ROOT / "examples" / "paper"
SECTIONS = {"II.A": ("A. Constrained retraining procedure", "B. Dislocation glide in bcc"),
            "II.B": ("B. Dislocation glide in bcc", "C. Dislocation-vacancy segregation"),
            "II.C": ("C. Dislocation-vacancy segregation", "D. Impurity-induced"),
            "II.D": ("D. Impurity-induced", "III. CONCLUSIONS"),
            "VI.A": ("A. Calculation of energies", "B. VASP DFT Parameters"),
            "VI.B": ("B. VASP DFT Parameters", "C. Machine learning potential"),
            "VI.C": ("C. Machine learning potential", "- J. P. Hirth")}
CITATION = re.compile(r"\[[\d, –-]+\]")
BAR = re.compile(r"\\(?:bar|overline)\{\\?(\d)\}")  # over one of Miller's indices
NUMBER = re.compile(r"\d+,\d{3}|\d+\.\d+|\d+%|\d{2,}|\b(?:three|eleven)\b")
INDICES = {"100", "111", "001", "011", "00"}  # Miller's


@pytest.fixture
def statements(monkeypatch):
    for folder in (ROOT / "examples" / "ase", FOLDER):
        monkeypatch.syspath_prepend(str(folder))
    import statements

    return statements.STATEMENTS


def sentences(text):
    """Each sentence of a section, without citations, whose numbers are nothing that the paper says."""
    return re.split(r"(?<=[.!?]) (?=[A-Z$])", CITATION.sub("", BAR.sub(r"\1", re.sub(r"\s+", " ", text))))


def test_every_number_has_its_row(reference, statements):
    paper = reference.parents[1] / "paper.txt"
    if not paper.is_file():
        pytest.skip(f"{paper} is not there: the paper's text, arXiv:2111.11262")
    text, seen = paper.read_text(), 0
    for section, (begin, end) in SECTIONS.items():
        rows = {number for each in statements if each.section == section for number in each.numbers}
        for sentence in sentences(text[text.index(begin):text.index(end)]):
            found = set(NUMBER.findall(sentence)) - INDICES
            assert found <= rows, f"{section}: {sentence}"
            seen += len(found)
    assert seen > 50  # the pattern finds them


def table(start, folder):
    run(start, folder, [sys.executable, FOLDER / "reproduce.py", "--table", "--output", folder])
    lines = (folder / "statements.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_rows_without_anything(start, statements, monkeypatch, tmp_path):
    """What needs no data is there, and what needs some says so."""
    monkeypatch.delenv("LMLINK_REFERENCE", raising=False)
    rows = table(start, tmp_path)
    assert len(rows) == len(statements) and all(len(row) == 6 for row in rows)
    by_claim = {row[1]: row for row in rows}
    assert by_claim["structures between each two minima"][3:5] == ["11", "yes"]
    assert by_claim["rank of the constraints: elastic; with a vacancy's migration"][3].startswith("not computed: needs the paper's")
    assert by_claim["QM/ML barriers of both, eV"][3] == "not computed: needs the stage peierls"


def test_clusters_of_the_paper(start, reference, monkeypatch, tmp_path):
    """The numbers of atoms, which the paper gives without widths, can be had; the disks and cylinders have theirs."""
    monkeypatch.setenv("LMLINK_REFERENCE", str(reference))
    rows = table(start, tmp_path)
    by_number = {row[2]: row for row in rows}
    for numbers in ("24, 123, 147, 14, 96, 110", "27, 351, 378", "1,927, 79, 168, 247", "396, 24, 373", "59,707",
                    "70,355, 70,000, three"):
        assert by_number[numbers][4] == "yes", by_number[numbers]
