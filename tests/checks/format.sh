#!/bin/sh
# Checks that every C file is laid out as .clang-format says.
#
#   format.sh SOURCE
set -eu
cd "$1"
find include src socket tests bench plugins -name '*.[ch]' -o -name '*.cpp' 2>/dev/null | sort | xargs clang-format --dry-run --Werror
