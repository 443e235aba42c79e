"""Check what no file of the project may hold: paths of one machine, hosts of package registries, unfinished work,
compiler options that change results, shell that does not parse.

Usage: sources.py ROOT
"""

import os
import pathlib
import re
import subprocess
import sys

FORBIDDEN = {
    "a path of one machine": r"/(?:home|root|work|Users|mnt)/[A-Za-z0-9_.]",
    "a package registry's host": r"(?:pypi|pythonhosted|(?:deb|security)\.debian|archive\.ubuntu|conda\.anaconda)\.(?:org|com)",
    "unfinished work": r"\b(?:TODO|FIXME|XXX|HACK)\b",
    "a mark of a merge": r"^(?:<<<<<<<|>>>>>>>) ",
}
# In the build's own files: both would change numbers without anybody asking.
FORBIDDEN_OPTION = r"^[^#\n]*(?:-ffast-math|-Ofast|-march=native)"

SKIPPED_FOLDERS = {".git", ".venv", "__pycache__", "quickstart-out", "out", ".pytest_cache", ".cache"}
BINARY = {".png", ".pdf", ".npy", ".npz", ".gz", ".ipi"}


def files(root):
    """The project's files: what a checkout holds, without what builds and runs add."""
    for folder, folders, names in os.walk(root):
        top = pathlib.Path(folder) == root
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS and not (top and f.startswith("build"))]
        yield from (pathlib.Path(folder) / name for name in names if name != ".git")


def shell_faults(path, text):
    """Line and words of the shell about each of its scripts, or of a page's blocks, that it cannot read."""
    scripts = [(0, text)] if path.suffix == ".sh" or text.startswith("#!/bin/sh") else []
    if path.suffix == ".md":
        scripts = [(block.start(1), block[1]) for block in re.finditer(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    for start, script in scripts:
        read = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True)
        if read.returncode != 0:
            yield text.count("\n", 0, start) + 1, "shell that does not parse", read.stderr.strip()


def faults_of(path):
    text = path.read_bytes()
    if path.suffix in BINARY or b"\0" in text:
        return
    text = text.decode("utf-8")
    forbidden = dict(FORBIDDEN)
    if path.name == "CMakeLists.txt" or path.suffix in {".cmake", ".json"}:
        forbidden["an option that changes results"] = FORBIDDEN_OPTION
    for what, pattern in forbidden.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield text.count("\n", 0, match.start()) + 1, what, match.group().strip()
    yield from shell_faults(path, text)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    faults = count = 0
    for path in sorted(files(root)):
        if path.is_symlink() or path == pathlib.Path(__file__).resolve():
            continue
        count += 1
        for line, what, found in faults_of(path):
            faults += 1
            print(f"{path.relative_to(root)}:{line}: {what}: {found}")
    print(f"{count} files, {faults} faults")
    return 1 if faults or count == 0 else 0


sys.exit(main())
