//! Links, as JSON shows them.

use serde::{Deserialize, Serialize};

use super::{When, cursor};
use url_shortener::server::Site;
use url_shortener::{Cursor, Key, Link};

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its code, in its domain.
    pub code: String,
    /// The custom domain, if it is in one.
    pub domain: Option<String>,
    /// What people pass on.
    pub short_url: String,
    /// Where it leads.
    pub url: String,
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// When it was made.
    pub created_at: When,
    /// From then on it does not resolve.
    pub expires_at: Option<When>,
    /// For people.
    pub title: Option<String>,
    /// For people.
    pub tags: Vec<String>,
    /// Is a visitor's query appended to where it leads? Null: as the service does it.
    pub forward_query: Option<bool>,
    /// Clicks that were counted elsewhere, before it was imported.
    pub earlier_clicks: u64,
    /// Those and the ones of people that were counted here; in lists that are asked for with `clicks=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
}

/// Some links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage {
    /// In the order of the store.
    pub links: Vec<Shown>,
    /// Given as `after`, it leads to those that follow; null where there are no more.
    pub next: Option<String>,
}

impl Shown {
    /// How this link looks.
    pub(crate) fn of(key: &Key, link: &Link, site: &Site) -> Shown {
        let status: &'static str = link.status.into();
        Shown {
            code: key.code.to_string(),
            domain: key.custom_domain(),
            short_url: site.short_url(key),
            url: link.url.to_string(),
            status: status.parse().unwrap_or_default(),
            created_at: link.created_at.into(),
            expires_at: link.expires_at.map(When::from),
            title: link.title.as_deref().map(str::to_owned),
            tags: link.tags.iter().map(|tag| tag.to_string()).collect(),
            forward_query: link.forward_query,
            earlier_clicks: link.earlier_clicks,
            clicks: None,
        }
    }
}

impl ListPage {
    /// How these look.
    pub(crate) fn of(links: Vec<Shown>, next: Option<&Cursor>) -> ListPage {
        ListPage { links, next: next.map(cursor::text) }
    }
}
