//! What is kept: links as people make them.

use std::ops::Range;

use machine::Wall;
use url_shortener::{Key, Link, Permutation, RedirectStatus, encode_link};

/// Links of a turn of reads.
pub const READS: u64 = 300_000;

/// So many links, each made when it is asked for.
pub struct Links {
    pub count: u64,
    codes: Permutation,
}

/// Keys and values.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

impl Links {
    pub fn new(count: u64) -> Links {
        Links { count, codes: Permutation::new([7; 16]) }
    }

    pub fn range(&self, numbers: Range<u64>) -> Pairs {
        numbers.map(|number| (self.key(number), value(number))).collect()
    }

    /// Of links in no order: another one for each round.
    pub fn some_keys(&self, round: u64) -> Vec<Vec<u8>> {
        let number = |n: u64| mix(n ^ round << 40) % self.count;
        (0..READS).map(|n| self.key(number(n))).collect()
    }

    fn key(&self, number: u64) -> Vec<u8> {
        let code = self.codes.code(number).expect("there are more codes than links");
        Key::new("", &code).bytes()
    }
}

fn value(number: u64) -> Vec<u8> {
    let paths = ["blog/2026", "products/category", "docs/guides/reference", "watch", "a/b"];
    let (path, words) = (paths[(number % 5) as usize], mix(number));
    let padding = &"-with-a-title-of-its-own-for-people"[..(words % 35) as usize];
    let link = Link {
        url: format!("https://www.example-{}.com/{path}/{words:016x}{padding}", words % 1000)
            .into(),
        status: RedirectStatus::Found,
        created_at: Wall(1_700_000_000_000_000_000 + number * 1_000_000),
        expires_at: None,
        title: None,
        tags: Vec::new(),
        earlier_clicks: 0,
        incarnation: 0,
        forward_query: None,
    };
    encode_link(&link).to_vec()
}

/// SplitMix64.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
