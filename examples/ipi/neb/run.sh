#!/bin/sh
# The jump of a vacancy in tungsten by the nudged elastic band, with one potential, with a second one that plays the
# quantum code, and with forces of both: ./run.sh [--quick] [FOLDER]; --quick: 7 images instead of 11, and not the
# second potential alone.
. "$(dirname "$0")/../common.sh"

images=11
[ -z "$quick" ] || images=7

# path FOLDER CONFIGURATION [NAME=VALUE]: relax both ends, then the path between them.
path() {
  mkdir -p "$1"
  cd "$1"
  configuration=$2
  shift
  fill "$@"
  fill input.xml nbeads=$images
  "$python" "$here/prepare.py" "$configuration" $images
  drive 2 "$configuration" --log-level quiet
  grep -q 'NEB finished successfully' i-pi.log || fail "no path within the steps of input.xml: see $PWD/i-pi.log"
  cd ..
}

path ml linear.json
[ -n "$quick" ] || path qm linear.json "potential=$QM_POTENTIAL"
path mixed mixed.json
"$python" "$here/plot.py"
