//! Codes: base62 of a number through a keyed permutation.
//!
//! Numbers are leased in ranges and used one after the other. Unpermuted they would reveal how many links
//! there are and which code comes next. A Feistel network with a keyed hash as round function is a
//! permutation, whatever the hash (Luby and Rackoff, 1988). It permutes 42 bits, slightly more than there
//! are codes. A result outside goes through again until it is inside, which is a permutation too (cycle
//! walking: Black and Rogaway, 2002).

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// The letters of codes, in the order of their values.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How long a picked code is.
pub const CODE_LENGTH: usize = 7;
/// How many picked codes there are: 62^7.
pub const CODES: u64 = 3_521_614_606_208;

/// The length of a code that is a snowflake id.
const ID_LENGTH: usize = 11;

/// Half of the 42 bits.
const HALF: u32 = 21;
const MASK: u64 = (1 << HALF) - 1;
const ROUNDS: u8 = 10;

/// Turns numbers into codes. Without the key, codes reveal neither their order nor their number. They do
/// reveal their density: a guess hits with the probability of links among [`CODES`].
///
/// The law: distinct numbers below [`CODES`] have distinct codes, under one key. A service that changes
/// its key may pick codes that are taken.
#[derive(Clone, Copy)]
pub struct Permutation {
    key: [u8; 16],
}

impl Permutation {
    /// The permutation with this secret key.
    pub fn new(key: [u8; 16]) -> Permutation {
        Permutation { key }
    }

    /// The code of a number. Numbers from [`CODES`] on have none.
    pub fn code(&self, number: u64) -> Option<String> {
        (number < CODES).then(|| spell(self.walk(number, Permutation::forth), CODE_LENGTH))
    }

    /// The number of a code, if it is one that the service could have picked.
    pub fn number(&self, code: &str) -> Option<u64> {
        read(code).map(|place| self.walk(place, Permutation::back))
    }

    fn walk(&self, from: u64, step: fn(&Permutation, u64) -> u64) -> u64 {
        let mut place = step(self, from);
        while place >= CODES {
            place = step(self, place);
        }
        place
    }

    fn forth(&self, place: u64) -> u64 {
        let (mut left, mut right) = (place >> HALF, place & MASK);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        left << HALF | right
    }

    fn back(&self, place: u64) -> u64 {
        let (mut left, mut right) = (place >> HALF, place & MASK);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        left << HALF | right
    }

    fn round(&self, round: u8, half: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&[round]);
        hasher.write(&(half as u32).to_le_bytes());
        hasher.finish() & MASK
    }
}

/// Never shows the key.
impl std::fmt::Debug for Permutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a permutation")
    }
}

/// An id as a code: eleven letters, in the order of ids.
pub(crate) fn of_id(id: u64) -> String {
    spell(id, ID_LENGTH)
}

fn spell(mut place: u64, length: usize) -> String {
    let mut code = vec![b'0'; length];
    for letter in code.iter_mut().rev() {
        *letter = ALPHABET[(place % 62) as usize];
        place /= 62;
    }
    code.into_iter().map(char::from).collect()
}

fn read(code: &str) -> Option<u64> {
    if code.len() != CODE_LENGTH {
        return None;
    }
    code.bytes().try_fold(0, |place, letter| {
        let value = ALPHABET.binary_search(&letter).ok()?;
        Some(place * 62 + value as u64)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = *b"a key of a test.";

    #[test]
    fn codes_of_a_key_are_the_same_for_good() {
        let codes = [0, 1, 2, CODES - 1].map(|number| Permutation::new(KEY).code(number).unwrap());
        assert_eq!(codes, ["ePL6a7F", "k9mKcMU", "kswg3Tx", "KvXEjMm"]);
        assert_eq!(Permutation::new(KEY).code(CODES), None);
    }

    #[test]
    fn numbers_in_a_row_have_codes_all_over_the_place() {
        let permutation = Permutation::new(KEY);
        let codes: BTreeSet<_> =
            (0..10_000).map(|number| permutation.code(number).unwrap()).collect();
        assert_eq!(codes.len(), 10_000, "two numbers have one code");
        let firsts: BTreeSet<_> = codes.iter().map(|code| &code[..1]).collect();
        assert_eq!(firsts.len(), 62);
        let other = Permutation::new(*b"another key here");
        assert!((0..100).all(|number| other.code(number) != permutation.code(number)));
    }

    #[test]
    fn the_smallest_and_the_largest_place_are_spelled_and_read() {
        let spell = |place| spell(place, CODE_LENGTH);
        assert_eq!((spell(0), spell(CODES - 1)), ("0000000".into(), "zzzzzzz".into()));
        assert_eq!((read("0000000"), read("zzzzzzz")), (Some(0), Some(CODES - 1)));
        assert_eq!(62u64.pow(CODE_LENGTH as u32), CODES);
    }

    proptest! {
        #[test]
        fn codes_of_ids_are_in_their_order(a: u64, b: u64) {
            let (code_a, code_b) = (of_id(a), of_id(b));
            prop_assert_eq!((code_a.len(), code_b.len()), (ID_LENGTH, ID_LENGTH));
            prop_assert_eq!(code_a.cmp(&code_b), a.cmp(&b));
        }

        #[test]
        fn a_code_has_its_number_back(key: [u8; 16], number in 0..CODES) {
            let permutation = Permutation::new(key);
            let code = permutation.code(number).unwrap();
            prop_assert_eq!(permutation.number(&code), Some(number));
        }

        #[test]
        fn every_code_has_a_number(key: [u8; 16], code in "[0-9A-Za-z]{7}") {
            let permutation = Permutation::new(key);
            let number = permutation.number(&code).unwrap();
            prop_assert_eq!(permutation.code(number), Some(code));
        }

        #[test]
        fn what_is_no_code_has_none(key: [u8; 16], code in "[0-9A-Za-z]{0,6}|[0-9A-Za-z]{8,9}|[-_é/]{7}") {
            prop_assert_eq!(Permutation::new(key).number(&code), None);
        }
    }
}
