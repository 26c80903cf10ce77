//! The HTML report in a browser: that of people, of phones, and of those who see or do without some of it.

use std::path::{Path, PathBuf};

use registry_check::demo::{Behaviour, World, content};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load;
use crate::support::browser::{Browser, Key};
use crate::support::embedded::{self, Check, Pair};
use crate::support::tool::Tool;

/// A report in a file.
struct Page {
    path: PathBuf,
    _dir: TempDir,
}

impl Page {
    fn of(html: &str) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let path = dir.path().join("report.html");
        std::fs::write(&path, html).expect("a file");
        Self { path, _dir: dir }
    }

    /// What the demo's registries come to: six images, upstream and five mirrors, most of them unwell.
    fn of_the_demo() -> Self {
        let world = World::start().expect("ports of loopback");
        let mut config = format!("[[registries]]\nname = \"docker.io\"\nurl = \"{}\"\n", world.upstream());
        for mirror in world.mirrors() {
            config += &format!("[[mirrors]]\nname = \"{}\"\nurl = \"{}\"\n", mirror.name, mirror.url);
        }
        let output = Tool::new()
            .file("registry-check.toml", config)
            .file("images.txt", world.images().join("\n"))
            .line("images.txt -o report.html")
            .run();
        assert_eq!(output.code, Some(1), "{output:?}");
        Self::of(&output.file("report.html"))
    }

    fn seen_by(&self, browser: &Browser) {
        browser.open(&self.path);
        browser.wait("!document.getElementById('filters').hidden");
        assert_eq!(browser.console(), [""; 0]);
    }
}

/// The names of the images that are shown, in order.
fn shown(browser: &Browser) -> Vec<String> {
    let names = browser.script(
        "return [...document.querySelectorAll('#matrix tbody tr')].filter((row) => row.checkVisibility())\
         .map((row) => row.querySelector('th > a').textContent)",
    );
    names.as_array().expect("names").iter().map(|name| name.as_str().expect("text").to_owned()).collect()
}

/// Opens whatever can be opened.
const OPEN_ALL: &str = "
    document.querySelectorAll('details').forEach((each) => (each.open = true));
    document.querySelectorAll('#matrix [aria-expanded=false]').forEach((each) => each.click());
";

/// Waits for what the live line says.
fn wait_for_count(browser: &Browser, said: &str) {
    browser.wait(&format!("document.getElementById('shown').value === '{said}'"));
}

fn is_open(browser: &Browser, row: u32) -> bool {
    let told = browser.script(&format!(
        "const row = document.querySelector('#i{row}');\
         return [row.querySelector('th code').checkVisibility(), row.querySelector('th > a').ariaExpanded === 'true']"
    ));
    assert_eq!(told[0], told[1], "it is said to be what it is");
    told[0] == true
}

