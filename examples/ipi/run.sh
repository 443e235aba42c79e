#!/bin/sh
# Run the example: i-PI drives, lmlink-serve computes. Results go to the folder given as first argument (default: run).
# PYTHON, LMLINK_BIN and POTENTIAL name another Python (with ase, ipi and matplotlib), folder of programs, .snap file.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
[ -x "$root/.venv/bin/python" ] && python=${PYTHON:-$root/.venv/bin/python} || python=${PYTHON:-python3}
built=$root/build/src/programs:$root/build/release/src/programs:$root/build/quickstart/src/programs
PATH=${LMLINK_BIN:-$built}:$PATH:$(dirname "$python")
potential=${POTENTIAL:-$("$python" -c "import sys; sys.path.insert(0, '$here/../ase')
from common import find_potential; print(find_potential())")}

mkdir -p "${1:-run}"
cd "${1:-run}"
rm -f nvt.* RESTART
name=lmlink-w-$$ # a socket of its own: another run may be under way
sed "s/lmlink-w/$name/" "$here/input.xml" >input.xml
"$python" "$here/make_init.py"

# lmlink-serve waits for the socket that i-PI opens, and ends when i-PI does.
lmlink-serve --potential "$potential" --structure init.xyz --driver unix:$name --wait 120 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -f /tmp/ipi_$name' EXIT
i-pi input.xml
wait $server
trap - EXIT
"$python" "$here/plot.py"
