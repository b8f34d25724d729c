#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans, sources, known vulnerabilities.
# Installs cargo-deny when it is missing (6 to 10 min, once) and needs the advisory database from GitHub.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

if ! cargo deny --version >/dev/null 2>&1; then
    deny=$TOOLS/bin/cargo-deny
    if [ ! -x "$deny" ]; then
        say "Building cargo-deny $CARGO_DENY_VERSION into ${TOOLS#"$ROOT"/} (6 to 10 min, once)"
        CARGO_TARGET_DIR="$TOOLS/build" cargo install --quiet --locked cargo-deny --version "=$CARGO_DENY_VERSION" --root "$TOOLS"
        rm -rf "$TOOLS/build"
    fi
    export PATH="$TOOLS/bin:$PATH"
fi
cargo deny --all-features check "$@"