#[test]
fn rows_are_filtered_by_text_mirror_registry_and_status() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    page.seen_by(&browser);
    wait_for_count(&browser, "6 images shown");

    browser.type_into("#text", "Redis 7.2");
    wait_for_count(&browser, "1 of 6 images shown");
    assert_eq!(shown(&browser), ["docker.io/library/redis:7.2"]);
    browser.click("#filters button[type=reset]");
    wait_for_count(&browser, "6 images shown");
    // Reasons and codes are looked through as well.
    browser.type_into("#text", "single-platform-copy");
    wait_for_count(&browser, "1 of 6 images shown");
    assert_eq!(shown(&browser), ["docker.io/library/alpine:3.20"]);
    browser.click("#filters button[type=reset]");
    wait_for_count(&browser, "6 images shown");

    browser.click("fieldset button[value=stale]");
    wait_for_count(&browser, "2 of 6 images shown");
    browser.click("fieldset button[value=incomplete]");
    wait_for_count(&browser, "3 of 6 images shown");
    // Upstream, healthy, stale, patchy: what is asked for must stand in the column chosen.
    browser.click("#mirror option[value='4']");
    wait_for_count(&browser, "1 of 6 images shown");
    assert_eq!(shown(&browser), ["docker.io/library/alpine:3.20"]);
    browser.click("#registry option[value='docker.io']");
    browser.click("fieldset button[value=incomplete]");
    wait_for_count(&browser, "0 of 6 images shown");
    assert_eq!(shown(&browser), [""; 0]);
    browser.click("#filters button[type=reset]");
    wait_for_count(&browser, "6 images shown");
    assert_eq!(browser.script("return document.querySelectorAll('[aria-pressed=true]').length"), 0);
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn rows_open_and_are_sorted() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    page.seen_by(&browser);
    let listed = shown(&browser);
    let sorted_as = |column: u32, wanted: &str| {
        browser.wait(&format!(
            "document.querySelector('#matrix thead th:nth-child({column})').getAttribute('aria-sort') === '{wanted}'"
        ));
    };

    browser.click("#i3 th > a");
    assert!(is_open(&browser, 3));
    let details = browser.script("return document.querySelector('#i3 th > div').innerText");
    let details = details.as_str().expect("text");
    for told in [
        "Named alpine:3.20 at images.txt:4",
        "sha256:",
        "from upstream docker.io, healthy, stale",
        "patchy: Incomplete single-platform-copy",
        "Try: copy the image again with all platforms",
        "HTTP 200 · first byte after ",
        " · 1 attempt · ",
        "dead: Unreachable connect-refused",
    ] {
        assert!(details.contains(told), "{told}\n{details}");
    }
    browser.click("#i3 th > a");
    assert!(!is_open(&browser, 3));
    // So does a cell.
    browser.click("#i3 td:nth-child(4)");
    assert!(is_open(&browser, 3));
    assert_eq!(browser.script("return location.hash"), "", "a name is a link only without the script");

    browser.click("#matrix thead th:nth-child(1) button");
    sorted_as(1, "ascending");
    let mut by_name = listed.clone();
    by_name.sort();
    browser.wait("document.querySelector('#matrix tbody th > a').textContent.includes('grafana')");
    assert_eq!(shown(&browser), by_name);
    assert!(is_open(&browser, 3), "what was open stays open");
    browser.click("#matrix thead th:nth-child(1) button");
    sorted_as(1, "descending");
    by_name.reverse();
    assert_eq!(shown(&browser), by_name);
    // By a mirror: what is worst comes first, and what is equal stays in the order of the list.
    browser.click("#matrix thead th:nth-child(5) button");
    sorted_as(5, "ascending");
    sorted_as(1, "none");
    let statuses = browser.script(
        "return [...document.querySelectorAll('#matrix tbody td:nth-child(5)')].map((cell) => cell.textContent)",
    );
    assert_eq!(statuses, json!(["Not found", "Not found", "Incomplete", "Same content", "OK", "OK"]));
    assert_eq!(shown(&browser)[..2], listed[1..3]);
    browser.click("#matrix thead th:nth-child(5) button");
    browser.click("#matrix thead th:nth-child(5) button");
    sorted_as(5, "none");
    assert_eq!(shown(&browser), listed);
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn what_is_found_in_a_row_that_is_shut_opens_it() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    // As the search of a browser does, which no driver can type into.
    for is_script_off in [false, true] {
        browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": is_script_off}));
        browser.open(Path::new("/"));
        browser.open(Path::new(&format!("{}#:~:text=at%20images.txt:4", page.path.display())));
        browser.wait("document.querySelector('#i3 th code').checkVisibility()");
        let others = "return [...document.querySelectorAll('#matrix th > div > code:first-child')]\
                      .filter((each) => each.checkVisibility()).length";
        assert_eq!(browser.script(others), 1);
        if !is_script_off {
            assert!(is_open(&browser, 3));
            browser.click("#i3 th > a");
            assert!(!is_open(&browser, 3));
        }
    }
}

#[test]
fn problems_lead_to_their_rows_also_to_hidden_ones() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    page.seen_by(&browser);
    browser.type_into("#text", "nginx");
    wait_for_count(&browser, "1 of 6 images shown");
    browser.click(".problem > .where a[href='#i3']");
    wait_for_count(&browser, "6 images shown");
    browser.wait("document.activeElement === document.querySelector('#i3 th > a')");
    assert!(is_open(&browser, 3));
    let top = browser.script("return document.querySelector('#i3').getBoundingClientRect().top");
    assert!(top.as_f64().is_some_and(|top| (0.0..900.0).contains(&top)), "{top}");
}

