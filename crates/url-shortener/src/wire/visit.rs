//! A visit: what its request says of the visitor. Every redirect pays for this, so nothing here
//! makes a copy that it does not need.

use super::wanted::is_code;
use crate::{Device, LONGEST_DOMAIN};

/// The code that this path asks for, if it is the path of a link.
pub(crate) fn code_of(path: &str) -> Option<&str> {
    path.strip_prefix('/').filter(|code| is_code(code))
}

/// The host of the page that the visitor came from, as the `Referer` says.
pub(crate) fn referrer(header: &str) -> Option<Box<str>> {
    let (_, rest) = header.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = (1..=LONGEST_DOMAIN).contains(&name.len()) && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_lowercase().into())
}

/// The family of device, as the `User-Agent` says. Browsers call themselves each other's names, so
/// the order matters; who lies is believed.
pub(crate) fn device(user_agent: &str) -> Device {
    let bytes = user_agent.as_bytes();
    let known = |at: usize| {
        let rest = &bytes[at..];
        // Most that begin alike part ways at the second byte.
        let is_here = |word: &[u8]| rest.get(1) == word.get(1) && rest.starts_with(word);
        let found = words(rest[0]).iter().find(|(word, _)| is_here(word.as_bytes()));
        found.map(|(_, family)| *family)
    };
    let found = (0..bytes.len()).filter_map(known).min();
    match found {
        Some(Family::Bot) => Device::Bot,
        Some(Family::Tablet | Family::Android) => Device::Tablet,
        Some(Family::Phone) => Device::Phone,
        Some(Family::Desktop) => Device::Desktop,
        None => Device::Other,
    }
}

/// Who says several of these is the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Bot,
    Tablet,
    Phone,
    /// An Android browser says Mobile where it is a phone.
    Android,
    Desktop,
}

/// The words that begin with this byte: a header is gone through once, and most bytes begin none.
fn words(first: u8) -> &'static [(&'static str, Family)] {
    use Family::{Android, Bot, Desktop, Phone, Tablet};
    match first {
        b'A' => &[("Android", Android)],
        b'B' => &[("Bot", Bot)],
        b'C' => &[("CrOS", Desktop)],
        b'G' => &[("Go-http-", Bot)],
        b'H' => &[("Headless", Bot)],
        b'K' => &[("Kindle", Tablet)],
        b'L' => &[("Linux", Desktop)],
        b'M' => &[("Mobile", Phone), ("Macintosh", Desktop)],
        b'P' => &[("Phone", Phone), ("Python-", Bot)],
        b'S' => &[("Silk/", Tablet), ("Slurp", Bot)],
        b'T' => &[("Tablet", Tablet)],
        b'W' => &[("Windows NT", Desktop), ("Wget/", Bot)],
        b'X' => &[("X11", Desktop)],
        b'b' => &[("bot", Bot)],
        b'c' => &[("curl/", Bot), ("crawl", Bot)],
        b'f' => &[("facebookexternalhit", Bot)],
        b'i' => &[("iPad", Tablet), ("iPhone", Phone), ("iPod", Phone)],
        b'o' => &[("okhttp", Bot)],
        b'p' => &[("python-", Bot)],
        b's' => &[("spider", Bot)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn devices_are_known_by_what_they_call_themselves() {
        let families = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36",
                Device::Desktop,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.5 Safari/605",
                Device::Desktop,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
                Device::Desktop,
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148", Device::Phone),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile Safari/537.36",
                Device::Phone,
            ),
            ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) Mobile/15E148", Device::Tablet),
            ("Mozilla/5.0 (Linux; Android 13; SM-X700) Chrome/126.0 Safari/537.36", Device::Tablet),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                Device::Bot,
            ),
            ("curl/8.5.0", Device::Bot),
            ("", Device::Other),
            ("something else", Device::Other),
        ];
        for (user_agent, family) in families {
            assert_eq!(device(user_agent), family, "{user_agent}");
        }
    }

    #[test]
    fn words_are_found_by_their_first_byte() {
        for first in 0..=u8::MAX {
            for (word, _) in words(first) {
                assert_eq!(word.as_bytes().first(), Some(&first), "{word}");
            }
        }
    }

    #[test]
    fn only_the_host_of_a_page_is_kept() {
        let host = |header| referrer(header).as_deref().map(str::to_owned);
        assert_eq!(host("https://News.Example/item?id=1").as_deref(), Some("news.example"));
        assert_eq!(host("http://a:secret@b.example:8080").as_deref(), Some("b.example"));
        assert_eq!(host("android-app://com.example.app").as_deref(), Some("com.example.app"));
        for nothing in
            ["", "about:blank", "https://", "https:///x", "https://[::1]/", "https://a b/"]
        {
            assert_eq!(host(nothing), None, "{nothing}");
        }
        assert_eq!(host(&format!("https://{}/", "a".repeat(LONGEST_DOMAIN + 1))), None);
    }

    #[test]
    fn paths_of_links_are_codes() {
        assert_eq!(code_of("/aZ9-_"), Some("aZ9-_"));
        for other in ["/", "", "x", "/a/b", "/a.txt", "/%61", "/ü"] {
            assert_eq!(code_of(other), None, "{other}");
        }
        assert_eq!(code_of(&format!("/{}", "x".repeat(crate::LONGEST_CODE + 1))), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_stumble(header in "\\PC{0,40}") {
            let _ = (referrer(&header), device(&header), code_of(&header));
        }
    }
}
