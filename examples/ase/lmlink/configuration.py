"""What `lmlink-serve` is started with."""

import json
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import uuid
from pathlib import Path

import numpy as np
from ase.calculators.calculator import CalculationFailed
from ase.io import read

SOCKET_PATH = 100  # bytes that surely fit into a Unix socket's address
BUILD_FOLDERS = ("build", "build/bin", "build/src", "build/src/programs", "build/release/src/programs",
                 "build/quickstart/src/programs")


class LMLinkError(CalculationFailed):
    """`lmlink-serve` could not be started, ended too early, or broke the protocol; its last messages are in the
    text."""


def find_program(name):
    """Path of one of lmlink's programs: in the folder LMLINK_BIN, in the build folder of the checkout that holds this
    file, or where pip put the programs if it installed this file, or along PATH, in this order."""
    folders = [os.environ["LMLINK_BIN"]] if os.environ.get("LMLINK_BIN") else []
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "CMakeLists.txt").is_file():
        folders += [str(checkout / folder) for folder in BUILD_FOLDERS]
    else:
        folders += [sysconfig.get_path("scripts", scheme) for scheme in
                    (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))]
    path = shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)
    if path is None:
        raise LMLinkError(f"{name} was not found: build it, or set LMLINK_BIN to the folder that holds it")
    return path


def selected_atoms(mask, atoms):
    """Indices of the selected atoms; None where the array `region` of the atoms has them."""
    if mask is None:
        if not atoms.has("region"):
            raise ValueError("LMLink needs a qm_selection_mask, or atoms with an array 'region'")
        return None
    if not isinstance(mask, slice):
        mask = np.asarray(mask)
        if mask.dtype == bool and mask.shape != (len(atoms),):
            raise ValueError(f"qm_selection_mask has {mask.size} booleans for {len(atoms)} atoms")
    indices = np.arange(len(atoms))[mask]
    if len(indices) == 0:
        raise ValueError("no QM atoms selected: qm_selection_mask is empty")
    return indices.tolist()


