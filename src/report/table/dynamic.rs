//! The names that cannot be known offline: nobody was asked for them, and whoever reads the matrix should know.

use std::io::{self, Write};

use super::super::summary::count;
use super::super::view::View;
use super::{TableStyle, outside, write_text};

/// Most names that are shown.
const SHOWN: usize = 20;

pub(super) fn write(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let dynamic = &view.run.scope.dynamic;
    if dynamic.total() == 0 {
        return Ok(());
    }
    writeln!(out)?;
    write_text(
        &format!("{} not known offline, and not checked:", count(dynamic.total(), "name")),
        style,
        out,
    )?;
    for name in dynamic.names().iter().take(SHOWN) {
        let (origin, text, why) = (outside(&name.origin.in_full()), outside(&name.text), outside(&name.why));
        write_text(&format!("  {text}: {why} ({origin})"), style, out)?;
    }
    match dynamic.total().saturating_sub(SHOWN as u64) {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more (--format json)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::escape::is_hidden;
    use super::super::super::fixture::{self, Fixture};
    use super::super::super::{Format, render};
    use super::*;

    /// Formats in which the names stand.
    const FORMATS: [Format; 9] = [
        Format::Table,
        Format::Markdown,
        Format::Html,
        Format::Json,
        Format::Ndjson,
        Format::Junit,
        Format::Sarif,
        Format::Github,
        Format::Gitlab,
    ];

    fn rendered(format: Format, fixture: &Fixture) -> String {
        let mut out = Vec::new();
        let style = TableStyle { width: Some(100), ..TableStyle::default() };
        render(format, &fixture.view(), &style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_that_are_not_known_stand_in_every_report_for_people() {
        let table = rendered(Format::Table, &fixture::with_dynamic(1, "redis:$X"));
        let told = "\n1 name not known offline, and not checked:\n  \
                    redis:$X: redis:$X (redis:$X.yaml:1 (document 1, redis:$X))\n";
        assert!(table.contains(told), "{table}");
        for format in FORMATS {
            let text = rendered(format, &fixture::with_dynamic(1, "redis:$X"));
            let file = if format == Format::Sarif { "redis%3A%24X.yaml" } else { "redis:$X.yaml" };
            assert!(text.replace("%3A$", ":$").contains(file), "{text}");
            // SARIF has the rule whether or not there is a result.
            let none = if format == Format::Sarif { "known offline, and" } else { "known offline" };
            assert!(!rendered(format, &fixture::many(1)).contains(none), "{format}");
        }
        let told = rendered(Format::Prometheus, &fixture::with_dynamic(5000, "redis:$X"));
        assert!(told.contains("\nregistry_check_names_unknown 5000\n"), "{told}");
    }

    #[test]
    fn many_names_are_cut_and_counted() {
        let most = [(Format::Table, 20, "… and 4980 more"), (Format::Markdown, 1000, "- and 4000 more")];
        for (format, names, rest) in most.into_iter().chain([(Format::Html, 100, "and 4,900 more")]) {
            let text = rendered(format, &fixture::with_dynamic(5000, "n0"));
            assert!(text.contains(rest), "{format}");
            assert_eq!(text.matches("n0.yaml:").count(), names, "{format}");
        }
    }

    #[test]
    fn hostile_names_are_inert() {
        for format in FORMATS {
            let text = rendered(format, &fixture::with_dynamic(2, fixture::HOSTILE));
            assert!(!text.replace('\n', "").contains(is_hidden), "{format}");
            let is_markup = matches!(format, Format::Markdown | Format::Html | Format::Junit);
            assert!(!is_markup || !text.contains("<script>alert"), "{format}: {text}");
        }
    }
}
