//! The report of `registry-check images`: each image with the places where it stands.
//!
//! As lines for people and shells (name, tab, places; a comment for each name that is not known), and as JSON, CSV and Markdown for programs and
//! pull requests. File names are a user's, and pass through [`escape`] like all else.

use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::markdown::origin as markdown_origin;
use super::{Format, csv, escape, json};
use crate::model::dynamic::Dynamic;
use crate::model::image::ImageRef;
use crate::model::origin::Origin;
use crate::model::platform::Platform;

/// The name and version of the JSON form.
pub const SCHEMA_ID: &str = "registry-check/images/v1";

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Each image once.
    pub images: Vec<Listed>,
    /// Names that cannot be known offline.
    pub dynamic: Vec<Dynamic>,
}

/// An image and its places.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Normalised.
    pub image: ImageRef,
    /// Where it stands.
    pub places: Vec<NamedAt>,
}

/// A place that names an image.
#[derive(Clone, Debug)]
pub struct NamedAt {
    /// Where.
    pub origin: Origin,
    /// What is typed there.
    pub input: Box<str>,
    /// The platforms that matter there; `None` where nothing is said of them.
    pub platforms: Option<Arc<[Platform]>>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    images: Vec<Image<'a>>,
    dynamic: Vec<Open<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    image: String,
    places: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    origin: String,
    file: &'a str,
    line: u32,
    document: Option<u32>,
    path: Option<&'a str>,
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platforms: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Open<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    why: &'a str,
}

impl<'a> Place<'a> {
    fn new(origin: &'a Origin, input: &'a str) -> Self {
        Self {
            origin: origin.to_string(),
            file: &origin.file,
            line: origin.line,
            document: origin.document,
            path: origin.path.as_deref(),
            input,
            platforms: None,
        }
    }

    fn of(place: &'a NamedAt) -> Self {
        let shown = |platforms: &Arc<[Platform]>| platforms.iter().map(ToString::to_string).collect();
        Self { platforms: place.platforms.as_ref().map(shown), ..Self::new(&place.origin, &place.input) }
    }
}

/// The formats that a listing has.
pub const FORMATS: [Format; 4] = [Format::Table, Format::Csv, Format::Markdown, Format::Json];

/// Writes the listing.
///
/// # Errors
/// `out` cannot be written to; `format` is none of [`FORMATS`].
pub fn write(format: Format, listing: &Listing, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    match format {
        Format::Table => lines(listing, &mut out)?,
        Format::Csv => csv::write_rows(&CSV_HEADER, &mut rows(listing), &mut out)?,
        Format::Markdown => markdown(listing, &mut out)?,
        Format::Json => json::write_value(&document(listing), &mut out)?,
        other => return Err(io::Error::other(format!("a list of images has no form as {other}"))),
    }
    io::Write::flush(&mut out)
}

fn lines(listing: &Listing, out: &mut dyn io::Write) -> io::Result<()> {
    for listed in &listing.images {
        let places: Vec<_> = listed.places.iter().map(|place| place.origin.in_full()).collect();
        writeln!(out, "{}\t{}", listed.image, escape::terminal(&places.join(",")))?;
    }
    // The part before the tab stays a list, of which this is a comment.
    for Dynamic { origin, text, why } in &listing.dynamic {
        let (text, why) = (escape::terminal(text), escape::terminal(why));
        writeln!(out, "# dynamic: {text}\t{}: {why}", escape::terminal(&origin.in_full()))?;
    }
    Ok(())
}

const CSV_HEADER: [&str; 8] = ["image", "origin", "file", "line", "document", "path", "input", "dynamic"];

/// One row for each place; what is not known has no image, and in the last column what it depends on.
fn rows(listing: &Listing) -> impl Iterator<Item = [String; 8]> {
    let known = listing.images.iter().flat_map(|listed| {
        let places = listed.places.iter();
        places.map(|NamedAt { origin, input, .. }| row(listed.image.to_string(), origin, input, ""))
    });
    let open = listing.dynamic.iter();
    known.chain(open.map(|Dynamic { origin, text, why }| row(String::new(), origin, text, why)))
}

