//! What podman, skopeo and the others of containers/image do when a host's `/v2/` answers as no registry does: they
//! ask nothing else there.
//!
//! As seen with skopeo: 200 and 401 are a registry, whatever comes with them; any other status, a redirect that leads
//! to one and no answer lead to http where the host is insecure, and then to the next place.

use super::{named, unreached};
use crate::model::fault::RedirectFault;
use crate::model::node::Rules;
use crate::model::observation::{AskedAs, Breakage, Observation, Outcome, Refusal};
use crate::model::pull::{Ping, Reaction, Trial};
use crate::model::run::Verdict;
use crate::verdict::unserved;

/// `ping` is what `host` answered at its API root; where that was no registry's answer, this is what follows from it.
#[must_use]
pub fn unpinged(ping: &Ping, host: &str) -> Option<Trial> {
    let answer = Observation::clone(ping.failure.as_ref()?);
    let verdict = unserved::explain(&answer, host);
    let reason = format!("asked for {}: {}", ping.url, named(&verdict)).into();
    let verdict = Verdict { reason, ..verdict };
    let (reaction, why) = reaction(&answer);
    Some(Trial { answer, verdict, reaction, why: why.into(), ping: Some(ping.clone()) })
}

/// What follows of `host`'s answer where the manifest was had with a token or credentials, which this runtime only brings where
/// `ping` has asked for them; and where it did ask, and they are refused, or not to be had here. Else `trial` as it is.
#[must_use]
pub fn as_signed_in(ping: Ping, trial: Trial, host: &str) -> Trial {
    let is_nobody = trial.answer.asked_as == AskedAs::Nobody;
    let trial = Trial { ping: Some(ping), ..trial };
    if trial.ping.as_ref().is_some_and(|ping| ping.is_challenge) {
        return after_challenge(trial, host);
    }
    if is_nobody {
        return trial;
    }
    let why = "its /v2/ asks for no sign-in, and so this runtime brings none to the manifest, where it is wanted: a refusal \
               leads to the next";
    Trial { reaction: Reaction::FallsThrough, why: why.into(), ..trial }
}

/// Nobody has asked without what `/v2/` wants.
fn after_challenge(trial: Trial, host: &str) -> Trial {
    let Outcome::Refused(refusal) = &trial.answer.outcome else { return trial };
    match refusal {
        Refusal::Realm { realm, .. } if is_http(realm) => {
            let why =
                "its /v2/ asks for a token of a service that is not asked here; this runtime may ask it";
            Trial { reaction: Reaction::Unknown, why: why.into(), ..trial }
        }
        Refusal::Credentials(rejection) => {
            let reason = unserved::refuses(rejection, host).into();
            let why = "its /v2/ asks for a sign-in, and so this runtime does not ask without it: a refusal leads to the next";
            Trial { verdict: Verdict { reason, ..trial.verdict }, why: why.into(), ..trial }
        }
        Refusal::CredentialsNeeded { scheme, .. } if &**scheme == "basic" => {
            let why = "its /v2/ asks for a sign-in, and so this runtime brings an empty name and password: a refusal leads to \
                       the next";
            Trial { why: why.into(), ..trial }
        }
        _ => trial,
    }
}

