#!/usr/bin/env bash
# Prints the path of the tool that cuts the linked WASM module into the modules of its pages, in the pinned
# version. Builds it when it isn't there: about 60 s, once. An unoptimised build, for it runs only seconds.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

# It doesn't tell its version, hence the folder does.
folder=$TOOLS/wasm-split-$WASM_SPLIT_VERSION
if [ ! -x "$folder/bin/wasm-split-cli" ]; then
    say "Building wasm-split $WASM_SPLIT_VERSION into ${TOOLS#"$ROOT"/} (about 60 s, once)"
    CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR="$TOOLS/build" \
        cargo install --quiet wasm_split_cli_support --version "=$WASM_SPLIT_VERSION" --debug \
        --features build-binary --bin wasm-split-cli --force --root "$folder" >&2
    rm -rf "$TOOLS/build"
fi
echo "$folder/bin/wasm-split-cli"
