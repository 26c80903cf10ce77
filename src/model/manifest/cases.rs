//! What manifest endpoints answer, good, odd and hostile, and what is read from it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const HEX_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn blob(letter: char) -> Value {
    json!({"mediaType": "application/octet-stream", "size": 2, "digest": digest(letter)})
}

fn blob_ref(letter: char) -> BlobRef {
    BlobRef { digest: digest(letter).into(), size: Some(2), distribution: Distribution::Registry }
}

fn entry(letter: char, architecture: &str) -> Value {
    json!({
        "mediaType": MediaType::OciManifest.as_str(), "size": 500, "digest": digest(letter),
        "platform": {"os": "linux", "architecture": architecture},
    })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2, "mediaType": MediaType::OciManifest.as_str(),
        "config": blob('c'), "layers": [blob('a'), blob('b')],
    })
}

fn index(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": entries})
}

fn with(mut document: Value, field: &str, value: Value) -> Value {
    document[field] = value;
    document
}

fn without(mut document: Value, field: &str) -> Value {
    document.as_object_mut().unwrap().remove(field);
    document
}

fn parse(document: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(document.to_string().as_bytes(), None)
}

fn children(document: &Value) -> Vec<Child> {
    match parse(document).unwrap().content {
        Content::Index(children) => children,
        other => panic!("no index: {other:?}"),
    }
}

fn is_malformed(result: Result<Manifest, ManifestError>) -> bool {
    matches!(result, Err(ManifestError::Malformed(_)))
}

#[test]
fn media_types_are_read_without_parameters_and_without_case() {
    for known in MediaType::ALL {
        let name = known.as_str();
        for text in [
            name.to_owned(),
            name.to_uppercase(),
            format!("{name}; charset=utf-8"),
            format!("{name};charset=UTF-8;x=y"),
            format!("  {name}\t;"),
        ] {
            assert_eq!(MediaType::parse(&text), Some(known), "{text}");
        }
    }
    for text in ["", ";", "text/html", "application/json", "application/vnd.oci.image.index.v1", "x,y"] {
        assert_eq!(MediaType::parse(text), None, "{text}");
    }
}

#[test]
fn accept_names_each_known_type_once_without_weights() {
    let names: Vec<&str> = ACCEPT.split(", ").collect();
    assert_eq!(names, MediaType::ALL.map(MediaType::as_str));
}

#[test]
fn an_image_manifest_gives_config_and_layers_in_order() {
    let kind = ImageKind::Vague;
    let content = Content::Image { config: blob_ref('c'), kind, layers: vec![blob_ref('a'), blob_ref('b')] };
    for (document, header, media_type) in [
        (image(), None, MediaType::OciManifest),
        (image(), Some(MediaType::OciManifest), MediaType::OciManifest),
        (without(image(), "mediaType"), None, MediaType::OciManifest),
        (without(image(), "mediaType"), Some(MediaType::DockerManifest), MediaType::DockerManifest),
        (
            with(
                image(),
                "mediaType",
                json!("Application/VND.docker.distribution.manifest.v2+JSON; charset=utf-8"),
            ),
            Some(MediaType::DockerManifest),
            MediaType::DockerManifest,
        ),
        (with(image(), "mediaType", json!("application/vnd.example.new+json")), None, MediaType::OciManifest),
        (with(image(), "annotations", json!({"a": "b"})), None, MediaType::OciManifest),
        (with(image(), "a-field-of-tomorrow", json!([{"x": null}])), None, MediaType::OciManifest),
        (with(image(), "subject", blob('d')), None, MediaType::OciManifest),
    ] {
        let read = Manifest::parse(document.to_string().as_bytes(), header).unwrap();
        assert_eq!(read, Manifest { media_type, content: content.clone() }, "{document}");
    }
}

