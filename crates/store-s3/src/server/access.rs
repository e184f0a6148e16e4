//! Who asks: key pairs by user, and what every request must have before anything of it is read.
//!
//! The law: nobody is believed without a signature of version 4 under a key of the file; what a request says in
//! headers of `x-amz-` counts only where it is signed, since whoever is handed a presigned URL could add others to it
//! (to `PUT` the copy source, and a URL to write one key would read all); a URL serves for a week at most. Keys are
//! never printed but once, where they are drawn.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io;
use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::headers::understood;

/// A shorter secret can be guessed.
const LEAST_SECRET: usize = 16;
/// Of a word of a key file.
const LONGEST_WORD: usize = 128;
/// Whose pair is drawn where nobody has one.
const FIRST_USER: &str = "lab";
/// For which a URL may be presigned, in seconds.
const LONGEST_URL: u64 = 7 * 24 * 60 * 60;
/// Headers that name the owner of a bucket.
const EXPECTED: [&str; 2] = ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"];
/// Headers that need no signature: what they say binds nobody.
const SAY_NOTHING: [&str; 2] = ["x-amz-content-sha256", "x-amz-user-agent"];

/// Key pairs, by the name under which they are used.
#[derive(Clone)]
pub struct KeyPairs(BTreeMap<Box<str>, Pair>);

#[derive(Clone)]
struct Pair {
    user: Box<str>,
    secret: SecretKey,
}

impl KeyPairs {
    /// Reads pairs, one on each line: a user, the name of the key, its secret. A user may have several. Empty lines and
    /// lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// If a line is none, or there are none, with a sentence that repeats nothing of the line.
    pub fn parse(text: &str) -> Result<KeyPairs, String> {
        let mut pairs = BTreeMap::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let pair = pair(line).and_then(|(name, pair)| match pairs.insert(name, pair) {
                None => Ok(()),
                Some(_) => Err("another line has a key of this name".to_owned()),
            });
            pair.map_err(|why| format!("line {number}: {why}"))?;
        }
        match pairs.is_empty() {
            true => Err("there is no key in it; a line is: USER ACCESS_KEY SECRET".to_owned()),
            false => Ok(KeyPairs(pairs)),
        }
    }

    /// The text of a new pair, as [`KeyPairs::parse`] reads it.
    ///
    /// # Errors
    /// If the operating system has no randomness.
    pub fn draw() -> io::Result<String> {
        let (name, secret) = (host::secret::draw()?, host::secret::draw()?);
        Ok(format!("{FIRST_USER} {} {}\n", hex(&name[..10]), hex(&secret)))
    }

    /// Whose key this is.
    pub fn user(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|pair| &*pair.user)
    }
}

/// Shows how many there are, and none of them.
impl fmt::Debug for KeyPairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key pairs", self.0.len())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A text takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn pair(line: &str) -> Result<(Box<str>, Pair), String> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let [user, name, secret] = words[..] else {
        return Err("a line has a user, the name of a key and its secret".to_owned());
    };
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if words.iter().any(|word| word.len() > LONGEST_WORD) || !plain(user) || !plain(name) {
        return Err(format!(
            "a user and the name of a key have at most {LONGEST_WORD} plain characters, none of them a slash"
        ));
    }
    if secret.len() < LEAST_SECRET || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "a secret has at least {LEAST_SECRET} plain characters; draw one with: openssl rand -hex 20"
        ));
    }
    Ok((name.into(), Pair { user: user.into(), secret: secret.into() }))
}

#[async_trait::async_trait]
impl S3Auth for KeyPairs {
    async fn get_secret_key(&self, key: &str) -> S3Result<SecretKey> {
        let pair = self.0.get(key).map(|pair| pair.secret.clone());
        pair.ok_or_else(|| s3_error!(InvalidAccessKeyId, "there is no key of this name here"))
    }
}

/// What is asked of a request whose signature is right. Whose a bucket is, its keeper says.
#[derive(Clone, Debug)]
pub(super) struct Signed(pub(super) Arc<KeyPairs>);

