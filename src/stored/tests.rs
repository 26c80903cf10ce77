//! Reports that are none, that were changed, and that belong together or not. The sample is the snapshot of
//! what is written, so that it is always of the present form.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::gate::{Policy, Terms, decide};
use crate::model::digest::Digest;
use crate::model::run::{CheckResult, Cost, Ending, Place, Quota};
use crate::model::scope::{Part, Shard, Vantage};
use crate::report::{Format, TableStyle, View, render};

const SNAPSHOT: &str =
    include_str!("../report/snapshots/registry_check__report__json__tests__json_looks_like_this.snap");

fn sample() -> String {
    let (_, rest) = SNAPSHOT.split_once("---\n").unwrap();
    let (_, report) = rest.split_once("---\n").unwrap();
    format!("{}\n", report.trim_end())
}

fn told(saved: &Saved, format: Format) -> String {
    let policy = Policy::default();
    let terms = Terms { policy: &policy, baseline: None };
    let decision = decide(&terms, &saved.run);
    let view = View {
        run: &saved.run,
        decision: &decision,
        policy: &policy,
        exit_code: 1,
        tool_version: &saved.tool_version,
    };
    let mut out = Vec::new();
    render(format, &view, &TableStyle { width: Some(100), ..TableStyle::default() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn read_sample() -> Saved {
    read(sample().as_bytes()).unwrap()
}

/// The sample with one value changed, as text.
fn changed(pointer: &str, value: Value) -> String {
    let mut document: Value = serde_json::from_str(&sample()).unwrap();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    document.to_string()
}

fn error(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_was_read_is_written_the_same() {
    let saved = read_sample();
    assert_eq!(told(&saved, Format::Json), sample());
    assert_eq!(&*saved.tool_version, "0.1.0");
}

#[test]
fn names_that_were_not_known_are_read_and_written_the_same_and_their_count_is_held() {
    let name = |at: u32| json!({"origin": format!("a:b.yaml:{at}"), "origin_path": "x[0]", "input": "$X", "why": "unset"});
    let with = |names: u32, total: u32| {
        let mut document: Value = serde_json::from_str(&sample()).unwrap();
        document["dynamic"] = (1..=names).map(name).collect();
        document["dynamic_total"] = total.into();
        document
    };
    for document in [with(2, 2), with(1000, 1234)] {
        let saved = read(document.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&told(&saved, Format::Json)).unwrap(), document);
    }
    let why = "dynamic_total: it does not count the names in dynamic";
    for document in [with(2, 3), with(2, 1), with(1001, 1001), with(0, 1)] {
        assert!(error(&document.to_string()).contains(why));
    }
    let mut document = with(2, 2);
    document["dynamic"][1]["origin"] = json!("nowhere");
    assert!(error(&document.to_string()).contains("dynamic[1]: origin 'nowhere': not file:line"));
}

#[test]
fn order_of_keys_blanks_and_a_byte_order_mark_do_not_matter() {
    let document: Value = serde_json::from_str(&sample()).unwrap();
    // Keys sorted, one line.
    let compact = document.to_string();
    assert_ne!(compact, sample());
    for text in [compact, serde_json::to_string_pretty(&document).unwrap(), format!("\u{feff}\n{}", sample())]
    {
        assert_eq!(told(&read(text.as_bytes()).unwrap(), Format::Json), sample());
    }
}

#[test]
fn what_is_no_report_is_told_for_what_it_is() {
    let result = format!("{}\n", json!({"artifact": "x", "status": "ok"}));
    for (text, said) in [
        ("", "is empty: there is no report in it"),
        (" \n", "is empty: there is no report in it"),
        ("nginx:1.25\n", "is no JSON (line 1: expected ident)"),
        ("{\"a\": tru, \"b\": 1}", "is no JSON (line 1: expected ident)"),
        (
            "[]",
            "is JSON, but no report of registry-check: it has no \"schema\": \"registry-check/report/v1\"",
        ),
        (
            "{\"schema\": \"https://json.schemastore.org/sarif-2.1.0.json\"}",
            "is JSON, but no report of registry-check: it has no \"schema\": \"registry-check/report/v1\"",
        ),
        (
            "{\"schema\": 1}",
            "is JSON, but no report of registry-check: it has no \"schema\": \"registry-check/report/v1\"",
        ),
        (
            "{\"schema\": \"registry-check/report/v2\", \"tool_version\": \"3.0.0\"}",
            "is of another form, registry-check/report/v2, written by registry-check 3.0.0: this is \
             registry-check 0.1.0, which reads registry-check/report/v1",
        ),
        (
            "{\"schema\": \"registry-check/report/v1\", \"schema\": 2}",
            "cannot be used: line 1: duplicate field `schema`",
        ),
        (&result, "is a stream of results (registry-check/stream/v1), not a report"),
        (&result.repeat(3), "is a stream of results (registry-check/stream/v1), not a report"),
        (
            "{\"schema\": \"registry-check/stream/v1\"}",
            "is a stream of results (registry-check/stream/v1), not a report",
        ),
    ] {
        assert_eq!(error(text), said, "{text}");
    }
    let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(100_000));
    let deep = error(&format!("{{\"schema\":\"registry-check/report/v1\",\"results\":{open}{close}}}"));
    assert!(deep.starts_with("cannot be used: line 1: invalid type: sequence"), "{deep}");
}

#[test]
fn a_report_that_is_cut_off_anywhere_is_no_report() {
    let sample = sample();
    // Behind the last brace there is nothing that could be missed.
    for length in 1..sample.trim_end().len() {
        let Some(beginning) = sample.get(..length) else { continue };
        let line = beginning.matches('\n').count() + 1;
        let said = error(beginning);
        assert!(
            // Where a line has just ended, its end or the next one's beginning may be named.
            [line, line - 1]
                .iter()
                .any(|line| said
                    == format!("ends on line {line}, in the middle of what it says: it was cut off")),
            "{length}: {said}"
        );
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    for (pointer, value, said) in [
        ("/results/3/code", json!("from-the-future"), "line 1: unknown code 'from-the-future'"),
        ("/results/3/status", json!("fine"), "line 1: unknown status 'fine'"),
        (
            "/results/0/status",
            json!("stale"),
            "results[0]: the code 'served' is of the status 'ok', not 'stale'",
        ),
        ("/results/0/mirror", json!("who"), "results[0]: the upstream 'who' is not among mirrors"),
        ("/results/0/role", json!("mirror"), "results[0]: the mirror 'docker.io' is not among mirrors"),
        (
            "/results/0/artifact",
            json!("A b"),
            "results[0]: artifact 'A b': repository name must be lowercase",
        ),
        ("/results/0/origin", json!("images.txt"), "results[0]: origin 'images.txt': not file:line"),
        ("/results/0/http_status", json!(42), "results[0]: http_status: not between 100 and 999"),
        ("/results/0/latency_ms", json!(-1), "line 1: -1.0 is no time in milliseconds"),
        ("/results/0/latency_ms", json!(1e300), "line 1: 1e300 is no time in milliseconds"),
        (
            "/results/0/checked_at",
            json!("2025-03-09 08:00:00"),
            "line 1: '2025-03-09 08:00:00' is no time such as 2025-03-09T08:00:00.125Z",
        ),
        (
            "/results/0/digest",
            json!("sha256:0"),
            "line 1: invalid digest length: sha256 has 64 hex digits, not 1: 'sha256:0'",
        ),
        ("/results/0/media_type", json!("text/html"), "line 1: unknown media type 'text/html'"),
        ("/results/0/vantage", json!("x"), "results[0]: the vantage is another than that of its mirror"),
        ("/results/0/platforms_of_the_future", json!(1), "line 1: unknown field `platforms_of_the_future`"),
        ("/results", json!([]), "summary: it does not count what the results say"),
        ("/summary/by_status/ok", json!(3), "summary: it does not count what the results say"),
        ("/mirrors/0/url", json!("ftp://x"), "mirrors[0]: url: not one of http:// or https://"),
        ("/mirrors/0/url", json!("x"), "mirrors[0]: url: relative URL without a base"),
        ("/mirrors/1/name", json!("daocloud"), "mirrors: 'daocloud' is there twice"),
        (
            "/tool_version",
            json!("\u{1b}[2J"),
            "tool_version: '\\u{1b}[2J' is no version (written by registry-check \\u{1b}[2J, and this is 0.1.0)",
        ),
        ("/vantage", json!("here"), "mirrors[0]: not asked from where the run was made"),
        (
            "/shard",
            json!({"number": 1, "count": 2, "places": []}),
            "shard: its places are not those of the results",
        ),
        (
            "/shard",
            json!({"number": 3, "count": 2, "places": []}),
            "shard: expected NUMBER/COUNT, such as 2/5: both from 1 to 10000, the number no larger than the count",
        ),
    ] {
        let text = if let Some((parent, key)) = pointer.rsplit_once('/').filter(|_| {
            let document: Value = serde_json::from_str(&sample()).unwrap();
            document.pointer(pointer).is_none()
        }) {
            let mut document: Value = serde_json::from_str(&sample()).unwrap();
            document.pointer_mut(parent).unwrap()[key] = value;
            document.to_string()
        } else {
            changed(pointer, value)
        };
        let found = error(&text);
        assert!(found.starts_with(&format!("cannot be used: {said}")), "{pointer}: {found}");
    }
}

#[test]
fn an_image_that_is_named_twice_is_said_the_same_of() {
    let document: Value = serde_json::from_str(&sample()).unwrap();
    let results = document["results"].as_array().unwrap();
    let again = results.iter().position(|row| row["origin"] == "deploy/compose.yaml:12").unwrap();
    let found = error(&changed(&format!("/results/{again}/reason"), json!("other")));
    assert!(
        found.contains("another outcome for docker.io/library/nginx:1.25 than where it was named before"),
        "{found}"
    );
}

#[test]
fn a_row_that_was_taken_out_is_missed() {
    let mut document: Value = serde_json::from_str(&sample()).unwrap();
    for row in (0..document["results"].as_array().unwrap().len()).rev() {
        let taken = document["results"].as_array_mut().unwrap().remove(row);
        let found = error(&document.to_string());
        assert!(found.contains("summary: ") || found.contains("another outcome for "), "{row}: {found}");
        document["results"].as_array_mut().unwrap().insert(row, taken);
    }
}

#[test]
fn the_oldest_reports_do_not_say_what_counts() {
    let mut document: Value = serde_json::from_str(&sample()).unwrap();
    for row in document["results"].as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("counts");
    }
    document.as_object_mut().unwrap().remove("list");
    let saved = read(document.to_string().as_bytes()).unwrap();
    assert_eq!(saved.run.results, read_sample().run.results);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_change_of_any_byte_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut text = sample().into_bytes();
        for (from, to, byte) in edits {
            let (from, to) = (from.index(text.len()), to.index(text.len()));
            match byte % 4 {
                0 => text[from] = byte,
                1 if from < to => { text.drain(from..to); }
                2 => text.insert(from, byte),
                _ => text[from] = b'0' + byte % 10,
            }
            if text.is_empty() {
                break;
            }
        }
        if let Ok(saved) = read(&text) {
            Format::ALL.iter().for_each(|format| drop(told(&saved, *format)));
        }
    }

    #[test]
    fn no_value_in_the_place_of_another_panics(
        at in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        other in prop::sample::select(vec![
            json!(null), json!(0), json!(-1), json!(1e308), json!(u64::MAX), json!(u32::MAX), json!(""),
            json!("\u{0}\u{202e}"), json!([]), json!({}), json!([[[]]]), json!(true), json!("9999-12-31T23:59:59.999Z"),
            json!("-001-01-01T00:00:00.000Z"), json!(999), json!("a".repeat(10_000)),
        ]),
        is_copy in any::<bool>(),
    ) {
        let mut document: Value = serde_json::from_str(&sample()).unwrap();
        let mut pointers = Vec::new();
        collect(&document, String::new(), &mut pointers);
        let value = if is_copy { document.pointer(&pointers[from.index(pointers.len())]).unwrap().clone() } else { other };
        *document.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = value;
        if let Ok(saved) = read(document.to_string().as_bytes()) {
            Format::ALL.iter().for_each(|format| drop(told(&saved, *format)));
            let _ = merge(vec![named("a", saved.clone()), named("b", saved)]);
        }
    }

    #[test]
    fn shards_in_any_order_give_the_whole(count in 1u32..12, rotation in 0usize..12) {
        let mut parts = split(&read_sample(), count);
        let by = rotation % parts.len();
        parts.rotate_left(by);
        // Each is saved and read on the way.
        let parts = parts.into_iter().map(|part| {
            let text = told(&part.saved, Format::Json);
            Named { saved: read(text.as_bytes()).unwrap(), ..part }
        });
        let merged = merge(parts.collect()).unwrap();
        prop_assert_eq!(told(&merged, Format::Json), sample());
    }
}

/// Pointers to every value below `value`.
fn collect(value: &Value, at: String, to: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| collect(value, format!("{at}/{key}"), to));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| collect(value, format!("{at}/{index}"), to));
        }
        _ => {}
    }
    to.push(at);
}

