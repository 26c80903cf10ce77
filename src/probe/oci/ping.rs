//! The API root of a host, asked before anything else as podman and skopeo do: whoever answers there with neither 200
//! nor 401 is no registry to them, whatever it has.
//!
//! Always `/v2/` at the root of the host, as nobody; what it redirects to is followed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, header};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use url::Url;

use super::authorize::{Opening, Session};
use super::error_body;
use super::manifest::Registries;
use super::reading::content_type;
use crate::model::endpoint::{Authority, Endpoint};
use crate::model::fault::NetFault;
use crate::model::observation::{Answer, AskedAs, Breakage, NotAsked, Observation, Outcome, Refusal};
use crate::model::pull::Ping;
use crate::net::client::{Body, Client, Purpose, Reply, Request, Wish};
use crate::net::redirect;

/// The hosts that were asked.
#[derive(Debug, Default)]
pub(super) struct Pings {
    known: Mutex<HashMap<Url, Arc<OnceCell<Pinged>>>>,
}

/// What one said, and what the next request there is to carry.
#[derive(Debug)]
struct Pinged {
    ping: Ping,
    opening: Option<Opening>,
}

impl Pings {
    /// For the first request after the ping of this URL's host.
    pub(super) fn session(&self, url: &Url) -> Session {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pinged = known.get(&root_of(url)).and_then(|cell| cell.get());
        pinged.and_then(|pinged| pinged.opening.clone()).map_or_else(Session::default, Session::opened)
    }
}

/// What came of it.
#[derive(Default)]
struct Came {
    http_status: Option<u16>,
    latency: Option<Duration>,
    redirected_to: Option<Box<str>>,
    opening: Option<Opening>,
}

impl Registries {
    /// What `/v2/` at the root of `endpoint`'s host says to nobody in particular; a host is asked once over each scheme.
    pub async fn ping(&self, endpoint: &Endpoint) -> Ping {
        let root = root_of(&endpoint.url);
        let cell = {
            let mut known = self.pings.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(root.clone()).or_default())
        };
        cell.get_or_init(|| self.ask_root(&root)).await.ping.clone()
    }

    async fn ask_root(&self, root: &Url) -> Pinged {
        let mut came = Came::default();
        let failure = self.follow_root(root, &mut came).await.err().map(|outcome| {
            let unasked = Observation::unasked(outcome, OffsetDateTime::now_utc());
            Box::new(Observation {
                http_status: came.http_status,
                latency: came.latency,
                redirected_to: came.redirected_to,
                attempts: 1,
                ..unasked
            })
        });
        let ping = Ping {
            url: redirect::display(root).into(),
            http_status: came.http_status,
            latency: came.latency,
            is_challenge: came.opening.is_some(),
            failure,
        };
        Pinged { ping, opening: came.opening }
    }

    async fn follow_root(&self, root: &Url, came: &mut Came) -> Result<(), Outcome> {
        let mut url = root.clone();
        for hops in 0.. {
            let reply = get(&self.client, &url).await?;
            (came.http_status, came.latency) = (Some(reply.status), Some(reply.first_byte));
            let values = reply.headers.get_all(header::WWW_AUTHENTICATE);
            came.opening = Opening::of(values.iter().map(HeaderValue::as_bytes), (root, &url));
            if hops == 0 {
                self.roots.learn(root, reply.status, &reply.headers);
            }
            let location = reply.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
            match redirect::next(&url, reply.status, location, hops) {
                Ok(Some(next)) => {
                    came.redirected_to = Some(redirect::display(&next).into());
                    url = next;
                }
                Ok(None) => return read(&reply),
                Err(fault) => return Err(Outcome::Broken(Breakage::Redirect { fault, by: None })),
            }
        }
        Ok(())
    }
}

fn root_of(url: &Url) -> Url {
    let mut root = url.clone();
    root.set_path("/v2/");
    root.set_query(None);
    root
}

async fn get(client: &Client, url: &Url) -> Result<Reply, Outcome> {
    let Some(authority) = Authority::of(url) else {
        let fault = NetFault::Protocol("the URL names no host".into());
        return Err(Outcome::Unreached { fault, host: "?".into() });
    };
    let request = Request {
        method: Method::GET,
        url,
        authority: &authority,
        accept: "*/*",
        authorization: None,
        form: None,
        range: None,
        // Of a yes no byte is read by those who ask so.
        body: Wish::Open,
        purpose: Purpose::Root,
    };
    client.send(request).await.map_err(|fault| {
        let host = authority.to_string().into();
        match fault {
            NetFault::Shut(shut) => Outcome::NotAsked(NotAsked::Shut { host, shut }),
            fault => Outcome::Unreached { fault, host },
        }
    })
}

fn read(reply: &Reply) -> Result<(), Outcome> {
    let status = reply.status;
    let answer = match &reply.body {
        Body::Read(body) => error_body::parse(status, content_type(&reply.headers), body).answer,
        Body::OverLimit | Body::Open(_) => Answer { status, ..Answer::default() },
    };
    Err(match status {
        200 | 401 => return Ok(()),
        403 | 451 => Outcome::Refused(Refusal::Registry { answer, asked_as: AskedAs::Nobody }),
        429 => Outcome::Throttled { answer, retry_after: None, service: None },
        404 | 410 => Outcome::Broken(Breakage::NotARegistry(answer)),
        500..600 => Outcome::Broken(Breakage::ServerError(answer)),
        _ => Outcome::Broken(Breakage::OddStatus(answer)),
    })
}
