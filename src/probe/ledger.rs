//! What has been answered about the parts of images: many images share layers, and some share manifests, so
//! that each is asked for once at a mirror and repository, however many images it is part of.
//!
//! Kept for a whole plan, and so in little room: of what is simply there no more than that is kept, and of
//! documents so many as images that stand near each other in a list will share.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::hashed::{Asked, Hashed, Way};
use super::schedule;
use crate::model::blob::{Blob, BlobObservation, BlobOutcome, MAX_BLOB_BYTES};
use crate::model::digest::Digest;
use crate::model::evidence::Answer;
use crate::model::image::ManifestRef;
use crate::model::manifest::MediaType;
use crate::model::observation::{DigestSource, Facts, Observation, Outcome};
use crate::model::plan::{Plan, Question, Reference, Want, What};
use crate::model::platform::Platform;

/// Most bytes of documents that are kept; a manifest has a kilobyte or two.
const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Everything asked about parts, by what was asked of whom.
#[derive(Debug)]
pub(super) struct Ledger {
    hashers: [RandomState; 2],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Entries that hold a document, with its size in bytes, the oldest first.
    documents: VecDeque<(Key, u64)>,
    /// Bytes of all of these.
    document_bytes: u64,
    hashed: Hashed,
    /// For which platforms configs are, where an index has said it, by what their reading goes by.
    platforms: HashMap<Key, Arc<Platform>>,
    /// Each of these once.
    all_platforms: HashSet<Arc<Platform>>,
}

/// Of a hundred and twenty-eight bits: a text would be ten times as large, and two do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) u64, pub(super) u64);

#[derive(Debug)]
enum Entry {
    /// These wait for the one who asks.
    UnderWay(Vec<(u32, Question)>),
    Done(Kept),
}

/// What is done with bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Look {
    /// They are counted and hashed.
    At,
    /// They are a config that is read for what it says: more is kept of the answer.
    Into,
}

/// An answer in as little room as it takes.
#[derive(Clone, Debug)]
enum Kept {
    /// A manifest that is there; its bytes were not read.
    Served(Option<MediaType>),
    /// A blob that is there, of this size.
    Present(Option<u64>),
    /// Anything else.
    Whole(Box<Answer>),
}

