//! What messages weigh: those between nodes their bytes; those of users, who are in the process of their instance, the
//! bytes of their texts and lists, and 64 for all that has a fixed size.

use std::sync::Arc;

use super::{Answer, Ask, Cursor, Message, bytes};
use crate::link::Named;
use crate::link::key::{MAX_CODE_BYTES, MAX_DOMAIN_BYTES};
use crate::link::names::{MAX_TAG_BYTES, MAX_TAGS, MAX_TITLE_BYTES, MAX_URL_BYTES};
use crate::{Edit, Key, Link, LinkStats, NewLink};

/// What the numbers of a link, or of anything else that lies in a list, have at most.
const NUMBERS: usize = 64;
/// The most that a link weighs in a list.
pub(crate) const HEAVIEST_LINK: usize = 2 * NUMBERS
    + (MAX_DOMAIN_BYTES + MAX_CODE_BYTES)
    + (MAX_URL_BYTES + MAX_TITLE_BYTES + MAX_TAGS * (4 + MAX_TAG_BYTES));

pub(super) fn weight(message: &Message) -> u32 {
    let weight = match message {
        Message::Ask { ask, .. } => NUMBERS + of_ask(ask),
        Message::Answer { answer, .. } => NUMBERS + of_answer(answer),
        Message::Do(_) | Message::Unanswered { .. } => NUMBERS,
        message => bytes::length(message),
    };
    weight as u32
}

fn of_ask(ask: &Ask) -> usize {
    match ask {
        Ask::Visit(click) => key(&click.key) + click.referrer.as_ref().map_or(0, |host| host.len()),
        Ask::Create(NewLink { alias, domain, link, .. }) => {
            text(alias) + domain.len() + of_link(link)
        }
        Ask::Look(at) | Ask::Delete(at) => key(at),
        Ask::Edit(at, edit) => key(at) + of_edit(edit),
        Ask::List { search, .. } => text(search),
        Ask::Stats(link) | Ask::Clicks(link) => key(&link.key),
        Ask::Shard(_) | Ask::Join(_) => 0,
        Ask::Newest { below, search, .. } => 8 * below.len() + text(search),
    }
}

fn of_answer(answer: &Answer) -> usize {
    match answer {
        Answer::Redirect { url, .. } => url.len(),
        Answer::Link(at, link) => key(at) + of_link(link),
        Answer::Page { links, next } => {
            of_named(links) + next.as_ref().map_or(0, |_| size_of::<Cursor>())
        }
        Answer::Stats { link, stats, .. } => key(&link.key) + stats.as_deref().map_or(0, of_stats),
        Answer::Newest { links, below } => {
            of_named(links) + below.as_ref().map_or(0, |below| 8 * below.len())
        }
        _ => 0,
    }
}

fn of_named(links: &[Named]) -> usize {
    links.iter().map(|(at, link)| NUMBERS + key(at) + of_link(link)).sum()
}

fn of_link(link: &Link) -> usize {
    NUMBERS + link.url.len() + text(&link.title) + texts(&link.tags)
}

fn of_edit(edit: &Edit) -> usize {
    let title = edit.title.as_ref().map_or(0, text);
    text(&edit.url) + title + edit.tags.as_deref().map_or(0, texts)
}

/// Two numbers for each count, and the registers of the estimate of visitors.
fn of_stats(stats: &LinkStats) -> usize {
    let counts =
        stats.by_hour.len() + stats.by_day.len() + stats.referrers.len() + stats.devices.len();
    let hosts: usize = stats.referrers.iter().map(|(host, _)| host.len()).sum();
    1_024 + 16 * counts + hosts
}

fn key(key: &Key) -> usize {
    key.domain.len() + key.code.len()
}

fn text(text: &Option<Arc<str>>) -> usize {
    text.as_ref().map_or(0, |text| text.len())
}

fn texts(texts: &[Arc<str>]) -> usize {
    texts.iter().map(|text| 4 + text.len()).sum()
}
