//! What patterns, folders and repeated names lead to, through the built program.

use std::os::unix::fs::symlink;

use crate::support::small::registry;
use crate::support::tool::Tool;

/// What is listed, without its places.
fn names(stdout: &str) -> Vec<&str> {
    stdout.lines().filter_map(|line| line.split('\t').next()?.strip_prefix("docker.io/library/")).collect()
}

#[test]
fn a_pattern_goes_through_the_linked_folders_that_it_names_as_a_shell_does() {
    let tool = Tool::new()
        .file("real/Dockerfile", "FROM real:1\n")
        .file("other/at/Dockerfile", "FROM other:1\n")
        .file("real/deep/x/Dockerfile", "FROM not:1\n");
    symlink("../real", tool.dir().join("other/b")).expect("a link");
    symlink("../other", tool.dir().join("other/up")).expect("a link that leads in circles");
    symlink("nowhere", tool.dir().join("gone")).expect("a link to nothing, as a folder");
    let output = tool.line("images other/*/Dockerfile gone*/Dockerfile */Dockerfile").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert_eq!(
        output.stdout,
        "docker.io/library/other:1\tother/at/Dockerfile:1\ndocker.io/library/real:1\tother/b/Dockerfile:1\n"
    );
    assert!(output.stderr.contains("gone*/Dockerfile: no file matches"), "{}", output.stderr);

    let tool = Tool::new().file("a/x/Dockerfile", "FROM one:1\n").file("a/y/z.yaml", "a: b");
    symlink("../a", tool.dir().join("a/up")).expect("a link");
    let output = tool.line("images a/**/Dockerfile {a/x,a/y}/Docker*").run();
    assert_eq!((output.code, names(&output.stdout)), (Some(0), vec!["one:1"]), "{output:?}");
    assert!(output.stderr.contains("a/up: a link to a folder, which is not followed"), "{}", output.stderr);
}

#[test]
fn what_a_pattern_names_and_cannot_be_read_is_a_fault() {
    let tool =
        Tool::new().file("real/app.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: a:1}]}\n");
    symlink("nowhere.yaml", tool.dir().join("real/dang.yaml")).expect("a link to nothing");
    symlink("loop.yaml", tool.dir().join("real/loop.yaml")).expect("a link to itself");
    symlink("loop", tool.dir().join("real/loop")).expect("a link to itself");
    let output = tool.line("images real/*.yaml").run();
    assert_eq!((output.code, names(&output.stdout)), (Some(2), vec!["a:1"]), "{output:?}");
    assert!(output.stderr.contains("real/dang.yaml: a link that leads nowhere"), "{}", output.stderr);
    assert!(output.stderr.contains("real/loop.yaml: cannot be read: "), "{}", output.stderr);
}

#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let tool = Tool::new()
        .file("images.txt", "nginx:1\nBAD\n")
        .file("deploy/Dockerfile", "FROM alpine:3\n")
        .file("deploy/images.txt", "redis:7\nWRONG\n");
    symlink("deploy", tool.dir().join("same")).expect("a link");
    let all = "images.txt ./images.txt imag*.txt deploy/Dockerfile same/Dockerfile d*/Dockerfile deploy";
    let output = tool.line("images --recursive").line(all).line("deploy/images.txt same/images.txt").run();
    assert_eq!(
        output.stdout,
        "docker.io/library/nginx:1\timages.txt:1\ndocker.io/library/alpine:3\tdeploy/Dockerfile:1\ndocker.io/library/redis:7\tdeploy/images.txt:1\n"
    );
    // A walk only warns of it; its name on the command line makes a fault of it.
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("2 lines"), "{}", output.stderr);
}

#[test]
fn a_walk_takes_no_source_or_document_for_a_dockerfile() {
    let tool = Tool::new()
        .file("Dockerfile.md", "FROM docs:1\n")
        .file("src/dockerfile.rs", "FROM source:1\n")
        .file("Dockerfile.prod", "FROM prod:1\n")
        .file("dev.Dockerfile", "FROM dev:1\n");
    let output = tool.line("images --recursive .").run();
    assert_eq!((output.code, names(&output.stdout)), (Some(0), vec!["prod:1", "dev:1"]), "{output:?}");
    let named = Tool::new().file("Dockerfile.md", "text\nFROM docs:1\n");
    let named = named.line("images --input-kind dockerfile Dockerfile.md").run();
    assert_eq!(names(&named.stdout), ["docs:1"], "{named:?}");
}

#[test]
fn a_manifest_on_standard_input_is_told_line_by_line_too() {
    let registry = registry(&["app"]);
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: {}/app:1.0\n",
        registry.authority()
    );
    let kinds = ["--input-kind kubernetes", "--any-image-key"];
    for kind in kinds {
        let output = Tool::new().stdin(&pod).line("- -f ndjson").line(kind).run();
        assert_eq!(output.code, Some(0), "{kind}: {output:?}");
        assert!(output.stdout.contains("\"stdin:5\""), "{}", output.stdout);
    }
}
