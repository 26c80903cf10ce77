//! What a runtime makes of the answers along its way: which failures lead to the next place, which end the
//! pull, and who has served it in the end.
//!
//! The rules are those of containerd (`core/remotes/docker/resolver.go`), of dockerd (`continueOnError` in
//! moby's `distribution/errors.go`) and of containers/image, as seen with skopeo.

mod fetch;
mod ping;

pub use fetch::{fetched, resolved};
pub use ping::{as_signed_in, unpinged};

use super::unserved;
use super::verdict;
use crate::model::code::Code;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::fault::{NetFault, RedirectFault, seconds};
use crate::model::manifest::{Content, ImageKind, MediaType};
use crate::model::node::{Rules, Step, Use, Walk};
use crate::model::observation::{Breakage, Facts, NotAsked, Note, Observation, Outcome};
use crate::model::pull::{Comparison, End, Finding, FindingKind, Reaction, Trial};
use crate::model::run::Verdict;
use crate::model::status::Status;
use crate::model::tls::TlsFault;

/// What `answer` of `host` means by itself, and what a runtime with these rules does about it.
#[must_use]
pub fn trial(rules: Rules, answer: Observation, host: &str) -> Trial {
    let verdict = match &answer.outcome {
        Outcome::Found(facts) => verdict(Code::Served, "", Some(facts)),
        _ => unserved::explain(&answer, host),
    };
    let (reaction, why) = reaction(rules, &answer);
    Trial { answer, verdict, reaction, why: why.into(), ping: None }
}

fn reaction(rules: Rules, answer: &Observation) -> (Reaction, String) {
    use Reaction::{FallsThrough, Takes, Unknown};
    let told = |reaction, why: &str| (reaction, why.to_owned());
    let is_odd_success = answer.http_status.is_some_and(|status| (201..300).contains(&status));
    match &answer.outcome {
        _ if rules == Rules::Containers && is_odd_success => {
            told(FallsThrough, "a success but no 200 leads to the next")
        }
        Outcome::Found(_) if answer.notes.contains(&Note::WithoutNamespace) => {
            told(FallsThrough, "it answers only without ?ns=, which this runtime always sends")
        }
        Outcome::Found(facts) if rules == Rules::Dockerd => by_dockerd(facts),
        Outcome::Found(_) => told(Takes, "the manifest is there"),
        Outcome::Missing(_) => told(FallsThrough, "a 404 leads to the next"),
        Outcome::Refused(_) => told(FallsThrough, "a refusal leads to the next"),
        Outcome::Throttled { service: Some(_), .. } if rules == Rules::Containers => {
            told(FallsThrough, "a token is asked for once, and without one it asks the next")
        }
        Outcome::Throttled { .. } => match rules {
            Rules::Containers => told(Unknown, "it waits as the server asks, and asks the same one again"),
            Rules::Containerd | Rules::Dockerd => told(FallsThrough, "429 to the end leads to the next"),
        },
        Outcome::Broken(breakage) => broken(rules, answer, breakage),
        Outcome::Unreached { fault, .. } => (FallsThrough, unreached(rules, fault)),
        Outcome::NotAsked(NotAsked::Name(_)) => told(FallsThrough, "the name cannot be asked for there"),
        Outcome::NotAsked(_) => told(Unknown, "it was not asked"),
    }
}

/// dockerd's own image store looks at what a manifest is of (`checkSupportedMediaType`, `validateMediaType`), and does not
/// go on after all that it refuses (`continueOnError`).
fn by_dockerd(facts: &Facts) -> (Reaction, String) {
    let manifest = facts.manifest.as_ref();
    let told = match manifest.map(|manifest| (&manifest.content, manifest.media_type)) {
        Some((Content::Image { kind: ImageKind::Artifact, .. }, MediaType::DockerManifest)) => (
            Reaction::FallsThrough,
            "the config is not an image's: in a manifest of docker's own that leads to the next",
        ),
        Some((Content::Image { kind: ImageKind::Artifact, .. }, _)) => (
            Reaction::Stops,
            "the config is not an image's: an unsupported media type ends the pull, nobody else is asked",
        ),
        Some((Content::Schema1, _)) => {
            (Reaction::FallsThrough, "schema 1 is no longer taken, which leads to the next")
        }
        _ => (Reaction::Takes, "the manifest is there"),
    };
    (told.0, told.1.to_owned())
}

