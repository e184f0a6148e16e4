//! Values of options, in words: what is none of these is refused with a sentence that says what it may be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// An address to listen at, or the sentence that says what one is.
///
/// # Errors
/// If it is none.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("an address is such as 127.0.0.1:7411, and {text:?} is not"))
}

/// A whole number in this range, or the sentence that says so.
pub fn number<N: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| {
            format!("it is a whole number from {} to {}", range.start(), range.end())
        })
    }
}
