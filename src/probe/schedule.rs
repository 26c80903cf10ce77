//! Runs a plan: one lane for each authority, a few workers for each lane, one place where answers meet.
//!
//! A slow or dead host delays only its own lane. Memory holds the images under way and no more: an image
//! is handed over as soon as everything about it is known.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::lane::{Job, Lane};
use super::oci::{Ask, Registries};
use super::twins::{Turn, Twins};
use crate::model::endpoint::Authority;
use crate::model::evidence::Evidence;
use crate::model::image::ManifestRef;
use crate::model::observation::{AskedAs, NotAsked, Observation, Outcome};
use crate::model::plan::{Plan, Question, Reference, Want, Who};
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

/// Answers on their way to the place where they meet.
type Answers = mpsc::Sender<(u32, Question, Observation)>;

struct Pass {
    plan: Arc<Plan>,
    lanes: HashMap<Authority, Arc<Lane>>,
    under_way: HashMap<u32, UnderWay>,
    /// Images of which no answer has come yet start here.
    is_done: Vec<bool>,
}

/// What is known of an image that is not yet complete.
enum UnderWay {
    /// Some of the first answers. Where one host is slow, that may be all images: nothing is held but what
    /// was said.
    Opening(Vec<(Who, Observation)>),
    /// All first answers, and questions that came of them.
    Followup { evidence: Box<Evidence>, pending: usize },
}

impl UnderWay {
    fn into_evidence(self, plan: &Plan, image: u32) -> Box<Evidence> {
        match self {
            Self::Followup { evidence, .. } => evidence,
            Self::Opening(answers) => {
                let mut evidence = Box::new(evidence(plan, image));
                for (who, observation) in answers {
                    evidence.record(&opening(plan, image, who), observation);
                }
                evidence
            }
        }
    }
}

