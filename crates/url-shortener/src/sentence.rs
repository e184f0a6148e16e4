//! Messages as sentences, for diagrams.

use std::fmt::{self, Debug, Formatter};

use crate::message::{Answer, Ask, Call, Handover, Message, Note, Reply, Which, Why, Wish};
use crate::ring::RingPhase;

/// The last digits of a token or call, enough to distinguish it in a diagram.
fn short(number: &u64) -> u64 {
    number % 10_000
}

/// The place of the last of this many shards, counted from 0.
fn last(shards: u32) -> u32 {
    shards.saturating_sub(1)
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Which::Alias(alias) => write!(f, "/{alias}"),
            Which::Picked(number) => write!(f, "picked link {number}"),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Create { alias, expires_in_ms } => {
                match alias {
                    Some(alias) => write!(f, "make /{alias}")?,
                    None => write!(f, "make a link")?,
                }
                expires_in_ms.map_or(Ok(()), |ms| write!(f, " for {ms} ms"))
            }
            Wish::Visit(which) => write!(f, "visit {which}"),
            Wish::Look(which) => write!(f, "look at {which}"),
            Wish::Edit(which) => write!(f, "change {which}"),
            Wish::Delete(which) => write!(f, "delete {which}"),
            Wish::Join => f.write_str("join"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Ask::Visit(click) => write!(f, "visit {:?}", click.key),
            Ask::Create(new) => {
                match &new.alias {
                    Some(alias) => write!(f, "make {}/{alias}", new.domain)?,
                    None => write!(f, "make a link")?,
                }
                write!(f, " to {}", new.link.url)
            }
            Ask::Look(key) => write!(f, "look at {key:?}"),
            Ask::Edit(key, edit) => match &edit.url {
                Some(url) => write!(f, "let {key:?} lead to {url}"),
                None => write!(f, "change {key:?}"),
            },
            Ask::Delete(key) => write!(f, "delete {key:?}"),
            Ask::List { limit, .. } => write!(f, "list {limit} links"),
            Ask::Newest { limit, .. } => write!(f, "list the newest {limit} links"),
            Ask::Stats(link) | Ask::Clicks(link) => write!(f, "clicks of {link:?}?"),
            Ask::Shard(place) => write!(f, "how is shard {place}?"),
            Ask::Join(place) => write!(f, "let shard {place} join"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Redirect { url, .. } => write!(f, "go to {url}"),
            Answer::Link(key, link) => write!(f, "{key:?} leads to {}", link.url),
            Answer::Deleted => f.write_str("deleted"),
            Answer::Missing => f.write_str("there is no such link"),
            Answer::Expired => f.write_str("its time is over"),
            Answer::Taken => f.write_str("taken"),
            Answer::Page { links, .. } | Answer::Newest { links, .. } => {
                write!(f, "{} links", links.len())
            }
            Answer::Stats { link, stats, .. } => {
                let clicks = stats.as_ref().map_or(0, |stats| stats.clicks);
                write!(f, "{link:?} has {clicks} clicks")
            }
            Answer::Agreed => f.write_str("agreed"),
            Answer::Shard { entries, .. } => write!(f, "it has {entries} entries"),
            Answer::Refused(why) => write!(f, "refused: {why}"),
            Answer::TooMany { retry_after_ms } => write!(f, "too many, wait {retry_after_ms} ms"),
            Answer::Unavailable(why) => write!(f, "unavailable: {why}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Call::PutIfAbsent(key, link) => write!(f, "keep {key:?}, leading to {}", link.url),
            Call::Get(key) => write!(f, "get {key:?}"),
            Call::Edit(key, _) => write!(f, "change {key:?}"),
            Call::Remove(key) => write!(f, "remove {key:?}"),
            Call::Scan { limit, .. } => write!(f, "{limit} links"),
            Call::Newest { limit, .. } => write!(f, "the newest {limit} links"),
            Call::LeaseRange => f.write_str("lease numbers"),
            Call::Join => f.write_str("join the others"),
            Call::Status => f.write_str("how are you?"),
            Call::CodeKey => f.write_str("the key of codes"),
            Call::Handover { shards, step } => {
                let last = last(*shards);
                match step {
                    Handover::Changes { after } => {
                        write!(f, "what is shard {last}'s, after {after}")
                    }
                    Handover::Cede => write!(f, "cede what is shard {last}'s"),
                    Handover::Clean => f.write_str("take the copies away"),
                }
            }
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Stored(link) => write!(f, "stored, leading to {}", link.url),
            Reply::Found(link) => write!(f, "found, leading to {}", link.url),
            Reply::Missing => f.write_str("there is none"),
            Reply::Removed => f.write_str("removed"),
            Reply::Taken => f.write_str("taken"),
            Reply::Page { links, .. } => write!(f, "{} links", links.len()),
            Reply::Leased(range) => {
                write!(f, "numbers {} to {} are yours", range.first, range.end - 1)
            }
            Reply::Moved(call) => write!(f, "another shard's: {call}"),
            Reply::Changes { changes, next: Some(next) } => {
                write!(f, "{} changes, up to {next}", changes.len())
            }
            Reply::Changes { .. } => f.write_str("no more changes"),
            Reply::Agreed => f.write_str("agreed"),
            Reply::Status { entries, .. } => write!(f, "{entries} entries are here"),
            Reply::CodeKey(_) => f.write_str("this is the key of codes"),
            Reply::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Message::Do(action) => write!(f, "{} at {:?}", action.wish, action.instance),
            Message::Ask { token, ask, .. } => write!(f, "{}: {ask}", short(token)),
            Message::Answer { token, answer } => write!(f, "{}: {answer}", short(token)),
            Message::Call { call, wanted } => write!(f, "call {}: {wanted}", short(call)),
            Message::Reply { call, reply, .. } => write!(f, "call {}: {reply}", short(call)),
            Message::Unanswered { call } => write!(f, "call {}: no answer", short(call)),
            Message::Clicks { batch, .. } => {
                let last = batch.end().saturating_sub(1);
                write!(f, "clicks {} to {last} of log {}", batch.first, short(&batch.log))
            }
            Message::Counted { log, below } => {
                write!(f, "log {} is counted below {below}", short(log))
            }
            Message::GetStats { call, link } => {
                write!(f, "call {}: clicks of {link:?}?", short(call))
            }
            Message::Stats { call, stats } => {
                let clicks = stats.as_ref().map_or(0, |stats| stats.clicks);
                write!(f, "call {}: {clicks} clicks", short(call))
            }
        }
    }
}

fn sentence(phase: RingPhase) -> &'static str {
    match phase {
        RingPhase::Settled => "the change of the ring is over",
        RingPhase::Donating => "gives a share away, and answers for it yet",
        RingPhase::Ceded => "has ceded a share",
        RingPhase::Cleaning => "takes the copies of a share away",
        RingPhase::Joining => "joins",
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Visit => "a visit",
            Why::Look => "a look",
            Why::Again => "those who came during the last read",
            Why::Create => "a new link",
            Why::Change => "a change",
            Why::List => "a list",
            Why::Stats => "statistics",
        })
    }
}

