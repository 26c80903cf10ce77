//! One request, with all that it takes to be answered: token, redirects, and the 401 that asks for a token.
//!
//! Credentials and tokens belong to the host that is asked, hop by hop: a redirect to another origin starts
//! with nothing.

use http::{HeaderMap, HeaderValue, Method, header};
use std::time::Duration;
use url::Url;

use super::authorize::{Authorization, Authorizer, Next, Session, Target, Trust, Wanted};
use super::challenge;
use super::token::TokenFault;
use crate::model::blob::Part;
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, RedirectFault};
use crate::model::manifest::{ACCEPT, MAX_MANIFEST_BYTES};
use crate::model::observation::{AskedAs, Rejection};
use crate::net::client::{Body, Client, Purpose, Range, Reply, Request, Wish};
use crate::net::redirect;

/// The end of one exchange: an answer that is neither a redirect nor a challenge that could be met.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// Where the answer came from.
    pub(super) url: Url,
    /// Redirects on the way.
    pub(super) hops: usize,
    pub(super) latency: Duration,
    /// Who the last request said it was.
    pub(super) asked_as: AskedAs,
    /// Credentials that were refused on the way.
    pub(super) rejection: Option<Rejection>,
    /// What a final 401 wanted.
    pub(super) wanted: Option<Wanted>,
}

/// Why an exchange has no answer of the registry's.
#[derive(Debug)]
pub(super) enum ExchangeFault {
    /// The registry did not answer.
    Net { fault: NetFault, host: Box<str> },
    /// A redirect that is not followed, the status that it came with, and who sent it, where another had led there.
    Redirect { fault: RedirectFault, status: u16, by: Option<Box<str>> },
    /// No token.
    Token(TokenFault),
}

/// What is sent, wherever the walk leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) accept: &'static str,
    pub(super) range: Option<Range>,
    pub(super) body: Wish,
    pub(super) purpose: Purpose,
    /// What a host is there for that a redirect leads to.
    behind: Part,
}

impl<'a> Call<'a> {
    /// For a manifest.
    pub(super) const fn manifest(method: &'a Method) -> Self {
        let body = Wish::UpTo(MAX_MANIFEST_BYTES);
        Self {
            method,
            accept: ACCEPT,
            range: None,
            body,
            purpose: Purpose::Registry,
            behind: Part::ManifestStore,
        }
    }

    /// For a blob, or those of its bytes that are in `range`.
    pub(super) const fn blob(method: &'a Method, range: Option<Range>) -> Self {
        let body = Wish::Open;
        Self { method, accept: "*/*", range, body, purpose: Purpose::Blob, behind: Part::BlobStore }
    }
}

/// Where the walk stands.
struct Step {
    url: Url,
    authority: Authority,
    repository: String,
    trust: Trust,
}

impl Step {
    fn target(&self) -> Target<'_> {
        Target { url: &self.url, authority: &self.authority, repository: &self.repository, trust: self.trust }
    }

    /// The host, where a redirect led to it.
    fn led_to(&self) -> Option<Box<str>> {
        (self.trust == Trust::Redirected).then(|| self.authority.to_string().into())
    }

    /// One hop on. Harbor redirects to another repository of the same host: its token must name that one.
    fn follow(&mut self, next: Url) -> Result<(), ExchangeFault> {
        if !redirect::same_origin(&self.url, &next) {
            self.trust = Trust::Redirected;
        }
        if let Some(name) = repository_in(&next) {
            self.repository = name;
        }
        self.authority = authority_of(&next)?;
        self.url = next;
        Ok(())
    }
}