/// What an asker is to do.
#[derive(Debug)]
pub(super) enum Turn {
    /// Ask, and then [`Ledger::settle`].
    Ask(Key),
    /// Ask only whether it is there, and then [`Ledger::settle`]: another repository has sent these bytes.
    Confirm(Key),
    /// Nothing: whoever asks will answer for this one too.
    Leave,
    /// This is the answer.
    Have(Box<Answer>),
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], state: Mutex::default() }
    }

    /// What is to be done about `question`; `None` where it is not about a part, or has no name there.
    pub(super) fn turn(&self, plan: &Plan, image: u32, question: &Question) -> Option<Turn> {
        let own = self.key(plan, image, question, question.want)?;
        let more = self.key(plan, image, question, Want::Bytes)?;
        let read = self.key_as(plan, image, question, (Want::Bytes, Look::Into))?;
        let mut state = self.lock();
        state.learn(read, question);
        if let (What::Platform, None, Some(told)) =
            (question.what, state.entries.get(&own), state.platforms.get(&own))
        {
            let told = BlobObservation::told(Box::new(Platform::clone(told)), OffsetDateTime::now_utc());
            return Some(Turn::Have(Box::new(Answer::Blob(told))));
        }
        // Whoever has the bytes, or is about to, can tell whether they are there.
        for key in [read, more, own] {
            match state.entries.get_mut(&key) {
                Some(Entry::UnderWay(waiting)) => {
                    waiting.push((image, question.clone()));
                    return Some(Turn::Leave);
                }
                // Nobody has read those: whether they are there is another question.
                Some(Entry::Done(kept)) if kept.is_over_budget() && question.want == Want::Existence => {}
                Some(Entry::Done(kept)) => {
                    return Some(Turn::Have(Box::new(kept.clone().into_answer(question)?)));
                }
                None => {}
            }
        }
        let way = match self.content(plan, image, question) {
            Some(key) => state.hashed.way(key, || (image, question.clone())),
            None => Way::Read,
        };
        if way != Way::Wait {
            state.entries.insert(own, Entry::UnderWay(Vec::new()));
        }
        Some(match way {
            Way::Read => Turn::Ask(own),
            Way::Confirm => Turn::Confirm(own),
            Way::Wait => Turn::Leave,
        })
    }

    /// What came of the bytes that `question` is for; gives back those who want them in other repositories, and must
    /// ask now.
    pub(super) fn hashed(
        &self,
        plan: &Plan,
        image: u32,
        question: &Question,
        answer: &BlobObservation,
    ) -> Vec<Asked> {
        let Some(key) = self.content(plan, image, question) else { return Vec::new() };
        self.lock().hashed.settle(key, &answer.outcome)
    }

    /// The answer to what was asked under `key`; gives back those who waited for it.
    pub(super) fn settle(&self, key: Key, answer: &Answer) -> Vec<(u32, Question)> {
        let mut state = self.lock();
        let before = match Kept::of(answer) {
            Some(kept) => state.entries.insert(key, Entry::Done(kept)),
            None => state.entries.remove(&key),
        };
        if let Answer::Manifest(observation) = answer
            && let Some(bytes) = observation.facts().and_then(|facts| facts.bytes)
        {
            state.documents.push_back((key, bytes));
            state.document_bytes += bytes;
            state.forget_the_oldest();
        }
        match before {
            Some(Entry::UnderWay(waiting)) => waiting,
            Some(Entry::Done(_)) | None => Vec::new(),
        }
    }

    /// The blob whose bytes `question` is for, by the key under which it is to wait, with its size in bytes; `None` where
    /// it is for something else, where they are not read, and where they have been.
    pub(super) fn unread(&self, plan: &Plan, image: u32, question: &Question) -> Option<(Key, u64)> {
        let (own, size) = self.read(plan, image, question)?;
        let content = self.content(plan, image, question)?;
        let read = self.key_as(plan, image, question, (Want::Bytes, Look::Into))?;
        let state = self.lock();
        let is_known = state.hashed.are_right(content)
            || [own, read].iter().any(|key| matches!(state.entries.get(key), Some(Entry::Done(_))));
        let key = if state.hashed.are_apart(content) { own } else { content };
        (!is_known).then_some((key, size))
    }

    /// The key and size of the blob whose bytes `question` is for, in its repository, whether or not they have been read.
    pub(super) fn read(&self, plan: &Plan, image: u32, question: &Question) -> Option<(Key, u64)> {
        let size = match (&question.reference, question.what, question.want) {
            (Reference::Blob(blob), What::Blob, Want::Bytes) => blob.size?,
            _ => return None,
        };
        let key = self.key(plan, image, question, Want::Bytes)?;
        (size <= MAX_BLOB_BYTES).then_some((key, size))
    }

    /// The same for all repositories of a mirror.
    pub(super) fn content(&self, plan: &Plan, image: u32, question: &Question) -> Option<Key> {
        let (Reference::Blob(blob), What::Blob, Want::Bytes) =
            (&question.reference, question.what, question.want)
        else {
            return None;
        };
        let planned = &plan.images[image as usize];
        let endpoint = &plan.endpoints[schedule::endpoint_of(plan, image, question.who) as usize];
        endpoint.repository(&planned.image).ok()?;
        let [one, other] = &self.hashers;
        let asked = (&endpoint.api_root, &blob.digest, blob.size?);
        Some(Key(one.hash_one(asked), other.hash_one(asked)))
    }

    fn key(&self, plan: &Plan, image: u32, question: &Question, want: Want) -> Option<Key> {
        let look = match question.what {
            What::Config | What::Platform => Look::Into,
            _ => Look::At,
        };
        self.key_as(plan, image, question, (want, look))
    }

    fn key_as(
        &self,
        plan: &Plan,
        image: u32,
        question: &Question,
        (want, look): (Want, Look),
    ) -> Option<Key> {
        let planned = &plan.images[image as usize];
        let endpoint = &plan.endpoints[schedule::endpoint_of(plan, image, question.who) as usize];
        let repository = endpoint.repository(&planned.image).ok()?;
        let (digest, size) = match &question.reference {
            Reference::Tag => return None,
            Reference::Digest(digest) => (digest, None),
            // What is said to be of another size is another question.
            Reference::Blob(blob) => (&blob.digest, Some(blob.size)),
        };
        let url = endpoint.manifest_url(&planned.image, &repository, ManifestRef::Digest(digest));
        let [one, other] = &self.hashers;
        let asked = (url, size, want, look);
        Some(Key(one.hash_one(&asked), other.hash_one(&asked)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the question itself says of a config.
    fn learn(&mut self, read: Key, question: &Question) {
        let Reference::Blob(Blob { platform: Some(platform), .. }) = &question.reference else { return };
        if self.platforms.contains_key(&read) {
            return;
        }
        let known = self.all_platforms.get(platform).unwrap_or(platform);
        let known = Arc::clone(known);
        self.all_platforms.insert(Arc::clone(&known));
        self.platforms.insert(read, known);
    }

    fn forget_the_oldest(&mut self) {
        while self.document_bytes > MAX_DOCUMENT_BYTES
            && let Some((key, bytes)) = self.documents.pop_front()
        {
            self.document_bytes -= bytes;
            self.entries.remove(&key);
        }
    }
}

impl Kept {
    /// `None` where the question was not put: the next one may be.
    fn of(answer: &Answer) -> Option<Self> {
        Some(match answer {
            Answer::Manifest(Observation { outcome: Outcome::NotAsked(_), .. })
            | Answer::Blob(BlobObservation { outcome: BlobOutcome::NotAsked(_), .. })
            | Answer::Referrers(_) => return None,
            Answer::Manifest(observation) => match &observation.outcome {
                Outcome::Found(Facts {
                    media_type, source: DigestSource::Header, manifest: None, ..
                }) => Self::Served(*media_type),
                _ => Self::Whole(Box::new(answer.clone())),
            },
            Answer::Blob(observation) => match observation.outcome {
                BlobOutcome::Present { size } => Self::Present(size),
                _ => Self::Whole(Box::new(Answer::Blob(observation.shared()))),
            },
        })
    }

    fn is_over_budget(&self) -> bool {
        match self {
            Self::Whole(answer) => {
                matches!(&**answer, Answer::Blob(BlobObservation { outcome: BlobOutcome::OverBudget, .. }))
            }
            Self::Served(_) | Self::Present(_) => false,
        }
    }

    fn into_answer(self, question: &Question) -> Option<Answer> {
        let digest = |question: &Question| -> Option<Digest> {
            match &question.reference {
                Reference::Digest(digest) => Some(digest.clone()),
                Reference::Tag | Reference::Blob(_) => None,
            }
        };
        Some(match self {
            Self::Whole(answer) => *answer,
            Self::Served(media_type) => Answer::Manifest(Observation::unasked(
                Outcome::Found(Facts {
                    digest: digest(question)?,
                    source: DigestSource::Header,
                    media_type,
                    manifest: None,
                    bytes: None,
                }),
                OffsetDateTime::now_utc(),
            )),
            Self::Present(size) => Answer::Blob(BlobObservation::unasked(
                BlobOutcome::Present { size },
                OffsetDateTime::now_utc(),
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::{self, MirrorSpec};
    use crate::model::depth::Depth;
    use crate::model::manifest::{Content, Manifest};
    use crate::model::observation::NotAsked;
    use crate::model::plan::{What, Who};

    /// Three images of two repositories, at one mirror.
    fn plan() -> Plan {
        let spec = MirrorSpec { url: "https://m.example".to_owned(), ..MirrorSpec::default() };
        let map = mirrors::build(vec![spec], Vec::new()).unwrap();
        let list = "a/b:1\na/b:2\na/c:1\n";
        let inputs =
            crate::inputs::read(&["-".into()], list.as_bytes(), &crate::inputs::Options::default()).unwrap();
        crate::plan::expand(inputs.images, &map, Depth::Blobs).unwrap()
    }

    fn child(want: Want, seed: u32) -> Question {
        let digest = Digest::sha256(&seed.to_le_bytes());
        Question { who: Who::Mirror(0), what: What::Child, reference: Reference::Digest(digest), want }
    }

    fn layer(size: u64, want: Want) -> Question {
        let blob = Blob { digest: Digest::sha256(b"layer"), size: Some(size), platform: None };
        Question { who: Who::Mirror(0), what: What::Blob, reference: Reference::Blob(blob), want }
    }

    fn blob(outcome: BlobOutcome) -> Answer {
        let Some(Answer::Blob(like)) = Kept::Present(None).into_answer(&layer(1, Want::Existence)) else {
            panic!("a blob")
        };
        Answer::Blob(BlobObservation { outcome, ..like })
    }

    fn document(bytes: u64) -> Answer {
        let Some(Answer::Manifest(like)) = Kept::Served(None).into_answer(&child(Want::Bytes, 0)) else {
            panic!("a manifest")
        };
        let manifest =
            Arc::new(Manifest { media_type: MediaType::OciIndex, content: Content::Index(Vec::new()) });
        let facts = like.facts().unwrap().clone();
        let facts =
            Facts { source: DigestSource::Body, manifest: Some(manifest), bytes: Some(bytes), ..facts };
        Answer::Manifest(Observation { outcome: Outcome::Found(facts), ..like })
    }

    #[track_caller]
    fn must_ask(turn: Option<Turn>) -> Key {
        match turn {
            Some(Turn::Ask(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn must_have(turn: Option<Turn>) -> Answer {
        match turn {
            Some(Turn::Have(answer)) => *answer,
            other => panic!("{other:?}"),
        }
    }

    fn config(what: What, want: Want, platform: Option<&str>) -> Question {
        let platform = platform.map(|text| Arc::new(text.parse().unwrap()));
        let blob = Blob { digest: Digest::sha256(b"config"), size: Some(7), platform };
        Question { who: Who::Mirror(0), what, reference: Reference::Blob(blob), want }
    }

    #[test]
    fn the_platform_of_a_config_that_an_index_has_told_is_not_asked_for() {
        let (plan, ledger) = (plan(), Ledger::new());
        let platform = config(What::Platform, Want::Bytes, None);
        // Before it has an answer itself.
        must_ask(ledger.turn(&plan, 0, &config(What::Blob, Want::Existence, Some("linux/arm64"))));
        let Answer::Blob(told) = must_have(ledger.turn(&plan, 1, &platform)) else { panic!("a blob") };
        assert!(told.is_told());
        assert_eq!(told.platform.unwrap().to_string(), "linux/arm64");
        // Where more is wanted than that, and in another repository, it is.
        must_ask(ledger.turn(&plan, 1, &config(What::Config, Want::Bytes, None)));
        must_ask(ledger.turn(&plan, 2, &platform));
    }

    #[test]
    fn a_config_that_is_read_for_what_it_says_is_not_asked_for_as_a_part() {
        for (what, want) in [(What::Platform, Want::Existence), (What::Config, Want::Bytes)] {
            let (plan, ledger) = (plan(), Ledger::new());
            let key = must_ask(ledger.turn(&plan, 0, &config(what, Want::Bytes, None)));
            let part = config(What::Blob, want, Some("linux/arm64"));
            assert!(matches!(ledger.turn(&plan, 1, &part), Some(Turn::Leave)));
            assert_eq!(ledger.settle(key, &blob(BlobOutcome::Read { bytes: 7 })), [(1, part.clone())]);
            let Answer::Blob(had) = must_have(ledger.turn(&plan, 0, &part)) else { panic!("a blob") };
            assert_eq!((had.outcome.clone(), had.is_told()), (BlobOutcome::Read { bytes: 7 }, false));
        }
    }

    #[test]
    fn a_layer_is_asked_for_once_in_a_repository_and_whoever_comes_meanwhile_waits() {
        let (plan, ledger) = (plan(), Ledger::new());
        let question = layer(5, Want::Existence);
        let key = must_ask(ledger.turn(&plan, 0, &question));
        assert!(matches!(ledger.turn(&plan, 1, &question), Some(Turn::Leave)));
        // Of another repository, and of another size, it is another question.
        must_ask(ledger.turn(&plan, 2, &question));
        must_ask(ledger.turn(&plan, 1, &layer(6, Want::Existence)));
        let answer = blob(BlobOutcome::Present { size: Some(5) });
        assert_eq!(ledger.settle(key, &answer), [(1, question.clone())]);
        let Answer::Blob(known) = must_have(ledger.turn(&plan, 0, &question)) else { panic!("a blob") };
        assert_eq!((known.outcome, known.attempts), (BlobOutcome::Present { size: Some(5) }, 0));
    }

    #[test]
    fn what_was_not_asked_is_asked_by_the_next_and_what_failed_is_known_to_fail() {
        let (plan, ledger) = (plan(), Ledger::new());
        let question = layer(5, Want::Existence);
        let key = must_ask(ledger.turn(&plan, 0, &question));
        assert_eq!(ledger.settle(key, &blob(BlobOutcome::NotAsked(NotAsked::Interrupted))), []);
        let key = must_ask(ledger.turn(&plan, 1, &question));
        let missing = BlobOutcome::Missing(crate::model::observation::Answer::default());
        assert_eq!(ledger.settle(key, &blob(missing.clone())), []);
        let Answer::Blob(known) = must_have(ledger.turn(&plan, 0, &question)) else { panic!("a blob") };
        assert_eq!(known.outcome, missing);
    }

    #[test]
    fn bytes_answer_for_existence_unless_they_were_too_many() {
        let (plan, ledger) = (plan(), Ledger::new());
        let key = must_ask(ledger.turn(&plan, 0, &child(Want::Bytes, 0)));
        assert!(matches!(ledger.turn(&plan, 1, &child(Want::Existence, 0)), Some(Turn::Leave)));
        assert_eq!(ledger.settle(key, &document(1)), [(1, child(Want::Existence, 0))]);
        must_have(ledger.turn(&plan, 1, &child(Want::Existence, 0)));
        let key = must_ask(ledger.turn(&plan, 0, &layer(5, Want::Bytes)));
        assert_eq!(ledger.settle(key, &blob(BlobOutcome::OverBudget)), []);
        must_have(ledger.turn(&plan, 1, &layer(5, Want::Bytes)));
        must_ask(ledger.turn(&plan, 1, &layer(5, Want::Existence)));
    }

    #[test]
    fn documents_are_kept_up_to_a_size_and_the_oldest_go() {
        let (plan, ledger) = (plan(), Ledger::new());
        for seed in 0..5 {
            let key = must_ask(ledger.turn(&plan, 0, &child(Want::Bytes, seed)));
            ledger.settle(key, &document(MAX_DOCUMENT_BYTES / 4));
        }
        assert_eq!(ledger.lock().entries.len(), 4);
        must_have(ledger.turn(&plan, 0, &child(Want::Bytes, 4)));
        let key = must_ask(ledger.turn(&plan, 0, &child(Want::Bytes, 0)));
        // One that is larger than all that is kept is not kept.
        ledger.settle(key, &document(MAX_DOCUMENT_BYTES + 1));
        let state = ledger.lock();
        assert_eq!((state.entries.len(), state.document_bytes), (0, 0));
    }
}
