//! CSV: a header, then one line for each row of the view.
//!
//! Cells are made harmless for spreadsheets by [`escape::csv_cell`]; a cell never breaks its line, so
//! line-based tools work too. Absent values are empty.

use std::io;

use super::escape;
use super::view::{Row, View};
use crate::model::anatomy::{Anatomy, PlatformState};

/// The columns, in order: a promise to users. Behind them stand those that not every run has: [`VANTAGE`] where
/// it is said from where, [`WITHIN`] where an image stands in a file with documents and keys, [`PARTS`] where an image was
/// looked at as far as its platforms.
pub(super) const HEADER: [&str; 16] = [
    "artifact",
    "input",
    "origin",
    "mirror",
    "role",
    "url",
    "status",
    "code",
    "reason",
    "digest",
    "expected_digest",
    "media_type",
    "http_status",
    "latency_ms",
    "attempts",
    "checked_at",
];

/// The column of runs that say from where they were made.
const VANTAGE: &str = "vantage";
/// The columns of runs with images in files that have documents and keys.
const WITHIN: [&str; 2] = ["origin_document", "origin_path"];
/// The columns of runs in which any image was looked at below its manifest.
const PARTS: [&str; 6] =
    ["depth", "platforms", "other_platforms", "findings", "uncovered_blobs", "uncovered_bytes"];

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let has_vantage = view.run.endpoints.iter().any(|endpoint| endpoint.vantage().is_some());
    let has_within = view.run.places.iter().any(|place| place.origin.within().is_some());
    let mut header = HEADER.to_vec();
    header.extend(has_vantage.then_some(VANTAGE));
    header.extend(WITHIN.iter().filter(|_| has_within));
    let has_parts = view.run.results.iter().any(|result| result.anatomy.is_some());
    header.extend(PARTS.iter().filter(|_| has_parts));
    let rows = view.rows().map(|row| {
        let mut cells = cells(&row).to_vec();
        if has_vantage {
            cells.push(shown(row.vantage()));
        }
        if has_within {
            cells.push(shown(row.origin.document));
            cells.push(shown(row.origin.path.as_deref()));
        }
        if has_parts {
            cells.extend(parts(row.anatomy()));
        }
        cells
    });
    write_rows(&header, &mut { rows }, out)
}

/// Writes a header and rows of cells, each made harmless.
pub(super) fn write_rows<R: AsRef<[String]>>(
    header: &[&str],
    rows: &mut dyn Iterator<Item = R>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(header).map_err(cause)?;
    for row in rows {
        for cell in row.as_ref() {
            writer.write_field(escape::csv_cell(cell).as_bytes()).map_err(cause)?;
        }
        writer.write_record(None::<&[u8]>).map_err(cause)?;
    }
    writer.flush()
}

