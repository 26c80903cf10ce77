//! Who is asked what. Pure: no request is made here.
//!
//! `expand` makes the plan of a run, `part` cuts a shard out of it; `followup` says what more must be known
//! of an image before it can be judged, and `parts` what of the manifests and blobs that it is made of, which
//! `tree` finds.

pub mod age;
pub mod dropped;
pub mod estimate;
pub mod followup;
pub mod part;
pub mod parts;
pub mod referrers;
pub mod single;
pub mod tree;
pub mod walk;

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;
use url::Url;

use crate::model::depth::{ImageOptions, Reach};
use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role, is_loopback};
use crate::model::image::{DOCKER_HUB, ImageRef};
use crate::model::mirror::MirrorMap;
use crate::model::origin::{Located, Origin};
use crate::model::plan::{Plan, PlannedImage};
use crate::model::rewrite::Rewrite;
use crate::model::run::Place;
use crate::model::scope::Scope;

/// The host that serves Docker Hub; `docker.io` itself is a web site.
pub const DOCKER_HUB_ENDPOINT: &str = "registry-1.docker.io";

/// A registry in an image's name that no request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{origin}: {registry}: not the name or address of a host: {why}")]
pub struct UnaskableRegistry {
    /// Where it stands.
    pub origin: Origin,
    /// The registry as written.
    pub registry: Box<str>,
    /// What is wrong with it.
    pub why: String,
}

/// Makes the plan of a run: each image once, with its upstream and its mirrors. `reach` holds where the list
/// and the mirrors say nothing else.
///
/// # Errors
/// Registries that cannot be asked, all of them.
pub fn expand(
    inputs: Vec<Located<ImageRef>>,
    map: &MirrorMap,
    reach: impl Into<Reach>,
) -> Result<Plan, Vec<UnaskableRegistry>> {
    let reach = reach.into();
    let mut endpoints: Vec<Arc<Endpoint>> =
        map.mirrors.iter().map(|mirror| Arc::clone(&mirror.endpoint)).collect();
    let imported = imported(&inputs, map, &mut endpoints);
    let mut upstreams: HashMap<String, u32> = HashMap::new();
    let mut mirror_sets: HashMap<Vec<u32>, Arc<[u32]>> = HashMap::new();
    let mut known: HashMap<Arc<ImageRef>, u32> = HashMap::with_capacity(inputs.len());
    let mut images: Vec<PlannedImage> = Vec::with_capacity(inputs.len());
    let mut places = Vec::with_capacity(inputs.len());
    let mut unaskable = Vec::new();
    for Located { value, input, origin, options } in inputs {
        if let Some(image) = known.get(&value) {
            join(&mut images[*image as usize].options, options, &reach);
            places.push(Place { image: *image, input, origin });
            continue;
        }
        let key = value.registry_key();
        let upstream = match upstreams.get(&key) {
            Some(upstream) => *upstream,
            None => match upstream(&key, map) {
                Ok(endpoint) => {
                    let index = index(endpoints.len());
                    endpoints.push(endpoint);
                    upstreams.insert(key, index);
                    index
                }
                Err(why) => {
                    unaskable.push(UnaskableRegistry { origin, registry: value.registry().into(), why });
                    continue;
                }
            },
        };
        let mut mirrors: Vec<u32> =
            (0..).zip(&map.mirrors).filter(|(_, mirror)| mirror.serves(&value)).map(|(at, _)| at).collect();
        for endpoint in walk::stand_ins(&value, &endpoints[upstream as usize], &map.nodes) {
            let known = imported.get(&endpoint.name).filter(|at| !mirrors.contains(at));
            mirrors.extend(known);
        }
        let mirrors = Arc::clone(mirror_sets.entry(mirrors).or_insert_with_key(|set| set.as_slice().into()));
        let image = Arc::new(value);
        known.insert(Arc::clone(&image), index(images.len()));
        places.push(Place { image: index(images.len()), input, origin });
        images.push(PlannedImage { image, upstream, mirrors, options });
    }
    let depths = map.mirrors.iter().map(|mirror| mirror.depth).collect();
    let graces = map.mirrors.iter().map(|mirror| mirror.grace).collect();
    if !unaskable.is_empty() {
        return Err(unaskable);
    }
    Ok(Plan { endpoints, images, places, reach, depths, graces, scope: Scope::default() })
}

/// Adds what another place says of an image.
fn join(known: &mut Option<Box<ImageOptions>>, other: Option<Box<ImageOptions>>, reach: &Reach) {
    if known.is_some() || other.is_some() {
        let joined = known.clone().unwrap_or_default().joined(&other.unwrap_or_default(), reach);
        *known = Some(Box::new(joined));
    }
}

