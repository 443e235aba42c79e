# What the examples have in common. Each run.sh begins with
#
#   . "$(dirname "$0")/../common.sh"
#
# takes [--quick] [FOLDER], and then stands in the folder of its results (by default `out`), which is made where it is
# missing. It has
#
#   $here       the example's folder
#   $quick      --quick or nothing
#   $python     Python with ase, ipi and matplotlib; PYTHON names another one
#   $address    name of the socket between i-PI and lmlink-serve, of this run alone: another may be under way
#   $POTENTIAL  .snap file; $QM_POTENTIAL: another one, which plays the quantum code
#
# LMLINK_BIN names another folder of lmlink's programs.
set -eu

fail() {
  printf '%s\n' "$(basename "$here"): $*" >&2
  exit 1
}

# fill FILE [NAME=VALUE ...]: copy the example's FILE here, with VALUE in <NAME>…</NAME>, in NAME='…', and for @NAME@.
fill() {
  name_of_file=$1 edits=
  shift
  for pair in "$@" "address=$address" "potential=$POTENTIAL" "qm_potential=$QM_POTENTIAL"; do
    name=${pair%%=*} value=$(printf '%s' "${pair#*=}" | sed 's/[&|\\]/\\&/g')
    edits="$edits;s|<$name>[^<]*</$name>|<$name>$value</$name>|;s|$name='[^']*'|$name='$value'|;s|@$name@|$value|"
  done
  sed "$edits" "$here/$name_of_file" >"$name_of_file"
}

# drive CLIENTS OPTION ...: run i-PI with input.xml, and as many `lmlink-serve OPTION ...`, among which i-PI shares out
# what there is to compute. They connect to the socket that i-PI opens, and end when i-PI does.
drive() {
  clients=$1
  shift
  prefix=$(sed -n "s/.*<output prefix='\([^']*\)'.*/\1/p" input.xml)
  rm -f "$prefix".* RESTART # of an earlier run: i-PI would keep copies
  i-pi input.xml >i-pi.log 2>&1 &
  ipi=$!
  until [ -S "/tmp/ipi_$address" ]; do
    kill -0 "$ipi" 2>/dev/null || { cat i-pi.log >&2 && fail "i-PI ended before it began; its words are above"; }
    sleep 0.1
  done
  while [ "$clients" -gt 0 ]; do
    lmlink-serve "$@" --driver "unix:$address" --wait 60 &
    servers="$servers $!" clients=$((clients - 1))
  done
  for server in $servers; do
    wait "$server" || fail "lmlink-serve has failed; its words are above, i-PI's in $PWD/i-pi.log"
  done
  servers=
  wait "$ipi" || fail "i-PI has failed; its words are in $PWD/i-pi.log"
  ipi=
}

# At the end, also with Ctrl-C: processes and sockets go.
clean_up() {
  [ -z "$ipi$servers" ] || kill $ipi $servers 2>/dev/null || true
  rm -f "/tmp/ipi_$address" "/tmp/ipi_$address-qm"
}

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
quick=
case ${1-} in
  --quick) quick=$1 && shift ;;
  -*) fail "unknown option '$1': run.sh takes [--quick] [FOLDER]" ;;
esac
[ -x "$root/.venv/bin/python" ] && python=${PYTHON:-$root/.venv/bin/python} || python=${PYTHON:-python3}
built=$root/build/src/programs:$root/build/release/src/programs:$root/build/quickstart/src/programs
PATH=${LMLINK_BIN:-$built}:$PATH:$(dirname "$python")
PYTHONPATH=$root/python:$root/examples/ase${PYTHONPATH:+:$PYTHONPATH}
export PATH PYTHONPATH
choose='from common import choose_potentials; print(*choose_potentials(), sep="\n")'
found=$("$python" -c "$choose")
POTENTIAL=${POTENTIAL:-$(printf '%s\n' "$found" | sed -n 1p)}
QM_POTENTIAL=${QM_POTENTIAL:-$(printf '%s\n' "$found" | sed -n 2p)}
export POTENTIAL QM_POTENTIAL

mkdir -p "${1:-out}"
cd "${1:-out}"
address=lmlink-$$ ipi= servers=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
