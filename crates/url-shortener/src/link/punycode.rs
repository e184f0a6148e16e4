//! Domain names as people write them. DNS, and so every stored address, spells `bücher` as
//! `xn--bcher-kva` (Punycode, RFC 3492).

use std::borrow::Cow;

use idna::punycode::decode_to_string;

/// The prefix of a label in Punycode.
const PREFIX: &str = "xn--";
/// Of one label, in DNS.
const MAX_LABEL_BYTES: usize = 63;

/// The text with every Punycode label in it decoded.
pub(crate) fn readable(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return text.into();
    }
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let labels = text.split_inclusive(|c| !is_of_label(c)).map(|part| {
        let end = part.trim_end_matches(|c| !is_of_label(c)).len();
        let (label, rest) = part.split_at(end);
        let meant =
            label.strip_prefix(PREFIX).filter(|label| (1..=MAX_LABEL_BYTES).contains(&label.len()));
        match meant.and_then(decode_to_string) {
            Some(meant) => meant + rest,
            None => part.to_owned(),
        }
    });
    Cow::Owned(labels.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_as_people_write_them() {
        for (kept, meant) in [
            ("https://xn--bcher-kva.example/xn--", "https://b\u{fc}cher.example/xn--"),
            ("xn--wgv71a119e.jp", "\u{65e5}\u{672c}\u{8a9e}.jp"),
            (
                "http://a.xn--zckzah:80/?x=xn--bcher-kva",
                "http://a.\u{30c6}\u{30b9}\u{30c8}:80/?x=b\u{fc}cher",
            ),
            ("xn--0.example", "xn--0.example"),
            ("https://a.example/", "https://a.example/"),
        ] {
            assert_eq!(readable(kept), meant, "{kept}");
        }
    }

    #[cfg(feature = "server")]
    proptest! {
        /// What the URL standard writes down is what it was meant to be.
        #[test]
        fn every_name_comes_back(name in "[a-z]{0,3}[\u{e0}-\u{f6}\u{3b1}-\u{3c1}\u{4e00}-\u{4fff}]{1,9}[a-z]{0,3}") {
            if let Ok(url::Host::<String>::Domain(kept)) = url::Host::parse(&name) {
                prop_assert!(kept.starts_with(PREFIX));
                prop_assert_eq!(readable(&kept), name);
            }
        }
    }

    proptest! {
        #[test]
        fn noise_is_left_as_it_is_or_read(text in "(xn--)?[a-z0-9.-]{0,80}|\\PC{0,20}") {
            let _ = readable(&text);
        }
    }
}
