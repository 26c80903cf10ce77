//! Runs a plan: one lane for each authority, a few workers for each lane, one place where answers meet.
//!
//! A slow or dead host delays only its own lane. Memory holds the images under way and no more: an image
//! is handed over as soon as everything about it is known.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lane::{Job, Lane};
use super::ledger::{self, Ledger};
use super::oci::{Ask, BlobAsk, Registries};
use super::pass::{Answered, Pass};
use super::twins::{Turn, Twins};
use crate::model::blob::{BlobObservation, BlobOutcome};
use crate::model::budget::ByteBudget;
use crate::model::depth::Depth;
use crate::model::evidence::{Answer, Evidence};
use crate::model::image::ManifestRef;
use crate::model::plan::{Plan, PlannedImage, Question, Reference, Want, What, Who};
use crate::model::run::Ending;
use crate::plan::followup;

/// What is told while a plan runs.
#[derive(Debug)]
pub enum Event {
    /// One answer came.
    Answered {
        /// Index into the plan's endpoints.
        endpoint: u32,
    },
    /// Everything is known of an image (or, after an interruption, as much as there will be).
    Done {
        /// Index into the plan's images.
        image: u32,
        /// All answers about it.
        evidence: Box<Evidence>,
    },
}

/// What questions are put through.
#[derive(Clone, Debug)]
pub struct Means {
    /// Those who ask.
    pub registries: Arc<Registries>,
    /// How many bytes of blobs may still be read; `None` for no limit.
    pub budget: Option<Arc<ByteBudget>>,
    /// Questions at the same time to one authority.
    pub workers_per_authority: usize,
}

/// Workers that are started before the answers to earlier ones are looked at.
const STARTED_AT_ONCE: usize = 16;

/// Parts of an image for each first question, as far as workers go.
const PARTS: usize = 16;