fn broken(rules: Rules, answer: &Observation, breakage: &Breakage) -> (Reaction, String) {
    use Reaction::{FallsThrough, Stops, Unknown};
    let told = |reaction, why: &str| (reaction, why.to_owned());
    let is_redirect = answer.http_status.is_some_and(|status| (300..400).contains(&status));
    match (breakage, rules) {
        (Breakage::Redirect { fault: RedirectFault::Downgrade(_) | RedirectFault::IntoLocal(_), .. }, _) => {
            told(Unknown, "it may follow this redirect, which is not followed here")
        }
        (Breakage::Redirect { fault: RedirectFault::TooMany(_), .. }, _) => {
            told(FallsThrough, "too many redirects are a failure, which leads to the next")
        }
        (
            Breakage::Redirect { fault: RedirectFault::NoLocation | RedirectFault::Scheme(_), .. }
            | Breakage::OddStatus(_),
            Rules::Containerd,
        ) if is_redirect => told(Stops, "a status from 300 to 399 that leads nowhere ends the pull"),
        (Breakage::ServerError(_) | Breakage::NotARegistry(_) | Breakage::OddStatus(_), _)
        | (Breakage::Redirect { fault: RedirectFault::NoLocation | RedirectFault::Scheme(_), .. }, _) => {
            told(FallsThrough, "an error status leads to the next")
        }
        (Breakage::TokenService { .. }, _) => told(FallsThrough, "without a token it asks the next"),
        (Breakage::TooLarge { .. }, Rules::Containers) => {
            told(FallsThrough, "more than 4 MiB are a failure, which leads to the next")
        }
        (Breakage::TooLarge { .. }, _) => told(Unknown, "more was answered than is read here"),
        (
            Breakage::Html { .. }
            | Breakage::Empty
            | Breakage::ErrorDocument(_)
            | Breakage::NotAManifest { .. }
            | Breakage::WrongBytes { .. },
            Rules::Containerd | Rules::Containers,
        ) => {
            told(Stops, "a success status is taken at its word: the pull fails on this, nobody else is asked")
        }
        (_, Rules::Dockerd) => told(FallsThrough, "what is no manifest leads to the next"),
    }
}

/// A closed door is the same to all; how long they knock is not.
fn unreached(rules: Rules, fault: &NetFault) -> String {
    let ours = match fault {
        NetFault::TimeoutConnect(after) => Some((*after, rules.patience().map(|patience| patience.connect))),
        NetFault::TimeoutFirstByte(after) => {
            Some((*after, rules.patience().map(|patience| patience.first_byte)))
        }
        NetFault::TimeoutBody(after) => Some((*after, None)),
        NetFault::TokenService(fault) => return unreached(rules, fault),
        _ => None,
    };
    let base = "no answer leads to the next";
    match ours {
        Some((ours, Some(theirs))) if theirs > ours => {
            format!("{base}, once the runtime has waited {} (here {})", seconds(theirs), seconds(ours))
        }
        Some((ours, None)) => {
            format!("{base}; how long this runtime waits is not known here ({} were waited)", seconds(ours))
        }
        _ => base.to_owned(),
    }
}

/// Whether a runtime that may ask `endpoint` over http does so after this answer over https: containerd where no TLS is
/// spoken there (`NewHTTPFallback`), or where another port is asked then; dockerd where https did not work; containers/image has
/// settled that by its ping.
#[must_use]
pub fn tries_http(rules: Rules, answer: &Observation, endpoint: &Endpoint) -> bool {
    let Outcome::Unreached { fault, .. } = &answer.outcome else { return false };
    match (rules, fault) {
        (Rules::Dockerd, _)
        // Whether the connection or the handshake took too long, nothing here tells.
        | (Rules::Containerd, NetFault::Tls(TlsFault::NotTls) | NetFault::TimeoutConnect(_)) => true,
        (Rules::Containerd, NetFault::ConnectRefused | NetFault::TimeoutFirstByte(_)) => {
            endpoint.url.port().is_none()
        }
        (Rules::Containerd | Rules::Containers, _) => false,
    }
}

/// How the walk ends. `trials` stand beside its steps.
#[must_use]
pub fn end(walk: &Walk, trials: &[Option<Trial>]) -> End {
    let mut is_clear = true;
    for (at, trial) in trials.iter().enumerate() {
        let Some(trial) = trial else { continue };
        match trial.reaction {
            Reaction::Takes => return End::Served(at),
            Reaction::Stops => return End::Nobody,
            Reaction::Unknown => return End::Unknown,
            Reaction::FallsThrough => is_clear &= says_no(trial),
        }
    }
    if is_clear || walk.refused.is_some() { End::Nobody } else { End::Unknown }
}

