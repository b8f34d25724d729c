#!/usr/bin/env bash
# Prints the path of the wasm-bindgen CLI in the pinned version, which has to equal the crate's.
# Builds it when it isn't there: about 70 s, once. An unoptimised build, for it runs only seconds.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

for candidate in "$TOOLS/bin/wasm-bindgen" "$(command -v wasm-bindgen || true)"; do
    if [ -x "$candidate" ] && [ "$("$candidate" --version)" = "wasm-bindgen $WASM_BINDGEN_VERSION" ]; then
        echo "$candidate"
        exit 0
    fi
done

say "Building wasm-bindgen $WASM_BINDGEN_VERSION into ${TOOLS#"$ROOT"/} (about 70 s, once)"
# Not --locked: the published lock file names a version that is not to be had everywhere.
CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR="$TOOLS/build" \
    cargo install --quiet wasm-bindgen-cli --version "=$WASM_BINDGEN_VERSION" --debug --no-default-features \
    --bin wasm-bindgen --force --root "$TOOLS" >&2
rm -rf "$TOOLS/build"
echo "$TOOLS/bin/wasm-bindgen"
