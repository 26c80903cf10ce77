//! What the terminal report looks like, and what it must never do.

use proptest::prelude::*;

use super::super::fixture::{self, Fixture};
use super::*;
use crate::model::code::Code;
use crate::model::run::Ending;

const PLAIN: TableStyle =
    TableStyle { colour: Colour::Never, width: Some(100), only: Only::All, sort: Sort::Input };
const WIDE: TableStyle = TableStyle { width: None, ..PLAIN };

fn rendered(fixture: &Fixture, style: TableStyle) -> String {
    let mut out = Vec::new();
    write(&fixture.view(), &style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_left_of_pull_quotas_follows_the_counts() {
    let text = rendered(&fixture::with_quotas(), PLAIN);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("left")).collect();
    assert_eq!(
        lines,
        [
            "registry-1.docker.io: 9 of 100 pulls left (counted over 6h): nearly spent",
            "x.example:5000: 50 of 50 pulls left",
        ]
    );
}

#[test]
fn table_looks_like_this() {
    insta::assert_snapshot!(rendered(&fixture::all_statuses(), WIDE));
}

#[test]
fn table_of_60_columns_looks_like_this() {
    insta::assert_snapshot!(rendered(&fixture::all_statuses(), TableStyle { width: Some(60), ..PLAIN }));
}

#[test]
fn table_of_80_columns_looks_like_this() {
    insta::assert_snapshot!(rendered(&fixture::all_statuses(), TableStyle { width: Some(80), ..PLAIN }));
}

#[test]
fn table_of_120_columns_looks_like_this() {
    insta::assert_snapshot!(rendered(&fixture::all_statuses(), TableStyle { width: Some(120), ..PLAIN }));
}

#[test]
fn no_line_is_longer_than_terminals_of_60_80_and_120_columns_are_wide() {
    let long = "a".repeat(70) + "/" + &"b".repeat(150) + " sha256:" + &"0".repeat(64);
    let was = |code| if code == Code::ManifestUnknown { Code::DigestDiffers } else { code };
    for fixture in [
        fixture::all_statuses(),
        fixture::many(40),
        fixture::held_against(fixture::many(4), 1, was),
        fixture::with_dynamic(30, &long),
        fixture::with_quotas(),
        fixture::saying(&long),
        fixture::saying(fixture::HOSTILE),
    ] {
        for width in [60, 80, 120] {
            let text = rendered(&fixture, TableStyle { width: Some(width), ..PLAIN });
            let longer: Vec<_> = text.lines().filter(|line| display_width(line) > width).collect();
            assert_eq!(longer, [""; 0], "{width}: {text}");
        }
    }
}

#[test]
fn problems_alone_worst_first_look_like_this() {
    let style = TableStyle { width: Some(100), only: Only::Problems, sort: Sort::Status, ..PLAIN };
    let text = rendered(&fixture::all_statuses(), style);
    let matrix: Vec<_> = text.lines().take_while(|line| !line.starts_with("6 images")).collect();
    insta::assert_snapshot!(matrix.join("\n"));
}

#[test]
fn a_run_without_problems_shows_no_matrix_of_them() {
    let mut fixture = fixture::many(3);
    fixture.run.results.retain(|result| result.endpoint == 2);
    let fixture = Fixture::new(fixture.run, fixture.policy, 0);
    let text = rendered(&fixture, TableStyle { only: Only::Problems, ..PLAIN });
    assert!(text.starts_with("3 images without problems not shown\n\n3 images, 2 mirrors: "), "{text}");
}

#[test]
fn problems_follow_the_order_of_the_images() {
    let problems = |sort| -> Vec<String> {
        let text = rendered(&fixture::many(30), TableStyle { sort, ..WIDE });
        let lines = text.lines().filter(|line| line.contains(" at half: "));
        lines.filter_map(|line| line.split("acme/").nth(1)?.split(':').next().map(str::to_owned)).collect()
    };
    assert_eq!(problems(Sort::Input)[..3], ["app-1", "app-3", "app-5"]);
    assert_eq!(problems(Sort::Image)[..3], ["app-1", "app-11", "app-13"]);
    // Each image of the fixture answers later than the one before it.
    assert_eq!(problems(Sort::Latency)[..3], ["app-29", "app-27", "app-25"]);
}

#[test]
fn problems_by_mirror_begin_with_the_one_that_has_most() {
    let text = rendered(&fixture::all_statuses(), TableStyle { sort: Sort::Mirror, ..WIDE });
    let mirrors: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(" at ").nth(1)?.split([' ', ':']).next())
        .filter(|word| ["daocloud", "內部鏡像", "quay-proxy"].contains(word))
        .collect();
    let mut once = mirrors.clone();
    once.dedup();
    assert_eq!(once, ["內部鏡像", "daocloud", "quay-proxy"], "{text}");
}