/// The crate's own conversion would hide what kind of error it was, such as a closed pipe.
fn cause(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

fn cells(row: &Row<'_>) -> [String; HEADER.len()] {
    [
        row.artifact.to_string(),
        row.input.to_owned(),
        row.origin.to_string(),
        row.mirror.to_owned(),
        row.role.as_str().to_owned(),
        row.url().unwrap_or_default().to_owned(),
        row.status().as_str().to_owned(),
        row.code.as_str().to_owned(),
        row.reason().into_owned(),
        shown(row.digest()),
        shown(row.expected_digest()),
        shown(row.media_type()),
        shown(row.http_status()),
        // `Debug` always shows a decimal point, `Display` not.
        row.latency_ms().map(|latency| format!("{latency:?}")).unwrap_or_default(),
        row.attempts().to_string(),
        row.checked_at().to_string(),
    ]
}

/// Empty where the image was not looked at so far.
fn parts(anatomy: Option<&Anatomy>) -> [String; PARTS.len()] {
    let Some(anatomy) = anatomy else { return Default::default() };
    let named = || anatomy.platforms.iter().filter(|line| !line.platform.is_empty());
    let (present, other): (Vec<_>, Vec<_>) = named().partition(|line| line.state == PlatformState::Present);
    let present: Vec<_> = present.iter().map(|line| line.platform.to_string()).collect();
    let other = other.iter().map(|line| format!("{} {}", line.platform, line.state.as_str()));
    let more = anatomy.platforms_total.saturating_sub(anatomy.platforms.len());
    let more = (more > 0).then(|| format!("and {more} more"));
    [
        anatomy.depth.to_string(),
        present.join("; "),
        other.chain(more).collect::<Vec<_>>().join("; "),
        anatomy.findings_total.to_string(),
        anatomy.uncovered.blobs.to_string(),
        anatomy.uncovered.bytes.to_string(),
    ]
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;

    fn rendered(fixture: &Fixture) -> String {
        let mut out = Vec::new();
        write(&fixture.view(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(text: &str) -> Vec<::csv::StringRecord> {
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let expected: Vec<_> = HEADER.iter().chain(&WITHIN).copied().collect();
        let found: Vec<_> = reader.headers().unwrap().iter().collect();
        let (first, rest) = found.split_at(expected.len());
        assert!(first == expected && (rest.is_empty() || rest == PARTS), "{found:?}");
        reader.records().map(Result::unwrap).collect()
    }

    #[test]
    fn csv_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    fn the_header_stands_there_even_without_rows() {
        assert_eq!(rendered(&fixture::many(0)), format!("{}\n", HEADER.join(",")));
    }

    #[test]
    fn document_and_key_path_are_the_last_columns_where_any_image_has_them() {
        let text = rendered(&fixture::all_statuses());
        assert!(text.starts_with(&format!("{},origin_document,origin_path\n", HEADER.join(","))));
        let of_compose = read(&text).into_iter().find(|row| &row[2] == "deploy/compose.yaml:12").unwrap();
        assert_eq!((&of_compose[16], &of_compose[17]), ("2", "services.web.image"));
        let of_list = read(&text).into_iter().find(|row| &row[2] == "images.txt:1").unwrap();
        assert_eq!((&of_list[16], &of_list[17]), ("", ""));
        let plain = rendered(&fixture::many(1));
        assert_eq!(plain.lines().next(), Some(&*HEADER.join(",")));
    }

    #[test]
    fn a_row_is_a_line_with_every_column() {
        let fixture = fixture::all_statuses();
        let text = rendered(&fixture);
        assert_eq!(read(&text).len(), fixture.view().rows().count());
        assert_eq!(text.lines().count(), fixture.view().rows().count() + 1);
    }

    #[test]
    fn what_images_are_made_of_stands_in_the_last_columns_where_any_was_looked_at() {
        let fixture = fixture::with_parts();
        let text = rendered(&fixture);
        let header = format!("{},{}", HEADER.join(","), PARTS.join(","));
        assert_eq!(text.lines().next(), Some(&*header));
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let of = |mirror: &str| rows.iter().find(|row| &row[3] == mirror).unwrap().iter().skip(16).collect();
        let half: Vec<&str> = of("half");
        let other = "linux/arm64 damaged; x/404 BLOB_UNKNOWN not_upstream";
        assert_eq!(half, ["content", "linux/amd64", other, "60", "1", "2000000"]);
        let down: Vec<&str> = of("down");
        assert_eq!(down, [""; 6]);
    }

    proptest! {
        #[test]
        fn hostile_text_changes_neither_rows_nor_columns(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "=1+1", "-2", "@SUM(A1)", "\t=1", "a\r\nb", "\",\"", ""]),
        ) {
            let fixture = fixture::saying(&format!("{special}{text}"));
            let csv = rendered(&fixture);
            prop_assert_eq!(csv.lines().count(), 3);
            let records = read(&csv);
            prop_assert_eq!(records.len(), 2);
            for cell in records.iter().flatten() {
                prop_assert!(!cell.contains(char::is_control));
                prop_assert!(!cell.starts_with(['=', '+', '-', '@']), "{}", cell);
            }
        }
    }
}
