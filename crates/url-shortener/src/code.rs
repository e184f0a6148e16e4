//! Codes: base62 of a number through a keyed permutation.

/// A code that the service picked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub String);

/// Turns numbers into codes that cannot be guessed or counted.
#[derive(Clone, Debug)]
pub struct Permutation;
