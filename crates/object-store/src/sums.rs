//! Sums of bytes, as S3 has them: an ETag of every object, and a checksum where its client asks for one.
//!
//! The law: the sum of parts is computed from the sums of the parts. That of the whole ([`Kind::Whole`]) equals the sum of
//! their bytes; a composite one is the sum of their sums, as every ETag of an object in parts is.

use std::fmt;

use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use md5::digest::Digest as _;
use sha1::Sha1;
use sha2::Sha256;

/// What an object is known by: the MD5 of its bytes; of an object in parts, that of their MD5s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag {
    /// The sum.
    pub md5: [u8; 16],
    /// How many parts there are; 0 where the object came as a whole.
    pub parts: u16,
}

impl ETag {
    /// Of an object that has these parts, in order.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a ETag>) -> ETag {
        let (mut sum, mut count) = (Md5::new(), 0);
        for part in parts {
            sum.update(part.md5);
            count += 1;
        }
        ETag { md5: sum.finalize().into(), parts: count }
    }

    /// As clients write it, without quotes.
    pub fn parse(text: &str) -> Option<ETag> {
        let (hex, parts) = match text.split_once('-') {
            None => (text, 0),
            Some((hex, parts)) => (hex, parts.parse().ok().filter(|parts| *parts > 0)?),
        };
        let mut md5 = [0; 16];
        if hex.len() != 32 || !hex.is_ascii() {
            return None;
        }
        for (at, byte) in md5.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(ETag { md5, parts })
    }
}

/// As clients write it, without quotes.
impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.md5.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        if self.parts > 0 { write!(f, "-{}", self.parts) } else { Ok(()) }
    }
}

/// An algorithm of checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// CRC-32 (IEEE).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc64Nvme,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ];

    /// How many bytes a sum has.
    pub fn length(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// Can the sum of the whole be computed from those of parts?
    pub fn combines(self) -> bool {
        self.crc().is_some()
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 | Algorithm::Sha256 => None,
        }
    }

    /// The sum of these bytes.
    pub fn sum(self, bytes: &[u8]) -> Checksum {
        let mut sum = Summing::new(self);
        sum.add(bytes);
        sum.end()
    }
}

/// How the sums of parts become that of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// As the sum of all bytes: S3's `FULL_OBJECT`.
    Whole,
    /// As the sum of the parts' sums: S3's `COMPOSITE`.
    Composite,
}

/// How the parts of an object are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Summed {
    /// Each of them.
    pub algorithm: Algorithm,
    /// All together.
    pub kind: Kind,
}

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    /// What with.
    pub algorithm: Algorithm,
    /// Of how many parts it is composed; 0 where it is the sum of the bytes.
    pub parts: u16,
    /// The sum, the most significant byte first.
    pub value: Bytes,
}

impl Checksum {
    /// Of an object that has parts with these sums and lengths, in order. `None` where these are not such sums, or the
    /// algorithm has no sum of the whole.
    pub fn of_parts(summed: Summed, parts: &[(&Checksum, u64)]) -> Option<Checksum> {
        let Summed { algorithm, kind } = summed;
        let fits = |(sum, _): &(&Checksum, u64)| sum.algorithm == algorithm && sum.parts == 0;
        if !parts.iter().all(fits) {
            return None;
        }
        if kind == Kind::Composite {
            let mut sum = Summing::new(algorithm);
            parts.iter().for_each(|(part, _)| sum.add(&part.value));
            return Some(Checksum { parts: parts.len() as u16, ..sum.end() });
        }
        let crc = algorithm.crc()?;
        let ((first, _), rest) = parts.split_first()?;
        let whole = rest.iter().fold(first.number(), |sum, (part, length)| {
            crc_fast::checksum_combine(crc, sum, part.number(), *length)
        });
        Some(of_number(algorithm, whole))
    }

    fn number(&self) -> u64 {
        self.value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

fn of_number(algorithm: Algorithm, number: u64) -> Checksum {
    let value = Bytes::copy_from_slice(&number.to_be_bytes()[8 - algorithm.length()..]);
    Checksum { algorithm, parts: 0, value }
}

/// A checksum of bytes that come one after the other.
#[derive(Clone)]
pub struct Summing(Algorithm, State);

#[derive(Clone)]
enum State {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl fmt::Debug for Summing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "summing with {:?}", self.0)
    }
}

