//! Links in files, and the commands that ask a server that runs.

use serde_json::{Value, json};

use crate::lab::{Said, Scratch, lab, refused};
use crate::links::{counted, follow, make, shortener};
use crate::server::Server;

/// Asks this server by the command line.
fn tell(server: &Server, arguments: &[&str]) -> Said {
    let url = format!("http://{}", server.address);
    lab(&[&["url-shortener"], arguments, &["--server", &url]].concat())
}

fn told(server: &Server, arguments: &[&str]) -> String {
    let said = tell(server, arguments);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    said.stdout
}

/// What became of an import of which not all can be made: in all, and what is said of it.
fn imported_in_part(server: &Server, file: &str, sum: &str, words: &[&str]) {
    let said = tell(server, &["import", file]);
    assert_eq!((said.code, &*said.stdout), (Some(2), &*format!("{sum}\n")), "{said:?}");
    for words in words {
        assert!(said.stderr.contains(words), "{words:?} is not in {said:?}");
    }
}

/// Without the moments at which links were made here.
fn lines(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["code"].as_str().unwrap().to_owned());
    lines
}

#[test]
fn a_link_is_made_and_looked_at_from_the_command_line() {
    let scratch = Scratch::new("shorten");
    let server = shortener(&scratch, &[]);
    let made = told(&server, &["shorten", "https://Example.com", "--alias", "ex", "--tag", "a"]);
    assert_eq!(made, format!("http://{}/ex\n", server.address));
    assert_eq!(told(&server, &["expand", "ex"]), "https://example.com/\n");
    let shown: Value = serde_json::from_str(&told(&server, &["expand", "ex", "--json"])).unwrap();
    assert_eq!((&shown["tags"], &shown["status"]), (&json!(["a"]), &json!(302)));
    let said = tell(&server, &["shorten", "https://b.example", "--alias", "ex"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    said.complains(&["taken"]);
    assert_eq!(tell(&server, &["expand", "nothing"]).code, Some(2));
    assert_eq!(tell(&server, &["expand", "a/b?c"]).code, Some(2));
    assert_eq!(tell(&server, &["shorten", "x"]).code, Some(2));
    let said = tell(&server, &["shorten", "Example.org/page", "--alias", "page"]);
    assert_eq!((said.code, said.stdout.ends_with("/page\n")), (Some(0), true), "{said:?}");
    assert_eq!(said.stderr, "infralab: Example.org/page is taken as https://Example.org/page\n");
    assert_eq!(told(&server, &["expand", "page"]), "https://example.org/page\n");
    let past = ["shorten", "https://b.example", "--expires-at", "2020-01-01T00:00:00Z"];
    let said = tell(&server, &past);
    assert_eq!(said.code, Some(2), "{said:?}");
    said.complains(&["over before it is made"]);
    let late = ["shorten", "https://b.example", "--expires-at", "2999-01-01T00:00:00Z"];
    tell(&server, &late).complains(&["leave it out"]);
    let expand = |url| ["url-shortener", "expand", "ex", "--server", url];
    refused(&expand("http://127.0.0.1:1"), 4, &["is it running"]);
    refused(&expand("https://127.0.0.1:1"), 2, &["tunnel"]);
}

#[test]
fn what_yourls_exported_is_taken_over_with_its_clicks() {
    let scratch = Scratch::new("yourls");
    let server = shortener(&scratch, &[]);
    let file = scratch.text("links.csv");
    let csv = "keyword,url,title,timestamp,ip,clicks\n\
               ozh,http://ozh.org/,\"Ozh, \"\"the\"\" one\",2013-05-04 12:34:56,192.0.2.7,1042\n\
               b,https://b.example/,,2020-01-01 00:00:00,,0\n";
    std::fs::write(&file, csv).unwrap();
    assert_eq!(told(&server, &["import", &file]), "2 made, 0 there already, 0 refused\n");
    assert_eq!(told(&server, &["import", &file]), "0 made, 2 there already, 0 refused\n");
    assert_eq!(follow(&server, "/ozh"), (302, "http://ozh.org/".to_owned()));
    let stats = counted(&server, "ozh", 1043);
    assert_eq!((&stats["clicks"], &stats["earlier_clicks"]), (&json!(1043), &json!(1042)));
    // What comes out is what went in, but for the address and one more click.
    let out = told(&server, &["export", "--format", "csv"]);
    let mut out: Vec<_> = out.lines().collect();
    out[1..].sort_unstable();
    assert_eq!(
        out,
        [
            "keyword,url,title,timestamp,ip,clicks",
            "b,https://b.example/,,2020-01-01 00:00:00,,0",
            "ozh,http://ozh.org/,\"Ozh, \"\"the\"\" one\",2013-05-04 12:34:56,,1043",
        ]
    );
}

#[test]
fn lines_that_are_no_links_are_named_and_the_others_are_made() {
    let scratch = Scratch::new("named-lines");
    let server = shortener(&scratch, &[]);
    make(&server, &json!({"url": "https://other.example", "alias": "taken"}));
    let file = scratch.text("links.csv");
    let csv = "a,https://a.example/,,2020-01-01 00:00:00,,1\nno,comma\n\
               taken,https://b.example/,,2020-01-01 00:00:00,,1\n\
               mail,mailto:x@a.example,,2020-01-01 00:00:00,,1\n\
               c,https://c.example/,,2020-01-01 00:00:00,,1\n";
    std::fs::write(&file, csv).unwrap();
    let words =
        ["line 2: it has 2 fields", "line 3: taken", "line 4: mail", "3 lines were refused"];
    imported_in_part(&server, &file, "2 made, 0 there already, 3 refused", &words);
    assert_eq!(follow(&server, "/c").0, 302);
    assert_eq!(tell(&server, &["import", &scratch.text("links.xml")]).code, Some(2));
    assert_eq!(tell(&server, &["import", &scratch.text("missing.csv")]).code, Some(2));
}

#[test]
fn an_export_of_another_shortener_is_taken_over_by_the_names_of_its_columns() {
    let scratch = Scratch::new("elsewhere");
    let server = shortener(&scratch, &["--public-url", "https://s.example"]);
    let file = scratch.text("short_urls.csv");
    let csv = "\u{FEFF}createdAt;domain;shortCode;longUrl;title;tags;visits;maxVisits\r\
               2024-09-12T09:29:42+02:00;s.example;a;https://a.example/;T;x|y;7;100\r\
               2024-09-12T09:29:42+02:00;other.example;b;https://b.example/;;;0;\r";
    std::fs::write(&file, csv).unwrap();
    let words = ["nothing is read of these columns: maxVisits", "line 3: b: ", "--domain"];
    imported_in_part(&server, &file, "1 made, 0 there already, 1 refused", &words);
    let link = server.get("/api/links/a").json();
    let expected = json!({"created_at": "2024-09-12T07:29:42Z", "title": "T", "tags": ["x", "y"],
        "earlier_clicks": 7, "domain": null});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&link[name], value, "{name}");
    }
}

