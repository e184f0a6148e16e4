//! A link: where it leads, and what its owner said about it.

pub(crate) mod code;
pub(crate) mod codec;
pub(crate) mod key;
pub(crate) mod names;
pub(crate) mod punycode;

use std::sync::Arc;

use machine::Wall;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::Key;
use crate::link::punycode::readable;

/// How a redirect is answered (RFC 9110, 15.4).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
)]
pub enum RedirectStatus {
    /// 301: browsers may keep it for good, so later clicks are never seen.
    #[serde(rename = "301")]
    #[strum(serialize = "301")]
    MovedPermanently,
    /// 302: asked for again each time. The default, because clicks are counted.
    #[default]
    #[serde(rename = "302")]
    #[strum(serialize = "302")]
    Found,
    /// 307: as 302, and the method stays.
    #[serde(rename = "307")]
    #[strum(serialize = "307")]
    TemporaryRedirect,
    /// 308: as 301, and the method stays.
    #[serde(rename = "308")]
    #[strum(serialize = "308")]
    PermanentRedirect,
}

/// A link as it is stored. Its target was normalised and checked when it was made (`target.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Link {
    /// Where it leads.
    pub url: Arc<str>,
    /// How.
    pub status: RedirectStatus,
    /// By the clock of the instance that made it, or as imported.
    pub created_at: Wall,
    /// From this moment on it does not resolve.
    pub expires_at: Option<Wall>,
    /// For people.
    pub title: Option<Arc<str>>,
    /// For people.
    pub tags: Vec<Arc<str>>,
    /// Clicks that were counted elsewhere, before it was imported.
    pub earlier_clicks: u64,
    /// Distinguishes it from earlier links with the same alias, whose clicks are not its own. It is 0 for
    /// a picked code, which is never used again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incarnation: u64,
    /// Is a visitor's query appended to the target? None: the service's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_query: Option<bool>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A link to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NewLink {
    /// Under this code, if it is free; otherwise under one that the service picks.
    pub alias: Option<Arc<str>>,
    /// The custom domain; empty for the service's own.
    pub domain: Arc<str>,
    /// What is kept. `created_at` is the instance's to set.
    pub link: Link,
    /// When it was made, if that was elsewhere.
    pub made_at: Option<Wall>,
}

/// A change by the owner. Fields that are `None` stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Edit {
    /// Where it leads from now on.
    pub url: Option<Arc<str>>,
    /// How.
    pub status: Option<RedirectStatus>,
    /// `Some(None)`: it no longer expires.
    pub expires_at: Option<Option<Wall>>,
    /// `Some(None)`: it has no title any more.
    pub title: Option<Option<Arc<str>>>,
    /// All of them.
    pub tags: Option<Vec<Arc<str>>>,
    /// `Some(None)`: the service's setting.
    pub forward_query: Option<Option<bool>>,
}

impl Link {
    /// A link to this URL, with defaults for everything else.
    pub fn new(url: &str, created_at: Wall) -> Link {
        Link {
            url: url.into(),
            status: RedirectStatus::default(),
            created_at,
            expires_at: None,
            title: None,
            tags: Vec::new(),
            earlier_clicks: 0,
            incarnation: 0,
            forward_query: None,
        }
    }

    /// Does it still resolve at this moment?
    pub fn is_live(&self, at: Wall) -> bool {
        self.expires_at.is_none_or(|expires_at| at < expires_at)
    }

    /// Does this text occur in what people see of the link? `sought` is in lower case; case is ignored.
    /// Domain names are found in both spellings, Unicode and Punycode.
    pub fn matches(&self, key: &Key, sought: &str) -> bool {
        let texts = [Some(&key.domain), Some(&key.code), Some(&self.url), self.title.as_ref()];
        let mut texts = texts.into_iter().flatten().chain(&self.tags);
        texts.any(|text| {
            text.to_lowercase().contains(sought)
                || (!sought.is_ascii() && readable(text).to_lowercase().contains(sought))
        })
    }

    /// Applies what its owner changed.
    pub fn edit(&mut self, edit: Edit) {
        let Edit { url, status, expires_at, title, tags, forward_query } = edit;
        self.url = url.unwrap_or_else(|| self.url.clone());
        self.status = status.unwrap_or(self.status);
        self.expires_at = expires_at.unwrap_or(self.expires_at);
        self.title = title.unwrap_or_else(|| self.title.take());
        self.tags = tags.unwrap_or_else(|| std::mem::take(&mut self.tags));
        self.forward_query = forward_query.unwrap_or(self.forward_query);
    }
}

/// A link with its name, as lists show it.
pub type Named = (Key, Link);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_resolves_until_its_moment_and_not_in_it() {
        let expires_at = Some(Wall(1_000));
        let link = Link { expires_at, ..Link::new("https://a.org/", Wall(0)) };
        assert!(link.is_live(Wall(999)) && !link.is_live(Wall(1_000)));
        assert!(Link { expires_at: None, ..link }.is_live(Wall(u64::MAX)));
    }

    #[test]
    fn a_search_finds_names_by_every_spelling() {
        let key = Key::new("xn--krz-hoa.example", "x");
        let link = Link::new("https://xn--bcher-kva.example/page", Wall(0));
        for sought in
            ["b\u{fc}cher.example/p", "\u{fc}ch", "xn--bcher", "k\u{fc}rz.example", "page"]
        {
            assert!(link.matches(&key, sought), "{sought}");
        }
        for none in ["bucher", "\u{e4}", "b\u{fc}chern"] {
            assert!(!link.matches(&key, none), "{none}");
        }
    }
}
