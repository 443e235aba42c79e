#!/bin/sh
# Path integrals against classical nuclei, tungsten at 77 K: ./run.sh [--quick] [FOLDER]; --quick: 8 beads instead of
# 16, and 4 ps instead of 24.
. "$(dirname "$0")/../common.sh"

beads=16 steps=6000
[ -z "$quick" ] || beads=8 steps=1000
"$python" "$here/../make_init.py" 2 0
for nbeads in 1 $beads; do
  mkdir -p beads-$nbeads
  cd beads-$nbeads
  cp ../init.xyz .
  fill input.xml nbeads=$nbeads total_steps=$steps batch_size=$(((nbeads + 1) / 2)) # half of them to each client
  drive 2 --potential "$POTENTIAL" --structure init.xyz
  cd ..
done
"$python" "$here/plot.py" $beads
