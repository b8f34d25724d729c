#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests: CCS_TEST_CHROMIUM, else one that is installed,
# else Debian's (35 s, once). No browser is downloaded from elsewhere.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

find_browser() {
    local candidate
    for candidate in "${CCS_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
        if [ -n "$candidate" ] && command -v "$candidate"; then return; fi
    done
    return 1
}

find_browser && exit 0
command -v apt-get >/dev/null || die "the browser tests need Chromium or Chrome: install one, or set CCS_TEST_CHROMIUM to its path"
"$ROOT/scripts/debian-packages.sh" "the browser tests" chromium fonts-dejavu-core
find_browser || die "Debian's chromium is installed, but was not found"
