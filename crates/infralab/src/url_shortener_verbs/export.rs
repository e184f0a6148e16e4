//! `export`: all links, page by page.

use std::io::BufWriter;

use hyper::Method;
use shortener_api::{ListPage, MOST_AT_ONCE, Shown, When};
use shortener_transfer::{Form, Kept, Record, Writer};

use super::Format;
use super::client::Server;
use crate::exit::{Outcome, Results, printed};

pub(super) fn export(format: Format, server: &Server) -> Outcome {
    let mut client = server.client()?;
    let form = Form::from(format);
    let mut writer = match Writer::new(form, BufWriter::new(Results::new())) {
        Ok(writer) => writer,
        Err(error) => return printed(Err(error)),
    };
    let (mut part, mut nothing, mut formulas) = (0_u64, 0_u64, 0_u64);
    let mut after = String::new();
    loop {
        let path = format!("/api/links?limit={MOST_AT_ONCE}&clicks=true{after}");
        let page: ListPage = client.ask(Method::GET, &path, None::<&()>)?.wanted()?;
        for shown in page.links {
            let is_formula = form == Form::Csv && may_be_a_formula(&shown);
            let is_over = shown.expires_at.is_some_and(|at| at <= now());
            // Where there is no place for an expiry a link that is over would come to life again.
            let kept = match form == Form::Csv && is_over {
                true => Ok(Kept::Nothing),
                false => writer.write(&Record::from(shown)),
            };
            formulas += u64::from(is_formula);
            match kept {
                Ok(Kept::All) => {}
                Ok(Kept::Part) => part += 1,
                Ok(Kept::Nothing) => nothing += 1,
                Err(error) => return printed(Err(error)),
            }
        }
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let ended = writer.finish();
    if part + nothing > 0 {
        anstream::eprintln!(
            "infralab: CSV has no place for links that are over or of custom domains: {nothing} are \
             left out; nor for expiry, tags, redirect status or forwarded queries: {part} have lost theirs; \
             --format jsonl keeps all"
        );
    }
    if formulas > 0 {
        anstream::eprintln!(
            "infralab: {formulas} titles or codes begin with =, +, - or @, and are written as they are; \
             a spreadsheet may carry them out: let it import all columns as text"
        );
    }
    printed(ended)
}

/// Would a spreadsheet carry out what stands in a column, rather than show it?
fn may_be_a_formula(shown: &Shown) -> bool {
    let begins = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    begins(&shown.code) || shown.title.as_deref().is_some_and(begins)
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether a link is over is for the clock on the wall"
)]
fn now() -> When {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    machine::Wall(since.map_or(0, machine::nanos)).into()
}