#[test]
fn everything_can_be_reached_and_done_with_the_keyboard() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    page.seen_by(&browser);
    let focused = || {
        let told = browser.script(
            "const e = document.activeElement; return e.id || e.value || e.textContent.trim().slice(0, 40)",
        );
        told.as_str().expect("text").to_owned()
    };
    browser.press(Key::Tab);
    assert_eq!(focused(), "Skip to the images");
    browser.press(Key::Tab);
    assert_eq!(focused(), "theme");
    browser.press(Key::Enter);
    assert_eq!(browser.script("return document.documentElement.dataset.theme"), "dark");

    // The order of focus is that of the page: links of problems, filters, heads, rows.
    let mut order = Vec::new();
    for _ in 0..60 {
        browser.press(Key::Tab);
        let outline = browser.script(
            "const e = document.activeElement; const parent = e.closest('th') ?? e;\
             return [e, parent].some((each) => getComputedStyle(each).outlineStyle !== 'none')",
        );
        order.push(focused());
        assert_eq!(outline, true, "focus is seen on {order:?}");
        if order.last().is_some_and(|last| last.starts_with("docker.io/library/busybox@")) {
            break;
        }
    }
    let position = |wanted: &str| order.iter().rposition(|each| each.starts_with(wanted));
    let stations: Vec<_> = [
        "Which images",
        "text",
        "mirror",
        "registry",
        "ok",
        "Clear filters",
        "Image",
        "dead",
        "docker.io/library/nginx:1.25",
    ]
    .map(position)
    .to_vec();
    assert!(stations.iter().all(Option::is_some) && stations.is_sorted(), "{stations:?} {order:?}");

    let focus = |selector: &str| {
        browser.script(&format!("document.querySelector(\"{selector}\").focus()"));
    };
    focus("#i0 th > a");
    for (key, is_shut) in [(Key::Enter, false), (Key::Space, true), (Key::Space, false)] {
        browser.press(key);
        browser.wait(&format!("Boolean(document.querySelector('#i0 th > div').hidden) === {is_shut}"));
    }
    focus("fieldset button[value=stale]");
    browser.press(Key::Space);
    wait_for_count(&browser, "2 of 6 images shown");
    focus("#matrix thead button");
    browser.press(Key::Enter);
    browser.wait("document.querySelector('#matrix thead th').ariaSort === 'ascending'");
}

/// Whatever text is seen, with its contrast to what is behind it, where that is too little.
/// Source: W3C, "Web Content Accessibility Guidelines 2.2", 1.4.3 and its definition of contrast ratio.
const POOR_CONTRAST: &str = r"
    const parse = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const channel = (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const style = getComputedStyle(each);
        const [r, g, b, alpha = 1] = parse(style.backgroundColor);
        if (alpha === 1) return [r, g, b];
        if (alpha !== 0 || style.backgroundImage !== 'none') throw new Error('what is behind ' + each.outerHTML);
      }
      throw new Error('nothing behind ' + element.outerHTML);
    };
    const poor = [];
    let looked = 0;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
      if (element.closest('script, svg title, svg desc, .skip')) continue;
      const style = getComputedStyle(element);
      const ink = parse(element.closest('svg') ? style.fill : style.color);
      const [dark, light] = [luminance(ink), luminance(behind(element))].sort((a, b) => a - b);
      const ratio = (light + 0.05) / (dark + 0.05);
      looked += 1;
      if (ratio < 4.5) poor.push(ratio.toFixed(2) + ' ' + element.outerHTML.slice(0, 120));
    }
    return [looked, poor];
";

