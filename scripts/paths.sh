# Sourced by the other scripts: where things are, which versions are pinned, how to speak.
# Sets ROOT, TOOLS, TARGET (cargo's directory), SITE (what the server serves or embeds).
# shellcheck shell=bash disable=SC2034
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Several checkouts can share their tools and their compiled dependencies.
TOOLS=${CCS_TOOLS_DIR:-$ROOT/.tools}
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
# The WASM build has a directory of its own, so that it never waits for a native build's lock.
WASM_TARGET=$TARGET/wasm
SITE=$ROOT/target/site
# shellcheck source=scripts/versions.env
. "$ROOT/scripts/versions.env"

# Progress goes to stderr: several scripts answer with a path on stdout.
say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# True if version $1 is at least version $2, both as dotted numbers.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
