//! All links, page by page.

use std::io::{self, Write};

use hyper::Method;

use super::ask_error::AskError;
use super::connection::HttpClient;
use shortener_api::{LinkJson, ListPage, MAX_BULK_LINKS, Timestamp};
use shortener_transfer::{Form, Kept, Record, Writer};

/// What a form had no place for. All zero where the export could not be written to its end.
#[derive(Debug, Default)]
pub struct Exported {
    /// Links that lost something.
    pub in_part: u64,
    /// Links that are left out.
    pub left_out: u64,
    /// Links of which a spreadsheet may carry something out.
    pub formulas: u64,
}

impl HttpClient {
    /// Writes all links, with their clicks; `now` says which of them are over. What was written is no export
    /// if it ended in an error.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn export(
        &mut self,
        form: Form,
        to: impl Write,
        now: impl Fn() -> Timestamp,
    ) -> Result<(Exported, io::Result<()>), AskError> {
        let mut writer = match Writer::new(form, to) {
            Ok(writer) => writer,
            Err(error) => return Ok((Exported::default(), Err(error))),
        };
        let mut exported = Exported::default();
        let mut after = String::new();
        loop {
            let path = format!("/api/links?limit={MAX_BULK_LINKS}&clicks=true{after}");
            let page: ListPage = self.ask(Method::GET, &path, None::<&()>)?.wanted()?;
            for shown in page.links {
                let is_formula = form == Form::Csv && may_be_a_formula(&shown);
                let is_over = shown.expires_at.is_some_and(|at| at <= now());
                // Where there is no place for an expiry a link that is over would come to life again.
                let kept = match form == Form::Csv && is_over {
                    true => Ok(Kept::Nothing),
                    false => writer.write(&Record::from(shown)),
                };
                exported.formulas += u64::from(is_formula);
                match kept {
                    Ok(Kept::All) => {}
                    Ok(Kept::Part) => exported.in_part += 1,
                    Ok(Kept::Nothing) => exported.left_out += 1,
                    Err(error) => return Ok((Exported::default(), Err(error))),
                }
            }
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        Ok((exported, writer.finish()))
    }
}

/// Would a spreadsheet carry out what stands in a column, rather than show it?
fn may_be_a_formula(shown: &LinkJson) -> bool {
    let begins = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    begins(&shown.code) || shown.title.as_deref().is_some_and(begins)
}
