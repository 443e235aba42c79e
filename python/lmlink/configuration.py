"""What `lmlink-serve` is started with."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read
from numpy.typing import NDArray

from .errors import LMLinkError
from .extxyz import write_frame
from .messages import WARNING
from .parameters import Given, is_configuration, is_plain, regions_of, selected_atoms
from .programs import find_program

STRUCTURE = "structure.xyz"
SOCKET_PATH = 100  # bytes that surely fit into a Unix socket's address
# What decides a key of the configuration that is written.
KEYWORDS = ((r"calculator\.qm\[\d+\]\.region\.buffer", "buffer_width"),
            (r"calculator\.qm\[\d+\]\.region\.blend", "blend_width"),
            (r"calculator\.qm\[\d+\]\.region", "qm_selection_mask"),
            (r"calculator\.qm\[\d+\]\.cluster\.vacuum", "vacuum"),
            (r"calculator\.qm\[\d+\]\.cluster\.cell_rounding", "qm_cell_round_off"),
            (r"calculator\.qm\[\d+\]\.calculator\.tag", "qm_tag"),
            (r"calculator\.qm\[\d+\]\.calculator", "qm_calc"),
            (r"calculator(\.ml)?\.potential\.parameters", "parameters"),
            (r"calculator(\.ml)?\.potential\.fixed_terms", "fixed_terms"),
            (r"calculator(\.ml)?\.threads", "threads"),
            (r"log\.file", "force_log"),
            (r"calculator", "potential"))

class Regions(NamedTuple):
    """What lmlink-serve --check says: the part of each atom, the cluster of each region, and warnings."""

    labels: NDArray[np.str_]
    clusters: list[Atoms]
    warnings: list[str]


class Configuration:
    """What lmlink-serve is started with: a program and options, and where options do not suffice a configuration, in a
    folder that lives as long as this does and that this user alone can enter.

    The options lack the driver's address. `engines` are the ASE calculators to serve: (calculator, name of the socket).
    """

    def __init__(self, given: Given, structure: Atoms | None) -> None:
        self.given, self.structure = given, structure
        self.engines: list[tuple[Any, str]] = []
        self._regions: list[int | None] = []  # for each of the engines the number of its region; None: it computes the whole structure
        self.root: dict[str, Any] | None = None  # the configuration, where one is written
        self.program: str = given["binary"] or find_program("lmlink-serve")
        self.folder = _private_folder()
        try:
            self.options = [*self._make_options(), *self._limits()]
        except BaseException:
            self.__exit__()
            raise

    @property
    def command(self) -> list[str]:
        ranks = self.given["ranks"]
        launch = [*shlex.split(self.given["launcher"]), "-n", str(ranks)] if ranks > 1 else []
        return [*launch, self.program, *self.options]

    def __enter__(self) -> Configuration:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _limits(self) -> list[str]:
        level = "info" if self.given["messages"] else "error"
        told = [] if "log_level" in (self.given["settings"] or {}) else ["--log-level", level]
        return ["--wait", str(self.given["timeout"]), *told]

    def _make_options(self) -> list[str]:
        given = self.given
        if not isinstance(given["potential"], str) or given["qm_calc"] is not None or given["settings"]:
            self.root = self._make_root()
            return [self._write("lmlink.json", self.root)]
        log = ["--log", given["force_log"]] if given["force_log"] else []
        threads = ["--threads", str(given["threads"])] if given["threads"] is not None else []
        if is_configuration(given["potential"]):
            return [given["potential"], "--extras", "json", *threads, *log]
        named = [(name, given[name]) for name in ("potential", "parameters", "fixed_terms") if given[name] is not None]
        return [*(word for name, value in named for word in ("--" + name.replace("_", "-"), value)), *threads,
                *log]

    def _write(self, name: str, root: Given) -> str:
        """Write a configuration; its path."""
        path = os.path.join(self.folder, name)
        Path(path).write_text(json.dumps(root, indent=2))
        return path

    def _make_root(self) -> dict[str, Any]:
        given = self.given
        calculator = self._calculator(given["potential"], given)
        root: dict[str, Any] = {"format": "lmlink-serve", "version": 1, "extras": "json", "calculator": calculator}
        if given["force_log"]:
            root["log"] = {"file": given["force_log"]}
        if self.structure is not None:
            root["structure"] = os.path.join(self.folder, STRUCTURE)
            labelled = regions_of(given)[0]["qm_selection_mask"] is None
            _write_structure(root["structure"], self.structure, labelled)
            root["calculator"] = self._mixture(calculator)
        merged: dict[str, Any] = _laid_over(root, given["settings"] or {})
        return merged

    def _mixture(self, ml: Given) -> dict[str, Any]:
        """The mixture of several calculators. Its energy, of which the forces are not the derivative, is the ML part's:
        methods that compare energies, such as ASE's nudged elastic band, then find their way."""
        regions = regions_of(self.given)
        names = ["QM"] if len(regions) == 1 else [str(number + 1) for number in range(len(regions))]
        return {"type": "mixing", "ml": ml, "zero_mean_force": bool(self.given["zero_mean"]), "energy": "ml",
                "qm": [self._region(region, number, name) for number, (region, name) in enumerate(zip(regions, names))]}

    def _region(self, given: Given, number: int, name: str) -> dict[str, Any]:
        assert self.structure is not None
        indices = selected_atoms(given["qm_selection_mask"], self.structure)
        region: dict[str, Any] = {"labels": True} if indices is None else {"indices": indices}
        if given["buffer_width"] is not None:
            region["buffer"] = given["buffer_width"]
        if given["blend_width"]:
            region["blend"] = {"width": given["blend_width"]}
        cluster = {"vacuum": given["vacuum"] or 0.0, "cell_rounding": given["qm_cell_round_off"] or 0.0}
        calculator = self._calculator(given["qm_calc"], region=number)
        if given["qm_tag"] is not None:
            calculator["tag"] = given["qm_tag"]
        return {"name": name, "region": region, "cluster": cluster, "calculator": calculator}

    def _calculator(self, part: Any, given: Given | None = None, region: int | None = None) -> dict[str, Any]:
        """The calculator object for a potential or for the qm_calc of a region; `given` has what else there is to say
        about a potential."""
        if is_plain(part):
            part, given = part.parameters["potential"], part.parameters
        if isinstance(part, str):
            extra = {name: given[name] for name in ("parameters", "fixed_terms") if given and given[name] is not None}
            threads = {"threads": given["threads"]} if given and given["threads"] is not None else {}
            return {"type": "linear", "potential": {"file": part, **extra}, **threads}
        # Some codes, such as NWChem, keep 20 characters of a socket's name.
        name = f"lmlink-{secrets.token_hex(6)}"
        if isinstance(part, dict):
            address = {"address": f"unix:{name}"} if part["type"] == "remote" else {}
            return {**address, **part}
        if self.structure is None or not hasattr(part, "get_forces"):
            raise TypeError(f"{part!r} is no path of a potential, and no dict" if self.structure is None else
                            f"{part!r} is neither an ASE calculator, nor a path, nor a dict")
        self.engines.append((part, name))
        self._regions.append(region)
        return {"type": "remote", "name": getattr(part, "name", None) or type(part).__name__, "address": f"unix:{name}",
                "on_failure": "stop"}

    def structures(self) -> list[Atoms]:
        """What each of the engines computes: a cluster, or for one on the potential's side the whole structure."""
        if not self.engines or self.structure is None:
            return []
        clusters = self.check().clusters
        return [self.structure.copy() if region is None else clusters[region] for region in self._regions]

    def check(self) -> Regions:
        """The regions, from `lmlink-serve --check`, which needs no log; a server may have that open."""
        assert self.root is not None
        path = self._write("check.json", {key: value for key, value in self.root.items() if key != "log"})
        command = [self.program, path, *self._limits(), "--driver", "unix:none", "--check"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env=environment(ranks=1))
        except OSError as error:
            raise LMLinkError(f"{self.program} cannot be started: {error.strerror}") from error
        if done.returncode != 0:
            raise LMLinkError(self.explain(done.stderr.strip()))
        names = [region.get("name", number + 1) for number, region in enumerate(self.root["calculator"]["qm"])]
        files = ["cluster.xyz"] if len(names) == 1 else [f"cluster-{name}.xyz" for name in names]
        labels, *clusters = (_read_one(os.path.join(self.folder, f"check-{file}")) for file in ["regions.xyz", *files])
        return Regions(labels.arrays["region"], clusters, [self.explain(text) for text in WARNING.findall(done.stderr)])

    def explain(self, text: str) -> str:
        """A message of lmlink-serve, with the user's values and names in place of files that this has written."""
        folder = re.escape(self.folder + os.sep)
        text = re.sub(folder + r"\w+\.json:\d+: ([^\s:]+): ", lambda found: self._explain_key(found[1]), text)
        return re.sub(folder + re.escape(STRUCTURE) + r"(?::(\d+))?", lambda found: self._explain_line(found[1]), text)

    def _explain_key(self, key: str) -> str:
        value, place = _value_at(self.root, key), key
        if _value_at(self.given["settings"] or {}, key) is not None:
            place = f"{key} (of settings)"
        else:
            for pattern, name in KEYWORDS:
                if re.match(pattern, key):
                    place = f"{key} (LMLink's {name})"
                    break
        if value is None or isinstance(value, dict):
            return f"{place}: "
        shown = json.dumps(value, ensure_ascii=False)
        return f"{place} is {shown if len(shown) <= 200 else shown[:200] + '…'}: "

    def _explain_line(self, line: str | None) -> str:
        atom = int(line or 0) - 3  # after the two lines of the frame's head
        if self.structure is None or not 0 <= atom < len(self.structure):
            return "the structure"
        x, y, z = self.structure.positions[atom]
        return f"the structure, atom {atom} ({self.structure.symbols[atom]} at {x} {y} {z})"


