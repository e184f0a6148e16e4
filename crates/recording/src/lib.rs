//! What a run is told from: its moments, in words, and what led to each.
//!
//! The law: whoever runs a world tells a [`Recorder`] what is sent, set, asked and waited for, and what happens; the
//! recorder finds what led to what by what it was told, and by nothing else. It is there only where somebody looks, so
//! that a world of which nobody will tell anything keeps nothing for it.
//!
//! A message is known again by its words: of several with the same words between the same two, the first that was
//! sent is the first that arrives. `moment.rs` has what happens, `recorder.rs` how it is put together.

mod moment;
mod recorder;

pub use moment::{Change, Moment, NoteKind, Trail};
pub use recorder::Recorder;
