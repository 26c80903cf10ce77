//! What to do about a runtime's file that cannot be used: by the reason where it is known, else by the format.

use std::io::{Error, ErrorKind};

pub(super) const HOSTS: &str = "a hosts.toml has server = \"https://…\" and tables [host.\"https://…\"] with their capabilities; \
containerd ignores a file that it cannot read";
pub(super) const DOCKER: &str =
    "dockerd does not start with such a file: `dockerd --validate --config-file FILE` tells when it is right";
pub(super) const REGISTRIES_CONF: &str = "containers-registries.conf(5) has the keys of [[registry]] and [[registry.mirror]]; `skopeo inspect` fails \
with such a file too";
pub(super) const K3S: &str = "registries.yaml has `mirrors:` (registries with `endpoint` and `rewrite`) and `configs:` (hosts with `auth` \
and `tls`)";
pub(super) const BUILDKIT: &str = "buildkitd.toml has tables [registry.\"docker.io\"] with mirrors = [\"host/path\"], http, insecure, ca and keypair";

pub(super) const TOML: &str =
    "look for a missing quote, bracket or = on that line, or a key that stands there twice";
pub(super) const JSON: &str =
    "look for a missing or superfluous comma, quote or bracket there; JSON has no comments";
pub(super) const DOCKER_KIND: &str =
    "registry-mirrors and insecure-registries are lists of texts, features a map of true and false";
pub(super) const DOCKER_SCHEME: &str =
    "write http:// or https:// in front of the host of each of registry-mirrors";
pub(super) const VERSION_1: &str = "write [registries.search] as unqualified-search-registries, and [registries.insecure] and \
[registries.block] as [[registry]] with insecure or blocked = true";
pub(super) const LOCATION: &str =
    "prefix and location are host[:port][/path] without https://; for plain http there is insecure = true";
pub(super) const CONTRADICTION: &str = "give both the same insecure and blocked, or remove one: podman and the others pull nothing with such a file";
pub(super) const ALIAS: &str = "an alias is \"name\" = \"registry/name\", the left side without registry and neither with tag or digest; podman and the \
others pull nothing with such a file";
pub(super) const SEARCH: &str =
    "write hosts only, without https:// and path; podman and the others pull nothing with such a file";
pub(super) const SHORT_NAME_MODE: &str =
    "write enforcing, permissive or disabled; podman and the others pull nothing with such a file";
pub(super) const REGEX: &str = "the left side of a rewrite is a regular expression of Go: write \\ before what is meant as it stands, and \
close every bracket";
pub(super) const URL: &str = "write http://HOST[:PORT][/PATH] or https://…, without user, query and fragment: logins have their own place";

pub(super) const BY_HAND: &str =
    "without --base and --write, `mirrors export` prints what belongs there: take it over by hand";
pub(super) const BLOCKED: &str =
    "take `blocked = true` away if these images may be pulled, or leave them out of the export";
pub(super) const REWRITES: &str =
    "take the `rewrite` of this registry away, or name the mirrors with the paths that it makes";
pub(super) const OTHER_ENTRY: &str =
    "the entry with the longest matching prefix counts: put the mirrors into that one by hand, or remove it";
pub(super) const DROP_IN: &str =
    "put the mirrors into the file that decides: name it with --base and --write; or take that entry away";
pub(super) const LETTER_CASE: &str = "write the registry of these images in lower case: podman and the others take REG.example for another than reg.example";
pub(super) const CAPABILITIES: &str =
    "write capabilities = [\"pull\", \"resolve\"] there if the mirror may be asked for tags";
pub(super) const PULL_FROM_MIRROR: &str =
    "take pull-from-mirror away there, or write \"all\", if the mirror may be asked for them";
pub(super) const DIGEST_ONLY: &str = "take `mirror-by-digest-only = true` away; a mirror that is for digests only has pull-from-mirror = \"digest-only\"";

pub(super) const LINK: &str = "remove the link, or put back what it led to";
pub(super) const CERTS_FOLDER: &str =
    "name the folder that holds one for each registry, such as /etc/containerd/certs.d";
pub(super) const THE_FILE: &str = "name the file itself, not the folder that it is in";

pub(super) const UNKNOWN: &str = "name the file or folder as the runtime does: /etc/containerd/certs.d, /etc/docker/daemon.json, \
/etc/containers/registries.conf, /etc/rancher/k3s/registries.yaml, buildkitd.toml";
pub(super) const UTF_8: &str = "save the file as UTF-8";
pub(super) const NOT_A_FILE: &str = "name the file itself, or the runtime's folder of such files; what comes out of a pipe belongs into a file first";
pub(super) const TOO_LARGE: &str = "this is hardly a runtime's configuration: check the path";
const MISSING: &str = "check the path; relative paths start at the current directory";
const DENIED: &str = "make it readable for this user, or copy it from the node to where it is";
const UNREADABLE: &str = "check the path, and whether this user may read it";

/// For what cannot be opened or read.
pub(super) fn of_io(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => MISSING,
        ErrorKind::PermissionDenied => DENIED,
        _ => UNREADABLE,
    }
}