impl Summing {
    /// Of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Summing {
        let state = match (algorithm.crc(), algorithm) {
            (Some(crc), _) => State::Crc(crc_fast::Digest::new(crc)),
            (None, Algorithm::Sha1) => State::Sha1(Sha1::new()),
            (None, _) => State::Sha256(Sha256::new()),
        };
        Summing(algorithm, state)
    }

    /// These bytes come next.
    pub fn add(&mut self, bytes: &[u8]) {
        match &mut self.1 {
            State::Crc(sum) => sum.update(bytes),
            State::Sha1(sum) => sum.update(bytes),
            State::Sha256(sum) => sum.update(bytes),
        }
    }

    /// That was all.
    pub fn end(self) -> Checksum {
        let Summing(algorithm, state) = self;
        let value = match state {
            State::Crc(sum) => return of_number(algorithm, sum.finalize()),
            State::Sha1(sum) => Bytes::copy_from_slice(&sum.finalize()),
            State::Sha256(sum) => Bytes::copy_from_slice(&sum.finalize()),
        };
        Checksum { algorithm, parts: 0, value }
    }
}

/// The MD5 of bytes that come one after the other: the ETag of an object that comes as a whole.
#[derive(Clone, Debug, Default)]
pub struct Tagging(Md5);

impl Tagging {
    /// These bytes come next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// That was all.
    pub fn end(self) -> ETag {
        ETag { md5: self.0.finalize().into(), parts: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(bytes: &[u8]) -> ETag {
        let mut tagging = Tagging::default();
        tagging.add(bytes);
        tagging.end()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The check values of the catalogue of CRCs, RFC 1321 and FIPS 180.
    #[test]
    fn they_are_the_published_ones() {
        for (algorithm, sum) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let checksum = algorithm.sum(b"123456789");
            assert_eq!(
                (hex(&checksum.value), checksum.value.len()),
                (sum.into(), algorithm.length())
            );
        }
        assert_eq!(tag(b"").to_string(), "d41d8cd98f00b204e9800998ecf8427e");
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        for parts in [0, 1, 10_000] {
            let etag = ETag { parts, ..tag(b"x") };
            assert_eq!(ETag::parse(&etag.to_string()), Some(etag));
        }
        let long = "d41d8cd98f00b204e9800998ecf8427é";
        for text in ["", "*", "d41d8cd98f00b204e9800998ecf8427", long, "-1"] {
            assert_eq!(ETag::parse(text), None, "{text}");
        }
        assert_eq!(ETag::parse("d41d8cd98f00b204e9800998ecf8427e-0"), None);
    }

    proptest! {
        #[test]
        fn parts_put_together_have_the_sum_of_the_whole(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
        ) {
            let whole = parts.concat();
            for algorithm in Algorithm::ALL {
                let sums: Vec<_> = parts.iter().map(|part| algorithm.sum(part)).collect();
                let parts: Vec<_> = sums.iter().zip(&parts).map(|(sum, part)| (sum, part.len() as u64)).collect();
                let joined = Checksum::of_parts(Summed { algorithm, kind: Kind::Whole }, &parts);
                prop_assert_eq!(joined, algorithm.combines().then(|| algorithm.sum(&whole)));
                let composed = Checksum::of_parts(Summed { algorithm, kind: Kind::Composite }, &parts).unwrap();
                let values: Vec<u8> = sums.iter().flat_map(|sum| sum.value.clone()).collect();
                prop_assert_eq!(composed.value, algorithm.sum(&values).value);
                prop_assert_eq!(usize::from(composed.parts), parts.len());
            }
            let tags: Vec<_> = parts.iter().map(|part| tag(part)).collect();
            let md5s: Vec<u8> = tags.iter().flat_map(|tag| tag.md5).collect();
            prop_assert_eq!(ETag::of_parts(&tags), ETag { parts: parts.len() as u16, ..tag(&md5s) });
        }
    }
}
