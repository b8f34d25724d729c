# Sourced by what runs a release build: installs what is missing, and builds it.
# shellcheck shell=bash
"$ROOT/scripts/rust.sh"
"$ROOT/scripts/bubblewrap.sh"
# Without a CLI the server still runs, and says in its pages what is missing.
if claude=$("$ROOT/scripts/claude-cli.sh"); then export CCS_CLAUDE_BIN=$claude; fi
"$ROOT/scripts/build.sh" release
