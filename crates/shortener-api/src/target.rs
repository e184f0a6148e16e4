//! Allowed targets of links.
//!
//! The law: an allowed target is an `http` or `https` URL in the canonical spelling of the URL standard,
//! at most [`MAX_URL_BYTES`] bytes long. It has no credentials, does not lead back to this service, and
//! its host is not on the block list. Checking it again changes nothing.
//!
//! Credentials are refused rather than removed: without them the link might lead elsewhere, and with them
//! everybody who follows it would learn them.

mod block_list;

use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

pub use block_list::{BlockList, MalformedBlockList};

use url_shortener::MAX_URL_BYTES;
use url_shortener::server::Site;

/// Decides which targets a service allows.
#[derive(Clone, Debug)]
pub struct Targets {
    site: Arc<Site>,
    blocked: BlockList,
}

impl Targets {
    /// Allows everything but the service itself and what is blocked.
    pub fn new(site: Arc<Site>, blocked: BlockList) -> Targets {
        Targets { site, blocked }
    }

    /// The canonical spelling of this target, if it is allowed.
    ///
    /// # Errors
    /// If it may not, with the reason.
    pub fn allow(&self, text: &str) -> Result<Arc<str>, RefusedTarget> {
        if text.len() > MAX_URL_BYTES {
            return Err(RefusedTarget::TooLong(text.len()));
        }
        let url = Url::parse(text).map_err(RefusedTarget::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RefusedTarget::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RefusedTarget::Credentials);
        }
        if self.site.leads_back(&url) {
            return Err(RefusedTarget::Loop);
        }
        let blocked = match url.host() {
            Some(Host::Domain(name)) => self.blocked.has_domain(name),
            Some(Host::Ipv4(ip)) => self.blocked.has_address(ip.into()),
            Some(Host::Ipv6(ip)) => self.blocked.has_address(ip.to_canonical()),
            None => false,
        };
        if blocked {
            return Err(RefusedTarget::Blocked(url.host_str().unwrap_or_default().to_owned()));
        }
        // Percent-encoding and Punycode can make it longer.
        match url.as_str().len() {
            length if length > MAX_URL_BYTES => Err(RefusedTarget::TooLong(length)),
            _ => Ok(url.as_str().into()),
        }
    }
}

/// The target with `https://` in front, if somebody left that out, as in `example.com/page`.
pub fn with_scheme(text: &str) -> Option<String> {
    let text = text.trim();
    let host = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    // `mailto:x` has no port, and a name without a dot may be anything.
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let labels = || name.strip_suffix('.').unwrap_or(name).split('.');
    let is_name = labels().count() > 1
        && labels().all(|label| !label.is_empty() && !label.contains(['@', '\\', ' ']));
    let url = format!("https://{text}");
    let is_url = || Url::parse(&url).is_ok_and(|url| matches!(url.host(), Some(Host::Domain(_))));
    (is_port && is_name && is_url()).then_some(url)
}

/// Why a link may not lead there. Nothing was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedTarget {
    /// It has so many bytes.
    TooLong(usize),
    /// It is no address.
    NotUrl(url::ParseError),
    /// It is an address of something else.
    Scheme(String),
    /// It has a user name or a password in it.
    Credentials,
    /// It leads back here.
    Loop,
    /// This host, or a domain that it is part of, is on the block list.
    Blocked(String),
}

impl fmt::Display for RefusedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusedTarget::TooLong(bytes) => {
                write!(f, "a target has at most {MAX_URL_BYTES} bytes, and this one has {bytes}")
            }
            RefusedTarget::NotUrl(why) => {
                write!(f, "a target is such as https://example.com/page, and this is not: {why}")
            }
            RefusedTarget::Scheme(scheme) => {
                write!(f, "a link leads to http:// or https://, and this is {scheme:.40}:")
            }
            RefusedTarget::Credentials => write!(
                f,
                "the target has a user name or a password in it, which everybody who follows the \
                 link would see; take it out"
            ),
            RefusedTarget::Loop => write!(f, "the target leads back to this service"),
            RefusedTarget::Blocked(host) => write!(f, "the block list has {host:.253}"),
        }
    }
}

impl std::error::Error for RefusedTarget {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn targets() -> Targets {
        let site = Site::new(
            ([127, 0, 0, 1], 7441).into(),
            Some("https://sho.rt"),
            &["go.example".to_owned()],
        );
        let blocked = BlockList::parse("evil.example\n192.0.2.1\n# nothing\n").unwrap();
        Targets::new(Arc::new(site.unwrap()), blocked)
    }

    fn spelled(text: &str) -> String {
        targets().allow(text).unwrap_or_else(|why| panic!("{text}: {why}")).to_string()
    }

    #[test]
    fn there_is_one_spelling() {
        assert_eq!(
            spelled("HTTP://Example.COM:80/a/../b?x=ü#ÿ"),
            "http://example.com/b?x=%C3%BC#%C3%BF"
        );
        assert_eq!(spelled("  https://bücher.example "), "https://xn--bcher-kva.example/");
        assert_eq!(spelled("https://exa\nmple.com"), "https://example.com/");
        assert_eq!(spelled("http://0x7f.1:80/"), "http://127.0.0.1/", "another port than ours");
    }