fn row(image: String, origin: &Origin, input: &str, dynamic: &str) -> [String; 8] {
    [
        image,
        origin.to_string(),
        origin.file.to_string(),
        origin.line.to_string(),
        origin.document.map(|number| number.to_string()).unwrap_or_default(),
        origin.path.as_deref().unwrap_or_default().to_owned(),
        input.to_owned(),
        dynamic.to_owned(),
    ]
}

fn markdown(listing: &Listing, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "| image | places |\n| --- | --- |")?;
    for listed in &listing.images {
        let places: Vec<_> = listed.places.iter().map(|place| markdown_origin(&place.origin)).collect();
        let image = escape::markdown_code(&listed.image.to_string());
        writeln!(out, "| {image} | {} |", places.join(", "))?;
    }
    if !listing.dynamic.is_empty() {
        writeln!(out, "\nNot known offline:\n")?;
    }
    for entry in &listing.dynamic {
        let (text, place) = (escape::markdown_code(&entry.text), markdown_origin(&entry.origin));
        writeln!(out, "- {text} ({place}): {}", escape::markdown(&entry.why))?;
    }
    Ok(())
}

fn document(listing: &Listing) -> Document<'_> {
    Document {
        schema: SCHEMA_ID,
        images: listing
            .images
            .iter()
            .map(|listed| Image {
                image: listed.image.to_string(),
                places: listed.places.iter().map(Place::of).collect(),
            })
            .collect(),
        dynamic: listing
            .dynamic
            .iter()
            .map(|entry| Open { place: Place::new(&entry.origin, &entry.text), why: &entry.why })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let origin = |file: &str, path: &str| Origin {
            file: file.into(),
            line: 7,
            document: Some(2),
            path: Some(path.into()),
        };
        Listing {
            images: vec![Listed {
                image: "nginx".parse().unwrap(),
                places: vec![
                    NamedAt {
                        origin: origin("a|b\u{1b}.yaml", "spec"),
                        input: "nginx".into(),
                        platforms: Some(["linux/arm64".parse().unwrap()].into()),
                    },
                    NamedAt { origin: origin("=c", "x"), input: "=n".into(), platforms: None },
                ],
            }],
            dynamic: vec![Dynamic {
                origin: origin("d", "y"),
                text: "${{ x }}".to_owned(),
                why: "a run".to_owned(),
            }],
        }
    }

    fn written(format: Format) -> String {
        let mut out = Vec::new();
        write(format, &listing(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_is_whole_and_harmless() {
        let table = written(Format::Table);
        let (known, open) = table.split_once('\n').unwrap();
        assert_eq!(
            known,
            "docker.io/library/nginx:latest\ta|b\\u{1b}.yaml:7 (document 2, spec),=c:7 (document 2, x)"
        );
        assert_eq!(open, "# dynamic: ${{ x }}\td:7 (document 2, y): a run\n");
        let csv = written(Format::Csv);
        assert_eq!(csv.lines().next(), Some("image,origin,file,line,document,path,input,dynamic"));
        assert_eq!(csv.lines().nth(2), Some("docker.io/library/nginx:latest,'=c:7,'=c,7,2,x,'=n,"));
        assert_eq!(csv.lines().nth(3), Some(",d:7,d,7,2,y,${{ x }},a run"));
        let markdown = written(Format::Markdown);
        assert!(
            !markdown.contains('\u{1b}')
                && markdown.contains("\n- `${{ x }}` (`d:7` (`document 2, y`)): a run\n"),
            "{markdown}"
        );
        assert!(markdown.lines().nth(2).unwrap().ends_with(", `=c:7` (`document 2, x`) |"), "{markdown}");
        let json = written(Format::Json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema"], SCHEMA_ID);
        assert_eq!(value["images"][0]["places"][1]["file"], "=c");
        assert_eq!(value["images"][0]["places"][0]["path"], "spec");
        assert_eq!(value["images"][0]["places"][0]["platforms"], serde_json::json!(["linux/arm64"]));
        assert_eq!(value["images"][0]["places"][1].get("platforms"), None);
        assert_eq!(value["dynamic"][0]["why"], "a run");
        assert!(!json.contains('\u{1b}'));
    }
}
