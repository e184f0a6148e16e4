//! `--store`: links in a real PostgreSQL, where `URL_SHORTENER_POSTGRES` says there is one.

use std::collections::BTreeSet;

use serde_json::json;

use crate::lab::{Scratch, lab, refused};
use crate::links::{counted, follow, make, say};
use crate::server::Server;

fn serve(scratch: &Scratch, data: &str, store: &str) -> Server {
    let data = scratch.text(data);
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
    Server::run(&[&serve, &["--store", store][..]].concat())
}

#[test]
fn two_servers_on_one_database_keep_the_same_links_and_pick_different_codes() {
    let Ok(store) = std::env::var("URL_SHORTENER_POSTGRES") else {
        eprintln!("skipped: URL_SHORTENER_POSTGRES names no PostgreSQL");
        return;
    };
    let scratch = Scratch::new("database");
    let (one, other) = (serve(&scratch, "one", &store), serve(&scratch, "other", &store));
    let new = |server: &Server, number| {
        let made = make(server, &json!({ "url": format!("https://a.example/{number}") }));
        (made["code"].as_str().unwrap().to_owned(), number)
    };
    let made: Vec<_> = (0..40).map(|n| new(if n % 2 == 0 { &one } else { &other }, n)).collect();
    let codes: BTreeSet<_> = made.iter().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), 40, "two links have one code");
    for (code, number) in &made {
        let target = (302, format!("https://a.example/{number}"));
        assert_eq!(follow(&one, &format!("/{code}")), target);
        assert_eq!(follow(&other, &format!("/{code}")), target);
    }
    let code = &made[0].0;
    assert_eq!(counted(&one, code, 1)["clicks"], 1, "each counts what it led on");
    one.kill();
    let one = serve(&scratch, "one", &store);
    assert_eq!(follow(&one, &format!("/{code}")).0, 302, "what was acknowledged is kept");
    for (code, _) in &made {
        assert_eq!(say(&one, &format!("DELETE /api/links/{code}"), &json!(null)).status, 204);
    }
    one.get(&format!("/{code}")).refuses(404, "no such link");
}

#[test]
fn a_store_that_will_not_do_is_refused_with_the_reason() {
    let scratch = Scratch::new("no-database");
    let data = scratch.text("data");
    let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data, "--store"];
    for (store, reason) in [
        ("postgres://me:hush@localhost/links", "PGPASSWORD"),
        ("postgres://me@db.example/links", "another computer"),
        ("postgres://me@localhost/links?sslmode=require", "TLS"),
        ("mysql://localhost/links", "postgres://USER@localhost:5432/DATABASE"),
    ] {
        let arguments = [&serve[..], &[store]].concat();
        let said = lab(&arguments);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(reason), "{reason} is not in {said:?}");
        assert!(!said.stderr.contains("hush"), "a log may keep this: {said:?}");
    }
    // Nobody listens at port 1.
    let nobody = [&serve[..], &["postgres://me@127.0.0.1:1/links"]].concat();
    refused(&nobody, 4, &["cannot be reached", "nothing changed"]);
    assert!(!scratch.join("data").exists(), "the folder would be a database's from then on");
}
