#!/usr/bin/env bash
# Makes the files of a release: package.sh VERSION BINARIES SBOM OUT
#   VERSION   such as v0.1.0; Cargo.toml and CHANGELOG.md must have it
#   BINARIES  a folder with a folder for each target, and in it the binary
#   SBOM      of the program, CycloneDX in JSON
#   OUT       an empty folder, or none yet
# Needs GNU tar. The same inputs make the same bytes; completions and manual page come from the binary for this machine.
set -euo pipefail

refuse() {
    printf 'package.sh: %s\n' "$1" >&2
    exit 2
}

[ $# -eq 4 ] || refuse 'usage: package.sh VERSION BINARIES SBOM OUT'
version=$1 binaries=$2 sbom=$3 out=$4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

own=$(sed -n 's/^version = "\([^"]*\)"$/v\1/p' "$root/Cargo.toml" | sed -n 1p)
[ "$version" = "$own" ] || refuse "the tag is $version, and Cargo.toml has $own"

mkdir -p "$out"
[ -z "$(ls -A "$out")" ] || refuse "$out is not empty"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What CHANGELOG.md says of this version.
awk -v heading="## [${version#v}]" '
    index($0, heading) == 1 { inside = 1; next }
    inside && /^## \[/ { exit }
    inside { print }
' "$root/CHANGELOG.md" >"$work/notes.md"
grep -q '[^[:space:]]' "$work/notes.md" || refuse "CHANGELOG.md says nothing of [${version#v}]"

tell=$binaries/$(uname -m)-unknown-linux-musl/registry-check
[ -f "$tell" ] || refuse "$tell is missing; completions and manual page come from it"
chmod +x "$tell"
shared=$work/shared
mkdir -p "$shared/completions" "$shared/man"
"$tell" completions bash >"$shared/completions/registry-check.bash"
"$tell" completions zsh >"$shared/completions/_registry-check"
"$tell" completions fish >"$shared/completions/registry-check.fish"
"$tell" completions powershell >"$shared/completions/_registry-check.ps1"
"$tell" completions elvish >"$shared/completions/registry-check.elv"
"$tell" man >"$shared/man/registry-check.1"
cp "$root"/{README.md,CHANGELOG.md,LICENSE-APACHE,LICENSE-MIT} "$shared"

for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-apple-darwin aarch64-apple-darwin x86_64-pc-windows-msvc; do
    program=registry-check
    case "$target" in
        *-windows-*) program=registry-check.exe ;;
    esac
    [ -f "$binaries/$target/$program" ] || refuse "$binaries/$target/$program is missing"
    name=registry-check-$version-$target
    cp -r "$shared" "$work/$name"
    cp "$binaries/$target/$program" "$work/$name/$program"
    find "$work/$name" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    chmod 755 "$work/$name/$program"
    tar -C "$work" --sort=name --mtime="@${SOURCE_DATE_EPOCH:-0}" --owner=0 --group=0 --numeric-owner \
        --format=ustar -cf - "$name" | gzip -n9 >"$out/$name.tar.gz"
done
cp "$sbom" "$out/registry-check-$version.cdx.json"
(cd "$out" && sha256sum -- * >"$work/SHA256SUMS")
cp "$work/SHA256SUMS" "$out"
cp "$work/notes.md" "$out.notes.md"
