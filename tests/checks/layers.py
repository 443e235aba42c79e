"""Check that a source file includes headers of its own layer and of lower ones only.

Usage: layers.py ROOT
"""

import pathlib
import re
import sys

# For each layer (a folder and what is below it), the layers that it may use besides itself.
ALLOWED = {
    "src/base": [],
    "src/structure": ["src/base"],
    "src/calculator": ["src/base", "src/structure"],
    "src/potential": ["src/base", "src/structure", "src/calculator"],
    "socket": ["src/base"],
    "src/session": ["src/base", "src/structure", "src/calculator", "src/potential", "socket"],
    "src/programs": ["src/base", "src/structure", "src/calculator", "src/potential", "socket", "src/session"],
}

# Where a public header's functions are defined.
PUBLIC = {
    "error": "src/base",
    "export": "src/base",
    "version": "src/base",
    "structure": "src/structure",
    "extxyz": "src/structure",
    "calculator": "src/calculator",
    "potential": "src/potential",
    "lmlink": "src/programs",
}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def layer_of_header(name, root, own):
    """The layer that the header belongs to, None where it is unknown."""
    if name.startswith("lmlink/"):
        return PUBLIC.get(pathlib.PurePath(name).stem)
    if "/" not in name:
        return "socket" if (root / "socket" / name).exists() else own if (root / own / name).exists() else None
    layer = "src/" + name.split("/")[0]
    return layer if layer in ALLOWED else None


def check(root):
    count = 0
    faults = []
    for layer, below in ALLOWED.items():
        for path in sorted((root / layer).rglob("*.[ch]")):
            count += 1
            for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                used = layer_of_header(name, root, layer)
                if used is None:
                    faults.append(f"{path.relative_to(root)}: includes {name}, which belongs to no layer")
                elif used != layer and used not in below:
                    faults.append(f"{path.relative_to(root)}: includes {name} of {used}, which is not below {layer}")
    for folder in {str(pathlib.Path(*p.relative_to(root).parts[:2])) for p in (root / "src").rglob("*.[ch]")} - set(ALLOWED):
        faults.append(f"{folder}: is not in the list of layers of {pathlib.Path(__file__).name}")
    return count, faults


def main():
    count, faults = check(pathlib.Path(sys.argv[1]).resolve())
    print(*faults, f"{count} files, {len(faults)} faults", sep="\n")
    return 1 if faults or count == 0 else 0


sys.exit(main())
