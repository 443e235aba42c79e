#!/bin/sh
# A vacancy in tungsten, relaxed: ./run.sh [--quick] [FOLDER]; --quick: 127 atoms instead of 1023.
. "$(dirname "$0")/../common.sh"

cells=8
[ -z "$quick" ] || cells=4
"$python" "$here/../make_init.py" $cells 0.02 1
fill input.xml
drive 1 --potential "$POTENTIAL" --structure init.xyz
grep -q 'Geometry optimization converged' i-pi.log || fail "no relaxation within the steps of input.xml"
"$python" "$here/plot.py"
