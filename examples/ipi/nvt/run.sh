#!/bin/sh
# Molecular dynamics of tungsten at 300 K: ./run.sh [--quick] [FOLDER]; --quick: 1 ps instead of 2.
. "$(dirname "$0")/../common.sh"

steps=1000
[ -z "$quick" ] || steps=500
"$python" "$here/../make_init.py"
fill input.xml total_steps=$steps
drive 1 --potential "$POTENTIAL" --structure init.xyz
"$python" "$here/plot.py"
