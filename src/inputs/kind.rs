//! What a file is: by what the user says, by its name, by what stands in it.
//!
//! YAML and JSON are told apart document by document, since a stream may mix kinds; a name decides only
//! where the content allows it.

use std::path::Path;

use super::yaml::{Budget, Node};
use super::{bake, compose, dockerfile, gitlab, kubernetes, sbom, sync, text, workflow};
use crate::model::kind::Kind;

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    List,
    Dockerfile,
    /// As YAML or JSON; the kind that its name stands for, if it does.
    Structured(Option<Kind>),
}

/// What stands behind `Dockerfile.` where the file is about Dockerfiles, makes one, or was one.
const NO_VARIANTS: [&str; 44] = [
    "adoc", "asciidoc", "bak", "c", "cpp", "cs", "css", "cue", "diff", "erb", "go", "gotmpl", "h", "html",
    "j2", "java", "jinja", "jinja2", "js", "json", "lock", "log", "lua", "md", "mustache", "old", "orig",
    "patch", "php", "py", "rb", "rej", "rs", "rst", "sh", "swp", "template", "tmpl", "toml", "tpl", "ts",
    "txt", "yaml", "yml",
];

/// How a file of this name is read; none where the name says nothing.
pub(super) fn by_name(path: &Path) -> Option<Reading> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let folder = path.parent().map(|folder| folder.to_string_lossy().replace('\\', "/")).unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension == "dockerignore" || extension == "containerignore" {
        return None;
    }
    let is_variant = |word: &str| name.starts_with(&format!("{word}.")) && !NO_VARIANTS.contains(&extension);
    let is_build = |word: &str| name == word || extension == word || is_variant(word);
    if is_build("dockerfile") || is_build("containerfile") {
        return Some(Reading::Dockerfile);
    }
    if !matches!(extension, "yaml" | "yml" | "json") {
        // Other locks are those of package managers.
        let is_list = name == "images.txt" || name == "images.lock" || name.ends_with(".images.lock");
        return is_list.then_some(Reading::List);
    }
    let is_in =
        |folders: &[&str]| folders.iter().any(|end| folder == *end || folder.ends_with(&format!("/{end}")));
    let stem = name.strip_prefix("docker-").unwrap_or(&name);
    let kind = if stem.strip_prefix("compose").is_some_and(|rest| rest.starts_with(['.', '-', '_'])) {
        Some(Kind::Compose)
    } else if is_in(&[".github/workflows", ".forgejo/workflows", ".gitea/workflows"])
        || matches!(&*name, "action.yml" | "action.yaml")
    {
        Some(Kind::Workflow)
    } else if name.trim_end_matches(".yaml").trim_end_matches(".yml").ends_with(".gitlab-ci") {
        Some(Kind::Gitlab)
    } else if name.starts_with("docker-bake") {
        Some(Kind::Bake)
    } else if matches!(&*name, "kustomization.yaml" | "kustomization.yml") {
        Some(Kind::Kubernetes)
    } else {
        None
    };
    Some(Reading::Structured(kind))
}

/// How a text without a telling name is read: a list, unless it is plainly something else.
pub(super) fn by_content(text: &str) -> Reading {
    let is_plain = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let Some((_, first)) = text::lines(text).find(|(_, line)| !is_plain(line)) else { return Reading::List };
    let is_marked =
        first.starts_with(['{', '[', '%']) || first.trim_end() == "---" || first.starts_with("--- ");
    let is_key = first.split_once(':').is_some_and(|(key, rest)| {
        !key.contains(['/', ' ', '@']) && (rest.is_empty() || rest.starts_with(' '))
    });
    if is_marked || is_key && is_known(text) {
        Reading::Structured(None)
    } else if dockerfile::is_it(text) {
        Reading::Dockerfile
    } else {
        Reading::List
    }
}

