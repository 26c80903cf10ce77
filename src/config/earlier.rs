//! The report of an earlier check, read for how long mirrors have been behind. Whatever else it has is passed over,
//! so that reports of other versions will do.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Error;
use crate::model::age::{Basis, Earlier, History};
use crate::model::status::Status;

/// What stands in `schema`.
const SCHEMA_ID: &str = "registry-check/report/v1";

#[derive(Deserialize)]
struct Report {
    schema: String,
    results: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    artifact: String,
    mirror: String,
    role: String,
    status: String,
    checked_at: String,
    expected_digest: Option<String>,
    stale_since: Option<String>,
    stale_since_by: Option<String>,
}

/// Reads a JSON report out of the `text` of the file at `path`.
///
/// # Errors
/// It is no such report.
pub fn read_earlier(path: &Path, text: &[u8]) -> Result<History, Error> {
    let fault = |why| Error::Earlier { path: path.to_owned(), why };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let report: Report = serde_json::from_slice(text).map_err(|error| fault(shown(&error.to_string())))?;
    if report.schema != SCHEMA_ID {
        return Err(fault(format!("'{}' is not {SCHEMA_ID}", shown(&report.schema))));
    }
    let mut history = HashMap::new();
    for line in report.results {
        if line.role != "mirror" {
            continue;
        }
        if let Some(earlier) =
            earlier(&line).map_err(|why| fault(format!("{}: {why}", shown(&line.artifact))))?
        {
            history.insert((line.artifact.into(), line.mirror.into()), earlier);
        }
    }
    Ok(History(history))
}

/// `None` where that check could not find out whether the mirror was behind.
fn earlier(line: &Line) -> Result<Option<Earlier>, String> {
    let time = |key: &str, text: &str| {
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| format!("{key} '{}' is no time", shown(text)))
    };
    let checked_at = time("checked_at", &line.checked_at)?;
    let behind_since = match (line.status.parse(), &line.stale_since) {
        // What is behind may be worse besides. By what it was known then is what it is known by now.
        (_, Some(since)) => {
            let basis =
                Basis::ALL.into_iter().find(|basis| line.stale_since_by.as_deref() == Some(basis.as_str()));
            let since = time("stale_since", since)?;
            Some(basis.map_or((checked_at, Basis::Report), |basis| (since, basis)))
        }
        (Ok(Status::Stale), None) => Some((checked_at, Basis::Report)),
        (Ok(Status::Ok | Status::SameContent), None) => None,
        (Ok(_) | Err(_), None) => return Ok(None),
    };
    let expected = line.expected_digest.as_deref().and_then(|text| text.parse().ok());
    Ok(Some(Earlier { checked_at, behind_since, expected }))
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect::<String>().escape_debug().to_string()
}
