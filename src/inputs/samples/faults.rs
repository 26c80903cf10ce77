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

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nspec: {spec}\n")
}

#[test]
fn what_kubernetes_would_refuse_is_told_with_its_place() {
    let list = "a list must stand here";
    let map = "a map must stand here";
    for (text, expected) in [
        (pod("{containers: {a: {image: \"x:1\"}}}"), format!("spec.containers ! containers: {list}")),
        (pod("{containers: x}"), format!("spec.containers ! containers: {list}")),
        (pod("{containers: [x:1]}"), format!("spec.containers[0] ! {map}")),
        (pod("{initContainers: [], volumes: {image: x}}"), format!("spec.volumes ! volumes: {list}")),
        (pod("[{containers: []}]"), format!("spec ! spec: {map}")),
        (
            pod("{containers: [{image: \"\"}]}"),
            "spec.containers[0].image ! the name of the image is empty".to_owned(),
        ),
        ("apiVersion: v1\nkind: List\nitems: {a: b}\n".to_owned(), format!("items ! items: {list}")),
        ("apiVersion: v1\nkind: pod\nspec: {}\n".to_owned(), "kind ! no such kind: Pod is meant".to_owned()),
        (
            "apiVersion: apps/v1\nkind: DEPLOYMENT\n".to_owned(),
            "kind ! no such kind: Deployment is meant".to_owned(),
        ),
        (
            "kind: Deployment\nspec: {}\n".to_owned(),
            " ! no apiVersion stands beside kind: Kubernetes refuses it".to_owned(),
        ),
    ] {
        assert_eq!(told("x.yaml", &text), [expected], "{text}");
    }
    for silent in [
        pod("{containers: , volumes: ~}"),
        pod("{containers: [{name: filled-by-an-overlay}, {image: }]}"),
        "apiVersion: e.test/v1\nkind: pod\nspec: {containers: x}\n".to_owned(),
        "apiVersion: e.test/v1\nkind: Thing\nspec: {image: \"x:1\"}\n".to_owned(),
    ] {
        assert_eq!(told("x.yaml", &silent), <[&str; 0]>::default(), "{silent}");
    }
}

#[test]
fn custom_resources_that_are_called_alike_may_have_another_shape() {
    let of = |api: &str, rest: &str| format!("apiVersion: {api}\n{rest}\n");
    for (text, expected) in [
        (of("batch.example.com/v1", "kind: Job\nspec: {template: nightly}"), &[][..]),
        (of("x.io/v1", "kind: AllowList\nitems: {a: b}"), &[]),
        (
            of(
                "example.com/v1",
                "kind: Deployment\nspec: {template: {spec: {containers: {main: {image: x:1}}}}}",
            ),
            &[],
        ),
        (
            of(
                "example.com/v1",
                "kind: Pod\nspec: {containers: [x, {image: ''}, {image: [a]}, {image: true}, {image: b:1}], volumes: x}",
            ),
            &["spec.containers[4].image b:1"],
        ),
        (
            of(
                "x.io/v1",
                "kind: PodList\nitems: [{spec: {containers: x}}, {apiVersion: v1, spec: {containers: y}}]",
            ),
            &["items[1].spec.containers ! containers: a list must stand here"],
        ),
        (
            of("v1", "kind: PodList\nitems: [{spec: {containers: x}}]"),
            &["items[0].spec.containers ! containers: a list must stand here"],
        ),
        (of("core.example.com/v1", "kind: Component\nimages: [a]"), &[]),
        (
            of("kustomize.config.k8s.io/v1alpha1", "kind: Component\nimages: [a]"),
            &["images[0] ! a map must stand here"],
        ),
    ] {
        assert_eq!(told("x.yaml", &text), expected, "{text}");
    }
}

#[test]
fn images_in_a_document_of_no_kind_beside_known_ones_are_told_of() {
    let text = format!("{}---\nfoo:\n  - {{image: x:1}}\n---\nbar: {{image: }}\n", pod("{}"));
    let why = "x.yaml:6: an image in a document of no known kind: left out (--any-image-key takes it)";
    assert_eq!(warnings("x.yaml", &text), [why]);
    let crd = format!("{}---\napiVersion: a/v1\nkind: B\nspec: {{image: x:1}}\n", pod("{}"));
    assert_eq!(warnings("x.yaml", &crd), <[&str; 0]>::default());
}