fn named(name: &str, saved: Saved) -> Named {
    Named { name: name.to_owned(), saved }
}

/// What checks of the shards would have said.
fn split(whole: &Saved, count: u32) -> Vec<Named> {
    let parts = (1..=count).map(|number| {
        let shard = Shard::new(number, count).unwrap();
        let mut run = whole.run.clone();
        let mut moved = vec![None; run.images.len()];
        run.images.clear();
        for (at, image) in whole.run.images.iter().enumerate().filter(|(_, image)| shard.has(image)) {
            moved[at] = u32::try_from(run.images.len()).ok();
            run.images.push(std::sync::Arc::clone(image));
        }
        let mut numbers = Vec::new();
        run.places.clear();
        for (place, number) in whole.run.places.iter().zip(0..) {
            if let Some(image) = moved[place.image as usize] {
                run.places.push(Place { image, ..place.clone() });
                numbers.push(number);
            }
        }
        let results = whole.run.results.iter();
        run.results = results
            .filter_map(|result| Some(CheckResult { image: moved[result.image as usize]?, ..result.clone() }))
            .collect();
        if number > 1 {
            run.cost = Cost::default();
        }
        run.scope.part = Some(Part { shard, places: numbers });
        named(&format!("{number}.json"), Saved { run, tool_version: whole.tool_version.clone() })
    });
    parts.collect()
}

