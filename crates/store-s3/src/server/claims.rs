//! What a client says of the bytes that it sends, compared with those that come.
//!
//! The law: whatever is said is true, or the request is refused: `Content-MD5`, a checksum in a header, or one in the
//! trailers, which s3s reads and does not compare.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use object_store::sums::{Algorithm, Checksum, ETag, Kind, Summing, Tagging};
use s3s::dto::ChecksumType;
use s3s::{S3Error, S3Result, s3_error};

use super::asker::custom;

/// What a client says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    md5: Option<[u8; 16]>,
    checksum: Option<Checksum>,
    /// It says this one when all is sent.
    in_trailer: Option<Algorithm>,
}

impl Claims {
    /// What is said in the headers of a request with a body.
    pub(super) fn of(headers: &HeaderMap) -> S3Result<Claims> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let md5 = text("content-md5").map(|text| {
            let md5 = BASE64.decode(text).ok().and_then(|md5| md5.try_into().ok());
            md5.ok_or_else(|| s3_error!(InvalidDigest, "the Content-MD5 is no MD5 in Base64"))
        });
        let said = Algorithm::ALL.into_iter().filter_map(|one| Some((one, text(header(one))?)));
        let mut said = said.map(|(algorithm, text)| {
            checksum(algorithm, text).ok_or_else(|| invalid(header(algorithm)))
        });
        let checksum = said.next().transpose()?;
        let in_trailer = text("x-amz-trailer").map(|name| {
            let mut all = Algorithm::ALL.into_iter();
            let named = all.find(|one| name.eq_ignore_ascii_case(header(*one)));
            named.ok_or_else(|| invalid("x-amz-trailer"))
        });
        let in_trailer = in_trailer.transpose()?;
        if said.next().is_some() || checksum.is_some() && in_trailer.is_some() {
            return Err(s3_error!(InvalidRequest, "one checksum of the body is enough"));
        }
        Ok(Claims { md5: md5.transpose()?, checksum, in_trailer })
    }

    /// The checksum that it asks for.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.in_trailer.or_else(|| self.checksum.as_ref().map(|checksum| checksum.algorithm))
    }

    /// With what came behind the body.
    pub(super) fn and(mut self, trailers: Option<&HeaderMap>) -> S3Result<Claims> {
        let Some(algorithm) = self.in_trailer else { return Ok(self) };
        let text = trailers.and_then(|trailers| trailers.get(header(algorithm))?.to_str().ok());
        let why = "the trailer that x-amz-trailer names did not come; nothing was stored";
        let missing = || custom("MalformedTrailerError", StatusCode::BAD_REQUEST, why);
        self.checksum = Some(text.and_then(|text| checksum(algorithm, text)).ok_or_else(missing)?);
        Ok(self)
    }

    /// Are they true of bytes with these sums?
    pub(super) fn hold(&self, sums: &Sums) -> S3Result<()> {
        let differs = |what: &str| {
            let why = "of the bytes that came is another than the request says; nothing was done";
            s3_error!(BadDigest, "the {what} {why}")
        };
        if self.md5.is_some_and(|md5| md5 != sums.etag.md5) {
            return Err(differs("MD5"));
        }
        match &self.checksum {
            Some(said) if sums.checksum.as_ref() != Some(said) => {
                Err(differs(name(said.algorithm)))
            }
            _ => Ok(()),
        }
    }
}

/// What bytes sum up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// Their MD5.
    pub(super) etag: ETag,
    /// The checksum that was asked for.
    pub(super) checksum: Option<Checksum>,
}

/// Sums of bytes that come one after the other.
#[derive(Debug)]
pub(super) struct Adding(Tagging, Option<Summing>);

impl Adding {
    pub(super) fn new(algorithm: Option<Algorithm>) -> Adding {
        Adding(Tagging::default(), algorithm.map(Summing::new))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.add(bytes);
        self.1.iter_mut().for_each(|sum| sum.add(bytes));
    }

    pub(super) fn end(self) -> Sums {
        Sums { etag: self.0.end(), checksum: self.1.map(Summing::end) }
    }
}

/// As S3 writes it.
pub(super) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc32 => "CRC32",
        Algorithm::Crc32c => "CRC32C",
        Algorithm::Crc64Nvme => "CRC64NVME",
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
    }
}

/// The algorithm of this name.
pub(super) fn named(text: &str) -> S3Result<Algorithm> {
    let found = Algorithm::ALL.into_iter().find(|one| name(*one) == text);
    found.ok_or_else(|| s3_error!(InvalidRequest, "there is no such checksum algorithm"))
}

/// The header, or trailer, that a checksum is in.
pub(super) fn header(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Crc32 => "x-amz-checksum-crc32",
        Algorithm::Crc32c => "x-amz-checksum-crc32c",
        Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
        Algorithm::Sha1 => "x-amz-checksum-sha1",
        Algorithm::Sha256 => "x-amz-checksum-sha256",
    }
}

/// The checksum that a client wrote; a composite one says of how many parts.
pub(super) fn checksum(algorithm: Algorithm, text: &str) -> Option<Checksum> {
    let (sum, parts) = match text.split_once('-') {
        Some((sum, parts)) => (sum, parts.parse().ok()?),
        None => (text, 0),
    };
    let value = Bytes::from(BASE64.decode(sum).ok()?);
    (value.len() == algorithm.length()).then_some(Checksum { algorithm, parts, value })
}

/// As clients read it.
pub(super) fn text(checksum: &Checksum) -> String {
    let sum = BASE64.encode(&checksum.value);
    if checksum.parts > 0 { format!("{sum}-{}", checksum.parts) } else { sum }
}

