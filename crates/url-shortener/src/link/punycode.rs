//! Names of domains as people write them: DNS, and with it every address that is kept, has `bücher` as
//! `xn--bcher-kva` (Punycode, RFC 3492).

use std::borrow::Cow;

/// What DNS puts before a label that it has in Punycode.
const PREFIX: &str = "xn--";
/// The longest label of a name.
const LONGEST_LABEL: usize = 63;

/// This text, with each label in it as people write it.
pub(crate) fn readable(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return text.into();
    }
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let labels = text.split_inclusive(|c| !is_of_label(c)).map(|part| {
        let end = part.trim_end_matches(|c| !is_of_label(c)).len();
        let (label, rest) = part.split_at(end);
        let meant =
            label.strip_prefix(PREFIX).filter(|label| (1..=LONGEST_LABEL).contains(&label.len()));
        match meant.and_then(decode) {
            Some(meant) => meant + rest,
            None => part.to_owned(),
        }
    });
    Cow::Owned(labels.collect())
}

/// RFC 3492, 6.2: each number says how much further on the next character is to be put, and which.
fn decode(label: &str) -> Option<String> {
    let (basic, numbers) = label.rsplit_once('-').unwrap_or(("", label));
    let mut characters: Vec<char> = basic.chars().collect();
    let (mut code, mut place, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = numbers.bytes().peekable();
    while digits.peek().is_some() {
        let (before, mut weight) = (place, 1_u32);
        for position in (36..).step_by(36) {
            let digit = u32::from(match digits.next()? {
                letter @ b'a'..=b'z' => letter - b'a',
                number @ b'0'..=b'9' => number - b'0' + 26,
                _ => return None,
            });
            place = place.checked_add(digit.checked_mul(weight)?)?;
            let threshold = u32::saturating_sub(position, bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
        }
        let length = characters.len() as u32 + 1;
        bias = adapted(place - before, length, before == 0);
        code = code.checked_add(place / length)?;
        place %= length;
        characters.insert(place as usize, char::from_u32(code)?);
        place += 1;
    }
    Some(characters.into_iter().collect())
}

/// RFC 3492, 6.1: numbers that follow are about as large as those before.
fn adapted(delta: u32, length: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut bias = 0;
    while delta > 455 {
        delta /= 35;
        bias += 36;
    }
    bias + 36 * delta / (delta + 38)
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
