# shellcheck shell=bash
# Shared by the scripts of ci/: messages, privilege, versions.

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The same folder as the harness takes: see Dirs::default_cache.
cache_folder() {
	local cache=/var/cache/bootproof
	[ "$(id -u)" -eq 0 ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/bootproof
	printf '%s\n' "${BOOTPROOF_CACHE:-$cache}"
}