#[test]
fn both_themes_have_contrast_and_everything_has_a_name() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    for system in ["light", "dark"] {
        browser.devtools(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": system}]}),
        );
        page.seen_by(&browser);
        let page_colour =
            || browser.script("return getComputedStyle(document.documentElement).backgroundColor");
        let before = page_colour();
        let assert_contrast = |about: &str| {
            let found = browser.script(POOR_CONTRAST);
            assert!(found[0].as_u64() > Some(200), "{about}: looked at {}", found[0]);
            assert_eq!(found[1], json!([]), "{about}");
        };
        browser.script(OPEN_ALL);
        assert_contrast(system);
        browser.script(
            "document.querySelectorAll('fieldset button').forEach((each) => each.ariaPressed = 'true')",
        );
        assert_contrast("pressed");
        // The button shows the other theme, and the first again.
        assert_eq!(
            browser.script("return document.getElementById('theme').ariaPressed"),
            (system == "dark").to_string()
        );
        browser.click("#theme");
        assert_ne!(page_colour(), before);
        assert_contrast("switched");
        browser.click("#theme");
        assert_eq!(page_colour(), before);
    }
    let controls = browser.accessible("button, input, select, summary, a, table, form, svg, section, output");
    assert!(controls.len() > 50, "{}", controls.len());
    for (role, name) in controls {
        assert!(!name.trim().is_empty() || role == "status", "a {role} without a name");
        assert_ne!(role, "generic", "{name}");
    }
    for (selector, role) in [
        ("#matrix", "table"),
        ("#i0", "row"),
        ("#i0 th", "rowheader"),
        ("#i0 th > a", "button"),
        ("#i0 td:nth-child(4)", "cell"),
        ("#matrix thead th:nth-child(2)", "columnheader"),
        ("#filters", "search"),
        (".availability", "image"),
        ("#text", "searchbox"),
    ] {
        assert!(browser.accessible(selector).iter().all(|(told, _)| told == role), "{selector}");
    }
    let drawn = browser.accessible(".card:nth-child(2) svg");
    assert!(drawn[0].1.starts_with("Availability of stale Of 6: 4 ok, 2 stale."), "{drawn:?}");
    assert!(drawn[1].1.starts_with("Latency of stale Answers by their time: "), "{drawn:?}");
    assert_eq!(browser.script("return document.documentElement.lang"), "en");
}

#[test]
fn nothing_is_loaded_and_nothing_else_can_run() {
    let pair = Pair::misbehaving(Behaviour::HostileError(403));
    let output = pair.check().args("-o report.html").tool().run();
    assert_eq!(output.code, Some(3), "{output:?}");
    let (page, browser) = (Page::of(&output.file("report.html")), Browser::start(1280, 900));
    browser.requested();
    page.seen_by(&browser);
    let requested = browser.requested();
    let loaded: Vec<_> = requested.iter().filter(|url| !url.starts_with("data:")).collect();
    assert_eq!(loaded, [&format!("file://{}", page.path.display())]);
    // What the server said is text, and all of it that is ours stands where it should.
    let said = browser.script("return document.querySelector('.problem .said').textContent");
    assert!(said.as_str().is_some_and(|said| said.contains("<script>")), "{said}");
    assert_eq!(browser.script("return document.querySelectorAll('script').length"), 1);

    // Should anything get past the escaping after all, the page's policy stops it.
    let hits = pair.upstream.hits().len();
    let smuggled = format!(
        "const script = document.createElement('script'); script.textContent = 'window.ran = true';\
         const style = document.createElement('style'); style.textContent = 'html {{ color: rgb(1, 2, 3) !important }}';\
         const frame = document.createElement('iframe'); frame.src = '{url}';\
         const image = document.createElement('img'); image.src = '{url}';\
         document.body.append(script, style, frame, image);\
         document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.ran = true\">x</b>');\
         document.body.lastChild.click();\
         return fetch('{url}').then(() => 'fetched', () => [window.ran ?? null, getComputedStyle(document.documentElement).color === 'rgb(1, 2, 3)']);",
        url = pair.upstream.url()
    );
    assert_eq!(browser.script(&smuggled), json!([null, false]));
    let refused = browser.console().iter().filter(|line| line.contains("Content Security Policy")).count();
    assert!(refused >= 6, "{refused} refusals");
    assert_eq!(pair.upstream.hits().len(), hits, "nothing was asked for");
}

