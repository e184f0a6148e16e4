use super::*;
use crate::target::BlockList;
use proptest::prelude::*;
use url_shortener::{Cursor, Edit, RedirectStatus};

/// The end of 2026.
fn now() -> Wall {
    Wall::from_millis(1_798_675_200_000)
}

fn asked(method: &str, path: &str, body: &str) -> Result<ApiCall, HttpReply> {
    let domains = ["go.example".to_owned()];
    let site = Arc::new(Site::new(([127, 0, 0, 1], 7441).into(), None, &domains).unwrap());
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let targets = Targets::new(site.clone(), BlockList::default());
    read(&ApiRequest { method, path, query, body }, &site, &targets, now())
}

#[track_caller]
fn refused(method: &str, path: &str, body: &str, status: u16, words: &str) {
    let reply = asked(method, path, body).unwrap_err();
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(reply.status, status, "{text}");
    assert!(text.contains(words), "{words:?} is not in {text:?}");
}

fn ask(method: &str, path: &str, body: &str) -> Ask {
    match asked(method, path, body) {
        Ok(ApiCall::Ask(ask)) => ask,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_needs_no_more_than_a_url() {
    let Ask::Create(new) = ask("POST", "/api/links", r#"{"url":"HTTPS://Example.com"}"#) else {
        panic!("it is a new link")
    };
    assert_eq!((&*new.link.url, &*new.domain), ("https://example.com/", ""));
    assert_eq!((new.alias, new.made_at), (None, None));
    assert_eq!(new.link.status, RedirectStatus::Found);
}

#[test]
fn all_of_a_link_can_be_said() {
    let body = r#"{"url":"https://example.com","alias":"x-1","domain":"GO.example","title":"T",
        "expires_at":"2030-01-01T01:00:00+01:00","tags":["a","b"],"status":308,
        "created_at":"1970-01-01T00:00:01Z","earlier_clicks":7,"forward_query":true}"#;
    let Ask::Create(new) = ask("POST", "/api/links", body) else { panic!("it is a new link") };
    assert_eq!(
        (new.alias.as_deref(), &*new.domain, new.made_at),
        (Some("x-1"), "go.example", Some(Wall::from_millis(1000)))
    );
    let link = new.link;
    assert_eq!(link.expires_at, Some(Wall::from_millis(1_893_456_000_000)));
    assert_eq!(link.earlier_clicks, 7);
    assert_eq!((link.status, link.tags.len()), (RedirectStatus::PermanentRedirect, 2));
    assert_eq!((link.title.as_deref(), link.forward_query), (Some("T"), Some(true)));
}

#[test]
fn null_takes_away_and_what_is_not_named_stays() {
    let edit = |body| match ask("PATCH", "/api/links/x?domain=go.example", body) {
        Ask::Edit(key, edit) if key == Key::new("go.example", "x") => edit,
        other => panic!("{other:?}"),
    };
    assert_eq!(edit("{}"), Edit::default());
    let cleared = Edit { expires_at: Some(None), title: Some(None), ..Edit::default() };
    assert_eq!(edit(r#"{"expires_at":null,"title":null}"#), cleared);
    let status = Some(RedirectStatus::MovedPermanently);
    assert_eq!(
        edit(r#"{"status":301,"tags":[]}"#),
        Edit { status, tags: Some(vec![]), ..Edit::default() }
    );
}

#[test]
fn each_path_means_something() {
    assert_eq!(ask("GET", "/api/links/x", ""), Ask::Look(Key::new("", "x")));
    assert_eq!(ask("DELETE", "/api/links/x?domain=", ""), Ask::Delete(Key::new("", "x")));
    let stats = asked("GET", "/api/links/x/stats", "");
    assert_eq!(stats, Ok(ApiCall::Stats(Key::new("", "x"))));
    let list = |path| match asked("GET", path, "") {
        Ok(ApiCall::List(paging)) => paging,
        other => panic!("{other:?}"),
    };
    let all = Ask::List { after: None, limit: 100, search: None };
    assert_eq!(list("/api/links"), Paging { list: all, clicks: false });
    let after = Some(Cursor { shards: 3, shard: 2, position: Some(7) });
    let some = Ask::List { after, limit: 5, search: Some("a b".into()) };
    let path = "/api/links?limit=5&after=3.2.7&search=a+b&clicks=true";
    assert_eq!(list(path), Paging { list: some, clicks: true });
}

#[test]
fn one_bad_link_is_not_all_of_many() {
    let body = r#"{"links":[{"url":"https://a.example"},{"url":"nothing"},{"uri":"x"},7]}"#;
    let Ok(ApiCall::Bulk(links)) = asked("POST", "/api/links/bulk", body) else { panic!() };
    assert!(links[0].is_ok());
    let why: Vec<_> = links[1..].iter().map(|link| link.clone().unwrap_err()).collect();
    assert!(why[0].contains("such as https://example.com"), "{why:?}");
    assert!(why[1].contains("unknown field `uri`") && why[2].contains("JSON"), "{why:?}");
    let many = format!(r#"{{"links":[{}7]}}"#, "7,".repeat(MAX_BULK_LINKS));
    refused("POST", "/api/links/bulk", &many, 413, "1 to 1000");
    refused("POST", "/api/links/bulk", r#"{"links":[]}"#, 400, "1 to 1000");
}

#[test]
fn null_takes_away_what_can_be_and_nothing_is_not_named_in_vain() {
    let edit = |body: &str| match asked("PATCH", "/api/links/x", body) {
        Ok(ApiCall::Ask(Ask::Edit(_, edit))) => edit,
        other => panic!("{other:?}"),
    };
    assert_eq!(edit("{}"), Edit::default());
    let cleared = Edit {
        url: None,
        status: Some(RedirectStatus::Found),
        expires_at: Some(None),
        title: Some(None),
        tags: Some(vec![]),
        forward_query: Some(None),
    };
    let nulls = r#""status":null,"expires_at":null,"title":null,"tags":null,"forward_query":null"#;
    assert_eq!(edit(&format!("{{{nulls}}}")), cleared);
    assert_eq!(edit(r#"{"forward_query":false}"#).forward_query, Some(Some(false)));
    assert_eq!(edit(r#"{"title":" ","tags":[""," "]}"#).tags, Some(vec![]));
    refused("PATCH", "/api/links/x", r#"{"url":null}"#, 400, "leads somewhere");
    refused("PATCH", "/api/links/x", "[]", 400, "no object");
}

#[test]
fn null_is_nothing_in_a_new_link_too() {
    let nothing = r#"{"url":"https://a.example","alias":null,"domain":null,"expires_at":null,
        "title":null,"tags":null,"status":null,"forward_query":null}"#;
    assert_eq!(ask("POST", "/api/links", nothing), {
        ask("POST", "/api/links", r#"{"url":"https://a.example"}"#)
    });
}

#[test]
fn what_is_over_may_be_taken_over_and_a_link_may_be_ended_at_once() {
    let over = r#""expires_at":"2020-01-01T00:00:00Z"}"#;
    let imported = format!(r#"{{"url":"https://a.example","earlier_clicks":1,{over}"#);
    assert!(matches!(ask("POST", "/api/links", &imported), Ask::Create(_)));
    assert!(matches!(ask("PATCH", "/api/links/x", &format!("{{{over}")), Ask::Edit(..)));
}

/// A megabyte in a field, in a path or in a query is not said again.
#[test]
fn a_stranger_is_not_repeated_at_length() {
    let long = "\u{fc}<".repeat(5_000);
    let url = r#""url":"https://a.example""#;
    for (method, path, body) in [
        ("POST", "/api/links".to_owned(), format!(r#"{{"{long}":1}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{"url":"{long}"}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{"url":"{}:x"}}"#, "x".repeat(2000))),
        ("POST", "/api/links".to_owned(), format!(r#"{{{url},"alias":"{long}"}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{{url},"domain":"{long}"}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{{url},"expires_at":"{long}"}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{{url},"expires_at":"2030-{long}"}}"#)),
        ("POST", "/api/links".to_owned(), format!(r#"{{{url},"status":"{long}"}}"#)),
        ("POST", "/api/links/bulk".to_owned(), format!(r#"{{"links":"{long}"}}"#)),
        ("PATCH", "/api/links/x".to_owned(), format!(r#"{{"{long}":1}}"#)),
        ("GET", format!("/api/{long}"), String::new()),
        ("GET", format!("/api/links/{long}"), String::new()),
        ("GET", format!("/api/links/x?domain={long}"), String::new()),
        ("GET", format!("/api/links?after={long}"), String::new()),
        ("GET", format!("/api/links?limit={long}"), String::new()),
        ("GET", format!("/api/links?clicks={long}"), String::new()),
        ("GET", format!("/api/links?{long}=1"), String::new()),
    ] {
        let reply = asked(method, &path, &body).unwrap_err();
        let (length, starts) = (reply.body.len(), http::shortened(&path));
        assert!(length < 1_200, "{method} {starts}: {length} bytes");
    }
    let many = format!(r#"{{"links":[{{"{long}":1}}]}}"#);
    let Ok(ApiCall::Bulk(links)) = asked("POST", "/api/links/bulk", &many) else { panic!() };
    assert!(links[0].as_ref().unwrap_err().len() < 1_000);
}

#[test]
fn what_makes_no_sense_gets_a_sentence() {
    let create = |body: &str, words: &str| refused("POST", "/api/links", body, 400, words);
    create("", "JSON such as");
    create(r#"["https://a.example"]"#, "no object");
    create("{}", "missing field `url`");
    create(r#"{"url":"https://a.example","alais":"x"}"#, "unknown field `alais`");
    create(r#"{"url":"https://a.example","alias":"a b"}"#, "letters, digits");
    create(r#"{"url":"https://a.example","alias":""}"#, "letters, digits");
    create(r#"{"url":"https://a.example","alias":"API"}"#, "needs this code for itself");
    create(r#"{"url":"https://a.example","domain":"b.example"}"#, "--domain");
    create(r#"{"url":"https://a.example","status":303}"#, "301, 302, 307 or 308");
    create(r#"{"url":"https://a.example","expires_at":"soon"}"#, "2030-01-01T00:00:00Z");
    create(r#"{"url":"http://localhost:7441/x"}"#, "back to this service");
    create(r#"{"url":"https://a.example","expires_at":"2026-12-30T23:59:59Z"}"#, "over before");
    create(r#"{"url":"https://a.example","expires_at":"2999-01-01T00:00:00Z"}"#, "leave it out");
    let long = format!(r#"{{"url":"https://a.example","title":"{}"}}"#, "x".repeat(1001));
    create(&long, "at most 1000");
    refused("GET", "/api/links/a.b", "", 404, "no code");
    refused("GET", "/api/links/x?domain=b.example", "", 404, "--domain");
    refused("GET", "/api/links/x?domian=b", "", 400, "no parameter");
    refused("GET", "/api/links?limit=1001", "", 400, "1 to 1000");
    refused("GET", "/api/links?limit=1&limit=2", "", 400, "twice");
    for none in ["x", "1.1.7", "0.0.", "1.0", "1.0.x", "1.4294967296.0"] {
        refused("GET", &format!("/api/links?after={none}"), "", 400, "`next`");
    }
    refused("GET", "/api/links?clicks=1", "", 400, "true or false");
    refused("POST", "/api/links?x=1", "{}", 400, "no parameter");
    refused("GET", "/api", "", 404, "/api/links");
    refused("GET", "/api/links/x/y", "", 404, "/api/links");
    refused("GET", "/api/links/bulk", "", 405, "only POST");
    refused("PUT", "/api/links/x", "", 405, "PATCH");
    assert_eq!(asked("PUT", "/api/links", "").unwrap_err().header.unwrap().0, "allow");
}

proptest! {
    #[test]
    fn no_request_makes_it_stumble(
        method in "GET|POST|PATCH|DELETE|PUT",
        path in "/api/links(/[a-z.]{0,4}(/stats)?|/bulk)?(\\?\\PC{0,20})?",
        body in prop_oneof!["\\PC{0,30}", "\\{\"(url|links|title|tags)\":\\PC{0,20}\\}"],
    ) {
        if let Err(reply) = asked(&method, &path, &body) {
            prop_assert!((400..500).contains(&reply.status));
            let begins = br#"{"error":"#;
            prop_assert!(reply.body.starts_with(begins));
        }
    }
}
