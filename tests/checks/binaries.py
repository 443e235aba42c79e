"""Check how programs and the library are linked, where they are built and where they are installed: no place that others could put a library into, and the
defences that the build promises.

Usage: binaries.py CMAKE BUILD READELF
"""

import pathlib
import re
import subprocess
import sys
import tempfile


def output(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def path_faults(dynamic):
    """Entries of the library path that depend on where the program is started."""
    for entries in re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", dynamic):
        for entry in entries.split(":"):
            if not entry.startswith(("/", "$ORIGIN")):
                yield f"its library path [{entries}] has the entry '{entry}'"


def faults(readelf, path):
    dynamic = output(readelf, "--dynamic", "--wide", path)
    segments = output(readelf, "--segments", "--wide", path)
    symbols = output(readelf, "--dyn-syms", "--wide", path)
    yield from path_faults(dynamic)
    if "DYN" not in output(readelf, "--file-header", path):
        yield "it is no position-independent program"
    if "BIND_NOW" not in dynamic and not re.search(r"FLAGS_1\).*NOW", dynamic):
        yield "its addresses are not resolved at start (BIND_NOW)"
    if "GNU_RELRO" not in segments:
        yield "its relocations stay writable (RELRO)"
    if re.search(r"GNU_STACK.*\bRWE\b", segments):
        yield "its stack can be executed"
    if "__stack_chk_fail" not in symbols:
        yield "no function has a stack protector"
    if not re.search(r"__\w+_chk\b", symbols):
        yield "no call is checked (_FORTIFY_SOURCE)"


def main():
    cmake, build, readelf = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        output(cmake, "--install", build, "--prefix", folder)
        paths = [*pathlib.Path(folder).rglob("*"), *pathlib.Path(build, "src", "programs").iterdir()]
        binaries = [path for path in sorted(paths)
                    if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
        found = [f"{path}: {fault}" for path in binaries for fault in faults(readelf, path)]
    print(f"{len(binaries)} binaries looked at")
    print(*found, sep="\n")
    return 1 if found or len(binaries) < 7 else 0


if __name__ == "__main__":
    sys.exit(main())
