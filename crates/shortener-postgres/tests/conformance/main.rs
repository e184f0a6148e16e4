//! What every keeper of links answers, whatever it stands on: calls, and the replies to them.
//!
//! A shard and a database are held to the same list. A keeper is asked one call at a time, or several at
//! the same moment.

mod database;
mod shard;

use std::collections::BTreeSet;
use std::sync::Arc;

use machine::Wall;
use url_shortener::{Call, Edit, Key, Link, Range, RedirectStatus, Reply};

/// Who keeps links.
pub(crate) trait Keeper {
    /// Makes all of these calls at the same moment; the replies, in the order of the calls.
    fn together(&mut self, calls: Vec<Call>) -> Vec<Reply>;

    /// Ends it and begins it again with what it kept.
    fn reopen(&mut self);

    fn ask(&mut self, call: Call) -> Reply {
        self.together(vec![call]).pop().expect("one call, one reply")
    }
}

/// Everything on the list, of a keeper that keeps nothing yet.
pub(crate) fn conforms(keeper: &mut impl Keeper) {
    says_what_is_there(keeper);
    changes_nothing_that_is_missing(keeper);
    keeps_every_field(keeper);
    gives_an_alias_to_one(keeper);
    loses_no_edit(keeper);
    lists_all_once(keeper);
    lists_the_newest_first(keeper);
    finds(keeper);
    leases_no_number_twice(keeper);
}

fn link(url: &str) -> Link {
    Link {
        url: url.into(),
        status: RedirectStatus::Found,
        created_at: Wall::from_millis(1_700_000_000_000),
        expires_at: None,
        title: None,
        tags: Vec::new(),
        earlier_clicks: 0,
        incarnation: 0,
        forward_query: None,
    }
}

fn titled(title: &str) -> Edit {
    Edit { title: Some(Some(title.into())), ..Edit::default() }
}

/// A transcript: each reply follows from the calls before it.
fn says_what_is_there(keeper: &mut impl Keeper) {
    let key = || Key::new("", "plain");
    let (one, other) = (link("https://one.example/"), link("https://other.example/"));
    let mut edited = one.clone();
    edited.edit(titled("a title"));
    let (stored, found) = (|link: &Link| Reply::Stored(Arc::new(link.clone())), Reply::Found);
    let transcript = [
        (Call::Get(key()), Reply::Missing),
        (Call::PutIfAbsent(key(), one.clone()), stored(&one)),
        (Call::Get(key()), found(Arc::new(one.clone()))),
        (Call::PutIfAbsent(key(), other.clone()), Reply::Taken),
        (Call::Get(key()), found(Arc::new(one))),
        (Call::Edit(key(), titled("a title")), stored(&edited)),
        (Call::Get(key()), found(Arc::new(edited))),
        (Call::Remove(key()), Reply::Removed),
        (Call::Get(key()), Reply::Missing),
        (Call::PutIfAbsent(key(), other.clone()), stored(&other)),
        (Call::Get(key()), found(Arc::new(other))),
        (Call::Remove(key()), Reply::Removed),
    ];
    for (step, (call, expected)) in transcript.into_iter().enumerate() {
        assert_eq!(keeper.ask(call.clone()), expected, "step {step}: {call:?}");
    }
}

fn changes_nothing_that_is_missing(keeper: &mut impl Keeper) {
    let key = || Key::new("", "nobody");
    assert_eq!(keeper.ask(Call::Edit(key(), titled("a title"))), Reply::Missing);
    assert_eq!(keeper.ask(Call::Remove(key())), Reply::Missing);
    assert_eq!(keeper.ask(Call::Get(key())), Reply::Missing);
}