#[test]
fn without_a_script_the_page_is_whole() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(&page.path);
    assert_eq!(shown(&browser).len(), 6);
    // What needs the script is not there.
    for control in ["#filters", "#theme"] {
        assert_eq!(
            browser.script(&format!("return document.querySelector('{control}').checkVisibility()")),
            false
        );
    }
    assert_eq!(browser.script("return document.querySelectorAll('thead button').length"), 0);
    let opened = || {
        browser.script(
            "return [...document.querySelectorAll('#matrix .answers')].filter((each) => each.checkVisibility())\
             .map((each) => each.closest('tr').id)",
        )
    };
    assert_eq!(opened(), json!([]));
    browser.click("#i3 th > a");
    assert_eq!(opened(), json!(["i3"]));
    let details = browser.script("return document.querySelector('#i3 .answers').innerText");
    assert!(details.as_str().is_some_and(|text| text.contains("Try: copy the image again")), "{details}");
    // So does the link of a problem, and another one in its place.
    browser.click(".problem > .where a[href='#i1']");
    assert_eq!(opened(), json!(["i1"]));
    // Only what belongs to the script is hidden, and rows until they are opened or found.
    let hidden = browser.script(
        "return [...document.querySelectorAll('[hidden]:not([hidden=until-found])')].map((each) => each.id)",
    );
    assert_eq!(hidden, json!(["theme", "filters"]));
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn phones_need_no_sideways_scrolling() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(360, 740));
    page.seen_by(&browser);
    browser.script(OPEN_ALL);
    let widths = |when: &str| {
        let found = browser.script(
            "const out = [...document.body.querySelectorAll('*')].filter((each) => {\
               const box = each.getBoundingClientRect();\
               return each.checkVisibility() && !each.closest('.skip') && box.width > 0 && (box.right > 360.5 || box.left < -0.5);\
             });\
             return [document.documentElement.scrollWidth, out.map((each) => each.outerHTML.slice(0, 80))]",
        );
        assert_eq!(found, json!([360, []]), "{when}");
    };
    widths("open");
    browser.script(
        "document.querySelectorAll('details').forEach((each) => (each.open = false));\
         document.querySelectorAll('#matrix [aria-expanded=true]').forEach((each) => each.click())",
    );
    widths("closed");
    // Each status stands with the name of its mirror, which has no head above it here.
    let label = browser
        .script("return getComputedStyle(document.querySelector('#i0 td:nth-child(3)'), '::before').content");
    assert_eq!(label, "\"healthy \"");
}

#[test]
fn print_shows_everything_but_the_controls() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(1280, 900));
    page.seen_by(&browser);
    browser.devtools("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let seen = |selector: &str| {
        browser.script(&format!("return document.querySelector('{selector}').checkVisibility()"))
    };
    assert_eq!(
        (seen("#filters"), seen("#theme"), seen("#matrix")),
        (Value::Bool(false), Value::Bool(false), Value::Bool(true))
    );
    let printed = browser.devtools("Page.printToPDF", json!({}));
    assert!(printed["data"].as_str().is_some_and(|data| data.starts_with("JVBERi0")), "a PDF");
}

#[test]
fn many_mirrors_leave_room_for_the_images_names_on_paper() {
    let (page, browser) = (Page::of_the_demo(), Browser::start(718, 1000));
    page.seen_by(&browser);
    browser.devtools("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let told = browser.script(
        "const row = document.querySelector('#i5');\
         const label = getComputedStyle(row.querySelector('td:nth-child(6)'), '::before').content;\
         return [row.querySelector('th > a').getClientRects().length, row.getBoundingClientRect().height,\
         document.querySelector('#matrix thead').checkVisibility(), label, document.documentElement.scrollWidth]",
    );
    let number = |at: usize| told[at].as_f64().expect("a number");
    assert!(number(1) < 80.0 && number(4) <= 718.0, "{told}");
    assert_eq!((&told[0], &told[2], &told[3]), (&1.into(), &false.into(), &"\"web-page \"".into()));
}

