//! Plain lists: one image a line, `#` comments, blank lines.
//!
//! `#` begins a comment at the start of a line or after a blank (it is legal in no reference). A
//! `docker://` or `oci://` in front, as skopeo and helm write it, is no part of the name. Behind the name may
//! stand how this image is to be checked: `depth=blobs platform=linux/arm64`.

use std::sync::Arc;

use super::Inputs;
use super::bad_line::BadLine;
use super::found::Fault;
use super::text;
use crate::model::depth::{ImageOptions, UnknownDepth};
use crate::model::image::{ImageRef, ReferenceError};
use crate::model::origin::{Located, Origin};
use crate::model::platform::{Platform, PlatformError};

const TRANSPORTS: [&str; 2] = ["docker://", "oci://"];

/// Adds what `text` names to `inputs`.
pub(super) fn read(text: &str, file: &Arc<str>, inputs: &mut Inputs) {
    for (line, text) in text::lines(text) {
        read_line(text, line, file, inputs);
    }
}

/// Adds what one line names, if anything.
pub(super) fn read_line(text: &str, line: u32, file: &Arc<str>, inputs: &mut Inputs) {
    let entry = name(text);
    if entry.is_empty() {
        return;
    }
    let origin = Origin::line(Arc::clone(file), line);
    let (name, words) = without_options(entry);
    // Most lines name the registry of the line before.
    let known = inputs.images.last().map(|image| image.value.registry());
    let read = image_beside(bare(name), known).map_err(|fault| match fault.error {
        Some(error) if error != ReferenceError::Variable && name.contains(char::is_whitespace) => {
            "more than one word: write one image a line, and ` #` before a comment".to_owned()
        }
        _ => fault.why,
    });
    match read.and_then(|value| Ok((value, options(words)?))) {
        Ok((value, options)) => inputs.images.push(Located { value, input: name.into(), origin, options }),
        Err(why) => inputs.bad.push(BadLine::new(origin, entry, why)),
    }
}

/// The name, and the `key=value` words behind it. No name holds a `=`.
fn without_options(entry: &str) -> (&str, &str) {
    let mut name = entry;
    while let Some((before, word)) = name.rsplit_once(char::is_whitespace) {
        if !word.contains('=') {
            break;
        }
        name = before.trim_end();
    }
    (name, entry[name.len()..].trim())
}

/// Reads `depth=DEPTH` and `platform=OS/ARCH[/VARIANT][,…]`.
fn options(words: &str) -> Result<Option<Box<ImageOptions>>, String> {
    let mut options = ImageOptions::default();
    let mut platforms: Vec<Platform> = Vec::new();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            Some(("depth", depth)) if options.depth.is_none() => {
                options.depth = Some(depth.parse().map_err(|error: UnknownDepth| error.to_string())?);
            }
            Some(("depth", _)) => return Err("depth= stands there twice".to_owned()),
            Some(("platform", named)) => {
                for text in named.split(',') {
                    let platform = text.parse().map_err(|error: PlatformError| error.to_string())?;
                    if !platforms.contains(&platform) {
                        platforms.push(platform);
                    }
                }
            }
            _ => {
                let key = word.split('=').next().unwrap_or(word);
                return Err(format!("unknown option '{}' (known: depth=, platform=)", key.escape_debug()));
            }
        }
    }
    options.platforms = (!platforms.is_empty()).then(|| platforms.into());
    Ok((options != ImageOptions::default()).then(|| Box::new(options)))
}

