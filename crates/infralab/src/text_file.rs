//! Text files that users name.

/// A text without the mark of UTF-8 that editors of some systems put before it.
pub(crate) fn without_mark(mut text: String) -> String {
    if text.starts_with(MARK) {
        text.drain(..MARK.len_utf8());
    }
    text
}

const MARK: char = '\u{FEFF}';
