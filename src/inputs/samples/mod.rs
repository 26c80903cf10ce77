//! Every kind of input as people write it, and exactly what is found in it, on which lines.
//!
//! What is found is written as one line each: `LINE IMAGE`, `LINE ? TEXT` for what cannot be known offline,
//! `LINE ! TEXT` for what is wrong.

mod bake;
mod builds;
mod compose;
mod dockerfile;
mod faults;
mod gitlab;
mod growth;
mod kubernetes;
mod pipelines;

use super::*;
use crate::model::origin::Origin;

fn options(kind: Option<Kind>) -> Options {
    Options { kind, ..Options::default() }
}

/// What `text` in a file of this name holds, by line.
fn found_with(name: &str, text: &str, options: &Options) -> Vec<String> {
    let mut inputs = Inputs::default();
    let shared = Arc::from(name);
    let text = text::decode(text.as_bytes().to_vec()).unwrap();
    read_text(&text, Some(Path::new(name)), options, &shared, &mut inputs).unwrap();
    let mut lines: Vec<(u32, String)> = Vec::new();
    let short = |image: &ImageRef| {
        let text = image.to_string();
        let text = text.strip_prefix("docker.io/").unwrap_or(&text);
        text.strip_prefix("library/").unwrap_or(text).to_owned()
    };
    lines.extend(inputs.images.iter().map(|image| (image.origin.line, short(&image.value))));
    lines.extend(inputs.dynamic.iter().map(|entry| (entry.origin.line, format!("? {}", entry.text))));
    lines.extend(inputs.bad.iter().map(|bad| (bad.origin.line, format!("! {}", bad.text))));
    lines.sort_by_key(|(line, _)| *line);
    lines.into_iter().map(|(line, text)| format!("{line} {text}")).collect()
}

fn found(name: &str, text: &str) -> Vec<String> {
    found_with(name, text, &options(None))
}

fn warnings(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    inputs.warnings
}

#[track_caller]
fn assert_found(name: &str, text: &str, expected: &[&str]) {
    assert_eq!(found(name, text), expected, "{name}:\n{text}");
}

#[test]
fn origins_know_document_and_key_path() {
    let mut inputs = Inputs::default();
    let text = "a: b\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: x:1\n";
    read_text(text, Some(Path::new("p.yaml")), &options(None), &"p.yaml".into(), &mut inputs).unwrap();
    let origin = &inputs.images[0].origin;
    assert_eq!(
        (origin.line, origin.document, origin.path.as_deref()),
        (7, Some(2), Some("spec.containers[0].image"))
    );
}

#[test]
fn aliases_that_multiply_are_told_and_what_was_found_stays() {
    let mut bomb = String::from("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    bomb.push_str("services:\n  a:\n    image: a:1\n");
    assert_found("compose.yaml", &bomb, &["1 ! ", "15 a:1"]);
    let any = Options { any_image_key: AnyImageKey::Yes, ..Options::default() };
    let kubernetes = format!("image: first:1\n{bomb}");
    assert_eq!(found_with("k.yaml", &kubernetes.replace("services", "kept"), &any), ["1 first:1", "1 ! "]);
}

/// What `text` holds, as `FILE:LINE PATH`, and `?` before what is not known.
fn paths(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    let shown = |origin: &Origin| format!("{} {}", origin.line, origin.path.as_deref().unwrap_or_default());
    let open = inputs.dynamic.iter().map(|entry| format!("? {}", shown(&entry.origin)));
    inputs.images.iter().map(|image| shown(&image.origin)).chain(open).collect()
}

/// What `text` wants, as `IMAGE PLATFORM`, or `IMAGE` where nothing is said.
fn wanted(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    assert_eq!((&inputs.bad[..], &inputs.dynamic[..]), (&[][..], &[][..]));
    let each = inputs.images.iter().map(|image| {
        let mut words = vec![image.value.repository().to_owned()];
        let platforms = image.options.as_ref().and_then(|options| options.platforms.clone());
        words.extend(platforms.iter().flat_map(|all| all.iter()).map(ToString::to_string));
        words.join(" ")
    });
    each.collect()
}

#[test]
fn a_platform_that_a_dockerfile_names_is_wanted_and_one_that_depends_on_the_builder_stays_open() {
    let text = "ARG P=linux/arm/v7\nFROM --platform=linux/arm64 a/one\nFROM --platform=$P a/two\n\
                FROM --platform=$BUILDPLATFORM a/three\nFROM --platform=${TARGETPLATFORM} a/four\n\
                FROM --platform=linux/$TARGETARCH a/five\nFROM --platform='linux/amd64' a/six AS x\n\
                FROM a/seven\nFROM --platform=arm64 a/eight\nFROM --platform=linux/s390x x\n\
                COPY --from=a/nine / /\n";
    let expected = [
        "a/one linux/arm64",
        "a/two linux/arm/v7",
        "a/three",
        "a/four",
        "a/five",
        "a/six linux/amd64",
        "a/seven",
        "a/eight",
        "a/nine",
    ];
    assert_eq!(wanted("Dockerfile", text), expected);
}
