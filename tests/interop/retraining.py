"""Running lmlink-retrain where the new file is of another format than SNAP's."""

import json
import subprocess

from conftest import TIMEOUT, program


def retrain_to(name, folder, *arguments, check=True):
    """Run lmlink-retrain; gives what it printed, the new file `name` and the report."""
    out = folder / name
    done = subprocess.run([program("lmlink-retrain"), *map(str, arguments), "--output", str(out), "--report",
                           str(folder / "report.json"), "--overwrite"], capture_output=True, text=True, timeout=TIMEOUT,
                          check=False)
    assert not check or done.returncode == 0, done.stderr
    return done, out, json.loads((folder / "report.json").read_text()) if check else None
