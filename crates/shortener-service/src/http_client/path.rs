//! Paths of the programming interface.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The path of a link. What is no code is the server's to refuse.
pub(super) fn link_path(code: &str, domain: Option<&str>) -> String {
    let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let domain = domain.map(|domain| format!("?domain={}", escaped(domain)));
    format!("/api/links/{}{}", escaped(code), domain.unwrap_or_default())
}