#[test]
fn long_lists_are_filtered_and_sorted_across_bodies() {
    let image = content::index("app", &embedded::PLATFORMS);
    let names: Vec<String> = (0..230).map(|at| format!("app-{at}")).collect();
    let repositories: Vec<String> = names.iter().map(|name| format!("library/{name}")).collect();
    let all: Vec<_> = repositories.iter().map(|name| (&**name, "1.0", &image)).collect();
    let upstream = embedded::start(&all);
    let mirror = embedded::start(&all[..200]);
    let images: Vec<String> = names.iter().map(|name| format!("{name}:1.0")).collect();
    let check = Check::of(&images).upstream(&upstream.url()).mirror("m", &mirror.url());
    let output = check.args("-o report.html").tool().run();
    assert_eq!(output.code, Some(1), "{output:?}");
    let (page, browser) = (Page::of(&output.file("report.html")), Browser::start(1280, 900));
    page.seen_by(&browser);
    let bodies = || {
        browser.script(
        "return [...document.querySelectorAll('#matrix tbody')].filter((body) => !body.hidden).map((body) => body.rows.length)",
    )
    };
    assert_eq!(bodies(), json!([100, 100, 30]));
    browser.click("fieldset button[value=missing]");
    wait_for_count(&browser, "30 of 230 images shown");
    assert_eq!(bodies(), json!([30]));
    browser.click("fieldset button[value=missing]");
    wait_for_count(&browser, "230 images shown");
    // By the mirror, what it lacks first: from the last body into the first.
    browser.click("#matrix thead th:nth-child(3) button");
    browser.wait("document.querySelector('#matrix tbody tr').id === 'i200'");
    assert_eq!(bodies(), json!([100, 100, 30]));
    let names = shown(&browser);
    assert_eq!(names.len(), 230);
    assert_eq!((&*names[29], &*names[30]), ("docker.io/library/app-229:1.0", "docker.io/library/app-0:1.0"));
    // The problem names the first hundred at most, and its links work across bodies.
    browser.script("document.querySelector('.problem details').open = true");
    browser.click(".problem a[href='#i205']");
    browser.wait("!document.querySelector('#i205 th > div').hidden");
}

#[test]
fn ten_thousand_rows_are_opened_filtered_sorted_and_counted() {
    let world = load::World::new(10_000, 1);
    (0..10_000)
        .step_by(10)
        .for_each(|at| world.mirrors[0].store().remove_repository(&format!("team/app{at}")));
    let output = Tool::new()
        .file("registry-check.toml", world.config(""))
        .file("images.txt", world.list())
        .line("images.txt -o report.html")
        .run();
    assert_eq!(output.code, Some(1), "{output:?}");
    let (page, browser) = (Page::of(&output.file("report.html")), Browser::start(1280, 900));
    page.seen_by(&browser);
    wait_for_count(&browser, "10,000 images shown");
    let rows = "return document.querySelectorAll('#matrix tbody tr:not([hidden])').length";
    assert_eq!(browser.script(rows), 10_000);
    browser.type_into("#text", "app99");
    wait_for_count(&browser, "111 of 10,000 images shown");
    assert_eq!(browser.script(rows), 111);
    browser.click("fieldset button[value=missing]");
    wait_for_count(&browser, "11 of 10,000 images shown");
    browser.click("#filters button[type=reset]");
    wait_for_count(&browser, "10,000 images shown");
    browser.click("#matrix thead th:nth-child(3) button");
    browser.wait(
        "document.querySelectorAll('#matrix tbody td:nth-child(3)')[999].classList.contains('missing')",
    );
    assert_eq!(
        browser.script("return document.querySelectorAll('#matrix tbody td:nth-child(3)')[1000].className"),
        "fine ok"
    );
    // The last row is as far as any other one.
    browser.script("location.hash = '#i9999'");
    browser.wait("!document.querySelector('#i9999 th > div').hidden");
    browser.wait("document.activeElement === document.querySelector('#i9999 th > a')");
    assert_eq!(browser.console(), [""; 0]);
}
