#!/usr/bin/env bash
# Asks every adapter the vectors, writes the reports, the job's summary and the outputs; ends with the suite's status.
set -euo pipefail

suite=$RUNNER_TEMP/clockbound-conformance/bin/clockbound-conformance
reports=$RUNNER_TEMP/clockbound-conformance-reports
rm -rf "$reports"
mkdir -p "$reports"

words=()
add_lines() { # OPTION LINES: the option with each line, without the spaces around it
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        line=${line#"${line%%[![:space:]]*}"}
        line=${line%"${line##*[![:space:]]}"}
        if [ -n "$line" ]; then words+=("$1=$line"); fi
    done <<<"$2"
}
add_lines --adapter "$INPUT_ADAPTERS"
if [ ${#words[@]} -eq 0 ]; then
    echo "::error title=ClockBound conformance::The input adapters is empty: give the path of an adapter.toml."
    exit 2
fi
add_lines --only "${INPUT_ONLY:-}"
if [ -n "${INPUT_KNOWN_FAILURES:-}" ]; then words+=("--expect-known-failures=$INPUT_KNOWN_FAILURES"); fi

status=0
"$suite" run "${words[@]}" --jsonl "$reports/results.jsonl" --junit "$reports/junit.xml" --html "$reports/report.html" \
    --badge "$reports/badge.svg" --markdown "$reports/summary.md" || status=$?
case $status in
0) passed=true ;;
1) passed=false ;;
*)
    echo "::error title=ClockBound conformance::Nothing can be said of the clients (exit status $status); the log says why."
    exit "$status"
    ;;
esac

"$suite" report "$reports/results.jsonl" --badge "$reports/badge.json" >"$reports/verdict.txt" || [ $? -eq 1 ]
cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"
printf '%s\n' "passed=$passed" "reports=$reports" >>"$GITHUB_OUTPUT"
if [ $status -ne 0 ]; then
    echo "::error title=ClockBound conformance::$(tr '\n' ' ' <"$reports/verdict.txt")"
fi
rm "$reports/verdict.txt"
exit "$status"
