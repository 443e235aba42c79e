"""Check that rattler-build reads the recipe of the conda package, and that it asks for what the build and the module need.

Usage: recipe.py ROOT

Ends with 77, a skip, where rattler-build is missing.
"""

import pathlib
import re
import sys

try:
    from rattler_build import Stage0Recipe, VariantConfig
except ImportError as error:
    print(error)
    sys.exit(77)

root = pathlib.Path(sys.argv[1])
variants = VariantConfig({"python": ["3.11.*"], "c_compiler": ["gcc"], "c_stdlib": ["sysroot"]})
(rendered,) = Stage0Recipe.from_file(str(root / "conda" / "recipe.yaml")).render(variants)
recipe = rendered.recipe.to_dict()

header = (root / "include" / "lmlink" / "version.h").read_text()
version = ".".join(re.search(rf"VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))
assert recipe["package"]["version"] == version, f"the recipe is of {recipe['package']['version']}, lmlink is {version}"

# What cmake/libraries.cmake says of conda, but for MPI.
libraries = re.findall(r"^require\(.* (\S+)\)$", (root / "cmake" / "libraries.cmake").read_text(), re.MULTILINE)
wanted = {name.strip('"') for name in libraries}
host = {str(name).split()[0] for name in recipe["requirements"]["host"]}
assert len(wanted) > 3 and wanted <= host, f"host lacks {sorted(wanted - host)}"
print(f"lmlink {version}, for {', '.join(sorted(host))}")
