"""The calculator that ASE sees."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from typing import Any, Mapping, Sequence, Union

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes, external_calculators, register_calculator_class
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from .configuration import Configuration, Regions
from .errors import LMLinkError
from .messages import Messages, hand_on, warn
from .parameters import (DEFAULTS, Path, absolute_path, describe, is_configuration, is_default, regions_of,
                         selected_atoms, set_parameters)
from .server import Server

Length = Union[float, Sequence[float]]  # Å; one for each of several regions
ALWAYS = ("energy", "free_energy", "forces", "stress")  # results that every evaluation gives


class LMLink(Calculator):
    """ASE calculator for the linear machine-learning potentials that lmlink reads, and for mixtures of their forces
    with those of a quantum code.

    Parameters
    ----------
    potential : path, or any of what qm_calc may be
        A LAMMPS `.snap` file (with its ZBL term, if it has one), a `.snapcoeff` file, or the `.json` configuration of
        a server that has everything in it but the driver (docs/configuration.md).
    parameters : path, optional
        The `.snapparam` file of a `.snapcoeff` file; by default the one of the same name beside it.
    fixed_terms : "none" or "snap", optional
        For a `.snapcoeff` file whose neighbour `.snap` file adds fixed terms (a reference potential, such as ZBL): omit them,
        or add them as that file says.
    ranks : int
        Number of MPI ranks; 1 starts no launcher.
    threads : int, optional
        Threads of each rank that share the evaluation of a potential; results are the same for any number. By default
        all cores that may be used, shared with other servers that compute at the same time and with a quantum code on
        the same machine (docs/hpc.md). The potential of a mixture's ML side has them, and an LMLink that is its qm_calc
        has its own.
    launcher : str
        Command that starts more than one rank, `LAUNCHER -n RANKS lmlink-serve …`. It must be of the MPI that
        lmlink was built with.
    binary : path, optional
        The program `lmlink-serve`; by default find_program looks for it.
    messages : path, optional
        File to which the server's messages are appended, one line per evaluation. Without it they are kept until the
        process ends, and shown in the exception if it fails. Its warnings are Python's, too, of category
        LMLinkWarning.
    timeout : float
        Seconds that the server has for starting and connecting. Evaluations may take as long as they need.
    force_log : path, optional
        The force log: an extended XYZ file to which each evaluation is appended before its results are returned, with
        the quantum forces of a mixture (docs/force-log.md). One calculator, one log.
    settings : dict, optional
        More of the configuration (docs/configuration.md), laid over what is written from the above, such as
        `{"calculator": {"virial": "ml"}}`.
    directory : path
        As of ASE's other calculators: relative paths of files that are written, messages and force_log, count from
        here, and an engine that is started by a dict without `folder` runs here. It is made where it is missing.
    label : str, optional
        As of ASE's other calculators, `directory/prefix`: messages go to the file `prefix.log`, unless they are given.
    atoms : ASE's Atoms, optional
        A structure whose calculator this becomes.
    results : list of names, optional
        Results that each evaluation is to give beside energy, forces and stress (docs/configuration.md, Results). They
        are in `results`, and in the force log; an evaluation without one of them is an error.

    Other Parameters
    ----------------
    qm_calc : ASE calculator, path, or dict
        Who computes the cluster of QM and buffer atoms. An ASE calculator is served from a thread of this process,
        through ASE's SocketClient; another LMLink, or the path of a potential, is evaluated by the same lmlink-serve;
        a dict is a calculator object of the configuration. `{"launch": "pw.x --ipi {address} -in qe.in"}` is enough
        of the latter: a code that speaks i-PI itself, with an address chosen here.
    qm_selection_mask : natoms booleans, a list of indices, or a slice, optional
        The QM atoms. Without it the atoms' array `region` says which atoms are QM and, where there is no
        buffer_width, which are the buffer.
    buffer_width : float
        Å: every atom that is nearer than this to a QM atom is in the buffer.
    vacuum : float
        Å around the cluster in directions that are not periodic.
    zero_mean : bool
        Subtract the mean force of all atoms from each.
    qm_cell_round_off : float
        Å: the cluster's cell edges across the vacuum are rounded to multiples of this; 0 not at all.
    blend_width : float
        Å beyond the QM atoms over which the quantum force goes over into the potential's; 0 changes abruptly.
    qm_tag : str, optional
        What decides the forces of qm_calc, in words of one's own: code, version, functional, cutoff, k points. With it
        and a force_log a configuration that is in the log is not computed again, by an ASE calculator either. Another
        tag is another calculator; the same one for other settings gives wrong forces.

    Notes
    -----
    The other parameters are for a mixture, with the names of ASE's ForceQMMM.

    With lists of qm_calc and of qm_selection_mask, of equal length, there are several regions, whose clusters are
    computed at the same time; buffer_width, vacuum, qm_cell_round_off, blend_width and qm_tag may then be lists too.

    Paths may begin with `~`. Relative ones, those in settings and dicts too, are relative to the working directory at
    the time when they are given; so is the working folder of an engine that names none.

    The first structure that is evaluated decides on the regions and on the cluster's cell and place, which then stay,
    also when the process is started again, until one of the parameters is changed.

    Properties: energy and free_energy (eV, the same number), energies (natoms, eV, one for each atom), forces
    (natoms × 3, eV/Å), stress (6, Voigt order xx yy zz yz xz xy, eV/Å³, ASE's sign: minus virial over volume; only for
    a cell with three vectors), and those that the parameter `results` names. Energies take a second evaluation when first
    asked for, unless `results` names them; from then on they come along.
    A mixture has forces. It has no energy: in its place is that of the ML calculator on the whole structure, which is
    good for finding a way (a nudged elastic band), and not for figures (docs/mixing.md); `extras["energy_kind"]` says
    so. It has no stress, unless `settings` say otherwise. What the server says besides, as a dict, is in `extras`.

    Several threads may use one calculator, each with structures of its own: evaluations are done one after the other,
    and get_forces() and its like return those of the structure that was asked for. `results` and `extras` are those of
    the last evaluation, of whichever thread. close() ends an evaluation of another thread with an error.

    A copy (copy.copy, copy.deepcopy, pickle, a forked process) has the parameters and results but starts a process of
    its own. It needs another force_log, which two processes cannot write at the same time.
    """

    name = "lmlink"
    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    ignored_changes = {"initial_charges", "initial_magmoms"}
    default_parameters = DEFAULTS

    def __init__(self, potential: Any, parameters: Path | None = None, fixed_terms: str | None = None, ranks: int = 1,
                 launcher: str = "mpirun", binary: Path | None = None, messages: Path | None = None,
                 timeout: float = 60.0, *, threads: int | None = None, force_log: Path | None = None, qm_calc: Any = None,
                 qm_selection_mask: Any = None, buffer_width: Length | None = None, vacuum: Length | None = 5.0,
                 zero_mean: bool = True, qm_cell_round_off: Length | None = 3.0, blend_width: Length | None = 0.0,
                 qm_tag: str | Sequence[str | None] | None = None, settings: Mapping[str, Any] | None = None,
                 results: Sequence[str] = (), directory: Path = ".", label: str | None = None,
                 atoms: Atoms | None = None, log: Path | None = None) -> None:
        """Make the calculator; nothing is started or read yet. The class describes the parameters."""
        self._unlock()
        super().__init__(label=label, directory=os.fsdecode(directory))  # type: ignore[no-untyped-call]
        # ASE's constructor binds a deprecated method to the object itself: a cycle that would keep the process running
        # until the garbage collector comes by.
        self.__dict__.pop("get_spin_polarized", None)
        self._server: Server | None = None
        self._wanted: list[str] = []  # names of results beyond those that always come
        self._first: Atoms | None = None  # the structure that the regions are those of
        self.extras: dict[str, Any] = {}
        if self.prefix is not None and messages is None and log is None:
            messages = f"{self.prefix}.log"
        old_name = {} if log is None else {"log": log}
        self.set(potential=potential, parameters=parameters, fixed_terms=fixed_terms, ranks=ranks, threads=threads,
                 launcher=launcher, binary=binary, messages=messages, timeout=timeout, force_log=force_log,
                 qm_calc=qm_calc, qm_selection_mask=qm_selection_mask, buffer_width=buffer_width, vacuum=vacuum,
                 zero_mean=zero_mean, qm_cell_round_off=qm_cell_round_off, blend_width=blend_width, qm_tag=qm_tag,
                 settings=settings, results=results, **old_name)
        if atoms is not None:
            atoms.calc = self

    def __repr__(self) -> str:
        given = [f"{name}={describe(name, value)}" for name, value in self.parameters.items()
                 if name != "potential" and not is_default(name, value)]
        state = "" if self.pid is None else f" with lmlink-serve running as process {self.pid}"
        return f"<LMLink({', '.join([describe('potential', self.parameters['potential']), *given])}){state}>"

    def set(self, **changes: Any) -> dict[str, Any]:
        """Change parameters, by the names that the constructor has; results and regions are forgotten, the process
        ends. Returns a dict of what is new."""
        with self._lock:
            changed = set_parameters(self.parameters, self._in_directory(_with_new_names(changes)))
            if changed:
                self.close()
                self.reset()  # type: ignore[no-untyped-call]
                self._first = None
                self.parameters.update(changed)
            if "results" in changed:
                asked = dict.fromkeys(changed["results"] or [])
                self.implemented_properties = list({**dict.fromkeys(type(self).implemented_properties), **asked})
                self._wanted = [name for name in asked if name not in ALWAYS]
            return changed

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        """A property of the structure; in one piece, so that no other thread evaluates another one meanwhile."""
        with self._lock:
            return super().get_property(name, atoms, allow_calculation)  # type: ignore[no-untyped-call]

    def calculate(self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",),
                  system_changes: Sequence[str] = all_changes) -> None:
        """Evaluate the structure; `results` then holds everything that one evaluation gives."""
        with self._lock:
            super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
            assert self.atoms is not None
            self._wanted = [*self._wanted, *(name for name in properties if name not in (*ALWAYS, *self._wanted))]
            server = self._running_server(self.atoms)
            try:
                energy, forces, virial, self.extras = server.evaluate(self.atoms, self._wanted)
            except BaseException:
                self.close()  # after half a conversation nothing can be said any more
                raise
            self.results = {"energy": energy, "free_energy": energy, "forces": forces}
            self._take_results()
            if self.atoms.cell.rank == 3 and self.extras.get("virial_kind") != "absent":
                self.results["stress"] = full_3x3_to_voigt_6_stress(-virial / self.atoms.get_volume())
            hand_on(server.messages.new_warnings())

    def get_region_from_masks(self, atoms: Atoms | None = None) -> NDArray[np.str_]:
        """The part of each atom, an array of natoms texts: "QM", "blend", "buffer" or "MM". Regions are those of the
        first structure; before there was one, those of `atoms`. With several of them it is the one in which the atom
        has the largest part."""
        return self._look_at_regions(atoms).labels

    def get_qm_cluster(self, atoms: Atoms | None = None, region: int = 0) -> Atoms:
        """The cluster of the first structure (before there was one, of `atoms`) as ASE's Atoms, in the order, cell and
        place in which qm_calc gets it: what to make a quantum code's input from. Its array `index` has the atoms'
        indices in the whole structure. `region` is the region's place in the list qm_calc."""
        clusters = self._look_at_regions(atoms).clusters
        if not -len(clusters) <= region < len(clusters):
            raise IndexError(f"there are {len(clusters)} regions, counted from 0, and no region {region}")
        return clusters[region]

    def export_extxyz(self, atoms: Atoms | None = None, filename: Path = "qmmm_atoms.xyz") -> None:
        """Write `atoms` (by default those of the last evaluation), with the results that they have and the array
        `region`, to an extended XYZ file."""
        with self._lock:
            regions = self.get_region_from_masks(atoms)
            atoms = self.atoms if atoms is None else atoms
            assert atoms is not None
            labelled = atoms.copy()
            labelled.set_array("region", regions)
            labelled.calc = self
            labelled.write(absolute_path(filename), format="extxyz")

    @property
    def pid(self) -> int | None:
        """Process number of the server (of the launcher, with more than one rank); None while there is none."""
        return self._server.process.pid if self._server is not None and self._server.process else None

    def close(self) -> None:
        """End the server; the next evaluation starts a new one. Closing twice does no harm."""
        server, self._server = self._server, None
        if server is not None:
            server.closer()
            hand_on(server.messages.new_warnings())

    def __enter__(self) -> LMLink:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_server": None, "parameters": copy.copy(self.parameters),
                 "results": copy.deepcopy(self.results), "extras": copy.deepcopy(self.extras)}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._unlock()

    def is_plain(self) -> bool:
        """Whether nothing but a potential counts."""
        given = self.parameters
        return (isinstance(given["potential"], str) and not is_configuration(given["potential"]) and
                given["qm_calc"] is None and not given["settings"] and not given["force_log"] and given["ranks"] == 1)

    def _in_directory(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Files that are written, and the folder of an engine that names none, count from ASE's `directory`."""
        placed = dict(changes)
        for name in ("messages", "force_log"):
            if isinstance(changes.get(name), (str, bytes, os.PathLike)):
                placed[name] = os.path.join(self.directory, os.path.expanduser(os.fsdecode(changes[name])))
        if self.directory != "." and isinstance(changes.get("qm_calc"), dict):
            placed["qm_calc"] = {"folder": os.path.abspath(self.directory), **changes["qm_calc"]}
        return placed

    def _unlock(self) -> None:
        self._lock = threading.RLock()
        _calculators.add(self)

    def _take_results(self) -> None:
        """Those of the results that were asked for which are among the extras."""
        for name in self._wanted:
            if name in self.extras:
                value = self.extras.pop(name)
                self.results[name] = _array(value) if isinstance(value, list) else value
            elif name in (self.parameters["results"] or []):
                self.results = {}
                raise LMLinkError(f"{name!r} is one of LMLink's results, but this calculator does not give it")

    def _running_server(self, atoms: Atoms) -> Server:
        if self._server is not None and self._server.has_died():
            warn(f"a new lmlink-serve is started: {self._server.report()}")
            self.close()
        if self._server is None:
            given = self.parameters
            if given["messages"] or given["force_log"]:
                os.makedirs(self.directory, exist_ok=True)
            with Configuration(given, self._fix_regions(atoms)) as configuration:
                messages = Messages(given["messages"], configuration.explain)
                try:
                    self._server = Server(configuration, given["timeout"], messages, given["ranks"])
                except BaseException:
                    hand_on(messages.new_warnings())
                    raise
            self._server.closer = weakref.finalize(self, self._server.close)
        return self._server

    def _fix_regions(self, atoms: Atoms) -> Atoms | None:
        """The structure that the regions are those of, for good; None where there are no regions."""
        if self.parameters["qm_calc"] is None:
            return None
        if self._first is None:
            for region in regions_of(self.parameters):
                selected_atoms(region["qm_selection_mask"], atoms)
            self._first = atoms.copy()
        if len(self._first) != len(atoms):
            raise LMLinkError(f"the QM region is that of a structure with {len(self._first)} atoms, and this one has "
                              f"{len(atoms)}: take another LMLink for it")
        return self._first

    def _look_at_regions(self, atoms: Atoms | None) -> Regions:
        """Labels and clusters, as `lmlink-serve --check` writes them."""
        if self.parameters["qm_calc"] is None:
            raise LMLinkError("there are no regions: qm_calc is not given")
        with self._lock:
            atoms = self.atoms if atoms is None else atoms
            if atoms is None:
                raise ValueError("Calculator has no atoms")
            with Configuration(self.parameters, self._fix_regions(atoms)) as configuration:
                regions = configuration.check()
        hand_on(regions.warnings)
        return regions


def _array(values: list[Any]) -> NDArray[Any]:
    """Of JSON's numbers; what is none is null there."""
    array = np.array(values)
    return array.astype(float) if array.dtype == object else array


def _with_new_names(changes: dict[str, Any]) -> dict[str, Any]:
    """Parameters that still have an old name, renamed."""
    if "log" not in changes:
        return changes
    warn("LMLink's log, the file for the server's messages, is called messages now; the log of forces is force_log",
         DeprecationWarning)
    if changes.get("messages") is not None:
        raise TypeError("log is the old name of messages: give messages alone")
    return {**{name: value for name, value in changes.items() if name != "log"}, "messages": changes["log"]}


_calculators: weakref.WeakSet[LMLink] = weakref.WeakSet()


def _unlock_all() -> None:
    """In a forked child: the thread that held a lock is the parent's."""
    for calculator in list(_calculators):
        calculator._unlock()


os.register_at_fork(after_in_child=_unlock_all)

if LMLink.name not in external_calculators:
    register_calculator_class(LMLink.name, LMLink)  # for ase.calculators.calculator.get_calculator_class("lmlink")
