"""What LMLink is told: its parameters, with absolute paths, and the QM regions among them."""

from __future__ import annotations

import math
import os
import re
from typing import Any, Iterable, Mapping, Sequence, Union

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Path = Union[str, bytes, "os.PathLike[Any]"]
Given = Mapping[str, Any]  # parameters by their names
Mask = Union[slice, NDArray[Any]]

# All parameters but the potential, with their defaults, in the form in which they are kept.
DEFAULTS: dict[str, Any] = {
    "parameters": None, "fixed_terms": None, "ranks": 1, "threads": None, "launcher": "mpirun", "binary": None,
    "messages": None, "timeout": 60.0, "force_log": None, "qm_calc": None, "qm_selection_mask": None,
    "buffer_width": None, "vacuum": 5.0, "zero_mean": True, "qm_cell_round_off": 3.0, "blend_width": 0.0,
    "qm_tag": None, "settings": None, "results": []}
PARAMETERS = ("potential", *DEFAULTS)
LENGTHS = ("buffer_width", "vacuum", "qm_cell_round_off", "blend_width")
PER_REGION = ("qm_calc", "qm_selection_mask", *LENGTHS, "qm_tag")
NEEDS_ENGINE = ("qm_selection_mask", "buffer_width", "qm_tag")
THREADS_LIMIT = 1024
PATH_KEYS = ("structure", "file", "parameters", "folder")  # of the configuration; no other key has such a name


def set_parameters(old: Given, changes: Given) -> dict[str, Any]:
    """The parameters in `changes` that differ from `old`, in the form in which they are kept; all are checked."""
    for name in changes:
        if name not in PARAMETERS:
            raise TypeError(f"LMLink has no parameter {name!r}; it has {', '.join(PARAMETERS)}")
    several = isinstance({**old, **changes}.get("qm_calc"), (list, tuple))
    changes = {name: _normalised(name, value, several) for name, value in changes.items()}
    changed = {name: value for name, value in changes.items() if name not in old or not _same(value, old[name])}
    _check({**dict.fromkeys(PARAMETERS), **old, **changed})
    return changed


def regions_of(given: Given) -> list[dict[str, Any]]:
    """The QM regions: for each a dict with those of the parameters that a region can have for itself."""
    calculators = given["qm_calc"]
    if calculators is None:
        return []
    if not isinstance(calculators, (list, tuple)):
        return [{name: given[name] for name in PER_REGION}]
    regions: list[dict[str, Any]] = [{} for _ in calculators]
    for name in PER_REGION:
        values = given[name]
        if not isinstance(values, (list, tuple)):
            if name == "qm_selection_mask":
                raise ValueError(f"qm_selection_mask must be a list of {len(regions)} masks, one for each of qm_calc")
            values = [values] * len(regions)
        if len(values) != len(regions):
            raise ValueError(f"qm_calc is a list of {len(regions)}, but {name} is one of {len(values)}")
        for region, value in zip(regions, values):
            region[name] = value
    return regions


def selected_atoms(mask: Mask | None, atoms: Atoms) -> list[int] | None:
    """Indices of the selected atoms; None where the array `region` of the atoms has them."""
    if mask is None:
        if not atoms.has("region"):
            raise ValueError("LMLink needs a qm_selection_mask, or atoms with an array 'region'")
        return None
    if not isinstance(mask, slice):
        if mask.dtype == bool and len(mask) != len(atoms):
            raise ValueError(f"qm_selection_mask has {len(mask)} booleans for {len(atoms)} atoms")
        if mask.dtype != bool and len(mask) == len(atoms) > 2 and np.isin(mask, (0, 1)).all():
            raise ValueError("qm_selection_mask has a 0 or 1 for each atom: as whole numbers these are the indices of "
                             "two atoms; give booleans")
        beyond = mask[(mask < -len(atoms)) | (mask >= len(atoms))]
        if len(beyond):
            raise ValueError(f"qm_selection_mask has the index {beyond[0]}, but there are {len(atoms)} atoms, counted "
                             "from 0")
    indices = np.unique(np.arange(len(atoms))[mask])
    if len(indices) == 0:
        raise ValueError("no QM atoms selected: qm_selection_mask is empty")
    return list(map(int, indices))


