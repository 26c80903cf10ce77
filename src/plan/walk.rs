//! What a node's runtime would ask for one image, in order: its mirrors, then what it takes for the
//! registry itself. Nothing is asked here.

mod own;

use std::sync::Arc;

use crate::model::endpoint::{Accepts, Authority, Endpoint, Role, Scheme};
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::node::{End, Hop, Node, Part, Plain, Route, Runtime, Schemes, Scope, Step, Use, Walk};
use crate::model::observation::AskedAs;
use crate::model::rewrite::Template;
use crate::model::tls::{HostTls, TlsSettings, Verification};

/// The way of `image` through `node`; credentials are still to be looked up.
///
/// # Errors
/// The image's registry cannot be asked; in words.
pub fn walk(node: &Node, image: &ImageRef) -> Result<Walk, String> {
    let route = node.route(image);
    let mut walk = Walk {
        image: image.clone(),
        renamed: None,
        runtime: node.runtime,
        rules: node.rules,
        source: node.source.clone(),
        refused: None,
        steps: Vec::new(),
    };
    if let Some(route) = route.filter(|route| route.end == End::Blocked) {
        walk.refused = Some(format!("blocked at {}{}", route.place, still_asked(node, route, image)).into());
        return Ok(walk);
    }
    for hop in route.map_or(&[][..], |route| &route.hops) {
        let mut step = step(node, route, hop, image);
        if step.use_ == Use::Asked
            && let Some(blocked) = route.and_then(|route| blocking(node, route, hop, image))
        {
            step.use_ = Use::PassedOver;
            step.why = format!("not used: blocked at {}", blocked.place).into();
        }
        walk.steps.push(step);
    }
    if route.is_none_or(|route| route.end == End::OwnRegistry) {
        let why = match route {
            Some(route) if !route.hops.is_empty() => "the image's own registry, asked last",
            _ => "the image's own registry; no mirror is configured for it",
        };
        walk.steps.push(at(node, own::place(node, route, image)?, image, (Role::Upstream, why)));
    }
    walk.refused = route.and_then(|route| unnamed(route, image)).map(Into::into);
    if walk.refused.is_some() {
        for step in walk.steps.iter_mut().filter(|step| step.use_ == Use::Asked) {
            step.use_ = Use::PassedOver;
            step.why = "not asked: the pull fails first".into();
        }
    }
    Ok(walk)
}

/// A route that leads nowhere for some image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Which.
    pub route: &'a Route,
    /// Why nobody is asked.
    pub why: String,
}

/// Whether the runtime would ask nobody for `image` and not pull it.
#[must_use]
pub fn refusal<'a>(node: &'a Node, image: &ImageRef) -> Option<Refusal<'a>> {
    let route = node.route(image)?;
    let why = match route.end {
        End::Blocked => format!("the registry is blocked{}", still_asked(node, route, image)),
        End::OwnRegistry | End::Nothing => unnamed(route, image)?,
    };
    Some(Refusal { route, why })
}

/// Why containers/image gives a pull up before it asks anybody: it makes the image's names at all places first,
/// and each must be a whole one (`pullSourcesFromReference`).
fn unnamed(route: &Route, image: &ImageRef) -> Option<String> {
    let is_used = |hop: &&Hop| hop.endpoint.accepts.takes(image.manifest_ref());
    route.hops.iter().filter(is_used).find_map(|hop| {
        let why = renamed(route, hop, image).err()?;
        Some(format!("{}: {why}: the pull fails before anybody is asked", hop.endpoint.name))
    })
}

