use machine::codec::{Encoder, assert_canonical, assert_codec, assert_delimited, assert_weight};
use machine::{LONGEST, Protocol};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::analytics::clicks::{Batch, Clicks};
use crate::{Answer, Ask, Click, Device, Link, MAX_PAGE_LINKS, Shortener};

fn bytes(message: &Message) -> Bytes {
    let mut out = Encoder::default();
    put_message(message, &mut out);
    out.finish().joined()
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "\\PC{0,20}".prop_map(Arc::from)
}

fn key() -> impl Strategy<Value = Key> {
    ("[a-z.]{0,8}", "[A-Za-z0-9_-]{1,9}").prop_map(|(domain, code)| Key::new(&domain, &code))
}

fn link() -> impl Strategy<Value = Link> {
    let rest = (of(any::<u64>()), of(text()), vec(text(), 0..3), any::<u64>(), of(any::<bool>()));
    (text(), any::<u64>(), rest).prop_map(|(url, at, rest)| {
        let (expires_at, title, tags, incarnation, forward_query) = rest;
        let expires_at = expires_at.map(Wall);
        let link = Link::new(&url, Wall(at));
        Link { expires_at, title, tags, incarnation, forward_query, ..link }
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let first = (of(text()), of(prop::sample::select(&STATUSES[..])), of(of(any::<u64>())));
    let rest = (of(of(text())), of(vec(text(), 0..3)), of(of(any::<bool>())));
    (first, rest).prop_map(|((url, status, expires_at), (title, tags, forward_query))| {
        let expires_at = expires_at.map(|at| at.map(Wall));
        Edit { url, status, expires_at, title, tags, forward_query }
    })
}

fn call() -> impl Strategy<Value = Call> {
    let step = prop_oneof![
        any::<u64>().prop_map(|after| Handover::Changes { after }),
        Just(Handover::Cede),
        Just(Handover::Clean),
    ];
    prop_oneof![
        (key(), link()).prop_map(|(key, link)| Call::PutIfAbsent(key, link)),
        key().prop_map(Call::Get),
        (key(), edit()).prop_map(|(key, edit)| Call::Edit(key, edit)),
        key().prop_map(Call::Remove),
        (of(any::<u64>()), any::<u32>(), of(text()))
            .prop_map(|(after, limit, search)| Call::Scan { after, limit, search }),
        (any::<u32>(), step).prop_map(|(shards, step)| Call::Handover { shards, step }),
        (any::<u64>(), any::<u32>(), of(text())).prop_map(|(below, limit, search)| Call::Newest {
            below,
            limit,
            search
        }),
        prop::sample::select(vec![Call::LeaseRange, Call::Join, Call::Status, Call::CodeKey]),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    use RingPhase::{Ceded, Cleaning, Donating, Joining, Settled};
    let phase = prop::sample::select(vec![Settled, Donating, Ceded, Cleaning, Joining]);
    let value = || vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    prop_oneof![
        link().prop_map(|link| Reply::Stored(link.into())),
        link().prop_map(|link| Reply::Found(link.into())),
        (vec((key(), link()), 0..4), of(any::<u64>()))
            .prop_map(|(links, next)| Reply::Page { links, next }),
        (any::<u64>(), any::<u64>()).prop_map(|(first, end)| Reply::Leased(Range { first, end })),
        call().prop_map(|call| Reply::Moved(call.into())),
        (vec((value(), of(value())), 0..4), of(any::<u64>()))
            .prop_map(|(changes, next)| Reply::Changes { changes, next }),
        text().prop_map(|why| Reply::Refused(why.to_string().into())),
        (any::<u64>(), of(phase)).prop_map(|(entries, phase)| Reply::Status { entries, phase }),
        any::<[u8; 16]>().prop_map(Reply::CodeKey),
        prop::sample::select(vec![Reply::Missing, Reply::Removed, Reply::Taken, Reply::Agreed]),
    ]
}

fn clicks() -> impl Strategy<Value = Clicks> {
    let click = (key(), any::<u64>(), any::<u64>(), of("[a-z.]{1,9}"), 0..8u8);
    let click = click.prop_map(|(key, at_ms, visitor, host, device)| {
        let (referrer, device) = (host.map(Box::from), Device::of_number(device).unwrap());
        Click { key, at_ms, visitor, referrer, device }
    });
    vec(click, 1..5).prop_map(|clicks| Clicks::of(&clicks))
}

fn messages() -> impl Strategy<Value = Message> {
    // Few visitors have another form than many.
    let stats = (clicks(), prop::sample::select(vec![0u64, 100, 3_000]));
    let stats = stats.prop_map(|(clicks, visitors)| {
        let mut stats = LinkStats::default();
        clicks.iter().for_each(|click| stats.count(click));
        let hash = |visitor: u64| xxhash_rust::xxh3::xxh3_64(&visitor.to_le_bytes());
        (0..visitors).for_each(|visitor| stats.visitors.insert(hash(visitor)));
        Arc::new(stats)
    });
    prop_oneof![
        2 => (any::<u64>(), call()).prop_map(|(call, wanted)| Message::Call { call, wanted }),
        2 => (any::<u64>(), any::<u32>(), reply())
            .prop_map(|(call, shards, reply)| Message::Reply { call, shards, reply }),
        1 => (any::<u64>(), any::<u64>(), 0..u64::MAX / 2, clicks()).prop_map(
            |(kept, log, first, clicks)| Message::Clicks { kept, batch: Batch { log, first, clicks } }
        ),
        1 => (any::<u64>(), any::<u64>()).prop_map(|(log, below)| Message::Counted { log, below }),
        1 => (any::<u64>(), key(), any::<u64>()).prop_map(|(call, key, incarnation)| {
            Message::GetStats { call, link: LinkId { key, incarnation } }
        }),
        1 => (any::<u64>(), of(stats)).prop_map(|(call, stats)| Message::Stats { call, stats }),
    ]
}

/// Between two versions of the program these bytes are the contract.
#[test]
fn messages_are_these_bytes() {
    let edit = Edit { title: Some(None), tags: Some(vec!["t".into()]), ..Edit::default() };
    let call = Message::Call { call: 0x0102, wanted: Call::Edit(Key::new("d.example", "c"), edit) };
    let expected = b"\x00\x02\x01\0\0\0\0\0\0\x02\x0Bd.example/c\0\0\0\x01\0\x01\x01\x01t\0";
    assert_eq!(bytes(&call), &expected[..]);
    let reply = Reply::Status { entries: 7, phase: Some(RingPhase::Ceded) };
    let reply = Message::Reply { call: 1, shards: 3, reply };
    let expected = b"\x01\x01\0\0\0\0\0\0\0\x03\0\0\0\x0B\x07\0\0\0\0\0\0\0\x01\x02";
    assert_eq!(bytes(&reply), &expected[..]);
    let counted = Message::Counted { log: 4, below: 5 };
    assert_eq!(bytes(&counted), &b"\x03\x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"[..]);
}

#[test]
fn what_users_say_never_travels() {
    let (ask, answer) = (Ask::Shard(0), Answer::Agreed);
    let ask = Message::Ask { token: 1, client: 2, ask };
    for message in [ask, Message::Answer { token: 1, answer }, Message::Unanswered { call: 1 }] {
        assert_eq!(bytes(&message), Bytes::new());
    }
    assert!(get_message(Bytes::new()).is_err());
}

/// As long as texts may be; what a page adds to that is little.
#[test]
fn the_heaviest_page_fits() {
    let long = |length: usize| Arc::from("x".repeat(length));
    let link = Link {
        expires_at: Some(Wall(u64::MAX)),
        title: Some(long(crate::MAX_TITLE_BYTES)),
        tags: vec![long(crate::MAX_TAG_BYTES); crate::MAX_TAGS],
        earlier_clicks: u64::MAX,
        incarnation: u64::MAX,
        forward_query: Some(true),
        ..Link::new(&long(crate::MAX_URL_BYTES), Wall(u64::MAX))
    };
    let key = Key { domain: long(crate::MAX_DOMAIN_BYTES), code: long(crate::MAX_CODE_BYTES) };
    let links = vec![(key, link); MAX_PAGE_LINKS as usize];
    let reply = Reply::Page { links, next: Some(u64::MAX) };
    let page = Message::Reply { call: u64::MAX, shards: u32::MAX, reply };
    assert!(Shortener::weight(&page) <= LONGEST);
    assert_eq!(get_message(bytes(&page)), Ok(page));
}

proptest! {
    #[test]
    fn what_is_sent_arrives_and_nothing_else(message in messages()) {
        let sent = bytes(&message);
        prop_assert_eq!(Shortener::weight(&message) as usize, sent.len());
        assert_weight::<Shortener>(&message, &sent);
        match &message {
            // A sketch has several forms: what was altered in one may be another, and is as long.
            Message::Stats { stats: Some(_), .. } => {
                prop_assert_eq!(get_message(sent.clone()), Ok(message));
                for place in 0..sent.len().min(200) {
                    let mut altered = sent.to_vec();
                    altered[place] ^= 1 << (place % 8);
                    if let Ok(read) = get_message(altered.into()) {
                        prop_assert!(Shortener::weight(&read) as usize <= sent.len());
                    }
                    let _ = get_message(sent.slice(..place));
                }
            }
            // Clicks are as many as there are.
            Message::Clicks { .. } => assert_codec(&message, bytes, get_message),
            _ => assert_delimited(&message, bytes, get_message),
        }
    }

    #[test]
    fn noise_is_read_or_refused(kind in 0..8u8, noise in vec(any::<u8>(), 0..200)) {
        let noise = [&[kind][..], &noise].concat();
        assert_canonical(noise.into(), bytes, get_message);
    }
}
