//! A part in a machine: it has words of its own, and acts in those of the machine that embeds it.
//!
//! The law: a part appends to its owner's [`Outputs`](crate::Outputs) and never keeps outputs of its own,
//! so that nobody has to copy or translate them, and their order is the order in which things were done.
//!
//! A part is a `Protocol`, whose words are the ones that it uses. For a kind of word that it does not use
//! it has [`Infallible`](std::convert::Infallible), of which there is no value. What happened inside it, the
//! owner asks it for, or is told by a note.
//!
//! ```
//! use std::convert::Infallible;
//! use machine::{DiskCommand, Embeds, Outputs, Protocol};
//!
//! /// A part that counts, and writes down how far it is.
//! #[derive(Clone, Debug)]
//! struct Counter(u64);
//!
//! impl Protocol for Counter {
//!     type Message = Infallible;
//!     type Timer = Infallible;
//!     type Op = &'static str;
//!     type Note = Infallible;
//! }
//!
//! impl Counter {
//!     fn count<P: Embeds<Counter>>(&mut self, out: &mut Outputs<P>) {
//!         self.0 += 1;
//!         let parts = self.0.to_le_bytes().to_vec().into();
//!         out.disk(DiskCommand::Replace { file: "count".into(), parts }, P::op("counted"));
//!     }
//! }
//!
//! /// A machine that has two kinds of disk operations.
//! #[derive(Clone, Debug)]
//! struct Turnstile;
//!
//! #[derive(Clone, Debug, PartialEq, Hash)]
//! enum Op {
//!     Opened,
//!     Counter(&'static str),
//! }
//!
//! impl Protocol for Turnstile {
//!     type Message = ();
//!     type Timer = ();
//!     type Op = Op;
//!     type Note = ();
//! }
//!
//! impl Embeds<Counter> for Turnstile {
//!     fn op(op: &'static str) -> Op {
//!         Op::Counter(op)
//!     }
//! }
//!
//! let mut out = Outputs::<Turnstile>::default();
//! Counter(0).count(&mut out);
//! let asked = out.drain().next();
//! assert!(matches!(asked, Some(machine::Output::Disk { op: Op::Counter("counted"), .. })));
//! ```

use crate::machine::Input;
use crate::protocol::Protocol;

/// The words of a machine in which a part is embedded: how each word of the part becomes one of its own.
///
/// What is left out is a word that the part does not have. To leave out one that it has is an error of
/// the build:
///
/// ```compile_fail
/// # #[derive(Clone, Debug)]
/// # struct Part;
/// # impl machine::Protocol for Part {
/// #     type Message = ();
/// #     type Timer = ();
/// #     type Op = ();
/// #     type Note = ();
/// # }
/// # #[derive(Clone, Debug)]
/// # struct Owner;
/// # impl machine::Protocol for Owner {
/// #     type Message = ();
/// #     type Timer = ();
/// #     type Op = ();
/// #     type Note = ();
/// # }
/// impl machine::Embeds<Part> for Owner {}
/// <Owner as machine::Embeds<Part>>::op(());
/// ```
pub trait Embeds<Part: Protocol>: Protocol {
    /// A message of the part to its like on another node.
    fn message(message: Part::Message) -> Self::Message {
        absent(message)
    }

    /// A timer of the part.
    fn timer(timer: Part::Timer) -> Self::Timer {
        absent(timer)
    }

    /// What the part does when a disk operation ends.
    fn op(op: Part::Op) -> Self::Op {
        absent(op)
    }

    /// What the part tells the history.
    fn note(note: Part::Note) -> Self::Note {
        absent(note)
    }
}

/// A machine whose inputs can be told from those of its part, for a wrapper that hands each to the one it is
/// for.
pub trait Separates<Part: Protocol>: Embeds<Part> {
    /// The input as the part knows it.
    ///
    /// # Errors
    /// With the input, if it is the machine's own. A start and a reset link are no words, and concern both.
    fn separate(input: Input<Self>) -> Result<Input<Part>, Input<Self>>;
}

/// A part that is by itself, in a test or a benchmark, uses its own words.
impl<Part: Protocol> Embeds<Part> for Part {
    fn message(message: Part::Message) -> Part::Message {
        message
    }

    fn timer(timer: Part::Timer) -> Part::Timer {
        timer
    }

    fn op(op: Part::Op) -> Part::Op {
        op
    }

    fn note(note: Part::Note) -> Part::Note {
        note
    }
}

/// In the place of a word that the part does not have. Only an option of what has no value takes no space.
fn absent<Word, Own>(_: Word) -> Own {
    const {
        assert!(size_of::<Option<Word>>() == 0, "a word of the part has no place in its owner's");
    }
    unreachable!("there is no value of such a word")
}