impl Debug for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Note::Invoked { token, instance, ask } => {
                write!(f, "asks {instance:?} {}: {ask}", short(token))
            }
            Note::Answered { token, answer } => write!(f, "has {}: {answer}", short(token)),
            Note::GivenUp { token } => write!(f, "waits no longer for {}", short(token)),
            Note::Called { call, why, .. } => write!(f, "makes call {} for {why}", short(call)),
            Note::ReadEnded { call, missing: false } => write!(f, "call {} is over", short(call)),
            Note::ReadEnded { call, missing: true } => {
                write!(f, "call {} is over: no link", short(call))
            }
            Note::Acknowledged { token, key } => {
                write!(f, "acknowledges {}, of {key:?}", short(token))
            }
            Note::OutOfNumbers => f.write_str("has no numbers for codes"),
            Note::Leased(range) => write!(f, "has numbers {} to {}", range.first, range.end - 1),
            Note::Clicked { log, number, link } => {
                write!(f, "click {number} of log {}, on {link:?}", short(log))
            }
            Note::Logged { log, below } => write!(f, "log {} is durable below {below}", short(log)),
            Note::Dropped { key } => write!(f, "drops a click on {key:?}"),
            Note::Counted { log, below } => {
                write!(f, "log {} is counted below {below}", short(log))
            }
            Note::Total { link, clicks } => write!(f, "{link:?} has {clicks} clicks"),
            Note::Ring { shards, phase } => {
                write!(f, "{} (a ring of {shards})", sentence(*phase))
            }
            Note::Cut => f.write_str("cuts off what a crash tore"),
            Note::Joined { shards } => {
                write!(f, "has all that is its own, as shard {}", last(*shards))
            }
            Note::Sometimes(what) => f.write_str(what),
        }
    }
}
