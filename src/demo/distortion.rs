//! How each [`Behaviour`] changes an answer.
//!
//! An answer that is replaced keeps no header of the registry; one that is bent keeps all that the
//! behaviour is not about.

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode};

use super::answer::{Answer, DIGEST_HEADER, Fate, Pace, header_value};
use super::behaviour::{Behaviour, Failure, HOSTILE_MESSAGE, status};
use super::content::{Document, gzip, platform, reserialised_document};
use super::request::{Asked, Route};
use super::serve::{self, LOGIN_PAGE, manifest_unknown, moved, page_not_found};
use super::store::Store;
use crate::model::digest::Digest;
use crate::model::manifest::Manifest;

impl Behaviour {
    /// Changes `answer`, which this behaviour concerns.
    pub(super) fn bend(&self, asked: &Asked, answer: &mut Answer, store: &mut Store) {
        if self.bend_headers(answer) || self.bend_body(asked, answer, store) {
            return;
        }
        match self {
            Self::Silent => answer.fate = Fate::Silent,
            Self::Reset => answer.fate = Fate::Reset,
            Self::Delay(delay) => answer.delay += *delay,
            _ => {
                let delay = answer.delay;
                *answer = self.replacement(asked);
                answer.delay = delay;
            }
        }
    }

    /// Changes headers alone; `false` where this behaviour is about something else.
    fn bend_headers(&self, answer: &mut Answer) -> bool {
        let headers = &mut answer.headers;
        match self {
            Self::NoDigestHeader => {
                headers.remove(DIGEST_HEADER);
                headers.remove(ETAG);
            }
            Self::WrongDigestHeader => {
                headers.insert(DIGEST_HEADER, header_value(&format!("sha256:{}", "b".repeat(64))));
            }
            Self::ContentType(content_type) => {
                headers.insert(CONTENT_TYPE, header_value(content_type));
            }
            Self::NoContentType => {
                headers.remove(CONTENT_TYPE);
            }
            Self::Header { name, value } => {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    headers.insert(name, header_value(value));
                }
            }
            Self::FalseGzip => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            Self::HeadLengthZero => answer.claimed_length = Some(0),
            Self::HeadLength(length) => answer.claimed_length = Some(*length),
            _ => return false,
        }
        true
    }

    /// Changes the body or how it is sent; `false` where this behaviour is about something else.
    fn bend_body(&self, asked: &Asked, answer: &mut Answer, store: &mut Store) -> bool {
        match self {
            Self::WrongBody => answer.body = [&answer.body[..], b"\n"].concat().into(),
            Self::WrongByte => {
                let mut bytes = answer.body.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                answer.body = bytes.into();
            }
            Self::NoLength => answer.pace = Pace::Unmeasured,
            Self::Endless => answer.pace = Pace::Endless,
            Self::IgnoreRange => {
                let mut whole = asked.clone();
                whole.headers.remove(RANGE);
                if matches!(asked.route, Route::Blob { .. }) {
                    *answer = serve::answer("", store, &whole);
                }
            }
            Self::Body(bytes) => answer.body = Bytes::copy_from_slice(bytes),
            Self::Gzip => {
                answer.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                answer.body = gzip(&answer.body).into();
            }
            Self::Big(size) => {
                let media_type = content_type(&answer.headers);
                let document = Document::new(media_type, padded(&answer.body, *size));
                replace_document(asked, answer, store, document);
            }
            Self::Reserialised => {
                let media_type = content_type(&answer.headers);
                let document = reserialised_document(&Document::new(media_type, answer.body.clone()));
                replace_document(asked, answer, store, document);
            }
            Self::ChildOf(wanted) => {
                if let Some(child) = child(asked, &answer.body, store, wanted) {
                    answer.set_document(&child);
                }
            }
            Self::Short(missing) => answer.pace = Pace::ShortBy(*missing),
            Self::Stall(sent) => answer.pace = Pace::Stall(*sent),
            Self::Trickle(interval) => answer.pace = Pace::EachByte(*interval),
            Self::StrictAccept => {
                let accept = asked.first_accept().unwrap_or_default().to_ascii_lowercase();
                let held = content_type(&answer.headers).to_ascii_lowercase();
                if !accept.split(',').any(|accepted| accepted.trim() == held) {
                    *answer = manifest_unknown();
                }
            }
            _ => return false,
        }
        true
    }

    /// The answer of a behaviour that leaves nothing of the right one.
    fn replacement(&self, asked: &Asked) -> Answer {
        let here = match &asked.query {
            Some(query) => format!("{}?{query}", asked.path),
            None => asked.path.clone(),
        };
        let html = |status| Answer::text(status, "text/html; charset=utf-8", LOGIN_PAGE);
        match self {
            Self::Html => html(StatusCode::OK),
            Self::NotFoundHtml => html(StatusCode::NOT_FOUND),
            Self::NotFoundPlain => page_not_found(),
            Self::LoginPage => moved(StatusCode::FOUND, "/login"),
            Self::Empty200 => Answer::bare(StatusCode::OK),
            Self::Errors200 => Answer::error(StatusCode::OK, "DENIED", "requested access is denied"),
            Self::HeadStatus(code) => Answer::bare(status(*code)),
            Self::RedirectTo(base) => {
                moved(StatusCode::TEMPORARY_REDIRECT, &format!("{}{here}", base.trim_end_matches('/')))
            }
            Self::RedirectLoop => moved(StatusCode::TEMPORARY_REDIRECT, &here),
            Self::MovedTo(to) => {
                let from = asked.route.repository().unwrap_or_default();
                moved(
                    StatusCode::MOVED_PERMANENTLY,
                    &here.replacen(&format!("/{from}/"), &format!("/{to}/"), 1),
                )
            }
            Self::Status(failure) => failed(failure),
            Self::TagWithoutDigest => manifest_unknown(),
            Self::HideBehind404 { digest_status } => match asked.manifest_tag() {
                Some(_) => manifest_unknown(),
                None => hidden_cause(*digest_status),
            },
            Self::RequireNamespace => manifest_unknown(),
            Self::HateNamespace => {
                Answer::error(StatusCode::BAD_REQUEST, "UNSUPPORTED", "unknown query parameter: ns")
            }
            Self::HostileError(code) => Answer::error(status(*code), HOSTILE_MESSAGE, HOSTILE_MESSAGE),
            Self::Challenge(lines) => {
                let mut answer =
                    Answer::error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
                for line in lines {
                    answer.headers.append(WWW_AUTHENTICATE, header_value(line));
                }
                answer
            }
            // All others bend an answer and do not come here.
            _ => Answer::bare(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

fn failed(failure: &Failure) -> Answer {
    let mut answer = Answer::bare(status(failure.code));
    if !failure.content_type.is_empty() {
        answer.headers.insert(CONTENT_TYPE, header_value(&failure.content_type));
    }
    if let Some(retry_after) = &failure.retry_after {
        answer.headers.insert(RETRY_AFTER, header_value(retry_after));
    }
    answer.body = failure.body.clone().into();
    answer
}

/// What a pull-through cache says to a digest when its upstream fails so.
fn hidden_cause(code: u16) -> Answer {
    let (error, message) = match code {
        401 => ("UNAUTHORIZED", "authentication required"),
        403 => ("DENIED", "requested access to the resource is denied"),
        404 => ("MANIFEST_UNKNOWN", "manifest unknown"),
        429 => ("TOOMANYREQUESTS", "too many requests"),
        _ => ("UNKNOWN", "unknown error"),
    };
    Answer::error(status(code), error, message)
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

/// Puts blanks before the last brace until there are `size` bytes.
fn padded(json: &[u8], size: usize) -> Vec<u8> {
    let end = json.iter().rposition(|byte| *byte == b'}').unwrap_or(json.len());
    let (head, tail) = json.split_at(end);
    let blanks = vec![b' '; size.saturating_sub(json.len())];
    [head, &blanks, tail].concat()
}

/// Serves `document`. Where a tag was asked for, its digest is made known, so that it can be fetched too.
fn replace_document(asked: &Asked, answer: &mut Answer, store: &mut Store, document: Document) {
    let Route::Manifest { repository, .. } = &asked.route else {
        answer.body = document.bytes;
        return;
    };
    answer.set_document(&document);
    if asked.manifest_tag().is_some() {
        store.put_raw(repository, document);
    }
}

fn child(asked: &Asked, index: &[u8], store: &Store, wanted: &str) -> Option<Document> {
    let wanted = platform(wanted);
    let manifest = Manifest::parse(index, None).ok()?;
    let child = manifest.images().find(|child| child.platform.as_ref() == Some(&wanted))?;
    let digest: Digest = child.digest.as_deref()?.parse().ok()?;
    store.manifest(asked.route.repository()?, &digest).cloned()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use super::super::behaviour::{Scope, Times};
    use super::super::client::{Reply, ask, get, head, request};
    use super::super::content::{self, Image};
    use super::super::registry::Registry;
    use super::*;
    use crate::model::manifest::ACCEPT;

    const TAG: &str = "/v2/a/manifests/1";

    fn image() -> Image {
        content::index("a", &["linux/amd64", "linux/arm64"])
    }

    fn by_digest() -> String {
        format!("/v2/a/manifests/{}", image().digest())
    }

    /// A registry that holds `a:1` and behaves so.
    fn misbehaving(behaviour: Behaviour) -> Registry {
        let mut store = Store::new();
        store.put("a", "1", &image());
        let registry = Registry::start(store).unwrap();
        registry.set_behaviour(Scope::All, behaviour);
        registry
    }

    async fn both(behaviour: Behaviour) -> (Reply, Reply) {
        let registry = misbehaving(behaviour);
        (head(&registry, TAG).await, get(&registry, TAG).await)
    }

    #[tokio::test]
    async fn headers_can_be_missing_or_wrong_while_the_body_is_right() {
        let (head, get) = both(Behaviour::NoDigestHeader).await;
        assert_eq!((head.header("docker-content-digest"), head.header("etag")), (None, None));
        assert_eq!((get.header("docker-content-digest"), &get.body), (None, &image().document.bytes));

        let (head, get) = both(Behaviour::WrongDigestHeader).await;
        let wrong = format!("sha256:{}", "b".repeat(64));
        assert_eq!(head.header("docker-content-digest"), Some(&*wrong));
        assert_eq!(
            (get.header("docker-content-digest"), &get.body),
            (Some(&*wrong), &image().document.bytes)
        );

        let (head, get) = both(Behaviour::NoContentType).await;
        assert_eq!((head.header("content-type"), get.header("content-type")), (None, None));

        let (head, get) = both(Behaviour::ContentType("application/octet-stream".to_owned())).await;
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(get.header("content-type"), Some("application/octet-stream"));

        let warning =
            Behaviour::Header { name: "Warning".to_owned(), value: "299 - \"old\"\r\nx: y".to_owned() };
        let (head, get) = both(warning).await;
        assert_eq!((head.header("warning"), get.header("x")), (Some("299 - \"old\"??x: y"), None));
    }

    #[tokio::test]
    async fn a_body_can_differ_from_its_digest() {
        let (head, get) = both(Behaviour::WrongBody).await;
        let right = image().document;
        assert_eq!(get.header("docker-content-digest"), Some(&*right.digest.to_string()));
        assert_eq!(get.body, [&right.bytes[..], b"\n"].concat());
        assert_eq!(head.header("content-length"), Some(&*(right.bytes.len() + 1).to_string()));

        let (_, get) = both(Behaviour::Body(b"{}".to_vec())).await;
        assert_eq!(get.header("docker-content-digest"), Some(&*right.digest.to_string()));
        assert_eq!(get.text(), "{}");
    }

    #[tokio::test]
    async fn what_is_no_manifest_is_200_all_the_same() {
        let (head, get) = both(Behaviour::Html).await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/html; charset=utf-8")));
        assert!(get.text().contains("<title>Sign in"));
        assert_eq!(get.header("docker-content-digest"), None);

        let (head, get) = both(Behaviour::Empty200).await;
        assert_eq!((head.status, get.status, get.body.len()), (200, 200, 0));
        assert_eq!(head.header("docker-content-digest"), None);

        let (_, get) = both(Behaviour::Errors200).await;
        assert_eq!((get.status, &*get.error_code()), (200, "DENIED"));
    }

    #[tokio::test]
    async fn a_login_page_is_a_redirect_that_ends_in_html() {
        let registry = misbehaving(Behaviour::LoginPage);
        let first = get(&registry, TAG).await;
        assert_eq!((first.status, first.header("location")), (302, Some("/login")));
        let page = get(&registry, "/login").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    }

    #[tokio::test]
    async fn head_can_fail_alone_and_says_nothing_then() {
        for status in [400, 401, 404, 405, 501] {
            let (head, get) = both(Behaviour::HeadStatus(status)).await;
            assert_eq!((head.status, get.status), (status, 200));
            assert_eq!(head.header("docker-distribution-api-version"), None);
            assert_eq!(head.header("www-authenticate"), None);
        }
        let (head, get) = both(Behaviour::HeadLengthZero).await;
        assert_eq!((head.status, head.header("content-length")), (200, Some("0")));
        assert!(head.header("docker-content-digest").is_some());
        assert_eq!(get.body, image().document.bytes);
    }

    #[tokio::test]
    async fn a_body_can_be_encoded_or_only_said_to_be() {
        let (_, get) = both(Behaviour::Gzip).await;
        assert_eq!(get.header("content-encoding"), Some("gzip"));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&get.body[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, image().document.bytes);

        let (_, get) = both(Behaviour::FalseGzip).await;
        assert_eq!((get.header("content-encoding"), &get.body), (Some("gzip"), &image().document.bytes));
    }

    #[tokio::test]
    async fn a_manifest_can_be_padded_beyond_every_limit() {
        let size = 5 * 1024 * 1024;
        let (head, get) = both(Behaviour::Big(size)).await;
        assert_eq!(head.header("content-length"), Some("5242880"));
        assert_eq!(get.body.len(), size);
        assert_eq!(get.header("docker-content-digest"), Some(&*Digest::sha256(&get.body).to_string()));
        assert!(Manifest::parse(&get.body, None).is_ok());
    }

    #[tokio::test]
    async fn a_body_can_end_early_after_its_length_was_promised() {
        let (_, get) = both(Behaviour::Short(20)).await;
        let whole = image().document.bytes;
        assert!(get.is_cut);
        assert_eq!(get.header("content-length"), Some(&*whole.len().to_string()));
        assert_eq!(get.body, whole[..whole.len() - 20]);
    }

    #[tokio::test]
    async fn a_body_can_stop_arriving() {
        let registry = misbehaving(Behaviour::Stall(10));
        let mut response = request(&registry, "GET", TAG).send().await.unwrap();
        let mut arrived = 0;
        while arrived < 10 {
            arrived += response.chunk().await.unwrap().unwrap().len();
        }
        assert_eq!(arrived, 10);
        assert!(futures::poll!(Box::pin(response.chunk())).is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_can_arrive_byte_by_byte_at_the_pace_of_paused_time() {
        let registry = misbehaving(Behaviour::Trickle(Duration::from_secs(1)));
        registry.set_behaviour(Scope::All, Behaviour::Delay(Duration::from_secs(10)));
        let start = tokio::time::Instant::now();
        let reply = get(&registry, TAG).await;
        let whole = image().document.bytes;
        // The client has all that was promised with the last byte, before the pause after it.
        assert_eq!(start.elapsed().as_secs(), 10 + u64::try_from(whole.len() - 1).unwrap());
        assert_eq!((reply.body, reply.is_cut), (whole, false));
    }

    #[tokio::test]
    async fn silence_leaves_the_connections_open() {
        let registry = misbehaving(Behaviour::Silent);
        let mut answers = [(); 2].map(|()| Box::pin(request(&registry, "GET", TAG).send()));
        while registry.hits().len() < 2 {
            for answer in &mut answers {
                assert!(futures::poll!(answer).is_pending());
            }
            tokio::task::yield_now().await;
        }
        for answer in &mut answers {
            assert!(futures::poll!(answer).is_pending());
        }
        assert_eq!((registry.hits()[0].status, registry.most_at_once()), (None, 2));
    }

    #[tokio::test]
    async fn a_reset_closes_without_an_answer() {
        let registry = misbehaving(Behaviour::Reset);
        let error = request(&registry, "GET", TAG).send().await.unwrap_err();
        assert!(error.is_request() && !error.is_connect(), "{error:?}");
        assert_eq!(registry.hits()[0].status, None);
    }

    #[tokio::test]
    async fn redirects_go_elsewhere_or_nowhere() {
        let path = format!("{TAG}?ns=docker.io");
        let registry = misbehaving(Behaviour::RedirectTo("http://localhost:1/".to_owned()));
        let reply = get(&registry, &path).await;
        let elsewhere = format!("http://localhost:1{path}");
        assert_eq!((reply.status, reply.header("location")), (307, Some(&*elsewhere)));

        let registry = misbehaving(Behaviour::RedirectLoop);
        assert_eq!(get(&registry, &path).await.header("location"), Some(&*path));

        let registry = misbehaving(Behaviour::MovedTo("library/a".to_owned()));
        let reply = get(&registry, TAG).await;
        assert_eq!((reply.status, reply.header("location")), (301, Some("/v2/library/a/manifests/1")));
        assert_eq!(get(&registry, "/v2/library/a/manifests/1").await.status, 404, "no second redirect");
    }

    #[tokio::test]
    async fn a_body_can_be_without_length_and_of_any_end() {
        let right = image().document.bytes;
        let (head, get) = both(Behaviour::NoLength).await;
        assert_eq!((head.header("content-length"), get.header("content-length")), (None, None));
        assert_eq!(get.body, right);

        let (head, get) = both(Behaviour::HeadLength(7)).await;
        assert_eq!(head.header("content-length"), Some("7"));
        assert_eq!(get.body, right);

        let (_, get) = both(Behaviour::WrongByte).await;
        assert_eq!((get.body.len(), get.body == right), (right.len(), false));

        let registry = misbehaving(Behaviour::Endless);
        let mut response = request(&registry, "GET", TAG).send().await.unwrap();
        let mut came = 0;
        while came < 1 << 20 {
            came += response.chunk().await.unwrap().unwrap().len();
        }
    }

    #[tokio::test]
    async fn a_range_of_a_blob_is_served_unless_it_is_ignored() {
        let registry = misbehaving(Behaviour::NoContentType);
        let blob = &image().children[0].blobs[0];
        let path = format!("/v2/a/blobs/{}", blob.digest);
        let range = [("range", "bytes=2-4")];
        let part = ask(&registry, "GET", &path, &range).await;
        assert_eq!((part.status, &part.body[..]), (206, &blob.bytes[2..5]));
        registry.set_behaviour(Scope::Blobs, Behaviour::IgnoreRange);
        let whole = ask(&registry, "GET", &path, &range).await;
        assert_eq!((whole.status, &whole.body, whole.header("content-range")), (200, &blob.bytes, None));
    }

    #[tokio::test]
    async fn failures_are_sent_as_spelled_out() {
        let (head, get) = both(Behaviour::Status(Failure::throttled(Some("1")))).await;
        assert_eq!((head.status, head.header("retry-after")), (429, Some("1")));
        assert_eq!((get.status, &*get.error_code()), (429, "TOOMANYREQUESTS"));

        let odd = Failure::text(404, "application/json", r#"{"details":"nope"}"#);
        let (_, get) = both(Behaviour::Status(odd)).await;
        assert_eq!((get.status, &*get.text()), (404, r#"{"details":"nope"}"#));

        let (_, get) = both(Behaviour::Status(Failure::text(503, "", ""))).await;
        assert_eq!((get.status, get.header("content-type")), (503, None));

        let (_, get) = both(Behaviour::NotFoundHtml).await;
        assert_eq!((get.status, get.header("content-type")), (404, Some("text/html; charset=utf-8")));
        let (_, get) = both(Behaviour::NotFoundPlain).await;
        assert_eq!((get.status, &*get.text()), (404, "404 page not found\n"));

        let (_, get) = both(Behaviour::HostileError(403)).await;
        assert_eq!((get.status, &*get.error_code()), (403, HOSTILE_MESSAGE));
    }

    #[tokio::test]
    async fn a_tag_can_serve_one_platform_of_its_index() {
        let registry = misbehaving(Behaviour::ChildOf("linux/arm64/v8".to_owned()));
        let child = &image().children[1].document;
        let reply = get(&registry, TAG).await;
        assert_eq!(reply.body, child.bytes);
        assert_eq!(reply.header("docker-content-digest"), Some(&*child.digest.to_string()));
        assert_eq!(reply.header("content-type"), Some(&*child.media_type));
        assert_eq!(get(&registry, &by_digest()).await.body, image().document.bytes);
    }

    #[tokio::test]
    async fn a_reserialised_document_is_found_by_the_digest_that_it_has() {
        let registry = misbehaving(Behaviour::Reserialised);
        let other = reserialised_document(&image().document);
        let path = format!("/v2/a/manifests/{}", other.digest);
        let first = head(&registry, TAG).await;
        assert_eq!(first.header("docker-content-digest"), Some(&*other.digest.to_string()));
        assert_eq!(get(&registry, TAG).await.body, other.bytes);
        assert_eq!(get(&registry, &path).await.body, other.bytes);
    }

    #[tokio::test]
    async fn a_tag_can_be_served_though_its_digest_is_not() {
        for scope in [Scope::All, Scope::repository("a"), Scope::reference("a", "1")] {
            let registry = misbehaving(Behaviour::Delay(Duration::ZERO));
            registry.set_behaviour(scope, Behaviour::TagWithoutDigest);
            let child = format!("/v2/a/manifests/{}", image().children[0].digest());
            assert_eq!(get(&registry, TAG).await.status, 200);
            assert_eq!(&*get(&registry, &by_digest()).await.error_code(), "MANIFEST_UNKNOWN");
            assert_eq!(get(&registry, &child).await.status, 200);
        }
    }

    #[tokio::test]
    async fn a_cache_can_hide_the_cause_behind_a_404() {
        for (digest_status, code) in [(429, "TOOMANYREQUESTS"), (403, "DENIED"), (500, "UNKNOWN")] {
            let registry = misbehaving(Behaviour::Delay(Duration::ZERO));
            registry.set_behaviour(Scope::reference("a", "1"), Behaviour::HideBehind404 { digest_status });
            assert_eq!(&*get(&registry, TAG).await.error_code(), "MANIFEST_UNKNOWN");
            let reply = get(&registry, &by_digest()).await;
            assert_eq!((reply.status, &*reply.error_code()), (digest_status, code));
        }
    }

    #[tokio::test]
    async fn the_namespace_parameter_can_be_demanded_or_hated() {
        let with = format!("{TAG}?ns=docker.io");
        let registry = misbehaving(Behaviour::RequireNamespace);
        assert_eq!((get(&registry, TAG).await.status, get(&registry, &with).await.status), (404, 200));
        let registry = misbehaving(Behaviour::HateNamespace);
        assert_eq!((get(&registry, TAG).await.status, get(&registry, &with).await.status), (200, 400));
    }

    #[tokio::test]
    async fn a_challenge_is_sent_verbatim_line_by_line() {
        let lines = [r#"Basic realm="GitHub Package Registry"#, r#"Bearer  realm="x" , service="s""#, ""];
        let registry = misbehaving(Behaviour::Challenge(lines.map(str::to_owned).to_vec()));
        let reply = get(&registry, TAG).await;
        assert_eq!((reply.status, reply.headers("www-authenticate")), (401, lines.to_vec()));
    }

    #[tokio::test]
    async fn strict_accept_reads_the_first_line_only() {
        let registry = misbehaving(Behaviour::StrictAccept);
        let upper = ACCEPT.to_ascii_uppercase();
        for (headers, status) in [
            (&[("accept", ACCEPT)][..], 200),
            (&[("accept", &*upper)], 200),
            (&[("accept", "text/plain"), ("accept", ACCEPT)], 404),
            (&[("accept", "*/*")], 404),
        ] {
            assert_eq!(ask(&registry, "GET", TAG, headers).await.status, status, "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_behaviour_holds_for_its_scope_alone() {
        let mut store = Store::new();
        for name in ["a", "b"] {
            store.put(name, "1", &image());
            store.put(name, "2", &image());
        }
        let blob = format!("/v2/a/blobs/{}", image().children[0].blobs[0].digest);
        let paths = ["/v2/", TAG, "/v2/a/manifests/2", "/v2/b/manifests/1", "/v2/a/tags/list", &blob];
        for (scope, statuses) in [
            (Scope::All, [503, 503, 503, 503, 503, 503]),
            (Scope::Ping, [503, 200, 200, 200, 200, 200]),
            (Scope::Manifests, [200, 503, 503, 503, 200, 200]),
            (Scope::Blobs, [200, 200, 200, 200, 200, 503]),
            (Scope::repository("a"), [200, 503, 503, 200, 503, 503]),
            (Scope::reference("a", "1"), [200, 503, 200, 200, 200, 200]),
            (Scope::Token, [200, 200, 200, 200, 200, 200]),
        ] {
            let registry = Registry::start(store.clone()).unwrap();
            registry
                .set_behaviour(scope.clone(), Behaviour::Status(Failure::registry(503, "UNAVAILABLE", "")));
            for (path, status) in paths.into_iter().zip(statuses) {
                assert_eq!(get(&registry, path).await.status, status, "{scope:?} {path}");
            }
            registry.clear_behaviours();
            assert_eq!(get(&registry, TAG).await.status, 200);
        }
    }

    #[tokio::test]
    async fn a_behaviour_can_end_or_begin_after_some_requests() {
        let registry = misbehaving(Behaviour::Delay(Duration::ZERO));
        let failure = || Behaviour::Status(Failure::registry(500, "UNKNOWN", ""));
        registry.set_behaviour_times(Scope::All, failure(), Times::First(2));
        for status in [500, 500, 200] {
            assert_eq!(get(&registry, TAG).await.status, status);
        }
        registry.set_behaviour_times(Scope::All, failure(), Times::After(1));
        for status in [200, 500, 500] {
            assert_eq!(get(&registry, TAG).await.status, status);
        }
    }

    #[tokio::test]
    async fn only_requests_that_are_changed_use_up_the_times() {
        let registry = misbehaving(Behaviour::Delay(Duration::ZERO));
        registry.set_behaviour_times(Scope::All, Behaviour::HeadStatus(405), Times::First(1));
        assert_eq!(get(&registry, TAG).await.status, 200);
        assert_eq!(head(&registry, TAG).await.status, 405);
        assert_eq!(head(&registry, TAG).await.status, 200);
    }

    #[tokio::test]
    async fn behaviours_compose_in_the_order_in_which_they_were_set() {
        let registry = misbehaving(Behaviour::NoDigestHeader);
        registry.set_behaviour(Scope::All, Behaviour::ContentType("text/plain".to_owned()));
        registry.set_behaviour(Scope::All, Behaviour::HeadStatus(404));
        assert_eq!(head(&registry, TAG).await.status, 404);
        let reply = get(&registry, TAG).await;
        assert_eq!(
            (reply.header("docker-content-digest"), reply.header("content-type")),
            (None, Some("text/plain"))
        );
    }
}
