//! Asks the places along a runtime's way one after the other, as that runtime would, and upstream for
//! comparison.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::pending;

use super::options::CheckOptions;
use super::{Error, judge, prepare};
use crate::credentials::Sources;
use crate::model::depth::Depth;
use crate::model::digest::Digest;
use crate::model::endpoint::{Accepts, Endpoint, Role};
use crate::model::image::ManifestRef;
use crate::model::mirror::MirrorMap;
use crate::model::node::{Node, Rules, Step, Use, Walk};
use crate::model::observation::{DigestSource, Observation};
use crate::model::plan::{Plan, PlannedImage};
use crate::model::pull::{Comparison, End, Pull, Reaction, Trial, Upstream};
use crate::model::rewrite::{Rewrite, Template};
use crate::model::run::Verdict;
use crate::model::scope::Scope;
use crate::model::status::Status;
use crate::model::tls::{HostTls, Verification};
use crate::probe::oci::{Ask, Registries};
use crate::probe::schedule::{self, Event, Means};
use crate::{plan, verdict};

/// What the places along a way are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// What the tag or digest leads to.
    Image,
    /// Which manifest it is has been found out; its bytes have not come yet.
    Digest(Digest),
    /// The pull is over: it is only asked what the next failure would lead to.
    Nothing,
}

/// Asks as one node would.
pub(super) struct Puller {
    rules: Rules,
    registries: Arc<Registries>,
    /// For the places that verify while another place of their host does not (registries.conf).
    verifying: Option<Registries>,
    per_host: usize,
}

impl Puller {
    /// Nothing asked so far. Of TLS and headers only what `node` was told holds, besides `options`.
    ///
    /// # Errors
    /// The HTTP client cannot be set up; files with certificates or keys cannot be used.
    pub(super) fn new(
        node: &Node,
        walks: &[Walk],
        mut options: CheckOptions,
        sources: Arc<Sources>,
    ) -> Result<Self, Error> {
        let endpoints: Vec<_> =
            walks.iter().flat_map(|walk| &walk.steps).map(|step| Arc::clone(&step.endpoint)).collect();
        options.tls.hosts.clone_from(&node.tls);
        for host in walks.iter().flat_map(|walk| &walk.steps).filter_map(|step| step.tls.as_ref()) {
            if options.tls.hosts.iter().all(|known| known.authority != host.authority) {
                options.tls.hosts.push(host.clone());
            }
        }
        options.mirrors = MirrorMap { nodes: vec![node.clone()], ..MirrorMap::default() };
        let most = prepare::hosts(&endpoints) + 1;
        let registries = |options: &CheckOptions| -> Result<_, Error> {
            let client = Arc::new(prepare::client(most, options)?);
            Ok(Registries::new(client, options.retry.clone(), Arc::clone(&sources), None))
        };
        let asked = Arc::new(registries(&options)?);
        let is_odd = |step: &Step| {
            let is_its_host = |host: &HostTls| host.authority == step.endpoint.authority;
            step.tls.is_none() && options.tls.hosts.iter().any(is_its_host)
        };
        let is_mixed = walks.iter().flat_map(|walk| &walk.steps).any(is_odd);
        options.tls.hosts.retain(|host| host.settings.verification == Verification::Full);
        let verifying = is_mixed.then(|| registries(&options)).transpose()?;
        Ok(Self { rules: node.rules, registries: asked, verifying, per_host: options.per_host })
    }

    /// Whom a step is asked through: what it says of TLS holds for it, and not for all of its host.
    fn through(&self, step: &Step) -> &Registries {
        self.verifying.as_ref().filter(|_| step.tls.is_none()).unwrap_or(&self.registries)
    }

    /// Goes along `walk`. Places behind the one that serves are asked as well: they are what the next
    /// failure leads to.
    pub(super) async fn pull(&self, mut walk: Walk) -> Pull {
        let mut trials = Vec::new();
        let mut wanted = Wanted::Image;
        let mut named_by = None;
        for at in 0..walk.steps.len() {
            let trial = match walk.steps[at].use_ {
                Use::Asked => Some(self.step(&mut walk, at, &mut wanted).await),
                Use::PassedOver => None,
            };
            if matches!(wanted, Wanted::Digest(_)) {
                named_by = named_by.or(Some(at));
            }
            if trial.as_ref().is_some_and(|trial| trial.reaction != Reaction::FallsThrough) {
                wanted = Wanted::Nothing;
            }
            trials.push(trial);
        }
        let end = verdict::pull::end(&walk, &trials);
        let (upstream, comparison) = self.compare(&walk, &trials, (end, named_by)).await;
        let findings = verdict::pull::findings(&walk, &trials, (end, &comparison));
        Pull { walk, trials, end, upstream, comparison, findings }
    }