/// Asks everything that the plan wants to know, and tells `on_event` as it comes to be known.
///
/// When `cancel` completes, no further question is put and every image left over is handed over as it is;
/// whether that came to pass is returned.
pub async fn run(
    plan: Arc<Plan>,
    means: Means,
    cancel: BoxFuture<'_, ()>,
    mut on_event: impl FnMut(Event),
) -> Ending {
    let mut pass = Pass::new(plan, means.budget.clone());
    // Room for some answers, so that workers go on while one is being judged.
    let (answers, mut incoming) = mpsc::channel(256);
    let twins = Arc::new(Twins::of(&pass.plan));
    let mut workers = JoinSet::new();
    // One question may lead to many.
    let questions_each = if pass.plan.deepest() >= Depth::Platforms { PARTS } else { 1 };
    let most = means.workers_per_authority;
    let mut to_start: Vec<_> = (pass.lanes.values())
        .map(|lane| (lane, lane.planned(most).saturating_mul(questions_each).min(most)))
        .collect();
    // One for each lane in turn: each gets its share of all places at once, with the connections that go with it.
    while !to_start.is_empty() {
        to_start.retain_mut(|(_, left)| *left > 0);
        for (lane, left) in &mut to_start {
            *left -= 1;
            let worker = Worker {
                plan: Arc::clone(&pass.plan),
                means: means.clone(),
                twins: Arc::clone(&twins),
                ledger: Arc::clone(&pass.ledger),
                lane: Arc::clone(lane),
                answers: answers.clone(),
            };
            workers.spawn(worker.work());
            // The first connections are ready for their questions long before the last are asked for.
            if workers.len() % STARTED_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    drop(answers);
    let mut left = pass.plan.images.len();
    let mut cancel = cancel;
    while left > 0 {
        let answer = tokio::select! {
            answer = incoming.recv() => answer,
            () = &mut cancel => None,
        };
        let Some(answer) = answer else { break };
        let mut known = pass.settle(answer);
        while let Some((image, question, answer)) = known.pop_front() {
            on_event(Event::Answered { endpoint: pass.endpoint(image, question.who) });
            if let Some(evidence) = pass.take(image, &question, answer) {
                left -= 1;
                on_event(Event::Done { image, evidence });
            }
            if known.is_empty() {
                known.extend(pass.release());
            }
        }
    }
    for lane in pass.lanes.values() {
        lane.close();
    }
    workers.shutdown().await;
    pass.abandon(&mut on_event);
    if left > 0 { Ending::Interrupted } else { Ending::Complete }
}

/// Puts the questions of one lane, one after the other.
struct Worker {
    plan: Arc<Plan>,
    means: Means,
    twins: Arc<Twins>,
    ledger: Arc<Ledger>,
    lane: Arc<Lane>,
    answers: mpsc::Sender<Answered>,
}

impl Worker {
    async fn work(self) {
        while let Some(job) = self.lane.next().await {
            let (image, question) = match job {
                Job::Followup { image, question } => (image, question),
                Job::Opening { image, who } => (image, opening(&self.plan, image, who)),
            };
            let answered = match question.what {
                What::Child | What::Blob | What::Config | What::Platform => {
                    self.about_part(image, &question).await
                }
                // By digest as well, and another question.
                What::Referrers => Some((self.ask(image, &question).await, Vec::new())),
                _ => self.about_manifest(image, &question).await,
            };
            let Some((answer, told)) = answered else { continue };
            for (image, question) in told {
                if self.answers.send((image, question, answer.shared())).await.is_err() {
                    return;
                }
            }
            if self.answers.send((image, question, answer)).await.is_err() {
                return;
            }
        }
    }

    /// The answer, and who else waits for it; `None` if somebody else is asking.
    async fn about_manifest(
        &self,
        image: u32,
        question: &Question,
    ) -> Option<(Answer, Vec<(u32, Question)>)> {
        let mut told = Vec::new();
        let answer = match self.twins.turn(&self.plan, image, question) {
            Turn::Leave => return None,
            Turn::Have(answer) => Answer::Manifest(*answer),
            Turn::Ask => self.ask(image, question).await,
            Turn::AskForAll(key) => {
                let answer = self.ask(image, question).await;
                if let Answer::Manifest(observation) = &answer {
                    told = self.twins.settle(key, observation);
                }
                answer
            }
        };
        Some((answer, told))
    }

    /// The same for a part of an image.
    async fn about_part(&self, image: u32, question: &Question) -> Option<(Answer, Vec<(u32, Question)>)> {
        match self.ledger.turn(&self.plan, image, question) {
            Some(ledger::Turn::Leave) => None,
            Some(ledger::Turn::Have(answer)) => Some((*answer, Vec::new())),
            Some(ledger::Turn::Ask(key)) => {
                let answer = self.ask(image, question).await;
                let told = self.ledger.settle(key, &answer);
                if let Answer::Blob(observation) = &answer {
                    // At the same host, and so in the same lane.
                    for (image, question) in self.ledger.hashed(&self.plan, image, question, observation) {
                        self.lane.push(image, question);
                    }
                }
                Some((answer, told))
            }
            Some(ledger::Turn::Confirm(key)) => {
                let presence = Question { want: Want::Existence, ..question.clone() };
                let mut answer = self.ask(image, &presence).await;
                if let (Answer::Blob(BlobObservation { outcome, .. }), Reference::Blob(blob)) =
                    (&mut answer, &question.reference)
                    && let (BlobOutcome::Present { .. }, Some(bytes)) = (&*outcome, blob.size)
                {
                    *outcome = BlobOutcome::Read { bytes };
                }
                let told = self.ledger.settle(key, &answer);
                Some((answer, told))
            }
            None => Some((self.ask(image, question).await, Vec::new())),
        }
    }

    async fn ask(&self, image: u32, question: &Question) -> Answer {
        let endpoint = endpoint_of(&self.plan, image, question.who);
        let endpoint = &self.plan.endpoints[endpoint as usize];
        let image = &self.plan.images[image as usize].image;
        let registries = &self.means.registries;
        let reference = match &question.reference {
            Reference::Tag => ManifestRef::Tag(image.tag().unwrap_or("latest")),
            Reference::Digest(digest) => ManifestRef::Digest(digest),
            Reference::Blob(blob) => {
                let ask = match (question.what, question.want) {
                    (What::Config | What::Platform, _) => BlobAsk::Config,
                    (_, Want::Existence) => BlobAsk::Presence,
                    (_, Want::Bytes) => BlobAsk::Content,
                };
                return Answer::Blob(registries.blob(endpoint, image, blob, ask).await);
            }
        };
        if let (What::Referrers, Reference::Digest(digest)) = (question.what, &question.reference) {
            return Answer::Referrers(registries.referrers(endpoint, image, digest).await);
        }
        let ask = match question.want {
            Want::Existence => Ask::Head,
            Want::Bytes => Ask::Get,
        };
        Answer::Manifest(registries.observe(endpoint, image, reference, ask).await)
    }
}

pub(super) fn opening(plan: &Plan, image: u32, who: Who) -> Question {
    let planned = &plan.images[image as usize];
    followup::opening(&planned.image, depth_at(plan, planned, who), who)
}

/// How far an image is looked at by whoever is asked; with mirrors, upstream is there to compare with.
pub(super) fn depth_at(plan: &Plan, planned: &PlannedImage, who: Who) -> Depth {
    match who {
        Who::Upstream if !planned.mirrors.is_empty() => Depth::Head,
        Who::Upstream => plan.depth_at(planned, planned.upstream),
        Who::Mirror(index) => plan.depth_at(planned, planned.mirrors[index]),
    }
}

pub(super) fn endpoint_of(plan: &Plan, image: u32, who: Who) -> u32 {
    let planned = &plan.images[image as usize];
    match who {
        Who::Upstream => planned.upstream,
        Who::Mirror(index) => planned.mirrors[index],
    }
}
