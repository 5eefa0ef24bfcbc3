# Sourced by .ci/run and tools/test-long: named steps, each with a log and a time, all counted.
#
#   steps_begin FOLDER      where the logs go
#   step NAME COMMAND ...   run it; a failure is told with the end of its log, and the run goes on
#   steps_end               print the sum as the last line and return 1 if anything failed
#
# A step whose output has a line "N passed, N failed, N skipped" counts as its last one says, any
# other counts as one.

STEP_LOG_LINES=80

steps_begin() {
    step_logs=$1
    steps_passed=0 steps_failed=0 steps_skipped=0 failed_steps=()
    mkdir -p "$step_logs"
}

step_count() {
    local status=$1 log=$2 line
    local form='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
    line=$(grep -E "$form" "$log" | tail -n 1)
    if [ -z "$line" ]; then
        line="$((status == 0)) passed, $((status != 0)) failed, 0 skipped"
    fi
    # shellcheck disable=SC2086 # its words
    set -- $line
    local failed=$3
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1
    fi
    steps_passed=$((steps_passed + $1))
    steps_failed=$((steps_failed + failed))
    steps_skipped=$((steps_skipped + $5))
}

step() {
    local name=$1 status=0 begin=$SECONDS log=$step_logs/$1.log
    shift
    printf '%-16s' "$name"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    step_count "$status" "$log"
    if [ "$status" -eq 0 ]; then
        printf 'ok      %4d s\n' $((SECONDS - begin))
        return 0
    fi
    failed_steps+=("$name")
    printf 'FAILED  %4d s  (status %d; the end of %s)\n' $((SECONDS - begin)) "$status" "$log"
    tail -n "$STEP_LOG_LINES" "$log" | sed -e 's/^/    /'
    return "$status"
}

steps_end() {
    [ ${#failed_steps[@]} -eq 0 ] || printf 'failed: %s\n' "${failed_steps[*]}"
    printf '%d passed, %d failed, %d skipped\n' "$steps_passed" "$steps_failed" "$steps_skipped"
    [ ${#failed_steps[@]} -eq 0 ]
}
