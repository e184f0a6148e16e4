//! The bytes of messages between processes: a kind, then its fields in order, numbers little-endian, lengths and
//! counts LEB128. A link has the bytes that a shard keeps of it, a batch of clicks those of its log, and statistics
//! those of the tally's store.
//!
//! What stands in for a user or a shard is in the process of whom it speaks with: what they say has no bytes.

use std::sync::Arc;

use bytes::Bytes;
use machine::Wall;
use machine::codec::{Fields, Length, Malformed, Reader};

use super::{Call, Handover, Message, Range, Reply};
use crate::analytics::clicks::record::{get_batch_body, put_batch_body};
use crate::link::Named;
use crate::link::codec::{STATUSES, get_length, get_link, get_text, number_of, put_link, put_text};
use crate::ring::RingPhase;
use crate::{Edit, Key, LinkId, LinkStats};

type Bytewise<'a> = Reader<&'a [u8]>;

/// Their kind.
const CLICKS: u8 = 2;
/// The fewest bytes of a link with its key, and of a change.
const LEAST: usize = 2;

/// How many bytes it has.
pub(super) fn length(message: &Message) -> usize {
    let mut length = Length::default();
    put_message(message, &mut length);
    length.bytes()
}

/// Appends a message.
pub fn put_message(message: &Message, out: &mut impl Fields) {
    match message {
        Message::Call { call, wanted } => {
            out.put_u8(0);
            out.put_u64_le(*call);
            put_call(wanted, out);
        }
        Message::Reply { call, shards, reply } => {
            out.put_u8(1);
            out.put_u64_le(*call);
            out.put_u32_le(*shards);
            put_reply(reply, out);
        }
        Message::Clicks { kept, batch } => {
            out.put_u8(CLICKS);
            out.put_u64_le(*kept);
            put_batch_body(batch, out);
        }
        Message::Counted { log, below } => {
            out.put_u8(3);
            out.put_u64_le(*log);
            out.put_u64_le(*below);
        }
        Message::GetStats { call, link } => {
            out.put_u8(4);
            out.put_u64_le(*call);
            put_key(&link.key, out);
            out.put_u64_le(link.incarnation);
        }
        Message::Stats { call, stats } => {
            out.put_u8(5);
            out.put_u64_le(*call);
            put_option(stats, out, |stats, out| out.put_slice(&stats.to_bytes()));
        }
        Message::Do(_)
        | Message::Ask { .. }
        | Message::Answer { .. }
        | Message::Unanswered { .. } => {}
    }
}

/// The message that these bytes are.
///
/// # Errors
/// If they are none.
pub fn get_message(bytes: Bytes) -> Result<Message, Malformed> {
    if bytes.first() != Some(&CLICKS) {
        return Reader::whole(&bytes[..], get_other);
    }
    Reader::whole(bytes, |from| {
        from.take_u8()?;
        Ok(Message::Clicks { kept: from.take_u64()?, batch: get_batch_body(from.rest())? })
    })
}

fn get_other(from: &mut Bytewise<'_>) -> Result<Message, Malformed> {
    let (kind, first) = (from.take_u8()?, from.take_u64()?);
    Ok(match kind {
        0 => Message::Call { call: first, wanted: get_call(from)? },
        1 => Message::Reply { call: first, shards: from.take_u32()?, reply: get_reply(from)? },
        3 => Message::Counted { log: first, below: from.take_u64()? },
        4 => {
            let link = LinkId { key: get_key(from)?, incarnation: from.take_u64()? };
            Message::GetStats { call: first, link }
        }
        5 => Message::Stats { call: first, stats: get_option(from, get_stats)? },
        _ => return Err(Malformed("there is no such kind of message")),
    })
}

