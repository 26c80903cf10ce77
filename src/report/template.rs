//! A report by the user's own template, in the language of Jinja.
//!
//! The template sees the JSON report's document and nothing else: no files, no environment, no clock.
//! Nothing is escaped by itself, since nobody knows for what; there is a filter for each place. Only commands to runners of
//! pipelines are parted in every value: they are no part of any report. How much a
//! template may do is bounded, so that one with a loop too many ends with an error. How much memory it takes is not: see `app/apart.rs`.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use thiserror::Error;

use super::escape;

/// What the one template is called inside.
const NAME: &str = "template";
/// Instructions that any report may take.
const FUEL: u64 = 1_000_000;
/// Instructions more for each row of the run.
const FUEL_OF_ROW: u64 = 2_000;
/// Calls within calls.
const MOST_RECURSION: usize = 100;

/// A template that can be read.
#[derive(Debug)]
pub struct Template {
    file: String,
    environment: Environment<'static>,
}

/// What is wrong with a template, or was when it was used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}{}: {why}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    /// The template's file, as it was named.
    pub file: String,
    /// Line, counted from 1, where that is known.
    pub line: Option<usize>,
    /// What the matter is.
    pub why: String,
}

impl Template {
    /// Reads a template; `file` is how errors call it.
    ///
    /// # Errors
    /// It is not written as templates are.
    pub fn read(file: &str, source: String) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // Printing what is not there is a mistake; asking whether it is there is none.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_recursion_limit(MOST_RECURSION);
        let mut syntax = SyntaxConfig::builder();
        syntax.keep_trailing_newline(true).trim_blocks(true);
        environment.set_syntax(syntax.build().map_err(|error| fault(file, &error))?);
        environment.set_formatter(|out, state, value| match value.as_str() {
            Some(text) => Ok(out.write_str(&escape::parted(text))?),
            None if matches!(value.kind(), ValueKind::Seq | ValueKind::Map) => {
                Ok(out.write_str(&escape::parted(&value.to_string()))?)
            }
            None => minijinja::escape_formatter(out, state, value),
        });
        environment.add_filter("html", |value: Value| shown(&value, html));
        environment.add_filter("markdown", |value: Value| shown(&value, escape::markdown));
        environment.add_filter("csv", |value: Value| shown(&value, csv));
        environment
            .add_filter("terminal", |value: Value| shown(&value, |text| escape::terminal(text).into_owned()));
        environment.add_template_owned(NAME, source).map_err(|error| fault(file, &error))?;
        Ok(Self { file: file.to_owned(), environment })
    }

    /// The report of a run, made of its JSON report.
    ///
    /// # Errors
    /// The template names what is not there, or does too much.
    pub fn render(&self, report: &[u8]) -> Result<String, TemplateError> {
        let report: Value = serde_json::from_slice(report).map_err(|error| {
            let why = format!("there is no report to be filled in: {error}");
            TemplateError { file: self.file.clone(), line: None, why }
        })?;
        let rows = report.get_attr("results").ok().and_then(|results| results.len()).unwrap_or_default();
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL.saturating_add(FUEL_OF_ROW.saturating_mul(rows as u64))));
        let template = environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(report));
        rendered.map_err(|error| fault(&self.file, &error))
    }
}

fn fault(file: &str, error: &minijinja::Error) -> TemplateError {
    let kind = error.kind();
    let why = match (kind, error.detail()) {
        (minijinja::ErrorKind::OutOfFuel, _) => "does too much: is there a loop that need not be?".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    };
    TemplateError { file: file.to_owned(), line: Some(error.line().unwrap_or(1)), why }
}

/// `null` as nothing, and everything else as text.
fn shown(value: &Value, escaped: impl Fn(&str) -> String) -> String {
    match value.as_str() {
        Some(text) => escaped(text),
        None if value.is_none() || value.is_undefined() => String::new(),
        None => escaped(&value.to_string()),
    }
}

