# What every script here agrees on: where the repository is, how ccache finds its entries, and how
# the sanitizers behave. Sourced by tools/build, tools/test and tools/quickstart; nothing else sets these.
#
# shellcheck shell=bash

STRANDLINE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export STRANDLINE_ROOT
export HOME=${HOME:-/root}

# Without these two, a clone in another directory misses every entry of the cache.
export CCACHE_NOHASHDIR=1
export CCACHE_BASEDIR=$STRANDLINE_ROOT
# Two sanitizer variants and a release one of the same tree; the default of 5 GiB throws out early.
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-12G}

# Stacks are read with llvm-symbolizer; the compiler itself is named in tools/clang19.ini.
export PATH=$PATH:/usr/sbin:/sbin:/usr/lib/llvm-19/bin
export ASAN_SYMBOLIZER_PATH=/usr/lib/llvm-19/bin/llvm-symbolizer
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:external_symbolizer_path=$ASAN_SYMBOLIZER_PATH
export LSAN_OPTIONS=print_suppressions=0

# say TEXT...: a line of progress, on standard error so that results can be piped.
say() { printf '%s\n' "$*" >&2; }

# die TEXT...: the last word of a script that cannot go on.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
