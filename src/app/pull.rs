//! Asks the places along a runtime's way one after the other, as that runtime would, and upstream for
//! comparison.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::pending;
use url::Url;

use super::options::CheckOptions;
use super::{Error, judge, prepare};
use crate::credentials::Sources;
use crate::model::depth::Depth;
use crate::model::endpoint::{Accepts, Authority, Endpoint, Role};
use crate::model::mirror::MirrorMap;
use crate::model::node::{Node, Rules, Step, Use, Walk};
use crate::model::observation::{Observation, Outcome};
use crate::model::plan::{Plan, PlannedImage};
use crate::model::pull::{Comparison, End, Pull, Trial, Upstream};
use crate::model::rewrite::{Rewrite, Template};
use crate::model::run::Verdict;
use crate::model::scope::Scope;
use crate::model::status::Status;
use crate::model::tls::Verification;
use crate::probe::oci::{Ask, Registries};
use crate::probe::schedule::{self, Event, Means};
use crate::{plan, verdict};

/// Asks as one node would.
pub(super) struct Puller<'a> {
    node: &'a Node,
    registries: Arc<Registries>,
    per_host: usize,
}

impl<'a> Puller<'a> {
    /// Nothing asked so far. Of TLS and headers only what `node` was told holds, besides `options`.
    ///
    /// # Errors
    /// The HTTP client cannot be set up; files with certificates or keys cannot be used.
    pub(super) fn new(
        node: &'a Node,
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
        let client = Arc::new(prepare::client(prepare::hosts(&endpoints) + 1, &options)?);
        let registries = Arc::new(Registries::new(client, options.retry, sources, None));
        Ok(Self { node, registries, per_host: options.per_host })
    }

    /// Goes along `walk`. Places behind the one that serves are asked as well: they are what the next
    /// failure leads to.
    pub(super) async fn pull(&self, mut walk: Walk) -> Pull {
        let mut trials = Vec::new();
        for at in 0..walk.steps.len() {
            trials.push(match walk.steps[at].use_ {
                Use::Asked => Some(self.step(&mut walk, at).await),
                Use::PassedOver => None,
            });
        }
        let end = verdict::pull::end(&walk, &trials);
        let (upstream, comparison) = self.compare(&walk, &trials, end).await;
        let findings = verdict::pull::findings(&walk, &trials, (end, &comparison));
        Pull { walk, trials, end, upstream, comparison, findings }
    }

    async fn step(&self, walk: &mut Walk, at: usize) -> Trial {
        let image = walk.asked().clone();
        let step = &mut walk.steps[at];
        let mut answer = self.observe(&step.endpoint, &image).await;
        if matches!(answer.outcome, Outcome::Unreached { .. })
            && let Some(plain) = plain_http(self.node.rules, step)
        {
            let name = step.repository.as_deref().unwrap_or_default();
            step.url = Some(plain.manifest_url(&image, name, image.manifest_ref()).into());
            step.why = format!("{}; https did not work: asked over http", step.why).into();
            step.endpoint = Arc::new(plain);
            answer = self.observe(&step.endpoint, &image).await;
        }
        verdict::pull::trial(walk.rules, answer, &walk.steps[at].endpoint.name)
    }

    async fn observe(&self, endpoint: &Endpoint, image: &crate::model::image::ImageRef) -> Observation {
        self.registries.observe(endpoint, image, image.manifest_ref(), Ask::Head).await
    }

