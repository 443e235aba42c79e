#!/bin/sh
# Builds the project again with a preset of CMakePresets.json and runs the tests with a label there.
#
#   nested_build.sh SOURCE PRESET BUILD LABEL [CMAKE OPTION ...]
set -eu

source=$1 preset=$2 build=$3 label=$4
shift 4
cd "$source"
cmake --preset "$preset" -B "$build" "$@"
cmake --build "$build"
[ -z "$label" ] || ctest --test-dir "$build" -L "$label" --output-on-failure --no-tests=error -j 2
