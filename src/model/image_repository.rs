//! kubeadm's `imageRepository` (minikube's `--image-repository`): the images of a control plane are pulled
//! under another prefix. No mirror: the name itself is another one before any runtime sees it.

use super::image::{ImageRef, ReferenceError};

/// Whose images are renamed.
pub const RENAMED_REGISTRY: &str = "registry.k8s.io";

/// The repositories that kubeadm renames, and their names behind the prefix. CoreDNS loses its folder: with
/// another prefix than the default kubeadm asks for `<prefix>/coredns`.
pub const RENAMED: [(&str, &str); 7] = [
    ("kube-apiserver", "kube-apiserver"),
    ("kube-controller-manager", "kube-controller-manager"),
    ("kube-scheduler", "kube-scheduler"),
    ("kube-proxy", "kube-proxy"),
    ("etcd", "etcd"),
    ("pause", "pause"),
    ("coredns/coredns", "coredns"),
];

/// The prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRepository {
    prefix: Box<str>,
}

impl ImageRepository {
    /// Reads `registry[/path]`.
    ///
    /// # Errors
    /// No image could be named behind it.
    pub fn new(text: &str) -> Result<Self, ReferenceError> {
        let prefix = text.trim_end_matches('/');
        if prefix.contains(['@', ' ']) {
            return Err(ReferenceError::Format("a prefix is registry[/path], without a digest"));
        }
        let probe: ImageRef = format!("{prefix}/pause").parse()?;
        // `host:port` is no prefix with a tag, and all else with a colon behind the host is.
        match probe.repository().strip_suffix("/pause") {
            Some(path) if prefix.ends_with(path) => {}
            _ if probe.repository() == "pause" => {}
            _ => return Err(ReferenceError::Format("a prefix is registry[/path]")),
        }
        Ok(Self { prefix: prefix.into() })
    }

    /// The name under which `image` is pulled; `None` for images that are not renamed.
    #[must_use]
    pub fn rename(&self, image: &ImageRef) -> Option<ImageRef> {
        if image.registry_key() != RENAMED_REGISTRY {
            return None;
        }
        let (_, name) = RENAMED.into_iter().find(|(repository, _)| *repository == image.repository())?;
        let mut text = format!("{}/{name}", self.prefix);
        if let Some(tag) = image.tag() {
            text = format!("{text}:{tag}");
        }
        if let Some(digest) = image.digest() {
            text = format!("{text}@{digest}");
        }
        text.parse().ok()
    }

    /// The image of a repository behind the prefix, for those who ask where that is.
    #[must_use]
    pub fn sample(&self) -> Option<ImageRef> {
        format!("{}/pause", self.prefix).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubeadm_pulls_is_renamed_and_nothing_else_is() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let pinned = format!("registry.k8s.io/pause:3.10@{digest}");
        let renamed = format!("registry.aliyuncs.com/google_containers/pause:3.10@{digest}");
        let prefix = ImageRepository::new("registry.aliyuncs.com/google_containers").unwrap();
        for (image, expected) in [
            (
                "registry.k8s.io/kube-apiserver:v1.31.0",
                Some("registry.aliyuncs.com/google_containers/kube-apiserver:v1.31.0"),
            ),
            (
                "registry.k8s.io/coredns/coredns:v1.11.1",
                Some("registry.aliyuncs.com/google_containers/coredns:v1.11.1"),
            ),
            ("registry.k8s.io/etcd:3.5.15-0", Some("registry.aliyuncs.com/google_containers/etcd:3.5.15-0")),
            (pinned.as_str(), Some(renamed.as_str())),
            ("registry.k8s.io/ingress-nginx/controller:v1", None),
            ("registry.k8s.io/etcd/etcd:3", None),
            ("registry.k8s.io/coredns:v1", None),
            ("docker.io/library/pause:3.10", None),
            ("k8s.gcr.io/pause:3.10", None),
        ] {
            let image: ImageRef = image.parse().unwrap();
            assert_eq!(prefix.rename(&image).map(|image| image.to_string()).as_deref(), expected, "{image}");
        }
        let bare = ImageRepository::new("k8s.m.daocloud.io/").unwrap();
        let image = bare.rename(&"registry.k8s.io/pause:3".parse().unwrap()).unwrap();
        assert_eq!(image.to_string(), "k8s.m.daocloud.io/pause:3");
    }

    #[test]
    fn prefixes_that_name_no_image_are_refused() {
        for text in ["", "/", "https://x/y", "x.io/a@sha256:00", "x.io/a:1", "x.io/A", "x.io/a b"] {
            assert!(ImageRepository::new(text).is_err(), "{text:?}");
        }
        for text in ["x.io", "x.io:5000", "x.io:5000/a/b", "localhost:5000", "google_containers"] {
            assert!(ImageRepository::new(text).is_ok(), "{text:?}");
        }
    }
}
