"""Record conversations of real i-PI peers, byte for byte, for the tests of socket/.

    record_transcript.py FOLDER [NAME ...]

runs each conversation (all, or those named) with the ASE and i-PI that are installed and writes FOLDER/NAME.ipi. A proxy
stands between the driver and its client and notes what passes. Both ends are the peers' own: nothing of lmlink is
involved, so that its codec meets an independent source. The potential is a spring of constant K on every coordinate
(force = -K times position), which lets a test check the decoded numbers.

A transcript is a line "i-PI transcript 1", then records: one byte 'D' (the driver sent) or 'C' (the client sent), the
number of bytes as 4 bytes, little-endian, and the bytes.
"""

import pathlib
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import ase
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.socketio import SocketClient, SocketIOCalculator
from importlib.metadata import version

MAGIC = b"i-PI transcript 1\n"
SPRING_ASE = 1.5  # eV/A^2
SPRING_IPI = 0.01  # Hartree/Bohr^2
DRIVER, CLIENT = "/tmp/ipi_lmlink_record", "/tmp/ipi_lmlink_record_proxy"


class Proxy(threading.Thread):
    """Listens at CLIENT for one client, connects it to the driver at DRIVER, and keeps what passes."""

    def __init__(self):
        super().__init__(daemon=True)
        pathlib.Path(CLIENT).unlink(missing_ok=True)
        self.records = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(CLIENT)
        self.server.listen(1)
        self.start()

    def run(self):
        client, _ = self.server.accept()
        driver = connect(DRIVER)
        names = {driver: b"D", client: b"C"}
        while True:
            for end in select.select([driver, client], [], [])[0]:
                data = end.recv(1 << 16)
                other = client if end is driver else driver
                if not data:
                    other.close()
                    end.close()
                    return
                if self.records and self.records[-1][0] == names[end]:
                    self.records[-1][1] += data
                else:
                    self.records.append([names[end], bytearray(data)])
                other.sendall(data)

    def write(self, path):
        self.join(10)
        self.server.close()
        pathlib.Path(CLIENT).unlink()
        with open(path, "wb") as file:
            file.write(MAGIC)
            for who, data in self.records:
                file.write(who + struct.pack("<I", len(data)) + data)


def connect(path):
    for _ in range(500):
        try:
            end = socket.socket(socket.AF_UNIX)
            end.connect(path)
            return end
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"no driver at {path}")


class Springs(Calculator):
    """Energy 1/2 K sum r^2. The stress is made up, each component another."""

    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        positions = self.atoms.positions
        self.results = {"energy": 0.5 * SPRING_ASE * (positions**2).sum(), "forces": -SPRING_ASE * positions}
        if self.atoms.pbc.any():
            self.results["stress"] = -np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) / self.atoms.get_volume()


def record_ase(path, atoms):
    """Three evaluations by ASE's SocketIOCalculator, answered by ASE's SocketClient."""
    proxy = Proxy()
    mirror = atoms.copy()
    mirror.calc = Springs()

    def serve():
        client = SocketClient(unixsocket=pathlib.Path(CLIENT).name.removeprefix("ipi_"))
        client.state = "NEEDINIT"  # so that ASE's INIT is in the transcript too
        client.run(mirror, use_stress=mirror.pbc.any())

    thread = threading.Thread(target=serve, daemon=True)
    with SocketIOCalculator(unixsocket=pathlib.Path(DRIVER).name.removeprefix("ipi_")) as calculator:
        thread.start()
        atoms.calc = calculator
        for shift in (0.0, 0.01, 0.02):
            atoms.positions[0, 0] += shift
            atoms.get_forces()
    thread.join(10)
    proxy.write(path)


def ase_cell(path):
    cell = [[3.6, 0.2, 0.1], [0.3, 3.7, -0.2], [-0.1, 0.4, 3.8]]
    record_ase(path, Atoms("Cu2", positions=[[0.1, 0.2, 0.3], [1.9, 1.8, 1.7]], cell=cell, pbc=True))


def ase_molecule(path):
    record_ase(path, Atoms("OH2", positions=[[0, 0.5, 0.119], [0, 0.763, -0.477], [0.25, -0.763, -0.477]]))


INPUT = """<simulation verbosity='low'>
  <output prefix='run'><properties stride='1'> [step] </properties></output>
  <total_steps>{steps}</total_steps>
  <prng><seed>31415</seed></prng>
  <ffsocket name='driver' mode='unix' pbc='false'>
    <address>{address}</address><latency>1e-3</latency>{options}
  </ffsocket>
  <system>
    <initialize nbeads='{beads}'>
      <file mode='xyz'> init.xyz </file><velocities mode='thermal' units='kelvin'> 30 </velocities>
    </initialize>
    <forces><force forcefield='driver'/></forces>
    <motion mode='dynamics'><dynamics mode='nve'><timestep units='femtosecond'> 1 </timestep></dynamics></motion>
    <ensemble><temperature units='kelvin'> 30 </temperature></ensemble>
  </system>
</simulation>
"""
STRUCTURE = """3
# CELL(abcABC): 6.0 6.5 7.0 90 80 90 positions{angstrom} cell{angstrom}
Ar 0.1 0.2 0.3
Ar 3.0 0.1 0.2
Ar 0.2 3.1 0.4
"""


def record_ipi(path, options, beads=1, steps=3):
    """A short NVE run of i-PI, answered by i-PI's Python driver."""
    programs = pathlib.Path(sys.executable).parent
    proxy = Proxy()
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder)
        address = pathlib.Path(DRIVER).name.removeprefix("ipi_")
        (run / "input.xml").write_text(INPUT.format(steps=steps, address=address, options=options, beads=beads))
        (run / "init.xyz").write_text(STRUCTURE)
        ipi = subprocess.Popen([programs / "i-pi", "input.xml"], cwd=run, stdout=subprocess.DEVNULL)
        client = [programs / "i-pi-py_driver", "-u", "-a", pathlib.Path(CLIENT).name.removeprefix("ipi_"),
                  "-m", "harmonic", "-o", str(SPRING_IPI)]  # fmt: skip
        subprocess.run(client, check=True, stdout=subprocess.DEVNULL, timeout=60)
        ipi.wait(60)
    proxy.write(path)


def ipi_consolidated(path):
    record_ipi(path, "<parameters>{depth: 2.5}</parameters>")


def ipi_separate(path):
    record_ipi(path, "<consolidate_messages>False</consolidate_messages>")


def ipi_batch(path):
    record_ipi(path, "<batch_size>3</batch_size>", beads=4, steps=1)


def main():
    folder = pathlib.Path(sys.argv[1])
    ipi = "i-pi-" + version("ipi")
    conversations = {
        f"ase-{ase.__version__}-cell": ase_cell,
        f"ase-{ase.__version__}-molecule": ase_molecule,
        f"{ipi}-consolidated": ipi_consolidated,
        f"{ipi}-separate": ipi_separate,
        f"{ipi}-batch": ipi_batch,
    }
    wanted = sys.argv[2:] or conversations
    for name in wanted:
        path = folder / f"{name}.ipi"
        conversations[name](path)
        headers = re.findall(rb"[A-Z]{4,10} +", path.read_bytes())
        print(path, path.stat().st_size, "bytes:", *(h.decode().strip() for h in headers))


if __name__ == "__main__":
    main()
