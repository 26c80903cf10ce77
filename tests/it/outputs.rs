//! Where reports go: refused before anybody is asked, or written whole.

use std::fs::{self, File};
use std::io::{Read as _, pipe};

use registry_check::report::Format;

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
    let unknown = "its extension names no format: use .csv, .md, .json, .ndjson, .html, .xml, .sarif, .prom or .txt, \
                   FORMAT:FILE, or -f";
    for (flags, faults) in [
        (&["-o", "no/such/report.csv"][..], &["no/such/report.csv: no such folder"][..]),
        (&["-o", "images.txt/report.csv"], &["images.txt/report.csv: what should be its folder is a file"]),
        (&["-o", "folder.csv"], &["folder.csv: is a directory"]),
        (&["-o", "report.tar"], &[&format!("report.tar: {unknown}")]),
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
    for format in Format::ALL.map(Format::as_str) {
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
fn files_that_the_run_reads_are_not_written_over() {
    use std::os::unix::fs::symlink;
    let registry = registry(&["app"]);
    let images = list(&registry, &["app"]);
    let settings = format!("[[mirrors]]\nurl = \"{}\"\nfor = [\"{0}\"]\n", registry.authority());
    for (flags, report) in [
        ("images.txt -o images.txt", "images.txt"),
        ("images.txt -o ./sub/../images.txt", "./sub/../images.txt"),
        ("images.txt -o link.txt", "link.txt"),
        ("link.txt -o images.txt", "images.txt"),
        ("images.txt --config c.toml -f csv -o c.toml", "c.toml"),
        ("images.txt -f csv -o registry-check.toml", "registry-check.toml"),
        ("images.txt --auth-file auth.json -o auth.json", "auth.json"),
        ("images.txt --ca-file ca.pem -f csv -o ca.pem", "ca.pem"),
        ("images.txt --config tls.toml -f csv -o ca.pem", "ca.pem"),
    ] {
        let tool = Tool::new()
            .file("images.txt", &images)
            .file("sub/file", "")
            .file("c.toml", &settings)
            .file("registry-check.toml", &settings)
            .file("tls.toml", "[[mirrors]]\nurl = \"https://m.example\"\nca_file = \"sub/../ca.pem\"\n")
            .file("auth.json", "{\"auths\": {}}")
            .file("ca.pem", "none");
        symlink("images.txt", tool.dir().join("link.txt")).unwrap();
        let output = tool.line(flags).run();
        assert_eq!(output.code, Some(2), "{flags}: {output:?}");
        let fault = format!("cannot write {report}: is read by this run, and would be overwritten\n");
        assert!(output.stderr.contains(&fault), "{flags}: {output:?}");
        assert_eq!(output.file("images.txt"), images);
        assert_eq!(output.file("c.toml"), settings);
        assert_eq!(output.file("ca.pem"), "none");
        assert!(!output.files().iter().any(|name| name.ends_with(".tmp")), "{output:?}");
    }
    assert_not_asked(&registry);
}

#[test]
fn standard_input_that_is_a_file_is_not_written_over() {
    let registry = registry(&["app"]);
    let images = list(&registry, &["app"]);
    let script = format!("exec '{}' - -o images.txt < images.txt", env!("CARGO_BIN_EXE_registry-check"));
    let output = Tool::of("/bin/sh").file("images.txt", &images).args(["-c", &script]).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("cannot write images.txt: is read by this run"), "{output:?}");
    assert_eq!(output.file("images.txt"), images);
    assert_not_asked(&registry);
}

#[test]
fn link_to_a_file_that_is_not_there_yet_stays_and_the_file_is_made() {
    use std::os::unix::fs::symlink;
    let registry = registry(&["app"]);
    let tool = Tool::new().stdin(list(&registry, &["app"])).file("real/file", "");
    symlink("next.csv", tool.dir().join("link.csv")).unwrap();
    symlink("real/new.csv", tool.dir().join("next.csv")).unwrap();
    let output = tool.line("- -o link.csv").run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.files(), ["link.csv", "next.csv", "real"]);
    assert_eq!(report::csv(&output.file("real/new.csv")).len(), 1);
    assert_eq!(output.file("link.csv"), output.file("real/new.csv"));

    let tool = Tool::new().stdin(list(&registry, &["app"]));
    symlink("no/new.csv", tool.dir().join("link.csv")).unwrap();
    let output = tool.line("- -o link.csv").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.starts_with("cannot write link.csv: no such folder\n"), "{output:?}");
    let output = Tool::new().stdin(list(&registry, &["app"]));
    symlink("loop.csv", output.dir().join("loop.csv")).unwrap();
    let output = output.line("- -o loop.csv").run();
    assert_eq!((output.code, output.files()), (Some(2), vec!["loop.csv".to_owned()]));
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

#[test]
fn file_over_the_limit_on_sizes_is_an_error_and_the_other_reports_are_written() {
    let names: Vec<_> = (0..50).map(|number| format!("team/application-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let registry = registry(&names);
    let output = Tool::with_file_size(4)
        .file("images.txt", list(&registry, &names))
        .file("short.j2", "{{ decision.outcome }}\n")
        .file("report.json", "old")
        .line("images.txt -o report.json -o rows.ndjson --template short.j2 -o template:short.txt")
        .run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(output.files(), ["images.txt", "report.json", "short.j2", "short.txt"]);
    assert_eq!((&*output.file("report.json"), &*output.file("short.txt")), ("old", "pass\n"));
    for report in ["report.json", "rows.ndjson"] {
        let fault = format!("/{report}: File too large (os error 27)\n");
        assert!(output.stderr.contains(&fault), "{output:?}");
    }
    assert!(output.stderr.ends_with("error: 2 reports that cannot be written\n"), "{output:?}");
}
