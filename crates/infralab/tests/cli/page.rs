//! The page of the url-shortener as a browser's bytes: what it sends along, and whom it turns away.

use std::fs;

use crate::client::{Reply, send};
use crate::lab::Scratch;
use crate::server::Server;

const KEY: &str = "a-key-that-nobody-guesses";

/// A server, and what a browser keeps of it.
struct Site {
    server: Server,
    _scratch: Scratch,
}

impl Site {
    fn open(test: &str, with_keys: bool) -> Site {
        let scratch = Scratch::new(test);
        let (data, keys) = (scratch.text("data"), scratch.text("keys"));
        fs::write(&keys, format!("# for the test\n{KEY}\n")).unwrap();
        let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
        let more: &[&str] = if with_keys { &["--keys", &keys] } else { &[] };
        let server = Server::run(&[&serve, more].concat());
        Site { server, _scratch: scratch }
    }

    fn get(&self, path: &str, headers: &str) -> Reply {
        send(self.server.address, &format!("GET {path}"), headers, "").unwrap()
    }

    fn post(&self, path: &str, headers: &str, form: &str) -> Reply {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
        send(self.server.address, &format!("POST {path}"), &headers, form).unwrap()
    }

    /// A browser that was on this page: its cookie as a header, and the token of the form.
    fn visit(&self, path: &str) -> (String, String) {
        let page = self.get(path, "");
        let cookie = cookie(&page).expect("a browser without one is given one");
        let (_, rest) = page.body.split_once("name=\"token\" value=\"").expect("a form");
        let (token, _) = rest.split_once('"').unwrap();
        (format!("Cookie: {cookie}\r\n"), format!("token={token}"))
    }
}

fn cookie(reply: &Reply) -> Option<String> {
    let (_, rest) = reply.head.split_once("set-cookie: ")?;
    rest.split(';').next().map(str::to_owned)
}

fn leads_to(reply: &Reply, place: &str) -> bool {
    reply.status == 303 && reply.head.contains(&format!("location: {place}"))
}

#[test]
fn a_form_makes_a_link_and_one_of_another_page_does_not() {
    let site = Site::open("page-forms", false);
    let (cookie, token) = site.visit("/");
    let form = format!("{token}&url=https%3A%2F%2Fexample.com&alias=mine");
    let origin = |origin| format!("{cookie}Origin: {origin}\r\n");
    let own = origin(format!("http://{}", site.server.address));
    for (headers, form) in [
        (String::new(), form.as_str()),
        (cookie.clone(), "url=https%3A%2F%2Fexample.com&alias=mine"),
        (cookie.clone(), "token=&url=https%3A%2F%2Fexample.com&alias=mine"),
        (origin("https://evil.example".to_owned()), form.as_str()),
        (origin("null".to_owned()), form.as_str()),
    ] {
        let reply = site.post("/", &headers, form);
        assert_eq!(reply.status, 403, "{headers}{form}: {reply:?}");
    }
    assert_eq!(site.get("/api/links/mine", "").status, 404, "nothing was made");
    let made = site.post("/", &own, &form);
    assert!(leads_to(&made, "/links/mine?domain=&made"), "{made:?}");
    assert_eq!(site.get("/api/links/mine", "").status, 200);
    let again = site.post("/", &own, &form);
    assert_eq!(again.status, 409, "{again:?}");
    assert!(again.body.contains("value=\"mine\""), "what was filled in is kept");
    let elsewhere = site.post("/links/mine/delete", "", "domain=");
    assert_eq!(elsewhere.status, 403);
    let deleted = site.post("/links/mine/delete", &own, &format!("{token}&domain="));
    assert!(leads_to(&deleted, "/links"), "{deleted:?}");
    assert_eq!(site.get("/api/links/mine", "").status, 404);
}

#[test]
fn a_form_changes_a_link_and_one_of_another_page_does_not() {
    let site = Site::open("page-changes", false);
    let (cookie, token) = site.visit("/");
    let made = site.post("/", &cookie, &format!("{token}&url=https://a.example&alias=mine&tags=t"));
    assert!(leads_to(&made, "/links/mine?"), "{made:?}");
    let edit = "/links/mine/edit";
    let form = format!("{token}&domain=&url=https://b.example&was-url=https://a.example/");
    for (headers, form) in [
        (cookie.clone(), form.replace("token=", "token=0")),
        (format!("{cookie}Origin: https://evil.example\r\n"), form.clone()),
        (String::new(), form.clone()),
    ] {
        assert_eq!(site.post(edit, &headers, &form).status, 403, "{headers}{form}");
    }
    let shown = || site.get("/api/links/mine", "").json();
    assert_eq!(shown()["url"], "https://a.example/");
    let changed = site.post(edit, &cookie, &form);
    assert!(leads_to(&changed, "/links/mine?domain=&changed"), "{changed:?}");
    assert_eq!(shown()["url"], "https://b.example/");
    assert_eq!(shown()["tags"], serde_json::json!(["t"]), "what the form says nothing of stays");
    let long = "x".repeat(1001);
    for (wrong, field) in [
        ("was-url=x", "url"),
        ("expires_at=soon", "expires_at"),
        (&format!("title={long}"), "title"),
    ] {
        let refused = site.post(edit, &cookie, &format!("{token}&{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.body.contains(&format!("id=\"{field}-wrong\"")), "{refused:?}");
    }
    assert_eq!(site.post("/links/nobody/edit", &cookie, &form).status, 404);
    assert_eq!(site.get("/links/nobody/edit?domain=", "").status, 404);
}

