//! What a request says about its visitor. Every redirect pays for this, so nothing is copied without
//! need.

use std::ops::Range;

use crate::{Device, MAX_DOMAIN_BYTES};

/// The host of the page that the visitor came from, as the `Referer` says.
pub(super) fn referrer(header: &str) -> Option<Box<str>> {
    let (_, rest) = header.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let authority = &rest[..end.unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = (1..=MAX_DOMAIN_BYTES).contains(&name.len()) && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_lowercase().into())
}

/// Is this a prefetch by a browser? `Sec-Purpose` says so (Fetch Standard), and so do older headers.
/// `header` returns the value of a header by name.
pub(super) fn is_prefetch<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> bool {
    let is_prefetch = |name| {
        header(name).is_some_and(|value| {
            let purpose = value.split([';', ',']).next().unwrap_or_default().trim();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|word| purpose.eq_ignore_ascii_case(word))
        })
    };
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].into_iter().any(is_prefetch)
}

/// The kind of device, by the `User-Agent`. Browsers carry each other's names, so the order of checks
/// matters. A false `User-Agent` is believed.
pub(super) fn device(user_agent: &str) -> Device {
    let bytes = user_agent.as_bytes();
    let device_name_range = device_name_range(user_agent);
    let known = |at: usize| {
        let rest = &bytes[at..];
        // Most words that share the first byte differ in the second.
        let is_here = |word: &[u8]| rest.get(1) == word.get(1) && rest.starts_with(word);
        let found = words(rest[0]).iter().find(|(word, _)| is_here(word.as_bytes()));
        // Some phones have "bot" in their names.
        found
            .map(|(_, family)| *family)
            .filter(|family| !(family.is_program() && device_name_range.contains(&at)))
    };
    let found = (0..bytes.len()).filter_map(known).min();
    match found {
        Some(Family::Preview) => Device::Preview,
        Some(Family::Bot) => Device::Bot,
        Some(Family::Tablet | Family::Android) => Device::Tablet,
        Some(Family::Phone) => Device::Phone,
        Some(Family::Desktop) => Device::Desktop,
        None => Device::Other,
    }
}

/// Where the name of the phone or tablet is: after `Android`, to the end of the comment in parentheses. A
/// robot's comment has an address or `compatible` in it, and no device name.
fn device_name_range(user_agent: &str) -> Range<usize> {
    let Some(from) = user_agent.find("Android") else { return 0..0 };
    let length = user_agent[from..].find(')').unwrap_or(user_agent.len() - from);
    let remark = &user_agent[from..from + length];
    match remark.contains("http") || remark.contains("compatible") {
        true => 0..0,
        false => from..from + length,
    }
}

/// If several match, the first of these counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Preview,
    Bot,
    Tablet,
    Phone,
    /// An Android device is a phone if it also says Mobile.
    Android,
    Desktop,
}

impl Family {
    fn is_program(self) -> bool {
        matches!(self, Family::Preview | Family::Bot)
    }
}

/// The words that begin with this byte. The header is scanned once, and most bytes begin no word.
fn words(first: u8) -> &'static [(&'static str, Family)] {
    use Family::{Android, Bot, Desktop, Phone, Preview, Tablet};
    match first {
        b'A' => &[("Android", Android)],
        b'B' => &[("Bot", Bot)],
        b'C' => &[("CrOS", Desktop), ("Cardyb", Preview)],
        b'D' => &[("Discordbot", Preview)],
        b'E' => &[("Embedly", Preview)],
        b'F' => &[("Facebot", Preview)],
        b'G' => &[("Go-http-", Bot)],
        b'H' => &[("Headless", Bot)],
        b'I' => &[("Iframely", Preview)],
        b'K' => &[("Kindle", Tablet)],
        b'L' => &[("LinkedInBot", Preview), ("Linux", Desktop)],
        b'M' => &[("Mastodon/", Preview), ("Mobile", Phone), ("Macintosh", Desktop)],
        b'P' => &[
            ("Pinterest/0", Preview),
            ("Pinterestbot", Preview),
            ("Phone", Phone),
            ("Python-", Bot),
        ],
        b'S' => &[
            ("SkypeUriPreview", Preview),
            ("Slack-ImgProxy", Preview),
            ("Slackbot", Preview),
            ("Snap URL Preview", Preview),
            ("Synapse", Preview),
            ("Silk/", Tablet),
            ("Slurp", Bot),
        ],
        b'T' => &[("TelegramBot", Preview), ("Twitterbot", Preview), ("Tablet", Tablet)],
        b'U' => &[("UrlPreviewBot", Preview)],
        b'W' => &[("WhatsApp/", Preview), ("Windows NT", Desktop), ("Wget/", Bot)],
        b'X' => &[("X11", Desktop)],
        b'b' => &[("bot", Bot)],
        b'c' => &[("curl/", Bot), ("crawl", Bot)],
        b'f' => &[("facebookexternalhit", Preview)],
        b'i' => &[("iPad", Tablet), ("iPhone", Phone), ("iPod", Phone)],
        b'o' => &[("okhttp", Bot)],
        b'p' => &[("python-", Bot)],
        b'r' => &[("redditbot", Preview)],
        b's' => &[("spider", Bot)],
        b'v' => &[("vkShare", Preview)],
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
            (
                "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) Chrome/126.0 Mobile Safari/537.36 \
                 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                Device::Bot,
            ),
            (
                "Mozilla/5.0 (compatible; Android 7.0; Somebot/2.1; +http://bot.example)",
                Device::Bot,
            ),
            // Phones whose names contain "bot".
            (
                "Mozilla/5.0 (Linux; Android 9; Cubot_X19) Chrome/126.0 Mobile Safari/537.36",
                Device::Phone,
            ),
            (
                "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv) Chrome/56.0 Mobile Safari/537.36",
                Device::Phone,
            ),
            ("WhatsApp/2.23.20.0 A", Device::Preview),
            ("TelegramBot (like TwitterBot)", Device::Preview),
            ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Device::Preview),
            ("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", Device::Preview),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) Safari/601.2.4 facebookexternalhit/1.1 \
                 Facebot Twitterbot/1.0",
                Device::Preview,
            ),
            (
                "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 x@microsoft.com",
                Device::Preview,
            ),
            ("http.rb/5.1.1 (Mastodon/4.2.1; +https://m.example/) Bot", Device::Preview),
            // People, in the browser of an app.
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148 [Pinterest/iOS]",
                Device::Phone,
            ),
            ("", Device::Other),
            ("something else", Device::Other),
        ];
        for (user_agent, family) in families {
            assert_eq!(device(user_agent), family, "{user_agent}");
        }
    }

    #[test]
    fn a_browser_that_loads_ahead_says_so_in_one_of_several_ways() {
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("purpose", "preview"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            assert!(is_prefetch(|asked| (asked == name).then_some(value)), "{name}: {value}");
        }
        for value in ["", "navigation", "prefetched", "x;prefetch"] {
            assert!(!is_prefetch(|_| Some(value)), "{value}");
        }
        assert!(!is_prefetch(|_| None));
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
        assert_eq!(host(&format!("https://{}/", "a".repeat(MAX_DOMAIN_BYTES + 1))), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_stumble(header in "\\PC{0,40}") {
            let _ = (referrer(&header), device(&header));
        }
    }
}
