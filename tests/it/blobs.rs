//! Blobs at embedded registries, well and badly behaved: what is asked, what it is taken for, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use registry_check::demo::{
    Behaviour, ClosedPort, Failure, HOSTILE_MESSAGE, Registry, Scope, Times, TokenRules,
};
use registry_check::model::blob::{Blob, BlobBreakage, BlobOutcome, Part};
use registry_check::model::budget::ByteBudget;
use registry_check::model::digest::Algorithm;
use registry_check::model::endpoint::Namespace;
use registry_check::model::fault::{NetFault, RedirectFault, Shut};
use registry_check::model::observation::{AskedAs, Breakage, NotAsked, Note, Refusal};

use crate::support::blobs::{Asker, holding, host, hosts, noise, present, read, store, story, unknown};

const SIZE: usize = 5000;

/// A registry with one blob, and the blob.
fn one() -> (Registry, Blob) {
    holding(&noise(SIZE), Algorithm::Sha256)
}

/// The same, misbehaving.
fn bent(behaviour: Behaviour) -> (Registry, Blob) {
    let (registry, blob) = one();
    registry.set_behaviour(Scope::Blobs, behaviour);
    (registry, blob)
}

/// The same, redirecting to another that holds the blob and is reached under another name.
fn redirected() -> (Registry, Registry, Blob) {
    let store_behind = Registry::start(store(&noise(SIZE), Algorithm::Sha256)).unwrap();
    let (registry, blob) = bent(Behaviour::RedirectTo(store_behind.localhost_url()));
    (registry, store_behind, blob)
}

fn localhost(registry: &Registry) -> String {
    format!("localhost:{}", registry.addr().port())
}

#[tokio::test]
async fn a_blob_that_is_there_costs_one_head() {
    let (registry, blob) = one();
    let seen = Asker::new().presence(&registry, &blob).await;
    assert_eq!(seen.outcome, present(SIZE));
    assert_eq!((seen.attempts, seen.http_status, seen.asked_as.clone()), (1, Some(200), AskedAs::Nobody));
    assert_eq!(story(&registry), ["HEAD 200"]);
    assert_eq!(hosts(&seen), [host(Part::Registry, &registry.authority())]);
    assert_eq!((seen.received_bytes(), seen.notes), (0, vec![]));
}

#[tokio::test]
async fn where_head_is_not_honoured_one_byte_is_asked_for() {
    for status in [400, 401, 403, 404, 405, 501] {
        let (registry, blob) = bent(Behaviour::HeadStatus(status));
        let seen = Asker::new().presence(&registry, &blob).await;
        assert_eq!(seen.outcome, present(SIZE), "{status}");
        assert_eq!(story(&registry), [format!("HEAD {status}"), "GET bytes=0-0 206".to_owned()]);
        assert_eq!((seen.attempts, seen.notes), (2, vec![Note::HeadUnsupported(status)]));
    }
}

#[tokio::test]
async fn where_ranges_are_not_honoured_the_rest_is_not_read() {
    let (registry, blob) = bent(Behaviour::HeadStatus(405));
    registry.set_behaviour(Scope::Blobs, Behaviour::IgnoreRange);
    // Whoever read on would wait for ever.
    registry.set_behaviour(Scope::Blobs, Behaviour::Stall(100));
    let seen = Asker::new().presence(&registry, &blob).await;
    assert_eq!((seen.outcome, seen.http_status), (present(SIZE), Some(200)));
}

#[tokio::test]
async fn a_blob_is_missing_when_head_and_get_say_so() {
    let (registry, _) = one();
    let blob = Blob { digest: unknown(), size: Some(1), platform: None };
    let seen = Asker::new().presence(&registry, &blob).await;
    let BlobOutcome::Missing(answer) = &seen.outcome else { panic!("{seen:?}") };
    assert_eq!((answer.status, answer.code.as_deref()), (404, Some("BLOB_UNKNOWN")));
    assert_eq!(story(&registry), ["HEAD 404", "GET bytes=0-0 404"]);
    assert_eq!(seen.notes, [], "HEAD told the truth");

    registry.set_behaviour(Scope::Blobs, Behaviour::NotFoundHtml);
    let seen = Asker::new().presence(&registry, &blob).await;
    let not_a_registry =
        matches!(&seen.outcome, BlobOutcome::Broken(BlobBreakage::Answer(Breakage::NotARegistry(_))));
    assert!(not_a_registry, "{seen:?}");
}