/// Also over a restart; and a name is a domain and a code, whose capital letters count.
fn keeps_every_field(keeper: &mut impl Keeper) {
    let full = Link {
        url: "https://example.org/%C3%A9?q='\"&<>#\u{1f517}".into(),
        status: RedirectStatus::PermanentRedirect,
        created_at: Wall(u64::MAX - 1),
        expires_at: Some(Wall(1)),
        title: Some("<b>\"Ünïcode\"</b> '\\ \u{202e} 🔗".into()),
        tags: vec!["".into(), "a,b".into(), "日本".into()],
        earlier_clicks: u64::MAX,
        incarnation: u64::MAX,
        forward_query: Some(false),
    };
    let names = [("", "Full"), ("", "full"), ("full.example", "full"), ("full.example", "FULL-_9")];
    for (at, (domain, code)) in names.into_iter().enumerate() {
        let link = Link { earlier_clicks: at as u64, ..full.clone() };
        let reply = keeper.ask(Call::PutIfAbsent(Key::new(domain, code), link.clone()));
        assert_eq!(reply, Reply::Stored(Arc::new(link)));
    }
    let last = Key::new("", "last");
    keeper.ask(Call::PutIfAbsent(last.clone(), full.clone()));
    keeper.reopen();
    for (at, (domain, code)) in names.into_iter().enumerate() {
        let link = Link { earlier_clicks: at as u64, ..full.clone() };
        let reply = keeper.ask(Call::Get(Key::new(domain, code)));
        assert_eq!(reply, Reply::Found(Arc::new(link)), "{domain}/{code}");
    }
    assert_eq!(keeper.ask(Call::Get(last)), Reply::Found(Arc::new(full)));
}

fn gives_an_alias_to_one(keeper: &mut impl Keeper) {
    for race in 0..20 {
        let key = Key::new("race.example", &format!("alias{race}"));
        let wanted = |by| link(&format!("https://example.org/{race}/{by}"));
        let calls = (0..16).map(|by| Call::PutIfAbsent(key.clone(), wanted(by))).collect();
        let replies = keeper.together(calls);
        let winners: Vec<_> = (0..16).filter(|&by| replies[by] != Reply::Taken).collect();
        let [winner] = winners[..] else { panic!("one wins: {replies:?}") };
        let link = Arc::new(wanted(winner));
        assert_eq!(replies[winner], Reply::Stored(link.clone()));
        assert_eq!(keeper.ask(Call::Get(key)), Reply::Found(link));
    }
}

/// Two who change different things at the same moment both get what they asked for.
fn loses_no_edit(keeper: &mut impl Keeper) {
    let key = Key::new("", "edited");
    keeper.ask(Call::PutIfAbsent(key.clone(), link("https://example.org/")));
    for round in 0..20 {
        let (url, title): (Arc<str>, Arc<str>) =
            (format!("https://example.org/{round}").into(), format!("title {round}").into());
        let to = Edit { url: Some(url.clone()), ..Edit::default() };
        let replies = keeper
            .together(vec![Call::Edit(key.clone(), to), Call::Edit(key.clone(), titled(&title))]);
        assert!(replies.iter().all(|reply| matches!(reply, Reply::Stored(_))), "{replies:?}");
        let Reply::Found(link) = keeper.ask(Call::Get(key.clone())) else { panic!("it is there") };
        assert_eq!((&link.url, &link.title), (&url, &Some(title)));
    }
}

/// Page by page, of what this search finds.
fn list(keeper: &mut impl Keeper, limit: u32, search: Option<&str>) -> Vec<Key> {
    let (mut keys, mut after) = (Vec::new(), None);
    for _ in 0..10_000 {
        let search = search.map(Arc::from);
        let Reply::Page { links, next } = keeper.ask(Call::Scan { after, limit, search }) else {
            panic!("a scan is replied to with a page");
        };
        assert!(links.len() <= limit as usize, "{} are more than {limit}", links.len());
        keys.extend(links.into_iter().map(|(key, _)| key));
        assert!(next.is_none() || next != after, "it goes on where it was");
        after = next;
        if after.is_none() {
            return keys;
        }
    }
    panic!("the pages do not end");
}

