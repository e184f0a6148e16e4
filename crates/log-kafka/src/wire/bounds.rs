//! Walks a request by its layout before it is decoded.
//!
//! The law: no length in it claims more than is there. The codec reserves memory by the claimed length of an
//! array, so that a body of four bytes would end the process.
//!
//! A layout has the fields in their order: so many bytes (`4`), a text (`s`), bytes (`b`), an array of structs
//! (`(s 4)`) or of what has no fields of its own (`[4]`); before a colon, the versions that have the field: `7+`,
//! `-12` or `8-10`.

use super::versions::Api;

/// Elements of all arrays of a request, and tagged fields. In memory each is 150 bytes at most, so a request has
/// no more than ten megabytes besides its own bytes.
pub(super) const MOST_ELEMENTS: usize = 1 << 16;
/// The same of an answer to the client that is here: as many as all partitions of a cluster may need.
pub(super) const MOST_OF_ANSWER: usize = 1 << 19;
/// Bytes of a text: any version of an answer can say it then.
const LONGEST_TEXT: usize = i16::MAX as usize;

/// What comes behind the header of a request, if that is whole.
pub(super) fn behind_header(api: &Api, version: i16, frame: &[u8]) -> Option<usize> {
    // Api, version and correlation; the client's name is of the old form in each version.
    let mut walk = Walk { left: frame, version, compact: false, room: MOST_ELEMENTS };
    walk.skip(8)?;
    walk.field("s")?;
    walk.compact = api.is_flexible(version);
    walk.tags()?;
    Some(frame.len() - walk.left.len())
}

/// How long the body of a request is; none where it is shorter than it claims, or has too many elements.
pub(super) fn length(api: &Api, version: i16, body: &[u8]) -> Option<usize> {
    walked(api.layout, version, api.is_flexible(version), MOST_ELEMENTS, body)
}

/// How long a body of this layout is, with this number of elements at most.
pub(super) fn walked(
    layout: &str,
    version: i16,
    compact: bool,
    most: usize,
    body: &[u8],
) -> Option<usize> {
    let mut walk = Walk { left: body, version, compact, room: most };
    walk.structure(layout)?;
    Some(body.len() - walk.left.len())
}

struct Walk<'a> {
    left: &'a [u8],
    version: i16,
    compact: bool,
    /// For so many more elements.
    room: usize,
}

impl Walk<'_> {
    fn structure(&mut self, layout: &str) -> Option<()> {
        for (versions, field) in fields(layout) {
            if covers(versions, self.version) {
                self.field(field)?;
            }
        }
        self.tags()
    }

    fn field(&mut self, field: &str) -> Option<()> {
        let inside = field.get(1..field.len() - 1).unwrap_or("");
        match field.as_bytes()[0] {
            b's' => {
                let length = if self.compact { self.compact_length()? } else { self.int(2)? };
                if length > LONGEST_TEXT { None } else { self.skip(length) }
            }
            b'b' => {
                let length = self.length()?;
                self.skip(length)
            }
            b'(' => {
                let count = self.length()?;
                self.count(count)?;
                (0..count).try_for_each(|_| self.structure(inside))
            }
            b'[' => {
                let count = self.length()?;
                self.count(count)?;
                (0..count).try_for_each(|_| self.field(inside))
            }
            _ => self.skip(field.parse().ok()?),
        }
    }

    fn tags(&mut self) -> Option<()> {
        if !self.compact {
            return Some(());
        }
        let count = self.varint()?;
        self.count(count)?;
        for _ in 0..count {
            self.varint()?;
            let length = self.varint()?;
            self.skip(length)?;
        }
        Some(())
    }

    /// So many elements follow. That they are there is seen when they are walked.
    fn count(&mut self, count: usize) -> Option<()> {
        self.room = self.room.checked_sub(count)?;
        Some(())
    }

    /// Of an array or of bytes; none at all is none.
    fn length(&mut self) -> Option<usize> {
        if self.compact { self.compact_length() } else { self.int(4) }
    }

    fn compact_length(&mut self) -> Option<usize> {
        Some(self.varint()?.saturating_sub(1))
    }

    /// A number of so many bytes; -1 is none, and less than that is nothing.
    fn int(&mut self, bytes: usize) -> Option<usize> {
        let (number, left) = self.left.split_at_checked(bytes)?;
        self.left = left;
        let bits = 8 * bytes as u32;
        let number = number.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        match number {
            number if number >> (bits - 1) == 0 => Some(number as usize),
            number if number.count_ones() == bits => Some(0),
            _ => None,
        }
    }

    /// As the codec reads it: bits beyond the 32nd are dropped.
    fn varint(&mut self) -> Option<usize> {
        let mut number = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, left) = self.left.split_first()?;
            self.left = left;
            number |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Some(number as usize)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.get(bytes..)?;
        Some(())
    }
}

/// The fields of a layout, each with its versions.
pub(super) fn fields(layout: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = layout;
    std::iter::from_fn(move || {
        let mut depth = 0;
        let end = rest.find(|letter| {
            depth +=
                i32::from(matches!(letter, '(' | '[')) - i32::from(matches!(letter, ')' | ']'));
            depth == 0 && letter == ' '
        });
        let field = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or("", |end| &rest[end + 1..]);
        let colon = field.find([':', '(', '[']).filter(|at| field.as_bytes()[*at] == b':');
        let split = colon.map_or(("", field), |at| (&field[..at], &field[at + 1..]));
        (!field.is_empty()).then_some(split)
    })
}

/// Is this version one of these?
pub(super) fn covers(versions: &str, version: i16) -> bool {
    let (from, to) = match versions.strip_suffix('+') {
        Some(from) => (from, ""),
        None => versions.split_once('-').unwrap_or(("", "")),
    };
    let or = |bound: &str, other| bound.parse().unwrap_or(other);
    (or(from, 0)..=or(to, i16::MAX)).contains(&version)
}
