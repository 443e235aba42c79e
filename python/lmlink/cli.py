"""The command `lmlink`: one name for what lmlink does. The C programs do what they are there for; the rest is done here."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Callable, NoReturn, Sequence

from .programs import run_program

PROGRAMS = {
    "serve": "serve a potential, or a QM/ML mixture, to a driver: the program lmlink-serve",
    "eval": "evaluate a potential on the frames of a file: the program lmlink-eval",
    "retrain": "make a better potential from quantum forces: the program lmlink-retrain",
}
DESCRIPTION = """\
Forces from linear machine-learning potentials and QM/ML mixtures, and all that
belongs to them. Each command has a --help of its own.
"""
EPILOG = """\
examples:
  lmlink serve --potential W.snap --structure W.xyz --driver unix:lmlink
  lmlink check mixture.json
  lmlink log show run.xyz
  lmlink log export run.xyz --format mace --output train.xyz
"""


class Usage(Exception):
    """Wrong usage: exit code 2."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands, from which the manual page and the completions are made, too."""
    parser = argparse.ArgumentParser(prog="lmlink", description=DESCRIPTION.rstrip(), epilog=EPILOG, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    for name, text in (("man", "the manual page"), ("bash-completion", "what bash completes by"),
                       ("zsh-completion", "what zsh completes by")):
        parser.add_argument(f"--print-{name}", action="store_true", help=f"print {text} and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, text in PROGRAMS.items():
        commands.add_parser(name, help=text, add_help=False)
    _add_convert(commands)
    _add_check(commands)
    _add_log(commands)
    _add_status(commands)
    _add_report(commands)
    return parser


Commands = argparse._SubParsersAction  # the only name that argparse has for it


def _add(commands: Commands[argparse.ArgumentParser], name: str, text: str, run: Callable[[argparse.Namespace], int],
         more: str = "") -> argparse.ArgumentParser:
    sentence = text[0].upper() + text[1:] + "."
    parser = commands.add_parser(name, help=text, description=f"{sentence} {more}".strip(), allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _add_convert(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "convert", "write a potential in LAMMPS's files", _convert,
                  "What can be read is in docs/potentials.md: MiLaDy's .pot becomes a .snapcoeff and a .snapparam file.")
    parser.add_argument("input", metavar="POTENTIAL", help="a potential's file, of any format that lmlink reads")
    parser.add_argument("output", metavar="OUTPUT", help="a .snapcoeff file, beside which a .snapparam file is "
                                                         "written, or a .uf3 or .yace file, as the potential is")
    parser.add_argument("--parameters", metavar="FILE", help="the .snapparam file of a .snapcoeff file of another name")
    parser.add_argument("--fixed-terms", choices=("none", "snap"),
                        help="whether a .snapcoeff file has the fixed terms (the reference potential) that the .snap file "
                             "beside it adds")


def _convert(given: argparse.Namespace) -> int:
    options = ["--potential", given.input, "--write", given.output]
    if given.parameters is not None:
        options += ["--parameters", given.parameters]
    if given.fixed_terms is not None:
        options += ["--fixed-terms", given.fixed_terms]
    run_program("lmlink-eval", options)


def _add_check(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "check", "say what a file is, and whether it is in order", _check,
                  "Of a configuration of lmlink-serve: what would be served, as lmlink-serve --check does; for a mixture "
                  "regions and clusters are written into the working directory. Of a potential: what it is. Of a force "
                  "log: that all frames are as they were written.")
    parser.add_argument("file", metavar="FILE", help="a configuration (.json), a force log (.xyz), or a potential")
    _add_quiet(parser)


def _check(given: argparse.Namespace) -> int:
    name = given.file.lower()
    if name.endswith((".xyz", ".extxyz")):
        from .log_commands import check_log

        return check_log(given)
    if name.endswith(".json"):
        run_program("lmlink-serve", [given.file, "--driver", "unix:lmlink-check", "--check"])
    run_program("lmlink-serve", ["--potential", given.file, "--driver", "unix:lmlink-check", "--check"])


def _add_log(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "log", "show a force log, and make training sets of it or of other files",
                  lambda _: _refuse("lmlink log needs a command: show, export or import"))
    ways = parser.add_subparsers(dest="log_command", metavar="COMMAND", title="commands")
    show = _add(ways, "show", "print a line for each evaluation", _lazy("show_log"))
    show.add_argument("file", metavar="LOG", help="the force log")
    show.add_argument("--last", type=int, metavar="N", help="the last N evaluations alone")

    export = _add(ways, "export", "write a training set of the quantum forces", _lazy("export_log"),
                  "Of a mixture's frames the clusters are written, with the quantum code's forces; of others the "
                  "structures. Frames whose forces were found in the log, and not computed, are left out.")
    export.add_argument("file", nargs="+", metavar="LOG", help="force logs")
    export.add_argument("--format", choices=("extxyz", "mace", "fitsnap", "pacemaker"), default="extxyz",
                        help="for whom: ASE and lmlink-retrain (extxyz, the default), MACE (mace), FitSNAP (fitsnap, a "
                             "folder of JSON files), pacemaker (a pandas table, .pckl.gzip)")
    export.add_argument("--output", required=True, metavar="FILE", help="what is written; with fitsnap a folder")
    export.add_argument("--recalled", action="store_true", help="write frames whose forces were recalled, too")

    imported = _add(ways, "import", "write targets for lmlink-retrain of files that ASE reads", _lazy("import_files"),
                    "OUTCAR, vasprun.xml, extended XYZ and all others that have structures with forces.")
    imported.add_argument("file", nargs="+", metavar="FILE", help="files with structures and forces")
    imported.add_argument("--output", required=True, metavar="FILE", help="the extended XYZ file that is written")
    imported.add_argument("--index", default=":", help="which structures of each file, as ASE counts: '-1' the last, "
                                                       "'::10' every tenth; by default all")
    imported.add_argument("--input-format", metavar="NAME", help="ASE's name of the format; by default ASE sees")
    for parser in show, export, imported:
        _add_quiet(parser)


def _add_status(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "status", "say what running servers do", _lazy("show_status", "status"),
                  "Driver, evaluation, engines with their processes, last forces, memory, and where the time went. "
                  "kill -USR1 PID lets a server say the same in its own messages.")
    parser.add_argument("server", metavar="SERVER", nargs="?",
                        help="process number of an lmlink-serve, or its driver's address; by default all of this user "
                             "on this machine")
    parser.add_argument("--json", action="store_true", help="print a JSON array with all there is")


def _add_report(commands: Commands[argparse.ArgumentParser]) -> None:
    parser = _add(commands, "report", "draw a run and a retraining on one page for a browser", _lazy("make_report", "report"),
                  "Energies, virtual work, largest forces and engine times against the evaluation; how well the two sides "
                  "of a mixture fit together, by shells and in words; the regions, which can be turned; errors before and "
                  "after a retraining, and the choice of its lambdas. The page needs no network.")
    parser.add_argument("file", metavar="RUN", nargs="+", help="force logs (.xyz), and reports of lmlink-retrain (.json)")
    parser.add_argument("--output", metavar="FILE", help="the page; by default RUN.report.html in the working directory")
    _add_quiet(parser)


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="show no progress of long work")


def _lazy(name: str, module: str = "log_commands") -> Callable[[argparse.Namespace], int]:
    """A command of a module that is imported when it runs, as it needs ASE."""
    def run(given: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(import_module(f".{module}", __package__), name)
        return command(given)

    return run


def _refuse(text: str) -> NoReturn:
    raise Usage(text)


def _print_pages(given: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """What there is to print instead of a run; False where nothing is asked for."""
    from . import pages
    from .version import __version__

    if given.version:
        print(f"lmlink {__version__}")
    elif given.print_man:
        print(pages.man_page(parser, __version__), end="")
    elif given.print_bash_completion:
        print(pages.bash_completion(parser, PROGRAMS), end="")
    elif given.print_zsh_completion:
        print(pages.zsh_completion(parser, PROGRAMS), end="")
    else:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0, 1 after an error, 2 for wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words and words[0] in PROGRAMS:  # all that follows is the program's
            run_program(f"lmlink-{words[0]}", words[1:])
        parser = build_parser()
        given = parser.parse_args(words)
        if given.command is None:
            if _print_pages(given, parser):
                return 0
            parser.print_help(sys.stderr)
            return 2
        code: int = given.run(given)
        sys.stdout.flush()
        return code
    except Usage as error:
        print(f"lmlink: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read has gone, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not _is_told(error):
            raise
        print(f"lmlink: {_text(error)}", file=sys.stderr)
        return 1


def _text(error: Exception) -> str:
    """Of the system's errors the file and what is wrong, without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror is not None:
        return f"{error.filename2 or error.filename}: {error.strerror}"
    return str(error)


def _is_told(error: Exception) -> bool:
    """Whether the error's text says all, so that nobody needs to see where it came from."""
    from .errors import LMLinkError

    return isinstance(error, (LMLinkError, OSError, ValueError))
