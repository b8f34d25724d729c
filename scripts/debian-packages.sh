#!/usr/bin/env bash
# Installs the named Debian packages that are missing: `debian-packages.sh <what for> <package>...`
# Needs Debian or a relative of it, and root or sudo. 10 to 60 s when there is work, else nothing.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

purpose=$1
shift
missing=()
for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "$purpose needs: ${missing[*]}. There is no apt-get here, please install them by hand."
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "$purpose needs the Debian packages ${missing[*]}: run 'apt-get install ${missing[*]}' as root, then again."
    as_root=(sudo)
fi
say "Installing Debian packages for $purpose: ${missing[*]} (10 to 60 s)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get "$@" >"$log" 2>&1 </dev/null; }
# A package list that is a little old is good enough; only when it fails it's fetched anew.
apt install -y -qq --no-install-recommends "${missing[@]}" \
    || { apt update -qq && apt install -y -qq --no-install-recommends "${missing[@]}"; } \
    || { cat "$log" >&2; die "apt-get could not install ${missing[*]}"; }
