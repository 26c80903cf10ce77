//! What has been answered about the parts of images: many images share layers, and some share manifests, so
//! that each is asked for once at a mirror and repository, however many images it is part of.
//!
//! Kept for a whole plan, and so in little room: of what is simply there no more than that is kept, and of
//! documents so many as images that stand near each other in a list will share.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::schedule;
use crate::model::blob::{BlobObservation, BlobOutcome};
use crate::model::digest::Digest;
use crate::model::evidence::Answer;
use crate::model::image::ManifestRef;
use crate::model::manifest::MediaType;
use crate::model::observation::{AskedAs, DigestSource, Facts, Observation, Outcome};
use crate::model::plan::{Plan, Question, Reference, Want};

/// Most documents that are kept; a manifest is a kilobyte or two.
const MAX_DOCUMENTS: usize = 10_000;

/// Everything asked about parts, by what was asked of whom.
#[derive(Debug)]
pub(super) struct Ledger {
    hashers: [RandomState; 2],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Entries that hold a document, the oldest first.
    documents: VecDeque<Key>,
}

/// Of a hundred and twenty-eight bits: a text would be ten times as large, and two do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

#[derive(Debug)]
enum Entry {
    /// These wait for the one who asks.
    UnderWay(Vec<(u32, Question)>),
    Done(Kept),
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
        let mut state = self.lock();
        // Whoever has the bytes, or is about to, can tell whether they are there.
        for key in [more, own] {
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
        state.entries.insert(own, Entry::UnderWay(Vec::new()));
        Some(Turn::Ask(own))
    }

    /// The answer to what was asked under `key`; gives back those who waited for it.
    pub(super) fn settle(&self, key: Key, answer: &Answer) -> Vec<(u32, Question)> {
        let mut state = self.lock();
        let has_document =
            matches!(answer, Answer::Manifest(observation) if observation.manifest().is_some());
        let before = match Kept::of(answer) {
            Some(kept) => state.entries.insert(key, Entry::Done(kept)),
            None => state.entries.remove(&key),
        };
        if has_document {
            state.documents.push_back(key);
            if state.documents.len() > MAX_DOCUMENTS
                && let Some(oldest) = state.documents.pop_front()
            {
                state.entries.remove(&oldest);
            }
        }
        match before {
            Some(Entry::UnderWay(waiting)) => waiting,
            Some(Entry::Done(_)) | None => Vec::new(),
        }
    }

    fn key(&self, plan: &Plan, image: u32, question: &Question, want: Want) -> Option<Key> {
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
        let asked = (url, size, want);
        Some(Key(one.hash_one(&asked), other.hash_one(&asked)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
                _ => Self::Whole(Box::new(Answer::Blob(BlobObservation {
                    // Those who share a blob have not read it again.
                    transfers: Vec::new(),
                    ..observation.clone()
                }))),
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
            Self::Served(media_type) => Answer::Manifest(Observation {
                outcome: Outcome::Found(Facts {
                    digest: digest(question)?,
                    source: DigestSource::Header,
                    media_type,
                    manifest: None,
                    bytes: None,
                }),
                http_status: None,
                attempts: 0,
                latency: None,
                asked_as: AskedAs::Nobody,
                redirected_to: None,
                notes: Vec::new(),
                at: OffsetDateTime::now_utc(),
            }),
            Self::Present(size) => Answer::Blob(BlobObservation {
                outcome: BlobOutcome::Present { size },
                http_status: None,
                attempts: 0,
                latency: None,
                answered_by: None,
                asked_as: AskedAs::Nobody,
                hosts: Vec::new(),
                created: None,
                transfers: Vec::new(),
                notes: Vec::new(),
                at: OffsetDateTime::now_utc(),
            }),
        })
    }
}
