//! What a server says is printed so that it can do no harm, in each format.

use registry_check::demo::{Behaviour, Failure, HOSTILE_MESSAGE, Registry, Scope, TokenRules};
use registry_check::report::Format;
use registry_check::report::escape::{is_hidden, runner_command};

use crate::support::embedded::{Check, Pair};

/// Ways to get a server's words into a report.
fn speakers() -> Vec<(Pair, &'static str)> {
    let title = format!("<html><title>{HOSTILE_MESSAGE}</title></html>");
    let header =
        |name: &str, value: &str| Behaviour::Header { name: name.to_owned(), value: value.to_owned() };
    let by_token = Pair::new();
    by_token.mirror.require_token(TokenRules::default());
    by_token.mirror.set_behaviour(Scope::Token, Behaviour::HostileError(403));
    let realm = Pair::new();
    realm.mirror.require_token(TokenRules {
        realm: Some("=<script>|\u{202e}".to_owned()),
        challenge: vec!["Bearer realm=\"x <script>| \u{202e}y\"".to_owned()],
        ..TokenRules::default()
    });
    vec![
        (Pair::misbehaving(Behaviour::HostileError(403)), "denied/access-denied"),
        (Pair::misbehaving(Behaviour::HostileError(404)), "missing/manifest-unknown"),
        (Pair::misbehaving(Behaviour::HostileError(418)), "server_error/odd-status"),
        (Pair::misbehaving(Behaviour::HostileError(200)), "invalid/error-document"),
        (
            Pair::misbehaving(Behaviour::Status(Failure::text(403, "text/plain", HOSTILE_MESSAGE))),
            "denied/access-denied",
        ),
        (
            Pair::misbehaving(Behaviour::Status(Failure::text(200, "text/html", &title))),
            "invalid/html-answer",
        ),
        (Pair::misbehaving(header("warning", "299 - \"=<script>|\u{9b}31m\u{202e}`x`\"")), "ok/digest-equal"),
        (Pair::misbehaving(header("content-type", "=<script>|\u{9b}31m\u{202e}")), "ok/digest-equal"),
        (
            Pair::misbehaving(Behaviour::Challenge(vec!["=<script>\u{202e} x=y, <b>\u{9b}".to_owned()])),
            "denied/no-challenge",
        ),
        (
            Pair::misbehaving(Behaviour::RedirectTo("http://127.0.0.1:1/<script>|\u{202e}".to_owned())),
            "unreachable/connect-refused",
        ),
        (by_token, "denied/token-refused"),
        (realm, "denied/realm-refused"),
    ]
}

/// Controls and invisible characters, line ends aside.
fn hidden(text: &str) -> String {
    text.chars().filter(|c| is_hidden(*c) && *c != '\n').collect()
}

/// No line begins as what CI systems take for a command.
fn assert_no_commands(text: &str) {
    for line in text.lines() {
        let line = line.trim_start();
        assert!(!line.starts_with("::"), "{line}\n{text}");
    }
    assert_eq!(runner_command(text), None, "{text}");
}

#[test]
fn the_json_has_what_was_said_and_nothing_raw() {
    for (pair, verdict) in speakers() {
        let report = pair.check().run();
        assert_eq!(report.row("m").verdict(), verdict);
        assert_eq!(hidden(&report.text), "", "{verdict}");
        assert_eq!(hidden(&report.stderr), "", "{verdict}");
    }
    let pair = Pair::misbehaving(Behaviour::HostileError(403));
    let report = pair.check().run();
    assert!(report.row("m").reason.contains("\u{1b}]0;owned\u{7}"), "equal, once parsed");
}

