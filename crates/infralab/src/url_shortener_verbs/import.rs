//! `import`: the links of a file, a thousand at a time.

#![expect(clippy::disallowed_types, reason = "a file of any size is read line by line")]

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use hyper::Method;
use shortener_api::{Bulk, MOST_AT_ONCE, Outcomes, Shown, Wanted};
use shortener_transfer::{self as transfer, Form, Record};

use super::Format;
use super::client::{Client, Server};
use super::link::path;
use crate::exit::{Failure, Outcome, print};

/// What has come of the lines so far.
#[derive(Default)]
struct Tally {
    made: u64,
    there: u64,
    refused: u64,
}

pub(super) fn import(file: &Path, format: Option<Format>, server: &Server) -> Outcome {
    let form = match format {
        Some(format) => format.into(),
        None => form_of(file)?,
    };
    let unread = |error| Failure::input(format!("{}: {error}", file.display()));
    let from: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(BufReader::new(io::stdin())),
        _ => Box::new(BufReader::new(fs::File::open(file).map_err(unread)?)),
    };
    let mut client = server.client()?;
    let (mut tally, mut batch) = (Tally::default(), Vec::new());
    let mut links = transfer::read(form, from);
    let mut is_first = true;
    while let Some(found) = links.next() {
        if std::mem::take(&mut is_first) {
            tell_unread(&links.unread());
        }
        match found {
            Ok(record) => batch.push(record),
            Err(malformed) => {
                tally.refuse(&malformed);
                if malformed.is_last {
                    complain("the rest of the file cannot be read");
                }
            }
        }
        if batch.len() == MOST_AT_ONCE {
            send(&mut client, std::mem::take(&mut batch), &mut tally)?;
        }
    }
    send(&mut client, batch, &mut tally)?;
    let Tally { made, there, refused } = tally;
    print(&format!("{made} made, {there} there already, {refused} refused\n"))?;
    match refused {
        0 => Ok(crate::exit::Found::Held),
        _ => Err(Failure::input(format!("{refused} lines were refused, for the reasons above"))),
    }
}

/// Makes these links.
fn send(client: &mut Client, batch: Vec<(u64, Record)>, tally: &mut Tally) -> Result<(), Failure> {
    let mut batch = batch;
    while !batch.is_empty() {
        let links = batch.iter().map(|(_, record)| Wanted::from(record.clone())).collect();
        let answer = client.ask(Method::POST, "/api/links/bulk", Some(&Bulk { links }))?;
        let Outcomes { results } = answer.wanted()?;
        if results.len() != batch.len() {
            return Err(Failure::environment("the server", "it did not answer for each link"));
        }
        let mut again = Vec::new();
        for ((line, record), outcome) in batch.into_iter().zip(results) {
            let why = outcome.error.unwrap_or_default();
            match outcome.status {
                201 => tally.made += 1,
                409 if leads_there(client, &record)? => tally.there += 1,
                // It was busy, or nobody knows: a second attempt finds out.
                429 | 503 => again.push((line, record)),
                _ => tally.refuse(&format_args!("line {line}: {}: {why}", record.code)),
            }
        }
        if !again.is_empty() {
            client.pause(Duration::from_secs(1));
        }
        batch = again;
    }
    Ok(())
}

/// Does the link of this code lead there already?
fn leads_there(client: &mut Client, record: &Record) -> Result<bool, Failure> {
    let path = path(&record.code, record.domain.as_deref());
    let answer = client.ask(Method::GET, &path, None::<&()>)?;
    if !answer.status.is_success() {
        return Ok(false);
    }
    let shown: Shown = answer.wanted()?;
    Ok(record.leads_to(&shown.url))
}

/// What a link cannot have here is not lost in silence.
fn tell_unread(columns: &[String]) {
    if !columns.is_empty() {
        complain(format_args!("nothing is read of these columns: {}", columns.join(", ")));
    }
}

impl Tally {
    fn refuse(&mut self, why: &dyn std::fmt::Display) {
        self.refused += 1;
        complain(why);
    }
}

/// A line is a stranger's: nothing in it may steer the terminal.
fn complain(why: impl std::fmt::Display) {
    anstream::eprintln!("infralab: {}", Failure::input(why));
}

fn form_of(file: &Path) -> Result<Form, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(Form::Csv),
        Some("jsonl" | "ndjson") => Ok(Form::JsonLines),
        _ => Err(Failure::input(format!(
            "{} does not say what it is; --format csv or --format jsonl does",
            file.display()
        ))),
    }
}