    #[test]
    fn only_the_web_is_led_to() {
        let refuses = |text: &str| targets().allow(text).unwrap_err();
        for (text, scheme) in [
            ("javascript:alert(1)", "javascript"),
            ("data:text/html,x", "data"),
            ("file:///etc/passwd", "file"),
            ("ftp://example.com", "ftp"),
            ("java\tscript:alert(1)", "javascript"),
        ] {
            assert_eq!(refuses(text), RefusedTarget::Scheme(scheme.to_owned()), "{text:?}");
        }
        for text in ["", "example.com", "/path", "http://", "https://exa mple.com", "http://[::1"] {
            assert!(matches!(refuses(text), RefusedTarget::NotUrl(_)), "{text:?}");
        }
        for text in ["http://a@b.example", "https://:secret@b.example", "http://a:b@b.example/"] {
            assert_eq!(refuses(text), RefusedTarget::Credentials, "{text:?}");
        }
        let long = format!("http://b.example/{}", "x".repeat(MAX_URL_BYTES));
        assert!(matches!(refuses(&long), RefusedTarget::TooLong(_)));
        let grows = format!("http://b.example/{}", "ü".repeat(MAX_URL_BYTES / 3));
        assert!(matches!(refuses(&grows), RefusedTarget::TooLong(2049..)), "{:?}", refuses(&grows));
    }

    #[test]
    fn an_address_without_its_beginning_is_meant_to_begin_with_https() {
        for text in
            ["example.com/page", " Example.com", "b\u{fc}cher.example?q", "a.b:8080/x", "a.b#c"]
        {
            assert_eq!(with_scheme(text), Some(format!("https://{}", text.trim())), "{text}");
        }
        for text in [
            "",
            "x",
            "page/example.com",
            "/example.com",
            "https://example.com",
            "mailto:a@b.example",
            "a@b.example",
            "javascript:alert(1.5)",
            "a.b:",
            "a.b:port",
            "a b.example",
            "1.5",
            "..",
        ] {
            assert_eq!(with_scheme(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_leads_back_here() {
        for text in [
            "http://127.0.0.1:7441/abc",
            "http://localhost:7441",
            "http://LOCALHOST.:7441/",
            "http://x.localhost:7441",
            "http://0.0.0.0:7441",
            "http://2130706433:7441/",
            "http://[::1]:7441/",
            "http://[::ffff:127.0.0.1]:7441/",
            "https://sho.rt/x",
            "http://sho.rt:8080/x",
            "https://go.example./x",
            "http://GO.example:1/",
        ] {
            assert_eq!(targets().allow(text), Err(RefusedTarget::Loop), "{text}");
        }
        assert_eq!(spelled("http://localhost:3000/"), "http://localhost:3000/", "something else");
    }

    #[test]
    fn the_block_list_holds_whole_domains() {
        for text in ["http://evil.example", "https://a.b.EVIL.example./x", "http://192.0.2.1:8/"] {
            assert!(matches!(targets().allow(text), Err(RefusedTarget::Blocked(_))), "{text}");
        }
        assert!(matches!(
            targets().allow("http://[::ffff:192.0.2.1]/"),
            Err(RefusedTarget::Blocked(_))
        ));
        for text in ["http://notevil.example/", "http://evil.example.org/", "http://192.0.2.2/"] {
            assert_eq!(spelled(text), text);
        }
    }

    proptest! {
        /// Whatever comes, what goes is an address that a header can carry, and stays as it is.
        #[test]
        fn what_is_let_through_keeps_the_law(
            text in prop_oneof![
                "\\PC{0,40}",
                "(http|https|HTTPS|ftp|javascript)://?\\PC{0,40}",
                "https?://[a-zA-Z0-9.\\-\u{e4}\u{df}%@:\\[\\]\\\\]{0,30}[/?#]?\\PC{0,30}",
                "https?://([a-c.]{0,6})(evil.example|sho.rt|go.example|localhost:7441)[./:]?[0-9]{0,3}",
            ],
        ) {
            let targets = targets();
            if let Ok(url) = targets.allow(&text) {
                prop_assert!(url.len() <= MAX_URL_BYTES);
                prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
                let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
                let rest = rest.expect("it is of the web");
                let host = rest.split(['/', '?', '#']).next().unwrap();
                prop_assert!(!host.is_empty() && !host.contains('@'), "{url:?}");
                for nobody in ["evil.example", "sho.rt", "go.example"] {
                    let name = host.split(':').next().unwrap().trim_end_matches('.');
                    let is_it = name == nobody || (nobody == "evil.example" && name.ends_with(".evil.example"));
                    prop_assert!(!is_it, "{url:?}");
                }
                prop_assert_eq!(targets.allow(&url), Ok(url.clone()));
            }
        }
    }
}
