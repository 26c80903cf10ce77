//! What the real peers do, and that the support around them holds.
//!
//! The answers of docker-registry 2.8.2 written down here are those that a mirror check has to
//! understand; they were first seen with curl.

use std::collections::HashSet;

use crate::support::certificate::Certificate;
use crate::support::daemon::{Auth, Delete, DockerRegistry, Options, TokenService};
use crate::support::http::{self, Answer};
use crate::support::nginx::Nginx;
use crate::support::push::{self, Image, Shape};

const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const JSON: Option<&str> = Some("application/json; charset=utf-8");

/// The status of `HEAD` and `GET`, which must agree, and the body of `GET`.
fn ask(registry: &DockerRegistry, path: &str) -> Answer {
    let head = http::head(&registry.authority(), path);
    let get = http::get(&registry.authority(), path);
    assert_eq!(head.status, get.status, "{path}: {head:?} {get:?}");
    assert!(head.body.is_empty());
    for name in ["content-type", "docker-content-digest", "docker-distribution-api-version"] {
        assert_eq!(head.header(name), get.header(name), "{path}: {name}");
    }
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
    get
}

fn cache_of(upstream: &DockerRegistry) -> DockerRegistry {
    DockerRegistry::start(Options { proxy: Some(upstream.url()), ..Options::default() })
}

#[test]
fn pushed_images_are_served_with_their_digests() {
    let registry = DockerRegistry::start(Options::default());
    let images = push::fill(&registry.authority(), 10);
    for image in &images {
        for reference in [&image.tag, &image.digest()] {
            let answer = ask(&registry, &image.path(reference));
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()));
            assert_eq!(answer.header("content-type"), Some(image.top.media_type.as_str()));
            assert_eq!(answer.body, image.top.body);
        }
        for child in &image.children {
            assert_eq!(ask(&registry, &image.path(&child.digest())).body, child.body);
        }
    }
    assert_eq!(images.iter().filter(|image| image.children.len() == 2).count(), 5);
    assert!(registry.storage().join("docker/registry/v2/repositories/library/app-000").is_dir());
}

#[test]
fn two_hundred_images_are_told_apart() {
    let registry = DockerRegistry::start(Options::default());
    let images = push::fill(&registry.authority(), 200);
    let digests: HashSet<_> = images.iter().map(Image::digest).collect();
    assert_eq!(digests.len(), 200);
    let last = &images[199];
    assert_eq!((last.repository.as_str(), last.tag.as_str()), ("library/app-019", "1.9"));
    assert_eq!(http::get(&registry.authority(), &last.path("1.9")).body, last.top.body);
}

#[test]
fn revision_makes_another_image_of_the_same_tag() {
    let [first, again, second] =
        ["1", "1", "2"].map(|revision| Image::new("library/app", "latest", Shape::Index, revision));
    assert_eq!(first, again);
    assert_ne!(first.digest(), second.digest());
    let registry = DockerRegistry::start(Options::default());
    push::push(&registry.authority(), &[first, second.clone()]);
    assert_eq!(http::get(&registry.authority(), &second.path("latest")).body, second.top.body);
}

#[test]
fn what_is_absent_is_unknown_in_json() {
    let registry = DockerRegistry::start(Options::default());
    push::fill(&registry.authority(), 1);
    for (path, code) in [
        ("/v2/library/app-000/manifests/absent", "MANIFEST_UNKNOWN"),
        (&format!("/v2/library/app-000/manifests/{ABSENT}"), "MANIFEST_UNKNOWN"),
        (&format!("/v2/library/app-000/blobs/{ABSENT}"), "BLOB_UNKNOWN"),
        // Only the list of tags knows that the repository itself is absent.
        ("/v2/library/absent/manifests/1.0", "MANIFEST_UNKNOWN"),
        (&format!("/v2/library/absent/manifests/{ABSENT}"), "MANIFEST_UNKNOWN"),
    ] {
        let answer = ask(&registry, path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), JSON, "{path}");
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"), "{path}");
        assert_eq!(answer.header("docker-content-digest"), None, "{path}");
        assert!(answer.text().contains(code), "{path}: {}", answer.text());
    }
    let tags = http::get(&registry.authority(), "/v2/library/absent/tags/list");
    assert_eq!((tags.status, tags.text().contains("NAME_UNKNOWN")), (404, true), "{tags:?}");
}

#[test]
fn image_that_is_not_accepted_is_not_found() {
    let registry = DockerRegistry::start(Options::default());
    for image in push::fill(&registry.authority(), 2) {
        let docker = [("Accept", "application/vnd.docker.distribution.manifest.v2+json")];
        let answer = http::request(&registry.authority(), "GET", &image.path(&image.tag), &docker, b"");
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.text().contains("accept header does not support OCI"), "{}", answer.text());
    }
}

#[test]
fn cache_without_its_upstream_serves_what_was_asked_for_before() {
    let mut upstream = DockerRegistry::start(Options::default());
    let images = push::fill(&upstream.authority(), 4);
    let cache = cache_of(&upstream);
    // Both ways of asking fill the cache, but only with the very manifest asked for.
    for (image, method) in [(&images[0], "HEAD"), (&images[1], "GET")] {
        let accept = [("Accept", registry_check::model::manifest::ACCEPT)];
        let answer = http::request(&cache.authority(), method, &image.path(&image.tag), &accept, b"");
        assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()), "{answer:?}");
    }
    upstream.stop();

    assert_eq!(http::get(&cache.authority(), "/v2/").status, 200);
    for image in &images[..2] {
        for reference in [&image.tag, &image.digest()] {
            let answer = ask(&cache, &image.path(reference));
            assert_eq!((answer.status, &answer.body), (200, &image.top.body), "{reference}");
            assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()));
        }
    }
    for (path, status, code) in [
        (images[2].path(&images[2].tag), 404, "MANIFEST_UNKNOWN"),
        (images[2].path(&images[2].digest()), 500, "UNKNOWN"),
        (images[1].path(&images[1].children[0].digest()), 500, "UNKNOWN"),
        ("/v2/library/absent/manifests/1.0".to_owned(), 404, "MANIFEST_UNKNOWN"),
    ] {
        let answer = ask(&cache, &path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), JSON, "{path}");
        assert!(answer.text().contains(&format!("\"code\":\"{code}\"")), "{path}: {}", answer.text());
    }
}