fn put_call(call: &Call, out: &mut impl Fields) {
    match call {
        Call::PutIfAbsent(key, link) => {
            out.put_u8(0);
            put_named(key, link, out);
        }
        Call::Get(key) => {
            out.put_u8(1);
            put_key(key, out);
        }
        Call::Edit(key, edit) => {
            out.put_u8(2);
            put_key(key, out);
            put_edit(edit, out);
        }
        Call::Remove(key) => {
            out.put_u8(3);
            put_key(key, out);
        }
        Call::Scan { after, limit, search } => {
            out.put_u8(4);
            put_option(after, out, |after, out| out.put_u64_le(*after));
            out.put_u32_le(*limit);
            put_option(search, out, |search, out| put_text(search, out));
        }
        Call::LeaseRange => out.put_u8(5),
        Call::Join => out.put_u8(6),
        Call::Handover { shards, step } => {
            out.put_u8(7);
            out.put_u32_le(*shards);
            match step {
                Handover::Changes { after } => {
                    out.put_u8(0);
                    out.put_u64_le(*after);
                }
                Handover::Cede => out.put_u8(1),
                Handover::Clean => out.put_u8(2),
            }
        }
        Call::Newest { below, limit, search } => {
            out.put_u8(8);
            out.put_u64_le(*below);
            out.put_u32_le(*limit);
            put_option(search, out, |search, out| put_text(search, out));
        }
        Call::Status => out.put_u8(9),
        Call::CodeKey => out.put_u8(10),
    }
}

fn get_call(from: &mut Bytewise<'_>) -> Result<Call, Malformed> {
    Ok(match from.take_u8()? {
        0 => {
            let (key, link) = get_named(from)?;
            Call::PutIfAbsent(key, link)
        }
        1 => Call::Get(get_key(from)?),
        2 => Call::Edit(get_key(from)?, get_edit(from)?),
        3 => Call::Remove(get_key(from)?),
        4 => Call::Scan {
            after: get_option(from, Reader::take_u64)?,
            limit: from.take_u32()?,
            search: get_option(from, get_text)?,
        },
        5 => Call::LeaseRange,
        6 => Call::Join,
        7 => Call::Handover {
            shards: from.take_u32()?,
            step: match from.take_below(3)? {
                0 => Handover::Changes { after: from.take_u64()? },
                1 => Handover::Cede,
                _ => Handover::Clean,
            },
        },
        8 => Call::Newest {
            below: from.take_u64()?,
            limit: from.take_u32()?,
            search: get_option(from, get_text)?,
        },
        9 => Call::Status,
        10 => Call::CodeKey,
        _ => return Err(Malformed("there is no such call")),
    })
}

fn put_reply(reply: &Reply, out: &mut impl Fields) {
    match reply {
        Reply::Stored(link) => {
            out.put_u8(0);
            put_link(link, out);
        }
        Reply::Found(link) => {
            out.put_u8(1);
            put_link(link, out);
        }
        Reply::Missing => out.put_u8(2),
        Reply::Removed => out.put_u8(3),
        Reply::Taken => out.put_u8(4),
        Reply::Page { links, next } => {
            out.put_u8(5);
            put_option(next, out, |next, out| out.put_u64_le(*next));
            out.put_number(links.len() as u64);
            links.iter().for_each(|(key, link)| put_named(key, link, out));
        }
        Reply::Leased(Range { first, end }) => {
            out.put_u8(6);
            out.put_u64_le(*first);
            out.put_u64_le(*end);
        }
        Reply::Moved(call) => {
            out.put_u8(7);
            put_call(call, out);
        }
        Reply::Changes { changes, next } => {
            out.put_u8(8);
            put_option(next, out, |next, out| out.put_u64_le(*next));
            out.put_number(changes.len() as u64);
            for (key, value) in changes {
                put_bytes(key, out);
                put_option(value, out, |value, out| put_bytes(value, out));
            }
        }
        Reply::Agreed => out.put_u8(9),
        Reply::Refused(why) => {
            out.put_u8(10);
            put_text(why, out);
        }
        Reply::Status { entries, phase } => {
            out.put_u8(11);
            out.put_u64_le(*entries);
            put_option(phase, out, |phase, out| out.put_u8(*phase as u8));
        }
        Reply::CodeKey(key) => {
            out.put_u8(12);
            out.put_slice(key);
        }
    }
}

