//! What README and `--help` say is what the program does.
//!
//! README's blocks stand behind marks. A test that fails prints the block as it should be, to be copied.

use std::fmt::Write as _;
use std::time::Duration;

use registry_check::app::{CONCURRENCY, PER_HOST};
use registry_check::cli::{ColorArg, DepthArg, OnlyArg, ProgressArg, SortArg};
use registry_check::config::FILE_NAME;
use registry_check::credentials;
use registry_check::gate::GateCode;
use registry_check::gate::{Level, Policy, Require};
use registry_check::model::code::Code;
use registry_check::model::status::Status;
use registry_check::net::client::Timeouts;
use registry_check::net::retry::RetryPolicy;
use registry_check::report::Format;

use crate::support::tool::Tool;

fn readme() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What `registry-check --help` prints, without the blanks that clap leaves at the ends of lines.
fn help() -> String {
    let output = Tool::new().args(["--help"]).run();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    output.stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The text about one flag, on one line.
fn about(help: &str, flag: &str) -> String {
    let start = help
        .lines()
        .position(|line| line.starts_with(' ') && line.split([' ', ',', '.']).any(|word| word == flag));
    let start = start.unwrap_or_else(|| panic!("{flag} is not in --help:\n{help}"));
    let is_about = |line: &&str| line.is_empty() || line.starts_with("        ");
    let lines = help.lines().skip(start + 1).take_while(is_about);
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What stands between the lines `begin` and `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\n{begin}\n"))?;
    Some(rest.split_once(&format!("\n{end}\n"))?.0)
}

#[test]
fn usage_in_the_readme_is_what_help_prints() {
    let mark = "<!-- usage: registry-check --help -->";
    let help = help();
    let found = between(&readme(), &format!("{mark}\n```text"), "```").map(|block| format!("{block}\n"));
    assert!(
        found.as_deref() == Some(&*help),
        "README.md must have this block:\n\n{mark}\n```text\n{help}```\n"
    );
}

#[test]
fn every_code_is_listed_in_the_readme() {
    let mut table = String::from("| code | status | meaning |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        writeln!(table, "| `{code}` | `{}` | {} |", code.status(), code.meaning()).unwrap();
    }
    holds("codes", &table);
    let mut table = String::from("| code | does | meaning |\n| --- | --- | --- |\n");
    for code in GateCode::ALL {
        writeln!(table, "| `{code}` | `{}` | {} |", code.word(), code.meaning()).unwrap();
    }
    holds("gate codes", &table);
}

fn holds(mark: &str, table: &str) {
    let (begin, end) = (format!("<!-- {mark} -->"), format!("<!-- /{mark} -->"));
    let readme = readme();
    let found = between(&readme, &begin, &end).map(str::trim);
    assert!(found == Some(table.trim()), "README.md must have this block:\n\n{begin}\n{table}{end}\n");
}

fn seconds(time: Duration) -> String {
    assert_eq!(time.subsec_nanos(), 0);
    format!("{}s", time.as_secs())
}

fn word(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

#[test]
fn each_default_in_help_is_the_codes() {
    let help = help();
    let times = Timeouts::default();
    let defaults = [
        ("--config", format!("{FILE_NAME}, if there is one")),
        ("--depth", word(&DepthArg::default())),
        ("--require", word(&Require::default())),
        ("--format", Format::Table.as_str().to_owned()),
        ("--only", word(&OnlyArg::default())),
        ("--sort", word(&SortArg::default())),
        ("--concurrency", CONCURRENCY.to_string()),
        ("--per-host", PER_HOST.to_string()),
        ("--helper-timeout", seconds(credentials::Options::default().helper_timeout)),
        ("--connect-timeout", seconds(times.connect)),
        ("--first-byte-timeout", seconds(times.first_byte)),
        ("--timeout", seconds(times.total)),
        ("--blob-timeout", seconds(times.longest)),
        ("--retries", RetryPolicy::default().retries.to_string()),
        ("--color", word(&ColorArg::default())),
        ("--progress", word(&ProgressArg::default())),
    ];
    for (flag, default) in &defaults {
        let about = about(&help, flag);
        assert!(about.contains(&format!("[default: {default}]")), "{flag}: {default} is not in: {about}");
    }
    assert_eq!(
        help.matches("[default: ").count(),
        defaults.len(),
        "a default is not held to the code:\n{help}"
    );
}

/// `a, b and c`
fn in_words(statuses: &[&str]) -> String {
    let (last, others) = statuses.split_last().expect("some");
    format!("{} and {last}", others.join(", "))
}

#[test]
fn statuses_in_help_are_those_that_fail_and_pass_by_default() {
    let help = help();
    let policy = Policy::default();
    let at = |levels: &[Level]| {
        let those = Status::ALL.into_iter().filter(|status| levels.contains(&policy.level(*status)));
        in_words(&those.map(Status::as_str).collect::<Vec<_>>())
    };
    assert_eq!(
        about(&help, "--fail-on").trim(),
        format!("Statuses that fail, besides {}", at(&[Level::Fail]))
    );
    let passing = at(&[Level::Pass, Level::Warn]);
    assert_eq!(about(&help, "--allow").trim(), format!("Statuses that pass, besides {passing}"));
}

#[test]
fn exit_codes_in_help_are_the_programs() {
    use registry_check::exit::{FAILED, INTERRUPTED, PASSED, UNDECIDED, USAGE};
    let help = help().replace('\n', " ");
    let codes = format!(
        "Exit codes: {PASSED} the gate passed; {FAILED} it failed; {USAGE} usage, configuration or input; \
         {UNDECIDED} nothing failed, but something stayed undecided; {INTERRUPTED} interrupted."
    );
    assert!(help.contains(&codes), "{help}");
}

#[test]
fn formats_and_extensions_in_help_are_those_there_are() {
    let help = help();
    let names = Format::ALL.map(Format::as_str).join(", ");
    assert!(about(&help, "--format").contains(&format!("[possible values: {names}]")), "{help}");
    let output = about(&help, "--output");
    let (_, listed) = output.split_once('(').expect("a list of extensions");
    let listed: Vec<_> = listed.split_once(')').expect("its end").0.split(", ").collect();
    let formats = listed.iter().map(|extension| {
        if let Some(format) = extension.strip_suffix(':') {
            return format.parse().unwrap_or_else(|error| panic!("{extension} {error}"));
        }
        let path = format!("report{extension}");
        Format::from_extension(path.as_ref()).unwrap_or_else(|| panic!("{extension} stands for no format"))
    });
    let formats: Vec<_> = formats.collect();
    assert!(Format::ALL.iter().all(|format| formats.contains(format)), "{listed:?}");
}

#[test]
fn every_format_has_a_row_in_the_readme() {
    let readme = readme();
    for format in Format::ALL {
        assert!(readme.contains(&format!("\n| `{format}` | ")), "{format}");
    }
}

#[test]
fn version_is_the_packages() {
    let output = Tool::new().args(["--version"]).run();
    assert_eq!(output.stdout, concat!("registry-check ", env!("CARGO_PKG_VERSION"), "\n"));
}