/// What nobody edited comes in the order in which it was made, from the last on.
fn lists_the_newest_first(keeper: &mut impl Keeper) {
    let key = |n| Key::new("newest.example", &format!("n{n}"));
    for n in 0..57 {
        keeper.ask(Call::PutIfAbsent(key(n), link("https://example.org/")));
    }
    let made: Vec<Key> = (0..57).rev().map(key).collect();
    keeper.reopen();
    for limit in [1, 7, 57, 1000] {
        for search in [None, Some("NEWEST.example")] {
            let (mut listed, mut below) = (Vec::new(), Some(u64::MAX));
            while let Some(from) = below {
                let search = search.map(Arc::from);
                let reply = keeper.ask(Call::Newest { below: from, limit, search });
                let Reply::Page { links, next } = reply else { panic!("{reply:?} is no page") };
                assert!(links.len() <= limit as usize, "{} are more than {limit}", links.len());
                listed.extend(links.into_iter().map(|(key, _)| key));
                assert!(next.is_none_or(|next| (1..from).contains(&next)), "{next:?} after {from}");
                below = next;
            }
            assert_eq!(listed[..57], made, "pages of {limit}, of {search:?}");
            let all: BTreeSet<_> = listed.iter().cloned().collect();
            assert_eq!(all.len(), listed.len(), "pages of {limit} repeat");
            let others = list(keeper, 1000, search);
            assert_eq!(all, others.into_iter().collect(), "the same as in any other order");
        }
    }
    for below in [0, 1] {
        let nothing = Reply::Page { links: Vec::new(), next: None };
        assert_eq!(keeper.ask(Call::Newest { below, limit: 1, search: None }), nothing);
    }
}

fn lists_all_once(keeper: &mut impl Keeper) {
    let ours: BTreeSet<Key> = (0..57).map(|n| Key::new("list.example", &format!("n{n}"))).collect();
    for key in &ours {
        keeper.ask(Call::PutIfAbsent(key.clone(), link("https://example.org/")));
    }
    for limit in [1, 7, 57, 1000] {
        let listed = list(keeper, limit, None);
        let all: BTreeSet<Key> = listed.iter().cloned().collect();
        assert_eq!(all.len(), listed.len(), "pages of {limit} repeat");
        assert!(ours.is_subset(&all), "pages of {limit} miss {:?}", ours.difference(&all));
    }
    let gone = Key::new("list.example", "n31");
    keeper.ask(Call::Remove(gone.clone()));
    assert!(!list(keeper, 7, None).contains(&gone));
}

fn finds(keeper: &mut impl Keeper) {
    let mut plain = link("https://find.example/Needle");
    for (code, change) in [
        ("by-url", Edit::default()),
        ("by-NEEDLE-code", Edit { url: Some("https://find.example/".into()), ..Edit::default() }),
        ("by-title", titled("a nEEdle in it")),
        (
            "by-tag",
            Edit { title: Some(None), tags: Some(vec!["needle".into()]), ..Edit::default() },
        ),
    ] {
        plain.edit(change);
        keeper.ask(Call::PutIfAbsent(Key::new("", code), plain.clone()));
    }
    for limit in [1, 3, 100] {
        let found: BTreeSet<_> = list(keeper, limit, Some("neeDle")).into_iter().collect();
        let codes: Vec<&str> = found.iter().map(|key| &*key.code).collect();
        assert_eq!(codes, ["by-NEEDLE-code", "by-tag", "by-title", "by-url"]);
    }
    assert_eq!(list(keeper, 10, Some("no such text anywhere")), []);
    assert_eq!(list(keeper, 10, Some("%")), list(keeper, 10, Some("%c3%a9")), "no wildcards");
}

fn leases_no_number_twice(keeper: &mut impl Keeper) {
    let mut leased = Vec::new();
    for _ in 0..3 {
        leased.extend(keeper.together(vec![Call::LeaseRange; 16]));
        keeper.reopen();
    }
    let mut ranges: Vec<Range> = leased
        .into_iter()
        .map(|reply| match reply {
            Reply::Leased(range) => range,
            other => panic!("{other:?} is no range"),
        })
        .collect();
    ranges.sort_by_key(|range| range.first);
    assert!(ranges.iter().all(|range| range.first < range.end), "{ranges:?}");
    assert!(ranges.windows(2).all(|two| two[0].end <= two[1].first), "{ranges:?}");
}
