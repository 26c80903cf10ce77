//! The report of `registry-check auth`: a table for people, JSON for programs. Never a secret: what is
//! rendered holds none.

use std::io;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::escape;
use crate::model::observation::AskedAs;
use crate::model::sign_in::SignIn;

#[derive(Serialize)]
struct Entry<'a> {
    endpoint: &'a str,
    url: &'a str,
    role: &'static str,
    source: Option<&'a str>,
    user: Option<&'a str>,
    repository: &'a str,
    result: &'static str,
    reason: &'a str,
}

const HEADER: [&str; 6] = ["REGISTRY", "ROLE", "AS", "FROM", "RESULT", "WHY"];

fn who(asked_as: &AskedAs) -> (Option<&str>, Option<&str>) {
    match asked_as {
        AskedAs::User { user, source } => (Some(user), Some(source)),
        AskedAs::Nobody | AskedAs::Anonymous => (None, None),
    }
}

/// Writes the table.
///
/// # Errors
/// `out` cannot be written to.
pub fn table(entries: &[SignIn], out: &mut dyn io::Write) -> io::Result<()> {
    let cell = |text: &str| escape::terminal(&escape::bounded(text, escape::MAX_REMOTE_CHARS)).into_owned();
    let rows: Vec<[String; 6]> = entries
        .iter()
        .map(|entry| {
            let (user, source) = who(&entry.found);
            [
                cell(&entry.endpoint),
                entry.role.as_str().to_owned(),
                cell(user.unwrap_or("-")),
                cell(source.unwrap_or("no stored credentials")),
                entry.acceptance.as_str().replace('_', " "),
                cell(&entry.reason),
            ]
        })
        .collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].width()).chain([HEADER[column].width()]).max().unwrap_or(0)
    });
    let mut line = |cells: [&str; 6]| -> io::Result<()> {
        let mut text = String::new();
        for (column, cell) in cells.into_iter().enumerate() {
            text.push_str(cell);
            // The last column is ragged: no blanks at the end of lines.
            if column + 1 < cells.len() {
                text.extend(std::iter::repeat_n(' ', widths[column] - cell.width() + 2));
            }
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(HEADER)?;
    rows.iter().try_for_each(|row| line(std::array::from_fn(|column| row[column].as_str())))
}

/// Writes a JSON array, one entry for each endpoint and set of credentials.
///
/// # Errors
/// `out` cannot be written to.
pub fn json(entries: &[SignIn], out: &mut dyn io::Write) -> io::Result<()> {
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| {
            let (user, source) = who(&entry.found);
            Entry {
                endpoint: &entry.endpoint,
                url: &entry.url,
                role: entry.role.as_str(),
                source,
                user,
                repository: &entry.repository,
                result: entry.acceptance.as_str(),
                reason: &entry.reason,
            }
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &entries)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::endpoint::Role;
    use crate::model::sign_in::Acceptance;

    #[test]
    fn hostile_names_stay_in_their_column_and_off_the_terminal() {
        let entry = SignIn {
            endpoint: "m\u{1b}[31m".into(),
            url: "https://m.example".into(),
            role: Role::Mirror,
            found: AskedAs::User { user: "u\nv".into(), source: "config.json".into() },
            repository: "a/b".into(),
            acceptance: Acceptance::NoAccess,
            reason: "m answered 403".to_owned(),
        };
        let mut text = Vec::new();
        table(&[entry], &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("no access") && !text.contains('\u{1b}'), "{text}");
    }
}
