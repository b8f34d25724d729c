#!/usr/bin/env bash
# Installs what is missing, builds, and runs the server: `run.sh [serve|demo] [flag]...`
# 15 to 25 min the first time on 2 cores, seconds afterwards. CCS_ADDR and the other settings are passed on.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

. "$ROOT/scripts/release.sh"
say "Starting on http://${CCS_ADDR:-127.0.0.1:3000} (Ctrl-C stops it)"
exec "$ROOT/target/release/claude-code-server" "$@"
