"""The commands of docs/tutorial.md, run one after the other as they stand."""

import os
import re

from conftest import ROOT, TIMEOUT, program


def test_tutorial(start, potentials, tmp_path):
    text = (ROOT / "docs" / "tutorial.md").read_text()
    commands = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(commands) == 7
    environment = {**os.environ, "LMLINK_BIN": os.path.dirname(program("lmlink-serve")),
                   "TUTORIAL": str(tmp_path / "tutorial")}
    shell = start(["sh", "-eu", "-c", "\n".join(commands)], cwd=ROOT, env={"PYTHONPATH": "", **environment})
    output, errors = shell.communicate(timeout=5 * TIMEOUT)
    assert shell.returncode == 0, errors
    values = {name: [float(value) for value in re.findall(re.escape(name) + r" +(-?[\d.]+)$", output, re.MULTILINE)]
              for name in ("C11 (GPa)", "C12 (GPa)", "C44 (GPa)", "vacancy migration (eV)")}
    assert all(abs(after - before) <= 0.011 for before, after in list(values.values())[:3])
    before, after = values["vacancy migration (eV)"]
    assert abs(after / before - 1) < 0.1  # energies on the old path are kept; the path relaxes anew
