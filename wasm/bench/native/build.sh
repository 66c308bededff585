#!/bin/sh
# Builds the native peer: chfast/ethash from the source package on PyPI, gcc -O3, its own choice of BMI code at run time.
# Usage: build.sh DIRECTORY; leaves DIRECTORY/peer. Needs pip, tar and a C and C++ compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
[ -d ethash-1.1.0 ] || {
  pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: ethash==1.1.0
  tar xzf ethash-1.1.0.tar.gz
}
from=ethash-1.1.0
${CC:-gcc} -O3 -I$from/include -I$from/lib -c $from/lib/ethash/primes.c $from/lib/keccak/keccak.c
${CXX:-g++} -O3 -std=c++17 -Wno-attributes -I$from/include -I$from/lib "$here/peer.cpp" $from/lib/ethash/ethash.cpp primes.o keccak.o -o peer
