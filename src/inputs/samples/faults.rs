//! What runtimes would refuse, and what stands beside it: each is told, with its own place.

use super::*;

/// What `text` holds, as `PATH IMAGE`, and what is wrong as `PATH ! WHY`.
fn told(name: &str, text: &str) -> Vec<String> {
    let mut inputs = Inputs::default();
    read_text(text, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs).unwrap();
    let path = |origin: &Origin| origin.path.as_deref().unwrap_or_default().to_owned();
    let images = inputs.images.iter().map(|image| format!("{} {}", path(&image.origin), image.input));
    let open = inputs.dynamic.iter().map(|entry| format!("{} ? {}", path(&entry.origin), entry.text));
    let bad = inputs.bad.iter().map(|bad| format!("{} ! {}", path(&bad.origin), bad.why));
    images.chain(open).chain(bad).collect()
}

#[test]
fn places_on_one_line_are_told_each() {
    let pod = r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx:1"}]}}"#;
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{pod},{pod}]}}"#);
    assert_eq!(
        told("list.json", &list),
        ["items[0].spec.containers[0].image nginx:1", "items[1].spec.containers[0].image nginx:1"]
    );
    assert_eq!(
        told(
            "compose.yaml",
            "services: {a: {image: \"x:$V\"}, b: {image: \"x:$V\"}, c: {image: [1]}, d: {image: {x: 1}}}"
        ),
        [
            "services.a.image ? x:$V",
            "services.b.image ? x:$V",
            "services.c.image ! a list is no image's name: a text must stand here",
            "services.d.image ! a map is no image's name: a text must stand here",
        ]
    );
    assert_eq!(
        told("compose.yaml", "include: [no.yaml, nor.yaml]\n"),
        ["include[0] ! include: no.yaml: no such file", "include[1] ! include: nor.yaml: no such file"]
    );
    // One value that is come to on several ways is one.
    let aliases = "services: {a: &a {image: \"x:1\"}, b: *a, c: {<<: *a}}";
    assert_eq!(told("compose.yaml", aliases), ["services.a.image x:1"]);
}

#[test]
fn a_transport_in_front_of_a_name_is_refused_where_runtimes_refuse_it() {
    let why = "docker:// is no part of a name here: leave it out";
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: \"docker://nginx:1\"}]}\n";
    assert_eq!(told("pod.yaml", pod), [format!("spec.containers[0].image ! {why}")]);
    let compose = "services: {a: {image: \"docker://nginx:1\"}}";
    assert_eq!(told("compose.yaml", compose), [format!("services.a.image ! {why}")]);
    let gitlab = "test: {image: \"docker://ruby:3\", script: x}";
    assert_eq!(told(".gitlab-ci.yml", gitlab), [format!("test.image ! {why}")]);
    assert_eq!(told("Dockerfile", "FROM docker://nginx\n"), [format!(" ! {why}")]);
    assert_found("images.txt", "docker://nginx:1\noci://a.example/b:1\n", &["1 nginx:1", "2 a.example/b:1"]);
    let workflow = "on: push\njobs:\n  a:\n    container: docker://node:20\n    services:\n      b:\n        image: docker://redis:7\n    steps:\n      - uses: docker://alpine:3\n";
    assert_found(".github/workflows/a.yml", workflow, &["4 node:20", "7 redis:7", "9 alpine:3"]);
    assert_found("sync.yaml", "docker://quay.io:\n  images:\n    a/b: [\"1\"]\n", &["3 quay.io/a/b:1"]);
}

#[test]
fn blanks_around_a_name_are_a_fault_wherever_runtimes_have_it_so() {
    let why = "blanks stand around the name: no runtime takes it";
    assert_eq!(
        told("compose.yaml", "services: {a: {image: ' nginx:2 '}}"),
        [format!("services.a.image ! {why}")]
    );
    assert_eq!(
        told(".gitlab-ci.yml", "test: {image: 'ruby:3 ', script: x}"),
        [format!("test.image ! {why}")]
    );
    assert_eq!(
        told("compose.yaml", "services: {a: {image: nginx redis}}"),
        ["services.a.image ! invalid reference format: there is white space in it"]
    );
}