    async fn step(&self, walk: &mut Walk, at: usize, wanted: &mut Wanted) -> Trial {
        match self.rules {
            Rules::Dockerd => {
                let answer = self.ask(walk, at, None, Ask::Get).await;
                verdict::pull::trial(self.rules, answer, &walk.steps[at].endpoint.name)
            }
            Rules::Containers => self.pinged(walk, at).await,
            Rules::Containerd => self.fetched(walk, at, wanted).await,
        }
    }

    /// Asks one place for the image, or for this digest of it; over http where this runtime goes on to it.
    async fn ask(&self, walk: &mut Walk, at: usize, digest: Option<&Digest>, ask: Ask) -> Observation {
        let image = walk.asked().clone();
        let reference = digest.map_or_else(|| image.manifest_ref(), ManifestRef::Digest);
        let step = &mut walk.steps[at];
        let answer = self.through(step).observe(&step.endpoint, &image, reference, ask).await;
        if step.plain.is_none() || !verdict::pull::tries_http(self.rules, &answer, &step.endpoint) {
            return answer;
        }
        over_http(step, "");
        self.registries.observe(&step.endpoint, &image, reference, ask).await
    }

    /// As podman does: `/v2/` first, over http too where that may be, and then the manifest by GET.
    async fn pinged(&self, walk: &mut Walk, at: usize) -> Trial {
        let step = &mut walk.steps[at];
        let mut ping = self.through(step).ping(&step.endpoint).await;
        if ping.failure.is_some() && step.plain.is_some() {
            let said =
                ping.http_status.map_or_else(String::new, |status| format!(" (/v2/ answered {status})"));
            over_http(step, &said);
            ping = self.registries.ping(&step.endpoint).await;
        }
        if let Some(trial) = verdict::pull::unpinged(&ping, &step.endpoint.name) {
            return trial;
        }
        let answer = self.ask(walk, at, None, Ask::AsPinged).await;
        let host = &walk.steps[at].endpoint.name;
        verdict::pull::as_signed_in(ping, verdict::pull::trial(self.rules, answer, host), host)
    }

    /// As containerd does: HEAD, and then the bytes by digest.
    async fn fetched(&self, walk: &mut Walk, at: usize, wanted: &mut Wanted) -> Trial {
        let image = walk.asked().clone();
        let name = walk.steps[at].endpoint.name.clone();
        let digest = match wanted {
            Wanted::Digest(digest) => digest.clone(),
            Wanted::Image | Wanted::Nothing => {
                let answer = self.ask(walk, at, None, Ask::Head).await;
                let is_read = answer.head_status.is_some() && image.digest().is_some();
                let trial = verdict::pull::resolved(answer, image.manifest_ref(), &name);
                match (trial.reaction, trial.answer.digest()) {
                    (Reaction::Takes, Some(digest)) if !is_read => digest.clone(),
                    _ => return trial,
                }
            }
        };
        let answer = self.ask(walk, at, Some(&digest), Ask::Get).await;
        let mut trial = verdict::pull::fetched(answer, &digest, &name);
        match wanted {
            Wanted::Image => *wanted = Wanted::Digest(digest),
            Wanted::Digest(_) if trial.reaction == Reaction::Takes => {
                trial.why = format!("asked for {digest}, of which the place before told: it is there").into();
            }
            Wanted::Digest(_) | Wanted::Nothing => {}
        }
        trial
    }