#[test]
fn an_index_gives_its_entries_in_order_with_platforms() {
    let document = index(&[entry('a', "amd64"), entry('b', "aarch64"), without(entry('c', ""), "platform")]);
    let read = children(&document);
    let shown: Vec<_> = read.iter().map(|child| child.platform.as_ref().map(ToString::to_string)).collect();
    assert_eq!(shown, [Some("linux/amd64".into()), Some("linux/arm64".into()), None]);
    assert_eq!(read[2].digest.as_deref(), Some(&*digest('c')));
    assert!(read.iter().all(|child| child.kind == ChildKind::Image));

    let list = with(document, "mediaType", json!(MediaType::DockerList.as_str()));
    assert_eq!(parse(&list).unwrap().media_type, MediaType::DockerList);
    let list = without(list, "mediaType");
    assert_eq!(parse(&list).unwrap().media_type, MediaType::OciIndex);
    let read = Manifest::parse(list.to_string().as_bytes(), Some(MediaType::DockerList)).unwrap();
    assert_eq!(read.media_type, MediaType::DockerList);
}

#[test]
fn an_index_may_be_empty_also_as_go_prints_it() {
    assert_eq!(children(&index(&[])), []);
    assert_eq!(children(&with(index(&[]), "manifests", Value::Null)), []);
    let untyped = json!({"schemaVersion": 2, "manifests": null});
    assert_eq!(parse(&untyped), Err(ManifestError::Kind));
    assert_eq!(parse(&without(index(&[]), "manifests")), Err(ManifestError::Kind));
}

#[test]
fn an_artifact_may_have_no_layers() {
    for layers in [json!([]), Value::Null] {
        let read = parse(&with(image(), "layers", layers)).unwrap();
        assert_eq!(
            read.content,
            Content::Image { config: blob_ref('c'), kind: ImageKind::Vague, layers: vec![] }
        );
    }
    assert_eq!(parse(&without(image(), "layers")), Err(ManifestError::Kind));
    assert_eq!(parse(&without(image(), "config")), Err(ManifestError::Kind));
    assert_eq!(parse(&with(image(), "config", Value::Null)), Err(ManifestError::Kind));
}

#[test]
fn schema_1_is_known_by_its_layers_with_any_content_type_of_its_own() {
    let document = json!({
        "schemaVersion": 1, "name": "library/x", "tag": "1", "architecture": "amd64",
        "fsLayers": [{"blobSum": digest('a')}], "history": [{"v1Compatibility": "{}"}], "signatures": [],
    });
    for (header, media_type) in [
        (None, MediaType::DockerSchema1Signed),
        (Some(MediaType::DockerSchema1Signed), MediaType::DockerSchema1Signed),
        (Some(MediaType::DockerSchema1), MediaType::DockerSchema1),
    ] {
        let read = Manifest::parse(document.to_string().as_bytes(), header).unwrap();
        assert_eq!(read, Manifest { media_type, content: Content::Schema1 });
        assert_eq!(read.images().count(), 0);
    }
    let signed = with(document.clone(), "mediaType", json!(SCHEMA1));
    let read = Manifest::parse(signed.to_string().as_bytes(), Some(MediaType::DockerSchema1Signed));
    assert_eq!(read.map(|read| read.content), Ok(Content::Schema1));
    let bytes = document.to_string();
    assert!(is_malformed(Manifest::parse(bytes.as_bytes(), Some(MediaType::OciIndex))));
    assert_eq!(parse(&with(document, "schemaVersion", json!(2))), Err(ManifestError::Kind));
}

#[test]
fn attestations_are_told_from_images_in_each_of_their_forms() {
    let with_annotation = with(
        entry('a', "amd64"),
        "annotations",
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest('b')}),
    );
    let typed = json!("application/vnd.docker.attestation.manifest.v1+json");
    let entries = [
        entry('b', "amd64"),
        with_annotation,
        with(entry('c', ""), "platform", json!({"os": "unknown", "architecture": "unknown"})),
        with(entry('d', ""), "platform", json!({"os": "Unknown", "architecture": "UNKNOWN"})),
        with(without(entry('e', ""), "platform"), "artifactType", typed.clone()),
        // The same with a field that the model refuses.
        with(with(without(entry('f', ""), "platform"), "artifactType", typed), "size", json!("big")),
        with(
            with(entry('0', "arm64"), "annotations", json!({"vnd.docker.reference.type": 7})),
            "platform",
            Value::Null,
        ),
    ];
    let document = index(&entries);
    let kinds: Vec<ChildKind> = children(&document).iter().map(|child| child.kind).collect();
    assert_eq!(kinds[0], ChildKind::Image);
    assert_eq!(kinds[1..], [ChildKind::Attestation; 6]);
    assert_eq!(parse(&document).unwrap().images().count(), 1);
    let half_known = with(entry('b', ""), "platform", json!({"os": "linux", "architecture": "unknown"}));
    assert_eq!(children(&index(&[half_known]))[0].kind, ChildKind::Image);
}

