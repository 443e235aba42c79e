"""The JSON schemas that the programs print, by the package jsonschema: they accept the project's configurations, and
refuse what the programs refuse."""

import copy
import json
import pathlib
import subprocess

import pytest

from conftest import ROOT, program

jsonschema = pytest.importorskip("jsonschema")

SERVE = {
    "format": "lmlink-serve", "version": 1, "structure": "s.xyz", "extras": "json", "log_level": "info",
    "results": ["energies"],
    "driver": {"address": "unix:w", "socket_prefix": "/tmp/x_", "wait": 2, "user": "own", "reconnect": True,
               "reinit": False},
    "log": {"file": "l.xyz", "full": True, "reuse": False},
}
LINEAR = {"type": "linear", "potential": {"file": "W.snap", "parameters": "p", "fixed_terms": "none", "reload": True},
          "coordination_radius": 3.6, "threads": 2}
ENGINE = {"type": "remote", "name": "qm", "address": "unix:q", "socket_prefix": "/tmp/x_", "launch": "true",
          "prepare": "true {cluster}", "folder": "f", "output": "o", "tag": "t", "inputs": ["i"], "retries": 3,
          "limits": {"connect": 1, "answer": 5, "prepare": 2, "evaluate": 3, "stop": 4}, "on_failure": "restart", "back_off": 0.5,
          "init": "lmlink", "origin": "centre", "allow": ["10.1.0.0/16"], "peer": "any"}
SELECTIONS = [
    {"labels": True},
    {"indices": [0, 1], "buffer": 3, "blend": {"width": 1.5, "shape": "cubic"}},
    {"species": ["W", "He"], "buffer": 3},
    {"spheres": [{"centre": [0, 0, 0], "radius": 2}, {"atom": 1, "radius": 2}], "buffer": 3},
    {"cylinder": {"axis": "c", "point": [0, 0, 0], "radius": 3}, "buffer": 3},
    {"around": {"species": ["He"], "inner": 3, "outer": 4}, "update": 5, "buffer": 3},
    {"around": {"indices": [3], "inner": 3}, "buffer": 3},
    {"uncertain": {"by": "sigma_forces", "inner": 0.05, "outer": 0.03, "enter_after": 2, "leave_after": 5, "max_atoms": 40,
                   "mask": "none", "min_coordination": 20, "margin": 0.5}, "update": 2, "buffer": 3},
    {"uncertain": {"inner": 3}, "buffer": 3},
]
SKIP = {"below": 0.02, "above": 0.03, "check_every": 8, "check_ratio": 2, "blend_evaluations": 4}
MIXING = {
    "type": "mixing", "ml": LINEAR, "zero_mean_force": True, "energy": "virtual_work", "virial": "ml",
    "foreign_distance": 4.5,
    "rescale": {"qm_lattice_constant": 3.1, "qm_bulk_modulus": 300, "ml_lattice_constant": 3.2, "ml_bulk_modulus": 310},
    "qm": [{"name": str(k), "region": region, "cluster": {"vacuum": 5, "cell_rounding": 3},
            "calculator": LINEAR if k else ENGINE, "skip": SKIP}
           for k, region in enumerate(SELECTIONS)],
}
RETRAIN = {
    "format": "lmlink-retrain", "version": 1,
    "start": {"file": "W.snapcoeff", "parameters": "p", "fixed_terms": "snap", "zero": False},
    "targets": [{"file": "a.xyz", "quantity": "forces", "select": "qm", "weight": 2, "frame_weights": "w",
                 "row_weights": "r", "min_displacement": 0.1, "leverage": 1, "follow": True, "move_mask": "free",
                 "keys": {"energy": "e", "forces": "f", "virial": "v", "stress": "s"}},
                {"file": "m.npy", "targets": "t.npy", "frame_rows": 3},
                {"file": "e.xyz", "quantity": "energy", "energy_reference": "offset"}],
    "hard": [{"file": "h.xyz", "mode": "set"}], "soft": [{"file": "s.xyz"}], "test": [{"file": "t.xyz", "kind": "soft"}],
    "group_key": "config_type", "group_weights": {"bulk": 2}, "lambda_soft": [0.1, 1], "lambda_ridge": 500,
    "lambda_ridge_scale": {"constant": 1, "linear": 0.1, "quadratic": 2}, "soft_limit": 0.01, "folds": 4,
    "fold_groups": "g", "search": {"trials": 30, "tolerance": 0.1}, "form": "quadratic", "method": "qr",
    "sums": "exact", "every": 2, "hard_tolerance": 1e-9, "set_tolerance": 1e-9, "set_deviation": 1e-6,
    "output": "o.snapcoeff", "report": "o.json", "cache": "c", "overwrite": True,
    "uncertainty": {"kind": "sandwich", "rank": 5, "from": ["u.xyz"]},
}
WHOLE = {"lmlink-serve": [SERVE | {"calculator": LINEAR}, SERVE | {"calculator": MIXING}],
         "lmlink-retrain": [RETRAIN, RETRAIN | {"search": True, "lambda_ridge_scale": "s.npy", "uncertainty": "auto"}]}

