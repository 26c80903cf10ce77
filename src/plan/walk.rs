//! What a node's runtime would ask for one image, in order: its mirrors, then what it takes for the
//! registry itself. Nothing is asked here.

use std::sync::Arc;

use url::Url;

use super::{DOCKER_HUB_ENDPOINT, upstream};
use crate::model::endpoint::{Accepts, Authority, Endpoint, Role};
use crate::model::image::{DOCKER_HUB, ImageRef, ManifestRef};
use crate::model::mirror::MirrorMap;
use crate::model::node::{End, Hop, Node, Part, Route, Runtime, Scope, Step, Use, Walk};
use crate::model::observation::AskedAs;
use crate::model::rewrite::Template;
use crate::model::tls::Verification;

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
        walk.refused = Some(format!("blocked at {}", route.place).into());
        return Ok(walk);
    }
    for hop in route.map_or(&[][..], |route| &route.hops) {
        walk.steps.push(step(node, route, hop, image));
    }
    if route.is_none_or(|route| route.end == End::OwnRegistry) {
        let why = match route {
            Some(route) if !route.hops.is_empty() => "the image's own registry, asked last",
            _ => "the image's own registry; no mirror is configured for it",
        };
        walk.steps.push(plain(node, own(node, image)?, image, (Role::Upstream, why)));
    }
    Ok(walk)
}

/// The mirrors that stand in for an image's registry in a check: what the runtimes would ask, but for
/// `upstream` itself.
pub(super) fn stand_ins(image: &ImageRef, upstream: &Endpoint, nodes: &[Node]) -> Vec<Arc<Endpoint>> {
    let mut found = Vec::new();
    for node in nodes {
        let Some(route) = node.route(image).filter(|route| route.end != End::Blocked) else { continue };
        for hop in &route.hops {
            let endpoint =
                ported(node, route, &hop.endpoint, image).unwrap_or_else(|| Arc::clone(&hop.endpoint));
            let is_upstream = endpoint.api_root == upstream.api_root
                && endpoint.repository(image).is_ok_and(|name| name == image.repository());
            if endpoint.accepts != Accepts::Nothing && !is_upstream {
                found.push(endpoint);
            }
        }
    }
    found
}

fn step(node: &Node, route: Option<&Route>, hop: &Hop, image: &ImageRef) -> Step {
    let endpoint = route.and_then(|route| ported(node, route, &hop.endpoint, image));
    let endpoint = endpoint.unwrap_or_else(|| Arc::clone(&hop.endpoint));
    let role = match hop.part {
        Part::Mirror => Role::Mirror,
        Part::Primary => Role::Upstream,
    };
    let mut step = plain(node, endpoint, image, (role, &hop.why));
    step.headers.clone_from(&hop.headers);
    step
}

fn plain(node: &Node, endpoint: Arc<Endpoint>, image: &ImageRef, (role, why): (Role, &str)) -> Step {
    let reference = image.manifest_ref();
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
    Step {
        role,
        url: repository.as_ref().map(|name| endpoint.manifest_url(image, name, reference).into()),
        repository: repository.map(Into::into),
        use_,
        why: why.into(),
        headers: Vec::new(),
        asked_as: AskedAs::Nobody,
        tls: node.tls_of(&endpoint.authority),
        endpoint,
    }
}

/// The image's own registry, as this runtime asks it where nothing else is said.
fn own(node: &Node, image: &ImageRef) -> Result<Arc<Endpoint>, String> {
    let key = image.registry().to_ascii_lowercase();
    let endpoint = upstream(&key, &MirrorMap::default())?;
    // containers/image asks even this machine over https, unless it is told that it is insecure.
    if node.runtime != Runtime::Containers || &*endpoint.authority.scheme != "http" {
        return Ok(endpoint);
    }
    let host = if key == DOCKER_HUB { DOCKER_HUB_ENDPOINT } else { &key };
    let url = Url::parse(&format!("https://{host}")).map_err(|error| error.to_string())?;
    let authority = Authority::of(&url).ok_or("no host")?;
    if node.tls_of(&authority).is_some_and(|tls| tls.settings.verification == Verification::Off) {
        return Ok(endpoint);
    }
    let api_root = format!("{}/v2", url.as_str().trim_end_matches('/')).into();
    Ok(Arc::new(Endpoint { url, api_root, authority, ..Arc::unwrap_or_clone(endpoint) }))
}

/// Where a prefix of registries.conf ends before the port of the image's registry, the port is kept
/// behind the location (a wart of `sysregistriesv2`).
fn ported(node: &Node, route: &Route, endpoint: &Arc<Endpoint>, image: &ImageRef) -> Option<Arc<Endpoint>> {
    if node.runtime != Runtime::Containers || matches!(route.scope, Scope::Any | Scope::Registry(_)) {
        return None;
    }
    let name = format!("{}/{}", image.registry().to_ascii_lowercase(), image.repository());
    let rest = name.get(route.scope.matched(&name)?..)?.strip_prefix(':')?;
    let port: u16 = rest.split('/').next()?.parse().ok()?;
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
            };
            let node = Node {
                runtime: Runtime::Containers,
                rules: Rules::Containers,
                source: "registries.conf".into(),
                routes: vec![Route { place: "1".into(), scope, hops: vec![hop], end: End::Nothing }],
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