#[test]
fn entries_of_unknown_media_type_are_ignored_not_refused() {
    let cache = json!({
        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 5, "digest": digest('b'),
    });
    let document = index(&[entry('a', "amd64"), cache, with(entry('c', "arm64"), "mediaType", json!("x/y"))]);
    let kinds: Vec<ChildKind> = children(&document).iter().map(|child| child.kind).collect();
    assert_eq!(kinds, [ChildKind::Image, ChildKind::Unknown, ChildKind::Unknown]);
    assert_eq!(parse(&document).unwrap().images().count(), 1);
    for known in MediaType::ALL {
        let child = &children(&index(&[with(entry('a', "amd64"), "mediaType", json!(known.as_str()))]))[0];
        assert_eq!(child.kind, ChildKind::Image, "{known}");
    }
}

#[test]
fn a_digest_of_unknown_algorithm_leaves_the_entry_without_digest() {
    for text in ["blake3:00ff", "sha256:short", "", "no digest", "sha256:AAAA"] {
        let odd = with(entry('a', "amd64"), "digest", json!(text));
        let read = children(&index(&[odd, entry('b', "arm64")]));
        assert_eq!(read[0].digest.as_deref(), Some(text), "kept as it is written");
        assert_eq!(read[0].platform.as_ref().map(ToString::to_string).as_deref(), Some("linux/amd64"));
        assert_eq!(read[0].kind, ChildKind::Image);
        assert_eq!(read[1].digest.as_deref(), Some(&*digest('b')));
    }
}

#[test]
fn one_odd_field_spoils_neither_its_entry_nor_the_index() {
    let good = &children(&index(&[entry('a', "amd64")]))[0];
    for (field, value) in [
        ("size", json!("500")),
        ("size", json!(-1)),
        ("size", json!(1.5)),
        ("size", json!(u64::MAX)),
        ("size", Value::Null),
        ("annotations", json!("text")),
        ("annotations", json!({"a": 1})),
        ("artifactType", json!(3)),
        ("mediaType", Value::Null),
        ("mediaType", json!(["x"])),
        ("urls", json!({"x": 1})),
        ("platform", json!({"os": "linux", "architecture": "amd64", "os.features": "x", "variant": null})),
        ("platform", json!({"os": "linux", "architecture": "amd64", "variant": 8})),
        ("platform", json!({"os": "linux", "architecture": "amd64", "os.version": []})),
    ] {
        let read = children(&index(&[with(entry('a', "amd64"), field, value.clone()), entry('b', "arm64")]));
        // Of a size or type that cannot be read nothing is known.
        let expected = match field {
            "size" => Child { size: None, ..good.clone() },
            "mediaType" => Child { media_type: None, ..good.clone() },
            _ => good.clone(),
        };
        assert_eq!(read[0], expected, "{field}: {value}");
        assert_eq!(read.len(), 2);
    }
    for platform in
        [json!({}), json!({"os": "linux"}), json!("linux/amd64"), json!({"os": 1, "architecture": 2})]
    {
        let read = children(&index(&[with(entry('a', ""), "platform", platform)]));
        assert_eq!(read[0], Child { platform: None, ..good.clone() });
    }
    let sizeless = without(without(entry('a', "amd64"), "size"), "mediaType");
    assert_eq!(children(&index(&[sizeless]))[0], Child { size: None, media_type: None, ..good.clone() });
    assert_eq!(children(&index(&[without(entry('a', "amd64"), "digest")]))[0].digest, None);
    assert_eq!(children(&index(&[with(entry('a', "amd64"), "digest", json!(1))]))[0].digest, None);
}

