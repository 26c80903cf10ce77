//! Workflow commands of GitHub Actions: an annotation on the very line that names an image.
//!
//! One for each place, however many mirrors lack the image there; the gravest first, since GitHub shows
//! few. Data and properties are escaped as the runner reads them (actions/runner, `ActionCommand.cs`).

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::model::dynamic::Dynamic;
use crate::model::run::Place;

use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::findings::{self, Finding, Severity};
use super::gating;
use super::matrix::short_name;
use super::summary;
use super::unknown;
use super::view::View;

/// Most annotations of one run: GitHub shows no more of one job.
const MOST: usize = 50;
/// Most mirrors that one annotation tells of.
const MOST_MIRRORS: usize = 10;

/// Writes the annotations of a run.
///
/// `folder` stands in front of relative paths: where the working directory lies in the repository, empty
/// for its root.
///
/// # Errors
/// `out` cannot be written to.
pub fn annotate(view: &View<'_>, folder: &str, out: &mut dyn Write) -> io::Result<()> {
    let gate = gating::findings(view);
    let of_gate = gate.iter().filter_map(|finding| Some((finding.severity()?, Subject::Gate(finding))));
    let of_places = view.run.places.iter();
    let of_places = of_places.filter_map(|place| Some((worst(view, place)?, Subject::Place(place))));
    let of_names = view.run.scope.dynamic.names().iter();
    let of_names = of_names.map(|name| (Severity::Note, Subject::Unknown(name)));
    let mut places: Vec<_> = of_gate.chain(of_places).chain(of_names).collect();
    places.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    let shown = if places.len() > MOST { MOST - 1 } else { MOST };
    for (severity, subject) in places.iter().take(shown) {
        match subject {
            Subject::Place(place) => write_place(view, folder, (*severity, place), out)?,
            Subject::Unknown(name) => write_unknown(folder, name, out)?,
            Subject::Gate(finding) => write_gate(folder, (*severity, finding), out)?,
        }
    }
    match places.get(shown..) {
        Some(rest) if !rest.is_empty() => write_rest(rest, out),
        _ => Ok(()),
    }
}

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    annotate(view, "", out)
}

/// What one annotation is about.
enum Subject<'a> {
    Place(&'a Place),
    Gate(&'a gating::Finding),
    Unknown(&'a Dynamic),
}

fn write_unknown(folder: &str, name: &Dynamic, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "::{} ", command(Severity::Note))?;
    if let Some(file) = findings::file(&name.origin.file) {
        write!(out, "file={},line={},", property(&in_folder(folder, &file)), name.origin.line)?;
    }
    let title = property(&format!("{}: not known offline", name.text));
    writeln!(out, "title={title}::{}", data(&escape::terminal(&unknown::told(name))))
}

fn write_gate(
    folder: &str,
    (severity, finding): (Severity, &gating::Finding),
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "::{} ", command(severity))?;
    if let Some((named, line)) = finding.origin()
        && let Some(file) = findings::file(named)
    {
        write!(out, "file={},line={line},", property(&in_folder(folder, &file)))?;
    }
    writeln!(out, "title=gate%3A {}::{}", finding.kind, data(&escape::terminal(&finding.text)))
}

fn worst(view: &View<'_>, place: &Place) -> Option<Severity> {
    view.results(place.image).iter().filter_map(|result| findings::severity(view, result)).max()
}

const fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn write_place(
    view: &View<'_>,
    folder: &str,
    (severity, place): (Severity, &Place),
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut found: Vec<Finding<'_>> = findings::at(view, place).collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let image = short_name(view.image(place.image));
    let title = match &found[..] {
        [only] => format!("{image}: {}", only.headline()),
        several => format!("{image}: not as it should be at {} mirrors", several.len()),
    };
    write!(out, "::{} ", command(severity))?;
    if let Some(file) = findings::file(&place.origin.file) {
        write!(out, "file={},line={},", property(&in_folder(folder, &file)), place.origin.line)?;
    }
    writeln!(out, "title={}::{}", property(&title), data(&message(view, place, &found)))
}

/// Lines, of which each is inert.
fn message(view: &View<'_>, place: &Place, found: &[Finding<'_>]) -> String {
    let mut text = String::new();
    if let Some(within) = place.origin.within() {
        let within = bounded(&within.to_string(), MAX_REMOTE_CHARS).into_owned();
        let _ = writeln!(text, "in {}", escape::terminal(&within));
    }
    for finding in found.iter().take(MOST_MIRRORS) {
        let row = &finding.row;
        let told = format!("{}: {} [{}]", finding.headline(), row.reason(), row.code);
        let _ = writeln!(text, "{}", escape::terminal(&told));
        if let Some(words) = finding.exception.and_then(|at| gating::exception_words(view, at)) {
            let _ = writeln!(text, "  exception: {}", escape::terminal(&words));
        }
        if !row.code.advice().is_empty() {
            let _ = writeln!(text, "  try: {}", row.code.advice());
        }
    }
    if found.len() > MOST_MIRRORS {
        let _ = writeln!(text, "… and {} more", found.len() - MOST_MIRRORS);
    }
    text.truncate(text.trim_end().len());
    text
}

