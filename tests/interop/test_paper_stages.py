"""Stages of examples/paper/reproduce.py with small structures: a retraining on the path of glide, and one more on what QM/ML
relaxed with a vacancy, as figure 2 of the paper has it."""

import json
import sys

from conftest import ROOT, TIMEOUT
from examples import is_picture, run


def test_second_retraining(start, potentials, monkeypatch, tmp_path):
    monkeypatch.delenv("LMLINK_REFERENCE", raising=False)
    command = [sys.executable, ROOT / "examples" / "paper" / "reproduce.py", "--quick", "--stages", "glide-linear", "segregation",
               "--output", tmp_path]
    output = run(start, tmp_path, command, 20 * TIMEOUT)
    first, second = (json.loads((tmp_path / folder / "retrained.json").read_text())
                     for folder in ("glide-linear", "segregation/further-relaxed"))
    logs = [[each for each in report["sets"] if each["role"] == "target"] for report in (first, second)]
    assert len(logs[1]) == len(logs[0]) + 1 and first["start"]["files"] == second["start"]["files"]
    relaxed = logs[1][-1]
    assert relaxed["file"].endswith("relaxed.xyz") and relaxed["frames_used"] == 3
    assert relaxed["errors"]["rms_after"] < 0.1 * relaxed["errors"]["rms_before"]
    profiles = json.loads((tmp_path / "segregation" / "segregation.json").read_text())
    assert list(profiles) == ["ML", "QM/ML", "retrained on relaxed", "retrained on path"] and profiles["QM/ML"]["total"] is None
    # Forces along the way are what their work is made of; those of the minima alone say less.
    off = {name: max(abs(row["work"][i] / profiles["QM/ML"]["work"][i] - 1) for i in (len(row["work"]) // 2, -1))
           for name, row in profiles.items()}
    assert off["retrained on path"] < off["retrained on relaxed"]
    assert is_picture(tmp_path / "segregation" / "segregation.png")
    done = (tmp_path / "glide-linear.txt").stat().st_mtime_ns
    again = run(start, tmp_path, command, 20 * TIMEOUT)
    assert again.split("II.A", 1)[1] == output.split("II.A", 1)[1] and (tmp_path / "glide-linear.txt").stat().st_mtime_ns == done
