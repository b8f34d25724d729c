#!/usr/bin/env bash
# Installs the locked npm packages of a folder (`npm-packages.sh style`): 5 to 20 s, once per lock file.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

folder=$1
cd "$ROOT/$folder"
# npm leaves this file as the record of what it installed; ours says from which lock.
stamp=node_modules/.installed-lock.json
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then exit 0; fi

command -v npm >/dev/null || die "npm is missing: Node $NODE_MINIMUM_MAJOR or newer is needed"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge "$NODE_MINIMUM_MAJOR" ] || die "Node $NODE_MINIMUM_MAJOR or newer is needed, this is $(node -v)"
say "Installing the npm packages of $folder/ (5 to 20 s, once)"
# Browsers come from the system: see browser.sh.
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error >&2
cp package-lock.json "$stamp"
