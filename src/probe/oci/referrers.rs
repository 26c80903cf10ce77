//! What refers to a manifest at one endpoint: the referrers API with its pages, the tag that stands in for it, and
//! cosign's tags.
//!
//! distribution-spec "Listing Referrers": 404 says that there is no API, and the tag is asked for instead. Each page
//! is a manifest to whoever reads it. A next page is followed within the list's own path alone, and so many times.

use http::{HeaderMap, header};
use time::OffsetDateTime;
use url::Url;

use super::manifest::{Ask, Registries};
use crate::model::digest::Digest;
use crate::model::endpoint::Endpoint;
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::manifest::{Content, Manifest};
use crate::model::observation::{Breakage, Observation, Outcome};
use crate::model::referrers::{
    COSIGN_SUFFIXES, Gap, MAX_PAGES, MAX_REFERRERS, Referrer, ReferrersObservation, Source, fallback_tag,
};
use crate::net::redirect;

/// What is gathered.
struct Gathered {
    found: Vec<Referrer>,
    gaps: Vec<(Source, Gap)>,
}

/// What one answer is to the list.
enum Page {
    Read,
    /// There is none.
    None,
    /// The list ends here, whole or not.
    End,
}

impl Gathered {
    /// The list has more, for all that is known; the first reason is kept.
    fn cut(&mut self, why: Gap) {
        if !self.gaps.iter().any(|(source, _)| *source == Source::List) {
            self.gaps.push((Source::List, why));
        }
    }

    fn take(&mut self, observation: Observation) -> Page {
        match &observation.outcome {
            Outcome::Found(facts) => match facts.manifest.as_deref() {
                Some(Manifest { content: Content::Index(children), .. }) => {
                    for child in children {
                        let digest = child.digest.as_deref().and_then(|text| text.parse::<Digest>().ok());
                        if let Some(digest) = digest.map(Referrer::Listed)
                            && !self.found.contains(&digest)
                        {
                            if self.found.len() >= MAX_REFERRERS {
                                self.cut(Gap::Endless);
                                return Page::End;
                            }
                            self.found.push(digest);
                        }
                    }
                    Page::Read
                }
                _ => {
                    self.cut(Gap::NoList);
                    Page::End
                }
            },
            Outcome::Missing(_) => Page::None,
            _ => {
                self.cut(Gap::Answer(Box::new(observation)));
                Page::End
            }
        }
    }
}

impl Registries {
    /// Asks `endpoint` what refers to the manifest with this digest in the repository of `image`.
    pub async fn referrers(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        digest: &Digest,
    ) -> ReferrersObservation {
        let mut gathered = Gathered { found: Vec::new(), gaps: Vec::new() };
        if matches!(self.list(endpoint, image, digest, &mut gathered).await, Page::None) {
            let tag = fallback_tag(digest);
            let answer = self.observe(endpoint, image, ManifestRef::Tag(&tag), Ask::Get).await;
            gathered.take(answer);
        }
        for suffix in COSIGN_SUFFIXES {
            let tag = format!("{}{suffix}", fallback_tag(digest));
            let answer = self.observe(endpoint, image, ManifestRef::Tag(&tag), Ask::Head).await;
            match &answer.outcome {
                Outcome::Found(_) => gathered.found.push(Referrer::Tag(tag.into())),
                Outcome::Missing(_) => {}
                _ => {
                    gathered.gaps.push((Source::Tag(tag.into()), Gap::Answer(Box::new(answer))));
                }
            }
        }
        let Gathered { found, gaps } = gathered;
        ReferrersObservation { found, gaps, at: OffsetDateTime::now_utc() }
    }

    /// Reads the list of the API, page by page.
    async fn list(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        digest: &Digest,
        gathered: &mut Gathered,
    ) -> Page {
        let first = endpoint.repository(image).ok().and_then(|repository| {
            let text = endpoint.referrers_url(image, &repository, digest);
            Some((endpoint.read_url(&text).ok()?, repository))
        });
        // `observe` will tell why not.
        let Some((mut url, repository)) = first else { return Page::None };
        let mut read: Vec<Url> = Vec::new();
        loop {
            let (answer, link) = self.observe_list(&url, &repository).await;
            // The router of distribution says so of every API that it has not got, in plain text. That a registry is
            // here is known: it has served the image.
            if read.is_empty() && matches!(answer.outcome, Outcome::Broken(Breakage::NotARegistry(_))) {
                return Page::None;
            }
            match gathered.take(answer) {
                Page::Read => {}
                // One page is there and its next one is not: whatever that means, it is not "none".
                Page::None if !read.is_empty() => {
                    gathered.cut(Gap::Elsewhere);
                    return Page::End;
                }
                end => return end,
            }
            let Some(next) = link.and_then(|link| url.join(&link).ok()) else { return Page::End };
            if !redirect::same_origin(&url, &next) || next.path() != url.path() {
                gathered.cut(Gap::Elsewhere);
                return Page::End;
            }
            read.push(std::mem::replace(&mut url, next));
            if read.contains(&url) || read.len() >= MAX_PAGES {
                gathered.cut(Gap::Endless);
                return Page::End;
            }
        }
    }
}

/// The target of `rel="next"` (RFC 8288); lists of registries have at most that one.
pub(super) fn next_page(headers: &HeaderMap) -> Option<Box<str>> {
    headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|text| {
        let (target, parameters) = text.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            })
        });
        (is_next && target.len() <= 2_048).then(|| target.into())
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_what_the_link_header_says() {
        let next = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LINK, HeaderValue::from_str(text).unwrap());
            next_page(&headers)
        };
        let some = |text: &str| Some(text.into());
        assert_eq!(next("</v2/a/referrers/x?last=2>; rel=\"next\""), some("/v2/a/referrers/x?last=2"));
        assert_eq!(next("<https://h/x>;REL=next; title=a"), some("https://h/x"));
        for text in ["", "</x>", "</x>; rel=\"prev\"", "/x; rel=\"next\"", "</x; rel=\"next\""] {
            assert_eq!(next(text), None, "{text}");
        }
        assert_eq!(next(&format!("</{}>; rel=\"next\"", "x".repeat(3_000))), None);
    }
}