fn refused(reports: Vec<Named>) -> String {
    merge(reports).unwrap_err().to_string()
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let whole = read_sample();
    let parts = split(&whole, 5);
    let without = |numbers: &[usize]| {
        let left = parts.iter().enumerate().filter(|(at, _)| !numbers.contains(&(at + 1)));
        left.map(|(_, part)| part.clone()).collect::<Vec<_>>()
    };
    assert_eq!(refused(Vec::new()), "there is no report to merge");
    assert_eq!(refused(without(&[4])), "shard 4/5 is missing");
    assert_eq!(refused(without(&[1, 2, 5])), "shards 1/5, 2/5 and 5/5 are missing");
    let twice = [without(&[]), vec![named("again.json", parts[1].saved.clone())]].concat();
    assert_eq!(refused(twice), "2.json and again.json overlap: both are shard 2/5");
    let with_all = [without(&[4]), vec![named("all.json", whole.clone())]].concat();
    assert_eq!(refused(with_all), "1.json and all.json overlap: all.json is of the whole list");
    let of_6 = [without(&[4]), vec![split(&whole, 6)[3].clone()]].concat();
    assert_eq!(refused(of_6), "1.json is shard 1/5, 4.json is shard 4/6: of another count");

    let with = |change: &dyn Fn(&mut Saved)| {
        let mut parts = without(&[]);
        change(&mut parts[2].saved);
        refused(parts)
    };
    assert_eq!(
        with(&|saved| saved.run.scope.list.as_mut().unwrap().fingerprint = Digest::sha256(b"other")),
        "1.json and 3.json are of different lists"
    );
    assert_eq!(
        with(&|saved| saved.run.scope.list.as_mut().unwrap().settings = Digest::sha256(b"other")),
        "1.json and 3.json were checked with different settings: the depth, or what mirrors stand in for and how \
         they call images"
    );
    assert_eq!(
        with(&|saved| {
            saved.run.endpoints.remove(1);
        }),
        "1.json and 3.json were checked with different settings: they asked other mirrors or upstreams"
    );
    assert_eq!(
        with(&|saved| saved.tool_version = "0.2.0".into()),
        "1.json was written by registry-check 0.1.0, 3.json by 0.2.0"
    );
    assert_eq!(with(&|saved| saved.run.scope.list = None), "3.json does not say of which list it is");
    // What no check would write.
    assert!(
        with(&|saved| saved.run.scope.part.as_mut().unwrap().places = vec![0; saved.run.places.len()])
            .contains("is not what it says to be part of")
    );
}

