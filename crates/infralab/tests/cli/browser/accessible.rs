//! All pages by the rules of WCAG, as far as axe can tell, and no wider than the screen that they are on.

use serde_json::{Value, json};

use super::Stage;
use crate::lab::Scratch;
use crate::links::{make, say};
use crate::webdriver::Browser;

/// Names axe's script. Whoever has a browser for the tests has it as well.
const AXE: &str = "URL_SHORTENER_AXE";
const KEY: &str = "a-key-that-nobody-guesses";
/// A phone, and a desk.
const SCREENS: [(u32, u32); 2] = [(390, 844), (1280, 900)];

/// Looks at pages with axe's eyes.
struct Judge<'a> {
    browser: Browser<'a>,
    axe: String,
    seen: usize,
}

impl Judge<'_> {
    /// The page that the browser shows has no fault, on any screen, by day and by night.
    #[track_caller]
    fn judge(&mut self, name: &str) {
        for (width, height) in SCREENS {
            self.browser.resize(width, height);
            for scheme in ["light", "dark"] {
                self.browser.prefer(scheme);
                let faults = self.faults();
                assert_eq!(faults, json!([]), "{name}, {width} wide, {scheme}: {faults:#}");
            }
            let wide = self.browser.run("return document.documentElement.scrollWidth");
            let wide = wide.as_u64().unwrap();
            assert!(wide <= width.into(), "{name} is {wide} wide on a screen of {width}");
        }
        self.seen += 1;
    }

    fn faults(&self) -> Value {
        self.browser.run(&self.axe);
        let found = self.browser.wait_for(
            "const done = arguments[arguments.length - 1];
             axe.run(document).then((report) => done(JSON.stringify([
                 report.passes.length,
                 report.violations.map((fault) => [fault.id, fault.help,
                     fault.nodes.map((node) => node.html)]),
             ])), (error) => done(String(error)));",
        );
        let found: Value = serde_json::from_str(found.as_str().unwrap()).unwrap();
        assert!(found[0].as_u64().unwrap() > 10, "it looked at something: {found}");
        found[1].clone()
    }

    fn go(&mut self, address: &str, name: &str) {
        self.browser.go(address);
        self.judge(name);
    }
}

/// Links whose parts are as long as they may be, one that has ended, and enough for two pages.
fn fill(stage: &Stage) {
    let (long, path) = ("x".repeat(64), "long/".repeat(300));
    let full = json!({
        "url": format!("https://a.example/{path}"), "alias": long, "title": "W".repeat(1000),
        "tags": [long, "a tag"], "expires_at": "2500-01-01T00:00:00Z", "forward_query": true,
    });
    make(&stage.server, &full);
    for n in 0..30 {
        make(&stage.server, &json!({"url": "https://a.example", "alias": format!("link-{n}")}));
    }
    make(&stage.server, &json!({"url": "https://a.example", "alias": "over"}));
    let past = json!({"expires_at": "2020-01-01T00:00:00Z"});
    assert_eq!(say(&stage.server, "PATCH /api/links/over", &past).status, 200);
}

#[test]
fn every_page_keeps_the_rules_and_fits_its_screen() {
    let Some(stage) = Stage::set("browser-rules") else { return };
    let file = std::env::var(AXE).unwrap_or_else(|_| panic!("{AXE} names axe.min.js of axe-core"));
    let axe = std::fs::read_to_string(file).unwrap();
    let mut judge = Judge { browser: stage.browser("judge", true), axe, seen: 0 };
    judge.go(&stage.at("/links"), "a list of nothing");
    fill(&stage);
    let long = "x".repeat(64);
    judge.go(&stage.at("/links"), "the list");
    judge.browser.find("a[rel=next]").click();
    judge.judge("its second page");
    judge.go(&stage.at("/links?search=xxx"), "what a search found");
    judge.go(&stage.at(&format!("/links?search={}", "y".repeat(200))), "what it did not find");
    judge.go(&stage.at(&format!("/links/{long}")), "a link that nobody followed");
    make(
        &stage.server,
        &json!({"url": format!("http://{}/followed", stage.target), "alias": "followed"}),
    );
    stage.follow(&judge.browser, "followed");
    crate::links::counted(&stage.server, "followed", 1);
    judge.browser.go(&stage.at("/links/followed"));
    judge.browser.find("#hours-summary").click();
    judge.browser.find("main > details > summary").click();
    judge.judge("a link that was followed, with all that opens");
    judge.go(&stage.at("/links/over"), "a link that has ended");
    judge.go(&stage.at(&format!("/links/{long}/edit")), "a link that is changed");
    judge.browser.find("#url").replace_by("mailto:x@a.example");
    judge.browser.find("main form button").click();
    judge.browser.find("#url-wrong");
    judge.judge("a change that is none");
    judge.go(&stage.at("/"), "a new link");
    judge.browser.find("summary").click();
    judge.judge("a new link, with all choices");
    judge.browser.find("#url").type_in("https://a.example");
    judge.browser.find("#alias").type_in("over");
    judge.browser.find("main form button").click();
    judge.browser.find("#alias-wrong");
    judge.judge("an alias that is taken");
    stage.make(&judge.browser, "made", "Made in the page");
    judge.judge("a link that was just made");
    judge.go(&stage.at("/nobody"), "no such link");
    judge.go(&stage.at("/over"), "a link that leads nowhere any more");
    judge.go(&stage.at("/links?after=9.8.7"), "a page that was refused");
    doors(&mut judge);
    assert_eq!(judge.seen, 20);
}

/// The pages of a service with keys.
fn doors(judge: &mut Judge<'_>) {
    let scratch = Scratch::new("browser-doors");
    std::fs::write(scratch.join("keys"), KEY).unwrap();
    let server = Stage::serve(&scratch, "data", &["--keys", &scratch.text("keys")]);
    judge.go(&format!("http://{}/", server.address), "the door");
    judge.browser.find("#key").type_in("a-key-of-another-house");
    judge.browser.find("main form button").click();
    judge.browser.find("#wrong");
    judge.judge("the door, behind which one does not come");
    judge.browser.find("#key").type_in(KEY);
    judge.browser.find("main form button").click();
    judge.browser.find("#url");
    judge.judge("inside");
}

/// Charts of nothing once had a bar for each hour.
#[test]
fn a_chart_has_a_scale_and_no_bar_for_nothing() {
    let Some(stage) = Stage::set("browser-charts") else { return };
    let browser = stage.browser("owner", true);
    stage.make(&browser, "charted", "With charts");
    assert_eq!(browser.count(".charts svg"), 0);
    assert!(browser.find(".charts").text().contains("Nobody came in this time."));
    for _ in 0..3 {
        stage.follow(&browser, "charted");
    }
    crate::links::counted(&stage.server, "charted", 3);
    browser.go(&stage.at("/links/charted"));
    let scale = browser.find("#stats .scale").text();
    assert_eq!(scale.split_whitespace().collect::<Vec<_>>(), ["4", "2", "0"]);
    assert_eq!(browser.count("#stats section:first-child svg rect"), 1);
    // Three of four: the bar ends where the scale says.
    let share = browser.run(
        "const bar = document.querySelector('#stats .bars rect').getBoundingClientRect();
         const all = document.querySelector('#stats .bars').getBoundingClientRect();
         return Math.round(100 * bar.height / all.height);",
    );
    assert_eq!(share, 75);
}