#[async_trait::async_trait]
impl S3Access for Signed {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let user = request.credentials().and_then(|signed| self.0.user(&signed.access_key));
        let Some(user) = user else {
            return Err(s3_error!(AccessDenied, "sign the request: nothing here is for anybody"));
        };
        // Nobody reaches a bucket that is another's, so whoever expects another owner is wrong.
        let expects = EXPECTED.iter().filter_map(|name| request.headers().get(*name));
        if expects.into_iter().any(|owner| owner != user) {
            return Err(s3_error!(AccessDenied, "the bucket has another owner than is expected"));
        }
        let query = request.uri().query().unwrap_or_default();
        let header = request.headers().get("authorization");
        let header = header.and_then(|header| header.to_str().ok()).unwrap_or_default();
        let signature = Signature::of(query, header);
        let Some(Signature { headers, expires }) = signature else {
            return Err(s3_error!(InvalidRequest, "sign with AWS4-HMAC-SHA256"));
        };
        if expires.is_some_and(|expires| expires > LONGEST_URL) {
            let why = "X-Amz-Expires must be less than a week (in seconds); that is: 604800";
            return Err(s3_error!(AuthorizationQueryParametersError, "{why}"));
        }
        let says = |name: &str| name.starts_with("x-amz-") && !SAY_NOTHING.contains(&name);
        let mut said = request.headers().keys().map(|name| name.as_str()).filter(|name| says(name));
        match said.find(|name| !headers.iter().any(|signed| signed.eq_ignore_ascii_case(name))) {
            Some(name) => Err(s3_error!(AccessDenied, "the header {name} is not signed")),
            None => understood(request.headers()),
        }
    }
}

/// What a signature of version 4 says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    /// The headers that it covers.
    headers: Vec<String>,
    /// For how long a URL serves.
    expires: Option<u64>,
}

impl Signature {
    /// The one of a request with this query or this header; none where there is none, or one of version 2 beside it.
    fn of(query: &str, authorization: &str) -> Option<Signature> {
        let parameter = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        // s3s would rather believe one of version 2, which signs no headers of `x-amz-` by name.
        if parameter("Signature").is_some() || authorization.starts_with("AWS ") {
            return None;
        }
        let list = |headers: &str| headers.split(';').map(str::to_owned).collect();
        if parameter("X-Amz-Signature").is_some() {
            let headers = list(&parameter("X-Amz-SignedHeaders")?);
            return Some(Signature {
                headers,
                expires: Some(parameter("X-Amz-Expires")?.parse().ok()?),
            });
        }
        let fields = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split(',');
        let mut headers = fields.filter_map(|field| field.trim().strip_prefix("SignedHeaders="));
        Some(Signature { headers: list(headers.next()?), expires: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_user_a_name_and_a_secret() {
        let text = "# ours\n\nanna ANNA1 0123456789abcdef\n anna ANNA2 fedcba9876543210\nbert B 0123456789abcdef+/\n";
        let pairs = KeyPairs::parse(text).unwrap();
        assert_eq!(pairs.user("ANNA1"), Some("anna"));
        assert_eq!(pairs.user("ANNA2"), Some("anna"));
        assert_eq!(pairs.user("B"), Some("bert"));
        assert_eq!(pairs.user("anna"), None);
        assert_eq!(format!("{pairs:?}"), "3 key pairs");
    }

    #[test]
    fn what_is_no_pair_is_refused_and_not_repeated() {
        let twice = "a K 0123456789abcdef\nb K 0123456789abcdef";
        for (text, line) in [
            ("anna ANNA1", "line 1"),
            ("\nanna ANNA1 short-secret", "line 2"),
            ("anna AN/NA 0123456789abcdef", "line 1"),
            ("anna ANNA1 0123456789abcdef more", "line 1"),
            (twice, "line 2"),
            ("# nothing", "there is no key"),
        ] {
            let why = KeyPairs::parse(text).unwrap_err();
            assert!(why.starts_with(line), "{text}: {why}");
            assert!(!why.contains("ANNA1") && !why.contains("0123"), "{why}");
        }
    }

    #[test]
    fn what_is_drawn_can_be_read_and_is_another_each_time() {
        let (one, other) = (KeyPairs::draw().unwrap(), KeyPairs::draw().unwrap());
        assert_ne!(one, other);
        let name = one.split(' ').nth(1).unwrap();
        assert_eq!(KeyPairs::parse(&one).unwrap().user(name), Some(FIRST_USER));
    }

    #[test]
    fn a_signature_says_which_headers_it_covers() {
        let header = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0";
        let headers = vec!["host".to_owned(), "x-amz-date".to_owned()];
        let signed = Signature { headers: headers.clone(), expires: None };
        assert_eq!(Signature::of("", header), Some(signed));
        let query = "X-Amz-Signature=0&X-Amz-SignedHeaders=host%3Bx-amz-date&X-Amz-Expires=60";
        assert_eq!(Signature::of(query, ""), Some(Signature { headers, expires: Some(60) }));
        let both = format!("{query}&Signature=0");
        for (query, header) in [
            ("Signature=0", ""),
            ("", "AWS A:0"),
            (&both, ""),
            (query, "AWS A:0"),
            ("X-Amz-Signature=0", header),
        ] {
            assert_eq!(Signature::of(query, header), None, "{query} {header}");
        }
    }
}