/// The image's name at a place where the runtime makes one, or why it can make none.
fn renamed(route: &Route, hop: &Hop, image: &ImageRef) -> Result<Option<ImageRef>, String> {
    let Some(registry) = hop.registry.as_deref() else { return Ok(None) };
    let kept = kept_port(route, image);
    let ported = kept.and_then(|port| ported(&hop.endpoint, port));
    let name = match ported.as_ref().unwrap_or(&hop.endpoint).repository(image) {
        Err(error) if error.name.is_empty() => return Err(no_whole_name(registry)),
        other => other.map_err(|error| error.to_string())?,
    };
    let port = kept.map_or(String::new(), |port| format!(":{port}"));
    let full = format!("{registry}{port}/{name}");
    let is_whole = |read: &ImageRef| format!("{}/{}", read.registry(), read.repository()) == full;
    full.parse::<ImageRef>().ok().filter(is_whole).map(Some).ok_or_else(|| no_whole_name(&full))
}

/// The entry that refuses the image under its name at a place: containers/image looks that up once more, and goes on to
/// the next place (`newDockerClient`).
fn blocking<'a>(node: &'a Node, route: &Route, hop: &Hop, image: &ImageRef) -> Option<&'a Route> {
    let name = renamed(route, hop, image).ok()??;
    node.route(&name).filter(|route| route.end == End::Blocked)
}

/// Whom a version asks that looks for `blocked` only where it asks (containers/image 5.22, `newImageSource`).
fn still_asked(node: &Node, route: &Route, image: &ImageRef) -> String {
    if unnamed(route, image).is_some() {
        return String::new();
    }
    let is_asked = |hop: &&Hop| {
        hop.endpoint.accepts.takes(image.manifest_ref()) && blocking(node, route, hop, image).is_none()
    };
    let whom = match route.hops.iter().find(is_asked).map(|hop| hop.part) {
        None => return String::new(),
        Some(Part::Mirror) => "mirrors",
        Some(Part::Primary) => "location",
    };
    format!("; containers/image 5.22 (skopeo 1.9) asks its {whom} all the same")
}

/// A place on an image's way that the runtime passes over, since the image's name there is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barred<'a> {
    /// Whose place it is.
    pub route: &'a Route,
    /// Its name.
    pub name: &'a str,
    /// Where that is written.
    pub blocked_at: &'a str,
}

/// The places that the runtime would ask for `image` if their names were not blocked.
pub fn barred<'a>(node: &'a Node, image: &'a ImageRef) -> impl Iterator<Item = Barred<'a>> {
    let route = node.route(image).filter(|route| route.end != End::Blocked);
    let hops = route.into_iter().flat_map(|route| route.hops.iter().map(move |hop| (route, hop)));
    hops.filter(|(_, hop)| hop.endpoint.accepts.takes(image.manifest_ref())).filter_map(|(route, hop)| {
        let blocked_at = &*blocking(node, route, hop, image)?.place;
        Some(Barred { route, name: &hop.endpoint.name, blocked_at })
    })
}

fn no_whole_name(name: &str) -> String {
    format!("the image would be '{name}' there, which is no whole name with its registry")
}

/// The mirrors that stand in for an image's registry in a check: what the runtimes would ask, but for
/// `upstream` itself.
pub(super) fn stand_ins(image: &ImageRef, upstream: &Endpoint, nodes: &[Node]) -> Vec<Arc<Endpoint>> {
    let mut found = Vec::new();
    for node in nodes {
        let Some(route) = node.route(image).filter(|route| route.end != End::Blocked) else { continue };
        for hop in &route.hops {
            let endpoint =
                moved(node, route, &hop.endpoint, image).unwrap_or_else(|| Arc::clone(&hop.endpoint));
            let is_upstream = endpoint.api_root == upstream.api_root
                && endpoint.repository(image).is_ok_and(|name| name == image.repository());
            let is_asked =
                endpoint.accepts != Accepts::Nothing && blocking(node, route, hop, image).is_none();
            if is_asked && !is_upstream {
                found.push(endpoint);
            }
        }
    }
    found
}

