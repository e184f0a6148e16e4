//! What an instance answered, as the programming interface says it.

use url_shortener::Answer;
use url_shortener::server::{HttpReply, Site, refused};

use crate::{ListPage, Outcome, Shown};

/// What an instance answered to a request of the programming interface.
pub(crate) fn reply(answer: Answer, created: bool, site: &Site) -> HttpReply {
    match answer {
        Answer::Link(key, link) => {
            let status = if created { 201 } else { 200 };
            HttpReply::json(status, &Shown::of(&key, &link, site))
        }
        Answer::Deleted => HttpReply::empty(204),
        Answer::Page { links, next } => {
            let shown = links.iter().map(|(key, link)| Shown::of(key, link, site));
            HttpReply::json(200, &ListPage::of(shown.collect(), next.as_ref()))
        }
        answer => refused(answer),
    }
}

/// Of many, what came of one.
pub(crate) fn outcome(answer: Answer, site: &Site) -> Outcome {
    match answer {
        Answer::Link(key, link) => {
            Outcome { status: 201, link: Some(Shown::of(&key, &link, site)), error: None }
        }
        answer => {
            let refused = refused(answer);
            Outcome { status: refused.status, link: None, error: refused.sentence() }
        }
    }
}
