//! A link as the bytes that a shard keeps.
//!
//! One byte says how the redirect is answered (its two lowest bits) and which fields there are; then
//! come the fields in order. Numbers are little-endian, lengths and counts LEB128 in their shortest
//! form, so that bytes have one meaning and a meaning has one form: a short link is ten bytes and its
//! target.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use machine::Wall;

use crate::{Link, RedirectStatus};

/// In the order of their bits.
const STATUSES: [RedirectStatus; 4] = [
    RedirectStatus::MovedPermanently,
    RedirectStatus::Found,
    RedirectStatus::TemporaryRedirect,
    RedirectStatus::PermanentRedirect,
];
const EXPIRES: u8 = 1 << 2;
const TITLE: u8 = 1 << 3;
const TAGS: u8 = 1 << 4;
const EARLIER_CLICKS: u8 = 1 << 5;
const INCARNATION: u8 = 1 << 6;
/// The last of the eight: another field wants another format.
const FORWARD_QUERY: u8 = 1 << 7;

/// The bytes of a link.
pub fn encode_link(link: &Link) -> Bytes {
    let Link {
        url,
        status,
        created_at,
        expires_at,
        title,
        tags,
        earlier_clicks,
        incarnation,
        forward_query,
    } = link;
    let mut fields = STATUSES.iter().position(|known| known == status).unwrap_or(0) as u8;
    for (there, field) in [
        (expires_at.is_some(), EXPIRES),
        (title.is_some(), TITLE),
        (!tags.is_empty(), TAGS),
        (*earlier_clicks > 0, EARLIER_CLICKS),
        (*incarnation > 0, INCARNATION),
        (forward_query.is_some(), FORWARD_QUERY),
    ] {
        fields |= if there { field } else { 0 };
    }
    let mut out = BytesMut::with_capacity(32 + url.len());
    out.put_u8(fields);
    out.put_u64_le(created_at.0);
    put_text(url, &mut out);
    expires_at.iter().for_each(|at| out.put_u64_le(at.0));
    title.iter().for_each(|title| put_text(title, &mut out));
    if !tags.is_empty() {
        put_number(tags.len() as u64, &mut out);
        tags.iter().for_each(|tag| put_text(tag, &mut out));
    }
    if *earlier_clicks > 0 {
        put_number(*earlier_clicks, &mut out);
    }
    if *incarnation > 0 {
        out.put_u64_le(*incarnation);
    }
    forward_query.iter().for_each(|forwards| out.put_u8(u8::from(*forwards)));
    out.freeze()
}

/// The link that these bytes are, if they are one.
pub fn decode_link(mut bytes: &[u8]) -> Option<Link> {
    let from = &mut bytes;
    let fields = from.try_get_u8().ok()?;
    let has = |field: u8| fields & field != 0;
    let status = STATUSES[usize::from(fields & 0b11)];
    let created_at = Wall(from.try_get_u64_le().ok()?);
    let url = text(from)?;
    let expires_at = if has(EXPIRES) { Some(Wall(from.try_get_u64_le().ok()?)) } else { None };
    let title = if has(TITLE) { Some(text(from)?) } else { None };
    let tags = if has(TAGS) { texts(from)? } else { Vec::new() };
    let earlier_clicks = if has(EARLIER_CLICKS) { present(from)? } else { 0 };
    let incarnation =
        if has(INCARNATION) { from.try_get_u64_le().ok().filter(|n| *n > 0)? } else { 0 };
    let forward_query = if has(FORWARD_QUERY) { Some(truth(from)?) } else { None };
    from.is_empty().then_some(Link {
        url,
        status,
        created_at,
        expires_at,
        title,
        tags,
        earlier_clicks,
        incarnation,
        forward_query,
    })
}

fn put_text(text: &str, out: &mut BytesMut) {
    put_number(text.len() as u64, out);
    out.put_slice(text.as_bytes());
}