/// For text and quoted attributes of HTML.
fn html(text: &str) -> String {
    let text = escape::terminal(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// A cell, quoted where it must be (RFC 4180).
fn csv(text: &str) -> String {
    let cell = escape::csv_cell(text);
    if cell.contains([',', '"', ';']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::super::fixture::{self, Fixture};
    use super::super::{Format, TableStyle, render};
    use super::*;

    fn rendered(fixture: &Fixture, source: &str) -> Result<String, TemplateError> {
        Template::read("my.jinja", source.to_owned())?.render(fixture.told(Format::Json).as_bytes())
    }

    fn told(fixture: &Fixture, source: &str) -> String {
        rendered(fixture, source).unwrap_err().to_string()
    }

    #[test]
    fn a_template_looks_like_this() {
        let source = "\
{{ decision.outcome|upper }}: {{ summary.artifacts }} images
{% for result in results if result.status != 'ok' %}
- {{ result.artifact|markdown }} at {{ result.mirror|markdown }}: {{ result.reason|markdown }}
{% endfor %}
";
        insta::assert_snapshot!(rendered(&fixture::all_statuses(), source).unwrap());
    }

    #[test]
    fn the_example_of_the_readme_is_a_template() {
        let readme = include_str!("../../README.md");
        let example = readme.split("```jinja\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let text = rendered(&fixture::all_statuses(), example).unwrap();
        assert!(text.starts_with("fail: 6 images\n<li>docker.io/library/nginx:1.25 at "), "{text}");
        assert!(text.contains("=cmd|&#39; /C calc&#39;!A0") && !text.contains("<script"), "{text}");
    }

    #[test]
    fn the_context_is_the_json_report() {
        let fixture = fixture::with_quotas();
        let source = "{'schema': {{ schema|tojson }}, 'summary': {{ summary|tojson }}, 'decision': {{ decision|tojson }}, \
                      'mirrors': {{ mirrors|tojson }}, 'results': {{ results|tojson }}}";
        let text = rendered(&fixture, &source.replace('\'', "\"")).unwrap();
        let seen: Json = serde_json::from_str(&text).unwrap();
        let mut out = Vec::new();
        render(Format::Json, &fixture.view(), &TableStyle::default(), &mut out).unwrap();
        let report: Json = serde_json::from_slice(&out).unwrap();
        for key in ["schema", "summary", "decision", "mirrors", "results"] {
            assert_eq!(seen[key], report[key], "{key}");
        }
        let keys = rendered(&fixture, "{{ results[0]|list|join(' ') }}").unwrap();
        assert!(
            keys.starts_with("artifact input origin mirror role counts url status code reason digest "),
            "{keys}"
        );
        let times = "{{ tool_version }} {{ started_at }} {{ finished_at }} {{ duration_ms }}";
        assert_eq!(
            rendered(&fixture, times).unwrap(),
            "0.1.0 2025-03-09T08:00:00.125Z 2025-03-09T08:00:00.459Z 334.251"
        );
    }

    #[test]
    fn a_mistake_is_told_with_file_and_line() {
        let fixture = fixture::many(2);
        assert_eq!(told(&fixture, "a\n{% for x in %}"), "my.jinja:2: syntax error: unexpected end of block");
        assert!(told(&fixture, "a\nb\n{{ x|no_such }}").starts_with("my.jinja:3: unknown filter: "));
        assert!(told(&fixture, "\n{{ decison.outcome }}").starts_with("my.jinja:2: undefined value"));
        assert!(told(&fixture, "{{ results[0].mirorr }}").starts_with("my.jinja:1: undefined value"));
        assert!(told(&fixture, "{% include 'other' %}").starts_with("my.jinja:1: "));
        assert_eq!(rendered(&fixture, "{% if results[0].origin_path %}x{% endif %}"), Ok(String::new()));
    }

    #[test]
    fn a_template_that_does_too_much_ends() {
        let loops = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert_eq!(
            told(&fixture::many(1), loops),
            "my.jinja:1: does too much: is there a loop that need not be?"
        );
        let calls = "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}";
        assert!(
            told(&fixture::many(1), calls).contains("recursion limit"),
            "{}",
            told(&fixture::many(1), calls)
        );
    }

    #[test]
    fn filters_make_harmless_and_null_nothing() {
        let fixture = fixture::saying("=<a href=\"x\">'&, |");
        let of = |filter: &str| rendered(&fixture, &format!("{{{{ results[1].reason{filter} }}}}")).unwrap();
        assert_eq!(of(""), "=<a href=\"x\">'&, |");
        assert_eq!(of("|html"), "=&lt;a href=&quot;x&quot;&gt;&#39;&amp;, |");
        assert_eq!(of("|csv"), "\"'=<a href=\"\"x\"\">'&, |\"");
        assert_eq!(of("|markdown"), "=&lt;a href=\"x\"&gt;'&amp;, \\|");
        for filter in ["html", "csv", "markdown", "terminal"] {
            let nothing = format!("{{{{ results[1].digest|{filter} }}}}");
            assert_eq!(rendered(&fixture, &nothing).unwrap(), "");
        }
        assert_eq!(rendered(&fixture, "{{ results[1].attempts|html }}").unwrap(), "1");
    }

    proptest! {
        #[test]
        fn hostile_text_passes_no_filter(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "{{ 1 }}", "{% x %}", "\"\r\n=1", ""]),
        ) {
            let fixture = fixture::saying(&format!("{special}{text}"));
            for filter in ["html", "csv", "markdown", "terminal"] {
                let text = rendered(&fixture, &format!("{{{{ results[1].reason|{filter} }}}}")).unwrap();
                prop_assert!(!text.contains(escape::is_hidden), "{}", filter);
                prop_assert!(filter != "html" || !text.contains(['<', '>', '"', '\'']));
                // The first quote is that of the cell; others are its own, and as harmless as any letter.
                let cell = text.strip_prefix('"').unwrap_or(&text);
                prop_assert!(filter != "csv" || !cell.starts_with(['=', '+', '-', '@']));
            }
        }
    }
}
