"""`lmlink report`: what a force log and a report of lmlink-retrain hold, as one page for a browser."""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict, deque
from datetime import datetime
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms

from . import coupling
from .charts import Chart, Series
from .errors import LMLinkError
from .force_log import frames_of
from .log_cluster import clusters_of, quantum_forces_of, region_names
from .log_commands import warnings_as_lines
from .outputs import Replaced, check_output
from .progress import Note, reading
from .report_page import atoms_picture, charts, page, section, table, verdict
from .version import __version__

COUPLING_FRAMES = 20  # the last ones that were computed
MOST_ATOMS = 6000  # in a picture
MOST_REPLICAS = 6  # that get a line of their own
BEFORE, AFTER = "#9aa4af", "#0057b8"


@warnings_as_lines()
def make_report(given: argparse.Namespace) -> int:
    """Write the page."""
    logs = [file for file in given.file if not file.endswith(".json")]
    reports = [_read_retraining(file) for file in given.file if file.endswith(".json")]
    output = Path(given.output or Path(given.file[0]).with_suffix(".report.html").name)
    check_output(output, given.file)
    with reading(given) as note:
        sections = [part for log in logs for part in _log_sections(log, len(logs) > 1, note)]
    sections += [part for name, report in reports for part in _retraining_sections(name, report)]
    text = page("lmlink report", f"{', '.join(given.file)} – lmlink {__version__}", sections)
    with Replaced(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(output)
    return 0


# ---- a force log ----


class _Run:
    """What is kept of each frame, and a few frames as a whole."""

    def __init__(self, file: str, note: Note | None) -> None:
        self.columns: dict[str, list[float]] = defaultdict(list)
        self.how: list[str] = []
        self.times: list[str] = []
        self.computed: deque[Atoms] = deque(maxlen=COUPLING_FRAMES)  # the last ones
        self.last: Atoms
        self.potentials: list[str] = []
        for frame in frames_of(file, note):
            self._take(frame)
        if not self.how:
            raise LMLinkError(f"{file} has no frames")

    def _take(self, frame: Atoms) -> None:
        info, results = frame.info, frame.calc.results if frame.calc is not None else {}
        forces = np.linalg.norm(results.get("forces", np.zeros((0, 3))), axis=1)
        how = quantum_forces_of(frame)
        values = {"evaluation": info["evaluation"], "replica": info["replica"], "energy": results.get("energy"),
                  "work": info.get("virtual_work"), "force": forces.max(initial=0.0),
                  "engine": info.get("engine_seconds"),
                  "qm": _largest_difference(frame) if "forces_qm" in frame.arrays else None}
        for name, value in values.items():
            self.columns[name].append(math.nan if value is None else float(value))
        self.how.append(how)
        self.times.append(str(info.get("time", "")))
        potential = str(info.get("potential", ""))
        if potential and (not self.potentials or self.potentials[-1] != potential):
            self.potentials.append(potential)
        if how == "computed":
            self.computed.append(frame)
        self.last = frame

    def of_replicas(self, name: str) -> list[Series]:
        """A line for each replica, or dots alone where there are many."""
        x, y, replicas = (np.array(self.columns[key]) for key in ("evaluation", name, "replica"))
        known = sorted(set(replicas.tolist()))
        if len(known) > MOST_REPLICAS:
            return [Series("", x.tolist(), y.tolist(), line=False, dots=True)]
        return [Series(f"replica {number:g}" if len(known) > 1 else "", x[replicas == number].tolist(),
                       y[replicas == number].tolist(), dots=len(x) <= 200) for number in known]


def _largest_difference(frame: Atoms) -> float | None:
    """|F_QM − F_ML| on QM atoms; None where none of them has a quantum force."""
    difference = np.linalg.norm(frame.arrays["forces_qm"] - frame.arrays["forces_ml"], axis=1)
    known = difference[(frame.arrays["region"] == "QM") & np.isfinite(difference)]
    return float(known.max()) if len(known) else None


def _log_sections(file: str, named: bool, note: Note | None) -> Iterator[str]:
    run = _Run(file, note)
    name = f"{Path(file).name}: " if named else ""
    yield section(f"{name}the run", table(["", ""], _run_rows(file, run)))
    kind = run.last.info["energy_kind"]
    energy = "energy" if kind == "exact" else f"energy ({kind})"
    energies = Chart("Energy", "evaluation", f"{energy}, eV", run.of_replicas("energy")).svg()
    yield section(f"{name}evaluations", charts([
        energies if kind != "virtual_work" else "",  # which has a chart of its own
        Chart("Virtual work", "evaluation", "work of the forces, eV", run.of_replicas("work")).svg(),
        Chart("Largest force", "evaluation", "max |F|, eV/Å", run.of_replicas("force"), log_y=True).svg(),
        Chart("Engines", "evaluation", "until the last was done, s", run.of_replicas("engine")).svg(),
        Chart("The potential's error on QM atoms", "evaluation", "max |F_QM − F_ML|, eV/Å", run.of_replicas("qm"),
              log_y=True).svg()]))
    yield _coupling_section(name, run)
    yield _regions_section(name, run)


def _run_rows(file: str, run: _Run) -> list[list[str]]:
    last = run.last
    rows = [["force log", file], ["evaluations", str(len(run.how))],
            ["replicas", str(len(set(run.columns["replica"])))], ["atoms", f"{last.info['log_natoms']}"]]
    span = _span(run.times)
    if span:
        rows.append(["written", span])
    if region_names(last):
        labels = last.arrays["region"]
        rows.append(["regions", ", ".join(f"{(labels == kind).sum()} {kind}" for kind in ("QM", "blend", "buffer")
                                          if (labels == kind).any())])
        computed, recalled = run.how.count("computed"), run.how.count("recalled")
        skipped = run.how.count("skipped")
        rows.append(["quantum forces", f"computed in {computed} evaluations, recalled in {recalled}"
                                       + (f", skipped in {skipped}" if skipped else "")])
    if len(run.potentials) > 1:
        rows.append(["coefficients", f"were changed {len(run.potentials) - 1} times while this ran"])
    rows.append(["last largest force", f"{run.columns['force'][-1]:.4f} eV/Å"])
    return rows


def _span(times: Sequence[str]) -> str:
    try:
        first, last = (datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ") for time in (times[0], times[-1]))
    except ValueError:
        return ""
    return f"{first} to {last} UTC ({last - first})"


def _coupling_section(name: str, run: _Run) -> str:
    measured = coupling.measure(run.computed)
    if measured is None:
        return ""
    middles = [0.0, *((measured.edges[:-1] + measured.edges[1:]) / 2)]
    values = [measured.core, *measured.shells]
    chart = Chart("Disagreement of the two sides", "distance from the nearest QM atom, Å", "mean |F_QM − F_ML|, eV/Å",
                  [Series("", middles, values, dots=True)], log_y=all(value > 0 for value in values if value == value))
    rows = [["QM and blend atoms", f"{measured.core:.4f}"]]
    rows += [[f"buffer, {measured.edges[k]:.1f} to {measured.edges[k + 1]:.1f} Å", "–" if shell != shell else f"{shell:.4f}"]
             for k, shell in enumerate(measured.shells)]
    about = f"Mean over the last {measured.frames} evaluations with quantum forces."
    return section(f"{name}is the coupling good?", verdict(measured.verdict, "too thin" in measured.verdict),
                   charts([chart.svg(), f"<figure><figcaption>By shell</figcaption>"
                                        f"{table(['atoms', 'mean |F_QM − F_ML|, eV/Å'], rows)}<p class=sub>{about}</p></figure>"]))


def _regions_section(name: str, run: _Run) -> str:
    """The last frame that was computed: clusters of partial frames, else the whole structure."""
    frame = run.computed[-1] if run.computed else run.last
    if not region_names(frame):
        return ""
    whole = bool(frame.info["log_complete"]) and len(frame) <= MOST_ATOMS
    shown = [frame] if whole else list(clusters_of(frame))
    pictures = []
    for atoms in shown:
        middle = atoms.positions.mean(axis=0)
        places = atoms.positions - middle
        radius = float(np.linalg.norm(places, axis=1).max(initial=1.0)) + 1.5
        label = f"cluster {atoms.info['cluster']}" if "cluster" in atoms.info else "structure"
        pictures.append(atoms_picture(f"Evaluation {atoms.info['evaluation']}: {label}, {len(atoms)} atoms",
                                      [(float(x), float(y), float(z), str(kind)) for (x, y, z), kind in
                                       zip(places, atoms.arrays["region"])], radius))
    return section(f"{name}regions", charts(pictures))


# ---- a retraining ----


def _read_retraining(file: str) -> tuple[str, Mapping[str, Any]]:
    try:
        report = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise LMLinkError(f"{file} is no JSON: {error}") from None
    if not isinstance(report, dict) or report.get("format") != "lmlink-retrain-report":
        raise LMLinkError(f"{file} is no report of lmlink-retrain: its format is not lmlink-retrain-report")
    return Path(file).name, report


def _retraining_sections(name: str, report: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for entry in report["sets"]:
        errors = entry.get("errors")
        if errors:
            rows.append([f"{entry['role']}: {Path(entry['file']).name}", entry["quantity"], entry["unit"], str(errors["count"]),
                         *(_number(errors.get(key)) for key in ("rms_before", "rms_after", "mae_after", "largest_after", "rms_change"))])
    head = ["set", "quantity", "unit", "values", "RMS before", "RMS after", "MAE after", "largest after",
            "RMS change"]
    coefficients = report["coefficients"]
    about = [["starting potential", str(report["start"].get("potential", report["start"]["origin"]))],
             ["new coefficients", f"{report.get('output', '')}, {coefficients['count']}"],
             ["largest change of a coefficient", _number(coefficients.get("largest_change"))]]
    yield section(f"{name}: the retraining", table(["", ""], about), table(head, rows))
    yield section(f"{name}: errors", charts([*_parity(report), *_by_distance(report), *_trade_off(report)]))


def _number(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("value")
    return "–" if value is None else f"{value:.4g}"


def _floats(values: Sequence[float | None]) -> list[float]:
    """JSON has null for what is no number."""
    return [math.nan if value is None else float(value) for value in values]


def _parity(report: Mapping[str, Any]) -> Iterator[str]:
    for entry in report["sets"]:
        samples = entry.get("samples")
        if not samples or entry["role"] not in ("target", "test"):
            continue
        value = _floats(samples["value"])
        yield Chart(f"{entry['role'].capitalize()}s, {entry['quantity']}: {Path(entry['file']).name}",
                    f"in the file, {entry['unit']}", f"of the potential, {entry['unit']}",
                    [Series("before", value, _floats(samples["before"]), line=False, dots=True, colour=BEFORE),
                     Series("after", value, _floats(samples["after"]), line=False, dots=True, colour=AFTER)],
                    diagonal=True).svg()


def _by_distance(report: Mapping[str, Any]) -> Iterator[str]:
    for entry in report["sets"]:
        bins = (entry.get("errors") or {}).get("distances")
        if not bins or entry["role"] != "target":
            continue
        x = [each["from"] + 0.5 for each in bins]
        yield Chart(f"Errors by distance: {Path(entry['file']).name}", "distance from the QM atoms' centre, Å",
                    f"RMS error, {entry['unit']}",
                    [Series("before", x, _floats([each.get("rms_before") for each in bins]), dots=True, colour=BEFORE),
                     Series("after", x, _floats([each.get("rms_after") for each in bins]), dots=True, colour=AFTER)],
                    log_y=True).svg()


def _trade_off(report: Mapping[str, Any]) -> Iterator[str]:
    """Held-out error against the change of what shall stay, of all pairs of λ that were tried."""
    search = report.get("search")
    if not search or not search.get("grid"):
        return
    grid = search["grid"]
    x, y = _floats([each.get("soft_change") for each in grid]), _floats([each.get("rms_choice") for each in grid])
    titles = [f"λ_S {each['lambda_soft']:.3g}, λ₀ {each['lambda_ridge']:.3g}: error {_number(each.get('rms_choice'))}, "
              f"change {_number(each.get('soft_change'))} eV/Å" for each in grid]
    chosen = search.get("chosen")
    series = [Series("tried", x, y, line=False, dots=True, titles=titles, colour=BEFORE)]
    if chosen is not None:
        series.append(Series("chosen", [x[chosen]], [y[chosen]], line=False, dots=True, titles=[titles[chosen]],
                             colour=AFTER))
    if not any(math.isfinite(value) for value in x):  # nothing watches: against the ridge alone
        ridge = _floats([each.get("lambda_ridge") for each in grid])
        series = [Series("", ridge, y, line=False, dots=True, titles=titles)]
        yield Chart("λs that were tried", "ridge λ₀", "held-out RMS error, eV/Å", series, log_x=True).svg()
        return
    limit = search.get("soft_limit")
    yield Chart("Trade-off: λs that were tried", "change of soft forces, RMS, eV/Å", "held-out RMS error, eV/Å", series,
                log_x=True, marks=[(limit, "soft limit")] if limit else []).svg()
