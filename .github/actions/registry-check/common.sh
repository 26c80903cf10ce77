# shellcheck shell=bash
# What the scripts of this action share. Nothing from outside is ever run, or told unescaped: a line that begins with
# `::` is a command to the runner.

# Says MESSAGE as a workflow command of KIND (error, warning, notice).
say() {
    local kind=$1 text=$2
    text=${text//'%'/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    printf '::%s title=registry-check::%s\n' "$kind" "$text" >&2
}

# Ends with 2, as the program does where something is wrong with what it was given.
refuse() {
    say error "$1"
    exit 2
}

# Puts the lines of TEXT into the array `lines`, without blanks around them; empty ones are left out.
lines_of() {
    local line
    lines=()
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line#"${line%%[![:space:]]*}"}
        line=${line%"${line##*[![:space:]]}"}
        [ -z "$line" ] || lines+=("$line")
    done <<<"$1"
}
