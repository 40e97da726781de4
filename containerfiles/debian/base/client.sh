#!/bin/bash
# Builds the guest client for both releases, against the old one's libraries. Runs inside the builder container (see
# builder.sh), with cargo's home and the build folder on caches of the host's.
# usage: bash client.sh GUEST_SRC OUT_FILE
set -Eeuo pipefail

say() { printf 'client: %s\n' "$*"; }
die() { printf 'client: error: %s\n' "$*" >&2; exit 1; }
trap 'die "line $LINENO: $BASH_COMMAND failed"' ERR

[ $# -eq 2 ] || die "usage: bash client.sh GUEST_SRC OUT_FILE"
src=$1 out=$2
if [ ! -f "$src/Cargo.toml" ] || [ ! -f "$src/Cargo.lock" ]; then die "no Cargo.toml with a Cargo.lock in $src"; fi

export CARGO_HOME=${CARGO_HOME:-/cargo} CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-/target}
# The host's bundle may be mounted there: a proxy can have a certificate authority of its own.
export CARGO_HTTP_CAINFO=${CARGO_HTTP_CAINFO:-/etc/ssl/certs/ca-certificates.crt}

# A copy, at a path that stays the same: the source may be read-only, and cargo's cache goes by the path.
copy=/var/tmp/guest-src
rm -rf "$copy"
cp -a "$src" "$copy"
rm -rf "$copy/target"
trap 'rm -rf "$copy"' EXIT

say "building with $(cargo --version)"
started=$SECONDS
cargo build --release --locked --quiet --manifest-path "$copy/Cargo.toml" --bin bootc
install -m755 "$CARGO_TARGET_DIR/release/bootc" "$out.partial"
mv -f "$out.partial" "$out"
say "wrote $out, $(du -k "$out" | cut -f1) kB, in $((SECONDS - started)) s"
