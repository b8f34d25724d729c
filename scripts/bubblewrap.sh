#!/usr/bin/env bash
# Sees to it that agents can be sandboxed: installs bubblewrap on Debian when it is missing (5 s, once).
# `bubblewrap.sh required` fails when that can't be done; otherwise it's only said, for agents also run without.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

if command -v bwrap >/dev/null; then exit 0; fi
if [ "${1:-}" = required ]; then
    "$ROOT/scripts/debian-packages.sh" "the agents' sandbox" bubblewrap
elif ! "$ROOT/scripts/debian-packages.sh" "the agents' sandbox" bubblewrap; then
    say "Going on without bubblewrap: agents won't run in a sandbox"
fi
