//! Cursors as text, opaque to clients.

use url_shortener::{Cursor, MAX_SHARDS};

pub(crate) fn text(cursor: &Cursor) -> String {
    let position = cursor.position.map(|position| position.to_string());
    format!("{}.{}.{}", cursor.shards, cursor.shard, position.unwrap_or_default())
}

pub(crate) fn parse(text: &str) -> Option<Cursor> {
    let (shards, rest) = text.split_once('.')?;
    let (shard, position) = rest.split_once('.')?;
    let position = match position {
        "" => None,
        text => Some(text.parse().ok()?),
    };
    let (shards, shard) = (shards.parse().ok()?, shard.parse().ok()?);
    // There is no page after the last shard.
    (shard < shards).then_some(Cursor { shards, shard, position })
}

/// The cursor of a list of the newest links: the position of each shard.
pub fn positions(below: &[u64]) -> String {
    below.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// Parses such a cursor; none if it is invalid.
pub fn parse_positions(text: &str) -> Option<Vec<u64>> {
    let below = text.split('.').map(|position| position.parse().ok());
    below.take(MAX_SHARDS as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_come_back(below in proptest::collection::vec(any::<u64>(), 1..10)) {
            prop_assert_eq!(parse_positions(&positions(&below)), Some(below));
        }

        #[test]
        fn a_cursor_comes_back(shards: u32, shard: u32, position: Option<u64>, noise in "\\PC{0,12}") {
            let cursor = Cursor { shards, shard, position };
            prop_assert_eq!(parse(&text(&cursor)), Some(cursor).filter(|_| shard < shards));
            let _ = (parse(&noise), parse_positions(&noise));
        }
    }
}
