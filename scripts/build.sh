#!/usr/bin/env bash
# Builds the site (WASM module and style sheet), then the server: `build.sh [debug|release] [site]`.
# With `site` it stops before the server. Installs the tools that are missing.
#   release: server in target/release with the site embedded; 15 to 20 min the first time on 2 cores
#   debug:   server in target/debug, reads target/site at run time; about 10 min the first time
set -euo pipefail
. "$(dirname "$0")/paths.sh"

mode=${1:-release}
only=${2:-all}
case $mode in
    debug) wasm_profile=dev wasm_folder=debug server_profile=dev bindgen_flags=(--keep-debug) css_flags=() ;;
    release) wasm_profile=wasm-release wasm_folder=wasm-release server_profile=release bindgen_flags=(--remove-producers-section) css_flags=(--minify) ;;
    *) die "usage: build.sh [debug|release] [site]" ;;
esac
cd "$ROOT"
"$ROOT/scripts/rust.sh"
wasm_toolchain=$("$ROOT/scripts/wasm-target.sh")
wasm_bindgen=$("$ROOT/scripts/wasm-bindgen.sh")
"$ROOT/scripts/npm-packages.sh" style

say "1/4 WASM module ($mode; about 3 min the first time)"
RUSTUP_TOOLCHAIN=$wasm_toolchain CARGO_TARGET_DIR=$WASM_TARGET \
    cargo build -p frontend --lib --target wasm32-unknown-unknown --profile $wasm_profile

module=$WASM_TARGET/wasm32-unknown-unknown/$wasm_folder/frontend.wasm
stamp=$ROOT/target/site-module
say "2/4 Bindings for the browser (1 to 20 s)"
mkdir -p "$SITE/pkg"
# The same module gives the same bindings: a second run has nothing to do here.
fingerprint="$mode $WASM_BINDGEN_VERSION $BINARYEN_VERSION $(cksum <"$module")"
if [ ! -f "$SITE/pkg/app.js" ] || [ ! -f "$SITE/pkg/app_bg.wasm" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$fingerprint" ]; then
    work=$(mktemp -d "$ROOT/target/bindings.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    "$wasm_bindgen" "$module" --target web --no-typescript --out-dir "$work" --out-name app "${bindgen_flags[@]}"
    if [ "$mode" = release ]; then
        style/node_modules/.bin/wasm-opt -Oz "$work/app_bg.wasm" -o "$work/small.wasm"
        mv "$work/small.wasm" "$work/app_bg.wasm"
    fi
    rm -rf "$SITE/pkg/snippets"
    cp -R "$work"/. "$SITE/pkg/"
    echo "$fingerprint" >"$stamp"
fi

say "3/4 Style sheet and assets (1 to 3 s)"
style/node_modules/.bin/tailwindcss --input style/main.css --output "$SITE/pkg/app.css" ${css_flags[@]+"${css_flags[@]}"} 2>&1 | sed '/^≈\|^$/d' >&2
if [ -d style/assets ]; then cp -R style/assets/. "$SITE/"; fi
[ "$only" = all ] || exit 0

say "4/4 Server ($mode; 6 to 14 min the first time)"
cargo build -p server --bin claude-code-server --profile $server_profile
if [ "$TARGET" != "$ROOT/target" ]; then
    mkdir -p "$ROOT/target/$mode"
    cp "$TARGET/$mode/claude-code-server" "$ROOT/target/$mode/claude-code-server.new"
    mv "$ROOT/target/$mode/claude-code-server.new" "$ROOT/target/$mode/claude-code-server"
fi
say "Built target/$mode/claude-code-server"