fn get_reply(from: &mut Bytewise<'_>) -> Result<Reply, Malformed> {
    Ok(match from.take_u8()? {
        0 => Reply::Stored(Arc::new(get_link(from)?)),
        1 => Reply::Found(Arc::new(get_link(from)?)),
        2 => Reply::Missing,
        3 => Reply::Removed,
        4 => Reply::Taken,
        5 => {
            let next = get_option(from, Reader::take_u64)?;
            let count = get_length(from)?;
            Reply::Page { links: from.take_list(count, LEAST, get_named)?, next }
        }
        6 => Reply::Leased(Range { first: from.take_u64()?, end: from.take_u64()? }),
        7 => Reply::Moved(Box::new(get_call(from)?)),
        8 => {
            let next = get_option(from, Reader::take_u64)?;
            let count = get_length(from)?;
            let change =
                |from: &mut Bytewise<'_>| Ok((get_bytes(from)?, get_option(from, get_bytes)?));
            Reply::Changes { changes: from.take_list(count, LEAST, change)?, next }
        }
        9 => Reply::Agreed,
        10 => Reply::Refused(get_text(from)?.to_string().into()),
        11 => {
            let phase = |from: &mut Bytewise<'_>| RingPhase::of_number(from.take_u8()?);
            Reply::Status { entries: from.take_u64()?, phase: get_option(from, phase)? }
        }
        12 => Reply::CodeKey(from.take_u128()?.to_le_bytes()),
        _ => return Err(Malformed("there is no such reply")),
    })
}

/// As [`Key::bytes`].
fn put_key(key: &Key, out: &mut impl Fields) {
    let Key { domain, code } = key;
    out.put_number((domain.len() + 1 + code.len()) as u64);
    [domain.as_bytes(), b"/", code.as_bytes()].into_iter().for_each(|part| out.put_slice(part));
}

fn get_key(from: &mut Bytewise<'_>) -> Result<Key, Malformed> {
    let length = get_length(from)?;
    Key::of_bytes(from.take_bytes(length)?).ok_or(Malformed("it has a key that is none"))
}

fn put_named(key: &Key, link: &crate::Link, out: &mut impl Fields) {
    put_key(key, out);
    put_link(link, out);
}

fn get_named(from: &mut Bytewise<'_>) -> Result<Named, Malformed> {
    Ok((get_key(from)?, get_link(from)?))
}

fn put_edit(edit: &Edit, out: &mut impl Fields) {
    let Edit { url, status, expires_at, title, tags, forward_query } = edit;
    put_option(url, out, |url, out| put_text(url, out));
    put_option(status, out, |status, out| out.put_u8(number_of(*status)));
    put_option(expires_at, out, |at, out| put_option(at, out, |at, out| out.put_u64_le(at.0)));
    put_option(title, out, |title, out| put_option(title, out, |title, out| put_text(title, out)));
    put_option(tags, out, |tags, out| {
        out.put_number(tags.len() as u64);
        tags.iter().for_each(|tag| put_text(tag, out));
    });
    put_option(forward_query, out, |forwards, out| {
        put_option(forwards, out, |forwards, out| out.put_u8(u8::from(*forwards)));
    });
}

fn get_edit(from: &mut Bytewise<'_>) -> Result<Edit, Malformed> {
    Ok(Edit {
        url: get_option(from, get_text)?,
        status: get_option(from, |from| {
            Ok(STATUSES[usize::from(from.take_below(STATUSES.len() as u8)?)])
        })?,
        expires_at: get_option(from, |from| get_option(from, |from| Ok(Wall(from.take_u64()?))))?,
        title: get_option(from, |from| get_option(from, get_text))?,
        tags: get_option(from, |from| {
            let count = get_length(from)?;
            from.take_list(count, 1, get_text)
        })?,
        forward_query: get_option(from, |from| get_option(from, Reader::take_bool))?,
    })
}

/// All that is left. A sketch of visitors has as many forms as orders in which they came, all as long; the forms of
/// older stores are not, and both ends of a link must count a message alike.
fn get_stats(from: &mut Bytewise<'_>) -> Result<Arc<LinkStats>, Malformed> {
    let bytes = from.rest();
    let stats = LinkStats::from_bytes(bytes).filter(|stats| stats.to_bytes().len() == bytes.len());
    stats.map(Arc::new).ok_or(Malformed("it has statistics that are none"))
}

fn put_bytes(bytes: &Bytes, out: &mut impl Fields) {
    out.put_number(bytes.len() as u64);
    out.put_slice(bytes);
}

fn get_bytes(from: &mut Bytewise<'_>) -> Result<Bytes, Malformed> {
    let length = get_length(from)?;
    Ok(Bytes::copy_from_slice(from.take_bytes(length)?))
}

fn put_option<T, F: Fields>(value: &Option<T>, out: &mut F, put: impl FnOnce(&T, &mut F)) {
    out.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        put(value, out);
    }
}

fn get_option<'a, T>(
    from: &mut Bytewise<'a>,
    get: impl FnOnce(&mut Bytewise<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if from.take_bool()? { get(from).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests;
