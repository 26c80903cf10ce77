//! The questions for one authority: those of the plan, in its order and made when they are wanted, and
//! follow-ups, which go first so that images get finished.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::endpoint::Authority;
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
    /// The number of the lane of each endpoint of the plan; shared by all lanes.
    lane_of: Arc<[u32]>,
    number: u32,
    /// The images with a question here, as indexes into the plan's. A number each and no more: there are
    /// as many as first questions, however many hosts these are spread over.
    images: Box<[u32]>,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug)]
struct Queue {
    /// Position among the lane's images.
    next_image: usize,
    /// Position among the image's endpoints: 0 is upstream, n the mirror n-1.
    next_endpoint: usize,
    followups: VecDeque<(u32, Question)>,
    is_closed: bool,
}

impl Lane {
    /// The lanes of all authorities of a plan, in one pass over it.
    pub(super) fn all(plan: &Arc<Plan>) -> HashMap<Authority, Arc<Self>> {
        let mut numbers: HashMap<&Authority, u32> = HashMap::new();
        let lane_of: Arc<[u32]> = plan
            .endpoints
            .iter()
            .map(|endpoint| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(&endpoint.authority).or_insert(next)
            })
            .collect();
        let mut images: Vec<Vec<u32>> = vec![Vec::new(); numbers.len()];
        for (index, image) in (0..).zip(&plan.images) {
            for endpoint in endpoints(image) {
                let of_lane = &mut images[lane_of[endpoint as usize] as usize];
                // Two of an image's endpoints may be one host.
                if of_lane.last() != Some(&index) {
                    of_lane.push(index);
                }
            }
        }
        let lane = |(authority, number): (&Authority, u32)| {
            let images = std::mem::take(&mut images[number as usize]).into_boxed_slice();
            let queue =
                Queue { next_image: 0, next_endpoint: 0, followups: VecDeque::new(), is_closed: false };
            let lane = Self {
                plan: Arc::clone(plan),
                lane_of: Arc::clone(&lane_of),
                number,
                images,
                queue: Mutex::new(queue),
                changed: Notify::new(),
            };
            (authority.clone(), Arc::new(lane))
        };
        numbers.into_iter().map(lane).collect()
    }

    /// How many first questions are planned here, counted no further than `most`.
    pub(super) fn planned(&self, most: usize) -> usize {
        let questions = self.images.iter().flat_map(|image| endpoints(&self.plan.images[*image as usize]));
        questions.filter(|endpoint| self.is_ours(*endpoint)).take(most).count()
    }

    fn is_ours(&self, endpoint: u32) -> bool {
        self.lane_of[endpoint as usize] == self.number
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
        while let Some(index) = self.images.get(queue.next_image).copied() {
            let image = &self.plan.images[index as usize];
            while queue.next_endpoint <= image.mirrors.len() {
                let position = queue.next_endpoint;
                queue.next_endpoint += 1;
                let (endpoint, who) = match position.checked_sub(1) {
                    None => (image.upstream, Who::Upstream),
                    Some(mirror) => (image.mirrors[mirror], Who::Mirror(mirror)),
                };
                if self.is_ours(endpoint) {
                    return Some(Job::Opening { image: index, who });
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

/// All who are asked for an image: upstream, then the mirrors.
fn endpoints(image: &PlannedImage) -> impl Iterator<Item = u32> + '_ {
    std::iter::once(image.upstream).chain(image.mirrors.iter().copied())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::mirrors::{MirrorSpec, build};
    use crate::model::depth::Depth;
    use crate::model::origin::{Located, Origin};
    use crate::plan;

    fn plan(images: impl IntoIterator<Item = String>, mirrors: &[(&str, &str)]) -> Arc<Plan> {
        let spec = |(url, serves): &(&str, &str)| MirrorSpec {
            url: (*url).to_owned(),
            serves: Some(vec![(*serves).to_owned()]),
            ..MirrorSpec::default()
        };
        let map = build(mirrors.iter().map(spec).collect(), Vec::new()).unwrap();
        let origin = Origin::line("images.txt".into(), 1);
        let located = |text: String| Located {
            value: text.parse().unwrap(),
            input: text.into(),
            origin: origin.clone(),
            options: None,
        };
        Arc::new(plan::expand(images.into_iter().map(located).collect(), &map, Depth::Head).unwrap())
    }

    fn openings(lane: &Lane) -> Vec<(u32, Who)> {
        let jobs = std::iter::from_fn(|| lane.next().now_or_never().flatten());
        jobs.map(|job| match job {
            Job::Opening { image, who } => (image, who),
            Job::Followup { .. } => panic!("{job:?}"),
        })
        .collect()
    }

    #[test]
    fn each_lane_puts_the_questions_of_its_host_in_the_order_of_the_plan() {
        let images = ["a.example/x", "b.example/x", "a.example/y"].map(str::to_owned);
        let mirrors = [
            ("https://m.example/one", "a.example"),
            ("https://n.example", "b.example"),
            ("https://m.example/two", "a.example"),
        ];
        let lanes = Lane::all(&plan(images, &mirrors));
        let mut questions: Vec<_> =
            lanes.iter().map(|(authority, lane)| (authority.to_string(), openings(lane))).collect();
        questions.sort_by(|one, other| one.0.cmp(&other.0));
        let (first, second) = (Who::Mirror(0), Who::Mirror(1));
        let expected = [
            ("a.example", vec![(0, Who::Upstream), (2, Who::Upstream)]),
            ("b.example", vec![(1, Who::Upstream)]),
            ("m.example", vec![(0, first), (0, second), (2, first), (2, second)]),
            ("n.example", vec![(1, first)]),
        ];
        assert_eq!(questions, expected.map(|(host, asked)| (host.to_owned(), asked)));
    }

    #[test]
    fn workers_are_counted_by_questions_and_no_further_than_asked() {
        let images = ["a.example/x", "b.example/x", "a.example/y"].map(str::to_owned);
        let mirrors = [("https://m.example/one", "a.example"), ("https://m.example/two", "a.example")];
        let lanes = Lane::all(&plan(images, &mirrors));
        let mut planned: Vec<_> =
            lanes.iter().map(|(host, lane)| (host.to_string(), lane.planned(16), lane.planned(3))).collect();
        planned.sort();
        let expected = [("a.example", 2, 2), ("b.example", 1, 1), ("m.example", 4, 3)];
        assert_eq!(planned, expected.map(|(host, all, few)| (host.to_owned(), all, few)));
    }

    #[test]
    fn lanes_hold_no_more_than_their_own_questions_however_many_hosts_there_are() {
        let images = (0..2000).map(|number| format!("r{number}.example/x"));
        let plan = plan(images, &[]);
        let lanes = Lane::all(&plan);
        assert_eq!(lanes.len(), 2000);
        for lane in lanes.values() {
            assert_eq!(lane.images.len(), 1);
            assert_eq!(lane.lane_of.as_ptr(), lanes[&plan.endpoints[0].authority].lane_of.as_ptr());
        }
    }
}
