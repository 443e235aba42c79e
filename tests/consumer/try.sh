#!/bin/sh
# Installs a build of lmlink, moves the installed tree elsewhere, and there builds and runs the programs of this folder,
# once with CMake's find_package and once with pkg-config.
#
#   try.sh BUILD WORK CC CXX LIBDIR KIND     KIND is shared or static; WORK is emptied first
#
# LMLINK_CONSUMER_POTENTIAL names the potential that is evaluated, if it is there.
set -eu

source=$(cd "$(dirname "$0")" && pwd)
build=$1 work=$2 cc=$3 cxx=$4 libdir=$5 kind=$6

potential=${LMLINK_CONSUMER_POTENTIAL-}
[ -f "$potential" ] || potential=

rm -rf "$work"
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
prefix=$work/moved

echo "== find_package, $kind"
cmake -S "$source" -B "$work/cmake" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$work/cmake"
"$work/cmake/consumer" ${potential:+"$potential"}
"$work/cmake/consumer_cxx"

echo "== pkg-config, $kind"
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig"
case $kind in
  static) libraries=$(pkg-config --static --libs lmlink) ;;
  *) libraries=$(pkg-config --libs lmlink) ;;
esac
# pkg-config quotes what it prints for a shell.
eval "set -- $(pkg-config --cflags lmlink) $libraries"
"$cc" "$source/consumer.c" "$@" -lm -o "$work/consumer"
"$cxx" "$source/consumer.cpp" "$@" -o "$work/consumer_cxx"
export LD_LIBRARY_PATH="$prefix/$libdir"
"$work/consumer" ${potential:+"$potential"}
"$work/consumer_cxx"

for program in "$prefix"/bin/*; do
  [ -x "$program" ] || continue
  echo "== $program"
  "$program" --version
done
