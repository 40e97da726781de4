#!/bin/bash
# Makes the root file system of the builder container: the old release, with what the base recipe and the guest client's
# build need. Runs on the host as root and needs only mmdebstrap there.
# usage: bash builder.sh OUT.tar
set -Eeuo pipefail

mirror=${BOOTPROOF_DEBIAN_MIRROR:-http://deb.debian.org/debian}
# A mirror of one's own is expected to carry debian-security beside debian, as Debian's does.
security=${BOOTPROOF_DEBIAN_SECURITY_MIRROR:-${mirror%/}-security}
suite=bookworm

say() { printf 'builder: %s\n' "$*"; }
die() { printf 'builder: error: %s\n' "$*" >&2; exit 1; }

[ $# -eq 1 ] || die "usage: bash builder.sh OUT.tar"
out=$1
[ "$(id -u)" -eq 0 ] || die "must run as root: mmdebstrap unpacks files owned by other users"
command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed"

partial=$out.partial.$$.tar
trap 'rm -f "$partial"' EXIT
trap 'die "line $LINENO: $BASH_COMMAND failed"' ERR

packages=(
	# the guest client: rustc-web is the old release's newer compiler, its plain rustc is too old for ostree-ext
	cargo-web rustc-web gcc libc6-dev pkg-config libostree-dev libssl-dev libzstd-dev
	# the base recipe
	mmdebstrap debian-archive-keyring ca-certificates ostree skopeo mount fdisk e2fsprogs
)

say "unpacking $suite from $mirror"
started=$SECONDS
mmdebstrap --quiet --variant=apt \
	--dpkgopt=force-unsafe-io \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-include=/usr/share/doc/*/copyright' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--aptopt='APT::Install-Recommends "false"' \
	--include="$(IFS=,; echo "${packages[*]}")" \
	"$suite" "$partial" \
	"deb $mirror $suite main" \
	"deb $mirror $suite-updates main" \
	"deb $security $suite-security main"
mv -f "$partial" "$out"
say "wrote $out, $(du -m "$out" | cut -f1) MB, in $((SECONDS - started)) s"
