"""Any ASE calculator as an engine: computes the structures that lmlink sends, such as with a foundation model.

    python ase_engine.py CLUSTER.xyz --address unix:qm --calculator "chgnet.model.dynamics:CHGNetCalculator(use_device='cpu')"

It needs ASE and the calculator's package alone, in an environment of their own if that is convenient.
"""

import argparse
import importlib
from pathlib import Path

from ase.calculators.socketio import SocketClient
from ase.io import read


def client(address):
    """ASE's client for an address of lmlink: unix:NAME or HOST:PORT."""
    if address.startswith("unix:"):
        return SocketClient(unixsocket=address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return SocketClient(host=host, port=int(port))


def add_arguments(parser):
    """Those that every engine has."""
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--address", default="unix:qm", help="of lmlink: unix:NAME (unix:qm) or HOST:PORT")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--calculator", required=True, metavar="MODULE:EXPRESSION", help="an expression with a module's names")
    given = parser.parse_args()
    module, colon, expression = given.calculator.partition(":")
    if not colon:
        parser.error(f"'{given.calculator}' is not MODULE:EXPRESSION")
    atoms = read(given.cluster)
    atoms.calc = eval(expression, vars(importlib.import_module(module)))  # the user's own command line
    client(given.address).run(atoms)


if __name__ == "__main__":
    main()