/// Asks everything that the plan wants to know, and tells `on_event` as it comes to be known.
///
/// When `cancel` completes, no further question is put and every image left over is handed over as it is;
/// whether that came to pass is returned.
pub async fn run(
    plan: Arc<Plan>,
    registries: Arc<Registries>,
    workers_per_authority: usize,
    cancel: BoxFuture<'_, ()>,
    mut on_event: impl FnMut(Event),
) -> Ending {
    let mut pass = Pass::new(plan);
    // Room for some answers, so that workers go on while one is being judged.
    let (answers, mut incoming) = mpsc::channel(256);
    let twins = Arc::new(Twins::of(&pass.plan));
    let mut workers = JoinSet::new();
    for lane in pass.lanes.values() {
        for _ in 0..lane.planned(workers_per_authority) {
            let worker = Worker {
                plan: Arc::clone(&pass.plan),
                registries: Arc::clone(&registries),
                twins: Arc::clone(&twins),
                lane: Arc::clone(lane),
                answers: answers.clone(),
            };
            workers.spawn(worker.work());
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
        let Some((image, question, observation)) = answer else { break };
        on_event(Event::Answered { endpoint: pass.endpoint(image, question.who) });
        if let Some(evidence) = pass.take(image, &question, observation) {
            left -= 1;
            on_event(Event::Done { image, evidence });
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
    registries: Arc<Registries>,
    twins: Arc<Twins>,
    lane: Arc<Lane>,
    answers: Answers,
}

impl Worker {
    async fn work(self) {
        while let Some(job) = self.lane.next().await {
            let (image, question) = match job {
                Job::Followup { image, question } => (image, question),
                Job::Opening { image, who } => (image, opening(&self.plan, image, who)),
            };
            let mut told = Vec::new();
            let answer = match self.twins.turn(&self.plan, image, &question) {
                Turn::Leave => continue,
                Turn::Have(answer) => *answer,
                Turn::Ask => self.ask(image, &question).await,
                Turn::AskForAll(key) => {
                    let answer = self.ask(image, &question).await;
                    told = self.twins.settle(key, &answer);
                    answer
                }
            };
            for (image, question) in told {
                if self.answers.send((image, question, answer.clone())).await.is_err() {
                    return;
                }
            }
            if self.answers.send((image, question, answer)).await.is_err() {
                return;
            }
        }
    }

    async fn ask(&self, image: u32, question: &Question) -> Observation {
        let endpoint = endpoint_of(&self.plan, image, question.who);
        let image = &self.plan.images[image as usize].image;
        let reference = match &question.reference {
            Reference::Tag => ManifestRef::Tag(image.tag().unwrap_or("latest")),
            Reference::Digest(digest) => ManifestRef::Digest(digest),
        };
        let ask = match question.want {
            Want::Existence => Ask::Head,
            Want::Bytes => Ask::Get,
        };
        self.registries.observe(&self.plan.endpoints[endpoint as usize], image, reference, ask).await
    }
}

pub(super) fn opening(plan: &Plan, image: u32, who: Who) -> Question {
    let planned = &plan.images[image as usize];
    followup::opening(&planned.image, plan.depth, planned.mirrors.len(), who)
}

pub(super) fn endpoint_of(plan: &Plan, image: u32, who: Who) -> u32 {
    let planned = &plan.images[image as usize];
    match who {
        Who::Upstream => planned.upstream,
        Who::Mirror(index) => planned.mirrors[index],
    }
}

fn evidence(plan: &Plan, image: u32) -> Evidence {
    let planned = &plan.images[image as usize];
    let endpoint = |at: &u32| Arc::clone(&plan.endpoints[*at as usize]);
    Evidence::new(
        Arc::clone(&planned.image),
        plan.depth,
        endpoint(&planned.upstream),
        planned.mirrors.iter().map(endpoint).collect(),
    )
}

impl Pass {
    fn new(plan: Arc<Plan>) -> Self {
        let lanes = Lane::all(&plan);
        let is_done = vec![false; plan.images.len()];
        Self { plan, lanes, under_way: HashMap::new(), is_done }
    }

    fn endpoint(&self, image: u32, who: Who) -> u32 {
        endpoint_of(&self.plan, image, who)
    }

    /// Records an answer; gives the evidence back when the image is complete.
    fn take(&mut self, image: u32, question: &Question, observation: Observation) -> Option<Box<Evidence>> {
        let plan = &self.plan;
        let first_answers = 1 + plan.images[image as usize].mirrors.len();
        let under_way = self
            .under_way
            .entry(image)
            .or_insert_with(|| UnderWay::Opening(Vec::with_capacity(first_answers)));
        let is_waiting = match under_way {
            UnderWay::Opening(answers) => {
                answers.push((question.who, observation));
                answers.len() < first_answers
            }
            UnderWay::Followup { evidence, pending } => {
                evidence.record(question, observation);
                *pending -= 1;
                *pending > 0
            }
        };
        if is_waiting {
            return None;
        }
        let evidence = self.under_way.remove(&image)?.into_evidence(plan, image);
        let questions = followup::next(&evidence);
        if questions.is_empty() {
            self.is_done[image as usize] = true;
            return Some(evidence);
        }
        self.under_way.insert(image, UnderWay::Followup { evidence, pending: questions.len() });
        for question in questions {
            let endpoint = &plan.endpoints[endpoint_of(plan, image, question.who) as usize];
            if let Some(lane) = self.lanes.get(&endpoint.authority) {
                lane.push(image, question);
            }
        }
        None
    }

    /// Hands over what is left, with every gap filled by "interrupted".
    fn abandon(mut self, on_event: &mut impl FnMut(Event)) {
        let not_asked = || Observation {
            outcome: Outcome::NotAsked(NotAsked::Interrupted),
            http_status: None,
            attempts: 0,
            latency: None,
            asked_as: AskedAs::Nobody,
            redirected_to: None,
            notes: Vec::new(),
            at: OffsetDateTime::now_utc(),
        };
        for image in 0..self.plan.images.len() {
            if self.is_done[image] {
                continue;
            }
            let image = u32::try_from(image).unwrap_or(u32::MAX);
            let under_way = self.under_way.remove(&image).unwrap_or(UnderWay::Opening(Vec::new()));
            let mut evidence = under_way.into_evidence(&self.plan, image);
            evidence.upstream.answer.get_or_insert_with(not_asked);
            for mirror in &mut evidence.mirrors {
                mirror.answer.get_or_insert_with(not_asked);
            }
            for question in followup::next(&evidence) {
                evidence.record(&question, not_asked());
            }
            on_event(Event::Done { image, evidence });
        }
    }
}
