#!/usr/bin/env bash
# Measures throughput, latency, memory and size of a release build, and prints each figure beside its target.
# About 3 min once everything is compiled. Other programs on the machine disturb: let it have the machine.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

# The start is measured with the real CLI, throughput with a generator of lines in its place.
. "$ROOT/scripts/release.sh"
"$ROOT/scripts/postgres.sh" --install
say "Building the benchmark"
cargo build -p benchmark --release
say "Measuring (about 3 min)"
"$ROOT/scripts/postgres.sh" "$TARGET/release/benchmark" "$ROOT/target/release/claude-code-server"
