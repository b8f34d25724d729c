#!/usr/bin/env bash
# Breaks things on purpose while the real Claude Code CLI works on tasks, on SQLite and PostgreSQL, and
# prints what was lost: `chaos.sh [rounds] [first seed]`. A round takes about 20 s; 8 of each database by
# default, which is each kind of fault once. The same seed breaks the same thing at the same moment.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

number() { [[ $1 =~ ^[1-9][0-9]{0,5}$|^0$ ]] || die "usage: chaos.sh [rounds] [first seed]"; }
if [ $# -gt 0 ]; then number "$1" && export CCS_CHAOS_ROUNDS=$1; fi
if [ $# -gt 1 ]; then number "$2" && export CCS_CHAOS_SEED=$2; fi
"$ROOT/scripts/rust.sh"
if cargo nextest --version >/dev/null 2>&1; then
    exec "$ROOT/scripts/test.sh" rust --profile chaos --no-capture chaos::
fi
exec "$ROOT/scripts/test.sh" rust chaos:: -- --nocapture --test-threads=1
