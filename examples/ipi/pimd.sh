#!/bin/sh
# Path integrals against classical nuclei: tungsten at 77 K with 16 beads and with one. Results go to the folder given as
# last argument (default: pimd); --quick runs a quarter of the time.
# PYTHON, LMLINK_BIN and POTENTIAL name another Python (with ase, ipi and matplotlib), folder of programs, .snap file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
steps=6000
[ "${1-}" != --quick ] || { steps=1500 && shift; }
[ -x "$root/.venv/bin/python" ] && python=${PYTHON:-$root/.venv/bin/python} || python=${PYTHON:-python3}
built=$root/build/src/programs:$root/build/release/src/programs:$root/build/quickstart/src/programs
PATH=${LMLINK_BIN:-$built}:$PATH:$(dirname "$python")
PYTHONPATH=$here/../ase${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH PATH
potential=${POTENTIAL:-$("$python" -c "from common import find_potential; print(find_potential())")}

mkdir -p "${1:-pimd}"
cd "${1:-pimd}"
servers=
name=lmlink-w-$$ # a socket of its own: another run may be under way
trap 'kill $servers 2>/dev/null || true; rm -f /tmp/ipi_$name' EXIT
"$python" "$here/make_init.py" 2 0
for beads in 1 16; do
  mkdir -p beads-$beads
  cp init.xyz beads-$beads
  sed "s/lmlink-w/$name/; s/NBEADS/$beads/; s/STEPS/$steps/" "$here/pimd.xml" >beads-$beads/input.xml
  servers=
  for client in 1 2; do # i-PI shares the beads out among them
    lmlink-serve --potential "$potential" --structure init.xyz --driver unix:$name --wait 120 &
    servers="$servers $!"
  done
  (cd beads-$beads && rm -f pimd.* RESTART && i-pi input.xml >i-pi.log)
  wait $servers
done
trap - EXIT
"$python" "$here/plot_pimd.py" "$potential"
