"""lmlink-serve with one thread and with several, over the socket, taking turns.

    python bench/threads.py [--serve build/bench/src/programs/lmlink-serve] [--threads 2] [--rounds 15]
                            [--sizes 2 54 250 2000 20000 100000] [--potential linear]
    python bench/threads.py --idle                # a busy program beside a server that waits
    python bench/threads.py --several 2           # servers that compute at the same time

All servers live at the same time, and are asked in turn; what is timed is what a driver waits for, from the first byte of
the positions to the last of the forces. The atoms are a little further on at every evaluation, as in molecular dynamics, so
that lists of neighbours are kept; in columns "new lists" they have moved by up to 0.4 Å, so that all are made anew. On a
machine that has other work to do the smallest of the times says most: the tables have the ratio of the smallest and that of
the medians.
"""

import argparse
import contextlib
import itertools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from bench import add_serve, verdict
from force_call import CASES, make_structure, write_potential
from socket_overhead import receive, request_for, room_for_reply

BARS = {2000: 1.75, 20000: 1.85}  # two threads against one
LITTLE, FAR = 0.01, 0.4  # Å
NUMBERS = itertools.count()  # of sockets


class Server:
    """An lmlink-serve with so many threads (None: as many as it likes), and the driver's side of its connection."""

    def __init__(self, program, potential, threads, stack):
        path = f"/tmp/ipi_lmlinkthreads{os.getpid()}_{next(NUMBERS)}"
        listener = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        listener.bind(path)
        stack.callback(os.unlink, path)
        listener.listen(1)
        told = [] if threads is None else ["--threads", str(threads)]
        command = [program, "--potential", potential, "--driver", f"unix:{path}", "--log-level", "quiet", *told]
        self.process = subprocess.Popen([str(word) for word in command])
        stack.callback(self.process.wait)
        self.connection = stack.enter_context(listener.accept()[0])
        self.connection.sendall(b"STATUS      ")
        receive(self.connection, memoryview(bytearray(12)))

    def ask(self, atoms):
        """Seconds until the forces are there."""
        request, reply = request_for(atoms), room_for_reply(atoms)
        begin = time.perf_counter()
        self.connection.sendall(request)
        receive(self.connection, reply)
        return time.perf_counter() - begin


def moved(atoms, step, distance):
    """The atoms up to `distance` from where they are."""
    copy = atoms.copy()
    copy.positions += np.random.default_rng(step).uniform(-distance, distance, atoms.positions.shape)
    return copy


def compare(servers, atoms, distance, rounds, calls):
    """Seconds of each server in each round: the smallest of `calls` that follow one another."""
    times = [[] for _ in servers]
    for step in range(rounds + 1):
        structures = [moved(atoms, calls * step + call, distance) for call in range(calls)]
        for server, kept in zip(servers, times):
            kept.append(min(server.ask(structure) for structure in structures))
    return [kept[1:] for kept in times]  # after the first round


def calls_for(natoms):
    return max(1, min(50, 4000 // natoms))


def scaling(arguments, potential):
    numbers = [1, arguments.threads]
    print(f"{arguments.potential} 2J = 8, kept lists and new ones; milliseconds from positions to forces, "
          f"{arguments.rounds} rounds\n")
    print(f"{'atoms':>7} {'lists':>5} {'1 thread':>9} {'median':>9} {f'{numbers[1]} threads':>9} {'median':>9} {'ratio':>6} "
          f"{'of medians':>10}")
    met = True
    for natoms in arguments.sizes:
        atoms = make_structure(natoms, ["W"])
        for lists, distance in (("kept", LITTLE), ("new", FAR)):
            with contextlib.ExitStack() as stack:
                servers = [Server(arguments.serve, potential, threads, stack) for threads in numbers]
                one, several = compare(servers, atoms, distance, arguments.rounds, calls_for(natoms))
            ratio, of_medians = min(one) / min(several), statistics.median(one) / statistics.median(several)
            print(f"{len(atoms):7} {lists:>5}" + "".join(f" {1e3 * value:9.3f}" for value in (
                min(one), statistics.median(one), min(several), statistics.median(several)))
                + f" {ratio:6.2f} {of_medians:10.2f}", flush=True)
            if lists == "kept" and numbers[1] == 2:
                met = met and ratio >= BARS.get(natoms, 0)
    return met


SPIN = """
import sys, time
begin = time.process_time(), time.perf_counter()
while time.perf_counter() - begin[1] < 1.0: pass
print((time.process_time() - begin[0]) / (time.perf_counter() - begin[1]))
"""


def ticks(pid):
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(arguments, potential):
    """What is left to a program for each core while a server waits, and what the server uses meanwhile."""
    atoms = make_structure(2000, ["W"])
    cores = len(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        server = Server(arguments.serve, potential, None, stack)
        used, parts = [], []
        for step in range(arguments.rounds):
            server.ask(moved(atoms, step, LITTLE))
            time.sleep(1e-3)
            begin = ticks(server.process.pid)
            programs = [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE, text=True)
                        for _ in range(cores)]
            parts += [float(program.communicate()[0]) for program in programs]
            used.append(ticks(server.process.pid) - begin)
    print(f"of {cores} cores a busy program on each has {statistics.median(parts):.1%} of one while a server waits, which "
          f"uses {max(used):.3f} s in a second")
    return max(used) <= 0.01


def several(arguments, potential):
    """Servers that compute at the same time, with a thread each, all cores each, and as they share by themselves."""
    count = arguments.several
    cores = len(os.sched_getaffinity(0))
    print(f"{count} servers that compute at the same time; evaluations a second, of all together, medians\n")
    print(f"{'atoms':>7} {'1 thread':>9} {f'{cores} threads':>9} {'shared':>9}")
    for natoms in arguments.sizes:
        atoms = make_structure(natoms, ["W"])
        structures = [moved(atoms, step, LITTLE) for step in range(calls_for(natoms) + 4)]
        rates = [[] for _ in range(3)]
        with contextlib.ExitStack() as stack:
            groups = [[Server(arguments.serve, potential, threads, stack) for _ in range(count)]
                      for threads in (1, cores, None)]
            for _ in range(arguments.rounds):
                for group, kept in zip(groups, rates):
                    workers = [threading.Thread(target=lambda s=server: [s.ask(a) for a in structures]) for server in group]
                    begin = time.perf_counter()
                    for worker in workers:
                        worker.start()
                    for worker in workers:
                        worker.join()
                    kept.append(count * len(structures) / (time.perf_counter() - begin))
        print(f"{len(atoms):7}" + "".join(f" {statistics.median(kept):9.1f}" for kept in rates), flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_serve(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 54, 250, 2000, 20000, 100000])
    parser.add_argument("--potential", choices=("linear", "quadratic"), default="linear")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--several", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        potential = write_potential(Path(folder), 8, ["W"], CASES[f"{arguments.potential} 2J = 8"][2])
        measure = idle if arguments.idle else several if arguments.several else scaling
        return verdict(measure(arguments, potential))


if __name__ == "__main__":
    sys.exit(main())
