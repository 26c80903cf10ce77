//! The questions for one authority: those of the plan, in its order and made when they are wanted, and
//! follow-ups, which go first so that images get finished.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::plan::{Plan, PlannedImage, Question, Who};

/// What a worker is to do next.
#[derive(Debug)]
pub(super) enum Job {
    /// The first question to `who` about the image.
    Opening { image: u32, who: Who },
    /// A later question.
    Followup { image: u32, question: Question },
}

/// One authority's queue.
#[derive(Debug)]
pub(super) struct Lane {
    plan: Arc<Plan>,
    /// Which endpoints of the plan have this authority.
    is_ours: Vec<bool>,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug)]
struct Queue {
    next_image: usize,
    /// Position among the image's endpoints: 0 is upstream, n the mirror n-1.
    next_endpoint: usize,
    followups: VecDeque<(u32, Question)>,
    is_closed: bool,
}

impl Lane {
    pub(super) fn new(plan: Arc<Plan>, is_ours: Vec<bool>) -> Self {
        let queue = Queue { next_image: 0, next_endpoint: 0, followups: VecDeque::new(), is_closed: false };
        Self { plan, is_ours, queue: Mutex::new(queue), changed: Notify::new() }
    }

    /// How many first questions are planned here, counted no further than `most`.
    pub(super) fn planned(&self, most: usize) -> usize {
        let of = |image: &PlannedImage| {
            let upstream = std::iter::once(&image.upstream);
            upstream.chain(image.mirrors.iter()).filter(|at| self.is_ours[**at as usize]).count()
        };
        let mut count = 0;
        for image in &self.plan.images {
            count += of(image);
            if count >= most {
                return most;
            }
        }
        count
    }

    /// Adds a follow-up.
    pub(super) fn push(&self, image: u32, question: Question) {
        self.lock().followups.push_back((image, question));
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    /// The next job; waits for follow-ups when the plan is through. `None` when the lane is closed.
    pub(super) async fn next(&self) -> Option<Job> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that what is added in between is not missed.
            changed.as_mut().enable();
            {
                let mut queue = self.lock();
                if queue.is_closed {
                    return None;
                }
                if let Some((image, question)) = queue.followups.pop_front() {
                    return Some(Job::Followup { image, question });
                }
                if let Some(job) = self.opening(&mut queue) {
                    return Some(job);
                }
            }
            changed.await;
        }
    }

    fn opening(&self, queue: &mut Queue) -> Option<Job> {
        while let Some(image) = self.plan.images.get(queue.next_image) {
            while queue.next_endpoint <= image.mirrors.len() {
                let position = queue.next_endpoint;
                queue.next_endpoint += 1;
                let (endpoint, who) = match position.checked_sub(1) {
                    None => (image.upstream, Who::Upstream),
                    Some(mirror) => (image.mirrors[mirror], Who::Mirror(mirror)),
                };
                if self.is_ours[endpoint as usize] {
                    let image = u32::try_from(queue.next_image).unwrap_or(u32::MAX);
                    return Some(Job::Opening { image, who });
                }
            }
            queue.next_image += 1;
            queue.next_endpoint = 0;
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
