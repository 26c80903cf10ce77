//! Kubernetes manifests with image pull Secrets in them: YAML or JSON, several documents, lists.
//!
//! Only Secrets of the two types that kubelet takes for pulling count; everything else in a manifest is
//! passed over. Nothing of the YAML reader's messages is passed on but the line: they quote the text.

use std::path::Path;

use serde_json::Value;

use super::credential::decode_base64;
use super::document::{self, Document, Shape};
use super::fault::{FileFault, Warning};
use super::source::Place;

/// `kind: List` inside lists, as far as anybody could mean it.
const MAX_DEPTH: usize = 8;

/// The type of a Secret, the entry that holds its payload, and the payload's shape.
const TYPES: [(&str, &str, Shape); 2] = [
    ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", Shape::Config),
    ("kubernetes.io/dockercfg", ".dockercfg", Shape::Bare),
];

/// The Secrets of a YAML file.
pub(super) fn from_yaml(
    path: &Path,
    text: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, FileFault> {
    let values = serde_saphyr::from_multiple::<Value>(text).map_err(|error| FileFault::Yaml {
        line: error.location().map(|location| location.line()).filter(|line| *line > 0),
    })?;
    from_values(path, values, warnings)
}

/// The Secrets among `values`.
pub(super) fn from_values(
    path: &Path,
    values: Vec<Value>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, FileFault> {
    let mut documents = Vec::new();
    for value in &values {
        collect(path, value, MAX_DEPTH, &mut documents, warnings)?;
    }
    if documents.is_empty() { Err(FileFault::Unknown) } else { Ok(documents) }
}

fn collect(
    path: &Path,
    value: &Value,
    depth: usize,
    documents: &mut Vec<Document>,
    warnings: &mut Vec<Warning>,
) -> Result<(), FileFault> {
    if let Some(items) = value["items"].as_array()
        && depth > 0
    {
        return items.iter().try_for_each(|item| collect(path, item, depth - 1, documents, warnings));
    }
    let kind = TYPES.iter().find(|(name, ..)| value["type"] == *name);
    if value["kind"] == "Secret"
        && let Some(&(_, entry, shape)) = kind
    {
        let payload = payload(value, entry).ok_or(FileFault::Payload { entry })?;
        let secret = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let place = Place::Manifest { path: path.to_owned(), secret };
        documents.push(document::parse_payload(place, &payload, shape, warnings)?);
    }
    Ok(())
}

/// `stringData` wins over `data`, as it does when the Secret is applied.
fn payload(secret: &Value, entry: &str) -> Option<String> {
    if let Some(text) = secret["stringData"][entry].as_str() {
        return Some(text.to_owned());
    }
    String::from_utf8(decode_base64(secret["data"][entry].as_str()?)?).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const CONFIG: &str = r#"{"auths":{"h.io":{"auth":"dTpw"}}}"#;

    fn read(text: &str) -> Result<Vec<(String, Vec<String>)>, FileFault> {
        let documents = document::parse_any(Path::new("pull.yaml"), text, &mut Vec::new())?;
        Ok(documents
            .into_iter()
            .map(|document| {
                assert_eq!(document.rules, document::Rules::Kubernetes);
                let keys = document.entries.into_iter().map(|entry| entry.key).collect();
                (document.place.to_string(), keys)
            })
            .collect())
    }

    #[test]
    fn secrets_are_found_among_the_documents_of_a_manifest() {
        let data = STANDARD.encode(CONFIG);
        let (first, second) = data.split_at(20);
        let text = format!(
            "# pull secrets\n---\napiVersion: v1\nkind: ConfigMap\ndata: {{a: b}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata:\n  name: one\ntype: kubernetes.io/dockerconfigjson\n\
             data:\n  .dockerconfigjson: {data}\n---\n\
             kind: Secret\nmetadata: {{name: folded}}\ntype: kubernetes.io/dockerconfigjson\n\
             data:\n  .dockerconfigjson: |\n    {first}\n    {second}\n---\n---\n\
             kind: Secret\ntype: kubernetes.io/dockercfg\nstringData:\n  .dockercfg: |\n    {{\"old.io\":{{\"auth\":\"dTpw\"}}}}\n---\n\
             kind: Secret\ntype: Opaque\ndata: {{.dockerconfigjson: '!'}}\n...\n"
        );
        assert_eq!(
            read(&text).unwrap(),
            [
                ("pull.yaml (Secret \"one\")".to_owned(), vec!["h.io".to_owned()]),
                ("pull.yaml (Secret \"folded\")".to_owned(), vec!["h.io".to_owned()]),
                ("pull.yaml (Secret \"\")".to_owned(), vec!["old.io".to_owned()]),
            ]
        );
    }

    #[test]
    fn json_manifests_and_lists_are_read_too() {
        let secret = serde_json::json!({
            "kind": "Secret", "metadata": {"name": "s"}, "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": STANDARD.encode(r#"{"auths":{"data.io":{"auth":"dTpw"}}}"#)},
        });
        assert_eq!(read(&secret.to_string()).unwrap()[0].1, ["data.io"]);
        let list = serde_json::json!({"kind": "List", "items": [{"kind": "Pod"}, secret]});
        assert_eq!(read(&list.to_string()).unwrap()[0].1, ["data.io"]);
        let mut both = secret;
        both["stringData"] = serde_json::json!({".dockerconfigjson": CONFIG});
        assert_eq!(read(&both.to_string()).unwrap()[0].1, ["h.io"]);
    }

    #[test]
    fn what_cannot_be_used_is_told_without_quoting_it() {
        let payload = |data: &str| {
            format!(
                "kind: Secret\ntype: kubernetes.io/dockerconfigjson\ndata: {{.dockerconfigjson: {data}}}\n"
            )
        };
        for (text, fault) in [
            (payload("'!hunter2'"), FileFault::Payload { entry: ".dockerconfigjson" }),
            (payload("//8="), FileFault::Payload { entry: ".dockerconfigjson" }),
            (payload("[hunter2]"), FileFault::Payload { entry: ".dockerconfigjson" }),
            (
                payload(&STANDARD.encode("{\n\"auths\":\nhunter2")),
                FileFault::Json { line: 3, why: "expected value".into() },
            ),
            (payload(&STANDARD.encode("{\"auths\":\"hunter2\"}")), FileFault::Shape { line: 1 }),
            ("kind: Secret\ntype: Opaque\n".to_owned(), FileFault::Unknown),
            ("kind: Pod\n".to_owned(), FileFault::Unknown),
            ("kind: Secret\nstringData: 'hunter2\n".to_owned(), FileFault::Yaml { line: Some(3) }),
            ("a: hunter2\na: hunter2\n".to_owned(), FileFault::Yaml { line: Some(2) }),
        ] {
            let found = read(&text).unwrap_err();
            assert_eq!(found, fault, "{text}");
            assert!(!format!("{found} {found:?}").contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn lists_in_lists_without_end_are_not_followed() {
        let deep = format!("{}{{}}{}", "{\"kind\":\"List\",\"items\":[".repeat(40), "]}".repeat(40));
        assert_eq!(read(&deep), Err(FileFault::Unknown));
    }
}
