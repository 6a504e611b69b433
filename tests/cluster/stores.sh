#!/bin/bash
# PostgreSQL and an S3 API for the tests of a store under load, for as long as a command runs; the command starts what it
# needs of them, on loopback and in a temporary folder, and ends it.
#
#   tests/cluster/stores.sh [COMMAND…]       (the tests of this folder that need them, unless a command is given)
#
# Debian or Ubuntu, as root: it installs PostgreSQL where that is missing. Run it with the Python that has locexp and its
# extra `stores` first in PATH.
set -euo pipefail

tests=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- python -m pytest -m cluster "$tests/test_store_load.py"

if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    settings=/etc/postgresql-common/createcluster.conf
    [ -e "$settings" ] || { mkdir -p "${settings%/*}"; echo 'create_main_cluster = false' >"$settings"; }  # no service
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi

export LOCEXP_STORES=1
exec "$@"
