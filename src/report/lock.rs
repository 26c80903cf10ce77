//! A lock: each image with the digest that its own registry serves, in the grammar of lists.
//!
//! One line an image, `name:tag@sha256:…`, the places that name it behind `#`. What lists mean holds for
//! locks, so that a lock is checked, and locked again, like any list.

use std::io::{self, Write as _};

use super::escape;
use crate::model::depth::ImageOptions;
use crate::model::digest::Digest;
use crate::model::dynamic::{Dynamic, DynamicNames};
use crate::model::image::ImageRef;
use crate::model::origin::Origin;

/// What the first line says.
pub const HEADER: &str = "# registry-check lock: the digest that each image's own registry serves for it";
/// What stands before a name that is not in it.
const OPEN: &str = "# not in this lock, not known offline";
/// Most places that are named behind an image.
const MOST_PLACES: usize = 20;

/// A pinned image and its places.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// As it was asked for.
    pub image: &'a ImageRef,
    /// What its registry serves; where the image is pinned already, that digest.
    pub digest: &'a Digest,
    /// How far and for which platforms it is to be checked, where its inputs say so.
    pub options: Option<&'a ImageOptions>,
    /// Where it stands in the inputs.
    pub places: &'a [&'a Origin],
}

/// Writes `entries` in their order, and as comments the names that could not be asked for.
///
/// # Errors
/// `out` cannot be written to.
pub fn write(entries: &[Entry<'_>], open: &DynamicNames, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    out.write_all(HEADER.as_bytes())?;
    out.write_all(b"\n")?;
    for entry in entries {
        out.write_all(line(entry).as_bytes())?;
    }
    for Dynamic { origin, text, why } in open.names() {
        let name = format!("{}: {text}: {why}", origin.in_full());
        writeln!(out, "{OPEN}: {}", escape::terminal(&name))?;
    }
    match open.total().saturating_sub(open.names().len() as u64) {
        0 => {}
        more => writeln!(out, "{OPEN}: {more} more")?,
    }
    out.flush()
}

fn line(entry: &Entry<'_>) -> String {
    let mut line = entry.image.to_string();
    if entry.image.digest().is_none() {
        line.push_str(&format!("@{}", entry.digest));
    }
    if let Some(depth) = entry.options.and_then(|options| options.depth) {
        line.push_str(&format!(" depth={}", depth.as_str()));
    }
    if let Some(platforms) = entry.options.and_then(|options| options.platforms.as_ref()) {
        let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        line.push_str(&format!(" platform={}", platforms.join(",")));
    }
    for (at, origin) in entry.places.iter().take(MOST_PLACES).enumerate() {
        line.push_str(if at == 0 { " # " } else { ", " });
        line.push_str(&escape::terminal(&origin.to_string()));
    }
    match entry.places.len().saturating_sub(MOST_PLACES) {
        0 => line.push('\n'),
        more => line.push_str(&format!(" and {more} more\n")),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::depth::Depth;

    #[test]
    fn a_line_is_a_name_with_its_digest_and_its_places_behind_it() {
        let (tagged, pinned): (ImageRef, ImageRef) = (
            "nginx:1.27".parse().unwrap(),
            format!("quay.io/a/b@{}", Digest::sha256(b"pinned")).parse().unwrap(),
        );
        let (digest, other) = (Digest::sha256(b"served"), Digest::sha256(b"pinned"));
        let origins: Vec<Origin> = (1..=23).map(|line| Origin::line("a\nb # c.yaml".into(), line)).collect();
        let places: Vec<&Origin> = origins.iter().collect();
        let options = ImageOptions {
            depth: Some(Depth::Blobs),
            platforms: Some(["linux/amd64".parse().unwrap(), "linux/arm/v7".parse().unwrap()].into()),
        };
        let entries = [
            Entry { image: &tagged, digest: &digest, options: None, places: &places },
            Entry { image: &pinned, digest: &other, options: Some(&options), places: &places[..2] },
        ];
        let mut out = Vec::new();
        let name =
            |_| Dynamic { origin: origins[0].clone(), text: "x:$V\nevil:1\r".into(), why: "V\u{1b}".into() };
        let open = DynamicNames::of((0..1_002).map(name).collect());
        write(&entries, &open, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3 + 1_001, HEADER));
        let told = "# not in this lock, not known offline: a\\nb # c.yaml:1: x:$V\\nevil:1\\r: V\\u{1b}";
        assert_eq!((lines[3], lines[1_003]), (told, "# not in this lock, not known offline: 2 more"));
        assert!(!text.contains('\r'));
        assert!(lines[1].starts_with(&format!("docker.io/library/nginx:1.27@{digest} # a\\nb # c.yaml:1, ")));
        assert!(lines[1].ends_with(":20 and 3 more"), "{}", lines[1]);
        assert_eq!(
            lines[2],
            format!(
                "quay.io/a/b@{other} depth=blobs platform=linux/amd64,linux/arm/v7 # a\\nb # c.yaml:1, a\\nb # c.yaml:2"
            )
        );
    }
}
