"""Check that a source file includes headers of its own layer and of lower ones only, no header of a family of
descriptors but within the family, and that no files include one another in a circle but within a family.

Usage: layers.py ROOT
"""

import pathlib
import re
import sys

# Lower ones first: a layer may use those before it. The protocol stands aside: it knows nothing but the base, and what
# is above the potential may use it.
ORDER = ["src/base", "src/structure", "src/calculator", "src/potential", "src/engine", "src/mixing", "src/session",
         "src/retrain", "src/programs"]
ALLOWED = {layer: ORDER[:place] + (["socket"] if place > ORDER.index("src/potential") else [])
           for place, layer in enumerate(ORDER)}
ALLOWED["socket"] = ["src/base"]

# Where a public header's functions are defined.
PUBLIC = {
    "error": "src/base",
    "export": "src/base",
    "version": "src/base",
    "structure": "src/structure",
    "extxyz": "src/structure",
    "virtual_work": "src/structure",
    "calculator": "src/calculator",
    "results": "src/calculator",
    "evaluator": "src/potential",
    "potential": "src/potential",
    "lmlink": "src/programs",
}

# Families of descriptors: folders whose headers nobody else includes. The list of formats names each family's format.
FAMILIES = ["src/potential/ace", "src/potential/bispectrum", "src/potential/uf3"]
FORMATS = "src/potential/formats.c"

# Folders of which others include one header alone.
ONE_HEADER = {"src/retrain/accumulate": "accumulator"}

# Modules whose functions stand in several files, to which a private header shows what they share: they count as one.
PARTS = {
    "src/base/comm_table": "src/base/comm",
    "src/potential/product/variants": "src/potential/product/product",
    "src/session/force_log_file": "src/session/force_log",
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


def sources(root):
    """All C files with their layers; None where a file is in no layer."""
    for folder in ("src", "socket"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            layer = "/".join(path.relative_to(root).parts[: 2 if folder == "src" else 1])
            yield path, layer if layer in ALLOWED else None
    for path in sorted((root / "include" / "lmlink").glob("*.h")):
        yield path, PUBLIC.get(path.stem)


def faults_of(path, layer, root):
    if layer is None:
        yield "belongs to no layer: name its layer in tests/checks/layers.py"
        return
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        used = layer_of_header(name, root, layer)
        if used is None:
            yield f"includes {name}, which belongs to no layer"
        elif used != layer and used not in ALLOWED[layer]:
            yield f"includes {name} of {used}, which is not below {layer}"
        elif is_hidden(name, path, root):
            yield f"includes {name}, which is a family's own: see src/potential/descriptor.h"
        elif is_inner(name, path, root):
            yield f"includes {name}, which is its folder's own: that has one header for others"


def is_hidden(name, path, root):
    """Whether the header is a family's, and no business of the file."""
    header = pathlib.PurePath("src") / name
    own = path.relative_to(root)
    inside = [family for family in FAMILIES if header.is_relative_to(family)]
    if not inside or own.is_relative_to(inside[0]):
        return False
    return not (str(own) == FORMATS and header.stem.endswith("_format"))


def is_inner(name, path, root):
    """Whether the header is not the one that its folder has for others, and the file is of another folder."""
    header = pathlib.PurePath("src") / name
    shown = ONE_HEADER.get(str(header.parent), header.stem)
    return shown != header.stem and not path.relative_to(root).is_relative_to(header.parent)


def module_of(path, root):
    """X.c and X.h, without their ending, as one; so are the files of a family, and the parts of a module."""
    own = path.relative_to(root).with_suffix("")
    for family in FAMILIES:
        if own.is_relative_to(family):
            return family
    return PARTS.get(str(own), str(own))


def modules(root):
    """Each module with those that it includes headers of, and of which file and header that is."""
    graph = {}
    for folder in ("src", "socket"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            own = graph.setdefault(module_of(path, root), {})
            for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                found = [header for header in (root / "src" / name, root / "socket" / name) if header.exists()]
                if found and module_of(found[0], root) != module_of(path, root):
                    own.setdefault(module_of(found[0], root), f"{path.relative_to(root)} includes {name}")
    return graph


def way_between(graph, begin, end):
    """The shortest way from one module to another, as the includes that it consists of; None without one."""
    ways, queue = {begin: []}, [begin]
    for module in queue:
        for used, include in graph.get(module, {}).items():
            if used == end:
                return ways[module] + [include]
            if used not in ways:
                ways[used] = ways[module] + [include]
                queue.append(used)
    return None


def circles(root):
    """One line for each module that includes itself by way of others, unless another's line names it."""
    graph, seen = modules(root), set()
    for module in graph:
        way = way_between(graph, module, module)
        if way and not seen.intersection(way):
            seen.update(way)
            yield f"{module}: is in a circle: " + ", ".join(way)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = list(sources(root))
    faults = [f"{path.relative_to(root)}: {fault}" for path, layer in files for fault in faults_of(path, layer, root)]
    faults += circles(root)
    print(*faults, f"{len(files)} files, {len(faults)} faults", sep="\n")
    return 1 if faults or not files else 0


sys.exit(main())
