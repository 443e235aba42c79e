"""Check that the tables of keys in the documentation are those that the programs' JSON schemas give.

Usage: key_tables.py BIN ROOT [--write]

BIN is the folder of the programs. A table stands between the lines

    <!-- keys of PROGRAM DEFINITION -->
    <!-- end of keys -->

where DEFINITION is one of the schema's $defs, or missing for the file itself. --write puts the tables there.
"""

import json
import pathlib
import re
import subprocess
import sys

PAGES = ["docs/configuration.md", "docs/force-log.md", "docs/retraining.md"]
BLOCK = re.compile(r"(?P<begin><!-- keys of (?P<program>\S+)(?: (?P<name>\S+))? -->\n)(?P<table>.*?)"
                   r"(?P<end><!-- end of keys -->)", re.DOTALL)


def number_range(schema):
    """What numbers may be, in words."""
    if "exclusiveMinimum" in schema:
        return f"> {schema['exclusiveMinimum']}"
    if "maximum" in schema:
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    return f"≥ {schema['minimum']}" if "minimum" in schema else ""


def kind_of(schema):
    """What values a key has, without their unit."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind_of(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return "object"
    if schema["type"] == "array":
        return array_kind(schema)
    if schema["type"] in ("number", "integer"):
        return number_range(schema) or "number"
    if schema["type"] == "boolean":
        return "`true`, `false`"
    if "x-path" in schema:
        return "path"
    return {"string": "text", "object": "object"}[schema["type"]]


def array_kind(schema):
    items = schema["items"]
    if schema.get("maxItems") == 3:
        return "three numbers"
    if "enum" in items:
        return "array of symbols" if len(items["enum"]) > 20 else f"array of {kind_of(items)}"
    if "$ref" in items or "properties" in items:
        return "array of objects"
    if items["type"] == "number":
        return "array"
    return f"array of {'integers' if items['type'] == 'integer' else 'paths' if 'x-path' in schema else 'texts'}"


def default_of(schema, required):
    if required:
        return "must be there"
    if "x-otherwise" in schema:
        return schema["x-otherwise"]
    return f"`{json.dumps(schema['default'])}`".replace('"', "") if "default" in schema else ""


def rows_of(schema, prefix=""):
    """Rows of all keys, with those of objects that are no definitions of their own after them."""
    for name, key in schema["properties"].items():
        values = ", ".join(word for word in (key.get("x-unit"), kind_of(key)) if word)
        yield (f"`{prefix}{name}`", key.get("x-option", ""), key["x-help"], values,
               default_of(key, name in schema["required"]))
        for inner in [key, *key.get("anyOf", [])]:
            if "properties" in inner:
                yield from rows_of(inner, f"{prefix}{name}.")
        if "properties" in key.get("items", {}):
            yield from rows_of(key["items"], f"{prefix}{name}[].")


def table_of(schema, page):
    """The Markdown table. Links are those of the page that it stands on."""
    rows = list(rows_of(schema))
    head = ("key", "option", "meaning", "unit, values", "default")
    shown = [k for k in range(len(head)) if k != 1 or any(row[1] for row in rows)]
    lines = [[head[k] for k in shown], ["---" for _ in shown], *([row[k] for k in shown] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace(f"]({page.name}#", "](#")


def main():
    programs, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found, faults = 0, []
    for page in (root / name for name in PAGES):
        def fill(block):
            text = subprocess.run([programs / block["program"], "--print-schema"], check=True, capture_output=True,
                                  text=True).stdout
            schema = json.loads(text)
            schema = schema["$defs"][block["name"]] if block["name"] else schema
            return block["begin"] + table_of(schema, page) + block["end"]

        old = page.read_text(encoding="utf-8")
        new = BLOCK.sub(fill, old)
        found += len(BLOCK.findall(old))
        if new != old and "--write" in sys.argv:
            page.write_text(new, encoding="utf-8")
        elif new != old:
            faults.append(f"{page.relative_to(root)}: tables of keys are not those of the programs: "
                          f"run tests/checks/key_tables.py BIN ROOT --write")
    print(*faults, f"{found} tables, {len(faults)} faults", sep="\n")
    return 1 if faults or found == 0 else 0


sys.exit(main())
