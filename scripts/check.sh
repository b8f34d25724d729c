#!/usr/bin/env bash
# Formatting, lints and types, warnings as errors. About 8 min the first time on 2 cores, seconds afterwards.
# The native run leaves the frontend out: with it in the same build, `app` would get the features of the
# server and of the browser at once. The frontend is linted for its real target instead.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

"$ROOT/scripts/rust.sh"
say "Scripts, pinned versions and snapshots"
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck --severity=warning scripts/*.sh .ci/run; fi
"$ROOT/scripts/check-versions.sh"
"$ROOT/scripts/check-snapshots.sh"

say "Formatting"
cargo fmt --all --check

# The server embeds the site and its folder has to be there, even empty.
mkdir -p "$SITE"
say "Lints of the server and its tests (about 5 min the first time)"
cargo clippy --workspace --exclude frontend --all-targets -- -D warnings

say "Lints of the browser's half, for WASM (about 2 min the first time)"
wasm_toolchain=$("$ROOT/scripts/wasm-target.sh")
RUSTUP_TOOLCHAIN=$wasm_toolchain CARGO_TARGET_DIR=$WASM_TARGET \
    cargo clippy -p frontend -p app --features app/hydrate --target wasm32-unknown-unknown -- -D warnings

if [ -f end2end/package.json ]; then
    say "Types of the browser tests"
    "$ROOT/scripts/npm-packages.sh" end2end
    (cd end2end && npm run --silent check)
fi
say "make check: all clean"
