//! Hosts of a `hosts.toml` that containerd asks for nothing or otherwise than they are written: each is told once.

use std::path::PathBuf;

use super::super::document::Document;
use super::super::place::node;
use super::hosts;
use crate::model::node::{Node, Route, Runtime, Scope};

fn parsed(text: &str) -> (Route, Node) {
    let document = Document::of("hosts.toml".to_owned(), PathBuf::from("/certs"), text);
    let mut node = node(Runtime::Containerd, "certs.d");
    let route = hosts(&mut node, &document, Scope::Registry("docker.io".into())).unwrap();
    (route, node)
}

fn told(node: &Node) -> Vec<String> {
    node.notes.iter().map(|note| format!("{}: {}", note.place, note.text)).collect()
}

fn names(route: &Route) -> Vec<&str> {
    route.hops.iter().map(|hop| &*hop.endpoint.name).collect()
}

#[test]
fn a_mirror_that_is_not_for_pulls_is_told_once_at_its_line() {
    let (route, node) = parsed(
        "[host.\"https://a.example\"]\n[host.\"https://m.example\"]\ncapabilities = [\"resolve\", \"push\"]\n",
    );
    assert_eq!(names(&route), ["a.example", "m.example"]);
    let expected = "hosts.toml:2: m.example: not used for pulls: its capabilities do not name \"pull\"";
    assert_eq!(told(&node), [expected]);
}

#[test]
fn hosts_without_a_table_header_are_asked_by_nobody() {
    for inline in [
        "[host]\n\"https://inline.example\" = {capabilities = [\"pull\"]}\n",
        "[host]\n\"https://inline.example\".capabilities = [\"pull\", \"resolve\"]\n",
        "host = {\"https://u:hunter2@inline.example?x\" = {skip_verify = true}}\n",
        "host.\"https://inline.example\".skip_verify = true\n",
        "[host]\n\"https://inline.example\".header.X-A = [\"1\"]\n",
    ] {
        let (route, node) = parsed(inline);
        assert_eq!(names(&route), [""; 0], "{inline}");
        let [note] = &told(&node)[..] else { panic!("{inline}: {:?}", node.notes) };
        assert!(note.contains("host left out: 'inline.example' stands behind a key or a ="), "{note}");
    }
    for header in [
        "[host.\"https://m.example\"]\n",
        "[host]\n[host.\"https://m.example\"]\nheader.X-A = \"1\"\n",
        "[host.\"https://m.example\".header]\nX-A = \"1\"\n",
        "  [ host . 'https://m.example' ]\n",
    ] {
        let (route, node) = parsed(header);
        assert_eq!((names(&route), told(&node)), (vec!["m.example"], Vec::new()), "{header}");
    }
}

#[test]
fn user_info_and_queries_are_dropped_and_the_host_is_asked() {
    for (written, root) in [
        ("https://user:hunter2@m.example/hub", "https://m.example/hub/v2"),
        ("https://m.example?token=hunter2", "https://m.example/v2"),
        ("user:hunter2@m.example:5000", "https://m.example:5000/v2"),
        ("https://m.example/v2#hunter2", "https://m.example/v2"),
        ("https://u:hun/ter2@m.example/v2?a", ""),
    ] {
        let (route, node) = parsed(&format!("[host.\"{written}\"]\n"));
        let notes = told(&node).concat();
        assert!(!notes.contains("hunter2") && !notes.contains("ter2@"), "{notes}");
        if written.contains("hun/") {
            // No port, so no URL to containerd either.
            assert!(route.hops.is_empty() && notes.contains("host left out: not a URL"), "{notes}");
            continue;
        }
        assert_eq!(&*route.hops[0].endpoint.api_root, root);
        assert_eq!(node.notes.len(), 1, "{notes}");
        assert!(notes.contains("containerd drops user-info, query and fragment"), "{notes}");
        assert!(!format!("{:?}", route.hops).contains("hunter2"));
    }
    let (route, node) = parsed("server = \"https://u:hunter2@registry-1.docker.io\"\n");
    assert_eq!(route.hops[0].endpoint.namespace, crate::model::endpoint::Namespace::Never);
    assert!(told(&node).concat().contains("hosts.toml:1: https://registry-1.docker.io: containerd drops"));
}