#[test]
fn the_table_moves_no_cursor_and_makes_no_lines_of_its_own() {
    for (pair, verdict) in speakers() {
        let output = pair.check().args("-f table").tool().run();
        assert_eq!(hidden(&output.stdout), "", "{verdict}: {}", output.stdout);
        assert_eq!(hidden(&output.stderr), "", "{verdict}: {}", output.stderr);
        assert_no_commands(&output.stdout);

        let output = pair.check().args("-f table --color always").tool().run();
        for escape in output.stdout.split('\u{1b}').skip(1) {
            let end = escape.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            let parameters = escape[..end].strip_prefix('[').unwrap();
            assert!(escape[end..].starts_with('m'), "{verdict}: {escape:?}");
            assert!(parameters.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{verdict}: {escape:?}");
        }
        assert!(!output.stdout.contains('\u{9b}'));
    }
}

#[test]
fn formats_for_other_programs_show_controls_and_hold_no_commands() {
    let names = ["junit", "sarif", "github", "gitlab", "prometheus"];
    let flags: Vec<_> = names.iter().map(|name| format!("-o {name}:{name}")).collect();
    for (pair, verdict) in speakers() {
        let output = pair.check().args(&flags.join(" ")).tool().run();
        for name in names {
            let text = output.file(name);
            assert_eq!(hidden(&text), "", "{verdict}: {text}");
            assert_eq!(runner_command(&text), None, "{verdict}: {text}");
            assert!(name != "junit" || !text.contains("<script"), "{verdict}: {text}");
            assert!(name == "github" || !text.lines().any(|line| line.trim_start().starts_with("::")));
        }
        // One command for what is wrong, none where nothing is.
        let findings = usize::from(!verdict.starts_with("ok/"));
        assert_eq!(output.file("github").matches('\n').count(), findings, "{verdict}");
    }
}

#[test]
fn no_report_holds_a_command_to_the_runner_of_a_pipeline() {
    let said = "x ##vso[task.setvariable variable=a]b ##[error]c ##VsO[d]";
    let failure = Failure::registry(403, "DENIED", said);
    let pair = Pair::misbehaving(Behaviour::Status(failure));
    for format in Format::ALL {
        let output = pair.check().args(&format!("-f {format}")).tool().run();
        assert_eq!(runner_command(&output.stdout), None, "{format}: {}", output.stdout);
        assert_eq!(runner_command(&output.stderr), None, "{format}: {}", output.stderr);
    }
    let template = "{% for row in results %}{{ row.reason }}{{ row }}{% endfor %}";
    let output = pair.check().file("t.j2", template).args("--template t.j2").tool().run();
    assert!(output.stdout.contains("## vso[task.setvariable"), "{output:?}");
    assert_eq!(runner_command(&output.stdout), None, "{output:?}");
    let report = pair.check().run();
    assert!(report.text.contains("#\\u0023vso[") && report.row("m").reason.contains(said), "{}", report.text);
}

#[test]
fn the_csv_has_one_record_for_each_row_and_no_formula() {
    for (pair, verdict) in speakers() {
        let output = pair.check().args("-f csv").tool().run();
        let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
        let header = reader.headers().unwrap().clone();
        let [status, code] = ["status", "code"].map(|name| header.iter().position(|at| at == name).unwrap());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 2, "{verdict}: upstream and the mirror");
        assert_eq!(format!("{}/{}", &records[1][status], &records[1][code]), verdict);
        for field in records.iter().flatten() {
            assert!(!field.starts_with(['=', '+', '-', '@']), "{field:?}");
            assert_eq!(hidden(field), "", "{field:?}");
            assert!(!field.contains('\n'), "{field:?}");
        }
    }
}

#[test]
fn the_markdown_is_the_table_that_it_was_and_has_no_markup_of_a_server() {
    for (pair, verdict) in speakers() {
        let output = pair.check().args("-f markdown").tool().run();
        let text = &output.stdout;
        assert_eq!(hidden(text), "", "{verdict}: {text}");
        assert_no_commands(text);
        for raw in ["<script", "<b>", "<!--", "-->", "`x`", "](http"] {
            assert!(!text.contains(raw), "{verdict}: {raw}: {text}");
        }
        // Each line of a table has as many cells as its head.
        let mut cells = None;
        for line in text.lines() {
            if !line.starts_with('|') {
                cells = None;
                continue;
            }
            let count = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            assert_eq!(*cells.get_or_insert(count), count, "{verdict}: {line}");
        }
    }
}

#[test]
fn the_words_themselves_are_kept_in_every_format() {
    for format in ["table", "csv", "markdown", "json"] {
        let pair = Pair::misbehaving(Behaviour::HostileError(403));
        let output = pair.check().args(&format!("-f {format}")).tool().run();
        assert!(output.stdout.contains("HYPERLINK") && output.stdout.contains("alert(1)"), "{output:?}");
    }
}

#[test]
fn a_mirror_named_as_a_formula_is_only_text() {
    let pair = Pair::new();
    let name = "=1+1|<script>";
    let check = || Check::of(&["app:1.0"]).upstream(&pair.upstream.url()).mirror(name, &pair.mirror.url());
    let csv = check().args("-f csv").tool().run().stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert!(
        reader.records().map(Result::unwrap).any(|record| &record[3] == format!("'{name}").as_str()),
        "{csv}"
    );
    let markdown = check().args("-f markdown").tool().run().stdout;
    assert!(!markdown.contains("<script"), "{markdown}");
}

#[test]
fn a_very_long_message_is_cut() {
    let message = "very ".repeat(2000);
    let pair = Pair::misbehaving(Behaviour::Status(Failure::registry(403, "DENIED", &message)));
    let row = &pair.check().run().rows[1];
    assert!(row.reason.chars().count() <= 500 && row.reason.ends_with('…'), "{row:#?}");
    let huge = Pair::misbehaving(Behaviour::Status(Failure::text(403, "text/plain", &"x".repeat(3 << 20))));
    huge.check().run().expect("denied/access-denied", 3);
}

#[test]
fn what_requests_are_told_of_in_the_log_is_safe_too() {
    let pair = Pair::new();
    let target: String = Registry::localhost_url(&pair.mirror);
    pair.mirror.set_behaviour(
        Scope::Manifests,
        Behaviour::RedirectTo(format!("{target}/<script>\u{202e}?X-Amz-Signature=hunter2&x=")),
    );
    let output = pair.check().args("-vv").tool().run();
    assert_eq!(hidden(&output.stderr), "", "{}", output.stderr);
    assert!(!output.stderr.contains("hunter2") && !output.stdout.contains("hunter2"), "{output:?}");
}