/// The sample as it would look from elsewhere.
fn from(vantage: &str, saved: &Saved) -> Named {
    let place: Vantage = vantage.parse().unwrap();
    let mut saved = saved.clone();
    for endpoint in &mut saved.run.endpoints {
        crate::plan::part::ask_from(endpoint, &place);
    }
    saved.run.scope.vantage = Some(place);
    let text = told(&saved, Format::Json);
    named(&format!("{vantage}.json"), read(text.as_bytes()).unwrap())
}

#[test]
fn vantage_points_become_columns() {
    let whole = read_sample();
    let merged = merge(vec![from("eu", &whole), from("cn-east", &whole)]).unwrap();
    let names: Vec<_> = merged.run.endpoints.iter().map(|endpoint| &*endpoint.name).collect();
    assert_eq!(
        names,
        [
            "daocloud (eu)",
            "daocloud (cn-east)",
            "內部鏡像 (eu)",
            "內部鏡像 (cn-east)",
            "quay-proxy (eu)",
            "quay-proxy (cn-east)",
            "docker.io (eu)",
            "docker.io (cn-east)",
            "quay.io (eu)",
            "quay.io (cn-east)",
            "registry.example.com:5000 (eu)",
            "registry.example.com:5000 (cn-east)",
        ]
    );
    assert_eq!(merged.run.endpoints[1].own_name(), "daocloud");
    assert_eq!(merged.run.results.len(), 2 * whole.run.results.len());
    assert_eq!(merged.run.places.len(), whole.run.places.len());
    assert_eq!(merged.run.cost.requests, 2 * whole.run.cost.requests);
    let head = told(&merged, Format::Markdown);
    assert!(
        head.contains("| Image | upstream (eu) | upstream (cn-east) | daocloud (eu) | daocloud (cn-east) |"),
        "{head}"
    );
    assert!(head.contains("6 images (7 mentions), 3 mirrors, from 2 vantage points (cn-east, eu)"), "{head}");
    // And it can be saved like any other.
    let text = told(&merged, Format::Json);
    let again = read(text.as_bytes()).unwrap();
    assert_eq!(told(&again, Format::Json), text);
    for format in Format::ALL {
        assert_eq!(told(&again, format), told(&merged, format), "{format}");
    }
    assert_eq!(
        refused(vec![named("both.json", again), from("us", &whole)]),
        "both.json is put together from several vantage points already"
    );
}