fn put_number(mut number: u64, out: &mut BytesMut) {
    while number > 0x7F {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// A number in its shortest form.
fn number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = from.try_get_u8().ok()?;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A number that would not be there were it zero.
fn present(from: &mut &[u8]) -> Option<u64> {
    number(from).filter(|number| *number > 0)
}

fn truth(from: &mut &[u8]) -> Option<bool> {
    match from.try_get_u8().ok()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn text(from: &mut &[u8]) -> Option<Arc<str>> {
    let length = usize::try_from(number(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    std::str::from_utf8(text).ok().map(Arc::from)
}

fn texts(from: &mut &[u8]) -> Option<Vec<Arc<str>>> {
    let count = usize::try_from(present(from)?).ok()?;
    // Each takes a byte at least: a count alone reserves nothing.
    let mut texts = Vec::with_capacity(count.min(from.len()));
    for _ in 0..count {
        texts.push(text(from)?);
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = Arc<str>> {
        "\\PC{0,200}".prop_map(Arc::from)
    }

    fn links() -> impl Strategy<Value = Link> {
        let expires_at = prop::option::of(any::<u64>().prop_map(Wall));
        let tags = prop::collection::vec(texts(), 0..5);
        let number = || prop_oneof![Just(0), any::<u64>()];
        let forwards = prop::option::of(any::<bool>());
        let rest = (expires_at, prop::option::of(texts()), tags, number(), number(), forwards);
        (texts(), prop::sample::select(STATUSES.to_vec()), any::<u64>(), rest).prop_map(
            |(url, status, created_at, rest)| {
                let (expires_at, title, tags, earlier_clicks, incarnation, forward_query) = rest;
                let created_at = Wall(created_at);
                Link {
                    url,
                    status,
                    created_at,
                    expires_at,
                    title,
                    tags,
                    earlier_clicks,
                    incarnation,
                    forward_query,
                }
            },
        )
    }

    #[test]
    fn bytes_of_a_link_are_the_same_for_good() {
        let link = Link {
            url: "https://example.org/".into(),
            status: RedirectStatus::Found,
            created_at: Wall(1),
            expires_at: Some(Wall(2)),
            title: Some("a".into()),
            tags: vec!["b".into()],
            earlier_clicks: 300,
            incarnation: 0,
            forward_query: None,
        };
        let bytes = b"\x3D\x01\0\0\0\0\0\0\0\x14https://example.org/\x02\0\0\0\0\0\0\0\x01a\x01\x01b\xAC\x02";
        assert_eq!(encode_link(&link), &bytes[..]);
        let again = Link { incarnation: 0x0102, ..link };
        let bytes = [b"\x7D", &bytes[1..], b"\x02\x01\0\0\0\0\0\0"].concat();
        assert_eq!(encode_link(&again), &bytes[..]);
        let link = Link { forward_query: Some(true), ..Link::new("a", Wall(1)) };
        assert_eq!(encode_link(&link), &b"\x81\x01\0\0\0\0\0\0\0\x01a\x01"[..]);
    }

    proptest! {
        #[test]
        fn a_link_comes_back(link in links()) {
            let bytes = encode_link(&link);
            prop_assert_eq!(decode_link(&bytes), Some(link));
            prop_assert_eq!(decode_link(&[&bytes[..], b"\0"].concat()), None);
            prop_assert_eq!(decode_link(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn what_was_changed_is_what_it_says_or_nothing(
            link in links(), at in any::<prop::sample::Index>(), to: u8
        ) {
            let mut changed = encode_link(&link).to_vec();
            let at = at.index(changed.len());
            changed[at] = to;
            if let Some(read) = decode_link(&changed) {
                prop_assert_eq!(&encode_link(&read)[..], &changed[..]);
            }
        }

        #[test]
        fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(read) = decode_link(&noise) {
                prop_assert_eq!(&encode_link(&read)[..], &noise[..]);
            }
        }
    }
}