#[test]
fn an_entry_that_cannot_be_read_at_all_stands_as_unknown() {
    for odd in [Value::Null, json!(1), json!("x"), json!([[]])] {
        let read = children(&index(&[odd.clone(), entry('b', "arm64")]));
        let unknown =
            Child { digest: None, platform: None, size: None, media_type: None, kind: ChildKind::Unknown };
        assert_eq!(read[0], unknown, "{odd}");
        assert_eq!(read[1].digest.as_deref(), Some(&*digest('b')));
    }
    let twice = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"digest":"sha256:{HEX_A}","digest":"blake3:0"}},{{"digest":"sha256:{HEX_A}"}}]}}"#
    );
    let read = Manifest::parse(twice.as_bytes(), None).unwrap();
    assert_eq!(read.images().count(), 1, "two digests for one entry are no digest: {read:?}");
    assert!(is_malformed(parse(&with(index(&[]), "manifests", json!({})))));
    assert!(is_malformed(parse(&with(index(&[]), "manifests", json!("x")))));
}

#[test]
fn odd_blobs_keep_their_digests_and_a_blob_without_digest_is_malformed() {
    let expected = parse(&image()).unwrap();
    for (field, value) in [
        ("annotations", json!([1])),
        ("subject", json!("x")),
        ("artifactType", json!({})),
        ("config", with(blob('c'), "size", json!("2"))),
        ("config", without(blob('c'), "mediaType")),
        ("layers", json!([with(blob('a'), "size", json!(-5)), with(blob('b'), "urls", json!("u"))])),
        ("layers", json!([with(blob('a'), "size", json!(1e300)), without(blob('b'), "size")])),
    ] {
        let read = parse(&with(image(), field, value.clone())).unwrap();
        let digests = |manifest: &Manifest| -> Vec<Box<str>> {
            manifest.blobs().map(|(_, blob)| blob.digest.clone()).collect()
        };
        assert_eq!(digests(&read), digests(&expected), "{field}: {value}");
    }
    for (field, value) in [
        ("config", without(blob('c'), "digest")),
        ("config", json!("x")),
        ("config", json!([])),
        ("layers", json!({})),
        ("layers", json!([blob('a'), 5])),
        ("layers", json!([with(blob('a'), "digest", Value::Null)])),
    ] {
        assert!(is_malformed(parse(&with(image(), field, value.clone()))), "{field}: {value}");
    }
}

#[test]
fn sizes_that_no_blob_can_have_are_none() {
    for size in
        [json!(-1), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!(1.5), json!("2"), Value::Null]
    {
        let document = with(image(), "layers", json!([with(blob('a'), "size", size.clone())]));
        let sizes: Vec<_> = parse(&document).unwrap().blobs().map(|(kind, blob)| (kind, blob.size)).collect();
        assert_eq!(sizes, [(BlobKind::Config, Some(2)), (BlobKind::Layer, None)], "{size}");
    }
    let most = with(image(), "config", with(blob('c'), "size", json!(i64::MAX)));
    assert_eq!(parse(&most).unwrap().blobs().next().unwrap().1.size, Some(i64::MAX as u64));
}

#[test]
fn layers_that_registries_need_not_have_are_known_by_their_media_type_alone() {
    for (media_type, distribution) in [
        ("application/vnd.oci.image.layer.v1.tar+gzip", Distribution::Registry),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", Distribution::Elsewhere),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", Distribution::Elsewhere),
        ("Application/vnd.docker.image.rootfs.foreign.diff.tar.gzip; x=y", Distribution::Elsewhere),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", Distribution::Registry),
    ] {
        for more in [json!(null), json!([1])] {
            let mut layer = with(blob('a'), "mediaType", json!(media_type));
            layer["urls"] = json!(["https://elsewhere.example/layer"]);
            layer["annotations"] = more;
            let read = parse(&with(image(), "layers", json!([layer]))).unwrap();
            assert_eq!(read.blobs().nth(1).unwrap().1.distribution, distribution, "{media_type}");
        }
    }
}