fn write_rest(rest: &[(Severity, Subject<'_>)], out: &mut dyn Write) -> io::Result<()> {
    let mut counts = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let number = rest.iter().filter(|(other, _)| *other == severity).count();
        if number > 0 {
            counts.push(summary::count(number as u64, command(severity)));
        }
    }
    let text = format!(
        "{} not annotated ({}): the job summary and the other reports tell all",
        summary::count(rest.len() as u64, "more place"),
        counts.join(", ")
    );
    writeln!(out, "::notice title=registry-check::{}", data(&text))
}

fn in_folder(folder: &str, file: &str) -> String {
    if folder.is_empty() || file.starts_with('/') {
        return file.to_owned();
    }
    format!("{folder}/{file}")
}

/// What stands behind the second `::`. Its own line ends are kept, encoded.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value.
fn property(text: &str) -> String {
    data(&escape::terminal(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;

    fn rendered(fixture: &Fixture, folder: &str) -> String {
        let mut out = Vec::new();
        annotate(&fixture.view(), folder, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// What the runner makes of a line: the command, its properties and its data.
    fn parsed(line: &str) -> (String, Vec<(String, String)>, String) {
        let (info, data) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
        let (command, properties) = info.split_once(' ').unwrap();
        let decoded = |text: &str| {
            let text = text.replace("%3A", ":").replace("%2C", ",").replace("%0D", "\r");
            text.replace("%0A", "\n").replace("%25", "%")
        };
        let properties = properties.split(',').map(|pair| pair.split_once('=').unwrap());
        let properties = properties.map(|(key, value)| (key.to_owned(), decoded(value))).collect();
        (command.to_owned(), properties, decoded(data))
    }

    #[test]
    fn annotations_look_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses(), ""));
    }

    #[test]
    fn paths_are_those_of_the_repository() {
        let text = rendered(&fixture::all_statuses(), "deploy/prod");
        assert!(text.contains(" file=deploy/prod/images.txt,line=1,"), "{text}");
        assert!(text.contains(" file=deploy/prod/deploy/compose.yaml,line=12,"), "{text}");
        assert_eq!(in_folder("a", "/srv/images.txt"), "/srv/images.txt");
    }

    #[test]
    fn standard_input_has_no_line_to_point_at() {
        let mut fixture = fixture::many(1);
        fixture.run.places[0].origin.file = "stdin".into();
        let text = rendered(&fixture, "deploy");
        assert!(
            text.starts_with("::warning title=docker.io/acme/app-0%3A1%3A UNREACHABLE at down::"),
            "{text}"
        );
    }

    #[test]
    fn one_place_is_one_annotation_with_all_its_mirrors() {
        let text = rendered(&fixture::many(2), "");
        let lines: Vec<_> = text.lines().map(parsed).collect();
        assert_eq!(lines.len(), 2);
        let (command, properties, message) = &lines[0];
        assert_eq!(command, "error");
        assert_eq!(properties[1], ("line".to_owned(), "2".to_owned()));
        assert!(message.starts_with("NOT FOUND at half: 404: manifest unknown [manifest-unknown]\n  try: "));
        assert!(
            message
                .contains("\nUNREACHABLE at down: connection refused: down.example:443 [connect-refused]\n")
        );
        assert_eq!(lines[1].0, "warning");
    }

    #[test]
    fn fifty_lines_at_most_the_gravest_first_and_the_rest_counted() {
        let text = rendered(&fixture::many(50), "");
        assert_eq!(text.lines().count(), 50);
        assert!(!text.contains("not annotated"));
        let text = rendered(&fixture::many(200), "");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 50);
        assert!(lines[..49].iter().all(|line| line.starts_with("::error ")));
        assert_eq!(
            lines[49],
            "::notice title=registry-check::151 more places not annotated (51 errors, 100 warnings): \
             the job summary and the other reports tell all"
        );
    }

    #[test]
    fn names_that_are_not_known_are_notices_behind_all_else() {
        let text = rendered(&fixture::with_dynamic(2, fixture::HOSTILE), "deploy");
        let lines: Vec<_> = text.lines().map(parsed).collect();
        let commands: Vec<_> = lines.iter().map(|(command, ..)| command.as_str()).collect();
        assert_eq!(commands, ["warning", "notice", "notice"]);
        let (_, properties, message) = &lines[1];
        let keys: Vec<_> = properties.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["file", "line", "title"]);
        assert!(message.contains(": not known offline, and not checked: "), "{message}");
        assert_eq!(escape::runner_command(&text), None);
        let many = rendered(&fixture::with_dynamic(900, "a:$X"), "");
        assert_eq!(many.lines().count(), 50);
        assert!(
            many.lines().last().unwrap().contains("852 more places not annotated (852 notices)"),
            "{many}"
        );
    }

    #[test]
    fn a_run_without_problems_says_nothing() {
        assert_eq!(rendered(&fixture::many(0), ""), "");
    }

    proptest! {
        #[test]
        fn hostile_text_makes_no_command_and_no_property_of_its_own(
            text in any::<String>(),
            special in prop::sample::select(vec![
                fixture::HOSTILE, "::error::x", "\n::add-mask::x", "%0A::warning::x", "##[set-output name=a]b", "##vso[task.x]",
                ",line=9,title=", "%25", "a\r\nb", "",
            ]),
        ) {
            let typed = format!("{special}{text}");
            let mut fixture = fixture::saying(&typed);
            fixture.run.places[0].origin.file = typed.as_str().into();
            let text = rendered(&fixture, "");
            prop_assert_eq!(text.lines().count(), 1, "{}", text);
            prop_assert_eq!(crate::report::escape::runner_command(&text), None);
            prop_assert!(!text.trim_end().contains(escape::is_hidden));
            let (command, properties, message) = parsed(text.trim_end());
            prop_assert_eq!(command, "warning");
            let keys: Vec<_> = properties.iter().map(|(key, _)| key.as_str()).collect();
            prop_assert!(keys == ["file", "line", "title"] || keys == ["title"], "{:?}", keys);
            let shown = escape::bounded(&typed, escape::MAX_REMOTE_CHARS);
            prop_assert!(message.contains(&*escape::terminal(&shown)));
        }
    }
}