def _read_one(path: str) -> Atoms:
    """A structure that lmlink-serve wrote; of a cluster without atoms it writes none."""
    if not os.path.exists(path):
        return Atoms()
    atoms = read(path)
    assert isinstance(atoms, Atoms)
    return atoms


def _private_folder() -> str:
    """A new folder that this user alone can enter, with a name short enough for a socket's address."""
    folder = tempfile.mkdtemp(prefix="lmlink-")
    if len(os.fsencode(folder)) > SOCKET_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="lmlink-", dir="/tmp")
    return folder


def environment(ranks: int) -> dict[str, str] | None:
    """For lmlink-serve: without a launcher of its own it is one process, also where Python is a rank of an MPI job."""
    return {**os.environ, "LMLINK_MPI": "off"} if ranks == 1 else None


def _value_at(root: Any, key: str) -> Any:
    """The value of a key such as calculator.qm[0].name; None where there is none."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", key):
        step = name or int(index)
        if not (isinstance(root, dict) and step in root or
                isinstance(root, list) and isinstance(step, int) and step < len(root)):
            return None
        root = root[step]
    return root


def _laid_over(below: Any, above: Any) -> Any:
    """Dicts merged, key by key; what is above counts."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}


def _write_structure(path: str, atoms: Atoms, labelled: bool) -> None:
    """Extended XYZ with all digits, with the array `region` if it is `labelled`, and with what is held."""
    columns: dict[str, Any] = {}
    mask = atoms.arrays.get("fix_mask")
    held = np.zeros(len(atoms), dtype=bool) if mask is None or mask.dtype.kind not in "bi" else mask.astype(bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            held[constraint.get_indices()] = True
    if held.any():
        columns["fix_mask"] = held
    if labelled:
        # matscipy marks fixed atoms too.
        columns["region"] = ["MM" if label == "fixed" else str(label) for label in atoms.arrays["region"]]
    with open(path, "w") as file:
        write_frame(file, atoms, columns)
