//! `export`: all links, page by page.

use std::io::{self, BufWriter};

use hyper::Method;
use url_shortener::transfer::{Form, Kept, Record, Writer};
use url_shortener::wire::{MOST_AT_ONCE, Page, When};

use super::Format;
use super::client::Server;
use crate::exit::{Outcome, printed};

pub(super) fn export(format: Format, server: &Server) -> Outcome {
    let mut client = server.client()?;
    let form = Form::from(format);
    let mut writer = match Writer::new(form, BufWriter::new(io::stdout().lock())) {
        Ok(writer) => writer,
        Err(error) => return printed(Err(error)),
    };
    let (mut part, mut nothing) = (0_u64, 0_u64);
    let mut after = String::new();
    loop {
        let path = format!("/api/links?limit={MOST_AT_ONCE}&clicks=true{after}");
        let page: Page = client.ask(Method::GET, &path, None::<&()>)?.wanted()?;
        for shown in page.links {
            let is_over = shown.expires_at.is_some_and(|at| at <= now());
            // Where there is no place for an expiry a link that is over would come to life again.
            let kept = match form == Form::Csv && is_over {
                true => Ok(Kept::Nothing),
                false => writer.write(&Record::from(shown)),
            };
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
             left out; nor for expiry, tags or redirect status: {part} have lost theirs; \
             --format jsonl keeps all"
        );
    }
    printed(ended)
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
