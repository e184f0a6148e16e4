//! Every time and size. A scenario changes nothing but what stands here.

use crate::words::Code;

/// Times and sizes of a store. All nodes of it must agree on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// So many bytes at most are kept whole, by the members of the key's group.
    pub small: u32,
    /// Bytes of an object in a stripe.
    pub stripe: u32,
    /// How new puts are cut.
    pub code: Code,
    /// Stripes of a put that are unanswered, at most.
    pub credit: u8,
    /// The least that a part has which is not the last, in bytes.
    pub least_part: u64,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            small: 64 << 10,
            stripe: 1 << 20,
            code: Code { data: 4, parity: 2 },
            credit: 2,
            least_part: 5 << 20,
        }
    }
}