#[test]
fn answers_that_are_no_manifest_are_refused_for_their_own_reason() {
    let not_json =
        ["", " \n", "<!DOCTYPE html><html></html>", "\u{feff}{}", "{", "{\"a\":1,}", "nul", "[1,", "{}{}"];
    for text in not_json {
        let error = Manifest::parse(text.as_bytes(), None).unwrap_err();
        assert!(matches!(error, ManifestError::NotJson(_)), "{text:?}: {error:?}");
    }
    for text in ["[]", "null", "true", "\"x\"", "12", "[{\"schemaVersion\":2}]"] {
        assert_eq!(Manifest::parse(text.as_bytes(), None), Err(ManifestError::NotAnObject), "{text}");
    }
    for document in [
        json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "m"}]}),
        json!({"errors": [], "data": null}),
        json!({"errors": "x"}),
    ] {
        assert_eq!(parse(&document), Err(ManifestError::ErrorDocument), "{document}");
    }
    for document in [
        json!({}),
        without(image(), "schemaVersion"),
        with(image(), "schemaVersion", json!(0)),
        with(image(), "schemaVersion", json!(3)),
        with(image(), "schemaVersion", json!(-2)),
        with(image(), "schemaVersion", json!(2.5)),
        with(image(), "schemaVersion", json!(u64::MAX)),
        with(image(), "schemaVersion", Value::Null),
    ] {
        assert_eq!(parse(&document), Err(ManifestError::SchemaVersion), "{document}");
    }
    for document in
        [json!({"schemaVersion": 2}), json!({"schemaVersion": 1}), with(image(), "schemaVersion", json!(1))]
    {
        assert_eq!(parse(&document), Err(ManifestError::Kind), "{document}");
    }
    assert!(is_malformed(parse(&with(image(), "schemaVersion", json!("2")))));
    assert!(is_malformed(parse(&with(image(), "mediaType", json!(2)))));
}

#[test]
fn types_that_contradict_each_other_are_refused() {
    let bytes = image().to_string();
    assert_eq!(
        Manifest::parse(bytes.as_bytes(), Some(MediaType::DockerManifest)),
        Err(ManifestError::TypeMismatch { body: MediaType::OciManifest, header: MediaType::DockerManifest })
    );
    let untyped = without(image(), "mediaType").to_string();
    assert!(is_malformed(Manifest::parse(untyped.as_bytes(), Some(MediaType::OciIndex))));
    assert!(is_malformed(parse(&with(image(), "mediaType", json!(MediaType::DockerList.as_str())))));
    assert!(is_malformed(parse(&with(index(&[]), "mediaType", json!(MediaType::OciManifest.as_str())))));
}

#[test]
fn a_document_that_is_index_and_image_at_once_is_refused() {
    for media_type in
        [Value::Null, json!(MediaType::OciIndex.as_str()), json!(MediaType::OciManifest.as_str())]
    {
        let both = with(with(image(), "manifests", json!([])), "mediaType", media_type);
        assert!(is_malformed(parse(&both)), "{both}");
        assert!(is_malformed(parse(&without(both, "config"))));
    }
    let harmless = with(with(index(&[entry('a', "amd64")]), "config", Value::Null), "layers", Value::Null);
    assert_eq!(children(&harmless).len(), 1);
}

#[test]
fn fields_given_twice_at_the_top_are_refused() {
    let twice = r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
    assert!(is_malformed(Manifest::parse(twice.as_bytes(), None)));
    let twice = format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"sha256:{HEX_A}","digest":"sha256:{HEX_A}"}},"layers":[]}}"#
    );
    assert!(is_malformed(Manifest::parse(twice.as_bytes(), None)));
    let unknown = r#"{"schemaVersion":2,"x":1,"x":2,"manifests":[]}"#;
    assert!(Manifest::parse(unknown.as_bytes(), None).is_ok());
}

#[test]
fn depth_and_numbers_without_measure_neither_panic_nor_overflow() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(200_000), close.repeat(200_000));
    let arrays = deep("[", "]");
    let objects = deep("{\"a\":", "}").replace(":}", ":1}");
    assert_eq!(Manifest::parse(arrays.as_bytes(), None), Err(ManifestError::NotAnObject));
    assert!(Manifest::parse(objects.as_bytes(), None).is_err());
    let huge = "9".repeat(10_000);
    for place in [
        r#"{"schemaVersion":2,"manifests":[],"x":#}"#,
        r#"{"schemaVersion":2,"manifests":[{"digest":"d","platform":#}]}"#,
        r#"{"schemaVersion":2,"manifests":[#]}"#,
        r#"{"schemaVersion":2,"config":#,"layers":[]}"#,
        r#"{"schemaVersion":2,"config":{"digest":"d","size":#},"layers":[{"digest":"d","size":#}]}"#,
        r#"{"schemaVersion":#}"#,
    ] {
        for filling in [arrays.as_str(), "1e999", "-1e-999", &huge, "-0"] {
            let _ = Manifest::parse(place.replace('#', filling).as_bytes(), None);
        }
    }
    let ignored = r#"{"schemaVersion":2,"manifests":[],"x":#}"#.replace('#', &arrays);
    assert!(Manifest::parse(ignored.as_bytes(), None).is_ok());
    let sized = r#"{"schemaVersion":2,"config":{"digest":"d","size":1e999},"layers":[]}"#;
    assert!(Manifest::parse(sized.as_bytes(), None).is_ok());
}

