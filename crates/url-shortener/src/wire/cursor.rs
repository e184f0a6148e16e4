//! Where a list goes on, as text: opaque to whoever asks.

use crate::Cursor;

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
    Some(Cursor { shards: shards.parse().ok()?, shard: shard.parse().ok()?, position })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back(shards: u32, shard: u32, position: Option<u64>, noise in "\\PC{0,12}") {
            let cursor = Cursor { shards, shard, position };
            prop_assert_eq!(parse(&text(&cursor)), Some(cursor));
            let _ = parse(&noise);
        }
    }
}
