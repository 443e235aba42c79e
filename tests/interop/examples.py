"""Running the worked examples in tests."""

import os
import re
import sys

from conftest import ROOT, TIMEOUT, program


def run(start, folder, command, timeout=5 * TIMEOUT):
    """Run the example in the folder; its output. LMLINK_BIN says where the programs are, as for the tests."""
    program("lmlink-serve")
    process = start(command, cwd=folder, env={**os.environ, "PYTHON": sys.executable}, start_new_session=True)
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors
    return output


def example(start, folder, name, *options):
    """Run an example with its small sizes in the folder `out`; its output."""
    return run(start, folder, [sys.executable, ROOT / "examples" / "ase" / name, "--quick", "--output", "out", *options])


def number(pattern, text):
    return float(re.search(pattern + r"[^-\d]*(-?[\d.]+(?:e-?\d+)?)", text, re.MULTILINE)[1])


def is_picture(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
