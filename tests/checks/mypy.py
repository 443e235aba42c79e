"""Check the annotations of python/lmlink with mypy, as pyproject.toml sets it.

Usage: mypy.py ROOT CACHE
"""

import importlib.util
import pathlib
import subprocess
import sys

SKIPPED = 77

root, cache = map(pathlib.Path, sys.argv[1:])
if importlib.util.find_spec("mypy") is None:
    print("mypy is missing: scripts/setup tests installs it")
    sys.exit(SKIPPED)
done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", cache.resolve()], cwd=root, check=False)
assert (root / "python" / "lmlink" / "py.typed").is_file(), "py.typed is missing: nobody would see the annotations"
sys.exit(done.returncode)
