#!/usr/bin/env bash
# Every test but those of faults (scripts/chaos.sh): Rust tests (SQLite and PostgreSQL, the real Claude Code
# CLI against a scripted model), then the browser tests. Installs what is missing. 15 to 20 min the first time on 2 cores.
#   test.sh rust [nextest or cargo test arguments]      only the Rust tests
#   test.sh browser [Playwright arguments]              only the browser tests
set -euo pipefail
. "$(dirname "$0")/paths.sh"
cd "$ROOT"

usage() { die "usage: test.sh [rust|browser] [argument]..."; }
part=${1:-all}
[ $# -eq 0 ] || shift
case $part in
    all) [ $# -eq 0 ] || usage ;;
    rust | browser) ;;
    *) usage ;;
esac

"$ROOT/scripts/rust.sh"
"$ROOT/scripts/bubblewrap.sh" required
CCS_CLAUDE_BIN=$("$ROOT/scripts/claude-cli.sh")
export CCS_CLAUDE_BIN
"$ROOT/scripts/build.sh" debug site

# The server's binary is built with its tests, so that both share one set of features and dependencies.
rust_tests() {
    local members=(--workspace --exclude frontend --no-fail-fast) alone=(crash:: kill web::) result=0
    say "Rust tests (about 8 min to compile the first time)"
    if cargo nextest --version >/dev/null 2>&1; then
        # nextest leaves examples in doc comments to cargo.
        if [ $# -eq 0 ]; then cargo test --workspace --exclude frontend --doc --quiet; fi
        "$ROOT/scripts/postgres.sh" cargo nextest run "${members[@]}" "$@"
    elif [ $# -gt 0 ]; then
        "$ROOT/scripts/postgres.sh" cargo test "${members[@]}" "$@"
    else
        # Kills and restarts by the clock come one after another, or the rest would be measured too: what
        # .config/nextest.toml says to nextest. So do servers within the tests' process, which nextest
        # gives a process each: all of a process render in one pool of threads, and the pages of one can
        # wait for ever when another's runtime ends.
        "$ROOT/scripts/postgres.sh" cargo test "${members[@]}" -- --skip=chaos:: "${alone[@]/#/--skip=}" || result=1
        say "Rust tests that need their process or the clock to themselves, one at a time"
        "$ROOT/scripts/postgres.sh" cargo test "${members[@]}" --lib --bins --tests -- --test-threads=1 "${alone[@]}" || result=1
        return $result
    fi
}

browser_tests() {
    compgen -G 'end2end/tests/*.spec.ts' >/dev/null || { say "No browser tests"; return; }
    CCS_TEST_CHROMIUM=$("$ROOT/scripts/browser.sh")
    "$ROOT/scripts/npm-packages.sh" end2end
    say "Browser tests"
    "$ROOT/scripts/build.sh" debug server
    export CCS_TEST_CHROMIUM CCS_TEST_SITE=$SITE
    export CCS_TEST_SERVER_BIN="$ROOT/target/debug/claude-code-server" CCS_TEST_FILL_LOG="$TARGET/debug/examples/fill_log"
    (cd end2end && node_modules/.bin/playwright test "$@")
}

case $part in
    all)
        rust_tests
        browser_tests
        say "make test: all passed"
        ;;
    rust)
        rust_tests "$@"
        say "Rust tests: all passed that were run"
        ;;
    browser)
        browser_tests "$@"
        say "Browser tests: all passed that were run"
        ;;
esac
