//! Short links over HTTP: made, followed, changed, counted.

#![expect(clippy::disallowed_methods, reason = "a rate is a rate in time")]

use serde_json::{Value, json};

use crate::client::{Reply, ask, send};
use crate::lab::{Scratch, refused};
use crate::replicas::patiently;
use crate::server::Server;

/// A shortener on a free port. However quick the machine, no test asks it too much that does not say at
/// which rate that is.
pub(crate) fn shortener(scratch: &Scratch, more: &[&str]) -> Server {
    let data = scratch.text("data");
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
    let rate: &[&str] = if more.contains(&"--rate") { &[] } else { &["--rate", "1000000"] };
    Server::run(&[&serve, rate, more].concat())
}

/// Sends this, and reads the answer.
pub(crate) fn say(server: &Server, request: &str, body: &Value) -> Reply {
    say_with(server, request, "", body)
}

fn say_with(server: &Server, request: &str, headers: &str, body: &Value) -> Reply {
    send(server.address, request, headers, &body.to_string()).expect("the server answers")
}

pub(crate) fn make(server: &Server, link: &Value) -> Value {
    let reply = say(server, "POST /api/links", link);
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

/// Follows a link: the status, and where it leads.
pub(crate) fn follow(server: &Server, path: &str) -> (u16, String) {
    let reply = server.get(path);
    let target = reply.head.lines().find_map(|line| line.strip_prefix("location: "));
    (reply.status, target.unwrap_or_default().to_owned())
}

/// What is counted of a link, once this much is.
pub(crate) fn counted(server: &Server, code: &str, clicks: u64) -> Value {
    patiently(|| {
        let stats = server.get(&format!("/api/links/{code}/stats")).json();
        (stats["clicks"].as_u64().unwrap() >= clicks).then_some(stats)
    })
}

#[test]
fn a_link_is_made_followed_changed_and_taken_away() {
    let scratch = Scratch::new("links");
    let server = shortener(&scratch, &["--shards", "3"]);
    let made = make(&server, &json!({"url": "HTTPS://Example.com/a b"}));
    let code = made["code"].as_str().unwrap();
    assert_eq!(made["url"], "https://example.com/a%20b");
    assert_eq!(made["short_url"], format!("http://{}/{code}", server.address));
    let (path, api) = (format!("/{code}"), format!("/api/links/{code}"));
    assert_eq!(follow(&server, &path), (302, "https://example.com/a%20b".to_owned()));
    let head = ask(
        server.address,
        &[&format!("HEAD {path} HTTP/1.1"), &format!("Host: {}", server.address)],
    );
    assert_eq!(head.status, 302, "{head:?}");
    assert!(head.head.contains("cache-control: no-store"), "{head:?}");

    let change =
        json!({"url": "https://example.org", "status": 308, "title": "<b>", "tags": ["t"]});
    let changed = say(&server, &format!("PATCH {api}"), &change).json();
    assert_eq!(changed["title"], "<b>");
    let moved = server.get(&path);
    assert_eq!(moved.status, 308, "the change is seen at once: {moved:?}");
    assert!(moved.head.contains("cache-control: public, max-age="), "{moved:?}");
    let cleared = say(&server, &format!("PATCH {api}"), &json!({"title": null})).json();
    assert_eq!((&cleared["title"], &cleared["tags"]), (&Value::Null, &json!(["t"])));
    assert_eq!(server.get(&api).json(), cleared);

    assert_eq!(say(&server, &format!("DELETE {api}"), &json!(null)).status, 204);
    server.get(&path).refuses(404, "no such link");
    server.get(&api).refuses(404, "no such link");
    say(&server, &format!("DELETE {api}"), &json!(null)).refuses(404, "no such link");
}

#[test]
fn an_alias_is_the_first_ones() {
    let scratch = Scratch::new("aliases");
    let server = shortener(&scratch, &[]);
    let link = |url: &str| json!({"url": url, "alias": "mine"});
    make(&server, &link("https://a.example"));
    let reply = say(&server, "POST /api/links", &link("https://b.example"));
    reply.refuses(409, "taken");
    assert_eq!(follow(&server, "/mine"), (302, "https://a.example/".to_owned()));
    let reserved =
        say(&server, "POST /api/links", &json!({"url": "https://a.example", "alias": "API"}));
    reserved.refuses(400, "itself");
    assert_eq!(say(&server, "DELETE /api/links/mine", &json!(null)).status, 204);
    make(&server, &link("https://c.example"));
    assert_eq!(follow(&server, "/mine"), (302, "https://c.example/".to_owned()));
}

#[test]
fn a_link_whose_time_is_over_is_gone_until_it_has_more() {
    let scratch = Scratch::new("expiry");
    let server = shortener(&scratch, &[]);
    let past =
        json!({"url": "https://a.example", "alias": "old", "expires_at": "2020-01-01T00:00:00Z"});
    say(&server, "POST /api/links", &past).refuses(400, "over before it is made");
    make(&server, &json!({"url": "https://a.example", "alias": "old"}));
    let ended = say(&server, "PATCH /api/links/old", &json!({"expires_at": past["expires_at"]}));
    assert_eq!(ended.json()["expires_at"], "2020-01-01T00:00:00Z", "it may be ended at once");
    server.get("/old").refuses(410, "time is over");
    let late = json!({"url": "https://a.example", "expires_at": "2999-01-01T00:00:00Z"});
    say(&server, "POST /api/links", &late).refuses(400, "leave it out");
    say(&server, "PATCH /api/links/old", &json!({"expires_at": "2020-01-01"}))
        .refuses(400, "2030-01-01T00:00:00Z");
    let more = say(&server, "PATCH /api/links/old", &json!({"expires_at": null})).json();
    assert_eq!(more["expires_at"], Value::Null);
    assert_eq!(follow(&server, "/old").0, 302);
}

#[test]
fn many_links_are_made_at_once_and_listed_page_by_page() {
    let scratch = Scratch::new("bulk");
    let server = shortener(&scratch, &["--shards", "2"]);
    let link = |number: usize| json!({"url": format!("https://a.example/{number}"), "title": format!("number {number}")});
    let mut links: Vec<_> = (0..300).map(link).collect();
    links.push(json!({"url": "ftp://a.example"}));
    let reply = say(&server, "POST /api/links/bulk", &json!({"links": links})).json();
    let results = reply["results"].as_array().unwrap();
    assert_eq!(results.len(), 301);
    assert!(results[..300].iter().all(|result| result["status"] == 201), "{results:?}");
    assert_eq!(results[300]["status"], 400);
    assert!(results[300]["error"].as_str().unwrap().contains("http://"), "{results:?}");

    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page = server.get(&format!("/api/links?limit=70{after}")).json();
        let links = page["links"].as_array().unwrap();
        assert!(links.len() <= 70);
        seen.extend(links.iter().map(|link| link["code"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 300);
    let found = server.get("/api/links?search=NUMBER+299&clicks=true").json();
    assert_eq!(found["links"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["links"][0]["clicks"], 0);
}

#[test]
fn clicks_are_counted_with_what_their_requests_say() {
    let scratch = Scratch::new("counted");
    let server = shortener(&scratch, &[]);
    make(&server, &json!({"url": "https://a.example", "alias": "x"}));
    let phone = "User-Agent: Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148";
    for _ in 0..3 {
        assert_eq!(server.get_with("/x", phone).status, 302);
    }
    let page = "Referer: https://News.Example/item?secret=1";
    assert_eq!(server.get_with("/x", page).status, 302);
    assert_eq!(server.get("/nothing").status, 404);
    let stats = counted(&server, "x", 4);
    assert_eq!(stats["devices"], json!({"phone": 3, "other": 1}));
    assert_eq!(stats["referrers"], json!([{"host": "news.example", "clicks": 1}]));
    assert_eq!((&stats["clicks"], &stats["visitor_days"]), (&json!(4), &json!(2)));
    assert_eq!(stats["log"]["acknowledged"], 4);
    let hours: u64 = stats["hours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hour| hour["clicks"].as_u64().unwrap())
        .sum();
    assert_eq!(hours, 4);
    server.get("/api/links/nothing/stats").refuses(404, "no such link");
}

#[test]
fn programs_are_counted_apart_from_people() {
    let scratch = Scratch::new("programs");
    let server = shortener(&scratch, &[]);
    make(&server, &json!({"url": "https://a.example", "alias": "x"}));
    for header in [
        "Sec-Purpose: prefetch;prerender",
        "Purpose: prefetch",
        "X-Moz: prefetch",
        "User-Agent: Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "User-Agent: curl/8.5.0",
    ] {
        assert_eq!(server.get_with("/x", header).status, 302);
    }
    let host = format!("Host: {}", server.address);
    assert_eq!(ask(server.address, &["HEAD /x HTTP/1.1", &host]).status, 302);
    let cubot = "User-Agent: Mozilla/5.0 (Linux; Android 9; Cubot_X19) Mobile Safari/537.36";
    assert_eq!(server.get_with("/x", cubot).status, 302);
    let stats = patiently(|| {
        let stats = server.get("/api/links/x/stats").json();
        let programs = stats["programs"].as_object().unwrap().values();
        (programs.map(|count| count.as_u64().unwrap()).sum::<u64>() == 6 && stats["clicks"] == 1)
            .then_some(stats)
    });
    let programs = json!({"prefetch": 3, "preview": 1, "bot": 1, "head": 1});
    assert_eq!((&stats["programs"], &stats["devices"]), (&programs, &json!({"phone": 1})));
    assert_eq!((&stats["visitor_days"], &stats["days"][0]["clicks"]), (&json!(1), &json!(1)));
    let listed = server.get("/api/links?clicks=true").json();
    assert_eq!(listed["links"][0]["clicks"], 1);
    let page = server.get("/links/x").body;
    for text in ["Visitor-days, about", "Counted apart: programs", "Browsers that load ahead"] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
}

#[test]
fn an_alias_that_is_made_again_begins_at_nothing() {
    let scratch = Scratch::new("made-again");
    let server = shortener(&scratch, &[]);
    let link = json!({"url": "https://a.example", "alias": "x"});
    make(&server, &link);
    (0..3).for_each(|_| assert_eq!(follow(&server, "/x").0, 302));
    counted(&server, "x", 3);
    assert_eq!(say(&server, "DELETE /api/links/x", &json!(null)).status, 204);
    make(&server, &link);
    assert_eq!(counted(&server, "x", 0)["clicks"], 0);
    assert_eq!(server.get("/api/links?clicks=true").json()["links"][0]["clicks"], 0);
    assert_eq!(follow(&server, "/x").0, 302);
    assert_eq!(counted(&server, "x", 1)["clicks"], 1);
}

#[test]
fn only_who_names_the_service_is_answered() {
    let scratch = Scratch::new("names");
    let names = ["--public-url", "https://sho.rt", "--domain", "go.example"];
    let server = shortener(&scratch, &names);
    let own = make(&server, &json!({"url": "https://a.example", "alias": "x"}));
    assert_eq!(own["short_url"], "https://sho.rt/x");
    let custom = json!({"url": "https://b.example", "alias": "x", "domain": "GO.example"});
    let custom = make(&server, &custom);
    assert_eq!(
        (&custom["short_url"], &custom["domain"]),
        (&json!("https://go.example/x"), &json!("go.example"))
    );
    let get = |host: &str, path: &str, header: &str| {
        ask(server.address, &[&format!("GET {path} HTTP/1.1"), &format!("Host: {host}"), header])
    };
    let any = "Accept: */*";
    assert!(get("sho.rt", "/x", any).head.contains("location: https://a.example/"));
    assert!(get("Go.Example:80", "/x", any).head.contains("location: https://b.example/"));
    get("evil.example", "/x", any).refuses(421, "--domain");
    get("go.example", "/api/links", any).refuses(421, "links and nothing else");
    get("evil.example", "/api/links", any).refuses(421, "--public-url");
    get("sho.rt", "/api/links", "Origin: https://evil.example")
        .refuses(403, "pages of this service");
    assert_eq!(get("sho.rt", "/api/links", "Origin: https://sho.rt").status, 200);
    assert_eq!(get("127.0.0.1", "/api/links", "Origin: https://sho.rt").status, 200, "a proxy's");
    assert_eq!(server.get("/api/links/x?domain=go.example").json(), custom);
    let loops = say(&server, "POST /api/links", &json!({"url": "http://go.example/x"}));
    loops.refuses(400, "back to this service");
    let itself = json!({"url": format!("http://localhost:{}/x", server.address.port())});
    say(&server, "POST /api/links", &itself).refuses(400, "back to this service");
}

#[test]
fn a_proxy_is_believed_only_by_who_says_that_there_is_one() {
    let forwarded = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2"];
    for (flag, visitors) in [(&[][..], 1), (&["--behind-proxy"][..], 2)] {
        let scratch = Scratch::new(&format!("proxied-{visitors}"));
        let server = shortener(&scratch, flag);
        make(&server, &json!({"url": "https://a.example", "alias": "x"}));
        for header in forwarded {
            assert_eq!(server.get_with("/x", header).status, 302);
        }
        assert_eq!(counted(&server, "x", 2)["visitor_days"], visitors);
        let kept = std::fs::read_dir(scratch.join("data/instance/disk")).unwrap();
        for file in kept.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()) {
            let address = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
            assert!(!address(b"192.0.2") && !address(&[192, 0, 2]), "no address is on the disk");
        }
    }
}

#[test]
fn who_asks_too_much_is_told_when_to_come_back() {
    let scratch = Scratch::new("limited");
    let server = shortener(&scratch, &["--rate", "1"]);
    make(&server, &json!({"url": "https://a.example", "alias": "x"}));
    assert_eq!(follow(&server, "/x").0, 302, "from now on it is at hand");
    let links: Vec<_> = (0..1000).map(|_| json!({"url": "https://a.example"})).collect();
    let mut refusals = 0;
    while refusals == 0 {
        let reply = say(&server, "POST /api/links/bulk", &json!({"links": links})).json();
        let results = reply["results"].as_array().unwrap();
        refusals = results.iter().filter(|result| result["status"] == 429).count();
    }
    let reply = server.get("/never-seen");
    reply.refuses(429, "too many requests");
    assert!(reply.head.contains("\r\nretry-after: 1"), "{reply:?}");
    assert_eq!(follow(&server, "/x").0, 302, "what costs the store nothing is free");
}

/// `--rate 5` once let 4,000 calls through at once.
#[test]
fn who_may_ask_little_may_ask_little_at_once() {
    let scratch = Scratch::new("limited-burst");
    let server = shortener(&scratch, &["--rate", "5"]);
    let links: Vec<_> = (0..1000).map(|_| json!({"url": "https://a.example"})).collect();
    let began = std::time::Instant::now();
    let reply = say(&server, "POST /api/links/bulk", &json!({"links": links})).json();
    let made = reply["results"].as_array().unwrap().iter().filter(|one| one["status"] == 201);
    let (made, most) = (made.count() as u64, 10 + 5 * (began.elapsed().as_secs() + 1));
    assert!((10..=most).contains(&made), "{made} were made, and at most {most} may be");
}

#[test]
fn links_are_for_those_who_have_a_key() {
    let scratch = Scratch::new("keys");
    // An editor has put the mark of UTF-8 before it.
    std::fs::write(scratch.join("keys"), "\u{FEFF}0123456789abcdef0123\n# ours\n").unwrap();
    std::fs::write(scratch.join("bad"), "short\n").unwrap();
    std::fs::write(scratch.join("none"), "\n# nothing\n").unwrap();
    let server = shortener(&scratch, &["--keys", &scratch.text("keys")]);
    let link = json!({"url": "https://a.example", "alias": "x"});
    for headers in
        ["", "Authorization: Bearer 0123456789abcdef012\r\n", "Authorization: Basic eA==\r\n"]
    {
        let reply = say_with(&server, "POST /api/links", headers, &link);
        reply.refuses(401, "Bearer");
        assert!(reply.head.contains("www-authenticate: bearer"), "{reply:?}");
    }
    server.get("/api/links").refuses(401, "Bearer");
    let key = "Authorization: Bearer 0123456789abcdef0123";
    let made = say_with(&server, "POST /api/links", &format!("{key}\r\n"), &link);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(server.get_with("/api/links", key).status, 200);
    assert_eq!(follow(&server, "/x").0, 302, "a link is for everybody");
    let serve = |file: &str, words: &[&str]| {
        let (data, file) = (scratch.text("other"), scratch.text(file));
        refused(&["url-shortener", "serve", "--data", &data, "--keys", &file], 2, words);
    };
    serve("bad", &["line 1", "16 to 256"]);
    serve("none", &["no key"]);
    serve("missing", &["No such file"]);
    let data = scratch.text("other");
    let open = ["url-shortener", "serve", "--data", &data, "--listen", "0.0.0.0:0"];
    refused(&open, 2, &["--open-to-anyone", "--keys"]);
}

#[test]
fn nobody_is_led_to_what_is_blocked() {
    let scratch = Scratch::new("blocked");
    std::fs::write(scratch.join("list"), "\u{FEFF}evil.example # known\n192.0.2.1\n").unwrap();
    let server = shortener(&scratch, &["--block-list", &scratch.text("list")]);
    for url in ["https://www.EVIL.example/x", "http://192.0.2.1:8080/"] {
        say(&server, "POST /api/links", &json!({"url": url})).refuses(400, "block list");
    }
    make(&server, &json!({"url": "https://good.example", "alias": "x"}));
    say(&server, "PATCH /api/links/x", &json!({"url": "http://evil.example"}))
        .refuses(400, "block list");
    std::fs::write(scratch.join("list"), "good.example\nnot a domain\n").unwrap();
    let (data, list) = (scratch.text("other"), scratch.text("list"));
    refused(&["url-shortener", "serve", "--data", &data, "--block-list", &list], 2, &["line 2"]);
}

#[test]
fn what_makes_no_sense_gets_a_sentence_and_does_nothing() {
    let scratch = Scratch::new("senseless");
    let server = shortener(&scratch, &[]);
    let create = |body: Value| say(&server, "POST /api/links", &body);
    create(json!({"url": "javascript:alert(1)"})).refuses(400, "http://");
    create(json!({"url": "https://a:b@a.example"})).refuses(400, "password");
    create(json!({"url": "https://a.example", "ttl": 5})).refuses(400, "unknown field `ttl`");
    create(json!({"url": "https://a.example", "status": 200})).refuses(400, "301, 302, 307 or 308");
    create(json!({"url": "https://a.example", "domain": "b.example"})).refuses(400, "--domain");
    create(json!([])).refuses(400, "JSON");
    create(json!({"url": format!("https://a.example/{}", "x".repeat(3000))})).refuses(400, "2048");
    create(json!({"url": "x".repeat(70_000)})).refuses(413, "65536");
    server.get("/api/links?limit=0").refuses(400, "1 to 1000");
    server.get("/api/links?after=nowhere").refuses(400, "`next`");
    server.get("/api/nothing").refuses(404, "/api/links");
    say(&server, "PUT /api/links/x", &json!({})).refuses(405, "PATCH");
    say(&server, "POST /x", &json!({})).refuses(405, "GET or HEAD");
    assert_eq!(server.get("/api/links").json()["links"], json!([]));
}

#[test]
fn what_happens_is_shown_on_the_admin_address() {
    let scratch = Scratch::new("shown");
    let server = shortener(&scratch, &["--admin", "127.0.0.1:0"]);
    let admin = server.admin();
    make(&server, &json!({"url": "https://a.example", "alias": "x"}));
    (0..5).for_each(|_| assert_eq!(follow(&server, "/x").0, 302));
    assert_eq!(follow(&server, "/y").0, 404);
    let metrics = ask(admin, &["GET /metrics HTTP/1.1", &format!("Host: {admin}")]);
    for line in [
        "shortener_created_total 1",
        "shortener_visits_total{result=\"redirect-from-cache\"} 4",
        "shortener_visits_total{result=\"redirect-from-store\"} 1",
        "shortener_visits_total{result=\"missing\"} 1",
        "shortener_calls_total{why=\"visit\"} 2",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line} is not in {metrics:?}");
    }
}

#[test]
fn codes_may_be_snowflake_ids_which_rise_across_boots() {
    let scratch = Scratch::new("snowflake-codes");
    let mut codes = Vec::new();
    for _ in 0..2 {
        let server = shortener(&scratch, &["--codes", "snowflake", "--shards", "2"]);
        for _ in 0..3 {
            let made = make(&server, &json!({"url": "https://a.example"}));
            codes.push(made["code"].as_str().unwrap().to_owned());
        }
        assert!(server.signal("TERM").success());
    }
    assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 11), "{codes:?}");
    let server = shortener(&scratch, &[]);
    let last = format!("/{}", codes[5]);
    assert_eq!(follow(&server, &last), (302, "https://a.example/".to_owned()));
    let leased = make(&server, &json!({"url": "https://a.example"}));
    assert_eq!(leased["code"].as_str().unwrap().len(), 7);
}
