//! The names of the service: its own, and custom domains.
//!
//! The law: a request for any other host is refused. So DNS rebinding fails: a browser that was tricked
//! still sends the attacker's host name.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use host::http;
use url::{Host, Url};

use crate::{Key, MAX_DOMAIN_BYTES};

/// The names of a service.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where it listens.
    bound: SocketAddr,
    /// The same as text, as browsers send it. Comparing it saves parsing.
    named: String,
    /// What short links begin with, without a path.
    base: Url,
    /// The origin of the pages, as browsers send it.
    origin: String,
    /// In lower case and Punycode.
    domains: BTreeSet<Arc<str>>,
    own: Arc<str>,
}

impl Site {
    /// A service that listens at this address. `public_url` is what its links begin with, if others reach
    /// it by another name, such as `https://sho.rt`.
    ///
    /// # Errors
    /// If a domain or the public URL is invalid.
    pub fn new(
        bound: SocketAddr,
        public_url: Option<&str>,
        domains: &[String],
    ) -> Result<Site, BadName> {
        let (named, address) = (bound.to_string(), format!("http://{bound}"));
        let begins = public_url.unwrap_or(&address);
        let base = base(begins).ok_or_else(|| BadName::PublicUrl(begins.to_owned()))?;
        let domains = domains
            .iter()
            .map(|domain| match Host::parse(domain) {
                Ok(Host::Domain(name)) if name.len() <= MAX_DOMAIN_BYTES => {
                    Ok(without_root_dot(&name).into())
                }
                _ => Err(BadName::Domain(domain.clone())),
            })
            .collect::<Result<_, _>>()?;
        let origin = base.origin().ascii_serialization();
        Ok(Site { bound, named, base, origin, domains, own: "".into() })
    }

    /// The domain, as in keys, of a request with this `Host`; none if it is not ours.
    pub fn domain_of(&self, host: &str) -> Option<Arc<str>> {
        if self.is_own(host) {
            return Some(self.own.clone());
        }
        self.custom(without_port(host))
    }

    /// Is this the `Host` of the service itself, rather than of a custom domain? Only there are the
    /// page and the programming interface.
    pub fn is_own(&self, host: &str) -> bool {
        let public = || self.base.host_str().unwrap_or_default();
        host == self.named
            || http::is_own_host(host, self.bound.ip())
            || without_port(host).eq_ignore_ascii_case(public())
            || (!host.is_ascii() && canonical_name(without_port(host)).as_deref() == Some(public()))
    }

    /// The origin of its pages, where others reach them.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The custom domain of this name, if it is one of ours; the service's own for none.
    pub fn domain(&self, named: Option<&str>) -> Option<Arc<str>> {
        match named {
            None | Some("") => Some(self.own.clone()),
            Some(name) if self.is_own(name) => Some(self.own.clone()),
            Some(name) => self.custom(name),
        }
    }

    /// The same, for any spelling.
    fn custom(&self, name: &str) -> Option<Arc<str>> {
        let known = self.domains.get(without_root_dot(name));
        known.or_else(|| self.domains.get(&*canonical_name(name)?)).cloned()
    }

    /// The custom domains.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(|domain| &**domain)
    }

    /// The short URL of a link. A custom domain replaces the host in the service's own address.
    pub fn short_url(&self, key: &Key) -> String {
        let mut url = self.base.clone();
        if !key.domain.is_empty() {
            // It was parsed as a host when the service started.
            let _ = url.set_host(Some(&key.domain));
        }
        url.set_path(&key.code);
        url.into()
    }

    /// Does this URL lead back to this service?
    pub fn leads_back(&self, target: &Url) -> bool {
        let port = target.port_or_known_default();
        match target.host() {
            None => false,
            Some(Host::Domain(name)) => {
                let name = without_root_dot(name);
                let local = name == "localhost" || name.ends_with(".localhost");
                self.domains.contains(name)
                    || self.base.host_str() == Some(name)
                    || (local && self.is_here(self.bound.ip(), port))
            }
            Some(Host::Ipv4(ip)) => self.is_here(ip.into(), port),
            Some(Host::Ipv6(ip)) => self.is_here(ip.to_canonical(), port),
        }
    }

    /// A service that listens at every address is reached by loopback. Other addresses of this computer are
    /// not known here; a browser ends a loop of redirects.
    fn is_here(&self, ip: IpAddr, port: Option<u16>) -> bool {
        let this = ip.is_loopback() || ip.is_unspecified() || ip == self.bound.ip();
        this && port == Some(self.bound.port())
    }
}

/// Why a name is refused. Nothing was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadName {
    /// No domain can be called so.
    Domain(String),
    /// No short link can begin so.
    PublicUrl(String),
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadName::Domain(name) => {
                write!(f, "{name:?} is not the name of a domain; one is such as go.example.com")
            }
            BadName::PublicUrl(text) => write!(
                f,
                "{text:?} is nothing that short links can begin with; such a thing is \
                 https://sho.rt, without a path"
            ),
        }
    }
}

impl std::error::Error for BadName {}

fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (is_web && is_bare && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// The name without the dot of the root, which may end it.
fn without_root_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The canonical spelling of a name: `bücher.example` is `xn--bcher-kva.example`.
fn canonical_name(name: &str) -> Option<String> {
    match Host::parse(name) {
        Ok(Host::Domain(name)) => Some(without_root_dot(&name).to_owned()),
        _ => None,
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
