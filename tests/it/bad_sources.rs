//! Files that are broken, hostile or unreadable: named on the command line they are errors, met in a folder
//! they are warnings, and what else is there counts all the same.

use std::fs::File;
use std::os::unix::fs::symlink;

use crate::support::tool::Tool;

const POD: &str = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'good:1'}]}\n";

fn between(broken: &str) -> String {
    format!("{POD}---\n{broken}---\n{}", POD.replace("good:1", "last:1"))
}

fn bomb() -> String {
    let mut text = String::from("apiVersion: v1\nkind: List\nx0: &x0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let aliases = vec![format!("*x{}", level - 1); 10].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{aliases}]\n"));
    }
    text.push_str("items: *x29\n");
    text
}

/// Named and met in a folder: the line that tells of it, and what is found besides.
#[track_caller]
fn assert_told(name: &str, text: &str, told: &str, images: &[&str]) {
    let found = |stdout: &str| {
        let names = stdout.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned);
        let names: Vec<String> = names.collect();
        names
    };
    let expected: Vec<String> = images.iter().map(|image| format!("docker.io/library/{image}")).collect();
    let named = Tool::new().file(name, text).line("images").args([name]).run();
    assert_eq!(named.code, Some(2), "{name}: {named:?}");
    assert!(named.stderr.starts_with(told), "{name}: {}", named.stderr);
    assert!(named.stderr.contains("\nerror: 1 line that names no image\n"), "{}", named.stderr);
    assert_eq!(found(&named.stdout), expected, "{name}");
    let met = Tool::new()
        .file(&format!("folder/{name}"), text)
        .file("folder/images.txt", "beside:1")
        .line("images --recursive folder")
        .run();
    assert_eq!(met.code, Some(0), "{name}: {met:?}");
    assert!(met.stderr.starts_with(&format!("warn: folder/{told}")), "{name}: {}", met.stderr);
    let mut all = found(&met.stdout);
    all.retain(|image| image != "docker.io/library/beside:1");
    assert_eq!(all, expected, "{name}");
}

