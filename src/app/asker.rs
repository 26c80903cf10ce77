//! Asks one plan after the other through the same client: connections, windows, cool-downs and circuits
//! are kept from plan to plan, and so are tokens.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::Error;
use super::options::CheckOptions;
use super::prepare;
use crate::credentials::Sources;
use crate::model::plan::Plan;
use crate::model::run::{Cost, Ending, Quota};
use crate::net::client::{Client, Purpose};
use crate::net::retry::RetryPolicy;
use crate::probe::oci::Registries;
use crate::probe::schedule::{self, Event};

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
        let registries = registries(&client, &retry, &sources);
        Ok(Self { client, sources, retry, per_host: options.per_host, registries, asked: 0 })
    }

    /// Asks everything that `plan` wants to know; see [`schedule::run`].
    pub(super) async fn ask(
        &mut self,
        plan: &Arc<Plan>,
        cancel: BoxFuture<'_, ()>,
        on_event: impl FnMut(Event),
    ) -> Ending {
        if self.asked >= REMEMBERED_IMAGES {
            self.registries = registries(&self.client, &self.retry, &self.sources);
            self.asked = 0;
        }
        self.asked += plan.images.len();
        self.registries.expect(Arc::clone(plan));
        let registries = Arc::clone(&self.registries);
        schedule::run(Arc::clone(plan), registries, self.per_host, cancel, on_event).await
    }

    /// What it asks through.
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    /// What was sent so far.
    pub(super) fn cost(&self) -> Cost {
        Cost {
            requests: self.client.sent(Purpose::Registry) + self.client.sent(Purpose::Blob),
            token_exchanges: self.client.sent(Purpose::Token),
        }
    }

    /// The pull quotas that hosts told of so far.
    pub(super) fn quotas(&self) -> Vec<Quota> {
        self.client.quotas()
    }
}

fn registries(client: &Arc<Client>, retry: &RetryPolicy, sources: &Arc<Sources>) -> Arc<Registries> {
    Arc::new(Registries::new(Arc::clone(client), retry.clone(), Arc::clone(sources), None))
}