/// Whether it is a URL that anybody could ask.
fn is_http(realm: &str) -> bool {
    let scheme = realm.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

fn reaction(answer: &Observation) -> (Reaction, String) {
    use Reaction::{FallsThrough, Unknown};
    let told = |reaction, why: &str| (reaction, why.to_owned());
    match &answer.outcome {
        Outcome::NotAsked(_) => told(Unknown, "its /v2/ comes first, and was not asked"),
        Outcome::Throttled { .. } => {
            told(Unknown, "its /v2/ comes first: it waits as the server asks, and asks that again")
        }
        Outcome::Broken(Breakage::Redirect {
            fault: RedirectFault::Downgrade(_) | RedirectFault::IntoLocal(_),
            ..
        }) => told(Unknown, "its /v2/ comes first; it may follow this redirect, which is not followed here"),
        Outcome::Unreached { fault, .. } => {
            (FallsThrough, format!("its /v2/ comes first: {}", unreached(Rules::Containers, fault)))
        }
        _ => {
            let said = match answer.http_status {
                Some(status) => format!("answered {status}"),
                None => "did not answer".to_owned(),
            };
            (
                FallsThrough,
                format!(
                    "its /v2/ comes first and {said}: what is neither 200 nor 401 there leads to the next, \
                     and the manifest is not asked for"
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::model::fault::{NetFault, Shut};
    use crate::model::observation::{Answer, NotAsked};

    fn ping(outcome: Outcome, http_status: Option<u16>) -> Ping {
        let failure = Observation {
            http_status,
            attempts: 1,
            ..Observation::unasked(outcome, OffsetDateTime::UNIX_EPOCH)
        };
        Ping {
            url: "https://m.io/v2/".into(),
            http_status,
            latency: None,
            is_challenge: false,
            failure: Some(Box::new(failure)),
        }
    }

    fn answer(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    #[test]
    fn a_host_whose_root_is_no_registrys_is_given_up_and_the_reason_tells_the_status() {
        let refusal = Refusal::Registry { answer: answer(403), asked_as: AskedAs::Nobody };
        for (outcome, status) in [
            (Outcome::Broken(Breakage::NotARegistry(answer(404))), 404),
            (Outcome::Refused(refusal), 403),
            (Outcome::Broken(Breakage::ServerError(answer(500))), 500),
            (Outcome::Broken(Breakage::OddStatus(answer(204))), 204),
            (Outcome::Broken(Breakage::Redirect { fault: RedirectFault::TooMany(10), by: None }), 302),
        ] {
            let trial = unpinged(&ping(outcome, Some(status)), "m.io").unwrap();
            assert_eq!(trial.reaction, Reaction::FallsThrough, "{trial:?}");
            assert!(trial.why.contains(&format!("answered {status}: ")), "{trial:?}");
            assert!(trial.verdict.reason.starts_with("asked for https://m.io/v2/: "), "{trial:?}");
        }
        let closed = Outcome::Unreached { fault: NetFault::ConnectRefused, host: "m.io".into() };
        let trial = unpinged(&ping(closed, None), "m.io").unwrap();
        assert_eq!(&*trial.why, "its /v2/ comes first: no answer leads to the next");
    }

    #[test]
    fn what_was_not_found_out_of_a_root_is_not_known_of_the_pull() {
        let shut = Shut::Throttling { cool_downs: 2 };
        let throttled = Outcome::Throttled { answer: answer(429), retry_after: None, service: None };
        let local = RedirectFault::IntoLocal("h".into());
        for outcome in [
            Outcome::NotAsked(NotAsked::Shut { host: "m.io".into(), shut }),
            throttled,
            Outcome::Broken(Breakage::Redirect { fault: local, by: None }),
        ] {
            let trial = unpinged(&ping(outcome, None), "m.io").unwrap();
            assert_eq!(trial.reaction, Reaction::Unknown, "{trial:?}");
        }
    }

    #[test]
    fn a_token_service_that_is_not_asked_here_leaves_open_what_this_runtime_gets_there() {
        let url: Box<str> = "https://m.io/v2/".into();
        for (realm, is_challenge, expected) in [
            ("http://10.0.0.1/token", true, Reaction::Unknown),
            ("HTTPS://u@h/token", true, Reaction::Unknown),
            ("ftp://h/token", true, Reaction::FallsThrough),
            ("/token", true, Reaction::FallsThrough),
            ("", true, Reaction::FallsThrough),
            ("http://10.0.0.1/token", false, Reaction::FallsThrough),
        ] {
            let refusal = Refusal::Realm { realm: realm.into(), why: "why" };
            let answer = Observation::unasked(Outcome::Refused(refusal), OffsetDateTime::UNIX_EPOCH);
            let good =
                Ping { url: url.clone(), http_status: Some(401), latency: None, is_challenge, failure: None };
            let trial =
                as_signed_in(good, crate::verdict::pull::trial(Rules::Containers, answer, "m.io"), "m.io");
            assert_eq!(trial.reaction, expected, "{realm} {is_challenge}");
        }
    }

    #[test]
    fn a_root_that_answers_as_a_registrys_leads_to_no_reaction() {
        let url = "https://m.io/v2/".into();
        let good = Ping { url, http_status: Some(401), latency: None, is_challenge: true, failure: None };
        assert!(unpinged(&good, "m.io").is_none());
    }
}
