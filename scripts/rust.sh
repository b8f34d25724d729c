#!/usr/bin/env bash
# Checks that Rust is new enough (Cargo.toml's rust-version) and that a C compiler can link. Installs no Rust.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

command -v cargo >/dev/null || die "cargo is missing: install Rust with rustup, see https://rustup.rs"
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
present=$(rustc --version | cut -d' ' -f2)
at_least "$present" "$needed" || die "Rust $needed or newer is needed, this is $present: run 'rustup update stable'"
# SQLite and zstd are compiled from C.
command -v cc >/dev/null || "$ROOT/scripts/debian-packages.sh" "compiling C" gcc libc6-dev
