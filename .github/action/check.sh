#!/usr/bin/env bash
# One step of action.yml: errtax check, its table in the job summary. What the inputs say comes by the environment, so
# that nothing of it is ever read as a command. The exit code is kept for the last step, after the comment.
set -uo pipefail
table=${RUNNER_TEMP:-/tmp}/errtax-check.md
said=${RUNNER_TEMP:-/tmp}/errtax-check.txt
arguments=()
while IFS= read -r limit; do
    limit="${limit#"${limit%%[![:space:]]*}"}" # without the white space around it
    limit="${limit%"${limit##*[![:space:]]}"}"
    [ -z "$limit" ] || arguments+=("--max=$limit")
done <<< "$LIMITS"
[ -z "$BASELINE" ] || arguments+=("--baseline=$BASELINE")
[ -z "$CORRECTION" ] || arguments+=("--correction=$CORRECTION")
[ -z "$BLOCK" ] || arguments+=("--block=$BLOCK")
[ "$SIGNIFICANT" != true ] || arguments+=(--require-significant)

rm -f "$table"
errtax check "${arguments[@]}" "--markdown=$table" --force --json -- "$PEEL" > "$said.json" 2> "$said"
code=$?
cat "$said" >&2
if [ ! -s "$table" ]; then
    { printf '### errtax check: not made\n\n```text\n'; cat "$said"; printf '```\n'; } > "$table"
fi
cat "$table" >> "$GITHUB_STEP_SUMMARY"
broken=$(python -c 'import json, sys; print(json.load(sys.stdin)["broken"])' < "$said.json" 2> /dev/null || true)
{
    echo "code=$code"
    echo "broken=$broken"
    echo "markdown=$table"
} >> "$GITHUB_OUTPUT"
