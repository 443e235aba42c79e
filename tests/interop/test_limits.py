"""Programs that run out of disk, open files or memory: one line that says of what, and what was there before is whole."""

import resource
import signal
import subprocess

import pytest
from conftest import TIMEOUT, program
from test_retrain import cells, label, teacher  # noqa: F401 (fixtures)


def run_limited(limits, name, *arguments, prefix=()):
    """Run a program of lmlink with resource limits: {RLIMIT_…: value}."""
    def set_limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for limit, value in limits.items():
            resource.setrlimit(limit, (value, value))

    return subprocess.run([*prefix, program(name), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                          preexec_fn=set_limits)


def assert_one_line(result, name, *words):
    """An error, told by the program itself in its last line."""
    assert result.returncode == 1, (result.returncode, result.stderr)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"{name}: ") and all(word in last for word in words), result.stderr


def leftovers(folder):
    return [path.name for path in folder.iterdir() if ".tmp" in path.name]


@pytest.fixture
def data(label, teacher, tmp_path):
    label("data.xyz", cells(6, 2, size=3), teacher[0])
    return teacher[1], tmp_path / "data.xyz", tmp_path


def test_files_of_limited_size(data):
    start, frames, folder = data
    output = folder / "out.xyz"
    output.write_text("what was there before\n")
    result = run_limited({resource.RLIMIT_FSIZE: 4096}, "lmlink-eval", "--potential", start, frames, "--output", output)
    assert_one_line(result, "lmlink-eval", "out.xyz", "File too large")
    assert output.read_text() == "what was there before\n" and leftovers(folder) == []

    words = ["--start", start, "--targets", frames, "--select", "all", "--lambda-ridge", 1, "--output",
             folder / "new.snapcoeff", "--report", folder / "new.json", "--overwrite", "--log-level", "error"]
    for name in ("new.snapcoeff", "new.snapparam", "new.json"):
        (folder / name).write_text("what was there before\n")
    result = run_limited({resource.RLIMIT_FSIZE: 256}, "lmlink-retrain", *words)
    assert_one_line(result, "lmlink-retrain", "new.snap", "File too large")
    for name in ("new.snapcoeff", "new.snapparam", "new.json"):
        assert (folder / name).read_text() == "what was there before\n", name
    assert leftovers(folder) == []


def test_a_full_disk(data):
    """A file system of 16 kB, in a mount namespace of the test's own."""
    start, frames, folder = data
    disk = folder / "disk"
    disk.mkdir()
    script = (f"mount -t tmpfs -o size=16k none '{disk}' || exit 77\n"
              f"echo 'what was there before' > '{disk}/out.xyz'\n"
              f"'{program('lmlink-eval')}' --potential '{start}' '{frames}' --output '{disk}/out.xyz'\n"
              f"echo \"code $?\"; cat '{disk}/out.xyz'; ls -A '{disk}'\n")
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=TIMEOUT)
    if result.returncode in (1, 77) and "code" not in result.stdout:
        pytest.skip(f"no file system can be mounted here: {result.stderr.strip()}")
    assert "out.xyz" in result.stderr.splitlines()[-1] and "No space left on device" in result.stderr
    assert result.stdout.splitlines()[-3:] == ["code 1", "what was there before", "out.xyz"]


@pytest.mark.parametrize("name", ["lmlink-eval", "lmlink-retrain", "lmlink-serve"])
def test_few_open_files(name, data):
    """From too few for the first file on up to enough: an error in one line, or the whole result."""
    start, frames, folder = data
    words = {"lmlink-eval": ["--potential", start, frames, "--output", folder / "out.xyz"],
             "lmlink-retrain": ["--start", start, "--targets", frames, "--select", "all", "--lambda-ridge", 1, "--output",
                                folder / "new.snapcoeff", "--overwrite", "--log-level", "error"],
             "lmlink-serve": ["--potential", start, "--driver", f"unix:{folder}/s", "--wait", 0, "--log", folder / "l.xyz"]}[name]
    codes = []
    for count in range(4, 14):
        result = run_limited({resource.RLIMIT_NOFILE: count}, name, *words)
        codes.append(result.returncode)
        if result.returncode == 127 or "error while loading shared libraries" in result.stderr:
            continue  # not even the program itself could be loaded
        if result.returncode != 0:
            assert_one_line(result, name)
        assert leftovers(folder) == [], count
    if name != "lmlink-serve":  # which finds no driver
        assert codes[-1] == 0, codes


def test_little_memory(data):
    """From what the program itself needs upwards: an error in one line, or the same bytes."""
    start, frames, folder = data
    output = folder / "out.xyz"
    words = ["--potential", start, frames, "--output", output]
    assert run_limited({}, "lmlink-eval", *words).returncode == 0
    whole = output.read_bytes()
    codes = []
    for megabytes in range(8, 80, 4):
        output.unlink(missing_ok=True)
        result = run_limited({resource.RLIMIT_AS: megabytes << 20}, "lmlink-eval", *words)
        codes.append(result.returncode)
        if result.returncode == 127 or result.returncode == -signal.SIGKILL or "shared librar" in result.stderr:
            continue  # not even the program itself could be loaded
        if result.returncode == 0:
            assert output.read_bytes() == whole
        else:
            assert_one_line(result, "lmlink-eval")
            assert not output.exists()
        assert leftovers(folder) == [], megabytes
    assert codes[-1] == 0, codes


@pytest.mark.parametrize("name, words", [("lmlink-eval", ["--output", "/proc/out.xyz"]),
                                         ("lmlink-serve", ["--log", "/proc/log.xyz", "--driver", "unix:x", "--wait", 0])])
def test_a_folder_that_takes_no_files(name, words, data):
    start, frames, _ = data
    files = [frames] if name == "lmlink-eval" else []
    assert_one_line(run_limited({}, name, "--potential", start, *files, *words), name, "/proc/")
