//! Kubernetes manifests, lists, kustomizations and templates.

use super::*;

#[test]
fn every_workload_gives_its_containers() {
    let pod = "containers: [{name: a, image: \"a:1\"}]";
    for (kind, spec) in [
        ("Pod", format!("spec: {{{pod}}}")),
        ("PodTemplate", format!("template: {{spec: {{{pod}}}}}")),
        ("Deployment", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("ReplicaSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("StatefulSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("DaemonSet", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("Job", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("ReplicationController", format!("spec: {{template: {{spec: {{{pod}}}}}}}")),
        ("CronJob", format!("spec: {{jobTemplate: {{spec: {{template: {{spec: {{{pod}}}}}}}}}}}")),
    ] {
        assert_found("x.yaml", &format!("apiVersion: v1\nkind: {kind}\n{spec}\n"), &["3 a:1"]);
    }
    // The same elsewhere is none: nobody knows what such a kind means by it.
    assert_found("x.yaml", &format!("apiVersion: e.test/v1\nkind: Thing\nspec: {{{pod}}}\n"), &[]);
}

const PODS: &str = r"# Source: chart/templates/pod.yaml
apiVersion: v1
kind: Pod
spec:
  initContainers:
    - image: init:1
      name: i
  containers:
    - name: web
      image: 'quay.io/org/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    - name: filled-by-an-overlay
    - name: typed
      image: ${REGISTRY}/app
  ephemeralContainers:
    - image: busybox
  volumes:
    - name: data
      image:
        reference: quay.io/data/models:v2
        pullPolicy: IfNotPresent
    - name: none
      emptyDir: {}
---
# nothing
---
apiVersion: v1
kind: ConfigMap
data:
  image: not-one:1
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    spec: {containers: [{image: listed:1}]}
  - apiVersion: v1
    kind: List
    items:
      - kind: Pod
        apiVersion: v1
        spec:
          containers:
            - image: nested:1
---
apiVersion: v1
kind: PodList
items:
  - spec:
      containers:
        - image: typed-list:1
---
a: [
---
apiVersion: v1
kind: Pod
spec:
	containers: []
---
apiVersion: v1
kind: Pod
kind: Pod
---
apiVersion: batch/v1
kind: Job
spec: {template: {spec: {containers: [{image: 'last:1'}]}}}
";

#[test]
fn streams_give_every_document_that_can_be_read() {
    assert_found(
        "rendered.yaml",
        PODS,
        &[
            "6 init:1",
            "10 quay.io/org/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "13 ? ${REGISTRY}/app",
            "15 busybox:latest",
            "19 quay.io/data/models:v2",
            "36 listed:1",
            "44 nested:1",
            "51 typed-list:1",
            "53 ! ",
            "58 ! ",
            "62 ! ",
            "66 last:1",
        ],
    );
}

#[test]
fn json_lists_and_kustomizations_are_kubernetes_too() {
    let json = "{\n \"apiVersion\": \"v1\", \"kind\": \"List\",\n \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n   \"spec\": {\"containers\": [\n    {\"image\": \"a:1\"},\n    {\"image\": \"b:2\"}]}}]}\n";
    assert_found("pods.json", json, &["6 a:1", "7 b:2"]);
    let images = "resources: [a.yaml]\nimages:\n  - name: nginx\n    newTag: \"1.27\"\n  - name: redis\n    newName: mirror.test/redis\n    newTag: 7.2\n  - name: app\n    newName: mirror.test/app\n  - name: pinned\n    digest: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n  - name: alone\n";
    let expected = [
        "4 nginx:1.27",
        "6 mirror.test/redis:7.2",
        "9 ? mirror.test/app",
        "11 pinned@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ];
    assert_found("kustomization.yaml", images, &expected);
    let header =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages: [{name: a, newTag: b}]\n";
    assert_found("any.yaml", header, &["3 a:b"]);
}

#[test]
fn json_objects_one_behind_another_are_documents_with_their_lines() {
    let pod = |image: &str| {
        format!(
            "{{\n\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n\"spec\": {{\"containers\": [{{\"image\": \"{image}\"}}]}}}}"
        )
    };
    let list = format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{}]}}", pod("a:1"));
    let text =
        format!("{list}\n{}{}\n---\n{}\n---\n{list}\n{{\"kind\":\n", pod("b:1"), pod("c:1"), pod("d:1"));
    assert_found("pods.json", &text, &["4 a:1", "7 b:1", "9 c:1", "13 d:1", "19 ! "]);
    let mut inputs = Inputs::default();
    read_text(&text, Some(Path::new("p.json")), &options(None), &"p.json".into(), &mut inputs).unwrap();
    let documents: Vec<_> = inputs.images.iter().map(|image| image.origin.document).collect();
    assert_eq!(documents, [Some(1), Some(2), Some(3), Some(4)]);
    // The same without a name that tells.
    let mut inputs = Inputs::default();
    read_text(&format!("{list}\n{}", pod("b:1")), None, &options(None), &"stdin".into(), &mut inputs)
        .unwrap();
    assert_eq!((inputs.images.len(), inputs.bad.len()), (2, 0));
}

#[test]
fn custom_resources_give_images_only_where_every_key_counts() {
    let text = "apiVersion: e.test/v1\nkind: Thing\nspec:\n  image: a:1\n  agent:\n    image:\n      registry: quay.io\n      repository: org/b\n      tag: 2\n  other:\n    image: {repository: c}\n  list:\n    - image: d:4\n";
    assert_found("x.yaml", text, &[]);
    let any = Options { any_image_key: AnyImageKey::Yes, ..Options::default() };
    assert_eq!(found_with("x.yaml", text, &any), ["4 a:1", "8 quay.io/org/b:2", "11 ? c", "13 d:4"]);
    let values = "global: {}\nimage:\n  repository: nginx\n  tag: ''\nsidecar:\n  image: e:5\n";
    assert_eq!(found_with("values.yaml", values, &any), ["3 ? nginx", "6 e:5"]);
}

#[test]
fn templates_are_told_from_broken_yaml() {
    let mut inputs = Inputs::default();
    let text = "apiVersion: v1\nkind: Pod\n{{- if .Values.x }}\nspec: {}\n{{- end }}\n";
    let name = Arc::from("templates/pod.yaml");
    read_text(text, Some(Path::new("templates/pod.yaml")), &options(None), &name, &mut inputs).unwrap();
    assert_eq!(
        inputs.bad.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["templates/pod.yaml:3: a template, not YAML: render it first (`helm template`)"]
    );
}

#[test]
fn blanks_around_a_name_are_a_fault_as_kubernetes_has_it() {
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: ' sp:1 '\n  - image: \"a:1\\n\"\n  - image:   b:1  \n  \
               volumes: [{image: {reference: 'v:1 '}}]\n";
    assert_found("pod.yaml", pod, &["5 ! ' sp:1 '", "6 ! 'a:1\n'", "7 b:1", "8 ! 'v:1 '"]);
}
