//! Everything that can be refused. Each variant says when it happens, what it did to the state and
//! what to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use machine::Wall;

/// Why no id was minted. The generator is as it was before the call, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotNow {
    /// Every sequence number of this tick is taken. Ask again at `retry_at`.
    TickUsedUp {
        /// When the next tick may be used.
        retry_at: Wall,
    },
    /// The clock shows less than the newest tick that was minted in, or than the mark the generator
    /// starts after. Ask again at `retry_at`, or, where there is none, elsewhere.
    ///
    /// Callers that share a generator may see this when another of them read the clock later and
    /// came first: read the clock again before believing it.
    ClockWentBack {
        /// How far behind the clock is.
        by: Duration,
        /// When minting goes on; none under [`ClockPolicy::Refuse`](crate::ClockPolicy::Refuse).
        retry_at: Option<Wall>,
    },
    /// The next id would be above the ceiling. Set a higher one once that is safe.
    AboveCeiling,
    /// The clock shows a time before the layout began; there is no timestamp for it. Set the clock.
    BeforeEpoch {
        /// When the layout began.
        epoch: Wall,
    },
    /// The clock, or the next free id, is past the last timestamp that the layout can write. Set the
    /// clock, or move to a layout with a later epoch or more bits.
    LayoutExhausted,
}

impl NotNow {
    /// When to ask again; none where waiting alone does not help.
    pub fn retry_at(&self) -> Option<Wall> {
        match self {
            NotNow::TickUsedUp { retry_at } => Some(*retry_at),
            NotNow::ClockWentBack { retry_at, .. } => *retry_at,
            NotNow::AboveCeiling | NotNow::BeforeEpoch { .. } | NotNow::LayoutExhausted => None,
        }
    }
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotNow::TickUsedUp { .. } => {
                write!(f, "every sequence number of this tick is taken; ask again in the next one")
            }
            NotNow::ClockWentBack { by, retry_at: Some(_) } => {
                write!(f, "the clock went back by {by:?}; ask again when it has caught up")
            }
            NotNow::ClockWentBack { by, retry_at: None } => {
                write!(f, "the clock went back by {by:?}; ask another worker")
            }
            NotNow::AboveCeiling => {
                write!(f, "the next id is above the ceiling; ask again when it has been raised")
            }
            NotNow::BeforeEpoch { epoch } => write!(
                f,
                "the clock shows a time before {}, where the layout begins; set the clock",
                crate::layout::rfc3339(epoch.millis())
            ),
            NotNow::LayoutExhausted => write!(
                f,
                "the layout has no timestamp this late; set the clock or use another layout"
            ),
        }
    }
}

impl Error for NotNow {}

/// A layout has no timestamp for the time that the clock shows. Nothing can be minted with it until the
/// clock is set, or another layout is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfYears {
    /// The layout.
    pub layout: String,
    /// When its timestamps begin.
    pub begins: Wall,
    /// When they end, in milliseconds since 1970: a time may be later than clocks can show.
    pub ends_ms: u64,
    /// What the clock shows.
    pub now: Wall,
}

impl fmt::Display for OutOfYears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfYears { layout, begins, ends_ms, now } = self;
        let rfc3339 = crate::layout::rfc3339;
        let ids = match now < begins {
            true => format!("begin at {}", rfc3339(begins.millis())),
            false => format!("ended at {}", rfc3339(*ends_ms)),
        };
        let now = rfc3339(now.millis());
        write!(f, "ids of the layout {layout} {ids}, and the clock shows {now}")
    }
}

impl Error for OutOfYears {}

/// A number does not fit the bits that the layout has for it. Nothing was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// What it is for: `timestamp`, `worker` or `sequence`.
    pub what: &'static str,
    /// The number.
    pub value: u64,
    /// The largest that fits.
    pub max: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooLarge { what, value, max } = self;
        write!(f, "{what} {value} does not fit this layout; the largest is {max}")
    }
}

impl Error for TooLarge {}

