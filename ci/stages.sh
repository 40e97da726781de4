# shellcheck shell=bash
# Named stages with budgets, lanes that run beside them, and the table of both. For ci/demo and ci/test.

# Output of lanes, and rows of the table: a file for the stages, and one for each lane.
stages_folder=$(mktemp -d)
table=$stages_folder/stages
: >"$table"
current=
declare -A lanes=()
# Where a lane says at once that it is red.
exec 3>&2

# How long the processors were idle, and all of their time, since the host started.
processors() {
	local user nice system idle iowait irq softirq steal
	read -r _ user nice system idle iowait irq softirq steal _ </proc/stat
	printf '%d %d\n' $((idle + iowait)) $((user + nice + system + idle + iowait + irq + softirq + steal))
}

# The share of them, in percent, that was idle since.
idle_since() {
	local idle all
	read -r idle all < <(processors)
	idle=$((idle - $1)) all=$((all - $2))
	printf '%d' $((all > 0 ? 100 * idle / all : 0))
}

# A row of the table: seconds, budget, idle share, name.
row() { printf '%6s  %6s  %5s  %s\n' "$@" >>"$table"; }

# Runs a named stage. The budget is the seconds it takes at most on a quiet host of CI's kind; `-` is none.
# Not under `if`: there bash ignores a failure inside a function.
stage() {
	local budget=$1 took over='' before
	current=$2 began=$SECONDS
	read -r -a before < <(processors)
	shift 2
	say "$current"
	"$@"
	took=$((SECONDS - began))
	if [ "$budget" != - ] && [ "$took" -gt "$budget" ]; then
		over="   OVER by $((took - budget)) s"
		say "$current took $took s, its budget is $budget s"
	fi
	row "$took" "$budget" "$(idle_since "${before[@]}") %" "$current$over"
	current=
}

# The row of the stage that ended the script, or a lane.
row_failed() {
	[ -z "$current" ] || row $((SECONDS - began)) - - "$current   FAILED"
}

# Runs a command beside what follows, less urgent by a NICENESS, its output kept until it is joined. It has a process
# group of its own, so that it can be ended with everything it has started.
lane() {
	local name=$1 niceness=$2
	shift 2
	say "beside what follows: $name"
	set -m
	(
		table=$stages_folder/$name.lane
		: >"$table"
		trap 'lane_ends "$name" $?' EXIT
		renice -n "$niceness" -p "$BASHPID" >/dev/null
		"$@"
	) >"$stages_folder/$name.log" 2>&1 </dev/null &
	lanes[$name]=$!
	set +m
}

lane_ends() {
	[ "$2" -ne 0 ] || return 0
	row_failed
	printf 'error: beside this, %s failed: %s; its output follows when the stages before have ended\n' "$1" "$current" >&3
}

# Waits for a lane, shows its output, and fails with it.
join() {
	local code=0
	wait "${lanes[$1]}" || code=$?
	unset "lanes[$1]"
	say "what was run beside: $1"
	cat "$stages_folder/$1.log"
	return "$code"
}

# Ends lanes that were not joined. Shows what red ones said.
end_lanes() {
	local name
	for name in "${!lanes[@]}"; do
		if ! grep -qs 'FAILED$' "$stages_folder/$name.lane"; then
			kill -- "-${lanes[$name]}" 2>/dev/null || true
		else
			say "what was run beside: $name"
			cat "$stages_folder/$name.log"
		fi
		wait "${lanes[$name]}" 2>/dev/null || true
	done
}

show_stages() {
	local lane all over=''
	all=$(awk '$2 ~ /^[0-9]+$/ { all += $2 } END { print all + 0 }' "$stages_folder/stages")
	if [ "$all" -gt 0 ] && [ "$SECONDS" -gt "$all" ]; then over="   OVER by $((SECONDS - all)) s"; fi
	printf '\nstages, in seconds; idle is the share of the processors that nothing used\n'
	printf '%6s  %6s  %5s\n' took budget idle
	cat "$stages_folder/stages"
	printf '%6d  %6d         in all%s\n' "$SECONDS" "$all" "$over"
	for lane in "$stages_folder"/*.lane; do
		[ -s "$lane" ] || continue
		printf '%s, beside those\n' "$(basename "$lane" .lane)"
		cat "$lane"
	done
}

# For a trap on EXIT, with the exit code: what is still running is ended, and the table is the last on the screen.
stages_end() {
	if [ "$1" -ne 0 ]; then row_failed; fi
	end_lanes
	show_stages
	if [ "$1" -ne 0 ]; then printf 'error: %s failed with exit code %d\n' "${current:-the script}" "$1" >&2; fi
	rm -rf "$stages_folder"
}