#[test]
fn shards_of_several_vantage_points_are_joined_first() {
    let whole = read_sample();
    let parts = |vantage: &str, count| {
        let parts = split(&from(vantage, &whole).saved, count).into_iter();
        parts.map(|part| named(&format!("{vantage}-{}", part.name), part.saved)).collect::<Vec<_>>()
    };
    let all = [parts("eu", 3), parts("us", 2)].concat();
    let joined = merge(all.clone()).unwrap();
    let straight = merge(vec![from("eu", &whole), from("us", &whole)]).unwrap();
    assert_eq!(told(&joined, Format::Json), told(&straight, Format::Json));
    assert_eq!(refused(all[..4].to_vec()), "shard 2/2 is missing of those from us");
    assert_eq!(
        refused(vec![named("plain.json", whole.clone()), from("us", &whole)]),
        "plain.json does not say from where it was made, and us.json was made from us"
    );
}

#[test]
fn vantage_points_may_have_mirrors_of_their_own() {
    let whole = read_sample();
    let mut other = whole.clone();
    let mut mirror = (*other.run.endpoints[0]).clone();
    mirror.name = "regional".into();
    other.run.endpoints[0] = std::sync::Arc::new(mirror);
    let merged = merge(vec![from("eu", &whole), from("cn", &other)]).unwrap();
    let names: Vec<_> = merged.run.endpoints.iter().take(6).map(|endpoint| &*endpoint.name).collect();
    assert_eq!(
        names,
        [
            "daocloud (eu)",
            "內部鏡像 (eu)",
            "內部鏡像 (cn)",
            "quay-proxy (eu)",
            "quay-proxy (cn)",
            "regional (cn)"
        ]
    );
}

#[test]
fn of_a_quota_what_was_heard_last_holds_and_vantage_points_have_their_own() {
    let quota = |host: &str, remaining| Quota { host: host.into(), limit: 100, remaining, window: None };
    let whole = read_sample();
    let mut parts = split(&whole, 2);
    parts[0].saved.run.quotas = vec![quota("b.example", 9), quota("c.example", 50)];
    parts[0].saved.run.finished_at += time::Duration::SECOND;
    parts[1].saved.run.quotas = vec![quota("a.example", 1), quota("b.example", 80)];
    for _ in 0..2 {
        parts.reverse();
        let merged = merge(parts.clone()).unwrap();
        let wanted = [quota("a.example", 1), quota("b.example", 9), quota("c.example", 50)];
        assert_eq!(merged.run.quotas, wanted);
        assert_eq!(merged.run.finished_at, whole.run.finished_at + time::Duration::SECOND);
    }
    let [mut eu, mut us] = ["eu", "us"].map(|vantage| from(vantage, &whole));
    eu.saved.run.quotas = vec![quota("b.example", 9)];
    us.saved.run.quotas = vec![quota("b.example", 80)];
    let merged = merge(vec![us, eu]).unwrap();
    assert_eq!(merged.run.quotas, [quota("b.example (eu)", 9), quota("b.example (us)", 80)]);
}

#[test]
fn one_interrupted_shard_interrupts_the_whole() {
    let mut parts = split(&read_sample(), 3);
    parts[1].saved.run.ending = Ending::Interrupted;
    assert_eq!(merge(parts).unwrap().run.ending, Ending::Interrupted);
}
