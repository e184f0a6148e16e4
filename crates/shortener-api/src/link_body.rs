//! Request bodies as JSON: new links and changes.

use std::fmt;
use std::sync::Arc;

use host::http;
use machine::Wall;
use serde::{Deserialize, Deserializer, Serialize};

use super::{LinkJson, Timestamp};
use crate::target::{RefusedTarget, Targets};
use url_shortener::server::Site;
use url_shortener::{Edit, InvalidLink, Link, NewLink, RedirectStatus, check_edit, check_new};

/// The most links in a bulk request.
pub const MAX_BULK_LINKS: usize = 1000;
/// A request for a new link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Where it leads.
    pub url: String,
    /// Its code. Without one, the service picks a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The custom domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// From then on it does not resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For people.
    #[serde(default, deserialize_with = "null_is_none", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// 301, 302, 307 or 308.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Is a visitor's query appended to where it leads? As the service does it, where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_query: Option<bool>,
    /// Of an import: when it was made elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Of an import: how many clicks were counted elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_clicks: Option<u64>,
}

/// A request to change a link. Absent fields stay; null clears a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    /// The target, which cannot be cleared.
    #[serde(default, deserialize_with = "named")]
    pub url: Option<Option<String>>,
    /// 301, 302, 307 or 308; null means 302.
    #[serde(default, deserialize_with = "named")]
    pub status: Option<Option<u16>>,
    /// From then on it does not resolve.
    #[serde(default, deserialize_with = "named")]
    pub expires_at: Option<Option<Timestamp>>,
    /// For people.
    #[serde(default, deserialize_with = "named")]
    pub title: Option<Option<String>>,
    /// For people: all of them.
    #[serde(default, deserialize_with = "named")]
    pub tags: Option<Option<Vec<String>>>,
    /// Is a visitor's query appended? As the service does it, where that is taken away.
    #[serde(default, deserialize_with = "named")]
    pub forward_query: Option<Option<bool>>,
}

/// Why a request is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The field.
    pub field: &'static str,
    /// The reason, as a sentence.
    pub why: String,
    /// Why the target is refused, if that is the reason.
    pub target: Option<RefusedTarget>,
}

impl InvalidRequest {
    fn of<W: ToString>(field: &'static str) -> impl Fn(W) -> InvalidRequest {
        move |why| InvalidRequest { field, why: why.to_string(), target: None }
    }
}

impl From<InvalidLink> for InvalidRequest {
    fn from(InvalidLink { field, why }: InvalidLink) -> InvalidRequest {
        InvalidRequest { field, why: why.to_owned(), target: None }
    }
}

impl From<RefusedTarget> for InvalidRequest {
    fn from(refused: RefusedTarget) -> InvalidRequest {
        InvalidRequest { field: "url", why: refused.to_string(), target: Some(refused) }
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A bulk request. Each link is parsed by itself, so that an invalid one does not fail the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest<L = serde_json::Value> {
    /// At most [`MAX_BULK_LINKS`].
    pub links: Vec<L>,
}

/// The results of a bulk request, in its order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BulkResults {
    /// One result for each link.
    pub results: Vec<BulkResult>,
}

/// The result for one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkResult {
    /// The status that a request for this link alone would get.
    pub status: u16,
    /// The link, if it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkJson>,
    /// The reason, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl CreateRequest {
    /// `now` is what the wall clock shows.
    ///
    /// # Errors
    /// If there can be no such link, with the reason.
    pub fn check(
        self,
        site: &Site,
        targets: &Targets,
        now: Wall,
    ) -> Result<NewLink, InvalidRequest> {
        let imported = self.created_at.is_some() || self.earlier_clicks.is_some();
        if !imported && self.expires_at.is_some_and(|at| Wall::from(at) <= now) {
            let why =
                format!("the link would be over before it is made: it is {}", Timestamp::from(now));
            return Err(InvalidRequest::of("expires_at")(why));
        }
        let link = Link {
            url: targets.allow(&self.url)?,
            status: self.status.map(status).transpose()?.unwrap_or_default(),
            created_at: Wall(0),
            expires_at: self.expires_at.map(Wall::from),
            title: title(self.title),
            tags: tags(self.tags),
            earlier_clicks: self.earlier_clicks.unwrap_or_default(),
            incarnation: 0,
            forward_query: self.forward_query,
        };
        let domain = domain(self.domain.as_deref(), site).map_err(InvalidRequest::of("domain"))?;
        let made_at = self.created_at.map(Wall::from);
        let new = NewLink { alias: self.alias.map(Arc::from), domain, link, made_at };
        check_new(&new)?;
        Ok(new)
    }
}

impl EditRequest {
    /// # Errors
    /// If a link cannot be changed so, with the reason.
    pub fn check(self, targets: &Targets) -> Result<Edit, InvalidRequest> {
        let allow = |url: Option<String>| -> Result<_, InvalidRequest> {
            let url = url.ok_or_else(|| {
                InvalidRequest::of("url")("a link leads somewhere: url is no null")
            })?;
            Ok(targets.allow(&url)?)
        };
        let kind =
            |number: Option<u16>| number.map(status).transpose().map(Option::unwrap_or_default);
        let edit = Edit {
            url: self.url.map(allow).transpose()?,
            status: self.status.map(kind).transpose()?,
            expires_at: self.expires_at.map(|at| at.map(Wall::from)),
            title: self.title.map(title),
            tags: self.tags.map(|given| tags(given.unwrap_or_default())),
            forward_query: self.forward_query,
        };
        check_edit(&edit)?;
        Ok(edit)
    }
}

/// The domain of a key.
pub(super) fn domain(named: Option<&str>, site: &Site) -> Result<Arc<str>, String> {
    site.domain(named).ok_or_else(|| {
        let named = http::shortened(named.unwrap_or_default());
        format!("{named:?} is no domain of this service; serve it with --domain")
    })
}

fn status(number: u16) -> Result<RedirectStatus, InvalidRequest> {
    let why = format_args!("a redirect is answered 301, 302, 307 or 308, and not {number}");
    number.to_string().parse().map_err(|_| InvalidRequest::of("status")(why))
}

/// A blank title is no title.
fn title(text: Option<String>) -> Option<Arc<str>> {
    text.filter(|text| !text.trim().is_empty()).map(Arc::from)
}

fn tags(texts: Vec<String>) -> Vec<Arc<str>> {
    texts.into_iter().filter(|text| !text.trim().is_empty()).map(Arc::from).collect()
}

fn null_is_none<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// Distinguishes null from an absent field.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}
