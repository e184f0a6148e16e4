//! The parameters of a request, strictly: what nobody knows is a mistake of whoever asks.

use std::borrow::Cow;

/// The values of these parameters of a query, each given at most once, and no others.
///
/// # Errors
/// With a sentence for whoever asked, which repeats at most 40 characters of theirs.
pub fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<[Option<Cow<'a, str>>; N], String> {
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(place) = names.iter().position(|known| *known == name) else {
            let takes = match names.is_empty() {
                true => "no parameter".to_owned(),
                false => format!("only {}", names.join(", ")),
            };
            let name = shortened(&name);
            return Err(format!("there is no parameter {name:?} here; this path takes {takes}"));
        };
        if found[place].replace(value).is_some() {
            return Err(format!("{name} is given twice; give it once"));
        }
    }
    Ok(found)
}

/// The first 40 characters of a client's text: enough to recognise it by.
pub fn shortened(text: &str) -> &str {
    cut(text, 40)
}

/// The first characters of a text that may have a client's text in it, at most so many.
pub fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_and_given_once() {
        assert_eq!(parameters("", []), Ok([]));
        assert_eq!(
            parameters("b=%C3%BC&a=1", ["a", "b"]),
            Ok([Some("1".into()), Some("ü".into())])
        );
        assert_eq!(parameters("b=", ["a", "b"]), Ok([None, Some("".into())]));
        let twice = parameters("a=1&a=1", ["a"]).unwrap_err();
        assert!(twice.contains("a is given twice"), "{twice}");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"\u{fc}".repeat(41)), "\u{fc}".repeat(40));
    }

    #[test]
    fn a_stranger_is_not_repeated_at_length() {
        let long = format!("{}=1", "x".repeat(10_000));
        let none = parameters(&long, []).unwrap_err();
        assert!(none.len() < 200 && none.contains("takes no parameter"), "{none}");
        let some = parameters(&long, ["a", "b"]).unwrap_err();
        assert!(some.len() < 200 && some.contains("takes only a, b"), "{some}");
    }
}
