//! The reference vectors: what distribution/reference makes of 55 valid and 58 invalid texts, and the laws
//! that hold for every text.
//!
//! The tables were checked against distribution/reference itself with sha256 and sha512 registered. In
//! them `{F64}`, `{F128}` stand for that many `f`, `{U64}` for 64 `F`, `{aN}` and `{fN}` for N such
//! letters and `{H64}` for a text of 64 hex digits.

use proptest::prelude::*;

use super::*;

const H64: &str = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";

fn expand(text: &str) -> String {
    let runs = [
        ("{F64}", "f", 64),
        ("{F128}", "f", 128),
        ("{U64}", "F", 64),
        ("{f34}", "f", 34),
        ("{f63}", "f", 63),
        ("{a128}", "a", 128),
        ("{a129}", "a", 129),
        ("{a255}", "a", 255),
        ("{a256}", "a", 256),
    ];
    runs.iter().fold(text.replace("{H64}", H64), |text, (mark, letter, times)| {
        text.replace(mark, &letter.repeat(*times))
    })
}

/// Number, text, registry, repository, tag, digest; an empty text is "none".
#[rustfmt::skip]
const VALID: [(u8, &str, &str, &str, &str, &str); 55] = [
    (1, "debian", "docker.io", "library/debian", "latest", ""),
    (2, "nginx:1.25", "docker.io", "library/nginx", "1.25", ""),
    (3, "library/debian", "docker.io", "library/debian", "latest", ""),
    (4, "docker.io/debian", "docker.io", "library/debian", "latest", ""),
    (5, "docker.io/library/debian", "docker.io", "library/debian", "latest", ""),
    (6, "index.docker.io/debian", "docker.io", "library/debian", "latest", ""),
    (7, "index.docker.io/library/debian", "docker.io", "library/debian", "latest", ""),
    (8, "registry-1.docker.io/library/debian", "registry-1.docker.io", "library/debian", "latest", ""),
    (9, "docker.io/docker/docker", "docker.io", "docker/docker", "latest", ""),
    (10, "library/foo/bar", "docker.io", "library/foo/bar", "latest", ""),
    (11, "store/foo/bar", "docker.io", "store/foo/bar", "latest", ""),
    (12, "test_com", "docker.io", "library/test_com", "latest", ""),
    (13, "test_com/foo", "docker.io", "test_com/foo", "latest", ""),
    (14, "test.com:5000", "docker.io", "library/test.com", "5000", ""),
    (15, "192.168.0.1", "docker.io", "library/192.168.0.1", "latest", ""),
    (16, "192.168.0.1:80", "docker.io", "library/192.168.0.1", "80", ""),
    (17, "192.168.0.1:8/debian", "192.168.0.1:8", "debian", "latest", ""),
    (18, "192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", ""),
    (19, "localhost", "docker.io", "library/localhost", "latest", ""),
    (20, "localhost:5000", "docker.io", "library/localhost", "5000", ""),
    (21, "localhost/fooo", "localhost", "fooo", "latest", ""),
    (22, "localhost:5000/fooo", "localhost:5000", "fooo", "latest", ""),
    (23, "LOCALHOST/foo", "LOCALHOST", "foo", "latest", ""),
    (24, "LOCALDOMAIN/debian", "LOCALDOMAIN", "debian", "latest", ""),
    (25, "Docker/docker", "Docker", "docker", "latest", ""),
    (26, "Uppercase/lowercase:tag", "Uppercase", "lowercase", "tag", ""),
    (27, "EXAMPLE.com/x", "EXAMPLE.com", "x", "latest", ""),
    (28, "test:5000/repo", "test:5000", "repo", "latest", ""),
    (29, "test:5000/repo:tag", "test:5000", "repo", "tag", ""),
    (30, "test:5000/repo@sha256:{F64}", "test:5000", "repo", "", "sha256:{F64}"),
    (31, "test:5000/repo:tag@sha256:{F64}", "test:5000", "repo", "tag", "sha256:{F64}"),
    (32, "busybox:latest@sha256:{F64}", "docker.io", "library/busybox", "latest", "sha256:{F64}"),
    (33, "busybox@sha256:{F64}", "docker.io", "library/busybox", "", "sha256:{F64}"),
    (34, "validname@sha512:{F128}", "docker.io", "library/validname", "", "sha512:{F128}"),
    (35, "b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io", "test.example.com/my-app", "test.example.com", ""),
    (36, "xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com", ""),
    (37, "[fc00::1]:5000/docker", "[fc00::1]:5000", "docker", "latest", ""),
    (38, "[2001:db8::1]/repo", "[2001:db8::1]", "repo", "latest", ""),
    (39, "[::1]:5000/repo:tag", "[::1]:5000", "repo", "tag", ""),
    (40, "[2001:db8::1]:5000/repo:tag@sha256:{F64}", "[2001:db8::1]:5000", "repo", "tag", "sha256:{F64}"),
    (41, "lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", ""),
    (42, "docker---rules/docker", "docker.io", "docker---rules/docker", "latest", ""),
    (43, "dock__er/docker", "docker.io", "dock__er/docker", "latest", ""),
    (44, "d/docker", "docker.io", "d/docker", "latest", ""),
    (45, "foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080", ""),
    (46, "example.com/{a255}:tag", "example.com", "{a255}", "tag", ""),
    (47, "docker.io/{H64}", "docker.io", "library/{H64}", "latest", ""),
    (48, "example.com:99999/x", "example.com:99999", "x", "latest", ""),
    (49, "docker.io:443/library/x", "docker.io:443", "library/x", "latest", ""),
    (50, "index.docker.io:443/x", "index.docker.io:443", "x", "latest", ""),
    (51, "repo:_x", "docker.io", "library/repo", "_x", ""),
    (52, "repo:{a128}", "docker.io", "library/repo", "{a128}", ""),
    (53, "registry.k8s.io/pause:3.9", "registry.k8s.io", "pause", "3.9", ""),
    (54, "m.daocloud.io/docker.io/library/nginx:alpine", "m.daocloud.io", "docker.io/library/nginx", "alpine", ""),
    (55, "[:::]/x", "[:::]", "x", "latest", ""),
];

