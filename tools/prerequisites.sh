#!/usr/bin/env bash
# Names what a machine lacks, in one line each, with the command that installs it.
set -u
python=${1:-python3}
missing=()
lack() { missing+=("$2"); echo "Missing: $1. Install it: sudo apt-get install -y $2" >&2; }

if ! command -v "$python" >/dev/null; then
  lack "Python 3.11 or newer ($python)" python3
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  lack "Python 3.11 or newer ($python is $("$python" -V 2>&1)); then: make PYTHON=python3.11 …" python3.11
else
  "$python" -c 'import ensurepip, venv' 2>/dev/null || lack "Python's venv module" python3-venv
  "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' \
    || lack "Python's C headers (Python.h)" python3-dev
fi
command -v git >/dev/null || lack git git
command -v cc >/dev/null || command -v gcc >/dev/null || lack "a C compiler (cc)" build-essential
[ ${#missing[@]} -eq 0 ]
