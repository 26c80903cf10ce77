//! Reports as other programs read them: CSV by its header, JSON held to the project's schema.
//!
//! Both become the same [`Row`]s, without what no test can foresee (times), which is checked for its form.

use std::sync::LazyLock;

use serde_json::Value;

const HEADER: &str = "artifact,input,origin,mirror,role,url,status,code,reason,digest,expected_digest,media_type,\
                      http_status,latency_ms,attempts,checked_at";

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../schemas/report-v1.schema.json")).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a schema")
});

/// One row; what is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub artifact: String,
    pub input: String,
    pub origin: String,
    pub mirror: String,
    pub role: String,
    pub url: String,
    pub status: String,
    pub code: String,
    pub reason: String,
    pub digest: String,
    pub expected_digest: String,
    pub media_type: String,
    pub http_status: String,
    pub attempts: String,
}

impl Row {
    /// Mirror, status and code.
    pub fn verdict(&self) -> (&str, &str, &str) {
        (&self.mirror, &self.status, &self.code)
    }
}

/// The rows of a CSV report.
pub fn csv(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().collect::<Vec<_>>().join(",");
    let parts = ",depth,platforms,other_platforms,findings,uncovered_blobs,uncovered_bytes";
    let first = header.strip_suffix(parts).unwrap_or(&header);
    let first = first.strip_suffix(",origin_document,origin_path").unwrap_or(first);
    assert_eq!(first, HEADER);
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        let cell = |name: &str| {
            let at = HEADER.split(',').position(|column| column == name).expect("a column");
            record[at].to_owned()
        };
        check_times(&cell("latency_ms"), &cell("checked_at"));
        row(cell)
    });
    rows.collect()
}

/// A JSON report, once the schema has nothing against it.
pub fn json(text: &str) -> Value {
    let report: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let faults: Vec<_> = SCHEMA.iter_errors(&report).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}: {text}");
    report
}

/// The rows of a JSON report.
pub fn json_rows(report: &Value) -> Vec<Row> {
    let results = report["results"].as_array().expect("checked by the schema");
    let rows = results.iter().map(|result| {
        let cell = |name: &str| match &result[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        check_times(&cell("latency_ms"), &cell("checked_at"));
        row(cell)
    });
    rows.collect()
}

static RESULT: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../../schemas/report-v1.schema.json")).expect("JSON");
    let definitions = schema["$defs"].take();
    let schema = serde_json::json!({"$ref": "#/$defs/result", "$defs": definitions});
    jsonschema::draft202012::new(&schema).expect("a schema")
});

/// What schemas/stream-v1.schema.json says, with what it takes from the report's schema put into it.
static END: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../schemas/stream-v1.schema.json");
    let mut schema: Value =
        serde_json::from_str(&text.replace("urn:registry-check:report:v1#/", "#/$defs/report/"))
            .expect("JSON");
    let report = include_str!("../../../schemas/report-v1.schema.json");
    let mut report: Value =
        serde_json::from_str(&report.replace("\"#/$defs/", "\"#/$defs/report/$defs/")).expect("JSON");
    report.as_object_mut().expect("an object").remove("$id");
    schema["$defs"]["report"] = report;
    let schema = serde_json::json!({"$ref": "#/$defs/end", "$defs": schema["$defs"]});
    jsonschema::draft202012::new(&schema).expect("a schema")
});

/// One line of NDJSON that is a result, once the schema has nothing against it.
pub fn ndjson_result(line: &str) -> Value {
    held_to(&RESULT, line)
}

/// The results and the last line of NDJSON, each held to its schema.
pub fn ndjson(text: &str) -> (Vec<Value>, Value) {
    assert!(text.ends_with('\n'), "{text}");
    let mut lines: Vec<_> = text.lines().collect();
    let end = held_to(&END, lines.pop().expect("a last line"));
    (lines.into_iter().map(ndjson_result).collect(), end)
}

fn held_to(schema: &jsonschema::Validator, line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let faults: Vec<_> = schema.iter_errors(&value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}: {line}");
    value
}

fn row(cell: impl Fn(&str) -> String) -> Row {
    Row {
        artifact: cell("artifact"),
        input: cell("input"),
        origin: cell("origin"),
        mirror: cell("mirror"),
        role: cell("role"),
        url: cell("url"),
        status: cell("status"),
        code: cell("code"),
        reason: cell("reason"),
        digest: cell("digest"),
        expected_digest: cell("expected_digest"),
        media_type: cell("media_type"),
        http_status: cell("http_status"),
        attempts: cell("attempts"),
    }
}

fn check_times(latency_ms: &str, checked_at: &str) {
    let latency: f64 = if latency_ms.is_empty() { 0.0 } else { latency_ms.parse().expect("milliseconds") };
    assert!((0.0..60_000.0).contains(&latency), "{latency_ms}");
    assert!(is_time(checked_at), "{checked_at}");
}

/// Whether this is a time as reports write it: `2025-03-09T01:02:03.045Z`.
pub fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000Z";
    let digits_as_zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
    text.chars().map(digits_as_zero).eq(form.chars())
}
