"""Gather the pages of the documentation site: docs_site.py ROOT FOLDER.

The site has the checkout's Markdown files under the paths that they have there, so that their links are right as they are,
with pictures and whatever else they link to. Formulas become MathML, which browsers show by themselves. The reference of
the C library is made of its headers.
"""

import re
import shutil
import sys
from pathlib import Path

from latex2mathml.converter import convert

PAGES = ["README.md", "CHANGELOG.md", "docs/*.md", "examples/*/README.md", "examples/*/*/README.md", "plugins/*/README.md"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
# Code, in which nothing is a formula, then formulas.
PARTS = re.compile(r"(?P<code>^```.*?^```|``.+?``|`[^`\n]+`)|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.MULTILINE | re.DOTALL)
PYTHON = """# Python

The module `lmlink`, which [pip installs](../README.md). These names are those of `import lmlink`; those of
[`lmlink.dislocations`](dislocations.md) have a page of their own.

::: lmlink.calculator.LMLink
::: lmlink.force_log.read_log
::: lmlink.force_log.iread_log
::: lmlink.training_sets.write_set
::: lmlink.training_sets.read_targets
::: lmlink.programs.find_program
::: lmlink.errors.LMLinkError
::: lmlink.messages.LMLinkWarning
"""
DISLOCATIONS = """# lmlink.dislocations

All names of this page are those of `import lmlink.dislocations`; [Dislocations](../docs/dislocations.md) says how they go
together.

::: lmlink.dislocations.structures.lattice_and_elasticity
::: lmlink.dislocations.structures.build_disk
::: lmlink.dislocations.structures.build_glide
::: lmlink.dislocations.structures.build_cylinder
::: lmlink.dislocations.structures.build_quadrupole
::: lmlink.dislocations.structures.perfect_crystal
::: lmlink.dislocations.structures.near_line
::: lmlink.dislocations.cores.DisplacementMap
::: lmlink.dislocations.cores.differential_displacements
::: lmlink.dislocations.cores.plot_displacement_map
::: lmlink.dislocations.cores.core_position
::: lmlink.dislocations.cores.core_positions
::: lmlink.dislocations.cores.core_line
::: lmlink.dislocations.cores.one_period
::: lmlink.dislocations.cores.bcc_screw_sites
::: lmlink.dislocations.cores.core_kind
::: lmlink.dislocations.relaxation.relax
::: lmlink.dislocations.relaxation.largest_force
::: lmlink.dislocations.relaxation.Springs
::: lmlink.dislocations.bands.VirtualWork
::: lmlink.dislocations.bands.virtual_work
::: lmlink.dislocations.bands.find_path
::: lmlink.dislocations.bands.keep_results
"""


def with_mathml(text):
    def replace(found):
        if found["code"]:
            return found[0]
        if found["block"]:
            return convert(" ".join(found["block"].split()), display="block")
        return f"<span>{convert(found['inline'])}</span>"  # an element that Markdown does not take for a paragraph

    return PARTS.sub(replace, text)


def gather(root, folder):
    for page in sorted({page for pattern in PAGES for page in root.glob(pattern)}):
        text = page.read_text(encoding="utf-8")
        place = folder / page.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(with_mathml(text), encoding="utf-8")
        for target in LINK.findall(text):
            file = (page.parent / target).resolve()
            if "://" in target or file.suffix == ".md" or not file.is_file():
                continue  # mkdocs tells what is missing
            copy = folder / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


# ---- the C library ----

COMMENT = re.compile(r"/\*\*<?(.*?)\*/", re.DOTALL)


def plain(comment):
    """A comment of Doxygen's as Markdown."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in comment.strip().splitlines()]
    text = "\n".join(line.strip() for line in lines)
    text = re.sub(r"^@file.*\n?", "", text)
    text = re.sub(r"\*?@p \*?(\w+)", r"`\1`", text).replace("<", "&lt;").replace("*&", "&").replace("*(", "\\*(")
    return text.strip()


def declarations(text):
    """(comment, code) of what a header declares after a comment that begins a line."""
    for found in re.finditer(r"^/\*\*((?:[^*]|\*(?!/))*)\*/\n((?:[^\n]+\n)+)", text, re.MULTILINE):
        code = found[2]
        if "@file" in found[1] or code.startswith("#ifndef"):
            continue
        if code.startswith(("typedef", "enum", "struct")) and "{" in code.split("\n")[0]:
            start = found.start(2)
            end = text.index("\n}", start)
            code = text[start:text.index("\n", end + 1) + 1]
        yield found[1], code.rstrip()


def title_of(code):
    if code.startswith("enum {"):
        return "constants"
    named = re.search(r"}\s*(\w+);\s*$", code) or re.search(r"(\w+)\(", code.replace("LML_PRINTF(", "")) or re.search(
        r"typedef struct \w+ (\w+);", code) or re.search(r"#define (\w+)", code) or re.search(r"(\w+)[;\[]", code)
    return named[1] if named else code.split("\n")[0]


def c_reference(root):
    parts = ["# C\n\nThe headers of `#include <lmlink/lmlink.h>`, one after the other.\n"]
    for header in sorted((root / "include" / "lmlink").glob("*.h")):
        text = header.read_text(encoding="utf-8")
        about = COMMENT.search(text)
        parts.append(f"## {header.name}\n\n{plain(about[1]) if about and '@file' in about[1] else ''}\n")
        for comment, code in declarations(text):
            parts.append(f"### {title_of(code)}\n\n{plain(comment)}\n\n```c\n{code.replace('LML_API ', '')}\n```\n")
    return "\n".join(parts)


def main():
    root, folder = map(Path, sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    gather(root.resolve(), folder)
    (folder / "api").mkdir()
    (folder / "api" / "python.md").write_text(PYTHON, encoding="utf-8")
    (folder / "api" / "dislocations.md").write_text(DISLOCATIONS, encoding="utf-8")
    (folder / "api" / "c.md").write_text(c_reference(root), encoding="utf-8")


main()
