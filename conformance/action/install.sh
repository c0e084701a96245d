#!/usr/bin/env bash
# Installs the suite into a virtual environment of its own, so that it leaves the job's Python as it is.
set -euo pipefail

fail() {
    echo "::error title=ClockBound conformance::$1"
    exit 2
}

if [ "$(uname -s)" != Linux ]; then
    fail "This action runs on Linux, not on $(uname -s): set runs-on: ubuntu-latest."
fi
python=${INPUT_PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    fail "$python is no Python 3.11 or later: put actions/setup-python before this action, or set its input python."
fi

environment=$RUNNER_TEMP/clockbound-conformance
"$python" -m venv "$environment" ||
    fail "$python can't make a virtual environment: install its venv module, or put actions/setup-python before this action."
source=${INPUT_SOURCE:-$GITHUB_ACTION_PATH/..}
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$source" ||
    fail "The suite could not be installed from $source; pip says why above."
"$environment/bin/clockbound-conformance" --version
