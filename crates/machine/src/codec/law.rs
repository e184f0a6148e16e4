//! What a codec promises, as assertions for its tests. They try every cut and every flipped bit of the
//! bytes of a value, or some of them where the bytes are many.

use std::fmt::Debug;

use bytes::Bytes;

use crate::protocol::Protocol;

/// More places of one value are not tried.
const MOST_PLACES: usize = 200;

/// What was written is read; what was cut, altered or goes on is refused, or is the one form of another value,
/// which so is no larger than its bytes.
///
/// # Panics
/// If it is not so.
pub fn assert_codec<T: PartialEq + Debug, E: Debug>(
    value: &T,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(Bytes) -> Result<T, E>,
) {
    let bytes = encode(value);
    match decode(bytes.clone()) {
        Ok(read) => assert_eq!(read, *value, "it is read as another: {bytes:?}"),
        Err(why) => panic!("{value:?} was written and is refused, {why:?}: {bytes:?}"),
    }
    for place in places(&bytes) {
        assert_canonical(bytes.slice(..place), &encode, &decode);
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << bit;
            assert_canonical(flipped.into(), &encode, &decode);
        }
    }
    for more in [0, 0xFF] {
        assert_canonical(longer(&bytes, more), &encode, &decode);
    }
}

/// The same, of bytes that say where they end: no part of them is anything, and nothing may follow them.
///
/// # Panics
/// If it is not so.
pub fn assert_delimited<T: PartialEq + Debug, E: Debug>(
    value: &T,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(Bytes) -> Result<T, E>,
) {
    assert_codec(value, &encode, &decode);
    let bytes = encode(value);
    let cuts = places(&bytes).map(|place| bytes.slice(..place));
    for other in cuts.chain([0, 0xFF].map(|more| longer(&bytes, more))) {
        if let Ok(read) = decode(other.clone()) {
            panic!("{other:?} of {bytes:?} is read as {read:?}");
        }
    }
}

/// These bytes, whosever they are, are refused or are the one form of a value.
///
/// # Panics
/// If it is not so.
pub fn assert_canonical<T, E>(
    bytes: Bytes,
    encode: impl Fn(&T) -> Bytes,
    decode: impl Fn(Bytes) -> Result<T, E>,
) {
    if let Ok(read) = decode(bytes.clone()) {
        assert_eq!(encode(&read), bytes, "a value has two forms");
    }
}

/// A message weighs no less than its bytes, and at most an eighth and 64 more: see [`Protocol::weight`].
///
/// # Panics
/// If it is not so.
pub fn assert_weight<P: Protocol>(message: &P::Message, bytes: &Bytes) {
    let (weight, length) = (P::weight(message) as usize, bytes.len());
    let most = length + length / 8 + 64;
    assert!(
        (length..=most).contains(&weight),
        "it weighs {weight} and has {length} bytes, so {length} to {most} are right: {message:?}"
    );
}

fn places(bytes: &Bytes) -> impl Iterator<Item = usize> + use<> {
    (0..bytes.len()).step_by(bytes.len().div_ceil(MOST_PLACES).max(1))
}

fn longer(bytes: &Bytes, more: u8) -> Bytes {
    [&bytes[..], &[more]].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Malformed, Reader};

    fn encode(value: &(bool, u8)) -> Bytes {
        Bytes::copy_from_slice(&[u8::from(value.0), value.1])
    }

    fn decode(bytes: Bytes) -> Result<(bool, u8), Malformed> {
        Reader::whole(bytes, |reader| Ok((reader.take_bool()?, reader.take_u8()?)))
    }

    /// Its messages are bytes, which weigh what the first of them adds to their number.
    #[derive(Clone, Debug)]
    struct Weighed;
    impl Protocol for Weighed {
        type Message = Bytes;
        type Timer = ();
        type Op = ();
        type Note = ();

        fn weight(message: &Bytes) -> u32 {
            (message.len() as u32 + u32::from(message[0])).saturating_sub(1)
        }
    }

    fn weigh(more: u8) {
        let bytes = Bytes::from(vec![more; 80]);
        assert_weight::<Weighed>(&bytes, &bytes);
    }

    #[test]
    fn a_right_weight_passes() {
        weigh(1);
        weigh(1 + 80 / 8 + 64);
    }

    #[test]
    #[should_panic(expected = "it weighs 79 and has 80 bytes, so 80 to 154 are right")]
    fn a_message_that_weighs_less_than_its_bytes_is_caught() {
        weigh(0);
    }

    #[test]
    #[should_panic(expected = "it weighs 155 and has 80 bytes")]
    fn a_message_that_weighs_much_more_than_its_bytes_is_caught() {
        weigh(1 + 80 / 8 + 64 + 1);
    }

    #[test]
    fn a_good_codec_passes() {
        assert_codec(&(true, 7), encode, decode);
        assert_delimited(&(true, 7), encode, decode);
    }

    #[test]
    #[should_panic(expected = "it is read as another")]
    fn a_codec_that_forgets_a_field_is_caught() {
        assert_codec(&(true, 7), encode, |bytes| decode(bytes).map(|(_, number)| (false, number)));
    }

    #[test]
    #[should_panic(expected = "a value has two forms")]
    fn a_codec_that_takes_any_byte_for_a_truth_is_caught() {
        let sloppy = |bytes| {
            Reader::whole(bytes, |reader: &mut Reader<Bytes>| {
                Ok((reader.take_u8()? != 0, reader.take_u8()?))
            })
        };
        assert_codec(&(true, 7), encode, sloppy);
    }

    #[test]
    #[should_panic(expected = "a value has two forms")]
    fn a_codec_that_overlooks_what_follows_is_caught() {
        let sloppy = |bytes| {
            let mut reader = Reader::new(bytes);
            Ok::<_, Malformed>((reader.take_bool()?, reader.take_u8()?))
        };
        assert_codec(&(true, 7), encode, sloppy);
    }

    #[test]
    #[should_panic(expected = "is read as")]
    fn a_list_that_runs_to_the_end_says_not_where_it_ends() {
        let encode = |list: &Vec<u8>| Bytes::copy_from_slice(list);
        let decode = |bytes: Bytes| Ok::<_, Malformed>(bytes.to_vec());
        assert_codec(&vec![1, 2], encode, decode);
        assert_delimited(&vec![1, 2], encode, decode);
    }
}