/// Whether it says that the image is not to be had there, and not only that it cannot answer.
fn says_no(trial: &Trial) -> bool {
    let is_odd = matches!(trial.answer.outcome, Outcome::Found(_));
    // A name that cannot be asked for is not asked for by the runtime either.
    let is_nameless = matches!(trial.answer.outcome, Outcome::NotAsked(NotAsked::Name(_)));
    is_odd
        || is_nameless
        || matches!(trial.verdict.code.status(), Status::Missing | Status::Invalid | Status::Incomplete)
}

/// What a person should know of how the walk ended.
#[must_use]
pub fn findings(
    walk: &Walk,
    trials: &[Option<Trial>],
    (end, comparison): (End, &Comparison),
) -> Vec<Finding> {
    let End::Served(at) = end else { return Vec::new() };
    let Some(step) = walk.steps.get(at) else { return Vec::new() };
    let mut findings = Vec::new();
    let mirrors = walk.steps.iter().zip(trials).filter(|(step, _)| step.role == Role::Mirror);
    if step.role == Role::Upstream {
        let why: Vec<_> = mirrors.map(|(step, trial)| passed(step, trial.as_ref())).collect();
        if !why.is_empty() {
            let text = format!("upstream served, although mirrors are configured: {}", why.join("; "));
            findings.push(Finding { kind: FindingKind::SilentFallback, text: text.into() });
        }
    }
    if let Comparison::Differs(verdict) = comparison {
        let (kind, words) = match verdict.code.status() {
            Status::Stale => (FindingKind::StaleMirror, "wins with another image than upstream's"),
            _ => (FindingKind::MirrorDiffers, "wins, and what it serves is not upstream's"),
        };
        let text = format!("{} {words}: {}", step.endpoint.name, named(verdict));
        findings.push(Finding { kind, text: text.into() });
    }
    findings
}

fn passed(step: &Step, trial: Option<&Trial>) -> String {
    match (trial, step.use_) {
        // What it has is no reason to pass it.
        (Some(trial), Use::Asked) if matches!(trial.answer.outcome, Outcome::Found(_)) => {
            format!("{}: {}", step.endpoint.name, trial.why)
        }
        (Some(trial), Use::Asked) => format!("{}: {}", step.endpoint.name, named(&trial.verdict)),
        _ => format!("{}: {}", step.endpoint.name, step.why),
    }
}