/// Why a text is not an id, or an id not one of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdError {
    /// There is no text. Give a decimal number.
    Empty,
    /// The text has something other than the digits 0 to 9 in it. Give a decimal number.
    NotANumber {
        /// The text.
        text: String,
    },
    /// The number needs more than 64 bits. It is no id of this kind; a UUID, perhaps.
    TooLarge {
        /// The text.
        text: String,
    },
    /// The id has bits set above those of the layout. It was minted with another layout.
    ForeignBits {
        /// The id.
        id: u64,
        /// The name of the layout.
        layout: String,
        /// How many bits the layout has.
        bits: u32,
    },
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdError::Empty => write!(f, "an id is a decimal number, and this is empty"),
            IdError::NotANumber { text } => {
                write!(f, "an id is a decimal number, and {text:?} is not one")
            }
            IdError::TooLarge { text } => {
                write!(f, "an id is at most {}, and {text} is larger", u64::MAX)
            }
            IdError::ForeignBits { id, layout, bits } => {
                write!(f, "{id} is not an id of the layout {layout}: it has more than {bits} bits")
            }
        }
    }
}

impl Error for IdError {}

/// Why there can be no such layout. Nothing was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The text is neither the name of a well-known layout nor a specification of one.
    Unknown {
        /// The text.
        text: String,
    },
    /// A part of the specification is not `name=value`.
    NotAPair {
        /// The part.
        part: String,
    },
    /// A value is not a number that fits its place.
    BadNumber {
        /// What it is for.
        name: String,
        /// The value.
        value: String,
    },
    /// A tick is a number of `ns`, `us`, `ms` or `s`, and at least a nanosecond.
    BadTick {
        /// The value.
        value: String,
    },
    /// A field's name is empty, or has something other than a-z, 0-9 and dashes in it.
    BadName {
        /// The name.
        name: String,
    },
    /// The epoch, the tick, the timestamp or the sequence is not there.
    Missing {
        /// What is not there.
        name: &'static str,
    },
    /// Two parts have the same name.
    Repeated {
        /// The name.
        name: String,
    },
    /// A field has no bits.
    ZeroWidth {
        /// The name of the field.
        name: String,
    },
    /// The fields need more bits than an id has.
    TooManyBits {
        /// How many they need.
        bits: u64,
    },
    /// The sequence stands above the timestamp, so the ids of a worker would not go up.
    SequenceFirst,
    /// The epoch is after 2554-07-21, where the clock ends.
    EpochTooLate,
    /// The last timestamp is later than 2^53 ms after 1970, the largest whole number in JSON.
    EndsTooLate,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Unknown { text } => write!(
                f,
                "there is no layout {text:?}; there are {}, and specifications such as \
                 custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12",
                crate::Layout::NAMES.join(", ")
            ),
            LayoutError::NotAPair { part } => write!(f, "{part:?} is not of the form name=value"),
            LayoutError::BadNumber { name, value } => {
                write!(f, "{name} takes a whole number, and {value:?} is not one that fits")
            }
            LayoutError::BadTick { value } => {
                write!(f, "a tick is something like 1ms, 10ms, 1s or 1us, and {value:?} is not")
            }
            LayoutError::BadName { name } => {
                write!(f, "a field's name is of a-z, 0-9 and dashes, and {name:?} is not")
            }
            LayoutError::Missing { name } => write!(f, "a layout needs {name}=..."),
            LayoutError::Repeated { name } => write!(f, "{name} is there twice"),
            LayoutError::ZeroWidth { name } => {
                write!(f, "{name} has no bits; leave it out or give it some")
            }
            LayoutError::TooManyBits { bits } => {
                write!(f, "the fields need {bits} bits, and an id has 64")
            }
            LayoutError::SequenceFirst => write!(
                f,
                "the timestamp comes before the sequence, or the ids of a worker would not go up"
            ),
            LayoutError::EpochTooLate => {
                write!(f, "the epoch is in milliseconds since 1970 and before the year 2554")
            }
            LayoutError::EndsTooLate => {
                write!(f, "the last timestamp is after the year 287396; use fewer timestamp bits")
            }
        }
    }
}

impl Error for LayoutError {}