#[tokio::test]
async fn a_size_that_only_head_gets_wrong_is_not_believed() {
    for behaviour in [Behaviour::HeadLengthZero, Behaviour::HeadLength(SIZE + 7), Behaviour::NoLength] {
        let (registry, blob) = bent(behaviour.clone());
        let seen = Asker::new().presence(&registry, &blob).await;
        assert_eq!(seen.outcome, present(SIZE), "{behaviour:?}");
        assert_eq!(story(&registry), ["HEAD 200", "GET bytes=0-0 206"]);
        assert_eq!(seen.notes, []);
    }
}

#[tokio::test]
async fn another_size_than_the_manifest_declares_is_another_blob() {
    for (declared, found) in [(SIZE - 1, SIZE), (SIZE + 1, SIZE), (0, SIZE), (usize::MAX, SIZE)] {
        let (registry, blob) = one();
        let blob = Blob { size: Some(declared as u64), ..blob };
        let seen = Asker::new().presence(&registry, &blob).await;
        let wrong = BlobBreakage::WrongSize { declared: declared as u64, found: found as u64 };
        assert_eq!(seen.outcome, BlobOutcome::Broken(wrong.clone()));
        // Nor is it read, as far as anybody says its size.
        if declared < usize::MAX {
            let seen = Asker::new().content(&registry, &blob).await;
            assert_eq!((seen.received_bytes(), seen.outcome), (0, BlobOutcome::Broken(wrong)));
        }
    }
}

#[tokio::test]
async fn without_a_declared_size_a_blob_is_present_and_not_read() {
    let (registry, blob) = one();
    let blob = Blob { size: None, ..blob };
    let asker = Asker::new();
    assert_eq!(asker.presence(&registry, &blob).await.outcome, present(SIZE));
    assert_eq!(asker.content(&registry, &blob).await.outcome, present(SIZE));
    assert_eq!(story(&registry), ["HEAD 200", "HEAD 200"]);
}

#[tokio::test]
async fn an_empty_blob_is_there_and_has_no_first_byte() {
    let (registry, blob) = holding(b"", Algorithm::Sha256);
    assert_eq!(Asker::new().presence(&registry, &blob).await.outcome, present(0));
    assert_eq!(Asker::new().content(&registry, &blob).await.outcome, read(0));
    registry.set_behaviour(Scope::Blobs, Behaviour::HeadStatus(405));
    for size in [Some(0), None] {
        let blob = Blob { size, ..blob.clone() };
        assert_eq!(Asker::new().presence(&registry, &blob).await.outcome, present(0), "{size:?}");
    }
}

#[tokio::test]
async fn what_is_no_blob_is_named() {
    let html = |outcome: &BlobOutcome| match outcome {
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::Html { title })) => {
            title.as_deref() == Some("Sign in to the network")
        }
        _ => false,
    };
    let denied = |outcome: &BlobOutcome| match outcome {
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::ErrorDocument(answer))) => {
            answer.code.as_deref() == Some("DENIED")
        }
        _ => false,
    };
    let empty =
        |outcome: &BlobOutcome| *outcome == BlobOutcome::Broken(BlobBreakage::Answer(Breakage::Empty));
    let odd = |outcome: &BlobOutcome| match outcome {
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::OddStatus(answer))) => answer.status == 204,
        _ => false,
    };
    type IsNamed<'a> = &'a dyn Fn(&BlobOutcome) -> bool;
    let cases: [(Behaviour, IsNamed<'_>); 5] = [
        (Behaviour::Html, &html),
        (Behaviour::LoginPage, &html),
        (Behaviour::Errors200, &denied),
        (Behaviour::Empty200, &empty),
        (Behaviour::Status(Failure::text(204, "", "")), &odd),
    ];
    for (behaviour, is_named) in cases {
        let (registry, blob) = bent(behaviour.clone());
        for seen in
            [Asker::new().presence(&registry, &blob).await, Asker::new().content(&registry, &blob).await]
        {
            assert!(is_named(&seen.outcome), "{behaviour:?}: {seen:?}");
            assert_eq!(seen.received_bytes(), 0);
        }
    }
}