/// The error's kind, with the texts left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Empty,
    Format,
    Uppercase,
    Variable,
    Identifier,
    TooLong,
    DigestFormat,
    DigestAlgorithm,
    DigestLength,
}

impl From<&ReferenceError> for Kind {
    fn from(error: &ReferenceError) -> Self {
        match error {
            ReferenceError::Empty => Self::Empty,
            ReferenceError::Format(_) => Self::Format,
            ReferenceError::Uppercase => Self::Uppercase,
            ReferenceError::Variable => Self::Variable,
            ReferenceError::Identifier => Self::Identifier,
            ReferenceError::TooLong => Self::TooLong,
            ReferenceError::Digest(DigestError::Format) => Self::DigestFormat,
            ReferenceError::Digest(DigestError::Algorithm) => Self::DigestAlgorithm,
            ReferenceError::Digest(DigestError::Length { .. }) => Self::DigestLength,
        }
    }
}

/// Number, text, kind of error.
#[rustfmt::skip]
const INVALID: [(u8, &str, Kind); 58] = [
    (56, "", Kind::Empty),
    (57, "Uppercase:tag", Kind::Uppercase),
    (58, "docker/Docker", Kind::Uppercase),
    (59, "docker.io/docker/Docker", Kind::Uppercase),
    (60, "test:5000/Uppercase/lowercase:tag", Kind::Uppercase),
    (61, "-docker", Kind::Format),
    (62, "-docker/docker", Kind::Format),
    (63, "-docker.io/docker/docker", Kind::Format),
    (64, "docker-/docker", Kind::Format),
    (65, "docker/", Kind::Format),
    (66, "docker///docker", Kind::Format),
    (67, "docker.io/docker///docker", Kind::Format),
    (68, "_docker/_docker", Kind::Format),
    (69, "____/____", Kind::Format),
    (70, "foo___bar", Kind::Format),
    (71, "dock..er/docker", Kind::Format),
    (71, "dock_.er/docker", Kind::Format),
    (71, "dock-.er/docker", Kind::Format),
    (72, "https://github.com/docker/docker", Kind::Format),
    (73, "[fc00::1]", Kind::Format),
    (73, "[fc00::1]:5000", Kind::Format),
    (74, "fc00::1:5000/debian", Kind::Format),
    (75, "[fe80::1%eth0]:5000/debian", Kind::Format),
    (76, "[2001:db8:3:4::192.0.2.33]:5000/debian", Kind::Format),
    (77, "{H64}", Kind::Identifier),
    (78, ":justtag", Kind::Format),
    (78, "@sha256:{F64}", Kind::Format),
    (79, "repo@sha256:{f34}", Kind::DigestLength),
    (80, "repo@sha256:{f63}", Kind::DigestLength),
    (81, "repo@sha256:{U64}", Kind::DigestFormat),
    (82, "repo@SHA256:{F64}", Kind::Uppercase),
    (83, "foo@sha512:{F64}", Kind::DigestLength),
    (84, "validname@invaliddigest:{F64}", Kind::DigestAlgorithm),
    (85, "repo:", Kind::Format),
    (85, "repo@", Kind::DigestFormat),
    (85, "repo:tag:tag", Kind::Format),
    (85, "repo:-x", Kind::Format),
    (85, "repo:.x", Kind::Format),
    (86, "repo:{a129}", Kind::Format),
    (87, "repo:täg", Kind::Format),
    (88, "domain/{a256}:tag", Kind::TooLong),
    (89, "aa/asdf$$^/aa", Kind::Format),
    (89, "foo//bar", Kind::Format),
    (89, "/foo", Kind::Format),
    (89, "a/b/", Kind::Format),
    (90, "repo@sha256:{F64}:tag", Kind::DigestFormat),
    (91, "example.com:/x", Kind::Format),
    (91, "example.com:port/x", Kind::Format),
    (91, "a.b./c", Kind::Format),
    (91, "foo..bar.com/x", Kind::Format),
    (91, "localhost./x", Kind::Format),
    (92, " nginx", Kind::Format),
    (92, "nginx ", Kind::Format),
    (92, "nginx\n", Kind::Format),
    (93, "${IMAGE}:tag", Kind::Variable),
    (94, "docker.io/", Kind::Format),
    (94, "localhost:5000/", Kind::Format),
    (94, "library/", Kind::Format),
];

