//! Where reports go: refused before anybody is asked, or written whole.

use std::fs::{self, File};
use std::io::{Read as _, pipe};

use crate::support::report;
use crate::support::small::{assert_not_asked, list, registry};
use crate::support::tool::{Output, Tool};

/// A run whose reports cannot be opened.
fn refused(flags: &[&str]) -> Output {
    let registry = registry(&["app"]);
    let output = Tool::new()
        .file("images.txt", list(&registry, &["app"]))
        .file("old.csv", "old")
        .file("folder.csv/file", "")
        .args(["images.txt"])
        .args(flags)
        .run();
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
    assert_not_asked(&registry);
    assert_eq!(output.files(), ["folder.csv", "images.txt", "old.csv"], "nothing is left behind");
    assert_eq!(output.file("old.csv"), "old");
    output
}

#[test]
fn reports_that_cannot_be_written_fail_before_the_first_request() {
    let unknown = "its extension names no format: use .csv, .md, .json or .txt, or -f";
    for (flags, faults) in [
        (&["-o", "no/such/report.csv"][..], &["no/such/report.csv: no such folder"][..]),
        (&["-o", "images.txt/report.csv"], &["images.txt/report.csv: what should be its folder is a file"]),
        (&["-o", "folder.csv"], &["folder.csv: is a directory"]),
        (&["-o", "report.xml"], &[&format!("report.xml: {unknown}")]),
        (&["-o", "report"], &[&format!("report: {unknown}")]),
        (&["-o", "old.csv", "-o", "./old.csv"], &["./old.csv: given twice"]),
        (&["-o", "new.csv", "-o", "folder.csv/../new.csv"], &["folder.csv/../new.csv: given twice"]),
        (&["-o", "-", "-o", "-", "-f", "csv"], &["-: given twice"]),
        // All of them at once, and none of the good ones is begun.
        (
            &["-o", "old.csv", "-o", "no/a.csv", "-o", "new.json", "-o", "b.x"],
            &["no/a.csv: no such folder", &format!("b.x: {unknown}")],
        ),
    ] {
        let output = refused(flags);
        let told: String = faults.iter().map(|fault| format!("cannot write {fault}\n")).collect();
        let reports = if faults.len() == 1 { "1 report" } else { "2 reports" };
        assert_eq!(output.stderr, format!("{told}error: {reports} that cannot be written\n"), "{flags:?}");
    }
}

#[test]
fn folder_that_takes_no_files_is_refused() {
    // Not even root can create files here; the kernel's word for it differs between systems.
    let output = refused(&["-o", "/sys/report.csv"]);
    assert!(output.stderr.starts_with("cannot write /sys/report.csv: "), "{output:?}");
    assert!(!output.stderr.contains(".tmp"), "{output:?}");
}

#[test]
fn extension_decides_the_format_and_the_flag_where_it_says_nothing() {
    let registry = registry(&["app"]);
    let output = Tool::new()
        .stdin(list(&registry, &["app"]))
        .line("- -f markdown -o a.CSV -o b.json -o c -o d.txt -o e.report -o -")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stderr, "", "the report on standard output says it all");
    assert_eq!(report::csv(&output.file("a.CSV")).len(), 1);
    assert_eq!(report::json_rows(&report::json(&output.file("b.json"))).len(), 1);
    for markdown in [output.file("c"), output.file("e.report"), output.stdout.clone()] {
        assert!(markdown.starts_with("# Registry check: passed\n"), "{markdown}");
    }
    assert!(output.file("d.txt").starts_with("IMAGE "), "{output:?}");
    assert_eq!(output.files(), ["a.CSV", "b.json", "c", "d.txt", "e.report"]);
    assert_eq!(registry.hits().len(), 1, "six reports are of one run");
}

#[test]
fn full_disk_is_an_error_and_keeps_no_other_report_from_being_written() {
    let registry = registry(&["app"]);
    let run = |tool: Tool| tool.stdin(list(&registry, &["app"])).line("- -f csv").run();
    let told = "error: 1 report that cannot be written\n";
    let output = run(Tool::new().line("-o /dev/full -o report.json"));
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(
        output.stderr,
        format!(
            "pass: 1 of 1 images pass, 0 fail, 0 undecided\n\
             cannot write /dev/full: No space left on device (os error 28)\n{told}"
        )
    );
    assert_eq!(report::json(&output.file("report.json"))["decision"]["outcome"], "pass");

    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = run(Tool::new().stdout(full).line("-o - -o report.json"));
    assert_eq!(output.code, Some(2), "{output:?}");
    let fault = "cannot write standard output: No space left on device (os error 28)\n";
    assert_eq!(output.stderr, format!("{fault}{told}"));
    report::json(&output.file("report.json"));
}

#[test]
fn reader_that_has_left_is_no_error() {
    let registry = registry(&["app"]);
    for format in ["table", "csv", "markdown", "json"] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Tool::new()
            .stdin(list(&registry, &["app"]))
            .stdout(writer)
            .args(["-", "-f", format, "-o", "-", "-o", "report.csv"])
            .run();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{format}: {output:?}");
        assert_eq!(report::csv(&output.file("report.csv")).len(), 1);
    }
}

#[test]
fn pipe_named_by_path_is_written_to_and_stays() {
    let registry = registry(&["app"]);
    let (mut reader, writer) = pipe().unwrap();
    let output = Tool::new()
        .stdin(list(&registry, &["app"]))
        .stdout(writer)
        .line("- -o /dev/stdout -f csv -o report.json")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(report::csv(&text).len(), 1);
}

#[test]
fn old_report_is_replaced_with_its_permissions_kept_and_links_followed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let registry = registry(&["app"]);
    let tool = Tool::new().stdin(list(&registry, &["app"])).file("old.csv", "old").file("real/r.json", "old");
    let old = tool.dir().join("old.csv");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/r.json", tool.dir().join("link.json")).unwrap();
    let output = tool.line("- -o old.csv -o link.json").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(fs::metadata(old).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(report::csv(&output.file("old.csv")).len(), 1);
    assert_eq!(report::json(&output.file("real/r.json")), report::json(&output.file("link.json")));
    assert_eq!(output.files(), ["link.json", "old.csv", "real"]);
}
