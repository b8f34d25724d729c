#!/usr/bin/env bash
# Prints the path of the Claude Code CLI: CCS_CLAUDE_BIN, else `claude` on PATH if it is new enough,
# else the pinned native package, installed into the tools folder (380 MB: 10 to 60 s, once).
set -euo pipefail
. "$(dirname "$0")/paths.sh"

# The CLI is asked in an empty environment and home, so that asking leaves no trace.
version_of() {
    local home
    home=$(mktemp -d)
    env -i HOME="$home" TMPDIR="$home" CLAUDE_CONFIG_DIR="$home" PATH=/usr/bin:/bin "$1" --version 2>/dev/null </dev/null | cut -d' ' -f1 || true
    rm -rf "$home"
}

if [ -n "${CCS_CLAUDE_BIN:-}" ]; then
    # Any program that speaks the protocol may stand here: its version is its own affair.
    [ -x "$CCS_CLAUDE_BIN" ] || die "CCS_CLAUDE_BIN=$CCS_CLAUDE_BIN is not an executable file"
    echo "$CCS_CLAUDE_BIN"
    exit 0
fi

installed=$TOOLS/claude-$CLAUDE_VERSION/claude
found=$(command -v claude || true)
if [ -n "$found" ] && version=$(version_of "$found") && [ -n "$version" ] && at_least "$version" "$CLAUDE_MINIMUM_VERSION"; then
    echo "$found"
    exit 0
fi
if [ -x "$installed" ]; then
    echo "$installed"
    exit 0
fi

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
    Darwin-arm64) platform=darwin-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 ;;
    *) die "there is no Claude Code CLI for $(uname -sm); set CCS_CLAUDE_BIN to a program that speaks its protocol" ;;
esac
if compgen -G '/lib/ld-musl-*' >/dev/null; then platform=$platform-musl; fi

say "Installing the Claude Code CLI $CLAUDE_VERSION for $platform into ${TOOLS#"$ROOT"/} (380 MB, 10 to 60 s, once)"
package=@anthropic-ai/claude-code-$platform
mkdir -p "$TOOLS"
work=$(mktemp -d "$TOOLS/claude.XXXXXX")
trap 'rm -rf "$work"' EXIT
npm install --prefix "$work" --no-save --no-audit --no-fund --loglevel=error "$package@$CLAUDE_VERSION" >&2
[ "$(version_of "$work/node_modules/$package/claude")" = "$CLAUDE_VERSION" ] || die "$package did not bring a working claude $CLAUDE_VERSION"
# Into place in one step: another run never sees half of it.
mkdir -p "$(dirname "$installed")"
mv "$work/node_modules/$package/claude" "$installed"
mkdir -p "$TOOLS/bin"
ln -sfn "../claude-$CLAUDE_VERSION/claude" "$TOOLS/bin/claude"
echo "$installed"
