//! The OpenAPI document of the url-shortener says what the server does: its paths and methods are the
//! server's, and what it asks for and promises holds of real answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{Reply, send};
use crate::lab::Scratch;
use crate::server::Server;

const DOCUMENT: &str = "/api/openapi.json";
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A server, and what it says of itself.
struct Described {
    server: Server,
    document: Value,
    _scratch: Scratch,
}

impl Described {
    fn start(test: &str) -> Described {
        let scratch = Scratch::new(test);
        let data = scratch.text("data");
        let serve = ["url-shortener", "serve", "--listen", "127.0.0.1:0", "--data", &data];
        let server = Server::run(&serve);
        let document = server.get(DOCUMENT).json();
        Described { server, document, _scratch: scratch }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let headers = "Content-Type: application/json\r\n";
        send(self.server.address, &format!("{method} {path}"), headers, body).unwrap()
    }

    /// Its paths, and the methods of each.
    fn paths(&self) -> Vec<(&str, BTreeSet<String>)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let methods = |item: &Value| {
            let keys = item.as_object().unwrap().keys().map(|key| key.to_uppercase());
            keys.filter(|key| METHODS.contains(&key.as_str())).collect()
        };
        paths.map(|(path, item)| (path.as_str(), methods(item))).collect()
    }

    /// The answer must be one that the document names for this operation, of the form it gives.
    #[track_caller]
    fn holds(&self, method: &str, template: &str, reply: &Reply) {
        let operation = &self.document["paths"][template][method.to_lowercase()];
        let named = &operation["responses"][reply.status.to_string()];
        let named = match named["$ref"].as_str() {
            Some(name) => self.document.pointer(name.strip_prefix('#').unwrap()).unwrap(),
            None => named,
        };
        assert!(named.is_object(), "{method} {template}: {} is not named", reply.status);
        match named["content"].get("application/json") {
            Some(content) => {
                let told = self.fits(&content["schema"], &reply.json(), "");
                assert_eq!(told, Ok(()), "{method} {template}: {reply:?}");
            }
            None => assert_eq!(reply.body, "", "{method} {template} has no body"),
        }
    }

    /// Is this value of the form? As much of JSON Schema as the document uses.
    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(name) = schema["$ref"].as_str() {
            let pointer = name.strip_prefix('#').unwrap();
            let schema = self.document.pointer(pointer).ok_or(format!("there is no {name}"))?;
            return self.fits(schema, value, at);
        }
        let wrong = |why: &str| Err(format!("{at}: {value} {why}"));
        let types = match &schema["type"] {
            Value::Array(types) => types.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        if !types.is_empty() && !types.iter().any(|kind| is(value, kind.as_str().unwrap())) {
            return wrong(&format!("is none of {types:?}"));
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
            return wrong("is not in the list");
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.fits(&schema["items"], item, &format!("{at}/{index}"))?;
        }
        let Some(fields) = value.as_object() else { return Ok(()) };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                return wrong(&format!("has no {name}"));
            }
        }
        for (name, field) in fields {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => self.fits(schema, field, &at)?,
                (None, Value::Bool(false)) => return Err(format!("{at} is not described")),
                (None, schema) => self.fits(schema, field, &at)?,
            }
        }
        Ok(())
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type of the document"),
    }
}

#[test]
fn the_document_names_the_paths_and_methods_that_there_are() {
    let described = Described::start("openapi-paths");
    // What there is below /api/links is known from the server's own sentence about a path that is not.
    let reply = described.ask("GET", "/api/nothing/here", "");
    reply.refuses(404, "there are ");
    let sentence = reply.json()["error"].as_str().unwrap().replace(',', " ");
    let said = sentence.split(' ').filter(|word| word.starts_with("/api/"));
    let said: BTreeSet<_> = said.map(|word| word.replace("CODE", "{code}")).collect();
    let paths = described.paths();
    let named: BTreeSet<_> = paths.iter().map(|(path, _)| path.to_string()).collect();
    let more = BTreeSet::from([DOCUMENT.to_owned(), "/{code}".to_owned()]);
    assert_eq!(named, &said | &more);
    for (path, methods) in paths {
        for method in METHODS {
            let reply = described.ask(method, &path.replace("{code}", "nobody"), "");
            let is_there = reply.status != 405;
            assert_eq!(is_there, methods.contains(method), "{method} {path}: {reply:?}");
        }
    }
}

#[test]
fn its_examples_are_understood_and_its_answers_are_given() {
    let described = Described::start("openapi-examples");
    let example = |path: &str, method: &str| {
        let request = &described.document["paths"][path][method]["requestBody"];
        let content = &request["content"]["application/json"];
        assert_eq!(described.fits(&content["schema"], &content["example"], ""), Ok(()));
        content["example"].clone()
    };
    let (new, many) = (example("/api/links", "post"), example("/api/links/bulk", "post"));
    let change = example("/api/links/{code}", "patch");
    let ask = |method: &str, template: &str, query: &str, body: &Value, status: u16| {
        let path = template.replace("{code}", "first") + query;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = described.ask(method, &path, &body);
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        if !template.starts_with("/{") || status >= 400 {
            described.holds(method, template, &reply);
        }
        reply
    };
    let nothing = Value::Null;
    let (one, stats) = ("/api/links/{code}", "/api/links/{code}/stats");
    let made = ask("POST", "/api/links", "", &new, 201).json();
    for (field, value) in new.as_object().unwrap() {
        let name = if field == "alias" { "code" } else { field };
        assert_eq!(&made[name], value, "{field} is as it was asked for");
    }
    ask("POST", "/api/links", "", &new, 409);
    ask("POST", "/api/links", "", &json!({ "url": "gopher://example.com" }), 400);
    let results = ask("POST", "/api/links/bulk", "", &many, 200).json()["results"].clone();
    let statuses: Vec<_> = results.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [201, 201, 400]);
    ask("GET", "/api/links", "?limit=2&clicks=true", &nothing, 200);
    ask("GET", "/api/links", "?limit=0", &nothing, 400);
    ask("GET", "/{code}", "", &nothing, 302);
    ask("GET", one, "", &nothing, 200);
    ask("GET", stats, "", &nothing, 200);
    let changed = ask("PATCH", one, "", &change, 200).json();
    assert_eq!((&changed["url"], &changed["title"]), (&change["url"], &nothing));
    ask("DELETE", one, "", &nothing, 204);
    for (method, path) in [("GET", one), ("GET", stats), ("DELETE", one), ("GET", "/{code}")] {
        ask(method, path, "", &nothing, 404);
    }
    ask("GET", "/api/shards", "", &nothing, 200);
    assert_eq!(ask("POST", "/api/shards", "", &nothing, 202).json()["shards"][1]["shard"], 1);
    ask("GET", DOCUMENT, "", &nothing, 200);
}
