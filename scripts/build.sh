#!/usr/bin/env bash
# Builds the site (WASM module and style sheet), then the server that serves it, and installs the tools that
# are missing: `build.sh [debug|release] [all|site|server]`.
#   release: server in target/release with the site embedded; 15 to 20 min the first time on 2 cores
#   debug:   server in target/debug, reads target/site at run time; about 10 min the first time
set -euo pipefail
. "$(dirname "$0")/paths.sh"

mode=${1:-release}
part=${2:-all}
case $mode in
    debug | release) ;;
    *) die "usage: build.sh [debug|release] [all|site|server]" ;;
esac
case $part in
    all | site | server) ;;
    *) die "usage: build.sh [debug|release] [all|site|server]" ;;
esac
cd "$ROOT"
"$ROOT/scripts/rust.sh"
# What wasm-bindgen made, to be used again; not served from here.
BINDINGS=$ROOT/target/bindings

build_module() {
    local profile=$1 wasm_toolchain
    wasm_toolchain=$("$ROOT/scripts/wasm-target.sh")
    RUSTUP_TOOLCHAIN=$wasm_toolchain CARGO_TARGET_DIR=$WASM_TARGET \
        cargo build -p frontend --lib --target wasm32-unknown-unknown --profile "$profile"
}

# Smaller, and the same to whoever calls it.
optimize() {
    local module=$1
    # The names of labels, which the splitter keeps and nobody needs, are no cause for a warning.
    node scripts/prune-module.mjs "$module" 2> >(grep -v 'unknown name subsection' >&2)
    # Fewer functions folded into their only caller: 3 % larger as it is, 10 % smaller compressed. The
    # first kilobyte of memory is the end of the stack's, hence of no use to anyone.
    style/node_modules/.bin/wasm-opt -Oz --one-caller-inline-max-function-size=20 --low-memory-unused \
        "$module" -o "$module.small"
    node scripts/sort-functions.mjs "$module.small"
    style/node_modules/.bin/wasm-opt --optimize-level=2 --shrink-level=2 --generate-stack-ir --optimize-stack-ir \
        --reorder-functions-by-name "$module.small" -o "$module"
    rm "$module.small"
}

# The same module gives the same bindings: a second run has nothing to do here.
bind_module() {
    local linked=$1 wasm_bindgen=$2 wasm_split=$3 fingerprint work module
    fingerprint="$mode $WASM_BINDGEN_VERSION $WASM_SPLIT_VERSION $BINARYEN_VERSION $(cat scripts/*.mjs "$linked" | cksum)"
    if [ "$(cat "$BINDINGS/fingerprint" 2>/dev/null)" = "$fingerprint" ]; then return; fi
    work=$(mktemp -d "$ROOT/target/bindings.XXXXXX")
    mkdir "$work/pkg"
    # Cut before it is bound, for binding it moves what the relocations speak of.
    "$wasm_split" "$linked" "$work/pkg" --out-name app >&2
    mv "$work/pkg/app.wasm" "$work/app.wasm"
    "$wasm_bindgen" "$work/app.wasm" --target web --no-typescript --remove-producers-section \
        --keep-lld-exports --no-demangle --out-dir "$work/pkg" --out-name app
    rm "$work/app.wasm"
    if [ "$mode" = release ]; then
        for module in "$work"/pkg/*.wasm; do optimize "$module"; done
    fi
    node scripts/name-modules.mjs "$work/pkg"
    echo "$fingerprint" >"$work/fingerprint"
    rm -rf "$BINDINGS"
    mv "$work" "$BINDINGS"
}

# Everything that is served, and nothing else, in a folder of its own.
gather() {
    local next=$1 flags=()
    [ "$mode" = debug ] || flags=(--minify)
    cp -R "$BINDINGS/pkg" "$next/pkg"
    style/node_modules/.bin/tailwindcss --input style/main.css --output "$next/pkg/app.css" ${flags[@]+"${flags[@]}"} >&2
    if [ -d style/assets ]; then cp -R style/assets/. "$next/"; fi
}

# What the server would else compress for every request: seconds each time for a debug module in a debug
# server. What is as it was keeps its compressed form and its time, by which cargo and browsers go.
compress() {
    local next=$1 quality=1 file changed=()
    [ "$mode" = debug ] || quality=11
    while IFS= read -r file; do
        if cmp -s "$next/$file" "$SITE/$file"; then
            touch -r "$SITE/$file" "$next/$file"
            if [ -f "$SITE/$file.br" ] && [ "$(cat "$BINDINGS/quality" 2>/dev/null)" = "$quality" ]; then
                cp -p "$SITE/$file.br" "$next/$file.br"
                continue
            fi
        fi
        case $file in
            *.wasm | *.js | *.css | *.svg) changed+=("$next/$file") ;;
        esac
    done < <(cd "$next" && find . -type f)
    [ ${#changed[@]} -eq 0 ] || node scripts/brotli.mjs "$quality" "${changed[@]}"
    echo "$quality" >"$BINDINGS/quality"
}

build_site() {
    local wasm_bindgen wasm_split profile=dev folder=debug next
    [ "$mode" = debug ] || { profile=wasm-release; folder=wasm-release; }
    wasm_bindgen=$("$ROOT/scripts/wasm-bindgen.sh")
    wasm_split=$("$ROOT/scripts/wasm-split.sh")
    "$ROOT/scripts/npm-packages.sh" style
    say "1/4 WASM module ($mode; about 3 min the first time)"
    build_module "$profile"
    mkdir -p "$ROOT/target"
    say "2/4 A module for each page, and their bindings for the browser (1 to 20 s)"
    bind_module "$WASM_TARGET/wasm32-unknown-unknown/$folder/frontend.wasm" "$wasm_bindgen" "$wasm_split"
    say "3/4 Style sheet and assets, all compressed (1 to 5 s)"
    next=$ROOT/target/site.next
    rm -rf "$next"
    mkdir "$next"
    gather "$next"
    compress "$next"
    # What was removed from the sources is no longer there, and what fails above leaves the site as it was.
    rm -rf "$ROOT/target/site.old"
    if [ -d "$SITE" ]; then mv "$SITE" "$ROOT/target/site.old"; fi
    mv "$next" "$SITE"
    rm -rf "$ROOT/target/site.old"
}

build_server() {
    say "4/4 Server ($mode; 6 to 14 min the first time)"
    if [ "$mode" = release ]; then
        # Cargo follows the contents of embedded files; that one was added or removed it learns from this list.
        CCS_SITE_FILES=$(cd "$SITE" && find . -type f | sort | cksum) cargo build -p server --bin claude-code-server --release
    else
        # Together with the tests: the same features, hence the same compiled dependencies.
        cargo build --workspace --exclude frontend --bins --tests --examples
    fi
    if [ "$TARGET" != "$ROOT/target" ]; then
        mkdir -p "$ROOT/target/$mode"
        cp "$TARGET/$mode/claude-code-server" "$ROOT/target/$mode/claude-code-server.new"
        mv "$ROOT/target/$mode/claude-code-server.new" "$ROOT/target/$mode/claude-code-server"
    fi
    say "Built target/$mode/claude-code-server"
}

case $part in
    all) build_site; build_server ;;
    site) build_site ;;
    server) mkdir -p "$SITE"; build_server ;;
esac