class Configuration:
    """What lmlink-serve is started with: a program and options, and where options do not suffice a configuration, in a
    folder that lives as long as this does and that this user alone can enter.

    The options lack the driver's address. `engines` are the ASE calculators to serve: (calculator, name of the socket).
    """

    def __init__(self, given, structure):
        self.given, self.structure = given, structure
        self.engines = []
        program = given["binary"] or find_program("lmlink-serve")
        self.program = os.path.abspath(program) if os.sep in program else program
        self.folder = _private_folder()
        try:
            self.options = self._make_options()
        except BaseException:
            self.__exit__()
            raise

    @property
    def command(self):
        ranks = self.given["ranks"]
        launch = [*shlex.split(self.given["launcher"]), "-n", str(ranks)] if ranks > 1 else []
        return [*launch, self.program, *self.options]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_options(self):
        given = self.given
        limits = ["--wait", str(given["timeout"]), "--log-level", "info" if given["log"] else "error"]
        if isinstance(given["potential"], str) and given["qm_calc"] is None and not given["settings"]:
            if given["potential"].endswith(".json"):
                return [given["potential"], "--extras", "json", *limits]
            options = []
            for name in "potential", "parameters", "fixed_terms":
                if given[name] is not None:
                    options += ["--" + name.replace("_", "-"), given[name]]
            return [*options, *limits]
        return [self._write(), *limits]

    def _write(self):
        """Write the configuration; its path."""
        calculator = self._calculator(self.given["potential"], self.given)
        root = {"format": "lmlink-serve", "version": 1, "extras": "json", "calculator": calculator}
        if self.structure is not None:
            root["structure"] = os.path.join(self.folder, "structure.xyz")
            _write_structure(root["structure"], self.structure, self.given["qm_selection_mask"] is None)
            root["calculator"] = self._mixture(calculator)
        path = os.path.join(self.folder, "lmlink.json")
        Path(path).write_text(json.dumps(_laid_over(root, self.given["settings"] or {}), indent=2))
        return path

    def _mixture(self, ml):
        given = self.given
        indices = selected_atoms(given["qm_selection_mask"], self.structure)
        region = {"labels": True} if indices is None else {"indices": indices}
        if given["buffer_width"] is not None:
            region["buffer"] = float(given["buffer_width"])
        if given["blend_width"]:
            region["blend"] = {"width": float(given["blend_width"])}
        cluster = {"vacuum": float(given["vacuum"] or 0), "cell_rounding": float(given["qm_cell_round_off"])}
        return {"type": "mixing", "ml": ml, "zero_mean_force": bool(given["zero_mean"]),
                "qm": [{"name": "QM", "region": region, "cluster": cluster,
                        "calculator": self._calculator(given["qm_calc"])}]}

    def _calculator(self, part, given=None):
        """The calculator object for a potential or qm_calc; `given` has what else there is to say about a potential."""
        if hasattr(part, "is_plain") and part.is_plain():
            part, given = part.parameters["potential"], part.parameters
        if isinstance(part, (str, os.PathLike)):
            extra = {name: given[name] for name in ("parameters", "fixed_terms") if given and given[name] is not None}
            if "parameters" in extra:
                extra["parameters"] = os.path.abspath(extra["parameters"])
            return {"type": "linear", "potential": {"file": os.path.abspath(part), **extra}}
        name = f"lmlink-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        if isinstance(part, dict):
            address = {} if "type" in part else {"type": "remote", "address": f"unix:{name}", "folder": os.getcwd()}
            return {**address, **part}
        if self.structure is None or not hasattr(part, "get_forces"):
            raise TypeError(f"{part!r} is no path of a potential, and no dict" if self.structure is None else
                            f"{part!r} is neither an ASE calculator, nor a path, nor a dict")
        self.engines.append((part, name))
        return {"type": "remote", "name": getattr(part, "name", None) or type(part).__name__, "address": f"unix:{name}",
                "on_failure": "stop"}

    def structures(self):
        """What each of the engines computes: the cluster, or for one on the potential's side the whole structure."""
        cluster = self.check()[1] if self.engines else None
        return [cluster if part is self.given["qm_calc"] else self.structure.copy() for part, _ in self.engines]

    def check(self):
        """Labels of all atoms and the cluster, from `lmlink-serve --check`."""
        command = [self.program, *self.options, "--driver", "unix:none", "--check"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env=environment(ranks=1))
        except OSError as error:
            raise LMLinkError(f"{self.program} cannot be started: {error.strerror}") from error
        if done.returncode != 0:
            raise LMLinkError(done.stderr.strip())
        return (read(os.path.join(self.folder, "lmlink-regions.xyz")).arrays["region"],
                read(os.path.join(self.folder, "lmlink-cluster.xyz")))


def _private_folder():
    """A new folder that this user alone can enter, with a name short enough for a socket's address."""
    folder = tempfile.mkdtemp(prefix="lmlink-")
    if len(os.fsencode(folder)) > SOCKET_PATH:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="lmlink-", dir="/tmp")
    return folder


def environment(ranks):
    """For lmlink-serve: without a launcher of its own it is one process, also where Python is a rank of an MPI job."""
    return {**os.environ, "LMLINK_MPI": "off"} if ranks == 1 else None


def _laid_over(below, above):
    """Dicts merged, key by key; what is above counts."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}


def _write_structure(path, atoms, labelled):
    """Extended XYZ with all digits, of which ASE writes eight, and with the array `region` if it is `labelled`."""
    columns = [atoms.get_chemical_symbols(), *(map(repr, column.tolist()) for column in atoms.positions.T)]
    properties = "species:S:1:pos:R:3"
    if labelled:
        # matscipy marks fixed atoms too.
        columns.append("MM" if label == "fixed" else str(label) for label in atoms.arrays["region"])
        properties += ":region:S:1"
    lattice = " ".join(map(repr, atoms.cell.array.ravel().tolist()))
    pbc = " ".join("T" if periodic else "F" for periodic in atoms.pbc)
    with open(path, "w") as file:
        file.write(f'{len(atoms)}\nLattice="{lattice}" Properties={properties} pbc="{pbc}"\n')
        file.writelines(" ".join(row) + "\n" for row in zip(*columns))
