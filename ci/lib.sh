# shellcheck shell=bash
# Shared by the scripts of ci/: messages, privilege, versions.

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Runs a named stage, and says how long it took.
stage() {
	local name=$1 began=$SECONDS
	shift
	say "$name"
	if "$@"; then
		stages+=("$(printf '%5d s  %s' $((SECONDS - began)) "$name")")
	else
		local code=$?
		printf 'error: %s failed after %d s with exit code %d\n' "$name" $((SECONDS - began)) "$code" >&2
		exit "$code"
	fi
}

stages_done() {
	printf '\nstages\n'
	printf '%s\n' "${stages[@]}"
	printf '%5d s  in all\n' "$SECONDS"
}
