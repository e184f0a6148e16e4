//! Answers of the instance as HTTP replies.

use url_shortener::Answer;
use url_shortener::server::{HttpReply, Site, refused};

use crate::{BulkResult, LinkJson, ListPage};

/// The reply for this answer.
pub(crate) fn reply(answer: Answer, created: bool, site: &Site) -> HttpReply {
    match answer {
        Answer::Link(key, link) => {
            let status = if created { 201 } else { 200 };
            HttpReply::json(status, &LinkJson::of(&key, &link, site))
        }
        Answer::Deleted => HttpReply::empty(204),
        Answer::Page { links, next } => {
            let shown = links.iter().map(|(key, link)| LinkJson::of(key, link, site));
            HttpReply::json(200, &ListPage::of(shown.collect(), next.as_ref()))
        }
        answer => refused(answer),
    }
}

/// The result for one link of a bulk request.
pub(crate) fn outcome(answer: Answer, site: &Site) -> BulkResult {
    match answer {
        Answer::Link(key, link) => {
            BulkResult { status: 201, link: Some(LinkJson::of(&key, &link, site)), error: None }
        }
        answer => {
            let refused = refused(answer);
            BulkResult { status: refused.status, link: None, error: refused.sentence() }
        }
    }
}