def is_default(name: str, value: Any) -> bool:
    return _same(value, DEFAULTS[name])


def describe(name: str, value: Any) -> str:
    """A parameter's value in a word or two."""
    if isinstance(value, (list, tuple)) and name in PER_REGION:
        return f"[{', '.join(describe(name, each) for each in value)}]"
    if isinstance(value, np.ndarray):
        return f"<{value.sum()} of {len(value)} atoms>" if value.dtype == bool else f"<{len(value)} atoms>"
    if name in ("potential", "qm_calc") and value is not None and not isinstance(value, (str, dict)):
        return type(value).__name__
    return _short(value)


def absolute_path(path: Path) -> str:
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def _normalised(name: str, value: Any, several: bool) -> Any:
    """A parameter's value as it is kept: nothing in it depends on the working directory any more."""
    if value is None:
        return None
    if several and name in PER_REGION and _is_for_each_region(name, value):
        return [_normalised(name, each, False) for each in value]
    if name in ("parameters", "messages", "force_log", "binary"):
        if not isinstance(value, (str, bytes, os.PathLike)):
            raise TypeError(f"{name} must be a path, not {_short(value)}")
        bare = name == "binary" and os.sep not in os.fsdecode(value)  # one that PATH leads to
        return os.fsdecode(value) if bare else absolute_path(value)
    if name in ("potential", "qm_calc"):
        return _normalised_calculator(value)
    if name == "qm_selection_mask":
        return _normalised_mask(value)
    if name in LENGTHS:
        return _normalised_length(name, value)
    if name == "qm_tag" and not (isinstance(value, str) and value.strip()):
        raise TypeError(f"qm_tag must be a text that says what decides the forces of qm_calc, not {_short(value)}")
    if name == "results":
        return _normalised_names(value)
    if name == "threads":
        return _normalised_threads(value)
    if name == "settings":
        if not isinstance(value, dict):
            raise TypeError(f"settings must be a dict of the configuration's keys, not {value!r}")
        return _normalised_json(value, "settings")
    return value


def _is_for_each_region(name: str, value: Any) -> bool:
    """Whether there is a value for each of several regions, and not one for all; a mask may be an array itself."""
    mask = name == "qm_selection_mask"
    if isinstance(value, np.ndarray):
        return value.ndim > mask
    if not isinstance(value, (list, tuple)):
        return False
    return not mask or all(each is None or isinstance(each, slice) or np.ndim(each) for each in value)


def _normalised_calculator(part: Any) -> Any:
    if isinstance(part, (str, bytes, os.PathLike)):
        return absolute_path(part)
    if not isinstance(part, dict):
        return part
    return _normalised_json(part if "type" in part else {"type": "remote", **part}, "the calculator")


def _normalised_json(value: Any, name: str) -> Any:
    """A part of the configuration as JSON has it. Paths are those of this moment's working directory, and so is the
    folder of an engine that names none: lmlink-serve would take them from the folder of the configuration."""
    if isinstance(value, dict):
        kept = {key: _normalised_json(each, f"{name}[{key!r}]") for key, each in value.items()}
        for key in PATH_KEYS:
            if isinstance(kept.get(key), str):
                kept[key] = absolute_path(kept[key])
        if isinstance(kept.get("inputs"), list):
            kept["inputs"] = [absolute_path(each) if isinstance(each, str) else each for each in kept["inputs"]]
        if isinstance(kept.get("output"), str):
            kept["output"] = os.path.expanduser(kept["output"])
        if kept.get("type") == "remote":
            kept.setdefault("folder", os.getcwd())
        return kept
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_normalised_json(each, f"{name}[{i}]") for i, each in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}: the configuration has finite numbers only")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"{name} is {value!r}: the configuration has numbers, texts, lists and dicts only")


