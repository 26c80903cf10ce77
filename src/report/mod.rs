//! Renders a run and its decision; one file for each format. Pure: gets everything, prints nothing.
//!
//! Every format reads the same frozen [`View`]; none decides anything, so the exit code is the same for
//! all. Programs get whole rows (CSV, JSON), people get the matrix and then what is wrong (table,
//! Markdown, HTML). Rows are made one at a time: no format holds a second copy of the run.
//! What a server said or a user typed passes through [`escape`] before it is written.

pub mod baseline;
mod csv;
mod decision;
mod depth;
pub mod escape;
pub mod estimate;
pub mod explain;
mod findings;
#[cfg(test)]
mod fixture;
pub mod gating;
pub mod github;
mod gitlab;
mod html;
pub mod images;
mod json;
mod junit;
pub mod lock;
mod markdown;
mod matrix;
pub mod ndjson;
mod problems;
mod prometheus;
mod pull;
pub mod resolve;
mod sarif;
pub mod sign_in;
pub mod step_summary;
mod summary;
mod table;
pub mod template;
mod unknown;
mod view;

use std::fmt;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::str::FromStr;

use thiserror::Error;

pub use json::SCHEMA_ID;
pub use summary::{StatusCounts, Summary, UpstreamSummary};
pub use table::{Colour, Only, Sort, TableStyle};
pub use view::{Bearing, Places, Row, Timestamp, View};

/// The formats in which a run can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For a terminal.
    Table,
    /// One row for each place and endpoint.
    Csv,
    /// GitHub-flavoured.
    Markdown,
    /// `registry-check/report/v1`.
    Json,
    /// One result a line, while they come: `registry-check/stream/v1`.
    Ndjson,
    /// One page that needs no network.
    Html,
    /// Test results for CI servers.
    Junit,
    /// 2.1.0, for code scanning.
    Sarif,
    /// Annotations, as commands to the runner of GitHub Actions.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// Metrics, as text.
    Prometheus,
}

/// A text that names no format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown format '{0}' (known: {known})", known = Format::ALL.map(Format::as_str).join(", "))]
pub struct UnknownFormat(pub String);

impl Format {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Table,
        Self::Csv,
        Self::Markdown,
        Self::Json,
        Self::Ndjson,
        Self::Html,
        Self::Junit,
        Self::Sarif,
        Self::Github,
        Self::Gitlab,
        Self::Prometheus,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Prometheus => "prometheus",
        }
    }

    /// The format that a file's extension stands for; `None` where it stands for none.
    #[must_use]
    pub fn from_extension(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "md" | "markdown" => Some(Self::Markdown),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "html" | "htm" => Some(Self::Html),
            "txt" => Some(Self::Table),
            "xml" => Some(Self::Junit),
            "sarif" => Some(Self::Sarif),
            "prom" => Some(Self::Prometheus),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "md" => Ok(Self::Markdown),
            _ => Self::ALL
                .into_iter()
                .find(|format| format.as_str() == text)
                .ok_or_else(|| UnknownFormat(text.to_owned())),
        }
    }
}

/// Writes `view` to `out`; `style` concerns [`Format::Table`] alone.
///
/// # Errors
/// `out` cannot be written to.
pub fn render(
    format: Format,
    view: &View<'_>,
    style: &TableStyle,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    // Rows are written piece by piece; a pipe or terminal should not see each piece as a system call.
    let mut out = BufWriter::new(out);
    match format {
        Format::Table => table::write(view, style, &mut out)?,
        Format::Csv => csv::write(view, &mut out)?,
        Format::Markdown => markdown::write(view, &mut out)?,
        Format::Json => json::write(view, &mut out)?,
        Format::Ndjson => ndjson::write(view, &mut out)?,
        Format::Html => html::write(view, &mut out)?,
        Format::Junit => junit::write(view, &mut out)?,
        Format::Sarif => sarif::write(view, &mut out)?,
        Format::Github => github::write(view, &mut out)?,
        Format::Gitlab => gitlab::write(view, &mut out)?,
        Format::Prometheus => prometheus::write(view, &mut out)?,
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_name_and_by_extension() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("md".parse(), Ok(Format::Markdown));
        assert_eq!("xml".parse::<Format>(), Err(UnknownFormat("xml".to_owned())));
        let told = UnknownFormat("xml".to_owned()).to_string();
        assert!(Format::ALL.iter().all(|format| told.contains(format.as_str())), "{told}");
        for (path, format) in [
            ("out/report.csv", Some(Format::Csv)),
            ("report.MD", Some(Format::Markdown)),
            ("report.markdown", Some(Format::Markdown)),
            ("report.v1.json", Some(Format::Json)),
            ("report.ndjson", Some(Format::Ndjson)),
            ("report.jsonl", Some(Format::Ndjson)),
            ("report.txt", Some(Format::Table)),
            ("TEST-mirrors.xml", Some(Format::Junit)),
            ("mirrors.sarif", Some(Format::Sarif)),
            ("registry_check.prom", Some(Format::Prometheus)),
            ("report.html", Some(Format::Html)),
            ("report.xyz", None),
            ("json", None),
        ] {
            assert_eq!(Format::from_extension(Path::new(path)), format, "{path}");
        }
    }

    /// Remembers the largest piece that it was given.
    #[derive(Default)]
    struct Pieces {
        largest: usize,
        total: usize,
    }

    impl io::Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.largest = self.largest.max(bytes.len());
            self.total += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn large_runs_leave_in_small_pieces() {
        let fixture = fixture::many(3_000);
        for format in Format::ALL {
            let mut pieces = Pieces::default();
            render(format, &fixture.view(), &TableStyle::default(), &mut pieces).unwrap();
            // Which tells no more than fifty things.
            let least = if format == Format::Github { 10_000 } else { 100_000 };
            assert!(pieces.total > least, "{format}: {} bytes", pieces.total);
            assert!(pieces.largest <= 16 * 1024, "{format}: {} bytes at once", pieces.largest);
        }
    }

    /// A disk that is full after so many bytes.
    struct Full(usize);

    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => {
                    self.0 = left;
                    Ok(bytes.len())
                }
                None => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_by_every_format() {
        let fixture = fixture::all_statuses();
        for format in Format::ALL {
            for room in [0, 100, 1_000] {
                let error =
                    render(format, &fixture.view(), &TableStyle::default(), &mut Full(room)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{format}");
            }
        }
    }
}
