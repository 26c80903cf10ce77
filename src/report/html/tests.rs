//! The page as text. How it behaves in a browser is held by `tests/it/html_page.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::super::fixture::{self, Fixture};
use super::*;

/// Elements without an end tag.
const VOID: [&str; 3] = ["meta", "link", "input"];

fn rendered(fixture: &Fixture) -> String {
    let mut out = Vec::new();
    write(&fixture.view(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What stands between each `<name>` and its end.
fn contents<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    page.split(&begin).skip(1).map(|rest| rest.split_once(&end).unwrap().0).collect()
}

/// The page without what is ours alone, and changes with every touch of its looks.
fn without_sources(page: &str) -> String {
    let mut shown = page.to_owned();
    for source in [contents(page, "style"), contents(page, "script")].concat() {
        let hash = STANDARD.encode(Sha256::digest(source));
        shown = shown.replace(&hash, "…");
        // The style of this very run is worth seeing.
        if !source.starts_with(":root{--columns") {
            shown = shown.replace(source, "…");
        }
    }
    shown
}

/// The tags of a page, without their attributes: `table`, `/table`.
fn tags(page: &str) -> Vec<&str> {
    let page_tags = page.split('<').skip(1);
    page_tags.map(|rest| rest.split([' ', '>']).next().unwrap()).collect()
}

#[test]
fn html_looks_like_this() {
    insta::assert_snapshot!(without_sources(&rendered(&fixture::all_statuses())));
}

#[test]
fn policy_allows_the_sources_of_the_page_and_nothing_else() {
    for fixture in [fixture::all_statuses(), fixture::many(0), fixture::saying("</style><script>")] {
        let page = rendered(&fixture);
        let (_, policy) = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").unwrap();
        let (policy, _) = policy.split_once('"').unwrap();
        let hash = |source: &&str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(source)));
        let [scripts, styles] =
            ["script", "style"].map(|name| contents(&page, name).iter().map(hash).collect::<Vec<_>>());
        assert_eq!(
            policy,
            format!(
                "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
                scripts.join(" "),
                styles.join(" ")
            )
        );
        assert_eq!((scripts.len(), styles.len()), (1, 2));
        // What the policy would forbid is not there either.
        let markup = without_sources(&page);
        for forbidden in
            [" style=", " src=", " onclick=", "http-equiv=\"refresh\"", "href=\"http", "javascript:"]
        {
            assert!(!markup.contains(forbidden), "{forbidden}");
        }
    }
}

#[test]
fn every_element_ends_in_its_own_parent() {
    for fixture in [fixture::all_statuses(), fixture::many(250), fixture::many(0), fixture::with_quotas()] {
        let page = without_sources(&rendered(&fixture));
        let mut open = Vec::new();
        for tag in tags(&page).into_iter().filter(|tag| *tag != "!DOCTYPE") {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                // Those of drawings end themselves.
                None if VOID.contains(&tag) || ["rect", "line"].contains(&tag) => {}
                None => open.push(tag),
            }
        }
        assert_eq!(open, [""; 0]);
    }
}

#[test]
fn identifiers_are_unique_and_those_named_exist() {
    let page = without_sources(&rendered(&fixture::all_statuses()));
    let values = |attribute: &str| -> Vec<&str> {
        let begin = format!(" {attribute}=\"");
        page.split(&begin).skip(1).flat_map(|rest| rest.split('"').next().unwrap().split(' ')).collect()
    };
    let identifiers = values("id");
    let unique: std::collections::HashSet<_> = identifiers.iter().collect();
    assert_eq!(unique.len(), identifiers.len());
    let links = values("href").into_iter().filter_map(|link| link.strip_prefix('#'));
    for named in values("aria-labelledby").into_iter().chain(links) {
        assert!(identifiers.contains(&named), "{named}");
    }
}

#[test]
fn rows_cost_little() {
    let [few, many] = [1_000, 2_000].map(|images| rendered(&fixture::many(images)));
    let bytes = (many.len() - few.len()) / 1_000;
    let elements = |page: &str| tags(page).iter().filter(|tag| !tag.starts_with('/')).count();
    let elements = (elements(&many) - elements(&few)) / 1_000;
    assert!(bytes <= 1_150 && elements <= 16, "{bytes} bytes and {elements} elements for each image");
}

#[test]
fn rows_stand_in_bodies_whose_height_is_known() {
    for (images, full, bodies) in [(1, 0, 1), (100, 1, 1), (101, 1, 2), (250, 2, 3)] {
        let page = without_sources(&rendered(&fixture::many(images)));
        let count = |text: &str| page.matches(text).count();
        assert_eq!((count("<tbody role=\"rowgroup\" class=\"full\">"), count("<tbody ")), (full, bodies));
        assert_eq!(count("<tr id=\"i"), images as usize);
    }
    assert!(SCRIPT.contains(&format!("ROWS_OF_BODY = {};", images::ROWS_OF_BODY)));
}