fn named(verdict: &Verdict) -> &str {
    if verdict.reason.is_empty() { verdict.code.as_str() } else { &verdict.reason }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::OffsetDateTime;

    use super::*;
    use crate::model::digest::Digest;
    use crate::model::fault::Shut;
    use crate::model::observation::{Answer, AskedAs, DigestSource, Refusal};

    fn observed(outcome: Outcome, http_status: Option<u16>) -> Observation {
        Observation { http_status, attempts: 1, ..Observation::unasked(outcome, OffsetDateTime::UNIX_EPOCH) }
    }

    fn found() -> Observation {
        let facts = Facts {
            digest: Digest::sha256(b"x"),
            source: DigestSource::Header,
            media_type: None,
            manifest: None,
            bytes: None,
        };
        observed(Outcome::Found(facts), Some(200))
    }

    fn answer(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    fn broken(breakage: Breakage, status: u16) -> Observation {
        observed(Outcome::Broken(breakage), Some(status))
    }

    fn net(fault: NetFault) -> Observation {
        observed(Outcome::Unreached { fault, host: "m".into() }, None)
    }

    fn throttled() -> Observation {
        let outcome = Outcome::Throttled { answer: answer(429), retry_after: None, service: None };
        observed(outcome, Some(429))
    }

    fn throttled_by_its_token_service() -> Observation {
        let outcome =
            Outcome::Throttled { answer: answer(429), retry_after: None, service: Some("t".into()) };
        observed(outcome, Some(401))
    }

    fn missing() -> Observation {
        observed(Outcome::Missing(answer(404)), Some(404))
    }

    fn refused() -> Observation {
        let refusal = Refusal::Registry { answer: answer(403), asked_as: AskedAs::Nobody };
        observed(Outcome::Refused(refusal), Some(403))
    }

    const RULES: [Rules; 3] = [Rules::Containerd, Rules::Dockerd, Rules::Containers];

    #[test]
    fn each_runtime_reacts_to_each_answer_by_its_own_rules() {
        use Reaction::{FallsThrough as Next, Stops, Takes, Unknown};
        let wrong = || Breakage::WrongBytes { asked: Digest::sha256(b"a"), found: Digest::sha256(b"b") };
        let not_json = || Breakage::NotAManifest { why: "no JSON".into() };
        let second = Duration::from_secs(5);
        let mut bare = found();
        bare.notes.push(Note::WithoutNamespace);
        // What came back; then what containerd, dockerd and containers/image do.
        for (answer, expected) in [
            (found(), [Takes, Takes, Takes]),
            (bare, [Next, Next, Next]),
            (missing(), [Next, Next, Next]),
            (refused(), [Next, Next, Next]),
            (throttled(), [Next, Next, Unknown]),
            (throttled_by_its_token_service(), [Next, Next, Next]),
            (broken(Breakage::ServerError(answer(500)), 500), [Next, Next, Next]),
            (broken(Breakage::NotARegistry(answer(404)), 404), [Next, Next, Next]),
            (broken(Breakage::OddStatus(answer(400)), 400), [Next, Next, Next]),
            (broken(Breakage::OddStatus(answer(304)), 304), [Stops, Next, Next]),
            (
                broken(Breakage::Redirect { fault: RedirectFault::NoLocation, by: None }, 302),
                [Stops, Next, Next],
            ),
            (
                broken(Breakage::Redirect { fault: RedirectFault::Scheme("ftp".into()), by: None }, 302),
                [Stops, Next, Next],
            ),
            (
                broken(Breakage::Redirect { fault: RedirectFault::TooMany(10), by: None }, 302),
                [Next, Next, Next],
            ),
            (
                broken(Breakage::Redirect { fault: RedirectFault::IntoLocal("h".into()), by: None }, 302),
                [Unknown, Unknown, Unknown],
            ),
            (broken(Breakage::Html { title: None }, 200), [Stops, Next, Stops]),
            (broken(Breakage::Empty, 200), [Stops, Next, Stops]),
            (broken(Breakage::ErrorDocument(answer(200)), 200), [Stops, Next, Stops]),
            (broken(not_json(), 200), [Stops, Next, Stops]),
            (broken(wrong(), 200), [Stops, Next, Stops]),
            (broken(Breakage::TooLarge { limit_bytes: 1 }, 200), [Unknown, Unknown, Next]),
            (broken(Breakage::Html { title: None }, 206), [Stops, Next, Next]),
            (
                broken(Breakage::TokenService { host: "t".into(), why: "no JSON".into() }, 401),
                [Next, Next, Next],
            ),
            (net(NetFault::ConnectRefused), [Next, Next, Next]),
            (net(NetFault::Dns("no such host".into())), [Next, Next, Next]),
            (net(NetFault::TimeoutConnect(second)), [Next, Next, Next]),
            (net(NetFault::TimeoutFirstByte(second)), [Next, Next, Next]),
            (net(NetFault::Truncated { received_bytes: 1, promised_bytes: Some(2) }), [Next, Next, Next]),
            (observed(Outcome::NotAsked(NotAsked::Interrupted), None), [Unknown, Unknown, Unknown]),
            (
                observed(
                    Outcome::NotAsked(NotAsked::Shut {
                        host: "m".into(),
                        shut: Shut::Throttling { cool_downs: 2 },
                    }),
                    None,
                ),
                [Unknown, Unknown, Unknown],
            ),
        ] {
            let reactions = RULES.map(|rules| reaction(rules, &answer).0);
            assert_eq!(reactions, expected, "{answer:?}");
        }
    }

    #[test]
    fn dockerd_takes_images_only_and_stops_at_an_oci_manifest_of_anything_else() {
        use Reaction::{FallsThrough as Next, Stops, Takes};
        const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
        const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
        let digest = Digest::sha256(b"x");
        for (own, config, by_dockerd) in [
            (OCI, "application/vnd.oci.image.config.v1+json", Takes),
            (OCI, "application/octet-stream", Takes),
            (OCI, "application/vnd.docker.plugin.v1+json", Takes),
            (OCI, "application/vnd.cncf.helm.config.v1+json", Stops),
            (OCI, "application/vnd.oci.empty.v1+json", Stops),
            (OCI, "application/vnd.oci.images.x", Stops),
            (DOCKER, "application/vnd.docker.container.image.v1+json", Takes),
            (DOCKER, "application/vnd.cncf.helm.config.v1+json", Next),
        ] {
            let body = format!(
                r#"{{"schemaVersion": 2, "mediaType": "{own}", "layers": [],
                    "config": {{"mediaType": "{config}", "digest": "{digest}", "size": 2}}}}"#
            );
            let manifest = crate::model::manifest::Manifest::parse(body.as_bytes(), None).unwrap();
            let mut answer = found();
            let Outcome::Found(facts) = &mut answer.outcome else { unreachable!() };
            facts.manifest = Some(std::sync::Arc::new(manifest));
            let reactions = RULES.map(|rules| reaction(rules, &answer).0);
            assert_eq!(reactions, [Takes, by_dockerd, Takes], "{own} {config}");
        }
    }

    #[test]
    fn http_is_tried_where_no_tls_is_spoken_and_by_dockerd_wherever_https_does_not_work() {
        let endpoint =
            |text: &str| crate::plan::upstream(text, &crate::model::mirror::MirrorMap::default()).unwrap();
        let expired = TlsFault::UnknownIssuer { issuer: "x".into() };
        let second = Duration::from_secs(1);
        for (answer, host, expected) in [
            (net(NetFault::Tls(TlsFault::NotTls)), "m.io:5000", [true, true, false]),
            (net(NetFault::Tls(expired)), "m.io", [false, true, false]),
            (net(NetFault::TimeoutConnect(second)), "m.io:5000", [true, true, false]),
            (net(NetFault::ConnectRefused), "m.io:5000", [false, true, false]),
            (net(NetFault::ConnectRefused), "m.io", [true, true, false]),
            (net(NetFault::Dns("no such host".into())), "m.io", [false, true, false]),
            (missing(), "m.io", [false, false, false]),
            (found(), "m.io", [false, false, false]),
        ] {
            let tried = RULES.map(|rules| tries_http(rules, &answer, &endpoint(host)));
            assert_eq!(tried, expected, "{answer:?}");
        }
    }

    #[test]
    fn the_runtimes_own_patience_is_told_where_it_is_longer() {
        let slow = NetFault::TimeoutFirstByte(Duration::from_secs(15));
        assert!(unreached(Rules::Containerd, &slow).ends_with("waited 30s (here 15s)"));
        assert!(unreached(Rules::Containers, &slow).contains("is not known here"));
        let longer = NetFault::TimeoutConnect(Duration::from_secs(60));
        assert_eq!(unreached(Rules::Containerd, &longer), "no answer leads to the next");
    }

    fn ended(rules: Rules, answers: Vec<Option<Observation>>) -> End {
        let walk = Walk {
            image: "nginx".parse().unwrap(),
            renamed: None,
            runtime: crate::model::node::Runtime::Containerd,
            rules,
            source: "x".into(),
            refused: None,
            steps: Vec::new(),
        };
        let trials: Vec<_> =
            answers.into_iter().map(|answer| answer.map(|answer| trial(rules, answer, "m"))).collect();
        end(&walk, &trials)
    }

    #[test]
    fn the_first_that_is_taken_serves_and_nobody_is_said_only_where_all_have_said_so() {
        let html = || broken(Breakage::Html { title: None }, 200);
        for rules in RULES {
            assert_eq!(
                ended(rules, vec![None, Some(missing()), Some(found()), Some(found())]),
                End::Served(2)
            );
            assert_eq!(
                ended(rules, vec![Some(net(NetFault::ConnectRefused)), Some(found())]),
                End::Served(1)
            );
            assert_eq!(ended(rules, vec![Some(missing()), Some(missing())]), End::Nobody);
            for unclear in [refused(), throttled(), net(NetFault::ConnectRefused)] {
                assert_eq!(ended(rules, vec![Some(unclear), Some(missing())]), End::Unknown);
            }
        }
        assert_eq!(ended(Rules::Containerd, vec![Some(html()), Some(found())]), End::Nobody);
        assert_eq!(ended(Rules::Containers, vec![Some(html()), Some(found())]), End::Nobody);
        assert_eq!(ended(Rules::Dockerd, vec![Some(html()), Some(found())]), End::Served(1));
        assert_eq!(ended(Rules::Containers, vec![Some(throttled()), Some(found())]), End::Unknown);
        assert_eq!(ended(Rules::Containerd, vec![Some(throttled()), Some(found())]), End::Served(1));
    }
}