    async fn compare(&self, walk: &Walk, trials: &[Option<Trial>], end: End) -> (Upstream, Comparison) {
        let image = &walk.image;
        let Ok(own) = plan::upstream(&image.registry_key(), &MirrorMap::default()) else {
            return (Upstream { url: "".into(), verdict: None }, Comparison::Unknown);
        };
        let url = own.manifest_url(image, image.repository(), image.manifest_ref());
        let served = match end {
            End::Served(at) => walk.steps.get(at).zip(trials[at].as_ref()),
            End::Nobody | End::Unknown => None,
        };
        if walk.refused.is_some() {
            return (Upstream { url: url.into(), verdict: None }, Comparison::Nothing);
        }
        let is_own = |step: &Step| step.url.as_deref() == Some(&*url);
        let known = walk.steps.iter().zip(trials).find(|(step, trial)| is_own(step) && trial.is_some());
        let said = match known.and_then(|(_, trial)| trial.as_ref()) {
            Some(trial) => trial.verdict.clone(),
            None => {
                let answer = self.observe(&own, image).await;
                verdict::pull::trial(walk.rules, answer, &own.name).verdict
            }
        };
        let comparison = match served {
            None => Comparison::Nothing,
            Some((step, _)) if is_own(step) => Comparison::Itself,
            Some((step, trial)) => match (trial.answer.digest(), image.digest().or(said.digest.as_ref())) {
                (Some(one), Some(other)) if one == other => Comparison::Equal,
                (Some(_), Some(_)) if said.digest.is_some() => self.judge(walk, step, &own).await,
                _ => Comparison::Unknown,
            },
        };
        (Upstream { url: url.into(), verdict: Some(said) }, comparison)
    }

    /// How a check judges the difference: the same questions and rules.
    async fn judge(&self, walk: &Walk, step: &Step, own: &Arc<Endpoint>) -> Comparison {
        let name = step.repository.as_deref().unwrap_or_default();
        let rewrite = Rewrite { template: Template::constant(name), ..Rewrite::default() };
        let mirror = Endpoint {
            role: Role::Mirror,
            rewrite,
            accepts: Accepts::All,
            ..Endpoint::clone(&step.endpoint)
        };
        let plan = Arc::new(Plan {
            endpoints: vec![Arc::new(mirror), Arc::clone(own)],
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

/// The same place without TLS, for runtimes that fall back to that where a host is marked as insecure.
fn plain_http(rules: Rules, step: &Step) -> Option<Endpoint> {
    let is_insecure = step.tls.as_ref().is_some_and(|host| host.settings.verification == Verification::Off);
    let falls_back = match (rules, step.role) {
        // The scheme of a mirror of docker is written down, and kept to.
        (Rules::Containerd, _) | (Rules::Dockerd, Role::Mirror) => false,
        (Rules::Dockerd, Role::Upstream) | (Rules::Containers, _) => true,
    };
    if !falls_back || !is_insecure || &*step.endpoint.authority.scheme != "https" {
        return None;
    }
    let plain = |text: &str| text.strip_prefix("https://").map(|rest| format!("http://{rest}"));
    // The port as it was written: https' own is not http's.
    let url = Url::parse(&plain(step.endpoint.url.as_str())?).ok()?;
    Some(Endpoint {
        api_root: plain(&step.endpoint.api_root)?.into(),
        authority: Authority::of(&url)?,
        url,
        ..Endpoint::clone(&step.endpoint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::import;
    use crate::plan::walk;

    #[test]
    fn insecure_hosts_are_asked_over_http_where_the_runtime_would() {
        let dir = tempfile::tempdir().unwrap();
        let first = |file: &str, text: &str, image: &str| {
            let path = dir.path().join(file);
            std::fs::write(&path, text).unwrap();
            let node = import(&[path]).unwrap().remove(0);
            let walk = walk::walk(&node, &image.parse().unwrap()).unwrap();
            plain_http(node.rules, &walk.steps[0]).map(|endpoint| {
                (endpoint.api_root.to_string(), endpoint.authority.to_string(), endpoint.authority.port)
            })
        };
        let mirror = "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='m.example/p'\n";
        let insecure = format!("{mirror}insecure=true\n");
        let plain = |host: &str, port: u16| Some((format!("http://{host}/v2"), host.to_owned(), port));
        assert_eq!(first("a.conf", &insecure, "a.io/x"), plain("m.example", 80));
        assert_eq!(first("b.conf", mirror, "a.io/x"), None);
        let daemon = r#"{"insecure-registries": ["reg.lan:5000", "m.example"], "registry-mirrors": ["https://m.example"]}"#;
        assert_eq!(first("daemon.json", daemon, "reg.lan:5000/x"), plain("reg.lan:5000", 5000));
        assert_eq!(first("daemon.json", daemon, "nginx"), None);
        std::fs::create_dir_all(dir.path().join("a.io")).unwrap();
        let hosts = "[host.\"https://m.example\"]\nskip_verify = true\n";
        assert_eq!(first("a.io/hosts.toml", hosts, "a.io/x"), None);
    }
}
