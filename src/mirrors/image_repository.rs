//! `--image-repository` in a check: kubeadm's other prefix as a mirror of the images that it renames.

use super::native::MirrorSpec;
use super::place::api_host;
use crate::model::image_repository::{ImageRepository, RENAMED, RENAMED_REGISTRY};

/// The prefix as a mirror of a part of registry.k8s.io.
#[must_use]
pub fn image_repository(prefix: &ImageRepository) -> Option<MirrorSpec> {
    let sample = prefix.sample()?;
    let folder = sample.repository().strip_suffix("/pause").unwrap_or_default();
    let upstream = |repository: &str| format!("{RENAMED_REGISTRY}/{repository}");
    let renamed = |(repository, name): (&str, &str)| {
        let to = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        (upstream(repository), to)
    };
    let registry = sample.registry_key();
    let shown = if folder.is_empty() { registry.clone() } else { format!("{registry}/{folder}") };
    Some(MirrorSpec {
        place: format!("--image-repository {shown}"),
        name: Some(shown),
        url: api_host(&registry).to_owned(),
        serves: Some(RENAMED.iter().map(|(repository, _)| upstream(repository)).collect()),
        prefixes: RENAMED.into_iter().map(renamed).collect(),
        ..MirrorSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::build;

    #[test]
    fn the_prefix_is_a_mirror_of_what_kubeadm_renames() {
        for (prefix, image, asked) in [
            (
                "registry.aliyuncs.com/google_containers",
                "registry.k8s.io/coredns/coredns:v1",
                Some("https://registry.aliyuncs.com/v2/google_containers/coredns"),
            ),
            ("k8s.m.daocloud.io", "registry.k8s.io/pause:3", Some("https://k8s.m.daocloud.io/v2/pause")),
            ("localhost:5000/k", "registry.k8s.io/etcd:3", Some("http://localhost:5000/v2/k/etcd")),
            (
                "google_containers",
                "registry.k8s.io/pause:3",
                Some("https://registry-1.docker.io/v2/google_containers/pause"),
            ),
            ("k8s.m.daocloud.io", "registry.k8s.io/ingress-nginx/controller:v1", None),
            ("k8s.m.daocloud.io", "docker.io/library/pause:3", None),
        ] {
            let spec = image_repository(&ImageRepository::new(prefix).unwrap()).unwrap();
            let map = build(vec![spec], Vec::new()).unwrap();
            let image = image.parse().unwrap();
            let [mirror] = &map.mirrors[..] else { panic!("{map:?}") };
            let found = mirror.serves(&image).then(|| {
                format!("{}/{}", mirror.endpoint.api_root, mirror.endpoint.repository(&image).unwrap())
            });
            assert_eq!(found.as_deref(), asked, "{prefix} {image}");
        }
    }
}