/// Sends a request for a manifest or blob and follows where it leads.
pub(super) async fn exchange(
    client: &Client,
    authorizer: &Authorizer,
    session: &mut Session,
    call: &Call<'_>,
    target: (&Url, &str),
) -> Result<Exchange, ExchangeFault> {
    let mut step = Step {
        url: target.0.clone(),
        authority: authority_of(target.0)?,
        repository: target.1.to_owned(),
        trust: Trust::Configured,
    };
    let mut hops = 0;
    session.touch(&step.authority, Part::Registry);
    let mut authorization = authorizer.first(step.target(), session).await.map_err(ExchangeFault::Token)?;
    loop {
        let reply = send(client, call, step.target(), authorization.as_ref()).await?;
        let location = reply.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
        let next = redirect::next(&step.url, reply.status, location, hops)
            .map_err(|fault| ExchangeFault::Redirect { fault, status: reply.status, by: step.led_to() })?;
        if let Some(next) = next {
            hops += 1;
            step.follow(next)?;
            session.touch(&step.authority, call.behind);
            authorization = authorizer.known(step.target(), session).await;
            continue;
        }
        // Without the token that it should have carried only a success tells anything: what is private may well be
        // called missing.
        if !matches!(reply.status, 200..300 | 401)
            && let Some(fault) = session.take_unhad()
        {
            return Err(ExchangeFault::Token(fault));
        }
        let mut wanted = None;
        if reply.status == 401 {
            let values = reply.headers.get_all(header::WWW_AUTHENTICATE);
            let challenges = challenge::parse(values.iter().map(HeaderValue::as_bytes));
            let sent = authorization.as_ref();
            match authorizer.challenged(step.target(), &challenges, sent, session).await {
                Ok(Next::Again(next)) => {
                    authorization = next;
                    continue;
                }
                Ok(Next::Final(end)) => wanted = Some(end),
                Err(fault) => return Err(ExchangeFault::Token(fault)),
            }
        }
        if reply.status != 401 {
            authorizer.accepted(step.target(), authorization.as_ref(), session).await;
        }
        let Reply { status, headers, body, first_byte } = reply;
        let (asked_as, rejection) =
            authorization.map_or((AskedAs::Nobody, None), |sent| (sent.asked_as, sent.rejection));
        return Ok(Exchange {
            status,
            headers,
            body,
            url: step.url,
            hops,
            latency: first_byte,
            asked_as,
            rejection: rejection.or_else(|| session.rejection()),
            wanted,
        });
    }
}
async fn send(
    client: &Client,
    call: &Call<'_>,
    target: Target<'_>,
    authorization: Option<&Authorization>,
) -> Result<Reply, ExchangeFault> {
    let request = Request {
        method: call.method.clone(),
        url: target.url,
        authority: target.authority,
        accept: call.accept,
        authorization: authorization.map(|authorization| &authorization.line),
        form: None,
        range: call.range,
        body: call.body,
        purpose: call.purpose,
    };
    let host = || target.authority.to_string().into();
    client.send(request).await.map_err(|fault| ExchangeFault::Net { fault, host: host() })
}

fn authority_of(url: &Url) -> Result<Authority, ExchangeFault> {
    Authority::of(url).ok_or_else(|| ExchangeFault::Net {
        fault: NetFault::Protocol("the URL names no host".into()),
        host: "?".into(),
    })
}

/// The repository in the URL of a manifest or blob, wherever its `/v2/` stands.
fn repository_in(url: &Url) -> Option<String> {
    let path = url.path();
    let (before, _) = path.rsplit_once("/manifests/").or_else(|| path.rsplit_once("/blobs/"))?;
    let (_, name) = before.split_once("/v2/")?;
    crate::model::image::is_repository(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found_in_a_redirected_url() {
        for (url, name) in [
            ("https://h/v2/proj/library/nginx/manifests/1.25", Some("proj/library/nginx")),
            ("https://h/p/v2/a/b/manifests/sha256:00", Some("a/b")),
            ("https://h/v2/a/b/blobs/sha256:00", Some("a/b")),
            ("https://h/v2/a/blobs/manifests/sha256:00", Some("a/blobs")),
            ("https://h/v2/Bad/manifests/1", None),
            ("https://h/login?next=/v2/a/manifests/1", None),
            ("https://h/a/manifests/1", None),
        ] {
            assert_eq!(repository_in(&Url::parse(url).unwrap()).as_deref(), name, "{url}");
        }
    }
}
