#!/bin/sh
# Dynamics of a screw dislocation in tungsten with quantum forces at its core: ./run.sh [--quick] [FOLDER]; --quick: a
# disk of 25 Å radius instead of 40, and 0.3 ps instead of 4. A second potential plays the quantum code, in an
# lmlink-serve that the first one starts.
. "$(dirname "$0")/../common.sh"

radius=40 steps=2000
[ -z "$quick" ] || radius=25 steps=150
rim=$("$python" "$here/prepare.py" $radius)
fill input.xml total_steps=$steps "fixatoms=$rim"
fill lmlink.json
rm -f forces.xyz # a new run begins a new log
drive 1 lmlink.json
"$python" "$here/plot.py"
