//! The page of the url-shortener in a real browser, where `URL_SHORTENER_CHROMEDRIVER` says there is one.

#![expect(clippy::disallowed_methods, reason = "the target of the links is a thread of the test")]
#![expect(clippy::disallowed_types, reason = "and so it has a socket")]

mod accessible;
mod change;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use crate::lab::Scratch;
use crate::server::Server;
use crate::webdriver::{Browser, Driver};

const DRIVER: &str = "URL_SHORTENER_CHROMEDRIVER";
/// Keys, as WebDriver spells them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A service, and what drives browsers to it.
struct Stage {
    driver: Driver,
    server: Server,
    scratch: Scratch,
    /// Where links of the test lead.
    target: SocketAddr,
}

impl Stage {
    /// None where there is no browser to test with.
    fn set(test: &str) -> Option<Stage> {
        let Ok(program) = std::env::var(DRIVER) else {
            eprintln!("skipped: {DRIVER} names no chromedriver");
            return None;
        };
        let scratch = Scratch::new(test);
        let server = Stage::serve(&scratch, "data", &[]);
        Some(Stage { driver: Driver::start(&program), server, scratch, target: target() })
    }

    fn serve(scratch: &Scratch, data: &str, more: &[&str]) -> Server {
        let data = scratch.text(data);
        let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
        Server::run(&[&serve, more].concat())
    }

    fn browser(&self, name: &str, with_scripts: bool) -> Browser<'_> {
        self.driver.browser(&self.scratch.text(name), with_scripts)
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    /// Makes a link in the page, as a person does.
    fn make(&self, browser: &Browser<'_>, alias: &str, title: &str) {
        browser.go(&self.at("/"));
        browser.find("#url").type_in(&format!("http://{}/{alias}", self.target));
        browser.find("summary").click();
        browser.find("#alias").type_in(alias);
        browser.find("#title").type_in(title);
        browser.find("main form button").click();
        assert_eq!(browser.find(".notice").text(), "Your short link is made, and kept.");
        assert!(browser.url().contains(&format!("/links/{alias}?")), "{}", browser.url());
    }

    fn follow(&self, browser: &Browser<'_>, alias: &str) {
        browser.go(&self.at(&format!("/{alias}")));
        assert_eq!(browser.url(), format!("http://{}/{alias}", self.target));
        assert_eq!(browser.find("h1").text(), "You have arrived");
    }
}

/// A page for links to lead to.
fn target() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // As much of a request as comes at once is enough to answer.
                let _ = stream.read(&mut [0; 4096]);
                let page = "<!doctype html><title>There</title><h1>You have arrived</h1>";
                let length = page.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: \
                     {length}\r\nconnection: close\r\n\r\n{page}"
                );
            });
        }
    });
    address
}

#[test]
fn a_person_makes_a_link_follows_it_and_sees_the_click() {
    let Some(stage) = Stage::set("browser-click") else { return };
    let (owner, friend) = (stage.browser("owner", true), stage.browser("friend", true));
    stage.make(&owner, "first", "My first link");
    assert_eq!(owner.find("#clicks").text(), "0");
    stage.follow(&friend, "first");
    // The owner touches nothing: the page is to say it by itself.
    let said = owner.wait_for(
        "const done = arguments[arguments.length - 1];
         const look = () => {
             if (document.getElementById('clicks').textContent !== '1') return false;
             done(document.getElementById('live').textContent);
             return true;
         };
         if (!look()) new MutationObserver((_, watch) => look() && watch.disconnect())
             .observe(document.body, { childList: true, subtree: true, characterData: true });",
    );
    assert!(said == "1 click" || said == "", "what is said to a screen reader is {said}");
    assert_eq!(owner.find("#visitor-days").text(), "1");
    assert!(owner.find("#hours-title").is_shown() && owner.find("#days-title").is_shown());
    owner.find("#hours-summary").click();
    assert_eq!(owner.find("#hours-table tbody tr:first-child td").text(), "1");
    let complaints: Vec<String> = owner.complaints();
    assert_eq!(complaints, [""; 0], "its own policy lets the page do what it does");
}

#[test]
fn everything_works_without_scripts() {
    let Some(stage) = Stage::set("browser-plain") else { return };
    let browser = stage.browser("plain", false);
    stage.make(&browser, "plain", "Made without scripts");
    assert!(!browser.find("button[data-copy]").is_shown(), "scripts are off");
    let page = browser.url();
    stage.follow(&browser, "plain");
    // A click is counted soon after it, and without scripts the page tells when it is loaded again.
    let counted = (0..300).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        browser.go(&page);
        browser.find("#clicks").text() == "1"
    });
    assert!(counted, "the click appears");
    browser.find("main > details > summary").click();
    browser.find("form[action$='/delete'] button").click();
    assert!(browser.find("#search").is_shown());
    assert_eq!(browser.url(), stage.at("/links"));
    browser.go(&page);
    assert_eq!(browser.find("h1").text(), "There is no such link");
}

