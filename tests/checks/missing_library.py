"""Check that a build without a library that lmlink needs says which packages have it.

Usage: missing_library.py CMAKE ROOT FOLDER

Each library is hidden in turn, by a pkg-config that does not know it.
"""

import os
import pathlib
import shutil
import subprocess
import sys

PACKAGES = {"libcjson": ("libcjson-dev", "cjson"), "nettle": ("nettle-dev", "nettle"), "yaml-0.1": ("libyaml-dev", "yaml"),
            "lapacke": ("liblapacke-dev", "liblapacke"), "openblas": ("libopenblas-dev", "openblas"),
            "cmocka": ("libcmocka-dev", "cmocka")}  # of the tests alone

cmake, root, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
known = shutil.which("pkg-config")
for module, (debian, conda) in PACKAGES.items():
    build = folder / module
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    blind = build / "pkg-config"
    blind.write_text(f'#!/bin/sh\ncase " $* " in *" {module} "*) exit 1 ;; esac\nexec {known} "$@"\n')
    blind.chmod(0o755)
    tests = "ON" if module == "cmocka" else "OFF"
    done = subprocess.run([cmake, "-S", root, "-B", build, "-DLMLINK_MPI=OFF", f"-DLMLINK_TESTS={tests}"], text=True,
                          capture_output=True, env={**os.environ, "PKG_CONFIG": str(blind)}, check=False)
    said = " ".join(done.stderr.split())
    assert done.returncode != 0, f"{module}: the build was configured without it"
    assert f"apt install {debian};" in said and f"-c conda-forge {conda}." in said, f"{module}: {said}"