# Of what the programs say, what the schema does not know: how one key goes with another, and what texts mean.
CLOSER = ("driver.address: ", "outer: must not be smaller than inner", "outer: must not be larger than inner",
          "above: must not be smaller than below", "targets: is for design matrices", "no driver: ",
          "allow: ", "is no name of a result")


def validator(name):
    text = subprocess.run([program(name), "--print-schema"], check=True, capture_output=True, text=True).stdout
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def refusal(name, configuration, folder):
    """What the program says against the file itself, empty where it goes on to other files."""
    (folder / "c.json").write_text(json.dumps(configuration))
    options = ["--check"] if name == "lmlink-serve" else []
    run = subprocess.run([program(name), "c.json", *options], cwd=folder, capture_output=True, text=True, timeout=60)
    assert run.returncode in (1, 2), run.stderr
    return run.stderr if ": c.json:" in run.stderr else ""


def places(value, path=()):
    """Paths to all that is in a configuration."""
    yield path
    for key, inner in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        yield from places(inner, (*path, key))


def changed(configuration, path, value):
    copied = copy.deepcopy(configuration)
    at = copied
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copied


def keys_of(schema):
    """Names of all keys, with the objects that they are of."""
    if isinstance(schema, list):
        for inner in schema:
            yield from keys_of(inner)
    elif isinstance(schema, dict):
        for name, inner in schema.items():
            if name == "properties":
                yield from inner
            yield from keys_of(inner)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_configurations_have_every_key_and_are_accepted(name, tmp_path):
    check = validator(name)
    for configuration in WHOLE[name]:
        assert [error.message for error in check.iter_errors(configuration)] == []
        assert refusal(name, configuration, tmp_path) == ""
    used = {key for configuration in WHOLE[name] for path in places(configuration) for key in path}
    assert set(keys_of(check.schema)) - used == set()


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.json"), key=str), ids=name_of)
def test_configurations_of_the_project_are_accepted(path):
    configuration = json.loads(path.read_text())
    errors = list(validator(configuration["format"]).iter_errors(configuration))
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "fuzz" / "corpus").glob("*_config/*.json"), key=str), ids=name_of)
def test_schema_accepts_of_the_seeds_what_the_program_does(path, tmp_path):
    configuration = json.loads(path.read_text())
    errors = list(validator(configuration["format"]).iter_errors(configuration))
    assert errors == [] or refusal(configuration["format"], configuration, tmp_path)


@pytest.mark.parametrize("page", ["configuration.md", "retraining.md", "mixing.md", "README.md", "tutorial.md"])
def test_configurations_in_the_documentation_are_accepted(page):
    file = pathlib.Path(ROOT, "docs", page)
    if not file.exists():
        pytest.skip("no such page")
    for block in file.read_text().split("```json\n")[1:]:
        block = block.split("```")[0]
        if '"format"' in block:
            configuration = json.loads(block)
            assert not list(validator(configuration["format"]).iter_errors(configuration))


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("value", [None, -1, 2e6, 1.5, "", "nonsense", [], {}, [None], {"nonsense": 1}], ids=repr)
def test_schema_refuses_what_the_program_refuses(name, value, tmp_path):
    """Every value of the whole configurations is replaced in turn."""
    check = validator(name)
    for configuration in WHOLE[name]:
        for path in places(configuration):
            if not path or path[0] in ("format", "version"):
                continue
            wrong = changed(configuration, path, value)
            said = refusal(name, wrong, tmp_path)
            if not any(words in said for words in CLOSER):
                assert bool(said) != check.is_valid(wrong), (path, value, said)


@pytest.mark.parametrize("name", WHOLE)
def test_unknown_and_missing_keys_are_refused_by_both(name, tmp_path):
    check = validator(name)
    for configuration in WHOLE[name]:
        for path in places(configuration):
            at = configuration
            for key in path:
                at = at[key]
            if not isinstance(at, dict) or path[-1:] == ("group_weights",):
                continue
            unknown = at | {"fiel": 1}
            for wrong in [unknown, *({k: v for k, v in at.items() if k != key} for key in at)]:
                wrong = changed(configuration, path, wrong) if path else wrong
                said = refusal(name, wrong, tmp_path)
                if not check.is_valid(wrong):
                    assert said, (path, wrong)
            assert "fiel: no such key" in refusal(name, changed(configuration, path, unknown) if path else unknown,
                                                  tmp_path)