fn step(node: &Node, route: Option<&Route>, hop: &Hop, image: &ImageRef) -> Step {
    let endpoint = route.and_then(|route| moved(node, route, &hop.endpoint, image));
    let endpoint = endpoint.unwrap_or_else(|| Arc::clone(&hop.endpoint));
    let role = match hop.part {
        Part::Mirror => Role::Mirror,
        Part::Primary => Role::Upstream,
    };
    let place = match route {
        Some(route) if node.runtime == Runtime::Containers => {
            Place::of_its_own(node, route, endpoint, hop.schemes)
        }
        _ => Place::of(node, endpoint, hop.schemes),
    };
    let mut step = at(node, place, image, (role, &hop.why));
    step.headers.clone_from(&hop.headers);
    step
}

/// A place with all that is known of how it is asked.
struct Place {
    first: Arc<Endpoint>,
    /// Over http, where https does not work.
    then: Option<Arc<Endpoint>>,
    tls: Option<HostTls>,
}

impl Place {
    fn of(node: &Node, endpoint: Arc<Endpoint>, schemes: Schemes) -> Self {
        let both = match schemes {
            Schemes::AsWritten => None,
            Schemes::HttpsFirst => endpoint.over(Scheme::Https).zip(endpoint.over(Scheme::Http)),
        };
        let (first, then) = match both {
            None => (endpoint, None),
            Some((first, then)) => (Arc::new(first), Some(Arc::new(then))),
        };
        Self { tls: node.tls_of(&first.authority), first, then }
    }

    /// The same where what is said of TLS holds for this place and not for its host (`Endpoint.Insecure`).
    fn of_its_own(node: &Node, route: &Route, endpoint: Arc<Endpoint>, schemes: Schemes) -> Self {
        let place = Self::of(node, endpoint, schemes);
        let tls = match schemes {
            Schemes::AsWritten => None,
            Schemes::HttpsFirst => {
                place.tls.or_else(|| Some(unverified(&route.place, &place.first.authority)))
            }
        };
        Self { tls, ..place }
    }
}

fn unverified(place: &str, authority: &Authority) -> HostTls {
    let settings = TlsSettings { verification: Verification::Off, ..TlsSettings::default() };
    HostTls { place: place.into(), authority: authority.clone(), settings }
}

fn at(node: &Node, place: Place, image: &ImageRef, (role, why): (Role, &str)) -> Step {
    let reference = image.manifest_ref();
    let endpoint = place.first;
    let (repository, mut use_, mut why) = match endpoint.repository(image) {
        Ok(name) => (Some(name), Use::Asked, why.to_owned()),
        Err(error) => (None, Use::PassedOver, format!("not used: {error}")),
    };
    if !endpoint.accepts.takes(reference) {
        use_ = Use::PassedOver;
        why = match (endpoint.accepts, reference) {
            (Accepts::Nothing, _) => "not used for pulls: it has no capability 'pull'".to_owned(),
            (_, ManifestRef::Tag(_)) if node.runtime == Runtime::Containerd => {
                "not used for tags: it has no capability 'resolve'".to_owned()
            }
            (_, ManifestRef::Tag(_)) => "not used for tags: it is for digests only".to_owned(),
            (_, ManifestRef::Digest(_)) => "not used for digests: it is for tags only".to_owned(),
        };
    }
    let url = |endpoint: &Endpoint, name: &str| endpoint.manifest_url(image, name, reference).into();
    let plain = place.then.zip(repository.as_ref());
    Step {
        role,
        url: repository.as_ref().map(|name| url(&endpoint, name)),
        plain: plain.map(|(endpoint, name)| Plain { url: url(&endpoint, name), endpoint }),
        repository: repository.map(Into::into),
        use_,
        why: why.into(),
        headers: Vec::new(),
        asked_as: AskedAs::Nobody,
        tls: place.tls,
        endpoint,
    }
}

/// `endpoint` with the port that the rewriting keeps, if it keeps one.
fn moved(node: &Node, route: &Route, endpoint: &Arc<Endpoint>, image: &ImageRef) -> Option<Arc<Endpoint>> {
    let port = kept_port(route, image).filter(|_| node.runtime == Runtime::Containers)?;
    ported(endpoint, port)
}

