#!/bin/sh
# Runs clang-tidy, with .clang-tidy, over every C file of the library, the programs and the tests.
#
#   tidy.sh SOURCE BUILD
set -eu

source=$1 build=$2
cd "$source"
cmake --preset tidy -B "$build" >/dev/null
if run-clang-tidy -p "$build" -quiet >"$build/tidy.log" 2>&1; then
  echo "$(grep -c '"file"' "$build/compile_commands.json") files, nothing found"
else
  sed 's/\x1b\[[0-9;]*m//g' "$build/tidy.log" | grep -E ': (warning|error): ' | sort -u
  echo "the paths that lead there are in $build/tidy.log"
  exit 1
fi
