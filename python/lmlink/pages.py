"""The manual page of the command `lmlink`, and what shells complete it by, made of its parser."""

from __future__ import annotations

import argparse
import re
from typing import Iterable, Iterator, Mapping

FILE_NAMES = ("FILE", "LOG", "POTENTIAL", "OUTPUT", "RUN")
SEE_ALSO = ("lmlink-eval", "lmlink-retrain", "lmlink-serve")


def subcommands(parser: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """The commands of a parser, with what is said of each."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            found.update({name: (each, helps.get(name, "")) for name, each in action.choices.items()})
    return found


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if action.option_strings:
            yield action


def positionals(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            yield action


def value_of(action: argparse.Action) -> str:
    """What an option's value is called, empty where it has none."""
    if action.nargs == 0:
        return ""
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _long(action: argparse.Action) -> str:
    return action.option_strings[-1]


# ---- the manual page ----


def _roff(text: str) -> str:
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def man_page(parser: argparse.ArgumentParser, version: str) -> str:
    """In roff, for man(1)."""
    lines = [f'.TH LMLINK 1 "" "lmlink {version}" "User Commands"', ".SH NAME",
             "lmlink \\- serve, evaluate and retrain linear machine\\-learning potentials and QM/ML mixtures",
             ".SH SYNOPSIS", "\\fBlmlink\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]", ".SH DESCRIPTION",
             _roff(parser.description or ""), ".SH COMMANDS"]
    for name, (command, text) in subcommands(parser).items():
        inner = subcommands(command)
        if inner:
            for way, (each, what) in inner.items():
                lines += _man_command(f"{name} {way}", each, what)
        else:
            lines += _man_command(name, command, text)
    lines += [".SH OPTIONS", *(line for action in options(parser) for line in _man_option(action)),
              ".SH EXAMPLES", ".nf", _roff(re.sub("^examples:\n", "", parser.epilog or "").rstrip()), ".fi",
              ".SH EXIT STATUS", "0, 1 after an error, 2 for wrong usage.", ".SH SEE ALSO",
              ", ".join(f"\\fB{_roff(page)}\\fR(1)" for page in SEE_ALSO)]
    return "\n".join(lines) + "\n"


def _man_command(name: str, parser: argparse.ArgumentParser, text: str) -> list[str]:
    head = [f"\\fB{_roff(name)}\\fR"]
    forms = {"+": "{} ...", "?": "[{}]"}
    head += [forms.get(str(action.nargs), "{}").format(f"\\fI{_roff(value_of(action))}\\fR")
             for action in positionals(parser)]
    lines = [".TP", " ".join(head), _roff(parser.description or _sentence(text))]
    inner = [line for action in (*positionals(parser), *options(parser)) if "--help" not in action.option_strings
             for line in _man_option(action)]
    return [*lines, ".RS", *inner, ".RE"] if inner else lines


def _man_option(action: argparse.Action) -> list[str]:
    value = value_of(action)
    if not action.option_strings:
        head = f"\\fI{_roff(value)}\\fR"
    else:
        head = ", ".join(f"\\fB{_roff(name)}\\fR" for name in action.option_strings)
        head += f" \\fI{_roff(value)}\\fR" if value else ""
    return [".TP", head, _roff(_sentence(action.help or ""))]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


# ---- completion ----


def _is_file(action: argparse.Action) -> bool:
    return action.nargs != 0 and action.choices is None and value_of(action) in FILE_NAMES


def bash_completion(parser: argparse.ArgumentParser, programs: Mapping[str, str]) -> str:
    """A function for bash. Words after the name of a program are completed by that program's own function."""
    commands = subcommands(parser)
    words = [*commands, *map(_long, options(parser))]
    cases = []
    for name in programs:
        cases.append(f"""    {name})
      declare -F _lmlink_{name} >/dev/null || source "${{BASH_SOURCE[0]%/*}}/lmlink-{name}" 2>/dev/null || return
      _lmlink_{name}
      return ;;""")
    for name, (command, _) in commands.items():
        if name in programs:
            continue
        inner = subcommands(command)
        for way, (each, _) in inner.items():
            cases.append(_bash_case(f"'{name} {way}'", each))
        if inner:
            known = " ".join((*inner, *map(_long, options(command))))
            cases.append(f"    '{name} '*) COMPREPLY=($(compgen -W '{known}' -- \"$word\")) ;;")
        else:
            cases.append(_bash_case(f"'{name} '*", command))
    body = "\n".join(cases)
    return f"""# What bash completes lmlink by; printed by lmlink --print-bash-completion.
_lmlink() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{" ".join(words)}' -- "$word"))
    return
  fi
  if [[ $command != @({"|".join(programs)}) ]]; then
    command="$command "
    ((COMP_CWORD == 2)) || command+=${{COMP_WORDS[2]}}
  fi
  case $command in
{body}
  esac
}}
complete -F _lmlink lmlink
"""


def _bash_case(pattern: str, parser: argparse.ArgumentParser) -> str:
    lines = [f"    {pattern})", "      case $before in"]
    for action in options(parser):
        if action.choices is not None:
            lines.append(f"        {_long(action)}) COMPREPLY=($(compgen -W '{' '.join(map(str, action.choices))}' -- "
                         '"$word")); return ;;')
    files = "|".join(_long(action) for action in options(parser) if _is_file(action))
    others = "|".join(_long(action) for action in options(parser)
                      if action.nargs != 0 and action.choices is None and not _is_file(action))
    lines += [f"        {files}) compopt -o default; return ;;"] if files else []
    lines += [f"        {others}) return ;;"] if others else []
    lines += ["      esac", "      if [[ $word == -* ]]; then",
              f"        COMPREPLY=($(compgen -W '{' '.join(map(_long, options(parser)))}' -- \"$word\"))", "      else",
              "        compopt -o default", "      fi ;;"]
    return "\n".join(lines)


def _zsh_quoted(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def _clause(text: str) -> str:
    return re.split(r"[.;:](?= |$)| \(", text, maxsplit=1)[0]


def zsh_completion(parser: argparse.ArgumentParser, programs: Mapping[str, str]) -> str:
    """A file `_lmlink` for zsh's fpath."""
    commands = subcommands(parser)
    cases = [f"    {name}) words[1]=lmlink-{name}; _dispatch lmlink-{name} lmlink-{name} ;;" for name in programs]
    functions = []
    for name, (command, _) in commands.items():
        if name in programs:
            continue
        inner = subcommands(command)
        if inner:
            functions.append(_zsh_function(f"_lmlink_{name}", inner, options(command),
                                           [f"    {way}) _arguments {_zsh_entries(each)} ;;"
                                            for way, (each, _) in inner.items()]))
            cases.append(f"    {name}) _lmlink_{name} ;;")
        else:
            cases.append(f"    {name}) _arguments {_zsh_entries(command)} ;;")
    functions.append(_zsh_function("_lmlink", commands, options(parser), cases))
    body = "\n".join(functions)
    return f"#compdef lmlink\n# Printed by lmlink --print-zsh-completion.\n{body}\n_lmlink \"$@\"\n"


def _zsh_function(name: str, commands: Mapping[str, tuple[argparse.ArgumentParser, str]],
                  known: Iterable[argparse.Action], cases: list[str]) -> str:
    described = " ".join(f"'{each}:{_zsh_quoted(_clause(text))}'" for each, (_, text) in commands.items())
    entries = " ".join(map(_zsh_option, known))
    body = "\n".join(cases)
    return f"""{name}() {{
  local -a commands
  local line state
  commands=({described})
  _arguments -C {entries} '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe command commands ;;
  argument)
    case $line[1] in
{body}
    esac ;;
  esac
}}"""


def _zsh_entries(parser: argparse.ArgumentParser) -> str:
    files = ["'*:file:_files'"] if any(True for _ in positionals(parser)) else []
    return " ".join([*map(_zsh_option, options(parser)), *files])


def _zsh_option(action: argparse.Action) -> str:
    name, value = _long(action), value_of(action)
    text = f"'{name}{'=' if value else ''}[{_zsh_quoted(_clause(action.help or ''))}]"
    if value:
        what = ("(" + " ".join(map(str, action.choices)) + ")" if action.choices is not None else
                "_files" if _is_file(action) else " ")
        text += f":{_zsh_quoted(value if action.choices is None else action.dest)}:{what}"
    return text + "'"