#[test]
fn a_search_finds_and_what_others_wrote_is_text() {
    let Some(stage) = Stage::set("browser-search") else { return };
    let browser = stage.browser("searcher", true);
    let title = "<script>document.title = 'owned'</script><b>\"quoted\" & 'more'</b>";
    stage.make(&browser, "hostile", title);
    assert_eq!(browser.find("h1").text(), title);
    stage.make(&browser, "tame", "Another");
    browser.go(&stage.at("/links"));
    assert_eq!(browser.count("tbody tr"), 2);
    browser.find("#search").type_in("QUOTED");
    browser.find("form[role=search] button").click();
    assert!(browser.find("#search[value=QUOTED]").is_shown(), "one sees what one searched for");
    assert_eq!(browser.find("tbody strong").text(), title);
    assert_eq!(browser.count("tbody tr"), 1);
    assert!(browser.title().starts_with("Links"), "nothing of it ran: {}", browser.title());
    assert_eq!(browser.count("main script, main b"), 0);
    browser.go(&stage.at("/links?search=%3Cscript%3Ealert(1)%3C/script%3E"));
    assert!(browser.find("main").text().contains("<script>alert(1)</script>"));
    assert_eq!(browser.count("main script"), 0);
}

#[test]
fn a_link_is_made_with_the_keyboard_alone() {
    let Some(stage) = Stage::set("browser-keys") else { return };
    let browser = stage.browser("typist", true);
    browser.go(&stage.at("/"));
    assert_eq!(browser.find("#url:focus").label(), "Long address", "one can begin at once");
    browser.press(&format!("http://{}/keys", stage.target));
    browser.press(TAB);
    assert_eq!(browser.active().label(), "Shorten");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "one sees where one is");
    browser.press(&format!("{TAB}{ENTER}{TAB}"));
    assert_eq!(browser.active().label(), "Alias");
    browser.press("keys");
    browser.press(ENTER);
    let notice = browser.find("[role=status].notice");
    assert_eq!(notice.text(), "Your short link is made, and kept.");
    // What is wrong is said, and leads to its field.
    browser.go(&stage.at("/"));
    assert!(browser.find("#url:focus").is_shown());
    browser.press(&format!("http://{}/other{TAB}{TAB}{ENTER}{TAB}keys{ENTER}", stage.target));
    assert_eq!(browser.find("[role=alert]").text(), "No link was made. Please look at Alias.");
    assert!(browser.find("#alias-wrong").text().contains("already"));
    assert_eq!(browser.find("#alias:focus").attribute("aria-invalid").as_deref(), Some("true"));
}

#[test]
fn everything_has_a_name_and_can_be_read_by_day_and_by_night() {
    let Some(stage) = Stage::set("browser-look") else { return };
    let browser = stage.browser("reader", true);
    stage.make(&browser, "look", "A link to look at");
    let paths = ["/", "/links", "/links?search=no-such-thing", "/links/look?domain=", "/nobody"];
    let pages = paths.into_iter().chain(["/links/look/edit?domain="]).map(|path| stage.at(path));
    let pages: Vec<String> = pages.collect();
    let mut papers = Vec::new();
    for page in &pages {
        browser.go(page);
        for field in browser.all("main input:not([type=hidden]), main select, main button") {
            assert!(
                !field.is_shown() || !field.label().is_empty(),
                "a field of {page} has no name"
            );
        }
        let charts =
            if browser.count("#stats") > 0 { browser.all("main [role=img]") } else { Vec::new() };
        for image in charts {
            assert!(image.label().contains("clicks"), "a chart of {page} says nothing");
        }
        assert_eq!(browser.count("h1"), 1, "{page} has one heading for all of it");
        for scheme in ["light", "dark"] {
            browser.prefer(scheme);
            let (paper, least) = colours(&browser);
            assert!(least >= 4.5, "{page} by {scheme}: a contrast of {least} to 1 is too small");
            papers.push(paper);
        }
    }
    assert_ne!(papers[0], papers[1], "dark is another colour than light");
}

/// The colour of the page, and the smallest contrast of a text on it (WCAG 2, 1.4.3).
fn colours(browser: &Browser<'_>) -> (String, f64) {
    let found = browser.run(
        "const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
         const light = (colour) => {
             const [r, g, b] = numbers(colour).map((n) => n / 255)
                 .map((n) => n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
             return 0.2126 * r + 0.7152 * g + 0.0722 * b;
         };
         const paper = (element) => {
             for (let e = element; e; e = e.parentElement) {
                 const colour = getComputedStyle(e).backgroundColor;
                 if ((numbers(colour)[3] ?? 1) > 0) return colour;
             }
         };
         let least = 21;
         for (const element of document.querySelectorAll('body *')) {
             const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
             if (!own || !element.checkVisibility() || element.closest('svg')) continue;
             const one = light(getComputedStyle(element).color), other = light(paper(element));
             least = Math.min(least, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
         }
         return [getComputedStyle(document.body).backgroundColor, least];",
    );
    (found[0].as_str().unwrap().to_owned(), found[1].as_f64().unwrap())
}
