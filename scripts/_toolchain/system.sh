#!/usr/bin/env bash
# Programs of the system that tests need: installed where this may be done without asking, else named in one line.
# Safe to repeat, and quick where all is there. A test that misses one fails and says so too.
set -euo pipefail

missing=()
command -v chromium chromium-browser google-chrome > /dev/null || missing+=(chromium)
command -v bwrap > /dev/null || [ "$(uname)" != Linux ] || missing+=(bubblewrap)
command -v initdb > /dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
    echo "Tests that need ${missing[*]} will fail. Install them, on Debian as root: $line" >&2
    exit 0
fi
echo "Installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# Tests start servers of their own: none has to run on this machine.
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
fi
{ apt-get update -q && $line; } > /tmp/system-packages.$$ 2>&1 || {
    tail -n 5 /tmp/system-packages.$$ >&2
    echo "${missing[*]} could not be installed, and tests that need them will fail: $line" >&2
}
rm -f /tmp/system-packages.$$
