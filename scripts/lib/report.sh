# shellcheck shell=bash
# Runs steps, one after the other or some at once, and tells how they went. Sourced by scripts/test.
#
# Owns: one log a step, the time each took, and the totals of all runners at the end. A step that fails does not
# stop the others, except `install` and `build`, without which the rest would only repeat the same error.

logs=target/test-logs
wanted=()
known=()
failed=()
# By process id: the name, the limit and the beginning of each step that runs.
declare -A running=() limit_of=() began_at=()

# start_report STEP…: only these, or all.
start_report() {
  wanted=("$@")
  rm -rf "$logs" && mkdir -p "$logs"
  # Whatever ends this script also ends the steps that run, and with them the servers that they started.
  trap 'stop_all; exit 130' INT TERM HUP
  trap stop_all EXIT
  servers_before=$(our_servers)
}

stop_all() {
  local pid
  for pid in "${!running[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${!running[@]}"; do wait "$pid" 2>/dev/null || true; done
  running=()
}

is_wanted() {
  [[ ${#wanted[@]} -eq 0 || " ${wanted[*]} " == *" $1 "* ]]
}

# step NAME SECONDS COMMAND…: runs it, and whatever was started before.
step() {
  start "$@"
  await_all
}

# start NAME SECONDS COMMAND…: as a step, beside those that follow until the next `await_all`.
start() {
  local name=$1 limit=$2
  shift 2
  known+=("$name")
  is_wanted "$name" || return 0
  # `timeout` makes a process group of the step and ends all of it.
  timeout --kill-after=10 "$limit" "$@" </dev/null >"$logs/$name.log" 2>&1 &
  running[$!]=$name limit_of[$!]=$limit began_at[$!]=$SECONDS
}

# Waits for all that runs, and tells of each as it ends.
await_all() {
  local pid status
  while ((${#running[@]})); do
    status=0
    wait -n -p pid "${!running[@]}" || status=$?
    tell "$pid" "$status"
  done
}

tell() {
  local pid=$1 status=$2
  local name=${running[$pid]} limit=${limit_of[$pid]} took=$((SECONDS - began_at[$pid]))
  local log=$logs/$name.log
  unset "running[$pid]"
  if ((status == 0)); then
    printf 'ok      %-10s %4d s  %s\n' "$name" "$took" "$(closing_line "$log")"
    return 0
  fi
  failed+=("$name")
  ((status != 124)) || echo "$name took longer than its limit of $limit s" >>"$log"
  printf 'FAILED  %-10s %4d s  %s\n' "$name" "$took" "$(closing_line "$log")"
  printf -- '---- the end (at most 200 lines) of %s ----\n' "$log"
  tail -n 200 "$log"
  printf -- '---- end of %s ----\n' "$log"
  case $name in install | build) finish_report ;; esac
}

# The line in which a runner sums up, if the step was a runner.
closing_line() {
  grep -E '^ *Summary \[|^test result:|^(#|ℹ) (pass|fail) ' "$1" | tail -n 2 | sed 's/^ *//' | paste -sd ' ' || true
}

# Adds up what all runners said: nextest, cargo test, and those that speak TAP (node --test, tests/foreign).
totals() {
  cat "$logs"/*.log | awk '
    function number(word) { return match($0, "[0-9]+ " word) ? substr($0, RSTART, RLENGTH) + 0 : 0 }
    /^ *Summary \[/ || /^test result:/ { p += number("passed"); f += number("failed") + number("timed out") }
    /^(#|ℹ) pass / { p += $3 }
    /^(#|ℹ) fail / { f += $3 }
    END { printf "%d passed, %d failed\n", p, f }'
}

# The nodes of this checkout that are running.
our_servers() {
  local exe
  for exe in /proc/[0-9]*/exe; do
    if [[ $(readlink "$exe" 2>/dev/null) == "$PWD/target/debug/hotseat"* ]]; then
      exe=${exe#/proc/}
      echo "${exe%/exe}"
    fi
  done
}

finish_report() {
  local left name
  for name in "${wanted[@]}"; do
    [[ " ${known[*]} " == *" $name "* ]] || { echo "FAILED  there is no step $name"; failed+=("$name"); }
  done
  left=$(comm -13 <(sort <<<"$servers_before") <(our_servers | sort) | paste -sd ' ')
  if [[ -n $left ]]; then
    echo "FAILED  these servers were left running: $left"
    # shellcheck disable=SC2086  # one word a process
    kill -KILL $left
    failed+=(leftovers)
  fi
  # The closing lines of the main runner, as it wrote them.
  if [[ -f $logs/tests.log ]]; then sed -n '/^ *Summary \[/,$p' "$logs/tests.log"; fi
  echo "$((SECONDS / 60)) min $((SECONDS % 60)) s, logs in $logs"
  if ((${#failed[@]})); then echo "failed steps: ${failed[*]}"; fi
  totals
  exit $((${#failed[@]} > 0))
}