def _normalised_mask(mask: Any) -> Mask:
    """A slice, or an array of booleans or of indices. np.where(booleans) gives the latter in a tuple."""
    if isinstance(mask, slice):
        return mask
    if isinstance(mask, tuple) and len(mask) == 1 and np.ndim(mask[0]) == 1:
        mask = mask[0]
    if isinstance(mask, (list, tuple)) and any(isinstance(each, slice) or np.ndim(each) for each in mask):
        raise ValueError(f"qm_selection_mask has {len(mask)} parts: it must be one mask; for several regions qm_calc "
                         "is a list of as many calculators")
    array = np.array(mask)
    if array.size == 0 and array.ndim == 1:
        array = array.astype(int)
    if array.ndim == 2:
        raise ValueError(f"qm_selection_mask has the shape {array.shape}: it must be one mask, of one dimension")
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise TypeError(f"qm_selection_mask must be booleans, indices or a slice, not {_short(mask)}")
    return array


def _normalised_names(names: str | Iterable[str]) -> list[str]:
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if not (isinstance(name, str) and re.fullmatch(r"\w+", name, re.ASCII)):
            raise ValueError(f"results are names of letters, digits and _, which {_short(name)} is not")
    return names


def _normalised_threads(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"threads must be a whole number, not {_short(value)}")
    if not 1 <= value <= THREADS_LIMIT:
        raise ValueError(f"threads is {value}: it must be 1 to {THREADS_LIMIT}")
    return int(value)


def _normalised_length(name: str, value: Any) -> float:
    if isinstance(value, (list, tuple, np.ndarray)):
        raise ValueError(f"{name} is a list, but qm_calc is one calculator, of one region")
    try:
        length = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, in Å, not {_short(value)}") from None
    if not math.isfinite(length):
        raise ValueError(f"{name} is {value}: it must be a length in Å")
    return length


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        arrays = isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
        return arrays and one.dtype == other.dtype and np.array_equal(one, other)  # 1 is not True in a mask
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _check(given: Given) -> None:
    """What can be said before there is a structure."""
    for name in NEEDS_ENGINE:
        if given["qm_calc"] is None and given[name] is not None:
            raise ValueError(f"LMLink has {name} but no qm_calc: who is to compute the QM region?")
    regions = regions_of(given)
    if given["qm_calc"] is not None and not regions:
        raise ValueError("qm_calc is an empty list: who is to compute the QM region?")
    _check_regions(given["potential"], regions)
    if is_configuration(given["potential"]) and (regions or given["settings"]):
        raise ValueError(f"{given['potential']} is a whole configuration, which qm_calc and settings can't change: "
                         "write them into it, or give a potential")
    log = (given["settings"] or {}).get("log")
    if given["qm_tag"] is not None and not given["force_log"] and not log:
        raise ValueError("qm_tag lets forces be taken from the force log, but there is none: give force_log")
    if given["force_log"] and isinstance(log, dict) and log.get("file") not in (None, given["force_log"]):
        raise ValueError(f"force_log is {given['force_log']}, but settings have the log {log['file']}: name one file")


def _check_regions(potential: Any, regions: Sequence[Given]) -> None:
    for region in regions:
        if region["qm_selection_mask"] is None and len(regions) > 1:
            raise ValueError("several regions need a qm_selection_mask each")
        if region["qm_selection_mask"] is not None and region["buffer_width"] is None:
            raise ValueError("LMLink has a qm_selection_mask but no buffer_width, in Å")
        if region["qm_tag"] is not None and (isinstance(region["qm_calc"], str) or is_plain(region["qm_calc"])):
            raise ValueError("qm_tag is for a quantum code: what a potential computes is known from its files")
    parts = [potential, *(region["qm_calc"] for region in regions)]
    objects = [id(part) for part in parts if not isinstance(part, (str, dict)) and not is_plain(part)]
    if len(set(objects)) < len(objects):
        raise ValueError("one and the same calculator is to compute several parts, which it would do at the same time: "
                         "make an object for each")


def is_configuration(potential: Any) -> bool:
    """Whether it is the file of a whole configuration."""
    return isinstance(potential, str) and potential.endswith(".json")


def is_plain(part: Any) -> bool:
    """Whether it is an LMLink of which nothing but the potential counts."""
    return bool(getattr(part, "is_plain", lambda: False)())