/// The line without its comment and the blanks around.
fn name(line: &str) -> &str {
    // Files that were joined carry the byte order marks of each.
    let line = line.trim_start_matches('\u{feff}');
    let comment = line
        .match_indices('#')
        .find(|(at, _)| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    comment.map_or(line, |(at, _)| &line[..at]).trim()
}

/// The name without the transport that a list may have in front of it.
pub(super) fn bare(name: &str) -> &str {
    TRANSPORTS.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// Reads a name as the runtimes do, which know of no transports.
pub(super) fn image(name: &str) -> Result<ImageRef, Fault> {
    if let Some(transport) = TRANSPORTS.iter().find(|transport| name.starts_with(**transport)) {
        let why = format!("{transport} is no part of a name here: leave it out");
        return Err(Fault { error: None, why });
    }
    image_beside(name, None)
}

/// The same, where the registry `known` is known to be one that can be asked.
fn image_beside(name: &str, known: Option<&str>) -> Result<ImageRef, Fault> {
    let image =
        name.parse::<ImageRef>().map_err(|error| Fault { why: error.to_string(), error: Some(error) })?;
    let fault = if known == Some(image.registry()) { None } else { image.registry_fault() };
    match fault {
        Some(fault) => Err(Fault { error: None, why: fault.to_string() }),
        None => Ok(image),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::depth::Depth;

    fn read_list(text: &str) -> Inputs {
        let mut inputs = Inputs::default();
        read(text, &"list.txt".into(), &mut inputs);
        inputs
    }

    fn found(text: &str) -> Vec<(u32, String, String)> {
        let inputs = read_list(text);
        assert_eq!(inputs.bad, [], "{text:?}");
        let shown =
            |image: Located<ImageRef>| (image.origin.line, image.input.into(), image.value.to_string());
        inputs.images.into_iter().map(shown).collect()
    }

    fn why_bad(text: &str) -> String {
        let inputs = read_list(text);
        assert!(inputs.images.is_empty(), "{inputs:?}");
        assert_eq!(inputs.bad.len(), 1, "{text:?}");
        inputs.bad[0].why.clone()
    }

    #[test]
    fn a_list_is_one_image_a_line_with_comments_and_blanks() {
        let text =
            "# images\n\nnginx\n  redis:7\t\n#alpine\n\t# x\ngcr.io/a/b:1 # why\r\nquay.io/c/d #why\rbusybox";
        let names: Vec<_> = found(text).into_iter().map(|(line, input, _)| (line, input)).collect();
        let expected =
            [(3, "nginx"), (4, "redis:7"), (7, "gcr.io/a/b:1"), (8, "quay.io/c/d"), (9, "busybox")];
        assert_eq!(names, expected.map(|(line, input)| (line, input.to_owned())));
        for nothing in ["", "\n\r\n\r", " \t\u{a0}\u{3000}", "#", "  # nginx", "\u{feff}# nginx"] {
            assert_eq!(found(nothing), [], "{nothing:?}");
        }
    }

    #[test]
    fn transports_are_cut_from_the_name_but_kept_as_typed() {
        for (text, name) in [
            ("docker://nginx", "docker.io/library/nginx:latest"),
            ("docker://quay.io/a/b:1", "quay.io/a/b:1"),
            ("oci://localhost:5000/chart:1", "localhost:5000/chart:1"),
        ] {
            assert_eq!(found(text), [(1, text.to_owned(), name.to_owned())]);
        }
        for text in
            ["docker://", "docker://docker://nginx", "https://nginx", "DOCKER://nginx", "docker:///nginx"]
        {
            assert!(!why_bad(text).is_empty());
        }
    }

    #[test]
    fn byte_order_marks_of_joined_files_are_skipped() {
        assert_eq!(found("nginx\n\u{feff}redis\n").len(), 2);
        assert_eq!(found("\u{feff}\u{feff}nginx").len(), 1);
    }

    #[test]
    fn every_bad_line_is_collected_with_its_reason() {
        let inputs = read_list("nginx\nNginx\nredis\nfoo..bar # odd\nnginx:\n");
        assert_eq!(inputs.images.len(), 2);
        let shown: Vec<String> = inputs.bad.iter().map(ToString::to_string).collect();
        assert_eq!(shown[0], "list.txt:2: Nginx: repository name must be lowercase");
        assert!(shown[1].starts_with("list.txt:4: foo..bar: invalid reference format"), "{}", shown[1]);
        assert!(shown[2].starts_with("list.txt:5: nginx:: "), "{}", shown[2]);
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn how_an_image_is_checked_may_stand_behind_its_name() {
        let read = |text: &str| -> Option<(Option<Depth>, String)> {
            let inputs = read_list(text);
            assert_eq!(inputs.bad, [], "{text}");
            assert_eq!(&*inputs.images[0].input, "nginx:1.25", "{text}");
            let options = inputs.images[0].options.as_ref()?;
            let platforms = options.platforms.iter().flat_map(|platforms| platforms.iter());
            Some((options.depth, platforms.map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        };
        assert_eq!(read("nginx:1.25"), None);
        assert_eq!(read("nginx:1.25\tdepth=blobs  # x"), Some((Some(Depth::Blobs), String::new())));
        let both = "linux/arm64 linux/arm/v7".to_owned();
        assert_eq!(
            read("nginx:1.25 platform=linux/aarch64 depth=head platform=linux/arm,linux/arm64"),
            Some((Some(Depth::Head), both.clone()))
        );
        assert_eq!(read("nginx:1.25 platform=linux/arm64,linux/arm"), Some((None, both)));
        for (text, why) in [
            ("nginx depth=deep", "unknown depth 'deep' (known: head, manifest, platforms, blobs, content)"),
            ("nginx depth=", "unknown depth ''"),
            ("nginx depth=head depth=blobs", "depth= stands there twice"),
            ("nginx platform=arm64", "'arm64' is no platform"),
            ("nginx platform=linux/arm64,", "'' is no platform"),
            ("nginx deep=1", "unknown option 'deep' (known: depth=, platform=)"),
            ("nginx \u{1b}=1", "unknown option '\\u{1b}'"),
            ("nginx x depth=blobs", "more than one word"),
            ("depth=blobs nginx", "more than one word"),
            ("depth=blobs", "invalid reference format"),
        ] {
            assert!(why_bad(text).starts_with(why), "{text}: {}", why_bad(text));
        }
    }

    #[test]
    fn words_behind_the_name_are_refused_as_such() {
        for text in [
            "nginx foo",
            "FROM nginx",
            "- nginx",
            "nginx\t1.25",
            "image: nginx",
            "nginx\u{a0}x",
            "nginx x# y",
        ] {
            assert!(why_bad(text).starts_with("more than one word"), "{text}");
        }
        assert!(why_bad("nginx#comment").starts_with("invalid reference format"));
        assert!(why_bad("{{ .Values.image }}").contains("variable"));
        assert!(why_bad("docker://${IMAGE}").contains("variable"));
    }

    #[test]
    fn names_whose_registry_can_never_be_asked_are_refused() {
        for (text, part) in [
            ("example.com:99999/x", "port"),
            ("example.com:0/x", "port"),
            ("[:::]/x", "IPv6"),
            ("300.1.1.1/x", "IPv4"),
        ] {
            assert!(why_bad(text).contains(part), "{text}: {}", why_bad(text));
        }
    }

    #[test]
    fn what_a_bad_line_says_is_never_obeyed_by_a_terminal() {
        let inputs = read_list("\u{1b}]0;title\u{7}nginx");
        assert_eq!(inputs.bad[0].text, "\u{1b}]0;title\u{7}nginx");
        assert!(!inputs.bad[0].to_string().contains(char::is_control));
    }

    proptest! {
        #[test]
        fn any_text_gives_each_line_at_most_one_entry_in_order(
            text in prop_oneof![any::<String>(), "([a-zA:/@#. \t]{0,8}(\r\n|\n|\r)){0,12}"],
        ) {
            let inputs = read_list(&text);
            let mut numbers: Vec<u32> = inputs.images.iter().map(|image| image.origin.line).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert!(inputs.bad.is_sorted_by_key(|bad| bad.origin.line));
            numbers.extend(inputs.bad.iter().map(|bad| bad.origin.line));
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), count);
            prop_assert!(numbers.last().is_none_or(|last| *last as usize <= text::lines(&text).count()));
        }

        #[test]
        fn what_is_typed_around_a_name_changes_nothing(
            name in "[a-z]{1,6}(/[a-z]{1,6})?(:[a-z0-9]{1,5})?",
            before in "[ \t]{0,3}(docker://|oci://)?", after in "[ \t]{0,3}|[ \t]#[^\r\n]{0,9}", ending in "\r\n|\n|\r",
        ) {
            let text = format!("# first{ending}{before}{name}{after}{ending}");
            let inputs = read_list(&text);
            prop_assert_eq!(inputs.bad, []);
            prop_assert_eq!(inputs.images.len(), 1);
            prop_assert_eq!(inputs.images[0].origin.line, 2);
            prop_assert_eq!(&inputs.images[0].value, &name.parse::<ImageRef>().unwrap());
            prop_assert!(inputs.images[0].input.ends_with(&name));
        }
    }
}