#[tokio::test]
async fn what_does_not_say_how_long_it_is_is_looked_at_before_it_is_taken_for_the_blob() {
    let empty = || BlobOutcome::Broken(BlobBreakage::Answer(Breakage::Empty));
    let wrong = BlobBreakage::WrongSize { declared: SIZE as u64, found: SIZE as u64 + 1 };
    for (behaviours, expected) in [
        (vec![Behaviour::IgnoreRange, Behaviour::NoLength], present(SIZE)),
        (vec![Behaviour::IgnoreRange, Behaviour::WrongBody, Behaviour::NoLength], BlobOutcome::Broken(wrong)),
        (vec![Behaviour::Empty200, Behaviour::NoLength], empty()),
        // The byte that was asked for, and no byte.
        (vec![Behaviour::HeadStatus(405), Behaviour::Body(Vec::new())], empty()),
    ] {
        let (registry, blob) = one();
        for behaviour in &behaviours {
            registry.set_behaviour(Scope::Blobs, behaviour.clone());
        }
        assert_eq!(Asker::new().presence(&registry, &blob).await.outcome, expected, "{behaviours:?}");
    }
    for (behaviour, is_page) in [(Behaviour::Html, true), (Behaviour::Errors200, false)] {
        let (registry, blob) = bent(behaviour);
        registry.set_behaviour(Scope::Blobs, Behaviour::NoLength);
        match Asker::new().presence(&registry, &blob).await.outcome {
            BlobOutcome::Broken(BlobBreakage::Answer(Breakage::Html { .. })) => assert!(is_page),
            BlobOutcome::Broken(BlobBreakage::Answer(Breakage::ErrorDocument(answer))) => {
                assert_eq!((answer.code.as_deref(), is_page), (Some("DENIED"), false));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_blob_is_named_also_where_it_is_read_whole_and_has_no_length() {
    let page = |more: usize| format!("<!DOCTYPE html><title>Log in</title>{}", " ".repeat(more)).into_bytes();
    let denied = br#"{"errors":[{"code":"DENIED","message":"no"}]}"#;
    let html = || Breakage::Html { title: Some("Log in".into()) };
    let wrong = |found| BlobBreakage::WrongSize { declared: SIZE as u64, found };
    let endless = BlobBreakage::Endless { declared: SIZE as u64 };
    let error = |seen: &BlobOutcome| match seen {
        BlobOutcome::Broken(BlobBreakage::Answer(Breakage::ErrorDocument(answer))) => answer.code.clone(),
        _ => None,
    };
    let plain = Behaviour::ContentType("application/octet-stream".to_owned());
    let named = |body: Vec<u8>| [plain.clone(), Behaviour::Body(body), Behaviour::NoLength];
    for (body, expected) in [
        (page(10), BlobBreakage::Answer(html())),
        (page(100_000), BlobBreakage::Answer(html())),
        (Vec::new(), BlobBreakage::Answer(Breakage::Empty)),
        (noise(77), wrong(77)),
        (noise(SIZE + 1), endless.clone()),
        (vec![b' '; 100_000], endless.clone()),
    ] {
        let (registry, blob) = one();
        for behaviour in named(body.clone()) {
            registry.set_behaviour(Scope::Blobs, behaviour);
        }
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!(seen.outcome, BlobOutcome::Broken(expected), "{}", body.len());
        assert_eq!(registry.hits().len(), 1);
    }
    // One that is shorter than the blob, and one that is longer.
    for size in [SIZE, 10] {
        let (registry, blob) = holding(&noise(size), Algorithm::Sha256);
        for behaviour in named(denied.to_vec()) {
            registry.set_behaviour(Scope::Blobs, behaviour);
        }
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!(error(&seen.outcome).as_deref(), Some("DENIED"), "{seen:?}");
    }
    // A page that is the blob is the blob.
    let (registry, blob) = holding(&page(10), Algorithm::Sha256);
    registry.set_behaviour(Scope::Blobs, Behaviour::ContentType("text/html".to_owned()));
    registry.set_behaviour(Scope::Blobs, Behaviour::NoLength);
    assert_eq!(Asker::new().content(&registry, &blob).await.outcome, read(page(10).len()));
}

#[tokio::test]
async fn more_bytes_than_declared_are_another_blob_however_many_they_are() {
    let endless = BlobOutcome::Broken(BlobBreakage::Endless { declared: SIZE as u64 });
    let range = |value: &str| Behaviour::Header { name: "Content-Range".to_owned(), value: value.to_owned() };
    let longer = || Behaviour::Body(noise(100_000));
    let cases = [
        vec![Behaviour::HeadStatus(405), Behaviour::IgnoreRange, Behaviour::Endless],
        vec![Behaviour::HeadStatus(404), Behaviour::IgnoreRange, longer(), Behaviour::NoLength],
        vec![Behaviour::HeadLength(7), Behaviour::IgnoreRange, longer(), Behaviour::NoLength],
        vec![Behaviour::HeadStatus(405), range("bytes 0-0/*"), Behaviour::Endless],
        vec![Behaviour::HeadStatus(405), range("nonsense"), longer()],
    ];
    for (case, behaviours) in cases.iter().enumerate() {
        let (registry, blob) = one();
        for behaviour in behaviours {
            registry.set_behaviour(Scope::Blobs, behaviour.clone());
        }
        assert_eq!(Asker::new().presence(&registry, &blob).await.outcome, endless, "case {case}");
    }
}

#[tokio::test]
async fn a_part_that_does_not_say_of_how_much_it_is_leaves_the_size_open() {
    for value in ["bytes 0-0/*", "nonsense"] {
        let (registry, blob) = bent(Behaviour::HeadStatus(405));
        let header = Behaviour::Header { name: "Content-Range".to_owned(), value: value.to_owned() };
        registry.set_behaviour(Scope::Blobs, header);
        let seen = Asker::new().presence(&registry, &blob).await;
        assert_eq!(seen.outcome, BlobOutcome::Present { size: None }, "{value}");
    }
}

#[tokio::test]
async fn a_web_page_that_is_the_blob_is_the_blob() {
    let page = b"<!DOCTYPE html><title>a page in an artifact</title>";
    let (registry, blob) = holding(page, Algorithm::Sha256);
    registry.set_behaviour(Scope::Blobs, Behaviour::ContentType("text/html".to_owned()));
    assert_eq!(Asker::new().presence(&registry, &blob).await.outcome, present(page.len()));
    assert_eq!(Asker::new().content(&registry, &blob).await.outcome, read(page.len()));
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_end_and_its_hosts_are_listed() {
    let (registry, behind, blob) = redirected();
    registry.require_token(TokenRules::default());
    for (seen, outcome) in [
        (Asker::new().presence(&registry, &blob).await, present(SIZE)),
        (Asker::new().content(&registry, &blob).await, read(SIZE)),
    ] {
        assert_eq!(seen.outcome, outcome);
        assert_eq!(seen.asked_as, AskedAs::Nobody, "of the store behind");
        assert_eq!(
            hosts(&seen),
            [host(Part::Registry, &registry.authority()), host(Part::BlobStore, &localhost(&behind)),],
            "the token service is the registry itself"
        );
        assert_eq!(seen.answered_by.unwrap().to_string(), localhost(&behind));
    }
    assert!(registry.hits().iter().any(|hit| hit.authorization.is_some() && hit.status == Some(307)));
    assert!(behind.hits().iter().all(|hit| hit.authorization.is_none()));
}

#[tokio::test]
async fn a_token_service_is_among_the_hosts_even_where_it_refuses() {
    let (registry, blob) = one();
    let realm = Registry::start(store(b"", Algorithm::Sha256)).unwrap();
    registry.require_token_of(&realm, TokenRules::default());
    let both = [host(Part::Registry, &registry.authority()), host(Part::TokenService, &realm.authority())];
    let asker = Asker::new();
    for _ in 0..2 {
        let seen = asker.presence(&registry, &blob).await;
        assert_eq!((hosts(&seen), seen.outcome), (both.to_vec(), present(SIZE)));
        assert_eq!(seen.asked_as, AskedAs::Anonymous);
    }
    assert_eq!(realm.hits_to("/token"), 1);
    realm.set_behaviour(Scope::Token, Behaviour::Status(Failure::registry(403, "DENIED", HOSTILE_MESSAGE)));
    let seen = Asker::new().presence(&registry, &blob).await;
    assert_eq!(hosts(&seen), both);
    let BlobOutcome::Refused(Refusal::Token { host, .. }) = &seen.outcome else { panic!("{seen:?}") };
    assert_eq!(**host, realm.authority());
}

#[tokio::test]
async fn a_dead_blob_store_is_the_cause_and_not_the_registry() {
    let dead = ClosedPort::take().unwrap();
    let (registry, blob) = bent(Behaviour::RedirectTo(format!("http://{}", dead.addr())));
    let asker = Asker::new();
    for ask in 0..10 {
        let seen = asker.presence(&registry, &blob).await;
        match seen.outcome {
            BlobOutcome::Unreached { fault: NetFault::ConnectRefused, host } if ask < 4 => {
                assert_eq!(*host, dead.addr().to_string());
            }
            // After a few the host is known to be down, and only the registry is asked.
            BlobOutcome::NotAsked(NotAsked::Shut { host, shut: Shut::Down { .. } }) if ask > 0 => {
                assert_eq!(*host, dead.addr().to_string());
            }
            other => panic!("{ask}: {other:?}"),
        }
        assert_eq!(
            seen.hosts.iter().map(|host| (host.part, host.authority.to_string())).collect::<Vec<_>>(),
            [(Part::Registry, registry.authority()), (Part::BlobStore, dead.addr().to_string())]
        );
    }
}

#[tokio::test]
async fn what_a_blob_store_refuses_is_said_by_the_blob_store() {
    let (registry, behind, blob) = redirected();
    let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>";
    for (status, is_missing) in [(403, false), (404, true), (410, true)] {
        behind.clear_behaviours();
        behind.set_behaviour(Scope::Blobs, Behaviour::Status(Failure::text(status, "application/xml", xml)));
        let seen = Asker::new().presence(&registry, &blob).await;
        match &seen.outcome {
            BlobOutcome::Missing(answer) if is_missing => assert_eq!(answer.status, status),
            BlobOutcome::Refused(Refusal::Registry { answer, .. }) if !is_missing => {
                assert_eq!(answer.status, status);
            }
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(seen.answered_by.unwrap().to_string(), localhost(&behind), "{status}");
    }
}

#[tokio::test]
async fn a_url_that_is_signed_for_get_and_refuses_head_is_asked_with_get() {
    let (registry, behind, blob) = redirected();
    behind.set_behaviour(Scope::Blobs, Behaviour::HeadStatus(403));
    let seen = Asker::new().presence(&registry, &blob).await;
    assert_eq!((seen.outcome, seen.attempts), (present(SIZE), 2));
    assert_eq!(story(&behind), ["HEAD 403", "GET bytes=0-0 206"]);
}

#[tokio::test]
async fn a_redirect_without_an_end_is_refused() {
    let (registry, blob) = bent(Behaviour::RedirectLoop);
    let seen = Asker::new().presence(&registry, &blob).await;
    let fault = RedirectFault::TooMany(10);
    let breakage = Breakage::Redirect { fault, by: None };
    assert_eq!(seen.outcome, BlobOutcome::Broken(BlobBreakage::Answer(breakage)));
    assert_eq!(registry.hits().len(), 11);
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    for (behaviour, attempts) in [
        (Behaviour::Status(Failure::text(503, "text/plain", "busy")), 2),
        (Behaviour::Status(Failure::throttled(Some("0"))), 2),
        (Behaviour::Reset, 2),
    ] {
        let (registry, blob) = one();
        registry.set_behaviour_times(Scope::Blobs, behaviour.clone(), Times::First(1));
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!((seen.outcome, seen.attempts), (read(SIZE), attempts), "{behaviour:?}");
    }
    let (registry, blob) = bent(Behaviour::Status(Failure::throttled(Some("0"))));
    let seen = Asker::new().presence(&registry, &blob).await;
    assert!(matches!(seen.outcome, BlobOutcome::Throttled { .. }), "{seen:?}");
}

#[tokio::test]
async fn a_registry_that_breaks_on_ns_is_asked_without_it() {
    let (registry, blob) = bent(Behaviour::HateNamespace);
    let mut asker = Asker::new();
    asker.namespace = Namespace::Always;
    let seen = asker.presence(&registry, &blob).await;
    assert_eq!((seen.outcome, seen.notes), (present(SIZE), vec![Note::WithoutNamespace]));
    let seen = asker.content(&registry, &blob).await;
    assert_eq!((seen.outcome, seen.notes), (read(SIZE), vec![Note::WithoutNamespace]));
}

#[tokio::test]
async fn an_answer_without_a_length_is_read_as_far_as_it_is_declared() {
    let (registry, blob) = bent(Behaviour::NoLength);
    assert_eq!(Asker::new().content(&registry, &blob).await.outcome, read(SIZE));
    let longer = Blob { size: Some(SIZE as u64 + 1), ..blob.clone() };
    let wrong = BlobBreakage::WrongSize { declared: SIZE as u64 + 1, found: SIZE as u64 };
    assert_eq!(Asker::new().content(&registry, &longer).await.outcome, BlobOutcome::Broken(wrong));
    let shorter = Blob { size: Some(SIZE as u64 - 1), ..blob };
    let endless = BlobBreakage::Endless { declared: SIZE as u64 - 1 };
    assert_eq!(Asker::new().content(&registry, &shorter).await.outcome, BlobOutcome::Broken(endless));
}

#[tokio::test]
async fn a_hashed_blob_is_told_with_what_came_from_whom() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let (registry, blob) = holding(&noise(SIZE), algorithm);
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!(seen.outcome, read(SIZE));
        assert_eq!(story(&registry), ["GET 200"]);
        let [transfer] = &seen.transfers[..] else { panic!("{seen:?}") };
        assert_eq!((transfer.from.to_string(), transfer.bytes), (registry.authority(), SIZE as u64));

        registry.set_behaviour(Scope::Blobs, Behaviour::WrongByte);
        let seen = Asker::new().content(&registry, &blob).await;
        let mut bytes = noise(SIZE);
        bytes[SIZE - 1] ^= 1;
        let found = algorithm.digest(&bytes);
        assert_eq!(seen.outcome, BlobOutcome::Broken(BlobBreakage::WrongBytes { found }));
        assert_eq!(seen.received_bytes(), SIZE as u64);
    }
}

#[tokio::test]
async fn bytes_from_a_blob_store_are_counted_as_its_own() {
    let (registry, behind, blob) = redirected();
    let seen = Asker::new().content(&registry, &blob).await;
    let [transfer] = &seen.transfers[..] else { panic!("{seen:?}") };
    assert_eq!((transfer.from.to_string(), transfer.bytes), (localhost(&behind), SIZE as u64));
}

#[tokio::test]
async fn a_blob_that_never_ends_is_left_where_it_should_have() {
    let (registry, blob) = bent(Behaviour::Endless);
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(seen.outcome, BlobOutcome::Broken(BlobBreakage::Endless { declared: SIZE as u64 }));
    // A piece more, in whatever pieces the HTTP library reads.
    assert!(seen.received_bytes() <= SIZE as u64 + (1 << 20), "{seen:?}");
}

#[tokio::test]
async fn a_transfer_that_is_cut_is_resumed_once_where_it_was_cut() {
    let (registry, blob) = one();
    registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(2000), Times::First(1));
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(story(&registry), ["GET 200", "GET bytes=3000- 206"]);
    assert_eq!((seen.outcome, seen.attempts), (read(SIZE), 2));
    let bytes: Vec<_> = seen.transfers.iter().map(|transfer| transfer.bytes).collect();
    assert_eq!(bytes, [3000, 2000]);

    let (registry, blob) = bent(Behaviour::Short(1000));
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(story(&registry), ["GET 200", "GET bytes=4000- 206"]);
    let fault = NetFault::Truncated { received_bytes: 4000, promised_bytes: Some(SIZE as u64) };
    let host = registry.authority().into();
    assert_eq!(seen.outcome, BlobOutcome::Unreached { fault, host });
}

#[tokio::test]
async fn a_resumption_that_is_another_answer_leaves_the_transfer_cut() {
    let range = |value: &str| Behaviour::Header { name: "Content-Range".to_owned(), value: value.to_owned() };
    let other_bytes = Some("it answered 206 with other bytes");
    for (behaviour, why) in [
        (range("bytes 2999-4999/5000"), other_bytes),
        (range("bytes 3000-4998/5000"), other_bytes),
        (range("bytes 3000-4999/5001"), other_bytes),
        (range("bytes */5000"), other_bytes),
        (range("3000-4999/5000"), other_bytes),
        (Behaviour::Status(Failure::text(416, "text/plain", "no")), Some("it answered 416 with other bytes")),
        (Behaviour::Html, Some("it answered 200 with another length")),
        (Behaviour::Status(Failure::text(404, "text/plain", "gone")), None),
    ] {
        let (registry, blob) = one();
        registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(2000), Times::First(1));
        registry.set_behaviour_times(Scope::Blobs, behaviour.clone(), Times::After(1));
        let seen = Asker::new().content(&registry, &blob).await;
        let cut = NetFault::Truncated { received_bytes: 3000, promised_bytes: Some(SIZE as u64) };
        let fault = match why {
            Some(why) => NetFault::NotResumed { cut: Box::new(cut), why: why.into() },
            None => cut,
        };
        let host = registry.authority().into();
        assert_eq!(seen.outcome, BlobOutcome::Unreached { fault, host }, "{behaviour:?}");
        assert_eq!(registry.hits().len(), 2, "{behaviour:?}");
        assert_eq!(seen.received_bytes(), 3000, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_transfer_that_is_cut_before_its_first_byte_is_asked_for_whole() {
    for behaviour in [None, Some(Behaviour::IgnoreRange)] {
        let (registry, blob) = one();
        registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(SIZE), Times::First(1));
        behaviour.into_iter().for_each(|behaviour| registry.set_behaviour(Scope::Blobs, behaviour));
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!(story(&registry), ["GET 200", "GET 200"]);
        assert_eq!((seen.outcome, seen.attempts), (read(SIZE), 2));
    }
}

#[tokio::test]
async fn where_ranges_are_not_known_a_cut_transfer_begins_again_once() {
    let (registry, blob) = bent(Behaviour::IgnoreRange);
    registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(2000), Times::First(1));
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(story(&registry), ["GET 200", "GET bytes=3000- 200"]);
    assert_eq!((seen.outcome, seen.attempts), (read(SIZE), 2));
    let bytes: Vec<_> = seen.transfers.iter().map(|transfer| transfer.bytes).collect();
    assert_eq!(bytes, [3000, 5000], "both are counted");

    let (registry, blob) = bent(Behaviour::IgnoreRange);
    registry.set_behaviour(Scope::Blobs, Behaviour::Short(1000));
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(story(&registry), ["GET 200", "GET bytes=4000- 200"]);
    let fault = NetFault::Truncated { received_bytes: 4000, promised_bytes: Some(SIZE as u64) };
    let host = registry.authority().into();
    assert_eq!(seen.outcome, BlobOutcome::Unreached { fault, host });
}

#[tokio::test]
async fn what_comes_twice_is_taken_from_the_bytes_that_are_left() {
    for (spare, left) in [(3001, Some(1)), (3000, Some(0)), (2999, None)] {
        let (registry, blob) = bent(Behaviour::IgnoreRange);
        registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(2000), Times::First(1));
        let budget = Arc::new(ByteBudget::new(spare));
        let seen = Asker::within(&budget).content(&registry, &blob).await;
        let Some(left) = left else {
            let BlobOutcome::Unreached { fault, .. } = &seen.outcome else { panic!("{seen:?}") };
            let why = "not honoured: all of it came again, for which --max-bytes leaves no bytes";
            assert!(fault.to_string().ends_with(why), "{fault}");
            assert_eq!((seen.received_bytes(), budget.left()), (3000, spare));
            continue;
        };
        assert_eq!((seen.outcome, budget.left()), (read(SIZE), left));
    }
}

#[tokio::test]
async fn a_resumption_does_not_mend_what_was_wrong_before() {
    let (registry, blob) = one();
    registry.set_behaviour_times(Scope::Blobs, Behaviour::Short(2000), Times::First(1));
    registry.set_behaviour_times(Scope::Blobs, Behaviour::WrongByte, Times::After(1));
    let seen = Asker::new().content(&registry, &blob).await;
    let is_wrong = matches!(&seen.outcome, BlobOutcome::Broken(BlobBreakage::WrongBytes { .. }));
    assert!(is_wrong, "{seen:?}");
}

#[tokio::test]
async fn a_transfer_may_take_longer_than_a_request_but_not_stand_still() {
    let timeouts = registry_check::net::client::Timeouts {
        first_byte: Duration::from_millis(400),
        total: Duration::from_millis(400),
        least_rate: 5,
        ..Default::default()
    };
    let (registry, blob) = holding(&noise(100), Algorithm::Sha256);
    // A second, whatever the machine.
    registry.set_behaviour(Scope::Blobs, Behaviour::Trickle(Duration::from_millis(10)));
    let seen = Asker::with(timeouts).content(&registry, &blob).await;
    assert_eq!(seen.outcome, read(100));
    assert!(seen.transfers[0].took > timeouts.total);

    let (registry, blob) = bent(Behaviour::Stall(10));
    let seen = Asker::with(timeouts).content(&registry, &blob).await;
    let is_slow = matches!(&seen.outcome, BlobOutcome::Unreached { fault: NetFault::TooSlow { .. }, .. });
    assert!(is_slow && seen.attempts == 1, "{seen:?}");
}

#[tokio::test]
async fn a_coding_that_nobody_asked_for_is_undone_or_not_believed() {
    let (registry, blob) = bent(Behaviour::Gzip);
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!((seen.outcome, seen.notes), (read(SIZE), vec![Note::Encoded("gzip".into())]));
    // Storages say so of layers that are gzip themselves.
    for lengths in [None, Some(Behaviour::NoLength)] {
        let (registry, blob) = bent(Behaviour::FalseGzip);
        lengths.into_iter().for_each(|behaviour| registry.set_behaviour(Scope::Blobs, behaviour));
        let seen = Asker::new().content(&registry, &blob).await;
        assert_eq!((seen.outcome, seen.notes), (read(SIZE), vec![]));
    }
    // The presence of what has no size of its own is no matter of size.
    let (registry, blob) = bent(Behaviour::HeadStatus(405));
    registry.set_behaviour(Scope::Blobs, Behaviour::IgnoreRange);
    registry.set_behaviour(Scope::Blobs, Behaviour::Gzip);
    let seen = Asker::new().presence(&registry, &blob).await;
    assert_eq!(seen.outcome, BlobOutcome::Present { size: None });
}

#[tokio::test]
async fn a_bomb_ends_at_the_declared_size() {
    let zeros = vec![0; 8 << 20];
    let (registry, blob) = holding(&zeros, Algorithm::Sha256);
    registry.set_behaviour(Scope::Blobs, Behaviour::Gzip);
    let seen = Asker::new().content(&registry, &blob).await;
    assert_eq!(seen.outcome, read(zeros.len()));
    let small = Blob { size: Some(100_000), ..blob };
    let seen = Asker::new().content(&registry, &small).await;
    let is_broken = matches!(
        &seen.outcome,
        BlobOutcome::Broken(BlobBreakage::WrongSize { .. } | BlobBreakage::Endless { .. })
    );
    assert!(is_broken, "{seen:?}");
}

#[tokio::test]
async fn a_blob_beyond_all_bounds_is_not_asked_for() {
    let (registry, blob) = one();
    let huge = Blob { size: Some(1 << 62), ..blob };
    assert_eq!(Asker::new().content(&registry, &huge).await.outcome, BlobOutcome::OverBudget);
    assert_eq!(story(&registry), [""; 0]);
}
