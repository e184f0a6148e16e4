//! Links as JSON.

use serde::{Deserialize, Serialize};

use super::{Timestamp, cursor};
use url_shortener::server::Site;
use url_shortener::{Cursor, Key, Link};

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkJson {
    /// Its code, in its domain.
    pub code: String,
    /// The custom domain, if it is in one.
    pub domain: Option<String>,
    /// The short URL.
    pub short_url: String,
    /// Where it leads.
    pub url: String,
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it does not resolve.
    pub expires_at: Option<Timestamp>,
    /// For people.
    pub title: Option<String>,
    /// For people.
    pub tags: Vec<String>,
    /// Is a visitor's query appended to where it leads? Null: as the service does it.
    pub forward_query: Option<bool>,
    /// Clicks that were counted elsewhere, before it was imported.
    pub earlier_clicks: u64,
    /// All clicks of people, here and elsewhere; only in lists with `clicks=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
}

/// Some links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage {
    /// In the order of the store.
    pub links: Vec<LinkJson>,
    /// The cursor for the next page, to be sent as `after`; null after the last page.
    pub next: Option<String>,
}

impl LinkJson {
    /// The JSON of this link.
    pub(crate) fn of(key: &Key, link: &Link, site: &Site) -> LinkJson {
        let status: &'static str = link.status.into();
        LinkJson {
            code: key.code.to_string(),
            domain: key.custom_domain(),
            short_url: site.short_url(key),
            url: link.url.to_string(),
            status: status.parse().unwrap_or_default(),
            created_at: link.created_at.into(),
            expires_at: link.expires_at.map(Timestamp::from),
            title: link.title.as_deref().map(str::to_owned),
            tags: link.tags.iter().map(|tag| tag.to_string()).collect(),
            forward_query: link.forward_query,
            earlier_clicks: link.earlier_clicks,
            clicks: None,
        }
    }
}

impl ListPage {
    /// The JSON of these links.
    pub(crate) fn of(links: Vec<LinkJson>, next: Option<&Cursor>) -> ListPage {
        ListPage { links, next: next.map(cursor::text) }
    }
}
