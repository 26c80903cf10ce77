//! Redirects: followed to the end, told of, bounded, and without what belongs to the host before.

use registry_check::demo::{Behaviour, ClosedPort, Failure, Registry, Scope, Times, TokenRules};

use crate::support::embedded::{Pair, REPOSITORY, TAG, asked, start};

/// A mirror that redirects to another registry, which holds the image and is reached under `url`.
fn redirected(url: impl Fn(&Registry) -> String) -> (Pair, Registry) {
    let pair = Pair::new();
    let target = start(&[(REPOSITORY, TAG, &pair.image)]);
    pair.mirror.set_behaviour(Scope::Manifests, Behaviour::RedirectTo(url(&target)));
    (pair, target)
}

#[test]
fn a_redirect_to_another_host_or_port_is_followed_and_told() {
    for url in [Registry::url, Registry::localhost_url] {
        let (pair, target) = redirected(url);
        let report = pair.check().run();
        let row = report.expect("ok/digest-equal", 0);
        let from = format!("answered from {}/v2/library/app/manifests/1.0", url(&target));
        assert!(row.notes.contains(&from), "{row:#?}");
        assert_eq!((pair.asked(), asked(&target), report.requests), ((1, 0), (1, 0), 3));
        assert_eq!(row.attempts, 1);
    }
}

#[test]
fn a_redirect_is_followed_with_get_too() {
    let (pair, target) = redirected(Registry::localhost_url);
    pair.check().args("--depth manifest").run().expect("ok/digest-equal", 0);
    assert_eq!((pair.asked(), asked(&target)), ((0, 2), (0, 2)));
}

#[test]
fn a_token_stays_with_the_host_that_it_was_given_for() {
    for url in [Registry::url, Registry::localhost_url] {
        let (pair, target) = redirected(url);
        pair.mirror.require_token(TokenRules::default());
        pair.check().run().expect("ok/digest-equal", 0);
        assert!(pair.mirror.hits().iter().any(|hit| hit.authorization.is_some() && hit.status == Some(307)));
        assert_eq!(target.hits().len(), 1);
        assert_eq!(target.hits()[0].authorization, None);
    }
}

#[test]
fn a_host_behind_a_redirect_gets_a_token_of_its_own() {
    let (pair, target) = redirected(Registry::localhost_url);
    let rules = |service: &str| TokenRules { service: service.to_owned(), ..TokenRules::default() };
    pair.mirror.require_token(rules("mirror"));
    target.require_token(rules("target"));
    let report = pair.check().run();
    report.expect("ok/digest-equal", 0);
    assert_eq!((pair.mirror.hits_to("/token"), target.hits_to("/token")), (1, 1));
    assert_eq!(report.token_exchanges, 2);
    let sent = |registry: &Registry| -> Vec<_> {
        registry.hits().into_iter().filter_map(|hit| hit.authorization).collect()
    };
    let [ours, theirs] = [sent(&pair.mirror), sent(&target)];
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_ne!(ours, theirs);
}

#[test]
fn the_same_registry_under_another_name_is_another_host() {
    let pair = Pair::new();
    pair.mirror.require_token(TokenRules::default());
    let elsewhere = Behaviour::RedirectTo(pair.mirror.localhost_url());
    pair.mirror.set_behaviour_times(Scope::Manifests, elsewhere, Times::First(1));
    pair.check().run().expect("ok/digest-equal", 0);
    let hits = pair.mirror.hits();
    let first = hits.iter().find(|hit| hit.host.as_deref().unwrap_or_default().starts_with("localhost"));
    assert_eq!(first.map(|hit| (&hit.authorization, hit.status)), Some((&None, Some(401))));
}

#[test]
fn a_refusal_behind_a_redirect_tells_where_it_came_from() {
    for (refusal, verdict) in [
        (Behaviour::Challenge(vec!["Basic realm=\"x\"".to_owned()]), "denied/credentials-needed"),
        (Behaviour::Challenge(Vec::new()), "denied/no-challenge"),
        (Behaviour::Status(Failure::registry(403, "DENIED", "not you")), "denied/access-denied"),
    ] {
        let (pair, target) = redirected(Registry::localhost_url);
        target.set_behaviour(Scope::Manifests, refusal);
        let report = pair.check().run();
        let row = report.expect(verdict, 3);
        assert!(row.reason.contains(&format!("(from {}/v2/", target.localhost_url())), "{row:#?}");
    }
}

#[test]
fn a_repository_that_moved_within_its_registry_is_followed() {
    let pair = Pair::new();
    pair.mirror.set_behaviour(Scope::repository("app"), Behaviour::MovedTo(REPOSITORY.to_owned()));
    let check = || {
        pair.check().args("--config drop.toml").tool().file(
        "drop.toml",
        format!(
            "[[registries]]\nname = \"docker.io\"\nurl = {:?}\n[[mirrors]]\nname = \"m\"\nurl = {:?}\nlibrary = \"drop\"\n",
            pair.upstream.url(),
            pair.mirror.url()
        ),
    )
    };
    let output = check().args(["-f", "csv"]).run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(pair.mirror.hits_to("/v2/app/manifests/1.0"), 1);
    assert_eq!(pair.mirror.hits_to("/v2/library/app/manifests/1.0"), 1);

    // Its token must name the repository that it was sent on to.
    pair.mirror.forget_hits();
    let service = pair.mirror.require_token(TokenRules::default());
    let output = check().run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let statuses: Vec<_> =
        pair.mirror.hits().iter().filter(|hit| hit.is_manifest()).filter_map(|hit| hit.status).collect();
    // What the registry wants is known from the first name's 401.
    assert_eq!(statuses, [401, 301, 200]);
    let repositories: Vec<_> = service.issued().into_iter().flat_map(|token| token.repositories).collect();
    assert!(repositories.contains(&REPOSITORY.to_owned()), "{repositories:?}");
    assert_eq!(pair.mirror.hits_to("/token"), 2);
}

#[test]
fn a_loop_ends_after_ten_hops_and_is_not_tried_again() {
    let pair = Pair::misbehaving(Behaviour::RedirectLoop);
    let report = pair.check().run();
    let row = report.expect("server_error/redirect-loop", 3);
    assert_eq!((row.http_status, row.attempts, pair.asked()), (Some(307), 1, (11, 0)));
}

#[test]
fn a_loop_over_two_hosts_is_a_loop() {
    let (pair, target) = redirected(Registry::localhost_url);
    target.set_behaviour(Scope::Manifests, Behaviour::RedirectTo(pair.mirror.url()));
    pair.check().run().expect("server_error/redirect-loop", 3);
    assert_eq!((pair.asked(), asked(&target)), ((6, 0), (5, 0)));
}

#[test]
fn a_redirect_to_nowhere_is_refused() {
    let without_location = Behaviour::Status(Failure::text(302, "", ""));
    for behaviour in [without_location, Behaviour::RedirectTo("ftp://127.0.0.1".to_owned())] {
        let pair = Pair::misbehaving(behaviour);
        pair.check().run().expect("server_error/redirect-refused", 3);
        assert_eq!(pair.asked(), (1, 0));
    }
}

#[test]
fn the_host_that_cannot_be_reached_behind_a_redirect_is_the_one_named() {
    let closed = ClosedPort::take().unwrap();
    let pair = Pair::misbehaving(Behaviour::RedirectTo(format!("http://{}", closed.addr())));
    let report = pair.check().run();
    let row = report.expect("unreachable/connect-refused", 3);
    assert!(row.reason.contains(&closed.addr().to_string()), "{row:#?}");
}
