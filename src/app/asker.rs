//! Asks one plan or many through the same client: connections, windows, cool-downs and circuits
//! are kept from plan to plan, and so are tokens.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::Error;
use super::options::CheckOptions;
use super::prepare;
use crate::credentials::Sources;
use crate::model::budget::ByteBudget;
use crate::model::plan::Plan;
use crate::model::run::{Cost, Ending, Quota};
use crate::net::client::{Client, Purpose};
use crate::net::retry::RetryPolicy;
use crate::plan::DOCKER_HUB_ENDPOINT;
use crate::probe::oci::{GivenUp, Registries};
use crate::probe::schedule::{self, Event, Means};

/// After so many images, what is known of tokens is forgotten: there may be one for each repository, and
/// the images may have no end.
const REMEMBERED_IMAGES: usize = 10_000;

/// Asks.
pub(super) struct Asker {
    client: Arc<Client>,
    sources: Arc<Sources>,
    retry: RetryPolicy,
    per_host: usize,
    registries: Arc<Registries>,
    /// Bytes of blobs that may still be read, of all plans together; `None` for no limit.
    budget: Option<Arc<ByteBudget>>,
    /// Images asked for through `registries`.
    asked: usize,
}

impl Asker {
    /// Nothing asked so far; there will be about so many hosts.
    ///
    /// # Errors
    /// The HTTP client cannot be set up; files with certificates or keys cannot be used.
    pub(super) fn new(hosts: usize, options: &CheckOptions, sources: Arc<Sources>) -> Result<Self, Error> {
        let client = Arc::new(prepare::client(hosts, options)?);
        let retry = options.retry.clone();
        let budget = options.max_bytes.map(ByteBudget::new).map(Arc::new);
        let registries = registries(&client, &retry, &sources, budget.as_ref());
        Ok(Self { client, sources, retry, per_host: options.per_host, registries, budget, asked: 0 })
    }

    /// Asks everything that `plan` wants to know; see [`schedule::run`].
    pub(super) async fn ask(
        &mut self,
        plan: &Arc<Plan>,
        cancel: BoxFuture<'_, ()>,
        on_event: impl FnMut(Event),
    ) -> Ending {
        let means = self.means(plan);
        schedule::run(Arc::clone(plan), means, cancel, on_event).await
    }

    /// What `plan` is to be asked with; several may be asked at the same time.
    pub(super) fn means(&mut self, plan: &Arc<Plan>) -> Means {
        if self.asked >= REMEMBERED_IMAGES {
            self.registries = registries(&self.client, &self.retry, &self.sources, self.budget.as_ref());
            self.asked = 0;
        }
        self.asked += plan.images.len();
        self.registries.expect(plan);
        Means {
            registries: Arc::clone(&self.registries),
            budget: self.budget.clone(),
            workers_per_authority: self.per_host,
        }
    }

    /// What it asks through.
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    /// What was sent so far, and what came.
    pub(super) fn cost(&self) -> Cost {
        Cost {
            requests: self.client.sent(Purpose::Registry) + self.client.sent(Purpose::Blob),
            token_exchanges: self.client.sent(Purpose::Token),
            bytes: self.client.read_bytes(),
            hub_pulls: self.client.pulls(DOCKER_HUB_ENDPOINT),
        }
    }

    /// What questions that were given up had led to since this was last asked.
    pub(super) fn take_given_up(&self) -> Vec<GivenUp> {
        self.registries.take_given_up()
    }

    /// The pull quotas that hosts told of so far.
    pub(super) fn quotas(&self) -> Vec<Quota> {
        self.client.quotas()
    }
}

fn registries(
    client: &Arc<Client>,
    retry: &RetryPolicy,
    sources: &Arc<Sources>,
    budget: Option<&Arc<ByteBudget>>,
) -> Arc<Registries> {
    let registries = Registries::new(Arc::clone(client), retry.clone(), Arc::clone(sources), None);
    Arc::new(registries.within(budget.cloned()))
}