#[test]
fn what_a_document_says_is_quoted_only_in_part() {
    let shouting = with(image(), "schemaVersion", json!(format!("\u{1b}[31m\n{}", "x".repeat(1_000_000))));
    let Err(ManifestError::Malformed(text)) = parse(&shouting) else { panic!("not malformed") };
    assert!(text.chars().count() <= MAX_FAULT_CHARS);
    assert!(!text.contains(char::is_control), "{text}");
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z/]{0,6}".prop_map(Value::from),
        Just(json!(digest('a'))),
        Just(json!(MediaType::OciIndex.as_str())),
    ];
    let field = prop::sample::select(vec![
        "schemaVersion",
        "mediaType",
        "manifests",
        "config",
        "layers",
        "digest",
        "platform",
        "os",
        "architecture",
        "annotations",
        "size",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(field.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Manifest::parse(&bytes, None);
        let _ = Manifest::parse(&[b"{\"schemaVersion\":2,", &bytes[..]].concat(), Some(MediaType::OciIndex));
    }

    #[test]
    fn arbitrary_documents_never_panic(document in anything(), field in "manifests|config|layers|mediaType") {
        let _ = parse(&document);
        let _ = parse(&with(image(), &field, document.clone()));
        let _ = parse(&with(index(&[]), &field, document));
    }

    #[test]
    fn an_index_of_arbitrary_entries_keeps_their_number(entries in prop::collection::vec(anything(), 0..5)) {
        prop_assert_eq!(children(&index(&entries)).len(), entries.len());
    }

    #[test]
    fn a_field_that_the_model_refuses_changes_nothing_that_is_compared(
        arch in "[a-z0-9]{1,6}", variant in prop::option::of("[v0-9]{1,3}"), version in prop::option::of("[0-9.]{1,8}"),
        annotation in "[a-z.]{1,8}|vnd\\.docker\\.reference\\.type",
    ) {
        let plain = json!({
            "mediaType": MediaType::OciManifest.as_str(), "size": 500, "digest": digest('a'),
            "platform": {"os": "linux", "architecture": arch, "variant": variant, "os.version": version},
            "annotations": {annotation: "x"},
        });
        prop_assume!(arch != "armbe");
        let odd = with(plain.clone(), "size", json!("500"));
        let mut read = children(&index(&[plain]));
        read[0].size = None;
        prop_assert_eq!(read, children(&index(&[odd])));
    }
}

#[test]
fn what_an_image_is_tells_its_config_whatever_else_is_odd() {
    for (media_type, kind) in [
        ("application/vnd.oci.image.config.v1+json", ImageKind::Container),
        ("application/vnd.docker.container.image.v1+JSON; a=b", ImageKind::Container),
        ("application/vnd.cncf.helm.config.v1+json", ImageKind::Artifact),
        ("application/vnd.oci.empty.v1+json", ImageKind::Artifact),
        ("application/vnd.oci.images.config", ImageKind::Artifact),
        ("", ImageKind::Vague),
        ("application/octet-stream", ImageKind::Vague),
        ("application/vnd.docker.plugin.v1+json", ImageKind::Vague),
    ] {
        for size in [json!(2), json!("2")] {
            let config = json!({"mediaType": media_type, "size": size, "digest": digest('c')});
            let document = json!({"schemaVersion": 2, "config": config, "layers": []});
            let read = Manifest::parse(document.to_string().as_bytes(), None).unwrap();
            let Content::Image { kind: found, .. } = read.content else { panic!("an image") };
            assert_eq!(found, kind, "{document}");
        }
    }
}