#[test]
fn a_broken_document_is_told_with_its_line_and_the_others_count() {
    let whole = ["good:1", "last:1"];
    for (broken, told) in [
        ("a: [\n", "x.yaml:5: invalid YAML: "),
        ("spec:\n\tcontainers: []\n", "x.yaml:6: invalid YAML: "),
        ("a: 1\nb: 2\na: 3\n", "x.yaml:7: invalid YAML: the key 'a' stands here and on line 5\n"),
        ("a: *nowhere\n", "x.yaml:5: invalid YAML: "),
        ("a: &a [*a]\n", "x.yaml:5: "),
        (
            "kind: Pod\n{{- if .Values.x }}\nspec: {}\n",
            "x.yaml:6: a template, not YAML: render it first (`helm template`)\n",
        ),
    ] {
        assert_told("x.yaml", &between(broken), told, &whole);
    }
    let deep = format!("a: {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let told = "x.yaml:5: invalid YAML: recursion limit exceeded\n";
    assert_told("x.yaml", &between(&deep), told, &whole);
}

#[test]
fn aliases_that_multiply_cost_little_and_are_told() {
    // Nothing in it can be an image, so that none was left out.
    let named = Tool::new().file("x.yaml", between(&bomb())).line("images x.yaml").run();
    assert_eq!((named.code, &*named.stderr), (Some(0), ""), "{named:?}");
    assert_eq!(named.stdout, "docker.io/library/good:1\tx.yaml:3\ndocker.io/library/last:1\tx.yaml:41\n");
    let told = "x.yaml:5: aliases that multiply: not all of it was read\n";
    let all = Tool::new().file("x.yaml", between(&bomb())).line("images --any-image-key x.yaml").run();
    assert_eq!((all.code, &*all.stdout), (Some(2), &*named.stdout), "{all:?}");
    assert!(all.stderr.starts_with(told), "{}", all.stderr);
    // Merge keys multiply too.
    let mut merges = String::from("services:\n  a: {image: 'a:1'}\nx-0: &m0 {k0: 1}\n");
    for level in 1..40 {
        let before = vec![format!("*m{}", level - 1); 16].join(", ");
        merges.push_str(&format!("x-{level}: &m{level} {{<<: [{before}], k{level}: 1}}\n"));
    }
    let output = Tool::new().file("compose.yaml", merges).line("images compose.yaml").run();
    assert_eq!(output.stdout, "docker.io/library/a:1\tcompose.yaml:2\n", "{output:?}");
}

#[test]
fn a_heredoc_that_never_ends_is_a_warning_in_a_folder() {
    let text = "FROM good:1\nRUN <<ONE cat <<-'TWO'\nONE\nFROM swallowed:1\n";
    let told = "Dockerfile:2: <<TWO: the heredoc that begins here has no end\n";
    assert_told("Dockerfile", text, told, &["good:1"]);
}

#[test]
fn files_that_cannot_be_read_are_told_with_their_reason() {
    for (name, told) in [
        ("large.yaml", "large.yaml: larger than "),
        ("failing.yaml", "failing.yaml: cannot be read: "),
        ("loop.yaml", "loop.yaml: cannot be read: "),
    ] {
        let fill = |tool: &Tool, folder: &str| {
            let path = tool.dir().join(folder).join(name);
            match name {
                "large.yaml" => File::create(&path).and_then(|file| file.set_len(100 * 1024 * 1024)),
                // Reading it fails whoever reads, even where nothing is forbidden.
                "failing.yaml" => symlink("/proc/self/mem", &path),
                _ => symlink(name, &path),
            }
            .expect("a file");
        };
        let tool = Tool::new().file("good.yaml", POD);
        fill(&tool, "");
        let named = tool.line("images good.yaml").args([name]).run();
        assert_eq!((named.code, &*named.stdout), (Some(2), ""), "{name}: {named:?}");
        assert!(named.stderr.starts_with(&format!("error: {told}")), "{name}: {}", named.stderr);
        let is_cut = named.stderr.ends_with("hint: cut it into several files, and name them all\n");
        assert_eq!(is_cut, name == "large.yaml", "{name}: {}", named.stderr);

        let tool = Tool::new().file("folder/good.yaml", POD);
        fill(&tool, "folder");
        let met = tool.line("images --recursive folder").run();
        assert_eq!(met.code, Some(0), "{name}: {met:?}");
        assert_eq!(met.stdout, "docker.io/library/good:1\tfolder/good.yaml:3\n", "{name}");
        // A link that leads nowhere is no file, and nobody has named it.
        let is_told = met.stderr.starts_with(&format!("warn: folder/{told}"));
        assert!(is_told || name == "loop.yaml" && met.stderr.is_empty(), "{name}: {}", met.stderr);
    }
}

#[test]
fn a_template_where_an_image_should_be_is_not_passed_over() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: {{ .Values.image }}\n    - image: good:1\n";
    let output = Tool::new().file("x.yaml", text).line("images x.yaml").run();
    assert_eq!((output.code, &*output.stdout), (Some(0), "docker.io/library/good:1\tx.yaml:6\n"));
    let told = "warn: not known offline: x.yaml:5: {…}: no text: if it is a template, render it first (`helm template`)\n";
    assert_eq!(output.stderr, told);
}

