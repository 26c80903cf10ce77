#!/usr/bin/env bash
# Runs the check, or puts reports together; ends as the program did. What the inputs say reaches it as arguments, word
# for word: no shell reads them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$here/common.sh"

folder=$(mktemp -d "$RUNNER_TEMP/registry-check.XXXXXX")
report=$folder/report.json
args=(-o - -o "$report")
accept=no
lines=()

lines_of "${RC_FORMATS-}"
for format in ${lines[@]+"${lines[@]}"}; do
    case "$format" in
        csv | html | ndjson | sarif) args+=(-o "$folder/report.$format") ;;
        gitlab) args+=(-o "gitlab:$folder/code-quality.json") ;;
        json) ;;
        junit) args+=(-o "$folder/report.xml") ;;
        markdown) args+=(-o "$folder/report.md") ;;
        prometheus) args+=(-o "$folder/report.prom") ;;
        table) args+=(-o "$folder/report.txt") ;;
        *) refuse "formats has \`$format\`: give csv, gitlab, html, junit, markdown, ndjson, prometheus, sarif or table, one a line" ;;
    esac
done

case "${RC_FIRST_RUN:-fail}" in
    accept | fail) ;;
    *) refuse "first-run is \`$RC_FIRST_RUN\`: give accept or fail" ;;
esac
case "${RC_BASELINE:-none}" in
    none) ;;
    last-run)
        if [ -n "${RC_LAST_BASELINE-}" ]; then
            args+=("--baseline=$RC_LAST_BASELINE")
        else
            accept=${RC_FIRST_RUN:-fail}
        fi
        ;;
    *) args+=("--baseline=$RC_BASELINE") ;;
esac

[ -z "${RC_CONFIG-}" ] || args+=("--config=$RC_CONFIG")
[ -z "${RC_UNDECIDED-}" ] || args+=("--undecided=$RC_UNDECIDED")

lines_of "${RC_OPTIONS-}"
for option in ${lines[@]+"${lines[@]}"}; do
    [[ $option == -* ]] || refuse "options has \`$option\`: one option a line, its value behind \`=\`; files belong into list"
    args+=("$option")
done

lines_of "${RC_MIRRORS-}"
mirrors=(${lines[@]+"${lines[@]}"})
lines_of "${RC_MERGE-}"
if [ ${#lines[@]} -gt 0 ]; then
    [ ${#mirrors[@]} -eq 0 ] || refuse "merge asks nobody: leave mirrors out"
    args=(merge "${args[@]}" --)
    for pattern in "${lines[@]}"; do
        if [ -e "$pattern" ]; then
            args+=("$pattern")
        else
            found=$(compgen -G "$pattern" | LC_ALL=C sort) || refuse "merge: no file is named $pattern"
            while IFS= read -r file; do
                args+=("$file")
            done <<<"$found"
        fi
    done
else
    for mirror in ${mirrors[@]+"${mirrors[@]}"}; do
        args+=("--mirror=$mirror")
    done
    lines_of "${RC_LIST-}"
    [ ${#lines[@]} -gt 0 ] || refuse "list is empty: name the files with images, one a line"
    args+=(-- "${lines[@]}")
fi

code=0
registry-check "${args[@]}" || code=$?
printf 'exit-code=%s\n' "$code" >>"$GITHUB_OUTPUT"
case "$code" in
    0 | 1 | 3)
        registry-check baseline write "$report" -o "$folder/baseline.json" ||
            refuse "no baseline could be made of the report"
        ;;
esac
if [ -n "$(ls -A "$folder")" ]; then
    printf 'folder=%s\n' "$folder" >>"$GITHUB_OUTPUT"
fi
if [ "$accept" = accept ] && { [ "$code" = 1 ] || [ "$code" = 3 ]; }; then
    say warning "there was no baseline: what is broken now is taken for the first one (exit code $code)"
    code=0
fi
exit "$code"
