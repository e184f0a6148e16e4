//! A click: what is kept of a visit.

use serde::{Deserialize, Serialize};

use crate::Key;

/// A visit, as the click log keeps it, with a salted hash instead of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Click {
    /// Which link.
    pub key: Key,
    /// When, in milliseconds since 1970. The instance sets it, by its clock.
    pub at_ms: u64,
    /// A salted hash of the visitor's address, for unique visitors.
    pub visitor: u64,
    /// The host of the page that the visitor came from.
    pub referrer: Option<Box<str>>,
    /// What the visitor came with.
    pub device: Device,
}

/// What a visitor used: a kind of device or of program. Programs are counted apart from people.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// A desktop or laptop computer.
    Desktop,
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
    /// A robot or tool that says so.
    Bot,
    /// Anything else.
    #[default]
    Other,
    /// A program that shows a preview of the link, as messengers do.
    Preview,
    /// A browser that loads ahead what its user may want.
    Prefetch,
    /// A request for the target only (`HEAD`).
    Head,
}

impl Device {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Device; 8] = [
        Device::Desktop,
        Device::Phone,
        Device::Tablet,
        Device::Bot,
        Device::Other,
        Device::Preview,
        Device::Prefetch,
        Device::Head,
    ];

    /// The kind with this number.
    pub fn of_number(number: u8) -> Option<Device> {
        Device::ALL.into_iter().find(|device| *device as u8 == number)
    }

    /// Was it a person, and not a program?
    pub fn is_a_persons(self) -> bool {
        matches!(self, Device::Desktop | Device::Phone | Device::Tablet | Device::Other)
    }
}