#[test]
fn every_page_says_what_a_browser_may_do_with_it() {
    let site = Site::open("page-headers", false);
    for path in
        ["/", "/links", "/links?search=%22%3E%3Cb%3E", "/links/nobody", "/links/nobody/edit"]
    {
        let page = site.get(path, "");
        for header in [
            "content-type: text/html; charset=utf-8",
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "; path=/; httponly; samesite=lax\r\n",
        ] {
            assert!(page.head.contains(header), "{path} has no {header}: {}", page.head);
        }
        for elsewhere in ["src=\"http", "href=\"http", "//cdn", " style=", " onclick=", "<b>"] {
            assert!(!page.body.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
    for (path, kind) in [("css", "text/css"), ("js", "text/javascript")] {
        let file = site.get(&format!("/static/page.{path}"), "");
        assert!(file.head.contains(&format!("content-type: {kind}")), "{file:?}");
        assert!(!file.body.contains("http://") && !file.body.contains("https://"), "{path}");
    }
    site.post("/links", "", "").refuses(405, "GET or HEAD");
}

#[test]
fn who_asks_by_another_name_gets_no_page() {
    let site = Site::open("page-hosts", false);
    for path in ["/", "/links", "/login", "/static/page.css", "/api/openapi.json"] {
        let host = "GET {path} HTTP/1.1".replace("{path}", path);
        let reply = crate::client::ask(site.server.address, &[&host, "Host: evil.example"]);
        reply.refuses(421, "no name of this service");
    }
}

#[test]
fn a_person_whom_a_link_leads_nowhere_is_told_so_by_a_page_without_a_cookie() {
    let site = Site::open("page-nowhere", false);
    let page = site.get("/nobody", "Accept: text/html,application/xhtml+xml\r\n");
    assert_eq!(page.status, 404);
    assert!(page.body.contains("There is no such link") && cookie(&page).is_none(), "{page:?}");
    site.get("/nobody", "Accept: */*\r\n").refuses(404, "no such link");
    for strange in ["/links/%00", "/links/a%2Fb", "/links/x?domain=evil.example"] {
        assert_eq!(site.get(strange, "").status, 404, "{strange}");
    }
}

#[test]
fn where_there_are_keys_the_page_asks_for_one() {
    let site = Site::open("page-keys", true);
    for path in ["/", "/links", "/links/x", "/links/x/edit"] {
        assert!(leads_to(&site.get(path, ""), "/login"), "{path}");
    }
    let (browser, token) = site.visit("/login");
    assert!(leads_to(&site.post("/", &browser, &token), "/login"), "a token is no key");
    let wrong = site.post("/login", &browser, &format!("{token}&key=another-key-of-somebody"));
    assert_eq!(wrong.status, 403);
    assert!(cookie(&wrong).is_none() && !wrong.body.contains("another-key"), "{wrong:?}");
    let without_token = site.post("/login", &browser, &format!("key={KEY}"));
    assert!(without_token.status == 403 && cookie(&without_token).is_none());
    let inside = site.post("/login", &browser, &format!("{token}&key={KEY}"));
    assert!(leads_to(&inside, "/"), "{inside:?}");
    let session = cookie(&inside).unwrap();
    let browser = browser.replace("\r\n", &format!("; {session}\r\n"));
    assert!(site.get("/", &browser).body.contains("Shorten a link"));
    let made = site.post("/", &browser, &format!("{token}&url=https://example.com&alias=in"));
    assert!(leads_to(&made, "/links/in?"), "{made:?}");
    assert!(leads_to(&site.post("/logout", &browser, &token), "/login"));
    assert!(leads_to(&site.get("/", &browser), "/login"), "who left is outside");
}

#[test]
fn a_key_may_be_guessed_a_few_times_a_minute() {
    let site = Site::open("page-guesses", true);
    let (browser, token) = site.visit("/login");
    let guess = |key: &str| site.post("/login", &browser, &format!("{token}&key={key}"));
    let guesses: Vec<u16> =
        (0..20).map(|n| guess(&format!("guess-number-{n}-of-20")).status).collect();
    let looked_at = guesses.iter().filter(|status| **status == 403).count();
    assert!((5..=6).contains(&looked_at), "{guesses:?}");
    let late = guess(KEY);
    assert_eq!(late.status, 429, "a right one is not told from others any more: {late:?}");
    assert!(late.head.contains("\r\nretry-after: 1") && cookie(&late).is_none(), "{late:?}");
    assert!(late.body.contains("too many tries"));
    // Programs show their keys in a header, and are not in its way.
    let bearer = format!("Authorization: Bearer {KEY}\r\n");
    assert_eq!(site.get("/api/links", &bearer).status, 200);
}

#[test]
fn an_address_without_its_beginning_is_taken_as_https_and_that_is_said() {
    let site = Site::open("page-https", false);
    let (cookie, token) = site.visit("/");
    let made = site.post("/", &cookie, &format!("{token}&url=example.com/page&alias=bare"));
    assert!(leads_to(&made, "/links/bare?domain=&made&https"), "{made:?}");
    assert_eq!(site.get("/api/links/bare", "").json()["url"], "https://example.com/page");
    let page = site.get("/links/bare?domain=&made&https", "").body;
    assert!(page.contains("https:// was put before it"), "{page}");
    let edit = format!("{token}&domain=&url=example.org&was-url=https://example.com/page");
    let changed = site.post("/links/bare/edit", &cookie, &edit);
    assert!(leads_to(&changed, "/links/bare?domain=&changed&https"), "{changed:?}");
    let strict = send(site.server.address, "POST /api/links", "", r#"{"url":"example.com"}"#);
    strict.unwrap().refuses(400, "such as https://example.com/page");
}

#[test]
fn an_error_is_said_once_in_the_words_of_the_page() {
    let site = Site::open("page-errors", false);
    let (cookie, token) = site.visit("/");
    for (form, said, field) in [
        ("url=mailto:x@a.example", "begins with http:// or https://", "url"),
        ("url=https://a.example&alias=a+b", "letters, digits, - and _, and no word", "alias"),
        ("url=https://a.example&expires_at=2020-01-01T00:00", "is over already", "expires_at"),
        ("url=https://a.example&expires_at=2999-01-01T00:00", "the last is in 2554", "expires_at"),
        ("url=https://a.example&status=200", "one of the kinds", "status"),
    ] {
        let page = site.post("/", &cookie, &format!("{token}&{form}"));
        assert_eq!(page.status, 400, "{form}: {page:?}");
        assert_eq!(page.body.matches(said).count(), 1, "{form}: {}", page.body);
        assert!(page.body.contains(&format!("href=\"#{field}\"")), "{form}: it is led to");
        assert!(page.body.contains(&format!("id=\"{field}-wrong\"")), "{form}: it is beside it");
    }
}

#[test]
fn links_that_have_ended_are_marked() {
    let site = Site::open("page-ended", false);
    let link = |alias: &str, expires_at: &str| {
        let link = format!(
            r#"{{"url":"https://a.example","alias":"{alias}","earlier_clicks":0,"expires_at":{expires_at}}}"#
        );
        let made = send(site.server.address, "POST /api/links", "", &link).unwrap();
        assert_eq!(made.status, 201, "{made:?}");
    };
    let badge = "<span class=\"ended\">Ended</span>";
    link("lives", "\"2500-01-01T00:00:00Z\"");
    assert!(!site.get("/links", "").body.contains(badge));
    link("over", "\"2020-01-01T00:00:00Z\"");
    assert_eq!(site.get("/links", "").body.matches(badge).count(), 1);
    assert!(site.get("/links/over", "").body.contains(badge));
    assert!(!site.get("/links/lives", "").body.contains(badge));
}

#[test]
fn the_newest_link_comes_first() {
    let site = Site::open("page-newest", false);
    for n in 0..30 {
        let link = format!(r#"{{"url":"https://a.example","alias":"link-{n}"}}"#);
        assert_eq!(send(site.server.address, "POST /api/links", "", &link).unwrap().status, 201);
    }
    let listed = |page: &Reply| -> Vec<String> {
        let rows = page.body.split("href=\"/links/link-").skip(1);
        rows.map(|row| row[..row.find('?').unwrap()].to_owned()).collect()
    };
    let numbers = |from: u32, to: u32| (to..from).rev().map(|n| n.to_string()).collect::<Vec<_>>();
    let first = site.get("/links", "");
    assert_eq!(listed(&first), numbers(30, 5));
    let (_, rest) = first.body.split_once("href=\"/links?search=&amp;after=").expect("more");
    let after = &rest[..rest.find('"').unwrap()];
    let second = site.get(&format!("/links?search=&after={after}"), "");
    assert_eq!(listed(&second), numbers(5, 0));
    assert!(!second.body.contains("rel=\"next\""), "{second:?}");
    assert_eq!(listed(&site.get("/links?search=LINK-1", "")).first().unwrap(), "19");
}