/// Adds the mirrors of runtimes' configurations that some image is asked at; their indexes by name.
fn imported(
    inputs: &[Located<ImageRef>],
    map: &MirrorMap,
    endpoints: &mut Vec<Arc<Endpoint>>,
) -> HashMap<Box<str>, u32> {
    let own = (0..).zip(endpoints.iter()).map(|(at, endpoint)| (endpoint.name.clone(), at));
    let mut known: HashMap<Box<str>, u32> = own.collect();
    if map.nodes.is_empty() {
        return known;
    }
    for image in inputs {
        // One that cannot be asked is told of later.
        let Ok(upstream) = upstream(&image.value.registry_key(), map) else { continue };
        for endpoint in walk::stand_ins(&image.value, &upstream, &map.nodes) {
            known.entry(endpoint.name.clone()).or_insert_with(|| {
                endpoints.push(endpoint);
                index(endpoints.len() - 1)
            });
        }
    }
    known
}

/// Lists are bounded in bytes long before four thousand million lines.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The endpoint of a registry (lower case): as configured, else as its name says.
///
/// # Errors
/// It cannot be asked; in words.
pub fn upstream(registry: &str, map: &MirrorMap) -> Result<Arc<Endpoint>, String> {
    if let Some(upstream) = map.upstreams.iter().find(|upstream| *upstream.registry == *registry) {
        return Ok(Arc::clone(&upstream.endpoint));
    }
    let host = if registry == DOCKER_HUB { DOCKER_HUB_ENDPOINT } else { registry };
    let https = Url::parse(&format!("https://{host}")).map_err(|error| error.to_string())?;
    // Loopback is asked over plain http unless https is said; all others never are without being told.
    let is_local = https.host().is_some_and(|host| is_loopback(&host));
    let url = if is_local {
        Url::parse(&format!("http://{host}")).map_err(|error| error.to_string())?
    } else {
        https
    };
    let authority = Authority::of(&url).ok_or("no host")?;
    let api_root = format!("{}/v2", url.as_str().trim_end_matches('/')).into();
    Ok(Arc::new(Endpoint {
        name: registry.into(),
        url,
        api_root,
        authority,
        role: Role::Upstream,
        rewrite: Rewrite::default(),
        namespace: Namespace::Never,
        accepts: Accepts::All,
        seen: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::depth::Depth;

    fn located(images: &[&str]) -> Vec<Located<ImageRef>> {
        (1..)
            .zip(images)
            .map(|(line, text)| Located {
                value: text.parse().unwrap(),
                input: (*text).into(),
                origin: Origin::line("images.txt".into(), line),
                options: None,
            })
            .collect()
    }

    #[test]
    fn the_same_image_twice_is_planned_once_and_keeps_both_places() {
        let images = ["nginx", "quay.io/a/b", "docker.io/library/nginx:latest"];
        let plan = expand(located(&images), &MirrorMap::default(), Depth::Head).unwrap();
        assert_eq!(plan.images.len(), 2);
        let places: Vec<_> = plan.places.iter().map(|place| (place.image, place.origin.line)).collect();
        assert_eq!(places, [(0, 1), (1, 2), (0, 3)]);
    }

    #[test]
    fn the_case_of_a_registry_makes_no_other_image_of_it_and_is_kept_as_first_written() {
        let images = [
            "LOCALHOST:18101/good",
            "localhost:18101/good",
            "example.com/x",
            "EXAMPLE.com/x",
            "example.com/x:Latest",
        ];
        let plan = expand(located(&images), &MirrorMap::default(), Depth::Head).unwrap();
        let planned: Vec<_> = plan.images.iter().map(|planned| planned.image.to_string()).collect();
        let expected = ["LOCALHOST:18101/good:latest", "example.com/x:latest", "example.com/x:Latest"];
        assert_eq!(planned, expected);
        assert_eq!(plan.places.iter().map(|place| place.image).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn upstreams_are_asked_where_their_names_say() {
        for (image, root) in [
            ("nginx", "https://registry-1.docker.io/v2"),
            ("registry-1.docker.io/library/nginx", "https://registry-1.docker.io/v2"),
            ("quay.io/a/b", "https://quay.io/v2"),
            ("EXAMPLE.com/x", "https://example.com/v2"),
            ("reg.lan:5000/x", "https://reg.lan:5000/v2"),
            ("localhost/x", "http://localhost/v2"),
            ("localhost:5000/x", "http://localhost:5000/v2"),
            ("127.9.8.7:5000/x", "http://127.9.8.7:5000/v2"),
            ("[::1]:5000/x", "http://[::1]:5000/v2"),
            ("[2001:db8::1]/x", "https://[2001:db8::1]/v2"),
            ("10.0.0.1:5000/x", "https://10.0.0.1:5000/v2"),
        ] {
            let plan = expand(located(&[image]), &MirrorMap::default(), Depth::Head).unwrap();
            assert_eq!(&*plan.endpoints[0].api_root, root, "{image}");
        }
    }

    #[test]
    fn every_registry_that_cannot_be_asked_is_named_with_its_line() {
        let images = ["[:::]/x", "nginx", "example.com:99999/x", "1.2.3.999/x"];
        let errors = expand(located(&images), &MirrorMap::default(), Depth::Head).unwrap_err();
        let lines: Vec<_> = errors.iter().map(|error| error.origin.line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }
}