/// Of what it is a sum.
pub(super) fn kind(checksum: &Checksum) -> ChecksumType {
    ChecksumType::from_static(match checksum.parts {
        0 => ChecksumType::FULL_OBJECT,
        _ => ChecksumType::COMPOSITE,
    })
}

/// How S3 calls a kind.
pub(super) fn kind_name(kind: Kind) -> ChecksumType {
    ChecksumType::from_static(match kind {
        Kind::Whole => ChecksumType::FULL_OBJECT,
        Kind::Composite => ChecksumType::COMPOSITE,
    })
}

fn invalid(header: &str) -> S3Error {
    s3_error!(InvalidRequest, "the value of the header {header} is invalid")
}

/// Puts a checksum into whichever field of an answer is its.
macro_rules! put_checksum {
    ($into:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let text = Some($crate::server::claims::text(checksum));
            match checksum.algorithm {
                ::object_store::sums::Algorithm::Crc32 => $into.checksum_crc32 = text,
                ::object_store::sums::Algorithm::Crc32c => $into.checksum_crc32c = text,
                ::object_store::sums::Algorithm::Crc64Nvme => $into.checksum_crc64nvme = text,
                ::object_store::sums::Algorithm::Sha1 => $into.checksum_sha1 = text,
                ::object_store::sums::Algorithm::Sha256 => $into.checksum_sha256 = text,
            }
        }
    };
}
pub(super) use put_checksum;

/// The checksum in whichever field of a question has one.
macro_rules! said_checksum {
    ($of:expr) => {
        [
            (::object_store::sums::Algorithm::Crc32, &$of.checksum_crc32),
            (::object_store::sums::Algorithm::Crc32c, &$of.checksum_crc32c),
            (::object_store::sums::Algorithm::Crc64Nvme, &$of.checksum_crc64nvme),
            (::object_store::sums::Algorithm::Sha1, &$of.checksum_sha1),
            (::object_store::sums::Algorithm::Sha256, &$of.checksum_sha256),
        ]
        .into_iter()
        .find_map(|(algorithm, text)| Some((algorithm, text.as_ref()?)))
        .map(|(algorithm, text)| {
            $crate::server::claims::checksum(algorithm, text)
                .ok_or_else(|| ::s3s::s3_error!(InvalidRequest, "a checksum is invalid"))
        })
        .transpose()
    };
}
pub(super) use said_checksum;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| ((*name).parse().unwrap(), (*value).parse().unwrap()))
            .collect()
    }

    fn sums(bytes: &[u8], claims: &Claims) -> Sums {
        let mut adding = Adding::new(claims.algorithm());
        adding.add(bytes);
        adding.end()
    }

    const HELLO: &[u8] = b"hello";
    const MD5: (&str, &str) = ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==");
    const CRC32: (&str, &str) = ("x-amz-checksum-crc32", "NhCmhg==");

    #[test]
    fn what_is_said_is_compared() {
        for said in [MD5, CRC32] {
            let claims = Claims::of(&headers(&[said])).unwrap();
            assert!(claims.hold(&sums(HELLO, &claims)).is_ok(), "{said:?}");
            let why = claims.hold(&sums(b"hullo", &claims)).unwrap_err();
            assert_eq!(why.code(), &s3s::S3ErrorCode::BadDigest);
        }
        let nothing = Claims::of(&HeaderMap::new()).unwrap();
        assert!(nothing.hold(&sums(HELLO, &nothing)).is_ok());
    }

    #[test]
    fn a_trailer_that_was_announced_comes_and_is_compared() {
        let claims = Claims::of(&headers(&[("x-amz-trailer", "x-amz-checksum-crc32")])).unwrap();
        let sums = sums(HELLO, &claims);
        assert!(claims.clone().and(None).is_err());
        assert!(claims.clone().and(Some(&headers(&[MD5]))).is_err());
        assert!(claims.clone().and(Some(&headers(&[CRC32]))).unwrap().hold(&sums).is_ok());
        let wrong = headers(&[("x-amz-checksum-crc32", "AAAAAA==")]);
        assert!(claims.and(Some(&wrong)).unwrap().hold(&sums).is_err());
    }

    #[test]
    fn what_cannot_be_true_is_refused_before_a_byte_is_read() {
        for (said, code) in [
            (&[("content-md5", "XUFA")][..], "InvalidDigest"),
            (&[("content-md5", "!")], "InvalidDigest"),
            (&[("x-amz-checksum-crc32", "AAAA")], "InvalidRequest"),
            (&[("x-amz-trailer", "x-amz-meta-a")], "InvalidRequest"),
            (&[CRC32, ("x-amz-trailer", "x-amz-checksum-sha1")], "InvalidRequest"),
            (&[CRC32, ("x-amz-checksum-crc32c", "AAAAAA==")], "InvalidRequest"),
        ] {
            assert_eq!(Claims::of(&headers(said)).unwrap_err().code().as_str(), code, "{said:?}");
        }
    }

    #[test]
    fn a_composite_checksum_says_of_how_many_parts() {
        let one = checksum(Algorithm::Crc32, "NhCmhg==").unwrap();
        let two = checksum(Algorithm::Crc32, "NhCmhg==-2").unwrap();
        assert_eq!((one.parts, two.parts), (0, 2));
        assert_eq!((text(&one).as_str(), text(&two).as_str()), ("NhCmhg==", "NhCmhg==-2"));
        assert_eq!(checksum(Algorithm::Crc32, "NhCmhg==-x"), None);
    }
}
