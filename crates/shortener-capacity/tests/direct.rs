//! The service without a world: what it says is what a world says.

use std::time::Duration;

use machine::Wall;
use shortener_capacity::Direct;
use url_shortener::{Answer, Ask, Click, Device, Key, Link, LinkId, NewLink};

fn create(direct: &mut Direct, url: &str) -> Key {
    let link = Link::new(url, Wall(0));
    let new = NewLink { alias: None, domain: "".into(), link, made_at: None };
    match direct.ask(Ask::Create(new)) {
        Some(Answer::Link(key, link)) if &*link.url == url => key,
        other => panic!("{other:?}"),
    }
}

fn visit(direct: &mut Direct, key: &Key) -> Option<Answer> {
    let (key, device) = (key.clone(), Device::Desktop);
    direct.ask(Ask::Visit(Click { key, at_ms: 0, visitor: 1, referrer: None, device }))
}

fn stats(key: &Key) -> Ask {
    Ask::Stats(LinkId { key: key.clone(), incarnation: 0 })
}

#[test]
fn a_link_is_made_followed_from_the_cache_and_counted() {
    let mut direct = Direct::new(1, 100, Duration::from_secs(1));
    let keys: Vec<Key> =
        (0..50).map(|n| create(&mut direct, &format!("https://example.com/{n}"))).collect();
    for _ in 0..20 {
        for (number, key) in keys.iter().enumerate() {
            let Some(Answer::Redirect { url, .. }) = visit(&mut direct, key) else {
                panic!("it was made")
            };
            assert_eq!(*url, *format!("https://example.com/{number}"));
        }
    }
    assert_eq!(direct.reads(), 50, "each was read once");
    direct.advance(Duration::from_millis(100));
    for key in &keys {
        let Some(Answer::Stats { stats: Some(stats), .. }) = direct.ask(stats(key)) else {
            panic!("it was clicked")
        };
        assert_eq!((stats.clicks, stats.visitors.estimate()), (20, 1));
    }
    direct.advance(Duration::from_secs(1));
    visit(&mut direct, &keys[0]);
    assert_eq!(direct.reads(), 51, "a copy that is too old is not used");
    assert_eq!(visit(&mut direct, &Key::new("", "nowhere")), Some(Answer::Missing));
}
