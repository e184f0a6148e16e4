//! Answers that others published, and answers that must not change.

use hash_ring::{Algorithm, Jump, Ketama, Nodes, Placement, jump};
use md5::{Digest, Md5};

use crate::fleets::{fleet, keys};

/// From the tests of Guava and of dgryski/go-jump, which most implementations repeat.
#[test]
fn jump_is_the_function_of_the_paper() {
    let of_100 = [0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83];
    for (key, bucket) in of_100.into_iter().enumerate() {
        assert_eq!(jump(key as u64, 100), bucket, "key {key}");
    }
    for (key, buckets, bucket) in [
        (10_863_919_174_838_991, 11, 6),
        (2_016_238_256_797_177_309, 11, 3),
        (1_673_758_223_894_951_030, 11, 5),
        (2, 100_001, 80_343),
        (2_201, 100_001, 22_152),
        (2_202, 100_001, 15_018),
    ] {
        assert_eq!(jump(key, buckets), bucket, "key {key} of {buckets}");
    }
}

/// From the tests of jump_consistent_hash: one key in 1 to 19 buckets.
#[test]
fn jump_follows_its_keys_from_bucket_to_bucket() {
    for (key, expected) in [
        (1, [0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17]),
        (0xdead_beef, [0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16]),
        (0x0ddc_0ffe_ebad_f00d, [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15]),
    ] {
        for (bucket, buckets) in expected.into_iter().zip(1..) {
            assert_eq!(jump(key, buckets), bucket, "{key:x} of {buckets}");
            let placement = Jump::new(fleet(buckets)).expect("a placement");
            assert_eq!(placement.locate(key).0, bucket);
        }
    }
}

/// libketama's own test: its servers, a million keys, and the MD5 of all that it prints about them
/// (RJ/ketama: ketama.servers, libketama/ketama_test.c, libketama/test.sh).
#[test]
fn ketama_is_libketama() {
    let servers = "10.0.1.1:11211\t600\n10.0.1.2:11211\t300\n10.0.1.3:11211\t200\n\
                   10.0.1.4:11211\t350\n10.0.1.5:11211\t1000\n10.0.1.6:11211\t800\n\
                   10.0.1.7:11211\t950\n10.0.1.8:11211\t100\n";
    let ketama = Ketama::new(Nodes::parse(servers).expect("servers")).expect("a ring");
    let continuum: Vec<_> = ketama.continuum().collect();
    let mut printed = Md5::new_with_prefix("\n");
    for key in (0..1_000_000).map(|key: u32| key.to_string()) {
        let hash = ketama.hash(key.as_bytes());
        // The point that a plain search finds, the owner that the look-up finds.
        let after = continuum.partition_point(|(point, _)| u64::from(*point) < hash);
        let (point, _) = continuum[after % continuum.len()];
        let name = ketama.nodes()[ketama.locate(hash)].name();
        printed.update(format!("{hash} {point} {name}\n"));
    }
    let digest: String = printed.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "5672b131391f5aa2b280936aec1eea74");
}

/// At every point, just before it and just after it, the look-up finds what a plain search finds.
#[test]
fn the_first_point_at_or_after_a_key_owns_it() {
    for nodes in [1, 2, 3, 40, 1_000] {
        let ketama = Ketama::new(fleet(nodes)).expect("a ring");
        let continuum: Vec<_> = ketama.continuum().collect();
        let around = |(point, _): &(u32, _)| [point.wrapping_sub(1), *point, point.wrapping_add(1)];
        for place in continuum.iter().flat_map(around).chain([0, u32::MAX]) {
            let after = continuum.partition_point(|(point, _)| *point < place);
            let (_, owner) = continuum[after % continuum.len()];
            assert_eq!(ketama.locate(u64::from(place)), owner, "{place} of {nodes} nodes");
        }
    }
}

/// The digests of a node, where the rounding of C's floats shows: 40 x part x nodes is a hair below 40
/// for 61 nodes, and 40 for 60 and, though not in floats alone, for 25, 50 and 100.
#[test]
fn ketama_rounds_as_c_does() {
    for (nodes, points) in [(1, 160), (25, 160), (50, 160), (60, 160), (61, 156), (100, 160)] {
        let ketama = Ketama::new(fleet(nodes)).expect("a ring");
        assert_eq!(ketama.continuum().count() as u32, nodes * points, "{nodes} nodes");
    }
}

/// The specification's own numbers for the hash of keys: XXH3, 64 bits, seed 0.
#[test]
fn keys_are_hashed_by_xxh3() {
    assert_eq!(hash_ring::hash(b""), 0x2D06_8005_38D3_94C2);
    assert_eq!(hash_ring::hash(b"a"), 0xE6C6_32B6_1E96_4E1F);
}

/// Where keys are must not change with a release: caches would empty, stores would lose track.
#[test]
fn owners_do_not_change_from_release_to_release() {
    let keys = keys(1_000);
    let mut fingerprints = String::new();
    for algorithm in Algorithm::ALL {
        let mut placement = algorithm.build(fleet(37)).expect("a placement");
        if *algorithm != Algorithm::Jump {
            placement.remove("node-5").expect("it is there");
        }
        placement.add(hash_ring::Node::new("late").expect("a name")).expect("room");
        let bytes: Vec<u8> = keys.iter().map(|key| placement.admit(*key).0 as u8).collect();
        fingerprints += &format!("{} {:016x}\n", algorithm.name(), hash_ring::hash(&bytes));
    }
    assert_eq!(fingerprints, FINGERPRINTS);
}

const FINGERPRINTS: &str = "\
ring 95d89c3a592c078e
ketama ea2276ee022a7a61
jump 58dee9c3df66acac
rendezvous 04dc824185100c7a
maglev 6b8b125f93ecd68d
anchor 31c57470d15822f4
bounded 27bee8a53a47880c
modulo df6c8e0392990b84
range 0894d70fa835ebdf
directory bf7e79a0b26ea49f
";
