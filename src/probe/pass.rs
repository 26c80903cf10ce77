//! The images of a plan between their first answer and their last: what is known of each, what is asked next, and
//! what waits.
//!
//! Holds the images under way and no more, except where a limit on bytes lets all downloads wait.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;

use super::backlog::Backlog;
use super::lane::Lane;
use super::ledger::Ledger;
use super::schedule::{Event, depth_at, endpoint_of, opening};
use crate::model::blob::{BlobObservation, BlobOutcome};
use crate::model::budget::ByteBudget;
use crate::model::endpoint::Authority;
use crate::model::evidence::{Answer, Evidence};
use crate::model::observation::{NotAsked, Observation, Outcome};
use crate::model::plan::{Plan, Question, Reference, Who};
use crate::plan::followup;

/// The answer to a question about the image with this index.
pub(super) type Answered = (u32, Question, Answer);

/// A plan that is being carried out.
pub(super) struct Pass {
    pub(super) plan: Arc<Plan>,
    pub(super) lanes: HashMap<Authority, Arc<Lane>>,
    pub(super) ledger: Arc<Ledger>,
    /// Where there is a limit on bytes.
    backlog: Option<Backlog>,
    /// Questions that are with the lanes, or will be.
    open: usize,
    under_way: HashMap<u32, UnderWay>,
    /// Images of which no answer has come yet start here.
    is_done: Vec<bool>,
}

/// What is known of an image that is not yet complete.
enum UnderWay {
    /// Some of the first answers. Where one host is slow, that may be all images: nothing is held but what
    /// was said.
    Opening(Vec<(Who, Answer)>),
    /// All first answers, and questions that came of them.
    Followup { evidence: Box<Evidence>, pending: usize },
}

impl UnderWay {
    fn into_evidence(self, plan: &Plan, image: u32) -> Box<Evidence> {
        match self {
            Self::Followup { evidence, .. } => evidence,
            Self::Opening(answers) => {
                let mut evidence = Box::new(evidence(plan, image));
                for (who, answer) in answers {
                    evidence.record(&opening(plan, image, who), answer);
                }
                evidence
            }
        }
    }
}

impl Pass {
    /// Nothing asked yet.
    pub(super) fn new(plan: Arc<Plan>, budget: Option<Arc<ByteBudget>>) -> Self {
        Self {
            lanes: Lane::all(&plan),
            ledger: Arc::new(Ledger::new()),
            backlog: budget.map(Backlog::new),
            open: plan.images.iter().map(|image| 1 + image.mirrors.len()).sum(),
            under_way: HashMap::new(),
            is_done: vec![false; plan.images.len()],
            plan,
        }
    }

    /// An answer came from a lane: what it answers, and who else waited for it.
    pub(super) fn settle(&mut self, answered: Answered) -> VecDeque<Answered> {
        self.open = self.open.saturating_sub(1);
        let (image, question, answer) = &answered;
        let mut others = Vec::new();
        let mut elsewhere = Vec::new();
        if let (Some(backlog), Answer::Blob(observation)) = (&mut self.backlog, answer)
            && let Some((key, _)) = self.ledger.read(&self.plan, *image, question)
            && let Some(content) = self.ledger.content(&self.plan, *image, question)
        {
            let waited = [content, key].into_iter().flat_map(|key| backlog.settle(key, observation));
            for (image, question) in waited {
                let own = self.ledger.read(&self.plan, image, &question);
                if own.is_some_and(|(own, _)| own == key) {
                    others.push((image, question, answer.shared()));
                } else {
                    elsewhere.push((image, question));
                }
            }
        }
        // In other repositories: only looked for, or, where these bytes could not be had, waiting for their own.
        for (image, question) in elsewhere {
            self.put(image, vec![question], 0);
        }
        std::iter::once(answered).chain(others).collect()
    }

