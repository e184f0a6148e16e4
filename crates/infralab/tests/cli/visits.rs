//! Ways to a link, and what goes on with whoever follows it.

use serde_json::json;

use crate::client::ask;
use crate::lab::Scratch;
use crate::links::{follow, make, say, shortener};

#[test]
fn a_slash_behind_a_code_leads_where_the_code_does() {
    let scratch = Scratch::new("slash");
    let server = shortener(&scratch, &[]);
    make(&server, &json!({"url": "https://a.example/x", "alias": "x"}));
    for path in ["/x", "/x/"] {
        assert_eq!(follow(&server, path), (302, "https://a.example/x".to_owned()), "{path}");
    }
    for nowhere in ["/x//", "//x", "/x/y", "/y/"] {
        assert_eq!(follow(&server, nowhere).0, 404, "{nowhere}");
    }
    assert!(server.get("/links/").body.contains("<h1>Links</h1>"), "pages too");
}

#[test]
fn crawlers_are_told_what_is_not_for_them() {
    let scratch = Scratch::new("robots");
    let server = shortener(&scratch, &["--domain", "go.example"]);
    let get = |method: &str, host: &str| {
        ask(server.address, &[&format!("{method} /robots.txt HTTP/1.1"), &format!("Host: {host}")])
    };
    for host in ["localhost", "go.example"] {
        let robots = get("GET", host);
        assert_eq!(robots.status, 200, "{robots:?}");
        assert!(robots.head.contains("content-type: text/plain"), "{robots:?}");
        assert!(robots.body.contains("User-agent: *\nDisallow: /api/\n"), "{robots:?}");
    }
    get("GET", "evil.example").refuses(421, "no name of this service");
    get("POST", "localhost").refuses(405, "GET");
}

#[test]
fn a_domain_is_found_under_both_spellings() {
    let scratch = Scratch::new("idn");
    let server = shortener(&scratch, &["--domain", "b\u{fc}cher.example"]);
    let (unicode, ascii) = ("B\u{fc}cher.example", "xn--bcher-kva.example");
    for (alias, domain) in [("a", unicode), ("b", ascii)] {
        let link = json!({"url": "https://a.example", "alias": alias, "domain": domain});
        assert_eq!(make(&server, &link)["domain"], ascii);
    }
    for alias in ["a", "b"] {
        for host in [unicode, ascii] {
            let visit =
                ask(server.address, &[&format!("GET /{alias} HTTP/1.1"), &format!("Host: {host}")]);
            assert_eq!(visit.status, 302, "{host}/{alias}: {visit:?}");
        }
        for domain in ["B%C3%BCcher.example", ascii] {
            let shown = server.get(&format!("/api/links/{alias}?domain={domain}"));
            assert_eq!(shown.json()["domain"], ascii);
            let stats = server.get(&format!("/api/links/{alias}/stats?domain={domain}"));
            assert_eq!(stats.json()["domain"], ascii);
        }
    }
    make(&server, &json!({"url": "https://a.example", "alias": "own"}));
    assert!(server.get("/api/links/own/stats").json()["domain"].is_null());
}

#[test]
fn a_query_goes_on_where_the_link_or_else_the_service_says_so() {
    for (flag, forwards) in [(&[][..], false), (&["--forward-query"][..], true)] {
        let scratch = Scratch::new(&format!("forwarded-{forwards}"));
        let server = shortener(&scratch, flag);
        for said in [None, Some(true), Some(false)] {
            let alias = format!("said-{said:?}").replace(['(', ')'], "-");
            let url = "https://a.example/p?own=1#there";
            make(&server, &json!({"url": url, "alias": alias, "forward_query": said}));
            let goes = said.unwrap_or(forwards);
            let led = if goes { "https://a.example/p?own=1&utm=a%20b&x#there" } else { url };
            let path = format!("/{alias}?utm=a%20b&x");
            assert_eq!(follow(&server, &path), (302, led.to_owned()), "{flag:?} {said:?}");
            assert_eq!(follow(&server, &format!("/{alias}")), (302, url.to_owned()));
            assert_eq!(follow(&server, &format!("/{alias}/?")), (302, url.to_owned()));
        }
        let path = "PATCH /api/links/said-None";
        let changed = say(&server, path, &json!({"forward_query": !forwards})).json();
        assert_eq!(changed["forward_query"], !forwards);
        let led = follow(&server, "/said-None?x").1;
        assert_eq!(led.contains("&x#there"), !forwards, "{led}");
        let cleared = say(&server, path, &json!({"forward_query": null})).json();
        assert!(cleared["forward_query"].is_null());
    }
}
