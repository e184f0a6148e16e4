//! A link as the bytes that a shard stores.
//!
//! One byte says how the redirect is answered (its two lowest bits) and which fields there are; then
//! come the fields in order. Numbers are little-endian, lengths and counts LEB128 in their shortest
//! form, so that bytes have one meaning and a meaning has one form: a short link is ten bytes and its
//! target.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use machine::Wall;
use machine::codec::{Fields, Malformed, Reader};

use crate::{Link, RedirectStatus};

/// In the order of their bits.
pub(crate) const STATUSES: [RedirectStatus; 4] = [
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
/// The last free bit: one more field needs another format.
const FORWARD_QUERY: u8 = 1 << 7;

/// The bytes of a link.
pub fn encode_link(link: &Link) -> Bytes {
    let mut out = BytesMut::with_capacity(32 + link.url.len());
    put_link(link, &mut out);
    out.freeze()
}

/// Appends them.
pub(crate) fn put_link(link: &Link, out: &mut impl Fields) {
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
    let mut fields = number_of(*status);
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
    out.put_u8(fields);
    out.put_u64_le(created_at.0);
    put_text(url, out);
    expires_at.iter().for_each(|at| out.put_u64_le(at.0));
    title.iter().for_each(|title| put_text(title, out));
    if !tags.is_empty() {
        out.put_number(tags.len() as u64);
        tags.iter().for_each(|tag| put_text(tag, out));
    }
    if *earlier_clicks > 0 {
        out.put_number(*earlier_clicks);
    }
    if *incarnation > 0 {
        out.put_u64_le(*incarnation);
    }
    forward_query.iter().for_each(|forwards| out.put_u8(u8::from(*forwards)));
}

/// The link in these bytes, if they are valid.
pub fn decode_link(bytes: &[u8]) -> Option<Link> {
    Reader::whole(bytes, get_link).ok()
}

/// Takes a link, which says where it ends.
pub(crate) fn get_link(from: &mut Reader<&[u8]>) -> Result<Link, Malformed> {
    let fields = from.take_u8()?;
    let has = |field: u8| fields & field != 0;
    let status = STATUSES[usize::from(fields & 0b11)];
    let created_at = Wall(from.take_u64()?);
    let url = get_text(from)?;
    let expires_at = if has(EXPIRES) { Some(Wall(from.take_u64()?)) } else { None };
    let title = if has(TITLE) { Some(get_text(from)?) } else { None };
    let tags = if has(TAGS) { texts(from)? } else { Vec::new() };
    let earlier_clicks = if has(EARLIER_CLICKS) { present(from.take_number()?)? } else { 0 };
    let incarnation = if has(INCARNATION) { present(from.take_u64()?)? } else { 0 };
    let forward_query = if has(FORWARD_QUERY) { Some(from.take_bool()?) } else { None };
    Ok(Link {
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

/// The number of a status.
pub(crate) fn number_of(status: RedirectStatus) -> u8 {
    STATUSES.iter().position(|known| *known == status).unwrap_or(0) as u8
}

/// Appends a text behind its length.
pub(crate) fn put_text(text: &str, out: &mut impl Fields) {
    out.put_number(text.len() as u64);
    out.put_slice(text.as_bytes());
}

/// A number that would not be there were it zero.
fn present(number: u64) -> Result<u64, Malformed> {
    if number > 0 { Ok(number) } else { Err(Malformed("it has a field that should not be there")) }
}

/// Takes a length, or how many there are.
pub(crate) fn get_length(from: &mut Reader<&[u8]>) -> Result<usize, Malformed> {
    usize::try_from(from.take_number()?).map_err(|_| Malformed("it has a length that is too large"))
}

/// Takes a text.
pub(crate) fn get_text(from: &mut Reader<&[u8]>) -> Result<Arc<str>, Malformed> {
    let length = get_length(from)?;
    from.take_text(length).map(Arc::from)
}

fn texts(from: &mut Reader<&[u8]>) -> Result<Vec<Arc<str>>, Malformed> {
    let count = get_length(from)?;
    present(count as u64)?;
    from.take_list(count, 1, get_text)
}
