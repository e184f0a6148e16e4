//! The links of a file, a thousand at a time.

use std::fmt::Display;
use std::io::BufRead;
use std::time::Duration;

use hyper::Method;

use super::ask_error::AskError;
use super::connection::HttpClient;
use super::path::link_path;
use shortener_api::{BulkRequest, BulkResults, CreateRequest, LinkJson, MAX_BULK_LINKS};
use shortener_transfer::{self as transfer, Form, Record};

/// How long to wait where the server was busy.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of the lines of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Links that were made.
    pub made: u64,
    /// Links that were there and lead to the same place.
    pub there: u64,
    /// Lines that are no link, or whose code is taken.
    pub refused: u64,
}

impl HttpClient {
    /// Makes all links of a file, so that it may be done again. `complain` is told which lines were refused,
    /// why, and what a link has no place for.
    ///
    /// # Errors
    /// If there is no answer. What was made until then stays.
    pub fn import(
        &mut self,
        form: Form,
        from: impl BufRead,
        complain: &mut dyn FnMut(&dyn Display),
    ) -> Result<Imported, AskError> {
        let mut import = Import { client: self, so_far: Imported::default(), complain };
        let mut batch = Vec::new();
        let mut links = transfer::read(form, from);
        let mut is_first = true;
        while let Some(found) = links.next() {
            if std::mem::take(&mut is_first) {
                import.tell_unread(&links.unread());
            }
            match found {
                Ok(record) => batch.push(record),
                Err(malformed) => {
                    import.refuse(&malformed);
                    if malformed.is_last {
                        (import.complain)(&"the rest of the file cannot be read");
                    }
                }
            }
            if batch.len() == MAX_BULK_LINKS {
                import.send(std::mem::take(&mut batch))?;
            }
        }
        import.send(batch)?;
        Ok(import.so_far)
    }
}

struct Import<'a> {
    client: &'a mut HttpClient,
    so_far: Imported,
    complain: &'a mut dyn FnMut(&dyn Display),
}

impl Import<'_> {
    /// Makes these links.
    fn send(&mut self, mut batch: Vec<(u64, Record)>) -> Result<(), AskError> {
        while !batch.is_empty() {
            let links =
                batch.iter().map(|(_, record)| CreateRequest::from(record.clone())).collect();
            let bulk = Some(&BulkRequest { links });
            let answer = self.client.ask(Method::POST, "/api/links/bulk", bulk)?;
            let BulkResults { results } = answer.wanted()?;
            if results.len() != batch.len() {
                return Err(AskError::failed("the server", "it did not answer for each link"));
            }
            let mut again = Vec::new();
            for ((line, record), outcome) in batch.into_iter().zip(results) {
                let why = outcome.error.unwrap_or_default();
                match outcome.status {
                    201 => self.so_far.made += 1,
                    409 if self.leads_there(&record)? => self.so_far.there += 1,
                    // It was busy, or nobody knows: a second attempt finds out.
                    429 | 503 => again.push((line, record)),
                    _ => self.refuse(&format_args!("line {line}: {}: {why}", record.code)),
                }
            }
            if !again.is_empty() {
                self.client.pause(PAUSE);
            }
            batch = again;
        }
        Ok(())
    }

    /// Does the link of this code lead there already?
    fn leads_there(&mut self, record: &Record) -> Result<bool, AskError> {
        let path = link_path(&record.code, record.domain.as_deref());
        let answer = self.client.ask(Method::GET, &path, None::<&()>)?;
        if !answer.status.is_success() {
            return Ok(false);
        }
        let shown: LinkJson = answer.wanted()?;
        Ok(record.leads_to(&shown.url))
    }

    /// What a link cannot have here is not lost in silence.
    fn tell_unread(&mut self, columns: &[String]) {
        if !columns.is_empty() {
            let columns = columns.join(", ");
            (self.complain)(&format_args!("nothing is read of these columns: {columns}"));
        }
    }

    fn refuse(&mut self, why: &dyn Display) {
        self.so_far.refused += 1;
        (self.complain)(why);
    }
}
