"""Put the licences of the libraries that auditwheel has put into a wheel beside lmlink's own, as Debian's packages have
them: bundle_licences.py UNPACKED_WHEEL.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

wheel = Path(sys.argv[1])
licences = next(wheel.glob("*.dist-info")) / "licenses"
known = subprocess.run(["dpkg-query", "--search", "*.so*"], capture_output=True, text=True, check=True).stdout


def packages_of(library):
    """The Debian packages that have a library such as libcjson-3f3a1b2c.so.1.7.15: of BLAS and LAPACK there are several."""
    name = re.sub(r"-[0-9a-f]{8}(?=\.)", "", library, count=1)
    found = {re.split("[:,]", line)[0] for line in known.splitlines() if line.endswith(f"/{name}")}
    return found or sys.exit(f"no Debian package has {name}: whose licence is it under?")


libraries = sorted(wheel.glob("*.libs/*.so*")) or sys.exit("the wheel has no libraries: did auditwheel repair it?")
for package in sorted(set().union(*(packages_of(library.name) for library in libraries))):
    (licences / package).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(f"/usr/share/doc/{package}/copyright", licences / package / "copyright")
