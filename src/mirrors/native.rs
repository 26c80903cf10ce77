//! Our own mirror settings, from `registry-check.toml` and `--mirror`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::url::{self, PathMeaning, PlainHttp};
use super::{Error, Fault};
use crate::model::age::Grace;
use crate::model::depth::Depth;
use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role};
use crate::model::image::{DOCKER_HUB, ImageRef, registry_key};
use crate::model::mirror::{Mirror, MirrorMap, Upstream};
use crate::model::rewrite::{Library, PrefixRule, Rewrite};
use crate::model::tls::{HostTls, TlsSettings};

/// One mirror as it was written.
#[derive(Clone, Debug, Default)]
pub struct MirrorSpec {
    /// Where it was written.
    pub place: String,
    /// How people know it.
    pub name: Option<String>,
    /// Where to ask; the scheme may be left out.
    pub url: String,
    /// `registry` or `registry/path`; `None` is Docker Hub.
    pub serves: Option<Vec<String>>,
    /// Template of the repository's name there.
    pub path: Option<String>,
    /// Parts of names that are replaced, before the template is tried.
    pub prefixes: Vec<(String, String)>,
    /// What happens to `library/`.
    pub library: Library,
    /// Whether `?ns=` is sent.
    pub namespace: Namespace,
    /// What the URL's path is.
    pub path_meaning: PathMeaning,
    /// Plain http.
    pub plain_http: PlainHttp,
    /// How its host is asked over TLS.
    pub tls: TlsSettings,
    /// Most requests in any minute to this host.
    pub requests_per_minute: Option<NonZeroU32>,
    /// How far checks go there, where nothing is said of the image.
    pub depth: Option<Depth>,
    /// How long it may be behind.
    pub grace: Option<Grace>,
}

