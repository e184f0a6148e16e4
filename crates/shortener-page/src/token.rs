//! The token of a form: a number that the browser has as a cookie and the form as a field.
//!
//! Another site can have a browser send a form to us, and the cookie goes with it, but it can neither
//! read the cookie nor set it, so it cannot fill in the field (double submit). `SameSite` and the check
//! of `Origin` keep most such forms away already; this does not rest on them.

use axum::http::{HeaderMap, HeaderValue, header};
use maud::{Markup, html};
use subtle::ConstantTimeEq;

use super::Form;

const COOKIE: &str = "shortener-form";
const FIELD: &str = "token";

/// Such a number, in hexadecimal digits.
pub(crate) struct Token {
    text: String,
    /// The browser has none yet.
    fresh: bool,
}

impl Token {
    /// The one that this browser has, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Token {
        match cookie(headers, COOKIE).filter(|text| is_secret(text)) {
            Some(text) => Token { text: text.to_owned(), fresh: false },
            None => Token { text: secret(), fresh: true },
        }
    }

    /// Was this form made for the browser that sent it?
    pub(crate) fn is_in(&self, form: &Form) -> bool {
        !self.fresh && form.field(FIELD).is_some_and(|field| self.is(field))
    }

    /// Takes as long wherever the two differ.
    fn is(&self, other: &str) -> bool {
        self.text.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// For the form.
    pub(crate) fn field(&self) -> Markup {
        html! { input type="hidden" name=(FIELD) value=(self.text); }
    }

    /// For the browser, if it has none.
    pub(crate) fn cookie(&self, secure: bool) -> Option<HeaderValue> {
        self.fresh.then(|| set(COOKIE, &self.text, secure))
    }
}

/// The value of a cookie of ours.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|one| one.split_once('='));
    cookies.find(|(other, _)| other.trim() == name).map(|(_, value)| value.trim())
}

/// A cookie that lives as long as the browser's session, and that no script can read.
pub(crate) fn set(name: &str, value: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
    // Our own names and digits always fit into a header.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// 128 bits that nobody can guess.
pub(crate) fn secret() -> String {
    let bytes = host::secret::draw().expect("without randomness there are no secrets to be had");
    format!("{:032x}", u128::from_be_bytes(bytes))
}

pub(crate) fn is_secret(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, cookies.parse().unwrap())])
    }

    fn form(token: &str) -> Form {
        Form(vec![(FIELD.to_owned(), token.to_owned())])
    }

    #[test]
    fn a_form_is_taken_only_with_the_token_of_the_browser() {
        let token = secret();
        let ours = Token::of(&headers(&format!("a=b; {COOKIE}={token}; c=d")));
        assert!(ours.is_in(&form(&token)));
        assert!(ours.cookie(false).is_none());
        assert!(!ours.is_in(&form(&secret())) && !ours.is_in(&form("")));
        assert!(!ours.is_in(&form(&token[..31])) && !ours.is_in(&Form(Vec::new())));
    }

    #[test]
    fn a_browser_without_a_token_is_given_one_and_none_it_chose() {
        for cookies in ["", "a=b", &format!("{COOKIE}="), &format!("{COOKIE}=chosen")] {
            let token = Token::of(&headers(cookies));
            let cookie = token.cookie(true).unwrap();
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
            assert!(!token.is_in(&form(&token.text)), "it cannot have been in a form yet");
        }
        assert_ne!(secret(), secret());
    }
}
