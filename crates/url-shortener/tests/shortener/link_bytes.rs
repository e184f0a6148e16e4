//! The bytes of a stored link: the same for good, and with one meaning.

use std::sync::Arc;

use bytes::Bytes;
use machine::Wall;
use machine::codec::{assert_canonical, assert_delimited};
use proptest::prelude::*;
use url_shortener::{Link, RedirectStatus, decode_link, encode_link};

const STATUSES: [RedirectStatus; 4] = [
    RedirectStatus::MovedPermanently,
    RedirectStatus::Found,
    RedirectStatus::TemporaryRedirect,
    RedirectStatus::PermanentRedirect,
];

fn decode(bytes: Bytes) -> Result<Link, ()> {
    decode_link(&bytes).ok_or(())
}

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
    let bytes =
        b"\x3D\x01\0\0\0\0\0\0\0\x14https://example.org/\x02\0\0\0\0\0\0\0\x01a\x01\x01b\xAC\x02";
    assert_eq!(encode_link(&link), &bytes[..]);
    let again = Link { incarnation: 0x0102, ..link };
    let bytes = [b"\x7D", &bytes[1..], b"\x02\x01\0\0\0\0\0\0"].concat();
    assert_eq!(encode_link(&again), &bytes[..]);
    let link = Link { forward_query: Some(true), ..Link::new("a", Wall(1)) };
    assert_eq!(encode_link(&link), &b"\x81\x01\0\0\0\0\0\0\0\x01a\x01"[..]);
}

proptest! {
    #[test]
    fn a_link_comes_back_and_nothing_else_is_one(link in links()) {
        assert_delimited(&link, encode_link, decode);
    }

    #[test]
    fn noise_is_read_or_refused(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_canonical(noise.into(), encode_link, decode);
    }
}
