"""What the benchmarks of this folder share: finding the programs, and small words of statistics."""

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def add_bin(parser):
    """The option that names the folder of the programs bench_*."""
    parser.add_argument("--bin", type=Path, default=ROOT / "build" / "bench" / "bench",
                        help="folder of the programs bench_*")


def add_serve(parser):
    """The option that names the program lmlink-serve."""
    parser.add_argument("--serve", type=Path, default=ROOT / "build" / "bench" / "src" / "programs" / "lmlink-serve")


def find(folder, name):
    """The path of one of these programs."""
    program = (folder / name).resolve()
    if not program.is_file():
        sys.exit(f"{program} is not there: configure with -DLMLINK_BENCH=ON, build, and name its folder with --bin")
    return program


def run(*command, **options):
    """What a program prints, as words."""
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True,
                          **options).stdout.split()


def alternate(rounds, *measurements):
    """Call each of the measurements in turn, `rounds` times over; returns the median of each."""
    values = [[] for _ in measurements]
    for _ in range(rounds):
        for kept, measure in zip(values, measurements):
            kept.append(measure())
    return [statistics.median(kept) for kept in values]


def verdict(met):
    """The exit code, said aloud."""
    print("met" if met else "MISSED")
    return 0 if met else 1