#[test]
fn what_is_there_already_is_known_however_its_address_is_written() {
    let scratch = Scratch::new("there-already");
    let server = shortener(&scratch, &[]);
    let file = scratch.text("links.csv");
    let row = |code: &str, url: &str| format!("{code},{url},,,,1\n");
    let written = row("a", "HTTP://Ex.org:80/a/../b") + &row("b", "https://b\u{fc}cher.example");
    std::fs::write(&file, format!("{written}{written}")).unwrap();
    assert_eq!(told(&server, &["import", &file]), "2 made, 2 there already, 0 refused\n");
    // Another address is not there, as like as it may look.
    std::fs::write(&file, row("a", "http://ex.org/B")).unwrap();
    let words = ["line 1: a: ", "taken"];
    imported_in_part(&server, &file, "0 made, 0 there already, 1 refused", &words);
}

#[test]
fn a_link_whose_clicks_were_counted_elsewhere_is_made_now_unless_it_says_when() {
    let scratch = Scratch::new("dated");
    let server = shortener(&scratch, &[]);
    let made = make(&server, &json!({"url": "https://a.example", "earlier_clicks": 7}));
    assert_eq!(made["earlier_clicks"], 7);
    assert!(made["created_at"].as_str().unwrap() > "2026", "{made}");
    let file = scratch.text("links.jsonl");
    let link = json!({"code": "b", "url": "https://b.example", "clicks": 3});
    std::fs::write(&file, format!("\u{FEFF}{link}\n")).unwrap();
    assert_eq!(told(&server, &["import", &file]), "1 made, 0 there already, 0 refused\n");
    let link = server.get("/api/links/b").json();
    assert!(link["created_at"].as_str().unwrap() > "2026", "{link}");
    let epoch = json!({"url": "https://c.example", "created_at": "1970-01-01T00:00:00Z"});
    assert_eq!(make(&server, &epoch)["created_at"], "1970-01-01T00:00:00Z");
}

