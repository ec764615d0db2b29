#!/bin/sh
# What must be on the machine before the environment is made. One line per missing thing; exit 1 if any.
python=${1:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
bad=0
say() { echo "preflight: $1" >&2; bad=1; }

if ! command -v "$python" >/dev/null 2>&1; then
    say "no $python -> install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"
else
    "$python" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14)))' ||
        say "$("$python" --version 2>&1) is not supported -> Python 3.11 to 3.13, name it with make PYTHON=python3.11"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        say "the venv module is missing -> apt-get install python3-venv"
    "$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null ||
        say "libgomp.so.1 is missing (LightGBM needs it) -> apt-get install libgomp1"
    "$python" -c 'import sqlite3' 2>/dev/null ||
        say "this Python has no sqlite3 module -> install one that has (Debian's python3 does)"
fi
command -v git >/dev/null 2>&1 || say "git is missing -> apt-get install git"
git -C "$root" rev-parse --git-dir >/dev/null 2>&1 ||
    say "$root is not a git checkout (DVC needs one) -> git clone the project, do not unpack an archive"
need=${NIGHTSHIFT_DISK_KB:-6000000}
[ -d "$root/.venv" ] && need=1000000
free=$(df -Pk "$root" | awk 'NR == 2 {print $4}')
[ "${free:-0}" -ge "$need" ] || say "only $((free / 1024)) MiB free in $root, $((need / 1024)) MiB needed -> free some disk space"
exit $bad
