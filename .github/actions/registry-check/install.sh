#!/usr/bin/env bash
# Puts registry-check on the PATH: a released binary whose checksum is right, or one built from this very source.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$here/common.sh"

source_root=$here/../../..
work=$(mktemp -d "$RUNNER_TEMP/registry-check-install.XXXXXX")

# The release that belongs to this commit of the action.
own_version() {
    sed -n 's/^version = "\([^"]*\)"$/v\1/p' "$source_root/Cargo.toml" | sed -n 1p
}

target() {
    case "${RUNNER_OS-}-${RUNNER_ARCH-}" in
        Linux-X64) printf 'x86_64-unknown-linux-musl' ;;
        Linux-ARM64) printf 'aarch64-unknown-linux-musl' ;;
        macOS-X64) printf 'x86_64-apple-darwin' ;;
        macOS-ARM64) printf 'aarch64-apple-darwin' ;;
        Windows-X64) printf 'x86_64-pc-windows-msvc' ;;
        *) refuse "no binary is released for ${RUNNER_OS-?} on ${RUNNER_ARCH-?}; set version: source" ;;
    esac
}

# Fetches FILE of the release into the working folder.
fetch() {
    local protocols=https
    case "$base" in
        http://*)
            [ -n "${RC_SHA256-}" ] || refuse "download-url is http, which protects nothing: give sha256, or use https"
            protocols=http,https
            ;;
        file://*) protocols='file' ;;
    esac
    curl --fail --silent --show-error --location --proto "=$protocols" --proto-redir "=$protocols" \
        --connect-timeout 20 --max-time 300 --max-filesize 200000000 --retry 3 \
        --output "$work/$1" -- "$base/$1" || refuse "$base/$1 could not be fetched; is there such a release?"
}

checksum() {
    if [ -n "${RC_SHA256-}" ]; then
        printf '%s' "$RC_SHA256"
        return
    fi
    fetch SHA256SUMS
    awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS"
}

verify() {
    local sum=$1 sum_of=(sha256sum)
    [[ $sum =~ ^[0-9a-fA-F]{64}$ ]] || refuse "there is no one sha256 of $archive: ${sum:-SHA256SUMS does not name it}"
    command -v sha256sum >/dev/null || sum_of=(shasum -a 256)
    printf '%s  %s\n' "$sum" "$archive" >"$work/expected"
    (cd "$work" && "${sum_of[@]}" -c expected >&2) || refuse "$archive from $base is not what its sha256 says; it is not used"
    if [ "${RC_ATTESTATION-}" = true ]; then
        gh attestation verify "$work/$archive" --repo "$RC_REPOSITORY" >&2 ||
            refuse "the provenance of $archive could not be verified; it is not used"
    fi
}

install_release() {
    local name target sum
    [[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+([-.][0-9A-Za-z.-]+)?$ ]] ||
        refuse "version is \`$version\`: give a release such as v0.1.0, or source"
    [[ ${RC_REPOSITORY-} =~ ^[0-9A-Za-z_.-]+/[0-9A-Za-z_.-]+$ ]] || refuse "repository is \`${RC_REPOSITORY-}\`: give OWNER/NAME"
    target=$(target)
    name=registry-check-$version-$target
    archive=$name.tar.gz
    base=${RC_DOWNLOAD_URL:-${GITHUB_SERVER_URL:-https://github.com}/$RC_REPOSITORY/releases/download/$version}
    base=${base%/}
    fetch "$archive"
    sum=$(checksum)
    verify "$sum"
    (cd "$work" && tar -xzf "$archive")
    bin=$work/$name
}

install_source() {
    command -v cargo >/dev/null || refuse "version: source needs cargo; install Rust before this step"
    cargo install --locked --path "$source_root" --root "$work" >&2
    bin=$work/bin
}

version=${RC_VERSION:-$(own_version)}
if [ "$version" = source ]; then
    install_source
else
    install_release
fi
# A binary that does not run here is found out now.
"$bin/registry-check" --version >&2 || refuse "$version does not run on this machine; set version: source"
if command -v cygpath >/dev/null; then
    bin=$(cygpath -w "$bin")
fi
printf '%s\n' "$bin" >>"$GITHUB_PATH"
