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
    assert_eq!(named.listed(), "docker.io/library/good:1\tx.yaml:3\ndocker.io/library/last:1\tx.yaml:41\n");
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
    assert_eq!(output.listed(), "docker.io/library/a:1\tcompose.yaml:2\n", "{output:?}");
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
        assert_eq!(named.code, Some(2), "{name}: {named:?}");
        assert_eq!(named.listed(), "docker.io/library/good:1\tgood.yaml:3\n", "{name}");
        assert!(named.stderr.starts_with(&format!("error: {told}")), "{name}: {}", named.stderr);
        let hint = match name {
            "large.yaml" => "cut it into several files, and name them all",
            _ => "check the path, and what it leads to",
        };
        assert!(named.stderr.ends_with(&format!("\nhint: {hint}\n")), "{name}: {}", named.stderr);

        let tool = Tool::new().file("folder/good.yaml", POD);
        fill(&tool, "folder");
        let met = tool.line("images --recursive folder").run();
        assert_eq!(met.code, Some(0), "{name}: {met:?}");
        assert_eq!(met.listed(), "docker.io/library/good:1\tfolder/good.yaml:3\n", "{name}");
        // A link that leads nowhere is no file, and nobody has named it.
        let is_told = met.stderr.starts_with(&format!("warn: folder/{told}"));
        assert!(is_told || name == "loop.yaml" && met.stderr.is_empty(), "{name}: {}", met.stderr);
    }
}

#[test]
fn a_template_where_an_image_should_be_is_not_passed_over() {
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: {{ .Values.image }}\n    - image: good:1\n";
    let output = Tool::new().file("x.yaml", text).line("images x.yaml").run();
    let why = "no text: if it is a template, render it first (`helm template`)";
    let listed = format!("docker.io/library/good:1\tx.yaml:6\n# dynamic: {{…}}\tx.yaml:5: {why}\n");
    assert_eq!((output.code, output.listed()), (Some(0), listed));
    assert_eq!(output.stderr, format!("warn: not known offline: x.yaml:5: {{…}}: {why}\n"));
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
        "registries.yaml:1: a value of the wrong kind: expected a map",
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

#[test]
fn a_line_of_env_that_compose_refuses_is_told_with_its_place_and_never_with_its_text() {
    let compose = "services:\n  a: {image: 'one:${A}'}\n  b: {image: 'two:${B}'}\n";
    let tool = |env: &[u8]| {
        let tool = Tool::new().file("x/compose.yaml", compose).file("x/compose.more.yaml", compose);
        tool.file("x/.env", env)
    };
    let broken = b"A=1\nPASSWORD hunter2\nB=2\n";
    let named = tool(broken).line("images x/compose.yaml x/compose.more.yaml").run();
    assert_eq!(named.code, Some(2), "{named:?}");
    let both = "x/compose.yaml:2,x/compose.more.yaml:2";
    assert!(named.listed().starts_with(&format!("docker.io/library/one:1\t{both}\n")), "{}", named.stdout);
    assert!(named.stdout.contains("docker.io/library/two:2\t"), "{}", named.stdout);
    let told = "x/.env:2: not NAME=VALUE: a name has letters, digits, _, . and -, no blanks\n";
    assert!(named.stderr.starts_with(told), "{}", named.stderr);
    assert_eq!(named.stderr.matches(".env").count(), 1, "{}", named.stderr);
    let walked = tool(broken).line("images -r x").run();
    assert_eq!((walked.code, walked.stderr), (Some(0), format!("warn: {told}")));
    let skipped = tool(broken).line("images --skip-invalid x/compose.yaml").run();
    assert_eq!(skipped.code, Some(0), "{skipped:?}");
    for output in [&named, &skipped] {
        assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    }

    let binary = tool(b"A=\xff\n").line("images x/compose.yaml").run();
    assert_eq!(binary.code, Some(2), "{binary:?}");
    let told = "x/.env:1: cannot be read as a text file of at most 1 MiB\n";
    assert!(binary.stderr.contains(told), "{}", binary.stderr);
    let folder = Tool::new().file("compose.yaml", "services: {a: {image: one}}\n").file(".env/bin/x", "");
    let folder = folder.line("images compose.yaml").run();
    assert_eq!((folder.code, &*folder.stderr), (Some(0), ""), "Python keeps virtual environments there");
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_images_of_the_others() {
    let tool = || {
        let tool = Tool::new().file("one.txt", "one:1\n").file("two.txt", "two:1\nNOT//AN:IMAGE\n");
        tool.file("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\r")
    };
    let output = tool().line("images one.txt gone.txt picture.txt -f csv").run();
    assert_eq!(output.code, Some(2), "{output:?}");
    let names = output.stdout.lines().map(|line| line.split(',').next().unwrap_or_default());
    assert_eq!(names.collect::<Vec<_>>(), ["image", "docker.io/library/one:1"]);
    assert_eq!(
        output.stderr,
        "error: 2 inputs cannot be read:\n  gone.txt: no such file\n  picture.txt: not text but binary data\n\
         hint: check the path; relative paths start at the current directory\n\
         hint: an input is a plain text file with one image a line\n"
    );
    let both = tool().line("images gone.txt two.txt").run();
    assert_eq!((both.code, &*both.stdout), (Some(2), "docker.io/library/two:1\ttwo.txt:1\n"));
    assert!(
        both.stderr.starts_with("error: gone.txt: no such file\ntwo.txt:2: NOT//AN:IMAGE: "),
        "{}",
        both.stderr
    );
    let skipped = tool().line("images --skip-invalid gone.txt two.txt").run();
    assert_eq!((skipped.code, &*skipped.stdout), (Some(2), &*both.stdout), "{skipped:?}");
    let nothing = tool().line("images gone.txt").run();
    assert_eq!((nothing.code, &*nothing.stdout), (Some(2), ""));
    // A check is about all of a list.
    let check = tool().line("one.txt gone.txt").run();
    assert_eq!((check.code, &*check.stdout), (Some(2), ""));
}
