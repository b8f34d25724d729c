#!/usr/bin/env bash
# Fails when a manifest or the server names another version than versions.env. At once.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

result=0
pinned() { # file, text that has to be in it
    grep -qF "$2" "$ROOT/$1" || { printf 'error: %s should say %s, as scripts/versions.env does\n' "$1" "$2" >&2; result=1; }
}
pinned Cargo.toml "wasm-bindgen = \"=$WASM_BINDGEN_VERSION\""
pinned style/package.json "\"tailwindcss\": \"$TAILWIND_VERSION\""
pinned style/package.json "\"@tailwindcss/cli\": \"$TAILWIND_VERSION\""
pinned style/package.json "\"daisyui\": \"$DAISYUI_VERSION\""
pinned style/package.json "\"binaryen\": \"$BINARYEN_VERSION\""
pinned end2end/package.json "\"@playwright/test\": \"$PLAYWRIGHT_VERSION\""
pinned end2end/package.json "\"@axe-core/playwright\": \"$AXE_VERSION\""
pinned end2end/package.json "\"typescript\": \"$TYPESCRIPT_VERSION\""
pinned end2end/package.json "\"@types/node\": \"$NODE_TYPES_VERSION\""
pinned server/src/agent/version.rs "MINIMUM: Version = Version(${CLAUDE_MINIMUM_VERSION//./, });"
exit $result
