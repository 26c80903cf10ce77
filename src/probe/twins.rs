//! Questions of different images that are one request: asked once, answered to each.
//!
//! Two names may become one at a mirror, and several tags often stand for one digest. First questions that
//! will come again are known from the plan; follow-ups by digest are shared while one is under way. What is
//! kept is bounded by that: an answer goes when the last one who will want it has it. Failures are shared
//! with those who wait, and then forgotten.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::schedule;
use crate::model::image::ManifestRef;
use crate::model::observation::{Observation, Outcome};
use crate::model::plan::{Plan, Question, Reference, Want, What, Who};

/// The questions that are asked more than once.
#[derive(Debug)]
pub(super) struct Twins {
    hasher: RandomState,
    /// First questions that come more than once, by hash, and how many of them are still to come.
    to_come: HashMap<u64, u32>,
    asked: Mutex<HashMap<Key, Asked>>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    want: Want,
    url: String,
}

#[derive(Debug)]
struct Asked {
    /// Askers that are still to come; 0 for follow-ups, of which that is not known.
    to_come: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nobody asks; or the one who did had no answer worth keeping.
    Unasked,
    /// These wait for the one who asks.
    UnderWay(Vec<(u32, Question)>),
    Answered(Box<Observation>),
}

/// What an asker is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask.
    Ask,
    /// Ask, and then [`Twins::settle`].
    AskForAll(Key),
    /// Nothing: whoever asks will answer for this one too.
    Leave,
    /// This is the answer.
    Have(Box<Observation>),
}

impl Twins {
    /// Those of `plan`.
    pub(super) fn of(plan: &Plan) -> Self {
        let hasher = RandomState::new();
        let questions = plan.images.iter().map(|planned| 1 + planned.mirrors.len()).sum();
        let mut prints = Vec::with_capacity(questions);
        for (image, planned) in (0..).zip(&plan.images) {
            let mirrors = (0..planned.mirrors.len()).map(Who::Mirror);
            for who in std::iter::once(Who::Upstream).chain(mirrors) {
                prints.extend(print(&hasher, plan, image, &schedule::opening(plan, image, who)));
            }
        }
        prints.sort_unstable();
        let again = prints.chunk_by(|one, other| one == other).filter(|same| same.len() > 1);
        let to_come = again.map(|same| (same[0], u32::try_from(same.len()).unwrap_or(u32::MAX))).collect();
        Self { hasher, to_come, asked: Mutex::default() }
    }

    /// What is to be done about `question`.
    pub(super) fn turn(&self, plan: &Plan, image: u32, question: &Question) -> Turn {
        let is_first = question.what == What::Answer;
        // The tag once more is meant to be asked once more.
        let may_be_shared = if is_first {
            !self.to_come.is_empty()
        } else {
            matches!(question.reference, Reference::Digest(_))
        };
        if !may_be_shared {
            return Turn::Ask;
        }
        let askers = if is_first { self.askers(plan, image, question) } else { Some(0) };
        let Some(askers) = askers else { return Turn::Ask };
        let Some(key) = key(plan, image, question) else { return Turn::Ask };
        let mut asked = self.lock();
        let known =
            asked.entry(key.clone()).or_insert_with(|| Asked { to_come: askers, state: State::Unasked });
        known.to_come = known.to_come.saturating_sub(u32::from(is_first));
        match &mut known.state {
            State::Unasked => {
                known.state = State::UnderWay(Vec::new());
                Turn::AskForAll(key)
            }
            State::UnderWay(waiting) => {
                waiting.push((image, question.clone()));
                Turn::Leave
            }
            State::Answered(answer) if known.to_come > 0 => Turn::Have(answer.clone()),
            State::Answered(_) => match asked.remove(&key) {
                Some(Asked { state: State::Answered(answer), .. }) => Turn::Have(answer),
                _ => Turn::Ask,
            },
        }
    }

    /// The answer to a request that was asked for all; gives back those who waited for it.
    pub(super) fn settle(&self, key: Key, answer: &Observation) -> Vec<(u32, Question)> {
        let mut asked = self.lock();
        let Some(known) = asked.get_mut(&key) else { return Vec::new() };
        let is_kept = known.to_come > 0 && matches!(answer.outcome, Outcome::Found(_) | Outcome::Missing(_));
        let next = if is_kept { State::Answered(Box::new(answer.clone())) } else { State::Unasked };
        let before = std::mem::replace(&mut known.state, next);
        if known.to_come == 0 {
            asked.remove(&key);
        }
        match before {
            State::UnderWay(waiting) => waiting,
            State::Unasked | State::Answered(_) => Vec::new(),
        }
    }