/// Whether the first document that can be read is of a kind that is known.
fn is_known(text: &str) -> bool {
    let chunks = super::yaml::chunks(text);
    let first = chunks.iter().find_map(|chunk| chunk.read().ok());
    first.is_some_and(|root| of_document(&root, None, &Budget::default()).is_some())
}

/// The kind of a document in a file whose name stands for `named`.
pub(super) fn of_document(root: &Node, named: Option<Kind>, budget: &Budget) -> Option<Kind> {
    if kubernetes::is_it(root) || named.is_none() && kubernetes::lacks_version(root) {
        return Some(Kind::Kubernetes);
    }
    if named.is_some() {
        return named;
    }
    if sbom::is_it(root) {
        Some(Kind::Sbom)
    } else if workflow::is_it(root) {
        Some(Kind::Workflow)
    } else if compose::is_it(root, budget) {
        Some(Kind::Compose)
    } else if bake::is_it(root) {
        Some(Kind::Bake)
    } else if sync::is_it(root, budget) {
        Some(Kind::Sync)
    } else if gitlab::is_header(root) || gitlab::is_it(root, budget) {
        Some(Kind::Gitlab)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_kinds() {
        use Reading::{Dockerfile, List, Structured};
        for (name, expected) in [
            ("Dockerfile", Some(Dockerfile)),
            ("a/Dockerfile.prod", Some(Dockerfile)),
            ("app.dockerfile", Some(Dockerfile)),
            ("Containerfile", Some(Dockerfile)),
            ("Dockerfile.dockerignore", None),
            ("Dockerfile.alpine3.20", Some(Dockerfile)),
            ("prod.Dockerfile", Some(Dockerfile)),
            ("Containerfile.arm64", Some(Dockerfile)),
            ("src/dockerfile.rs", None),
            ("Dockerfile.md", None),
            ("Dockerfile.prod.j2", None),
            ("Dockerfile~", None),
            ("Dockerfile.orig", None),
            ("dockerfile.json", Some(Structured(None))),
            ("compose.yaml", Some(Structured(Some(Kind::Compose)))),
            ("docker-compose.override.yml", Some(Structured(Some(Kind::Compose)))),
            ("composer.json", Some(Structured(None))),
            (".github/workflows/ci.yml", Some(Structured(Some(Kind::Workflow)))),
            ("x/.forgejo/workflows/ci.yaml", Some(Structured(Some(Kind::Workflow)))),
            ("my/action.yml", Some(Structured(Some(Kind::Workflow)))),
            (".gitlab-ci.yml", Some(Structured(Some(Kind::Gitlab)))),
            ("ci/build.gitlab-ci.yml", Some(Structured(Some(Kind::Gitlab)))),
            ("docker-bake.json", Some(Structured(Some(Kind::Bake)))),
            ("overlays/kustomization.yaml", Some(Structured(Some(Kind::Kubernetes)))),
            ("deploy.yaml", Some(Structured(None))),
            ("images.txt", Some(List)),
            ("images.lock", Some(List)),
            ("prod.images.lock", Some(List)),
            ("Cargo.lock", None),
            ("notes.txt", None),
            ("README", None),
        ] {
            assert_eq!(by_name(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn content_tells_kinds_and_all_else_is_a_list() {
        for (text, expected) in [
            ("nginx\n", Reading::List),
            ("nginx:\n", Reading::List),
            ("localhost:5000\nredis\n", Reading::List),
            ("from\n", Reading::List),
            ("", Reading::List),
            ("# x\nFROM a\n", Reading::Dockerfile),
            ("ARG X=1\nfrom a:$X\n", Reading::Dockerfile),
            ("apiVersion: v1\nkind: Pod\n", Reading::Structured(None)),
            ("---\na: b\n", Reading::Structured(None)),
            ("{\"kind\": \"Pod\"}", Reading::Structured(None)),
            ("services:\n  a:\n    image: x\n", Reading::Structured(None)),
        ] {
            assert_eq!(by_content(text), expected, "{text:?}");
        }
    }
}