#[test]
fn large_run_looks_like_this() {
    let text = rendered(&fixture::many(60), WIDE);
    let after: Vec<_> = text.lines().skip_while(|line| !line.starts_with("60 images")).collect();
    insta::assert_snapshot!(after.join("\n"));
}

#[test]
fn colours_only_frame_what_stands_there_anyway() {
    let fixture = fixture::all_statuses();
    let coloured = rendered(&fixture, TableStyle { colour: Colour::Always, ..PLAIN });
    assert!(coloured.contains("\u{1b}[1;31m✗ STALE\u{1b}[0m"));
    let mut plain = coloured;
    for code in ["0", "1", "2", "32", "36", "33", "1;31"] {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(plain, rendered(&fixture, PLAIN));
}

#[test]
fn what_fails_alike_is_told_in_few_lines() {
    let text = rendered(&fixture::many(500), WIDE);
    assert_eq!(text.matches("[connect-refused]").count(), 1);
    assert_eq!(text.matches("[manifest-unknown]").count(), SHOWN_OF_GROUP);
    assert!(text.contains("… and 230 more"));
    for code in [Code::ConnectRefused, Code::ManifestUnknown] {
        assert_eq!(text.matches(code.advice()).count(), 1);
    }
}

#[test]
fn what_was_not_asked_after_an_interruption_is_told_once() {
    let mut fixture = fixture::many(40);
    fixture.run.ending = Ending::Interrupted;
    for result in fixture.run.results.iter_mut().skip(30) {
        result.verdict.code = Code::Interrupted;
        result.verdict.reason = "interrupted".into();
    }
    let fixture = Fixture::new(fixture.run, fixture.policy, 130);
    let text = rendered(&fixture, WIDE);
    assert_eq!(text.matches("[interrupted]").count(), 3);
    assert!(text.contains("  30 images at down: interrupted [interrupted]"));
}

#[test]
fn a_run_without_images_still_ends_with_a_decision() {
    let text = rendered(&fixture::many(0), PLAIN);
    assert!(text.starts_with("0 images, 2 mirrors: nothing"));
    assert!(text.ends_with("\nPASS: there was nothing to check\n"));
}

proptest! {
    #[test]
    fn hostile_text_stays_on_its_line_and_shows_its_controls(
        text in any::<String>(),
        special in prop::sample::select(vec![fixture::HOSTILE, "\u{9b}2J", "\n\nPASS: all fine\n", "\u{200b}", ""]),
        width in 40usize..160,
    ) {
        let plain = rendered(&fixture::saying("x"), WIDE);
        let hostile = fixture::saying(&format!("{special}{text}"));
        let problems = |text: &str| text.lines().skip_while(|line| !line.starts_with("1 image")).count();
        prop_assert_eq!(problems(&rendered(&hostile, WIDE)), problems(&plain));
        for style in [WIDE, TableStyle { width: Some(width), ..PLAIN }] {
            let text = rendered(&hostile, style);
            prop_assert!(!text.replace('\n', "").contains(escape::is_hidden));
            prop_assert!(text.lines().all(|line| !line.trim_start().starts_with("::") && crate::report::escape::runner_command(line).is_none()));
            prop_assert_eq!(text.lines().filter(|line| line.starts_with("PASS")).count(), 0);
        }
    }

    #[test]
    fn lines_fit_the_terminal(width in 40usize..160) {
        let text = rendered(&fixture::all_statuses(), TableStyle { width: Some(width), ..PLAIN });
        for line in text.lines() {
            prop_assert!(display_width(line) <= width, "{}", line);
        }
    }
}