#[test]
fn platforms_hosts_and_parts_say_how_they_are_in_words_and_by_a_tone() {
    let page = without_sources(&rendered(&fixture::with_parts()));
    for told in [
        "<article class=\"card\"><h3><bdi>half</bdi></h3>\n<ul class=\"facts\">\n\
         <li class=\"fine\"><code>linux/amd64</code> <span>1 of 1</span></li>\n\
         <li class=\"fail\"><code>linux/arm64</code> <span>0 of 1, 1 damaged</span></li>\n",
        "<ul class=\"facts card\">\n<li class=\"fail\"><bdi>half</bdi> \
         <span>cdn.example:8443 (blob store): NOT REACHED, half, ",
        "<ul><li>layer 404 BLOB_UNKNOWN (linux/arm64, ",
        "<li>… and 57 more, which are only counted</li></ul>",
    ] {
        assert_eq!(page.matches(told).count(), 1, "{told}\n{page}");
    }
    assert!(!without_sources(&rendered(&fixture::many(3))).contains("class=\"facts"));
}

#[test]
fn a_list_of_nothing_makes_a_page_that_says_so() {
    let page = without_sources(&rendered(&fixture::many(0)));
    assert!(page.contains("There was nothing to check."));
    assert!(!page.contains("<table") && !page.contains("<form") && !page.contains("Problems"));
}

#[test]
fn heads_keep_what_tells_long_names_apart() {
    let mut fixture = fixture::many(2);
    let names =
        ["cn", "eu"].map(|place| format!("{}.{place}.example:5000/proxy", "mirror-of-everything-".repeat(4)));
    for (endpoint, name) in fixture.run.endpoints.iter_mut().zip(&names) {
        std::sync::Arc::make_mut(endpoint).name = name.as_str().into();
    }
    let page = rendered(&fixture);
    let heads: Vec<_> =
        page.lines().filter(|line| line.starts_with("<th scope=\"col\"") && line.contains('…')).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    for (head, name) in heads.iter().zip(&names) {
        assert!(head.contains(&format!("title=\"{name}\">mirror-of-everything-…")), "{head}");
        assert!(head.ends_with(&format!("{}</th>", &name[name.len() - 22..])), "{head}");
    }
}

#[test]
fn long_groups_name_the_first_hundred_images() {
    let page = without_sources(&rendered(&fixture::many(300)));
    assert_eq!(page.matches("<li><a href=\"#i").count(), 200);
    for left in ["<li>and 200 more, in the table below</li>", "<li>and 50 more, in the table below</li>"] {
        assert_eq!(page.matches(left).count(), 1, "{left}");
    }
}

#[test]
fn pull_quotas_stand_at_the_foot() {
    let page = rendered(&fixture::with_quotas());
    assert!(
        page.contains("<p>registry-1.docker.io: 9 of 100 pulls left (counted over 6h): nearly spent.</p>")
    );
}

#[test]
fn statuses_are_told_in_calm_words() {
    assert_eq!(
        [Status::Ok, Status::Missing, Status::RateLimited].map(word),
        ["OK", "Not found", "Rate limited"]
    );
}

proptest! {
    #[test]
    fn hostile_text_adds_no_element_and_nothing_hidden(
        typed in any::<String>(),
        special in prop::sample::select(vec![
            fixture::HOSTILE,
            "</script><script>alert(1)</script>",
            "</style><style>*{display:none}",
            "\"}*{display:none}/*",
            "\\\"",
            "' onmouseover='alert(1)",
            "\" onmouseover=\"alert(1)",
            "--><!--",
            "<![CDATA[",
            "&lt;b&gt;",
            "</title></svg></table>",
            "\u{202e}\u{2066}\n\r\0",
            "",
        ]),
    ) {
        // An empty reason is not told, so has no element.
        let typed = format!("x{special}{typed}");
        let [hostile, plain] = [&*typed, "x"].map(|text| rendered(&fixture::saying(text)));
        prop_assert_eq!(tags(&hostile), tags(&plain));
        for (line, other) in hostile.lines().zip(plain.lines()) {
            prop_assert!(!line.contains(escape::is_hidden));
            prop_assert_eq!(line.matches('"').count(), other.matches('"').count(), "{}", line);
        }
        prop_assert_eq!(hostile.lines().count(), plain.lines().count());
    }
}
