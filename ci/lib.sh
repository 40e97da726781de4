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

# Runs a named stage, and says how long it took. Not under `if`: there bash ignores a failure inside a function.
stage() {
	current=$1 began=$SECONDS
	shift
	say "$current"
	"$@"
	stages+=("$(printf '%5d s  %s' $((SECONDS - began)) "$current")")
	current=
}

# For a trap on EXIT: names the stage that ended the script.
stage_failed() {
	local code=$1
	if [ "$code" -ne 0 ] && [ -n "${current:-}" ]; then
		printf 'error: %s failed after %d s with exit code %d\n' "$current" $((SECONDS - began)) "$code" >&2
	fi
}

stages_done() {
	printf '\nstages\n'
	printf '%s\n' "${stages[@]}"
	printf '%5d s  in all\n' "$SECONDS"
}