/// A file of a node that cannot be used, what is told of it, and what to do about that.
const BAD_NODES: [(&str, &str, &str, &str); 14] = [
    (
        "daemon.json",
        "{\n \"registry-mirrors\": [\"m.example\"]}",
        "daemon.json:2: 'm.example': no scheme specified for registry mirror: it must begin with http:// or https://",
        "write http:// or https:// in front of the host of each of registry-mirrors",
    ),
    (
        "daemon.json",
        "{\n\"insecure-registries\": {\"a\": \"hunter2\"}}",
        "daemon.json:2: insecure-registries: expected a list of texts, found a map",
        "registry-mirrors and insecure-registries are lists of texts, features a map of true and false",
    ),
    (
        "daemon.json",
        "{\n\n\"registry-mirrors\": [1]}",
        "daemon.json:3: registry-mirrors: expected a list of texts, found a number",
        "registry-mirrors and insecure-registries are lists of texts, features a map of true and false",
    ),
    (
        "daemon.json",
        "{\"features\": {\n\"containerd-snapshotter\": \"yes\"}}",
        "daemon.json:2: features.containerd-snapshotter: expected true or false, found a text",
        "registry-mirrors and insecure-registries are lists of texts, features a map of true and false",
    ),
    (
        "daemon.json",
        "[]",
        "daemon.json:1: expected an object, found a list",
        "registry-mirrors and insecure-registries are",
    ),
    (
        "daemon.json",
        "{\n// x\n}",
        "daemon.json:2: key must be a string",
        "look for a missing or superfluous comma",
    ),
    (
        "registries.conf",
        "unqualified-search-registries = []\n[registries.search]\nregistries = []\n",
        "registries.conf:2: [registries.…] is version 1 of this format and cannot be mixed with version 2",
        "write [registries.search] as unqualified-search-registries",
    ),
    (
        "registries.conf",
        "[[registry]]\nlocation = \"https://a.example\"\n",
        "registries.conf:2: invalid location 'https://a.example': no scheme here",
        "prefix and location are host[:port][/path] without https://",
    ),
    (
        "registries.conf",
        "[[registry]]\nprefix = \"a.example\"\n",
        "registries.conf:1: [[registry]] has no location",
        "containers-registries.conf(5) has the keys",
    ),
    ("registries.conf", "[[registry]\n", "registries.conf:1: ", "look for a missing quote, bracket or ="),
    (
        "registries.yaml",
        "mirrors:\n  docker.io:\n    rewrite:\n      \"^(a\": b\n    endpoint: [https://m.example]\n",
        "registries.yaml:4: rewrite '^(a' is no regular expression: error: unclosed group",
        "the left side of a rewrite is a regular expression of Go",
    ),
    (
        "registries.yaml",
        "mirrors: 7\n",
        "registries.yaml:1: not what registries.yaml holds",
        "registries.yaml has `mirrors:`",
    ),
    (
        "hosts.toml",
        "[host.\"ftp://m.example\"]\ncapabilities = [\"x\"]\n",
        "hosts.toml:",
        "a hosts.toml has server =",
    ),
    (
        "buildkitd.toml",
        "[registry.\"docker.io\"]\nmirrors = \"m.example\"\n",
        "buildkitd.toml:2: expected a list",
        "buildkitd.toml has tables [registry.",
    ),
];

#[test]
fn every_reason_why_a_nodes_file_cannot_be_used_has_a_next_step_of_its_own() {
    for (name, text, told, hint) in BAD_NODES {
        let output = Tool::new().file(name, text).line("resolve nginx --mirrors-from").args([name]).run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{name}: {output:?}");
        assert!(output.stderr.starts_with(told), "{}", output.stderr);
        assert!(output.stderr.contains(&format!("\nhint: {hint}")), "{}", output.stderr);
        assert!(!output.stderr.contains("hunter2") && !output.stderr.contains("README"), "{}", output.stderr);
    }
    let gone = Tool::new()
        .file("x.ini", "")
        .line("resolve nginx --mirrors-from gone.json --mirrors-from x.ini")
        .run();
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(gone.stderr.starts_with("gone.json: cannot be read: No such file"), "{}", gone.stderr);
    assert!(gone.stderr.contains("\nhint: check the path; "), "{}", gone.stderr);
    assert!(gone.stderr.contains("\nhint: name the file or folder as the runtime does: "), "{}", gone.stderr);
}