#[test]
fn cache_answers_500_for_a_digest_that_its_upstream_does_not_have() {
    let upstream = DockerRegistry::start(Options::default());
    push::fill(&upstream.authority(), 1);
    let cache = cache_of(&upstream);
    let by_tag = ask(&cache, "/v2/library/app-000/manifests/absent");
    assert_eq!(by_tag.status, 404, "{by_tag:?}");
    let by_digest = ask(&cache, &format!("/v2/library/app-000/manifests/{ABSENT}"));
    assert_eq!(by_digest.status, 500, "{by_digest:?}");
    // The truth is inside, in the detail.
    assert!(by_digest.text().starts_with(r#"{"errors":[{"code":"UNKNOWN""#), "{}", by_digest.text());
    assert!(by_digest.text().contains("MANIFEST_UNKNOWN"), "{}", by_digest.text());
}

#[test]
#[should_panic(expected = "connection refused")]
fn cache_does_not_start_without_its_upstream() {
    let mut upstream = DockerRegistry::start(Options::default());
    upstream.stop();
    cache_of(&upstream);
}

#[test]
fn stopped_registry_refuses_connections() {
    let mut registry = DockerRegistry::start(Options::default());
    registry.stop();
    let refused = std::net::TcpStream::connect(registry.authority()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn deleting_works_where_it_was_asked_for() {
    for (delete, deleted, afterwards) in [(Delete::Enabled, 202, 404), (Delete::Disabled, 405, 200)] {
        let registry = DockerRegistry::start(Options { delete, ..Options::default() });
        let image = push::fill(&registry.authority(), 1).remove(0);
        let path = image.path(&image.digest());
        assert_eq!(http::request(&registry.authority(), "DELETE", &path, &[], b"").status, deleted);
        assert_eq!(ask(&registry, &path).status, afterwards);
    }
}

#[test]
fn access_log_has_a_line_for_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("asked");
    let registry = DockerRegistry::start(Options { access_log: Some(file.clone()), ..Options::default() });
    http::head(&registry.authority(), "/v2/library/one/manifests/two");
    let log = registry.log();
    assert_eq!(log, std::fs::read_to_string(file).unwrap());
    let asked: Vec<_> =
        log.lines().filter(|line| line.contains("\"HEAD /v2/library/one/manifests/two ")).collect();
    assert_eq!(asked.len(), 1, "{log}");
    assert!(asked[0].contains("\" 404 "), "{log}");
}

#[test]
fn password_file_lets_its_users_in() {
    // "correct horse"
    let line = "user:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n";
    let auth = Auth::Htpasswd(line.to_owned());
    let registry = DockerRegistry::start(Options { auth, ..Options::default() });
    let refused = ask(&registry, "/v2/library/app/manifests/1.0");
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"test\""));
    let known = [("Authorization", "Basic dXNlcjpjb3JyZWN0IGhvcnNl")];
    let answer = http::request(&registry.authority(), "GET", "/v2/library/app/manifests/1.0", &known, b"");
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[test]
fn token_auth_sends_to_its_service() {
    let certificate = Certificate::self_signed();
    assert!(certificate.key().is_file());
    let auth = Auth::Token(TokenService {
        realm: "http://127.0.0.1:1/token".to_owned(),
        service: "registry".to_owned(),
        issuer: "issuer".to_owned(),
        certificates: certificate.certificate(),
    });
    let registry = DockerRegistry::start(Options { auth, ..Options::default() });
    let refused = ask(&registry, "/v2/library/app/manifests/1.0");
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(
        refused.header("www-authenticate"),
        Some(
            "Bearer realm=\"http://127.0.0.1:1/token\",service=\"registry\",\
             scope=\"repository:library/app:pull\""
        )
    );
}

#[test]
fn nginx_stands_in_front_of_a_registry() {
    let registry = DockerRegistry::start(Options::default());
    let image = push::fill(&registry.authority(), 1).remove(0);
    let nginx = Nginx::start(
        "",
        &format!(
            "location / {{ proxy_pass {}; }} location /moved/ {{ return 307 {}/; }}",
            registry.url(),
            registry.url()
        ),
    );
    let answer = http::get(&nginx.authority(), &image.path(&image.tag));
    assert_eq!((answer.status, answer.body), (200, image.top.body));
    let moved = http::get(&nginx.authority(), "/moved/");
    assert_eq!(
        (moved.status, moved.header("location")),
        (307, Some(format!("{}/", registry.url()).as_str()))
    );
}

#[test]
fn nginx_serves_tls_with_a_certificate_of_our_own() {
    let certificate = Certificate::self_signed();
    let nginx = Nginx::start(
        "ssl http2",
        &format!(
            "ssl_certificate {}; ssl_certificate_key {}; return 204;",
            certificate.certificate().display(),
            certificate.key().display()
        ),
    );
    let plain = http::get(&nginx.authority(), "/");
    assert_eq!(plain.status, 400, "{plain:?}");
    assert!(plain.text().contains("plain HTTP request was sent to HTTPS port"), "{}", plain.text());
}