/// Where a prefix of registries.conf ends before the port of the image's registry, the port is kept
/// behind the location (a wart of `sysregistriesv2`).
fn kept_port(route: &Route, image: &ImageRef) -> Option<u16> {
    if matches!(route.scope, Scope::Any | Scope::Registry(_)) {
        return None;
    }
    let name = format!("{}/{}", image.registry(), image.repository());
    let rest = name.get(route.scope.matched(&name)?..)?.strip_prefix(':')?;
    rest.split('/').next()?.parse().ok()
}

fn ported(endpoint: &Endpoint, port: u16) -> Option<Arc<Endpoint>> {
    let mut ported = Endpoint::clone(endpoint);
    if endpoint.rewrite.template != Template::default() || endpoint.url.port().is_some() {
        // Behind a path or a port, a second port makes a name that cannot be read; so does this.
        ported.rewrite.template = Template::constant(format!(":{port}"));
        return Some(Arc::new(ported));
    }
    ported.url.set_port(Some(port)).ok()?;
    ported.authority = Authority::of(&ported.url)?;
    ported.api_root = format!("{}/v2", ported.url.as_str().trim_end_matches('/')).into();
    ported.name = ported.authority.to_string().into();
    Some(Arc::new(ported))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::endpoint::Namespace;
    use crate::model::node::{Rules, ShortNames};
    use crate::model::rewrite::Rewrite;

    #[test]
    fn the_port_of_a_registry_is_kept_behind_a_location() {
        let url = Url::parse("https://example.com").unwrap();
        let endpoint = |template: &str| Endpoint {
            name: "example.com".into(),
            api_root: "https://example.com/v2".into(),
            authority: Authority::of(&url).unwrap(),
            url: url.clone(),
            role: Role::Mirror,
            rewrite: Rewrite { template: template.parse().unwrap(), ..Rewrite::default() },
            namespace: Namespace::Never,
            accepts: Accepts::All,
            seen: None,
        };
        let image: ImageRef = "another.sub.example.io:5000/library/prefix/image:latest".parse().unwrap();
        for (scope, template, expected) in [
            (
                Scope::Subdomains(".sub.example.io".into()),
                "{repository}",
                Some("https://example.com:5000/v2/library/prefix/image/manifests/latest"),
            ),
            (
                Scope::Prefix("another.sub.example.io".into()),
                "{repository}",
                Some("https://example.com:5000/v2/library/prefix/image/manifests/latest"),
            ),
            (Scope::Subdomains(".sub.example.io".into()), "p/{repository}", None),
            (
                Scope::Prefix("another.sub.example.io:5000".into()),
                "p/{repository}",
                Some("https://example.com/v2/p/library/prefix/image/manifests/latest"),
            ),
        ] {
            let hop = Hop {
                endpoint: Arc::new(endpoint(template)),
                part: Part::Primary,
                why: "location".into(),
                headers: Vec::new(),
                schemes: Schemes::AsWritten,
                registry: Some("example.com".into()),
            };
            let node = Node {
                runtime: Runtime::Containers,
                rules: Rules::Containers,
                source: "registries.conf".into(),
                routes: vec![Route {
                    place: "1".into(),
                    scope,
                    hops: vec![hop],
                    end: End::Nothing,
                    own: Schemes::AsWritten,
                }],
                short_names: ShortNames::default(),
                tls: Vec::new(),
                networks: Vec::new(),
                headers: Vec::new(),
                logins: Vec::new(),
                notes: Vec::new(),
            };
            let walk = walk(&node, &image).unwrap();
            let [step] = &walk.steps[..] else { panic!("{walk:?}") };
            assert_eq!(step.url.as_deref(), expected);
            assert_eq!(step.use_ == Use::Asked, expected.is_some());
        }
    }
}
