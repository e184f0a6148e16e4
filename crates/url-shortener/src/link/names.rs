//! Which codes a link may have, and how long its texts may be.

use crate::link::key::{MAX_DOMAIN_BYTES, is_code};
use crate::link::{Edit, Link, NewLink};

/// Reserved codes, in any case: the service uses these paths, or may.
const RESERVED: &[&str] = &[
    "about",
    "admin",
    "api",
    "assets",
    "bulk",
    "docs",
    "favicon",
    "health",
    "help",
    "index",
    "links",
    "login",
    "logout",
    "metrics",
    "new",
    "openapi",
    "robots",
    "static",
    "stats",
    "well-known",
];

/// The longest target, in bytes: what browsers and servers are known to take.
pub const MAX_URL_BYTES: usize = 2_048;
/// The longest title, in bytes.
pub const MAX_TITLE_BYTES: usize = 1_000;
/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 64;
/// Tags of a link.
pub const MAX_TAGS: usize = 32;

/// May a link have this code?
///
/// # Errors
/// Why not.
pub fn check_code(code: &str) -> Result<(), &'static str> {
    if !is_code(code) {
        return Err("a code is 1 to 64 letters, digits, - and _");
    }
    match RESERVED.iter().any(|word| code.eq_ignore_ascii_case(word)) {
        true => Err("the service needs this code for itself"),
        false => Ok(()),
    }
}

/// Which field of a link is invalid, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLink {
    /// By its name in the programming interface.
    pub field: &'static str,
    /// Why it cannot.
    pub why: &'static str,
}

impl InvalidLink {
    fn of(field: &'static str) -> impl Fn(&'static str) -> InvalidLink {
        move |why| InvalidLink { field, why }
    }
}

/// Is this new link valid?
///
/// # Errors
/// Why not.
pub fn check_new(new: &NewLink) -> Result<(), InvalidLink> {
    let NewLink { alias, domain, link, made_at: _ } = new;
    alias.iter().try_for_each(|alias| check_code(alias)).map_err(InvalidLink::of("alias"))?;
    check_domain(domain).map_err(InvalidLink::of("domain"))?;
    let Link { url, title, tags, .. } = link;
    check_texts(Some(url), title.as_deref(), tags)
}

/// Is a link still valid after this edit?
///
/// # Errors
/// Why not.
pub fn check_edit(edit: &Edit) -> Result<(), InvalidLink> {
    let title = edit.title.as_ref().and_then(|title| title.as_deref());
    check_texts(edit.url.as_deref(), title, edit.tags.as_deref().unwrap_or_default())
}

/// A domain as in keys: in lower case, and without `/`.
fn check_domain(domain: &str) -> Result<(), &'static str> {
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':');
    match domain.len() <= MAX_DOMAIN_BYTES && domain.bytes().all(letter) {
        true => Ok(()),
        false => Err("a domain is up to 253 letters in lower case, digits, - and ."),
    }
}

fn check_texts<T: AsRef<str>>(
    url: Option<&str>,
    title: Option<&str>,
    tags: &[T],
) -> Result<(), InvalidLink> {
    let tags = || tags.iter().map(AsRef::as_ref);
    // PostgreSQL takes no NUL in texts.
    let (field, why) = if url.is_some_and(|url| url.is_empty() || url.len() > MAX_URL_BYTES) {
        ("url", "a target is 1 to 2048 bytes long")
    } else if title.is_some_and(|title| title.len() > MAX_TITLE_BYTES) {
        ("title", "a title is at most 1000 bytes long")
    } else if title.is_some_and(|title| title.contains('\0')) {
        ("title", "a title has no NUL in it")
    } else if tags().len() > MAX_TAGS || tags().any(|tag| tag.len() > MAX_TAG_BYTES) {
        ("tags", "a link has at most 32 tags of at most 64 bytes")
    } else if tags().any(|tag| tag.contains('\0')) {
        ("tags", "a tag has no NUL in it")
    } else {
        return Ok(());
    };
    Err(InvalidLink { field, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_letters_digits_and_two_more_and_no_word_of_the_service() {
        for code in ["a", "A-b_9", &"x".repeat(64), "apis", "-", "openapi2"] {
            assert_eq!(check_code(code), Ok(()), "{code}");
        }
        for code in ["", "a/b", "é", "a b", "a.b", &"x".repeat(65), "api", "API", "Static", "%41"]
        {
            assert!(check_code(code).is_err(), "{code}");
        }
    }

    #[test]
    fn texts_are_what_every_keeper_of_links_takes() {
        let check = |title, tags: &[&str]| check_texts(None, title, tags);
        assert_eq!(check(Some("a\ttitle"), &["a tag"]), Ok(()));
        assert!(check(Some("a\0title"), &[]).is_err());
        assert!(check(None, &["a tag", "\0"]).is_err());
        assert!(check_texts::<&str>(Some(&"x".repeat(MAX_URL_BYTES + 1)), None, &[]).is_err());
    }

    #[test]
    fn domains_are_in_lower_case_and_cannot_run_into_the_code() {
        for domain in ["", "example.org", "xn--bcher-kva.example", "localhost:8080"] {
            assert_eq!(check_domain(domain), Ok(()), "{domain}");
        }
        for domain in ["Example.org", "a/b", "ä.org", &"a".repeat(254)] {
            assert!(check_domain(domain).is_err(), "{domain}");
        }
    }
}
