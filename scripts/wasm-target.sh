#!/usr/bin/env bash
# Makes wasm32-unknown-unknown usable and prints the rustup toolchain to build it with.
#   1. the toolchain in use has the target                       -> that one, at once
#   2. the toolchain debian-web was linked by an earlier run      -> that one, at once
#   3. `rustup target add` works                                 -> seconds
#   4. Debian: its rustc-web, and std built once from its source -> about 90 s, needs root or sudo
# CCS_WASM_TARGET=debian skips 1 and 3, to try the fallback where it isn't needed.
set -euo pipefail
. "$(dirname "$0")/paths.sh"

target=wasm32-unknown-unknown
linked=debian-web
package=local-rust-web-std-wasm32
forced=${CCS_WASM_TARGET:-}

# True if the compiler ($@) has std for the target. Doesn't link: cheap enough for every run.
has_std() {
    local directory
    directory=$("$@" --print target-libdir --target "$target" 2>/dev/null) || return 1
    compgen -G "$directory/libstd-*.rlib" >/dev/null
}

# True if the compiler ($@) really makes a module.
links() {
    local directory result=0
    directory=$(mktemp -d)
    echo '#[unsafe(no_mangle)] pub extern "C" fn f(x: u32) -> usize { std::format!("{x}").len() }' >"$directory/a.rs"
    "$@" --edition 2024 --crate-type cdylib --target "$target" -o "$directory/a.wasm" "$directory/a.rs" -A warnings >&2 || result=1
    rm -rf "$directory"
    return $result
}

active() { echo "${RUSTUP_TOOLCHAIN:-$(rustup show active-toolchain | cut -d' ' -f1)}"; }

command -v rustup >/dev/null || die "rustup is missing: see https://rustup.rs"
if [ "$forced" != debian ] && has_std rustc; then
    active
    exit 0
fi
if [ -x /usr/bin/rustc ] && has_std /usr/bin/rustc && [ -x "$(rustup which --toolchain $linked rustc 2>/dev/null)" ] \
    && command -v /usr/bin/cargo-clippy >/dev/null; then
    echo $linked
    exit 0
fi
if [ "$forced" != debian ]; then
    say "Adding the target $target with rustup (seconds)"
    if timeout 120 rustup target add "$target" >/dev/null 2>&1 && links rustc; then
        active
        exit 0
    fi
    say "'rustup target add $target' doesn't work here, so std is built from Debian's source of it (about 90 s, once)"
fi

command -v apt-get >/dev/null || die "no apt-get here: please make 'rustup target add $target' work"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
root() { ${as_root[@]+"${as_root[@]}"} "$@" >/dev/null; }

# The package made below depends on the exact compiler it was built with: an older one blocks the upgrade.
if dpkg-query -W "$package" >/dev/null 2>&1 && ! has_std /usr/bin/rustc; then root dpkg -r "$package"; fi
"$ROOT/scripts/debian-packages.sh" "the WASM target" rustc-web cargo-web libstd-rust-web-dev rust-web-src rust-web-clippy
llvm=$(/usr/bin/rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
"$ROOT/scripts/debian-packages.sh" "linking WASM" "lld-$llvm"

if ! has_std /usr/bin/rustc; then
    version=$(dpkg-query -W -f='${Version}' rustc-web)
    say "Building std for $target from rust-web-src $version (about 55 s)"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/empty/src"
    : >"$work/empty/src/lib.rs"
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n' >"$work/empty/Cargo.toml"
    # RUSTC_BOOTSTRAP: -Zbuild-std is unstable, and this is the compiler the source belongs to.
    (cd "$work/empty" && env -u RUSTFLAGS -u CARGO_BUILD_TARGET -u RUSTUP_TOOLCHAIN \
        RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
        /usr/bin/cargo build -q -Zbuild-std=std,panic_abort,test --target "$target" --release)

    # A package rather than loose files, so that dpkg knows them and can remove them.
    host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
    libraries=usr/lib/rustlib/$target/lib
    binaries=usr/lib/rustlib/$host/bin
    mkdir -p "$work/deb/DEBIAN" "$work/deb/$libraries" "$work/deb/$binaries"
    find "$work/target/$target/release/deps" -name '*.rlib' ! -name 'libempty-*' -exec cp {} "$work/deb/$libraries/" \;
    ln -s "/usr/bin/lld-$llvm" "$work/deb/$binaries/rust-lld" # the name rustc calls
    cat >"$work/deb/DEBIAN/control" <<CONTROL
Package: $package
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: local build <root@localhost>
Depends: rustc-web (= $version), lld-$llvm
Description: std for $target, built on this machine from rust-web-src
CONTROL
    dpkg-deb --root-owner-group -Znone --build "$work/deb" "$work/std.deb" >/dev/null
    root dpkg -i "$work/std.deb"
fi
links /usr/bin/rustc || die "std for $target is built, but does not link"
rustup toolchain link $linked /usr >&2
say "The WASM module is built by $(/usr/bin/rustc -V), toolchain $linked"
echo $linked