    /// How many will ask this first question, if it is more than one.
    fn askers(&self, plan: &Plan, image: u32, question: &Question) -> Option<u32> {
        self.to_come.get(&print(&self.hasher, plan, image, question)?).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hash of the request that `question` becomes, without writing it down: the same for the same request.
fn print(hasher: &RandomState, plan: &Plan, image: u32, question: &Question) -> Option<u64> {
    let planned = &plan.images[image as usize];
    let endpoint = &plan.endpoints[super::schedule::endpoint_of(plan, image, question.who) as usize];
    let repository = endpoint.repository(&planned.image).ok()?;
    let reference = match &question.reference {
        Reference::Tag => Err(planned.image.tag().unwrap_or("latest")),
        Reference::Digest(digest) => Ok(digest),
        // The ledger's.
        Reference::Blob(_) => return None,
    };
    let namespace = endpoint.namespace_for(&planned.image);
    Some(hasher.hash_one((&endpoint.api_root, repository, reference, namespace, question.want)))
}

/// The request that `question` becomes; `None` where the name cannot be expressed.
fn key(plan: &Plan, image: u32, question: &Question) -> Option<Key> {
    let planned = &plan.images[image as usize];
    let endpoint = &plan.endpoints[super::schedule::endpoint_of(plan, image, question.who) as usize];
    let repository = endpoint.repository(&planned.image).ok()?;
    let reference = match &question.reference {
        Reference::Tag => ManifestRef::Tag(planned.image.tag().unwrap_or("latest")),
        Reference::Digest(digest) => ManifestRef::Digest(digest),
        // The ledger's.
        Reference::Blob(_) => return None,
    };
    Some(Key { want: question.want, url: endpoint.manifest_url(&planned.image, &repository, reference) })
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::inputs::{self, Source};
    use crate::mirrors::{self, MirrorSpec};
    use crate::model::depth::Depth;
    use crate::model::digest::Digest;
    use crate::model::fault::NetFault;
    use crate::model::observation::Answer;

    /// A mirror for two registries that keeps the registry out of its names.
    fn plan(list: &str) -> Plan {
        let spec = MirrorSpec {
            url: "https://m.example".to_owned(),
            serves: Some(vec!["docker.io".to_owned(), "quay.io".to_owned()]),
            ..MirrorSpec::default()
        };
        let map = mirrors::build(vec![spec], Vec::new()).unwrap();
        let inputs = inputs::read(&[Source::Stdin], list.as_bytes(), &inputs::Options::default()).unwrap();
        crate::plan::expand(inputs.images, &map, Depth::Head).unwrap()
    }

    fn observation(outcome: Outcome) -> Observation {
        Observation { attempts: 1, ..Observation::unasked(outcome, OffsetDateTime::UNIX_EPOCH) }
    }

    fn missing() -> Observation {
        observation(Outcome::Missing(Answer { status: 404, ..Answer::default() }))
    }

    fn failed() -> Observation {
        observation(Outcome::Unreached { fault: NetFault::ConnectRefused, host: "h".into() })
    }

    fn opening(plan: &Plan, image: u32) -> Question {
        schedule::opening(plan, image, Who::Mirror(0))
    }

    fn must_ask(turn: Turn) -> Key {
        match turn {
            Turn::AskForAll(key) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn questions_that_come_once_are_simply_asked() {
        let plan = plan("a/b:1\na/b:2\nquay.io/a/c:1\n");
        let twins = Twins::of(&plan);
        for image in 0..3 {
            assert_eq!(twins.turn(&plan, image, &opening(&plan, image)), Turn::Ask);
        }
        assert!(twins.lock().is_empty());
    }

    #[test]
    fn twins_wait_for_the_first_or_have_its_answer_which_the_last_takes_away() {
        let pinned = Digest::sha256(b"x");
        let plan = plan(&format!("a/b:1\nquay.io/a/b:1\na/b:2@{pinned}\na/b:3@{pinned}\na/b@{pinned}\n"));
        let twins = Twins::of(&plan);
        let turn = |image| twins.turn(&plan, image, &opening(&plan, image));
        let tag = must_ask(turn(0));
        let digest = must_ask(turn(2));
        assert_eq!(turn(1), Turn::Leave);
        assert_eq!(twins.settle(tag, &missing()), [(1, opening(&plan, 1))]);
        assert_eq!(twins.settle(digest, &missing()), []);
        for image in [3, 4] {
            assert_eq!(turn(image), Turn::Have(Box::new(missing())));
        }
        assert!(twins.lock().is_empty());
    }

    #[test]
    fn failures_are_shared_with_those_who_wait_and_then_forgotten() {
        let pinned = Digest::sha256(b"x");
        let plan = plan(&format!("a/b:1@{pinned}\na/b:2@{pinned}\na/b:3@{pinned}\n"));
        let twins = Twins::of(&plan);
        let turn = |image| twins.turn(&plan, image, &opening(&plan, image));
        let first = must_ask(turn(0));
        assert_eq!(turn(1), Turn::Leave);
        assert_eq!(twins.settle(first, &failed()).len(), 1);
        let again = must_ask(turn(2));
        assert_eq!(twins.settle(again, &missing()), []);
        assert!(twins.lock().is_empty());
    }

    #[test]
    fn follow_ups_by_digest_are_shared_while_one_is_under_way_and_tags_are_asked_anew() {
        let plan = plan("a/b:1\na/b:2\n");
        let twins = Twins::of(&plan);
        let reference = Reference::Digest(Digest::sha256(b"x"));
        let by_digest = Question { who: Who::Upstream, what: What::Document, reference, want: Want::Bytes };
        let first = must_ask(twins.turn(&plan, 0, &by_digest));
        assert_eq!(twins.turn(&plan, 1, &by_digest), Turn::Leave);
        assert_eq!(twins.turn(&plan, 1, &Question { want: Want::Existence, ..by_digest.clone() }), {
            Turn::AskForAll(Key { want: Want::Existence, ..first.clone() })
        });
        assert_eq!(twins.settle(first, &missing()), [(1, by_digest.clone())]);
        must_ask(twins.turn(&plan, 1, &by_digest));
        let again =
            Question { what: What::Again, reference: Reference::Tag, want: Want::Existence, ..by_digest };
        for _ in 0..2 {
            assert_eq!(twins.turn(&plan, 0, &again), Turn::Ask);
        }
    }
}