/// Settings of one upstream as they were written.
#[derive(Clone, Debug, Default)]
pub struct UpstreamSpec {
    /// Where they were written.
    pub place: String,
    /// The registry as it stands in image names.
    pub name: String,
    /// Where to ask instead.
    pub url: Option<String>,
    /// Plain http.
    pub plain_http: PlainHttp,
    /// How its host is asked over TLS.
    pub tls: TlsSettings,
    /// Most requests in any minute to this host.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Makes the map of all mirrors.
///
/// # Errors
/// Every setting that cannot be used.
pub fn build(mirrors: Vec<MirrorSpec>, upstreams: Vec<UpstreamSpec>) -> Result<MirrorMap, Vec<Error>> {
    let mut map = MirrorMap::default();
    let mut errors = Vec::new();
    for spec in mirrors {
        let (place, tls) = (spec.place.clone(), spec.tls.clone());
        let pace = spec.requests_per_minute;
        let added = mirror(spec).and_then(|mirror| {
            secure(&mut map, &place, &mirror.endpoint.authority, tls)?;
            map.set_pace(&mirror.endpoint.authority, pace);
            add(&mut map, mirror)
        });
        if let Err(fault) = added {
            errors.push(Error { place, fault });
        }
    }
    for spec in upstreams {
        let (place, tls) = (spec.place.clone(), spec.tls.clone());
        let pace = spec.requests_per_minute;
        let added = upstream(spec).and_then(|upstream| {
            if map.upstreams.iter().any(|known| known.registry == upstream.registry) {
                return Err(Fault::SameRegistry(upstream.registry.into()));
            }
            secure(&mut map, &place, &upstream.endpoint.authority, tls)?;
            map.set_pace(&upstream.endpoint.authority, pace);
            map.upstreams.push(upstream);
            Ok(())
        });
        if let Err(fault) = added {
            errors.push(Error { place, fault });
        }
    }
    if errors.is_empty() { Ok(map) } else { Err(errors) }
}

/// Where each mirror was first written, by the name that reports call it; those that cannot be used are left out.
#[must_use]
pub fn places(mirrors: &[MirrorSpec]) -> BTreeMap<Box<str>, Box<str>> {
    by_name(mirrors, |spec| Some(spec.place.as_str().into()))
}

/// How long each mirror may be behind, where that is said of it, by the name that reports call it.
#[must_use]
pub fn graces(mirrors: &[MirrorSpec]) -> BTreeMap<Box<str>, Grace> {
    by_name(mirrors, |spec| spec.grace)
}

/// The first that is said of each mirror.
fn by_name<T>(mirrors: &[MirrorSpec], said: impl Fn(&MirrorSpec) -> Option<T>) -> BTreeMap<Box<str>, T> {
    let mut by_name = BTreeMap::new();
    for spec in mirrors {
        if let (Some(said), Ok(known)) = (said(spec), mirror(spec.clone())) {
            by_name.entry(known.endpoint.name.clone()).or_insert(said);
        }
    }
    by_name
}

/// The same endpoint given for two registries is one mirror of both.
fn add(map: &mut MirrorMap, mirror: Mirror) -> Result<(), Fault> {
    match map.mirrors.iter_mut().find(|known| known.endpoint.name == mirror.endpoint.name) {
        Some(known) if known.endpoint == mirror.endpoint => {
            for prefix in mirror.serves {
                if !known.serves.contains(&prefix) {
                    known.serves.push(prefix);
                }
            }
            known.depth = known.depth.max(mirror.depth);
            known.grace = known.grace.or(mirror.grace);
        }
        Some(known) => return Err(Fault::SameName(known.endpoint.name.to_string())),
        None => map.mirrors.push(mirror),
    }
    Ok(())
}

/// Notes how `host` is asked over TLS, if anything is said of it.
fn secure(map: &mut MirrorMap, place: &str, host: &Authority, settings: TlsSettings) -> Result<(), Fault> {
    if settings == TlsSettings::default() {
        return Ok(());
    }
    if &*host.scheme != "https" {
        return Err(Fault::TlsOnPlainHttp(host.to_string()));
    }
    match map.tls.iter().find(|known| known.authority == *host) {
        Some(known) if known.settings == settings => Ok(()),
        Some(known) => Err(Fault::OtherTls { host: host.to_string(), place: known.place.to_string() }),
        None => {
            map.tls.push(HostTls { place: place.into(), authority: host.clone(), settings });
            Ok(())
        }
    }
}

fn mirror(spec: MirrorSpec) -> Result<Mirror, Fault> {
    let serves = spec.serves.unwrap_or_else(|| vec![DOCKER_HUB.to_owned()]);
    if serves.is_empty() {
        return Err(Fault::ServesNothing);
    }
    let serves = serves.iter().map(|text| scope(text)).collect::<Result<_, _>>()?;
    let prefixes = spec.prefixes.iter().map(|(prefix, to)| {
        if !to.is_empty() && !crate::model::image::is_repository(to) {
            return Err(Fault::PrefixTarget(to.clone()));
        }
        Ok(PrefixRule { prefix: scope(prefix)?, to: to.as_str().into() })
    });
    let rewrite = Rewrite {
        prefixes: prefixes.collect::<Result<_, _>>()?,
        template: spec.path.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        library: spec.library,
        patterns: Vec::new(),
    };
    let (url, api_root) = url::read(&spec.url, spec.plain_http, spec.path_meaning)?;
    let endpoint = endpoint(url, api_root, Role::Mirror, spec.name.as_deref())?;
    if endpoint.name.trim().is_empty() {
        return Err(Fault::NoName);
    }
    if endpoint.name.trim().eq_ignore_ascii_case(Role::Upstream.as_str()) {
        return Err(Fault::ReservedName(endpoint.name.into()));
    }
    let endpoint = Arc::new(Endpoint { rewrite, namespace: spec.namespace, ..endpoint });
    Ok(Mirror { endpoint, serves, depth: spec.depth, grace: spec.grace })
}

fn upstream(spec: UpstreamSpec) -> Result<Upstream, Fault> {
    if spec.name.contains('/') {
        return Err(Fault::Registry(spec.name));
    }
    let registry = scope(&spec.name)?;
    let hub = "registry-1.docker.io".to_owned();
    let own = if *registry == *DOCKER_HUB { hub } else { registry.to_string() };
    let (url, api_root) =
        url::read(spec.url.as_deref().unwrap_or(&own), spec.plain_http, PathMeaning::Prefix)?;
    let endpoint = endpoint(url, api_root, Role::Upstream, Some(&registry))?;
    Ok(Upstream { registry, endpoint: Arc::new(endpoint) })
}

fn endpoint(url: ::url::Url, api_root: Box<str>, role: Role, name: Option<&str>) -> Result<Endpoint, Fault> {
    let no_host = || url::UrlError::Unreadable { text: url.to_string(), why: "no host".to_owned() };
    let authority = Authority::of(&url).ok_or_else(no_host)?;
    let name = match name {
        Some(name) => name.into(),
        None => format!("{authority}{}", url.path().trim_end_matches('/')).into(),
    };
    Ok(Endpoint {
        name,
        url,
        api_root,
        authority,
        role,
        rewrite: Rewrite::default(),
        namespace: Namespace::Never,
        accepts: Accepts::All,
        seen: None,
    })
}

/// `host[:port][/path]`, normalised as the registries in image names are.
fn scope(text: &str) -> Result<Box<str>, Fault> {
    let fault = || Fault::Registry(text.to_owned());
    let (host, path) = match text.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    };
    // A host is what an image's name may begin with; without a dot or port it would not be taken for one.
    let probe = format!("{host}/{}", path.unwrap_or("x"));
    let image: ImageRef = probe.parse().map_err(|_| fault())?;
    if image.registry() != host && !(host == "index.docker.io" && image.registry() == DOCKER_HUB) {
        return Err(fault());
    }
    let host = registry_key(host);
    Ok(match path {
        Some(path) => format!("{host}/{path}").into(),
        None => host.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str, serves: &[&str]) -> MirrorSpec {
        MirrorSpec {
            place: "here".to_owned(),
            url: url.to_owned(),
            serves: (!serves.is_empty()).then(|| serves.iter().map(|text| (*text).to_owned()).collect()),
            ..MirrorSpec::default()
        }
    }

    fn serves(map: &MirrorMap, mirror: usize, image: &str) -> bool {
        map.mirrors[mirror].serves(&image.parse().unwrap())
    }

    #[test]
    fn a_mirror_stands_in_for_docker_hub_unless_it_says_otherwise() {
        let map = build(vec![spec("https://m.example", &[])], vec![]).unwrap();
        assert!(serves(&map, 0, "nginx"));
        assert!(serves(&map, 0, "index.docker.io/library/nginx"));
        assert!(serves(&map, 0, "registry-1.docker.io/library/nginx"));
        assert!(!serves(&map, 0, "quay.io/a/b"));
    }

    #[test]
    fn for_may_name_a_part_of_a_registry() {
        let map = build(vec![spec("https://m.example", &["GHCR.io/org", "reg.lan:5000"])], vec![]).unwrap();
        assert!(serves(&map, 0, "ghcr.io/org/app"));
        assert!(!serves(&map, 0, "ghcr.io/organisation/app"));
        assert!(!serves(&map, 0, "ghcr.io/other/app"));
        assert!(serves(&map, 0, "reg.lan:5000/x"));
        assert!(!serves(&map, 0, "reg.lan/x"));
    }

    #[test]
    fn mirrors_are_named_by_host_port_and_path() {
        let urls = ["https://m.example:443/hub/", "http://m.example:5000", "[::1]:5000"];
        let map = build(urls.iter().map(|url| spec(url, &[])).collect(), vec![]).unwrap();
        let names: Vec<_> = map.mirrors.iter().map(|mirror| &*mirror.endpoint.name).collect();
        assert_eq!(names, ["m.example/hub", "m.example:5000", "[::1]:5000"]);
    }

    #[test]
    fn one_endpoint_for_two_registries_is_one_mirror() {
        let two = vec![spec("https://m.example", &["docker.io"]), spec("https://m.example", &["quay.io"])];
        let map = build(two, vec![]).unwrap();
        assert_eq!(map.mirrors.len(), 1);
        assert!(serves(&map, 0, "nginx") && serves(&map, 0, "quay.io/a/b"));
    }

    #[test]
    fn every_bad_setting_is_told() {
        let specs = vec![
            spec("ftp://m.example", &[]),
            spec("https://a.example", &["notahost"]),
            MirrorSpec { path: Some("{nope}".to_owned()), ..spec("https://b.example", &[]) },
            MirrorSpec { name: Some("same".to_owned()), ..spec("https://c.example", &[]) },
            MirrorSpec { name: Some("same".to_owned()), ..spec("https://d.example", &[]) },
        ];
        let upstream = |name: &str| UpstreamSpec { name: name.to_owned(), ..UpstreamSpec::default() };
        let errors = build(specs, vec![upstream("quay.io"), upstream("quay.io"), upstream("a.io/x")]);
        let texts: Vec<_> = errors.unwrap_err().iter().map(|error| error.fault.to_string()).collect();
        assert_eq!(texts.len(), 6, "{texts:#?}");
        assert!(texts[1].contains("'notahost' is not a registry"), "{texts:#?}");
        assert!(texts[3].contains("named 'same' exists already"), "{texts:#?}");
    }

    #[test]
    fn names_that_nobody_could_tell_apart_are_refused() {
        let named = |name: &str| MirrorSpec { name: Some(name.to_owned()), ..spec("https://m.example", &[]) };
        let specs = ["", " ", "upstream", "Upstream"].map(named).into_iter();
        let errors = build(specs.chain([spec("https://upstream", &[])]).collect(), vec![]).unwrap_err();
        let faults: Vec<_> = errors.into_iter().map(|error| error.fault).collect();
        let reserved = |name: &str| Fault::ReservedName(name.to_owned());
        assert_eq!(
            faults,
            [Fault::NoName, Fault::NoName, reserved("upstream"), reserved("Upstream"), reserved("upstream")]
        );
        assert!(build(vec![named("upstream-2")], vec![]).is_ok());
    }

    #[test]
    fn tls_settings_hold_for_a_host_and_must_agree() {
        let tls = |file: &str| TlsSettings { ca_files: vec![file.into()], ..TlsSettings::default() };
        let at = |place: &str, url: &str, tls| MirrorSpec { place: place.to_owned(), tls, ..spec(url, &[]) };
        let map = build(
            vec![
                at("c:1", "https://m.example/a", tls("ca.pem")),
                at("c:2", "https://m.example:443/b", tls("ca.pem")),
                at("c:3", "https://m.example/c", TlsSettings::default()),
                at("c:4", "https://m.example:5000", tls("other.pem")),
            ],
            vec![],
        )
        .unwrap();
        let hosts: Vec<_> = map.tls.iter().map(|host| (&*host.place, host.authority.to_string())).collect();
        assert_eq!(hosts, [("c:1", "m.example".to_owned()), ("c:4", "m.example:5000".to_owned())]);

        let errors = build(
            vec![
                at("c:1", "https://m.example/a", tls("ca.pem")),
                at("c:2", "https://m.example/b", tls("other.pem")),
                at("c:3", "http://n.example", tls("ca.pem")),
            ],
            vec![],
        );
        let faults: Vec<_> = errors.unwrap_err().into_iter().map(|error| error.fault).collect();
        let other = Fault::OtherTls { host: "m.example".to_owned(), place: "c:1".to_owned() };
        assert_eq!(faults, [other, Fault::TlsOnPlainHttp("n.example".to_owned())]);
    }

    #[test]
    fn a_pace_is_the_hosts_and_of_two_the_slower_one_holds() {
        let paced = |url: &str, per_minute| MirrorSpec {
            requests_per_minute: NonZeroU32::new(per_minute),
            ..spec(url, &[])
        };
        let specs = vec![
            paced("https://m.example/a", 60),
            paced("https://m.example/b", 20),
            paced("https://m.example:8443", 40),
            spec("https://m.example/c", &[]),
        ];
        let upstream = UpstreamSpec {
            name: "docker.io".to_owned(),
            requests_per_minute: NonZeroU32::new(100),
            ..UpstreamSpec::default()
        };
        let map = build(specs, vec![upstream]).unwrap();
        let mut paces: Vec<_> =
            map.paces.iter().map(|(authority, pace)| (authority.to_string(), pace.get())).collect();
        paces.sort();
        let expected = [("m.example", 20), ("m.example:8443", 40), ("registry-1.docker.io", 100)];
        assert_eq!(paces, expected.map(|(host, pace)| (host.to_owned(), pace)));
    }

    #[test]
    fn an_upstream_may_be_asked_elsewhere() {
        let spec = UpstreamSpec {
            name: "docker.io".to_owned(),
            url: Some("127.0.0.1:5000".to_owned()),
            ..UpstreamSpec::default()
        };
        let map = build(vec![], vec![spec]).unwrap();
        assert_eq!(&*map.upstreams[0].endpoint.api_root, "http://127.0.0.1:5000/v2");
        assert_eq!(&*map.upstreams[0].endpoint.name, "docker.io");
    }
}