#[test]
fn a_line_that_cannot_be_read_does_not_end_an_import() {
    let scratch = Scratch::new("long-lines");
    let server = shortener(&scratch, &[]);
    let row = |code: &str, title: &str| format!("{code},https://a.example/,{title},,,1\n");
    let csv = row("a", "") + &row("b", &"x".repeat(70_000)) + &row("c", "\"open") + &row("d", "");
    std::fs::write(scratch.join("links.csv"), csv).unwrap();
    let words = ["line 2: it has more than 65536 bytes", "line 3: a quotation has no end"];
    let sum = "2 made, 0 there already, 2 refused";
    imported_in_part(&server, &scratch.text("links.csv"), sum, &words);
    let link =
        |code: &str, title: &str| json!({"code": code, "url": "https://a.example", "title": title});
    let lines = [link("e", ""), link("f", &"x".repeat(70_000)), link("g", "")];
    let lines = lines.map(|line| format!("{line}\n")).concat();
    std::fs::write(scratch.join("links.jsonl"), lines).unwrap();
    let sum = "2 made, 0 there already, 1 refused";
    imported_in_part(&server, &scratch.text("links.jsonl"), sum, &words[..1]);
}

#[test]
fn json_lines_take_everything_to_another_server() {
    let (from, to) = (Scratch::new("export-from"), Scratch::new("export-to"));
    let domain = ["--domain", "go.example", "--shards", "2"];
    let first = shortener(&from, &domain);
    for number in 0..1100 {
        // A thousand and more are several pages and several requests.
        let link =
            json!({"code": format!("n{number}"), "url": format!("https://a.example/{number}")});
        let line = format!("{link}\n");
        use std::io::Write;
        let file =
            std::fs::OpenOptions::new().create(true).append(true).open(from.join("in.jsonl"));
        file.unwrap().write_all(line.as_bytes()).unwrap();
    }
    let imported = told(&first, &["import", &from.text("in.jsonl")]);
    assert_eq!(imported, "1100 made, 0 there already, 0 refused\n");
    let full = json!({"url": "https://b.example", "alias": "full", "domain": "go.example",
        "title": "T", "tags": ["a", "b"], "status": 307, "forward_query": false,
        "expires_at": "2999-01-01T00:00:00Z"});
    assert_eq!(crate::links::say(&first, "POST /api/links", &full).status, 400, "after 2554");
    let mut full = full;
    full["expires_at"] = json!("2500-01-01T00:00:00Z");
    make(&first, &full);
    assert_eq!(follow(&first, "/n7").0, 302);
    counted(&first, "n7", 1);
    let exported = told(&first, &["export"]);
    let links = lines(&exported);
    assert_eq!(links.len(), 1101);
    let seven = links.iter().find(|link| link["code"] == "n7").unwrap();
    assert_eq!(seven["clicks"], 1);

    std::fs::write(to.join("out.jsonl"), &exported).unwrap();
    let second = shortener(&to, &domain);
    let imported = told(&second, &["import", &to.text("out.jsonl")]);
    assert_eq!(imported, "1101 made, 0 there already, 0 refused\n");
    assert_eq!(lines(&told(&second, &["export"])), links);

    let said = tell(&second, &["export", "--format", "csv"]);
    assert_eq!(said.stdout.lines().count(), 1101, "the names of the columns, and all but one");
    assert!(said.stderr.contains("or of custom domains: 1 are left out; nor"), "{said:?}");
    assert!(said.stderr.contains("queries: 0 have lost theirs; --format jsonl keeps"), "{said:?}");
    let over = json!({"url": "https://b.example", "alias": "over", "earlier_clicks": 1,
        "expires_at": "2020-01-01T00:00:00Z"});
    make(&second, &over);
    let tagged = json!({"url": "https://b.example", "alias": "tagged", "tags": ["t"],
        "title": "=1+1"});
    make(&second, &tagged);
    let said = tell(&second, &["export", "--format", "csv"]);
    assert_eq!(said.stdout.lines().count(), 1102, "and one that has lost its tag");
    assert!(said.stdout.contains(",=1+1,"), "what YOURLS is to have is as it was");
    assert!(said.stderr.contains("1 titles or codes begin with =, +, - or @"), "{said:?}");
    let said = tell(&second, &["export"]);
    assert_eq!(said.stderr, "", "nobody takes JSON for formulas");
    let said = tell(&second, &["export", "--format", "csv"]);
    assert!(said.stderr.contains(": 2 are left out; "), "{said:?}");
    assert!(said.stderr.contains(": 1 have lost theirs; "), "{said:?}");
    // To leave links out is no failure, and not silent either.
    assert_eq!(said.code, Some(0));
}