    /// What served, beside what upstream serves: the place that this runtime takes for the registry itself, and without
    /// one the image's own registry.
    /// What it is may have been said by another place, which then is the one that differs.
    async fn compare(
        &self,
        walk: &Walk,
        trials: &[Option<Trial>],
        (end, named_by): (End, Option<usize>),
    ) -> (Upstream, Comparison) {
        let image = &walk.image;
        let own = plan::upstream(&image.registry_key(), &MirrorMap::default());
        let (own, url, asked) = match (primary(walk), own) {
            (Some(at), _) => {
                let step = &walk.steps[at];
                let url = step.url.clone().unwrap_or_default();
                (located(step, Role::Upstream), url, trials.get(at).and_then(Option::as_ref))
            }
            (None, Ok(own)) => {
                let url = own.manifest_url(image, image.repository(), image.manifest_ref());
                (own, url.into(), None)
            }
            (None, Err(_)) => return (Upstream { url: "".into(), verdict: None }, Comparison::Unknown),
        };
        if walk.refused.is_some() {
            return (Upstream { url, verdict: None }, Comparison::Nothing);
        }
        let served = match end {
            End::Served(at) => walk.steps.get(at).zip(trials[at].as_ref()),
            End::Nobody | End::Unknown => None,
        };
        let is_own = |step: &Step| step.url.as_ref() == Some(&url);
        let same = walk.steps.iter().zip(trials).find(|(step, trial)| is_own(step) && trial.is_some());
        let said = match asked.or_else(|| same.and_then(|(_, trial)| trial.as_ref())) {
            Some(trial) => trial.verdict.clone(),
            None => {
                let answer = self.registries.observe(&own, image, image.manifest_ref(), Ask::Head).await;
                verdict::pull::trial(walk.rules, answer, &own.name).verdict
            }
        };
        let comparison = match served {
            None => Comparison::Nothing,
            Some((step, _)) if is_own(step) => Comparison::Itself,
            // Of schema 1 by digest nobody can see whether it is what was asked for.
            Some((_, trial))
                if trial.answer.facts().is_none_or(|facts| facts.source == DigestSource::Asked) =>
            {
                Comparison::Unknown
            }
            Some((step, trial)) => match (trial.answer.digest(), said.digest.as_ref()) {
                (Some(one), Some(other)) if one == other => Comparison::Equal,
                (Some(_), Some(_)) => {
                    let step = named_by.and_then(|at| walk.steps.get(at)).unwrap_or(step);
                    self.judge(walk, step, &own).await
                }
                _ => Comparison::Unknown,
            },
        };
        (Upstream { url, verdict: Some(said) }, comparison)
    }

    /// How a check judges the difference: the same questions and rules.
    async fn judge(&self, walk: &Walk, step: &Step, own: &Arc<Endpoint>) -> Comparison {
        let mirror = located(step, Role::Mirror);
        let plan = Arc::new(Plan {
            endpoints: vec![mirror, Arc::clone(own)],
            images: vec![PlannedImage {
                image: Arc::new(walk.image.clone()),
                upstream: 1,
                mirrors: Arc::from([0]),
                options: None,
            }],
            places: Vec::new(),
            reach: Depth::Head.into(),
            depths: Vec::new(),
            graces: Vec::new(),
            scope: Scope::default(),
        });
        let mut verdict: Option<Verdict> = None;
        let on_event = |event| {
            if let Event::Done { image, evidence } = event {
                verdict = judge::judge(&plan, image, &evidence).nth(1).map(|result| result.verdict);
            }
        };
        let means = Means {
            registries: Arc::clone(&self.registries),
            budget: None,
            workers_per_authority: self.per_host,
        };
        schedule::run(Arc::clone(&plan), means, pending().boxed(), on_event).await;
        match verdict {
            Some(verdict) if verdict.code.status() == Status::Ok => Comparison::Equal,
            Some(verdict) => Comparison::Differs(verdict),
            None => Comparison::Unknown,
        }
    }
}

/// From now on the step is the place over plain http.
fn over_http(step: &mut Step, said: &str) {
    let Some(plain) = step.plain.take() else { return };
    step.why = format!("{}; https did not work{said}: asked over http", step.why).into();
    (step.url, step.endpoint) = (Some(plain.url), plain.endpoint);
}

/// The step that this runtime takes for the registry itself. Under a new name, that is the new name's registry, and not
/// the one that the image is compared with.
fn primary(walk: &Walk) -> Option<usize> {
    let is_it = |step: &Step| step.role == Role::Upstream && step.use_ == Use::Asked;
    walk.steps.iter().rposition(is_it).filter(|_| walk.renamed.is_none())
}

/// The place of a step, by the name that is asked for there.
fn located(step: &Step, role: Role) -> Arc<Endpoint> {
    let name = step.repository.as_deref().unwrap_or_default();
    let rewrite = Rewrite { template: Template::constant(name), ..Rewrite::default() };
    Arc::new(Endpoint { role, rewrite, accepts: Accepts::All, ..Endpoint::clone(&step.endpoint) })
}
