"""Extended XYZ with every digit, of which ASE writes eight."""

from __future__ import annotations

from typing import Any, Mapping, TextIO

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike


def write_frame(file: TextIO, atoms: Atoms, columns: Mapping[str, ArrayLike] | None = None,
                keys: Mapping[str, Any] | None = None) -> None:
    """Append a frame to `file`: species and positions of `atoms`, then `columns` (one row per atom each), and `keys` of
    the comment line, after cell and periodicity. A cell of zeros is left away."""
    texts = [list(atoms.get_chemical_symbols()), *map(_texts, atoms.positions.T)]
    properties = "species:S:1:pos:R:3"
    for name, column in (columns or {}).items():
        values = np.asarray(column)
        rows = values.reshape(len(atoms), -1)
        properties += f":{name}:{_kind(values)}:{rows.shape[1]}"
        texts += map(_texts, rows.T)
    words = [] if not atoms.cell.any() else [f'Lattice="{" ".join(_texts(atoms.cell.array.ravel()))}"']
    words += [f"Properties={properties}", f'pbc="{" ".join(_texts(atoms.pbc))}"']
    words += [f"{name}={_quoted(value)}" for name, value in (keys or {}).items()]
    file.write(f"{len(atoms)}\n{' '.join(words)}\n")
    file.writelines(" ".join(row) + "\n" for row in zip(*texts))


def _kind(values: np.ndarray[Any, Any]) -> str:
    return {"b": "L", "i": "I", "u": "I", "f": "R"}.get(values.dtype.kind, "S")


def _texts(values: ArrayLike) -> list[str]:
    """Each of the values, of one kind, so that it is read as the same again."""
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return ["T" if value else "F" for value in array]
    if array.dtype.kind in "iuf":
        return list(map(repr, array.tolist()))
    return list(map(str, array))


def _quoted(value: Any) -> str:
    text = " ".join(_texts(np.atleast_1d(np.asarray(value)).ravel()))
    if not text or any(c.isspace() or c in "\"'=,{}[]\\" for c in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
    return text
