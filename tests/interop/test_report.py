"""`lmlink report`: one page that needs nothing else, with the numbers of a run and of a retraining."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from conftest import TIMEOUT, run_retrain
from mixture import Mixture, configure, linear, mixing
from test_force_log import ENGINE, ML, block, sphere, steps

from lmlink import coupling
from lmlink.charts import Chart, Series
from lmlink.cli import main
from lmlink.force_log import frames_of

NEED_NETWORK = re.compile(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|url\(|@import|<link|<iframe|fetch\(|XMLHttpRequest""")


class Page(HTMLParser):
    """Its headings, texts, charts and pictures; every element is closed."""

    EMPTY = {"meta", "br", "line", "rect", "polyline"}

    def __init__(self, path):
        super().__init__()
        self.open, self.headings, self.captions, self.atoms, self.circles = [], [], [], [], 0
        self.text = path.read_text()
        self.feed(self.text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        if tag == "canvas":
            self.atoms.append(json.loads(dict(attributes)["data-atoms"]))
        self.circles += tag == "circle"
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.circles += tag == "circle"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if self.open and self.open[-1] == "figcaption":
            self.captions.append(data)


@pytest.fixture
def run(potentials, start, folders):
    """A folder with the log of a mixture and the report of a retraining on it."""
    folder, sockets = folders
    atoms = block(6)
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, 3.0, 6.0), linear(potentials / ENGINE)),
                                           energy="virtual_work"), log={"file": "run.xyz"})
    moved = list(steps(atoms, 6))
    with Mixture(start, sockets, path) as mixture:
        for replica, there in enumerate([*moved, moved[0]]):
            mixture.replica(replica % 2)
            mixture.evaluate(there)
    block(2).write(folder / "soft.xyz")
    run_retrain("--start", potentials / ML, "--form", "linear", "--targets", folder / "run.xyz", "--soft", folder / "soft.xyz",
                "--folds", 3, "--output", folder / "new.snapcoeff", "--report", folder / "new.json", "--log-level", "quiet")
    return folder


def test_the_page(run, capsys, monkeypatch):
    monkeypatch.chdir(run)
    assert main(["report", "run.xyz", "new.json", "--output", "page.html"]) == 0 and capsys.readouterr().out == "page.html\n"
    page = Page(run / "page.html")
    assert not NEED_NETWORK.search(page.text)
    assert page.headings == ["The run", "Evaluations", "Is the coupling good?", "Regions", "new.json: the retraining",
                             "new.json: errors"]
    for caption in ("Virtual work", "Largest force", "Engines", "Disagreement of the two sides",
                    "Targets, forces: run.xyz", "Errors by distance: run.xyz", "Trade-off: λs that were tried"):
        assert caption in page.captions, (caption, page.captions)
    frames = list(frames_of(run / "run.xyz"))
    assert "computed in 6 evaluations, recalled in 1" in page.text
    assert f"{np.linalg.norm(frames[-1].get_forces(), axis=1).max():.4f} eV/Å" in page.text
    picture, = page.atoms
    cluster = frames[-2].arrays["region"] != "MM"
    assert len(picture["atoms"]) == cluster.sum()
    kinds = np.array([atom[3] for atom in picture["atoms"]])
    assert (kinds == 0).sum() == (frames[-2].arrays["region"] == "QM").sum()
    report = json.loads((run / "new.json").read_text())
    assert f"{report['sets'][0]['errors']['rms_after']:.4g}" in page.text
    assert page.circles > 2 * len(report["sets"][0]["samples"]["value"])


def test_in_a_browser(run, monkeypatch, tmp_path):
    """The script runs: it draws every atom, and complains of nothing."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser: install Debian's chromium")
    monkeypatch.chdir(run)
    assert main(["report", "run.xyz", "new.json", "--output", "page.html"]) == 0
    done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser",
                           "--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", f"file://{run}/page.html"],
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    count = len(Page(run / "page.html").atoms[0]["atoms"])
    assert re.findall(r'data-drawn="(\d+)"', done.stdout) == [str(count)]
    assert "CONSOLE" not in done.stderr, done.stderr


def test_coupling(run):
    """Against NumPy on one frame, and the verdicts of made-up shells."""
    frame = next(frames_of(run / "run.xyz"))
    measured = coupling.measure([frame])
    difference = np.linalg.norm(frame.arrays["forces_qm"] - frame.arrays["forces_ml"], axis=1)
    qm, buffer = (frame.arrays["region"] == label for label in ("QM", "buffer"))
    assert abs(measured.core - difference[qm].mean()) < 1e-12
    distances = frame.get_all_distances(mic=True)[np.ix_(buffer, qm)].min(axis=1)
    width = (distances.max() - distances.min()) / 4
    for k, shell in enumerate(measured.shells):
        inside = np.clip((distances - distances.min()) // width, 0, 3) == k
        assert abs(shell - difference[buffer][inside].mean()) < 1e-9
    edges = np.arange(5.0)
    for shells, words in (((0.3, 0.6, 1.2, 2.0), "too thin"), ((0.05, 0.1, 0.5, 2.0), "wide enough: next"),
                          ((0.5, 0.5, 0.6, 2.0), "would not help"), ((0.15, 0.16, 0.5, 2.0), "about wide enough"),
                          ((np.nan,) * 4, "nothing can be said")):
        assert words in coupling.Coupling(0.1, np.array(shells), edges, 1).verdict, words


def test_what_is_refused(run, capsys):
    (run / "other.json").write_text('{"format": "x"}')
    (run / "broken.json").write_text("{")
    for name, words in (("other.json", "is no report of lmlink-retrain"), ("broken.json", "is no JSON"),
                        ("structure.xyz", "is no force log"), ("missing.xyz", "No such file")):
        assert main(["report", str(run / name), "--output", str(run / "no.html")]) == 1
        assert words in capsys.readouterr().err and not (run / "no.html").exists()


def test_charts_without_numbers():
    """What is not finite is left out; nothing at all is no chart."""
    assert Chart("t", "x", "y", [Series("", [1, 2], [np.nan, np.nan])]).svg() == ""
    assert Chart("t", "x", "y", [Series("", [1], [-1])], log_y=True).svg() == ""
    for values in ([0.0], [5.0, 5.0], [1e-30, 1e30], [-3.0, 1e6]):
        text = Chart("t", "x", "y", [Series("a<b", list(range(len(values))), values, dots=True), Series("c", [], [])]).svg()
        assert "nan" not in text and text.count("<circle") == len(values)