fn parse(text: &str) -> ImageRef {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn every_valid_vector_is_read_into_its_parts() {
    for (number, text, registry, repository, tag, digest) in VALID {
        let image = parse(&expand(text));
        assert_eq!(image.registry(), registry, "#{number}");
        assert_eq!(image.repository(), expand(repository), "#{number}");
        assert_eq!(image.tag().unwrap_or_default(), expand(tag), "#{number}");
        let read = image.digest().map(ToString::to_string).unwrap_or_default();
        assert_eq!(read, expand(digest), "#{number}");
    }
}

#[test]
fn every_valid_vector_prints_to_a_text_that_reads_as_the_same() {
    for (number, text, ..) in VALID {
        let image = parse(&expand(text));
        let printed = image.to_string();
        let again = parse(&printed);
        assert_eq!(again, image, "#{number}");
        assert_eq!(again.to_string(), printed, "#{number}");
    }
}

#[test]
fn every_invalid_vector_is_refused_for_its_own_reason() {
    for (number, text, kind) in INVALID {
        let text = expand(text);
        let error = text.parse::<ImageRef>().map(|image| format!("{image}")).expect_err(&text);
        assert_eq!(Kind::from(&error), kind, "#{number} {text:?}: {error}");
    }
}

#[test]
fn spellings_of_one_hub_image_are_one_image() {
    let image = parse("docker.io/library/debian:latest");
    for text in [
        "debian",
        "debian:latest",
        "library/debian",
        "docker.io/debian",
        "index.docker.io/debian",
        "index.docker.io/library/debian:latest",
    ] {
        assert_eq!(parse(text), image, "{text}");
    }
}

#[test]
fn hub_hosts_that_are_not_folded_keep_name_and_repository_but_share_the_key() {
    for (text, registry, repository, key) in [
        ("registry-1.docker.io/debian", "registry-1.docker.io", "debian", "docker.io"),
        ("index.docker.io:443/debian", "index.docker.io:443", "debian", "index.docker.io:443"),
        ("docker.io:443/debian", "docker.io:443", "debian", "docker.io:443"),
        ("EXAMPLE.com/debian", "EXAMPLE.com", "debian", "example.com"),
        ("Docker.io/debian", "Docker.io", "debian", "docker.io"),
    ] {
        let image = parse(text);
        assert_eq!(image.registry(), registry);
        assert_eq!(image.repository(), repository);
        assert_eq!(image.registry_key(), key);
    }
}

#[test]
fn digest_wins_over_tag_when_asking_and_only_a_bare_name_gets_latest() {
    let digest = format!("sha256:{}", "f".repeat(64));
    for (text, asked) in [
        ("nginx".to_owned(), "latest"),
        ("nginx:1".to_owned(), "1"),
        (format!("nginx@{digest}"), digest.as_str()),
        (format!("nginx:1@{digest}"), digest.as_str()),
    ] {
        assert_eq!(parse(&text).manifest_ref().to_string(), asked);
    }
    assert_eq!(parse(&format!("nginx@{digest}")).tag(), None);
}

#[test]
fn sixty_four_hex_digits_are_an_id_only_without_a_host_and_in_lower_case() {
    assert_eq!(H64.parse::<ImageRef>(), Err(ReferenceError::Identifier));
    assert_eq!(H64[1..].parse::<ImageRef>().map(|i| i.repository().len()), Ok("library/".len() + 63));
    assert!(format!("localhost/{H64}").parse::<ImageRef>().is_ok());
    assert_eq!(H64.to_uppercase().parse::<ImageRef>(), Err(ReferenceError::Uppercase));
}

#[test]
fn variables_and_templates_are_called_what_they_are() {
    for text in [
        "$IMAGE",
        "${REGISTRY}/nginx",
        "${REGISTRY:-docker.io}/nginx:1",
        "nginx:$TAG",
        "nginx:${TAG}",
        "nginx:$(TAG)",
        "docker.io/$_x",
        "{{ .Values.image }}",
        "nginx:{{tag}}",
    ] {
        assert_eq!(text.parse::<ImageRef>(), Err(ReferenceError::Variable), "{text}");
    }
    for text in ["nginx$", "nginx:1$5", "nginx{}"] {
        assert!(matches!(text.parse::<ImageRef>(), Err(ReferenceError::Format(_))), "{text}");
    }
    let text = ReferenceError::Variable.to_string();
    assert!(text.contains("variable") && text.contains("value"), "{text}");
}

#[test]
fn registries_that_parse_but_can_never_be_asked_are_told_apart() {
    let long_label = format!("{}.com/x", "a".repeat(64));
    let long_name = format!("{}com/x", "abcdefg.".repeat(32));
    let cases = [
        ("nginx", None),
        ("localhost:5000/x", None),
        ("test:1/x", None),
        ("test:65535/x", None),
        ("test:00080/x", None),
        ("LOCALHOST/x", None),
        ("xn--n3h.com/x", None),
        ("192.168.0.1:8/x", None),
        ("[::1]:5000/x", None),
        ("[2001:DB8::1]/x", None),
        ("3com.example/x", None),
        ("example.com:99999/x", Some(RegistryFault::Port)),
        ("example.com:65536/x", Some(RegistryFault::Port)),
        ("example.com:000080/x", Some(RegistryFault::Port)),
        ("example.com:0/x", Some(RegistryFault::Port)),
        ("example.com:99999999999999999999999/x", Some(RegistryFault::Port)),
        ("[::1]:0/x", Some(RegistryFault::Port)),
        ("[:::]/x", Some(RegistryFault::Ipv6)),
        ("[1]:5000/x", Some(RegistryFault::Ipv6)),
        ("[1:2:3:4:5:6:7:8:9]/x", Some(RegistryFault::Ipv6)),
        ("256.1.1.1/x", Some(RegistryFault::Ipv4)),
        ("1.2/x", Some(RegistryFault::Ipv4)),
        ("1.2.3.4.5/x", Some(RegistryFault::Ipv4)),
        ("0177.0.0.1/x", Some(RegistryFault::Ipv4)),
        ("127.0.0.0x1/x", Some(RegistryFault::Ipv4)),
        ("123:5000/x", Some(RegistryFault::Ipv4)),
        (long_label.as_str(), Some(RegistryFault::Name)),
        (long_name.as_str(), Some(RegistryFault::Name)),
        ("xn--a.com/x", Some(RegistryFault::Name)),
    ];
    for (text, fault) in cases {
        assert_eq!(parse(text).registry_fault(), fault, "{text}");
    }
}

#[test]
fn lengths_are_counted_after_library_is_put_in_front() {
    let room = MAX_REPOSITORY_BYTES - "library/".len();
    assert_eq!(parse(&"a".repeat(room)).repository().len(), MAX_REPOSITORY_BYTES);
    assert_eq!("a".repeat(room + 1).parse::<ImageRef>(), Err(ReferenceError::TooLong));
    let path = format!("{}a", "a/".repeat(127));
    assert_eq!(parse(&format!("localhost/{path}")).repository().len(), MAX_REPOSITORY_BYTES);
    assert_eq!(format!("localhost/{path}b").parse::<ImageRef>(), Err(ReferenceError::TooLong));
}

/// The grammar said once more, letter by letter, for what came out of the parser.
fn assert_grammar(image: &ImageRef) {
    let registry = image.registry();
    assert!(!registry.is_empty());
    if let Some(rest) = registry.strip_prefix('[') {
        let (inside, port) = rest.split_once(']').unwrap();
        assert!(!inside.is_empty() && inside.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'));
        assert!(port.is_empty() || port[1..].bytes().all(|b| b.is_ascii_digit()) && port.len() > 1);
    } else {
        let host = registry.split(':').next().unwrap();
        for label in host.split('.') {
            assert!(!label.is_empty() && !label.starts_with('-') && !label.ends_with('-'), "{registry}");
            assert!(label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{registry}");
        }
        assert!(registry.split(':').skip(1).all(|port| port.bytes().all(|b| b.is_ascii_digit())));
        assert!(registry.matches(':').count() <= 1 && !registry.ends_with(':'));
    }
    let repository = image.repository();
    assert!(repository.len() <= 255);
    for part in repository.split('/') {
        let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        assert!(is_word(part.as_bytes().first()) && is_word(part.as_bytes().last()), "{repository}");
        assert!(part.bytes().all(|b| is_word(Some(&b)) || b"._-".contains(&b)), "{repository}");
        for pair in ["..", "._", "_.", ".-", "-.", "_-", "-_", "___"] {
            assert!(!part.contains(pair), "{repository}");
        }
    }
    assert!(image.tag().is_some() || image.digest().is_some());
    if let Some(tag) = image.tag() {
        assert!((1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']), "{tag}");
        assert!(tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)), "{tag}");
    }
}

fn registry() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?";
    let port = "(:[0-9]{1,6})?";
    prop_oneof![
        Just("docker.io".to_owned()),
        Just("localhost".to_owned()),
        proptest::string::string_regex(&format!("({label}\\.){{1,3}}{label}{port}")).unwrap(),
        proptest::string::string_regex(&format!("{label}:[0-9]{{1,5}}")).unwrap(),
        proptest::string::string_regex(&format!("\\[[0-9a-f]{{0,4}}:[0-9a-fA-F:]{{0,16}}\\]{port}")).unwrap(),
    ]
}

/// References in the form in which they are printed.
fn canonical() -> impl Strategy<Value = String> {
    let component = "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}";
    let path = format!("{component}(/{component}){{1,3}}");
    (
        registry(),
        proptest::string::string_regex(&path).unwrap(),
        proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        proptest::option::of("sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}"),
    )
        .prop_map(|(registry, path, tag, digest)| {
            let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
            format!("{registry}/{path}{tag}{digest}")
        })
}

/// A canonical reference with one letter replaced: nearly right.
fn spoiled() -> impl Strategy<Value = String> {
    (canonical(), any::<prop::sample::Index>(), any::<char>()).prop_map(|(text, at, letter)| {
        let at = at.index(text.len());
        format!("{}{letter}{}", &text[..at], &text[at + 1..])
    })
}

proptest! {
    #[test]
    fn printing_what_was_read_gives_the_text_back(text in canonical()) {
        let image = parse(&text);
        prop_assert_eq!(image.to_string(), text);
        assert_grammar(&image);
    }

    #[test]
    fn what_parses_fits_the_grammar_and_reads_back_as_itself(
        text in prop_oneof![any::<String>(), "[a-zB0-9._:/@\\[\\] $-]{0,24}", spoiled()],
    ) {
        if let Ok(image) = text.parse::<ImageRef>() {
            assert_grammar(&image);
            let _ = image.registry_fault();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(parse(&image.to_string()), image);
        }
    }
}
