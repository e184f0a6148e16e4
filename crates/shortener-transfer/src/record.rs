//! A link as a file has it.

use serde::{Deserialize, Serialize};
use url::Url;

use shortener_api::{CreateRequest, LinkJson, Timestamp};

/// A link, with how often it was followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its code, in its domain.
    pub code: String,
    /// The custom domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Where it leads.
    pub url: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// From then on it does not resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// 301, 302, 307 or 308; 302 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Is a visitor's query appended to where it leads? As the service does it, where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_query: Option<bool>,
    /// How often it was followed.
    #[serde(default)]
    pub clicks: u64,
}

impl Record {
    /// Does it lead to this address, which a server keeps in the one spelling of the standard?
    pub fn leads_to(&self, kept: &str) -> bool {
        Url::parse(&self.url).is_ok_and(|url| url.as_str() == kept)
    }
}

/// How much of a link its form had room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Everything.
    All,
    /// Where it leads, its title, its age and its clicks, but not all else that was said of it.
    Part,
    /// Nothing: it would have been another link there.
    Nothing,
}

/// A link that a server listed, its clicks here and elsewhere added up.
impl From<LinkJson> for Record {
    fn from(shown: LinkJson) -> Record {
        Record {
            code: shown.code,
            domain: shown.domain,
            url: shown.url,
            title: shown.title,
            created_at: Some(shown.created_at),
            expires_at: shown.expires_at,
            status: Some(shown.status).filter(|status| *status != 302),
            tags: shown.tags,
            forward_query: shown.forward_query,
            clicks: shown.clicks.unwrap_or(shown.earlier_clicks),
        }
    }
}

/// What a server is asked to make of it.
impl From<Record> for CreateRequest {
    fn from(record: Record) -> CreateRequest {
        CreateRequest {
            url: record.url,
            alias: Some(record.code),
            domain: record.domain,
            expires_at: record.expires_at,
            title: record.title,
            tags: record.tags,
            status: record.status,
            forward_query: record.forward_query,
            created_at: record.created_at,
            earlier_clicks: Some(record.clicks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written_and_no_other() {
        let leads = |url: &str, kept: &str| {
            let record: Record =
                serde_json::from_value(serde_json::json!({"code": "a", "url": url})).unwrap();
            record.leads_to(kept)
        };
        assert!(leads("HTTP://Ex.org:80/a/../b", "http://ex.org/b"));
        assert!(leads("https://b\u{fc}cher.example", "https://xn--bcher-kva.example/"));
        assert!(leads(" https://a.example/x y", "https://a.example/x%20y"));
        assert!(!leads("https://a.example/Path", "https://a.example/path"));
        assert!(!leads("https://a.example/path/", "https://a.example/path"));
        assert!(!leads("nowhere", "nowhere"));
    }
}
