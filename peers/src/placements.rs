//! Ways to place keys: ours and the peers', each with its look-ups and where they lead.
//!
//! A key is a random number that is its own hash, so that no look-up hashes it. pingora-ketama hashes
//! in any case; what that takes is measured beside it.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use anchorhash::AnchorHash;
use hash_ring::{Algorithm, Anchor, Jump, Ketama, Maglev, NodeIndex, Nodes, Placement};
use hash_ring::{Rendezvous, Ring};
use hashring::HashRing;
use jumphash::CustomJumpHasher;
use pingora_ketama::{Bucket, Continuum};

use crate::rounds::Contestant;

pub const MAGLEV: &str = "infralab maglev";
pub const ANCHORHASH: &str = "anchorhash 0.2.2";
pub const KETAMA: &str = "infralab ketama";
pub const PINGORA: &str = "pingora-ketama 0.9.1";
/// What a turn of pingora-ketama takes for hashing alone.
pub const CRC32: &str = "  of it the hash, crc32fast";

/// Different keys: more than a small cache holds of what they touch.
const KEYS: usize = 1 << 16;
/// How often a turn goes through them: what the others left in the caches is gone after the first.
const PASSES: usize = 8;
/// Keys a turn where each is a look at every node.
const FEW: usize = 1 << 9;

const MANY: (usize, usize) = (KEYS, PASSES);

/// The keys of all turns.
pub static RANDOM: LazyLock<Vec<u64>> = LazyLock::new(|| (0..KEYS as u64).map(random).collect());

/// A way to place keys on nodes that are numbered from 0.
pub struct Placer {
    pub name: String,
    pub way: Box<dyn Way>,
}

/// What it can be asked for, with one virtual call for a whole turn.
pub trait Way {
    /// Looks keys up, one after the other; how many.
    fn turn(&self) -> u64;
    /// The node of a key.
    fn locate(&self, key: u64) -> usize;
}

impl Placer {
    /// Its turns, for the clock.
    pub fn contestant(self) -> Contestant<'static> {
        Contestant::new(self.name, move || self.way.turn())
    }
}

/// All of them, to be built on so many nodes.
pub const ALL: &[fn(u32) -> Placer] = &[
    maglev, anchorhash, ketama, pingora, crc32, ring, hashring, anchor, jump, jumphash, rendezvous,
];

/// Numbers without an order: SplitMix64.
pub fn random(at: u64) -> u64 {
    let number = at.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

struct LookUp<L, N> {
    /// Which keys, and how often.
    keys: (usize, usize),
    /// What the clock sees.
    look_up: L,
    /// Tells which node was found.
    number: N,
}

impl<T, L: Fn(u64) -> T, N: Fn(T) -> usize> Way for LookUp<L, N> {
    fn turn(&self) -> u64 {
        let (count, passes) = self.keys;
        for _ in 0..passes {
            for key in &RANDOM[..count] {
                black_box((self.look_up)(*key));
            }
        }
        (count * passes) as u64
    }

    fn locate(&self, key: u64) -> usize {
        (self.number)((self.look_up)(key))
    }
}

fn placer<T: 'static>(
    name: &str,
    keys: (usize, usize),
    look_up: impl Fn(u64) -> T + 'static,
    number: impl Fn(T) -> usize + 'static,
) -> Placer {
    Placer { name: name.to_owned(), way: Box::new(LookUp { keys, look_up, number }) }
}

fn ours<P: Placement + 'static, E: Debug>(
    algorithm: Algorithm,
    build: fn(Nodes) -> Result<P, E>,
    nodes: u32,
) -> Placer {
    let keys = if algorithm == Algorithm::Rendezvous { (FEW, 1) } else { MANY };
    let placement = build(Nodes::numbered(nodes).expect("nodes")).expect("a placement");
    let name = format!("infralab {}", algorithm.name());
    placer(&name, keys, move |key| placement.locate(key), |NodeIndex(node)| node as usize)
}

fn maglev(nodes: u32) -> Placer {
    ours(Algorithm::Maglev, Maglev::new, nodes)
}

fn ketama(nodes: u32) -> Placer {
    ours(Algorithm::Ketama, Ketama::new, nodes)
}

fn ring(nodes: u32) -> Placer {
    ours(Algorithm::Ring, Ring::new, nodes)
}

fn anchor(nodes: u32) -> Placer {
    ours(Algorithm::Anchor, Anchor::new, nodes)
}

fn jump(nodes: u32) -> Placer {
    ours(Algorithm::Jump, Jump::new, nodes)
}

fn rendezvous(nodes: u32) -> Placer {
    ours(Algorithm::Rendezvous, Rendezvous::new, nodes)
}

/// With room for a tenth more nodes, as ours has.
fn anchorhash(nodes: u32) -> Placer {
    let capacity = (nodes + (nodes / 10).max(16)) as u16;
    let builder = anchorhash::Builder::with_hasher(AsItIs).with_resources(0..nodes);
    let anchor: AnchorHash<u64, u32, AsItIs> = builder.build(capacity);
    let look_up = move |key| *anchor.get_resource(key).expect("a node");
    placer(ANCHORHASH, MANY, look_up, |node| node as usize)
}

/// The ring of nginx: as many points as libketama's, by another hash.
fn pingora(nodes: u32) -> Placer {
    const FIRST: u32 = 0x0A00_0000;
    let address = |node| SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(FIRST + node)), 80);
    let buckets: Vec<_> = (0..nodes).map(|node| Bucket::new(address(node), 1)).collect();
    let ring = Continuum::new(&buckets);
    let number = |found: Option<SocketAddr>| match found.map(|address| address.ip()) {
        Some(IpAddr::V4(address)) => (address.to_bits() - FIRST) as usize,
        _ => unreachable!("all of them are of version 4"),
    };
    placer(PINGORA, MANY, move |key| ring.node(&key.to_le_bytes()), number)
}

fn crc32(_: u32) -> Placer {
    placer(CRC32, MANY, |key| crc32fast::hash(&key.to_le_bytes()), |_| 0)
}

/// As it comes: one point a node.
fn hashring(nodes: u32) -> Placer {
    let mut ring = HashRing::with_hasher(AsItIs);
    ring.batch_add((0..nodes).map(Spread).collect());
    let look_up = move |key| ring.get(&key).map_or(0, |Spread(node)| *node);
    placer("hashring 0.3.6, 1 point a node", MANY, look_up, |node| node as usize)
}

fn jumphash(nodes: u32) -> Placer {
    let jump = CustomJumpHasher::new(Same(0));
    placer("jumphash 0.1.9", MANY, move |key| jump.slot(&key, nodes), |node| node as usize)
}

/// A node whose hash is a random number.
#[derive(Clone, Copy)]
struct Spread(u32);

impl Hash for Spread {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(random(!u64::from(self.0)));
    }
}

/// Leaves numbers as they are.
#[derive(Clone)]
struct AsItIs;

impl BuildHasher for AsItIs {
    type Hasher = Same;

    fn build_hasher(&self) -> Same {
        Same(0)
    }
}

#[derive(Clone)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers of 64 bits are hashed");
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
