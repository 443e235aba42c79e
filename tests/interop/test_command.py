"""The command `lmlink`, manual pages, and what shells complete by."""

import inspect
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import get_calculator_class
from ase.calculators.emt import EMT
from ase.io import read
from conftest import TIMEOUT, program
from mixture import Mixture, configure, linear, mixing
from test_force_log import ENGINE, ML, block, sphere, steps

from lmlink import LMLink
from lmlink.cli import main

PROGRAMS = ("lmlink-serve", "lmlink-eval", "lmlink-retrain")


def lmlink(*words, **options):
    return subprocess.run([sys.executable, "-m", "lmlink", *map(str, words)], capture_output=True, text=True,
                          timeout=TIMEOUT, **options)


def succeeds(*words, **options):
    done = lmlink(*words, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help():
    """Each command has one; what is wrong is one line, or argparse's usage, and exit code 2."""
    text = succeeds("--help")
    commands = ("serve", "eval", "retrain", "convert", "check", "log", "status", "report")
    assert all(f"\n    {name} " in text for name in commands) and max(map(len, text.splitlines())) < 81
    for words in (*((name,) for name in commands), ("log", "show"), ("log", "export"), ("log", "import")):
        text = succeeds(*words, "--help").lower()
        assert text.startswith(f"usage: lmlink{'-' if len(words) == 1 and words[0] in ('serve', 'eval', 'retrain') else ' '}")
    for words in ((), ("sevre",), ("log",), ("log", "show"), ("convert", "one")):
        done = lmlink(*words)
        assert done.returncode == 2 and "lmlink" in done.stderr and done.stdout == "", words


def test_it_becomes_the_programs():
    for name in PROGRAMS:
        theirs = subprocess.run([program(name), "--version"], capture_output=True, text=True, check=True).stdout
        assert succeeds(name.removeprefix("lmlink-"), "--version") == theirs
        wrong = lmlink(name.removeprefix("lmlink-"), "--nonsense")
        assert wrong.returncode == 2 and wrong.stderr.startswith(f"{name}: unknown option '--nonsense'")
    assert succeeds("--version") == theirs.replace("lmlink-retrain", "lmlink")


def test_convert(potentials, lmlink_eval, tmp_path):
    """Another file, the same forces."""
    atoms = bulk("Mo", cubic=True, a=3.2)
    atoms.rattle(0.1, seed=2)
    atoms.write(tmp_path / "in.xyz")
    succeeds("convert", potentials / "Mo_Chen_PRM2017.snapcoeff", tmp_path / "new.snapcoeff", "--fixed-terms", "none")
    forces = []
    for path in (potentials / "Mo_Chen_PRM2017.snapcoeff", tmp_path / "new.snapcoeff"):
        lmlink_eval("--potential", path, "--fixed-terms", "none", tmp_path / "in.xyz", "--output", tmp_path / "out.xyz")
        forces.append(read(tmp_path / "out.xyz").get_forces())
    assert np.abs(forces[0] - forces[1]).max() < 1e-10 and np.abs(forces[0]).max() > 0.1


@pytest.fixture
def logged(potentials, start, folders):
    """A mixture's configuration and its log of three evaluations, the last of which was recalled."""
    folder, sockets = folders
    atoms = block()
    path = configure(folder, atoms, mixing(linear(potentials / ML), (sphere(atoms, buffer=4.0),
                                                                     linear(potentials / ENGINE))),
                     log={"file": "log.xyz"})
    first, second = steps(atoms, 2)
    with Mixture(start, sockets, path) as mixture:
        replies = [mixture.evaluate(there) for there in (first, second, first)]
    return path, folder / "log.xyz", replies


def test_log(logged, capsys, monkeypatch):
    path, log, replies = logged
    monkeypatch.chdir(log.parent)

    def run(*words):
        """Exit code, output and messages, in this process, which has ASE already."""
        code = main([str(word) for word in words])
        return (code, *capsys.readouterr())

    def gives(*words):
        code, output, errors = run(*words)
        assert code == 0 and errors == "", errors
        return output

    head, *rows = gives("log", "show", log).splitlines()
    assert "evaluation" in head and [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert [row.split()[-1] for row in rows] == ["computed", "computed", "recalled"]
    for row, reply in zip(rows, replies, strict=True):
        assert f"{np.linalg.norm(reply.forces, axis=1).max():.4f}" in row.split()
    assert gives("log", "show", log, "--last", 1).splitlines() == [head, rows[-1]]
    assert "force log, 3 frames as they were written, 0 of them with all" in gives("check", log)
    assert "configuration OK" in succeeds("check", path)

    assert gives("log", "export", log, "--output", "train.xyz", "--format", "mace") == "train.xyz: 2 structures\n"
    assert gives("log", "export", log, log, "--recalled", "--output", "all.xyz").endswith(": 6 structures\n")
    assert [frame.info["evaluation"] for frame in read("all.xyz", ":")] == [1, 2, 3, 1, 2, 3]
    assert gives("log", "import", "all.xyz", "--index", "::2", "--output", "targets.xyz").endswith(": 3 structures\n")
    with open(log, "ab") as file:
        file.write(b"1234\nlmli")
    code, output, errors = run("check", log)
    assert code == 1 and "the last frame is torn" in errors and "3 frames" in output
    for words in (("log", "show", "missing.xyz"), ("log", "show", path), ("check", "structure.xyz"),
                  ("log", "export", log, "--format", "pacemaker", "--output", "missing/x"),
                  ("log", "import", "all.xyz", "--index", "last", "--output", "x.xyz")):
        code, output, errors = run(*words)
        assert code == 1 and errors.splitlines()[-1].startswith("lmlink: ") and output == "", errors
        assert "Errno" not in errors and "/." not in errors, errors
    (log.parent / "torn.xyz").write_bytes(log.read_bytes()[:500])
    code, output, errors = run("check", "torn.xyz")
    assert code == 1 and "torn.xyz:1: the last frame is torn" in errors and "without whole frames" in output


def test_no_output_takes_an_input_away(logged, potentials, capsys, monkeypatch):
    """Nor another force log, nor a folder's other files."""
    _, log, _ = logged
    monkeypatch.chdir(log.parent)
    assert main(["log", "export", "log.xyz", "--output", "train.xyz"]) == 0
    (log.parent / "link.xyz").symlink_to("log.xyz")
    (log.parent / "other.xyz").write_bytes(log.read_bytes())
    (log.parent / "own").mkdir()
    (log.parent / "own" / "mixture.json").write_text("{}")
    before = {path: path.read_bytes() for path in log.parent.rglob("*") if path.is_file()}
    capsys.readouterr()
    for words, what in ((("log", "export", "log.xyz", "--output", "log.xyz"), "log.xyz: is read"),
                        (("log", "export", "log.xyz", "--output", "link.xyz"), "link.xyz: is read"),
                        (("log", "export", "log.xyz", "--output", "other.xyz"), "other.xyz: is a force log"),
                        (("log", "export", "log.xyz", "--format", "fitsnap", "--output", "own"), "own has a file mixture.json"),
                        (("log", "export", "log.xyz", "--format", "fitsnap", "--output", "train.xyz"), "train.xyz: is a file"),
                        (("log", "export", "log.xyz", "--output", "own"), "own: is a folder"),
                        (("log", "import", "train.xyz", "--output", "train.xyz"), "train.xyz: is read"),
                        (("report", "log.xyz", "--output", "log.xyz"), "log.xyz: is read")):
        assert main(list(words)) == 1, words
        errors = capsys.readouterr().err
        assert errors.startswith(f"lmlink: {what}") and errors.count("\n") == 1, errors
    done = subprocess.run([program("lmlink-eval"), "--potential", potentials / ML, "train.xyz", "--output", "other.xyz"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "other.xyz: is a force log" in done.stderr
    assert {path: path.read_bytes() for path in log.parent.rglob("*") if path.is_file()} == before


# ---- pages ----


def options_of(name):
    """Those that --help lists."""
    text = subprocess.run([program(name), "--help"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in text.splitlines() if line.startswith("  --")]


def page(name, kind):
    command = [sys.executable, "-m", "lmlink"] if name == "lmlink" else [program(name)]
    return subprocess.run([*command, f"--print-{kind}"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["lmlink", *PROGRAMS])
def test_manual_pages(name, tmp_path):
    """man renders them without a warning, and finds the name and every option."""
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man is missing: install man-db and groff")
    (tmp_path / f"{name}.1").write_text(page(name, "man"))
    shown = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", tmp_path / f"{name}.1"], capture_output=True,
                           text=True, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "500", "LANG": "C.UTF-8"}, timeout=TIMEOUT)
    assert shown.returncode == 0 and shown.stderr == ""
    assert all(f"\n       {option}" in shown.stdout for option in (options_of(name) if name != "lmlink" else []))
    assert f"{name} - " in " ".join(shown.stdout.split()) and "SEE ALSO" in shown.stdout
    assert name != "lmlink" or "\n       status [SERVER]\n" in shown.stdout


def complete(folder, *words):
    """What bash proposes for the last of the words."""
    script = f"""
source {folder}/{words[0]}
COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
compopt() {{ echo "[$*]"; }}
_{words[0].replace('-', '_')}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes(tmp_path):
    for name in ("lmlink", *PROGRAMS):
        (tmp_path / name).write_text(page(name, "bash-completion"))
    for name in PROGRAMS:
        assert complete(tmp_path, name, "--") == options_of(name)
        assert complete(tmp_path, "lmlink", name.removeprefix("lmlink-"), "--") == options_of(name)
    assert complete(tmp_path, "lmlink-serve", "--fixed-terms", "s") == ["snap"]
    assert complete(tmp_path, "lmlink-serve", "--potential", "") == ["[-o", "default]"]
    assert complete(tmp_path, "lmlink-serve", "--driver", "") == []
    assert complete(tmp_path, "lmlink-eval", "in") == ["[-o", "default]"]
    assert complete(tmp_path, "lmlink", "lo") == ["log"] and complete(tmp_path, "lmlink", "log", "e") == ["export"]
    assert complete(tmp_path, "lmlink", "log", "export", "a.xyz", "--format", "m") == ["mace"]
    assert complete(tmp_path, "lmlink", "convert", "--fixed-terms", "") == ["none", "snap"]


def test_zsh_completes(tmp_path):
    """zsh reads the files; the entries are those of every option."""
    for name in ("lmlink", *PROGRAMS):
        text = page(name, "zsh-completion")
        assert text.startswith(f"#compdef {name}\n")
        if name != "lmlink":
            entries = [line.split("--")[1].split("=")[0].split("[")[0] for line in text.splitlines() if "--" in line[:6]]
            assert [f"--{entry}" for entry in entries] == options_of(name)
        if shutil.which("zsh") is not None:
            (tmp_path / name).write_text(text)
            done = subprocess.run(["zsh", "-n", tmp_path / name], capture_output=True, text=True, timeout=TIMEOUT)
            assert done.returncode == 0 and done.stderr == "", done.stderr


def test_package():
    """What it says of itself, and that it is cheap to ask."""
    text = ("import sys, json, lmlink; names = sorted(lmlink.__all__); "
            "print(json.dumps([lmlink.__version__, names, 'numpy' in sys.modules, "
            "[hasattr(lmlink, name) for name in names]]))")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    version, names, loaded, there = json.loads(done.stdout)
    assert f"lmlink {version}\n" == succeeds("--version") and "read_log" in names and not loaded and all(there)


def test_the_calculator_as_ase_knows_them(potentials, tmp_path):
    """Default parameters, a name to find it by, directory, label and atoms, and a text that says what it is."""
    assert get_calculator_class("lmlink") is LMLink
    signature = inspect.signature(LMLink.__init__).parameters
    for name, value in LMLink.default_parameters.items():
        default = signature[name].default
        assert (list(default) if name == "results" else default) == value, name
    calculator = LMLink(potentials / ML)
    assert calculator.parameters == {**LMLink.default_parameters, "potential": str(potentials / ML)}
    assert repr(calculator) == f"<LMLink('{potentials / ML}')>"

    atoms = bulk("Mo", cubic=True)
    with LMLink(potentials / ML, force_log="run.xyz", directory=tmp_path / "new", label="mo", atoms=atoms) as calculator:
        assert atoms.calc is calculator
        atoms.get_forces()
        assert f"running as process {calculator.pid}>" in repr(calculator)
    assert len(read(tmp_path / "new" / "run.xyz", ":")) == 1
    assert "evaluation 1" in (tmp_path / "new" / "mo.log").read_text()

    mask = np.arange(4) < 3
    calculator = LMLink(potentials / ML, qm_calc=[EMT(), {"launch": "x"}], qm_selection_mask=[mask, [3]], buffer_width=4.0)
    assert "qm_calc=[EMT, {'type': 'remote'" in repr(calculator)
    assert "qm_selection_mask=[<3 of 4 atoms>, <1 atoms>]" in repr(calculator)
    calculator = LMLink(potentials / ML, qm_calc={"launch": "x"}, qm_selection_mask=mask, buffer_width=4.0, directory=tmp_path)
    assert calculator.parameters["qm_calc"]["folder"] == str(tmp_path)
