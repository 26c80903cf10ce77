#!/usr/bin/env bash
# Gets the baseline that the last successful run of this workflow left in its artifact. That there is none is told in
# the output `file`, by its absence; that it could not be found out ends the run, because a gate without its baseline
# (or with a stranger's) is another gate.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$here/common.sh"

[ -n "${RC_ARTIFACT-}" ] || refuse "baseline: last-run is kept in an artifact; give artifact a name, or set baseline: none"

cannot_tell="could not ask for earlier runs; give the job \`permissions: actions: read\`, or set baseline: none"
branch=${RC_BRANCH-}
if [ -z "$branch" ]; then
    branch=$(gh api --method GET "repos/$GITHUB_REPOSITORY" --jq .default_branch) || refuse "$cannot_tell"
fi
# OWNER/NAME/.github/workflows/FILE@REF
workflow=${GITHUB_WORKFLOW_REF%%@*}
workflow=${workflow##*/}

# Runs of pull requests are left out: whoever opens one from a fork chooses its branch's name, and what it uploads.
runs=$(gh api --method GET "repos/$GITHUB_REPOSITORY/actions/workflows/$workflow/runs" \
    -f "branch=$branch" -f status=success -f per_page=50 \
    --jq '.workflow_runs[] | [.id, .event, .head_repository.full_name] | @tsv') || refuse "$cannot_tell"

while IFS=$'\t' read -r id event repository; do
    [ -n "$id" ] || continue
    case "$event" in
        push | schedule | workflow_dispatch | repository_dispatch) ;;
        *) continue ;;
    esac
    [ "$repository" = "$GITHUB_REPOSITORY" ] || continue
    kept=$(gh api --method GET "repos/$GITHUB_REPOSITORY/actions/runs/$id/artifacts" -f "name=$RC_ARTIFACT" \
        --jq '[.artifacts[] | select(.expired | not)] | length') || refuse "$cannot_tell"
    [ "$kept" != 0 ] || continue
    folder=$(mktemp -d "$RUNNER_TEMP/registry-check-baseline.XXXXXX")
    gh run download "$id" --repo "$GITHUB_REPOSITORY" --name "$RC_ARTIFACT" --dir "$folder" >&2 ||
        refuse "the artifact $RC_ARTIFACT of run $id could not be downloaded; run this again, or set baseline: none"
    [ -f "$folder/baseline.json" ] || continue
    say notice "baseline: that of run $id"
    printf 'file=%s\n' "$folder/baseline.json" >>"$GITHUB_OUTPUT"
    exit 0
done <<<"$runs"
say notice "no successful run of $workflow on $branch has kept a baseline"
