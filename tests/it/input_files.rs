//! Lists of images as users have them: good, bad, and not lists at all.

use crate::support::report;
use crate::support::small::{assert_not_asked, list, mirror, registry};
use crate::support::tool::Tool;

const HINT_SKIP: &str = "hint: correct these lines, or go on without them: --skip-invalid\n";

#[test]
fn every_bad_line_is_shown_and_nobody_is_asked() {
    let registry = registry(&["app"]);
    let good = list(&registry, &["app"]);
    let text = format!(
        "# images\n{good}Nginx\nfoo..bar # odd\nnginx latest\nnginx:\nred\u{1b}[31m\n${{REGISTRY}}/app\n127.0.0.1:99999/app\n"
    );
    let output =
        Tool::new().file("images.txt", &text).file("more/list", "a@b").line("images.txt more/list").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.stdout, "");
    let grammar = "invalid reference format:";
    let letters =
        format!("{grammar} the repository is not made of lower-case letters, digits and single separators");
    let expected = [
        "images.txt:3: Nginx: repository name must be lowercase".to_owned(),
        format!("images.txt:4: foo..bar: {letters}"),
        "images.txt:5: nginx latest: more than one word: write one image a line, and ` #` before a comment"
            .to_owned(),
        format!("images.txt:6: nginx:: {grammar} the part after ':' is no tag"),
        format!("images.txt:7: red\\u{{1b}}[31m: {letters}"),
        "images.txt:8: ${REGISTRY}/app: a variable stands unexpanded in it: put its value there first"
            .to_owned(),
        "images.txt:9: 127.0.0.1:99999/app: the registry's port is not between 1 and 65535".to_owned(),
    ];
    let lines: Vec<_> = output.stderr.lines().collect();
    assert_eq!(lines[..7], expected);
    assert!(lines[7].starts_with("more/list:1: a@b: invalid "), "{}", lines[7]);
    assert_eq!(lines[8], "error: 8 lines that name no image");
    assert_eq!(format!("{}\n", lines[9]), HINT_SKIP);
    assert_eq!(lines.len(), 10, "{}", output.stderr);
    assert_not_asked(&registry);
}

#[test]
fn bad_lines_can_be_skipped_and_are_still_told() {
    let registry = registry(&["app"]);
    let text = format!("{}Nginx\n", list(&registry, &["app"]));
    let run = |flags: &str, text: &str| {
        Tool::new().file("images.txt", text).line("images.txt --skip-invalid -f csv").line(flags).run()
    };
    let told = "images.txt:2: Nginx: repository name must be lowercase\n";
    let output = run("", &text);
    assert_eq!((output.code, output.stderr), (Some(0), format!("warn: skipped {told}")));
    assert_eq!(report::csv(&output.stdout).len(), 1);
    assert_eq!(run("-q", &text).stderr, "");

    let nothing = run("", "# only this\nNginx\n");
    assert_eq!(nothing.code, Some(2));
    let error = "error: no image left to check: every line was skipped\n";
    assert_eq!(nothing.stderr, format!("warn: skipped {told}{error}"));
}

#[test]
fn what_is_no_list_is_refused_with_its_name_and_what_to_do() {
    let registry = registry(&["app"]);
    let (empty, text) = (
        "write one image a line, such as `nginx:1.27`; lines that begin with `#` are comments",
        "an input is a plain text file with one image a line",
    );
    for (name, contents, fault, hint) in [
        ("empty.txt", &b""[..], "no image to check in empty.txt", empty),
        ("comments.txt", b"# a\n\n  # b\r\n", "no image to check in comments.txt", empty),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "picture: not text but binary data", text),
        ("windows", b"\xff\xfen\0g\0", "windows: UTF-16 text; only UTF-8 is read", "save the file as UTF-8"),
        ("latin1", b"app\nb\xfcro\n", "latin1: line 2 is not UTF-8 text", "save the file as UTF-8"),
    ] {
        let output = Tool::new().file(name, contents).args([name]).run();
        assert_eq!(output.code, Some(2), "{name}: {output:?}");
        assert_eq!(output.stderr, format!("error: {fault}\nhint: {hint}\n"), "{name}");
        assert_eq!(output.stdout, "", "{name}");
    }
    let good = list(&registry, &["app"]);
    let several = Tool::new().file("good", good).file("d/x", "").line("good nowhere d").run();
    assert_eq!(several.code, Some(2));
    assert_eq!(
        several.stderr,
        "error: 2 inputs cannot be read:\n  nowhere: no such file\n  d: is a directory, not a list\n\
         hint: check the path; relative paths start at the current directory\n\
         hint: name a file in it, or go through all of it: --recursive\n"
    );
    assert_not_asked(&registry);
}

#[test]
fn no_input_at_all_and_standard_input_twice_are_refused() {
    for (line, error, hint) in [
        ("", "no image to check", "name a file with one image a line, or `-` for standard input"),
        ("- -", "standard input (`-`) is named twice, but can be read only once", "leave one `-` out"),
        (
            "-",
            "no image to check in stdin",
            "write one image a line, such as `nginx:1.27`; lines that begin with `#` are comments",
        ),
    ] {
        let output = Tool::new().line(line).run();
        assert_eq!(output.code, Some(2), "{line}");
        assert_eq!(output.stderr, format!("error: {error}\nhint: {hint}\n"), "{line}");
    }
}

#[test]
fn lists_come_from_several_files_and_standard_input_in_any_dress() {
    let registry = registry(&["one", "two", "three"]);
    let host = registry.authority();
    let output = Tool::new()
        .file("windows.txt", format!("\u{feff}# list\r\n\r\n{host}/one:1.0\r\n"))
        .file("lists/skopeo.txt", format!("docker://{host}/two:1.0   # from skopeo"))
        .stdin(format!("{host}/three:1.0"))
        .line("windows.txt - lists/skopeo.txt -f json")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let rows = report::json_rows(&report::json(&output.stdout));
    let found: Vec<_> = rows.iter().map(|row| (&*row.origin, &*row.input, &*row.artifact)).collect();
    let [one, two, three] = ["one", "two", "three"].map(|name| format!("{host}/{name}:1.0"));
    assert_eq!(
        found,
        [
            ("windows.txt:3", &*one, &*one),
            ("stdin:1", &*three, &*three),
            ("lists/skopeo.txt:1", &*format!("docker://{two}"), &*two),
        ]
    );
}

#[test]
fn image_named_twice_is_asked_once_and_reported_at_each_place() {
    let [upstream, copy] = [registry(&["app"]), registry(&["app"])];
    let host = upstream.authority();
    let output = Tool::new()
        .file("a.txt", format!("{host}/app:1.0\ndocker://{host}/app:1.0\n"))
        .file("b.txt", format!("\n{host}/app:1.0 # again\n"))
        .line("a.txt b.txt -f json")
        .args([mirror(&upstream, &copy)])
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    for asked in [&upstream, &copy] {
        assert_eq!((asked.hits().len(), asked.manifest_hits("HEAD")), (1, 1), "{:?}", asked.hits());
    }
    let report = report::json(&output.stdout);
    let rows = report::json_rows(&report);
    let origins: Vec<_> = rows.iter().map(|row| (&*row.origin, &*row.role)).collect();
    let each = ["a.txt:1", "a.txt:2", "b.txt:2"].map(|origin| [(origin, "upstream"), (origin, "mirror")]);
    assert_eq!(origins, each.concat());
    assert_eq!((&report["summary"]["artifacts"], &report["summary"]["checks"]), (&1.into(), &1.into()));
}