#[test]
fn services_of_other_programs_make_no_compose_file() {
    let symfony = "services:\n  _defaults: {autowire: true}\n  App\\X: '@App\\Y'\n  App\\Z: ~\n  App\\L: {class: L, tags: [{name: command}]}\n";
    let mut inputs = Inputs::default();
    let name = "config/services.yaml";
    let read = read_text(symfony, Some(Path::new(name)), &options(None), &Arc::from(name), &mut inputs);
    assert!(matches!(read, Err(FileFault::UnknownKind)) && inputs == Inputs::default(), "{inputs:?}");
    let why = "a service is a map: nothing is read of this";
    assert_eq!(told("compose.yaml", symfony), [format!("services[\"App\\\\X\"] ! {why}")]);
    assert_eq!(
        told(name, "services: {a: x, b: {image: b:1}}"),
        ["services.b.image b:1".to_owned(), format!("services.a ! {why}")]
    );
    assert_eq!(told(name, "x-a: &a {image: a:1}\nservices: {a: {<<: *a}}"), ["x-a.image a:1"]);
    for known in
        ["a: {ports: [1]}", "a: !reset null", "a: {build: .}", "a: {extends: {file: no, service: a}}"]
    {
        let root = yaml::chunks(known)[0].read().unwrap();
        assert_eq!(kind::of_document(&root, None, &Budget::default()), None);
        let root = yaml::chunks(&format!("services: {{{known}}}"))[0].read().unwrap();
        assert_eq!(kind::of_document(&root, None, &Budget::default()), Some(Kind::Compose), "{known}");
    }
}

#[test]
fn workflows_that_runners_would_refuse_are_told_with_their_place() {
    let job = |job: &str| format!("on: push\njobs:\n  a:\n    {job}\n    steps: []\n");
    let must = "a list is no image's name: a text must stand here";
    let none = "no image is named: `image` is missing";
    for (text, expected) in [
        (job("container: [x:1]"), Some(format!("jobs.a.container ! {must}"))),
        (job("container: {volumes: [x]}"), Some(format!("jobs.a.container ! {none}"))),
        (job("container: {image: [x:1]}"), Some(format!("jobs.a.container.image ! {must}"))),
        (job("services: {b: {ports: [1]}}"), Some(format!("jobs.a.services.b ! {none}"))),
        (
            job("services: [x:1]"),
            Some("jobs.a.services ! services: a list stands where a map of services must".to_owned()),
        ),
        (job("container: ''"), None),
        (job("container: {image: ''}"), None),
    ] {
        assert_eq!(told(".github/workflows/a.yml", &text), Vec::from_iter(expected), "{text}");
    }
}

#[test]
fn kustomizations_keep_the_text_of_a_tag_or_say_so() {
    let number = "a number to YAML, whose readers may change its text (1.10 becomes 1.1): write it in quotes";
    for (entry, expected) in [
        ("{name: b, tagSuffix: -x}", "images[0] ? b:…-x".to_owned()),
        ("{name: b, newTag: 1.10}", format!("images[0].newTag ! {number}")),
        ("{name: b, newTag: '1.10'}", "images[0] b:1.10".to_owned()),
        ("{name: b, newTag: 1.27}", "images[0] b:1.27".to_owned()),
        ("{name: i, newName: \"\", newTag: v1}", "images[0] i:v1".to_owned()),
        ("{name: b, newTag: v1, tagSuffix: -x}", "images[0] b:v1".to_owned()),
        (
            "{name: b, newTag: [v1]}",
            "images[0].newTag ! a list is no image's name: a text must stand here".to_owned(),
        ),
        ("b:1", "images[0] ! a map must stand here".to_owned()),
    ] {
        assert_eq!(told("kustomization.yaml", &format!("images: [{entry}]\n")), [expected], "{entry}");
    }
    let any = Options { any_image_key: AnyImageKey::Yes, ..Options::default() };
    let values = "image: {repository: a, tag: 1.10}\nb: {image: {repository: b, tag: \"1.10\"}}\n";
    assert_eq!(found_with("values.yaml", values, &any), ["1 ! 1.10", "2 b:1.10"]);
}

#[test]
fn the_group_of_a_component_is_part_of_its_name() {
    let component = |rest: &str| {
        format!("{{\"bomFormat\":\"CycloneDX\",\"components\":[{{\"type\":\"container\",{rest}}}]}}")
    };
    for (rest, expected) in [
        (r#""group":"org","name":"app","version":"1""#, "1 org/app:1"),
        (r#""group":"ghcr.io/org/","name":"app:2""#, "1 ghcr.io/org/app:2"),
        (r#""group":"org","name":"org/app","version":"1""#, "1 org/app:1"),
        (r#""group":"","name":"app","version":"1""#, "1 app:1"),
    ] {
        assert_found("bom.json", &component(rest), &[expected]);
    }
}
