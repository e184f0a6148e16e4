//! An HTTP client for addresses that strangers name: what a link leads to, the next page of a crawl.
//!
//! The law: it connects only to an address that was checked, and checks whatever a name resolves to, for the
//! first request and after each redirect; the name is not asked for again in between. What is not on the
//! internet is refused (this computer, private networks, what carries such an address in an IPv6 one), unless
//! the caller allows it. Redirects, header, body and time are bounded.
//!
//! There is no TLS: `https` is refused.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{HOST, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

/// What a header may have in all.
const LONGEST_HEADER: usize = 64 << 10;

/// What one fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Of the body; more is cut off.
    pub bytes: usize,
    /// Followed one after the other.
    pub redirects: usize,
    /// For all of it.
    pub time: Duration,
}

impl Default for FetchLimits {
    fn default() -> FetchLimits {
        FetchLimits { bytes: 1 << 20, redirects: 5, time: Duration::from_secs(10) }
    }
}

/// What came of a fetch.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it was, after all redirects.
    pub url: Url,
    /// Whom we were connected to.
    pub address: SocketAddr,
    /// What was answered.
    pub status: StatusCode,
    /// With these headers.
    pub headers: HeaderMap,
    /// The body, or its beginning.
    pub body: Bytes,
    /// Was it longer than we may read?
    pub is_cut: bool,
}

type Allows = dyn Fn(SocketAddr) -> bool + Send + Sync;
type Resolved = BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
type Resolves = dyn Fn(String, u16) -> Resolved + Send + Sync;

/// A client. Clones share what they may reach.
#[derive(Clone)]
pub struct Client {
    limits: FetchLimits,
    allows: Arc<Allows>,
    resolves: Arc<Resolves>,
}

impl Client {
    /// One that reaches what is on the internet, and nothing else.
    pub fn new(limits: FetchLimits) -> Client {
        let resolves = |name: String, port: u16| -> Resolved {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
        };
        Client {
            limits,
            allows: Arc::new(|address| is_public(address.ip())),
            resolves: Arc::new(resolves),
        }
    }

    /// The same, but it also reaches these.
    #[must_use]
    pub fn allowing(self, also: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Client {
        let allows = self.allows.clone();
        Client { allows: Arc::new(move |address| allows(address) || also(address)), ..self }
    }

    /// The same, but names are asked for here.
    #[must_use]
    pub fn resolving(
        self,
        resolves: impl Fn(String, u16) -> Resolved + Send + Sync + 'static,
    ) -> Client {
        Client { resolves: Arc::new(resolves), ..self }
    }

    /// Gets what is at this URL.
    ///
    /// # Errors
    /// If it could not be had, and why.
    pub async fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let url = Url::parse(url).map_err(|_| FetchError::Url)?;
        timeout(self.limits.time, self.follow(url)).await.map_err(|_| FetchError::Late)?
    }

    async fn follow(&self, mut url: Url) -> Result<Fetched, FetchError> {
        for _ in 0..=self.limits.redirects {
            let address = self.checked(&url).await?;
            let fetched = self.fetch(&url, address).await?;
            let location =
                fetched.headers.get(LOCATION).filter(|_| fetched.status.is_redirection());
            let Some(location) = location else { return Ok(fetched) };
            let location = location.to_str().map_err(|_| FetchError::Url)?;
            url = url.join(location).map_err(|_| FetchError::Url)?;
        }
        Err(FetchError::Redirects)
    }

    /// An address of its host that may be connected to.
    async fn checked(&self, url: &Url) -> Result<SocketAddr, FetchError> {
        if url.scheme() != "http" {
            return Err(FetchError::Scheme);
        }
        let (host, port) = url.host().zip(url.port_or_known_default()).ok_or(FetchError::Url)?;
        let addresses = match host {
            Host::Ipv4(address) => vec![(address, port).into()],
            Host::Ipv6(address) => vec![(address, port).into()],
            Host::Domain(name) => {
                (self.resolves)(name.to_owned(), port).await.map_err(FetchError::Name)?
            }
        };
        let allowed = addresses.into_iter().find(|address| (self.allows)(*address));
        allowed.ok_or(FetchError::Refused)
    }

    async fn fetch(&self, url: &Url, address: SocketAddr) -> Result<Fetched, FetchError> {
        let stream = TcpStream::connect(address).await.map_err(FetchError::Connection)?;
        let broken = |error: hyper::Error| FetchError::Connection(io::Error::other(error));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LONGEST_HEADER);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let answer = async {
            let response = sender.send_request(request(url)?).await.map_err(broken)?;
            let (parts, mut body) = response.into_parts();
            let (mut bytes, mut is_cut) = (BytesMut::new(), false);
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
                let room = self.limits.bytes - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(room)]);
                is_cut = data.len() > room;
                if is_cut {
                    break;
                }
            }
            let (url, body) = (url.clone(), bytes.freeze());
            Ok::<_, FetchError>(Fetched {
                url,
                address,
                status: parts.status,
                headers: parts.headers,
                body,
                is_cut,
            })
        };
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            fetched = &mut answer => fetched,
            // One that has ended may have said all.
            ended = connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(broken(error)),
            },
        }
    }
}

fn request(url: &Url) -> Result<Request<Empty<Bytes>>, FetchError> {
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::get(target).header(HOST, authority).header(USER_AGENT, "infralab");
    request.body(Empty::new()).map_err(|_| FetchError::Url)
}

/// Why nothing was had.
#[derive(Debug)]
pub enum FetchError {
    /// It is no URL that anybody could get.
    Url,
    /// It is not `http`.
    Scheme,
    /// Its name leads nowhere.
    Name(io::Error),
    /// It leads to an address that may not be reached.
    Refused,
    /// The other end does not answer, or not in HTTP.
    Connection(io::Error),
    /// There was one redirect after the other.
    Redirects,
    /// It took too long.
    Late,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Url => f.write_str("this is no URL that can be fetched"),
            FetchError::Scheme => f.write_str("only http:// is fetched here"),
            FetchError::Name(error) => write!(f, "its name leads nowhere: {error}"),
            FetchError::Refused => {
                f.write_str("it leads to an address that is not on the internet")
            }
            FetchError::Connection(error) => write!(f, "there was no answer: {error}"),
            FetchError::Redirects => f.write_str("it redirects too often"),
            FetchError::Late => f.write_str("there was no answer in time"),
        }
    }
}

impl Error for FetchError {}

/// Is this an address of the internet, by the registries of IANA for special purposes?
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let bits = address.to_bits();
    !special
        .iter()
        .any(|(network, length)| (bits ^ Ipv4Addr::from(*network).to_bits()) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let words = address.segments();
    let embedded =
        |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match words {
        // IPv4 in IPv6: mapped, translated (NAT64), and 6to4.
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => {
            is_public_v4(embedded(high, low))
        }
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Of what is left only 2000::/3 is given out, and of that not Teredo, documentation and their like.
        [0x2001, 0..=0x1FF, ..] | [0x2001, 0xDB8, ..] | [0x3FFF, 0..=0xFFF, ..] => false,
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_internet_is_known_in_every_form() {
        let not = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 \
                   192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 \
                   ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2002:a00:1:: fc00::1 fd12::1 \
                   fe80::1 fec0::1 ff02::1 2001:db8::1 2001::1 100::1 3fff::1";
        for address in not.split(' ') {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = "1.1.1.1 9.255.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.1.1 223.255.255.255 \
                      2606:4700::1111 2a00::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::";
        for address in public.split_whitespace() {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
