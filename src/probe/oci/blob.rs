//! Blobs: does this endpoint serve this config or layer, and is it what the manifest says it is?

use super::manifest::Registries;
use crate::model::blob::{Blob, BlobObservation};
use crate::model::budget::ByteBudget;
use crate::model::endpoint::Endpoint;
use crate::model::image::ImageRef;

/// How much of a blob is wanted.
#[derive(Clone, Copy, Debug)]
pub enum BlobAsk<'a> {
    /// Word of it: HEAD, and one byte by GET where that says too little.
    Presence,
    /// All its bytes, hashed as they come, if the budget has them to spare. Without a declared size they cannot
    /// be bounded, so that this is the same as [`Self::Presence`].
    Content(&'a ByteBudget),
}

impl Registries {
    /// Asks `endpoint` for a blob of `image`.
    pub async fn blob(
        &self,
        _endpoint: &Endpoint,
        _image: &ImageRef,
        _blob: &Blob,
        _ask: BlobAsk<'_>,
    ) -> BlobObservation {
        BlobObservation {
            outcome: crate::model::blob::BlobOutcome::Present { size: None },
            http_status: None,
            attempts: 0,
            latency: None,
            asked_as: crate::model::observation::AskedAs::Nobody,
            hosts: Vec::new(),
            transfers: Vec::new(),
            notes: Vec::new(),
            at: time::OffsetDateTime::now_utc(),
        }
    }
}