    /// Where nothing else is to be found out first, downloads begin; gives back what there are no bytes for.
    pub(super) fn release(&mut self) -> Vec<Answered> {
        let Some(backlog) = self.backlog.as_mut().filter(|backlog| self.open == 0 || backlog.is_full())
        else {
            return Vec::new();
        };
        let is_full = backlog.is_full();
        let admitted = backlog.admit();
        // While some are read, what is not read of them may do for others.
        let refused = if is_full || admitted.is_empty() { backlog.refuse().collect() } else { Vec::new() };
        for (image, question) in admitted {
            self.push(image, question);
        }
        let left_out =
            || Answer::Blob(BlobObservation::unasked(BlobOutcome::OverBudget, OffsetDateTime::now_utc()));
        refused.into_iter().map(|(image, question)| (image, question, left_out())).collect()
    }

    fn push(&mut self, image: u32, question: Question) {
        let endpoint = &self.plan.endpoints[self.endpoint(image, question.who) as usize];
        if let Some(lane) = self.lanes.get(&endpoint.authority) {
            self.open += 1;
            lane.push(image, question);
        }
    }

    /// Puts questions, or lets them wait until the rest is known.
    fn put(&mut self, image: u32, questions: Vec<Question>, document_bytes: u64) {
        let mut is_waiting = false;
        for question in questions {
            let unread = self.ledger.unread(&self.plan, image, &question);
            match (&mut self.backlog, unread) {
                (Some(backlog), Some((key, size))) => {
                    backlog.hold(key, size, (image, question));
                    is_waiting = true;
                }
                _ => self.push(image, question),
            }
        }
        if let Some(backlog) = self.backlog.as_mut().filter(|_| is_waiting) {
            backlog.weigh(document_bytes);
        }
    }

    /// Index into the plan's endpoints.
    pub(super) fn endpoint(&self, image: u32, who: Who) -> u32 {
        endpoint_of(&self.plan, image, who)
    }

    /// Records an answer; gives the evidence back when the image is complete.
    pub(super) fn take(&mut self, image: u32, question: &Question, answer: Answer) -> Option<Box<Evidence>> {
        let plan = &self.plan;
        let first_answers = 1 + plan.images[image as usize].mirrors.len();
        let under_way = self
            .under_way
            .entry(image)
            .or_insert_with(|| UnderWay::Opening(Vec::with_capacity(first_answers)));
        let is_waiting = match under_way {
            UnderWay::Opening(answers) => {
                answers.push((question.who, answer));
                answers.len() < first_answers
            }
            UnderWay::Followup { evidence, pending } => {
                evidence.record(question, answer);
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
        let document_bytes = evidence.read_bytes();
        self.under_way.insert(image, UnderWay::Followup { evidence, pending: questions.len() });
        self.put(image, questions, document_bytes);
        None
    }

    /// Hands over what is left, with every gap filled by "interrupted".
    pub(super) fn abandon(mut self, on_event: &mut impl FnMut(Event)) {
        let not_asked =
            || Observation::unasked(Outcome::NotAsked(NotAsked::Interrupted), OffsetDateTime::now_utc());
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
                let answer = match &question.reference {
                    Reference::Blob(_) => Answer::Blob(BlobObservation::unasked(
                        BlobOutcome::NotAsked(NotAsked::Interrupted),
                        OffsetDateTime::now_utc(),
                    )),
                    Reference::Tag | Reference::Digest(_) => Answer::Manifest(not_asked()),
                };
                evidence.record(&question, answer);
            }
            on_event(Event::Done { image, evidence });
        }
    }
}

fn evidence(plan: &Plan, image: u32) -> Evidence {
    let planned = &plan.images[image as usize];
    let endpoint = |at: u32, who| (Arc::clone(&plan.endpoints[at as usize]), depth_at(plan, planned, who));
    let mirrors = planned.mirrors.iter().enumerate();
    let evidence = Evidence::new(
        Arc::clone(&planned.image),
        plan.platforms_of(planned),
        endpoint(planned.upstream, Who::Upstream),
        mirrors.map(|(index, at)| endpoint(*at, Who::Mirror(index))).collect(),
    );
    Evidence { ask_age: plan.ask_age(), ask_referrers: plan.reach.referrers, ..evidence }
}
