//! The block list: domains and addresses to which nobody is led.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use url::Host;

/// Domains, each with all that is below it, and addresses.
#[derive(Clone, Debug, Default)]
pub struct BlockList {
    /// In lower case and Punycode, without a dot at the end.
    domains: BTreeSet<Box<str>>,
    addresses: BTreeSet<IpAddr>,
}

impl BlockList {
    /// The list that this text is: one domain or address a line; what follows a `#` is for people.
    ///
    /// # Errors
    /// If a line is neither, with its number.
    pub fn parse(text: &str) -> Result<BlockList, MalformedBlockList> {
        let mut blocked = BlockList::default();
        for (number, line) in text.lines().enumerate() {
            let name = line.split('#').next().unwrap_or_default().trim();
            if name.is_empty() {
                continue;
            }
            match Host::parse(name) {
                Ok(Host::Domain(name)) => {
                    blocked.domains.insert(name.trim_end_matches('.').into());
                }
                Ok(Host::Ipv4(ip)) => drop(blocked.addresses.insert(ip.into())),
                Ok(Host::Ipv6(ip)) => drop(blocked.addresses.insert(ip.to_canonical())),
                Err(_) => {
                    return Err(MalformedBlockList { line: number + 1, text: name.to_owned() });
                }
            }
        }
        Ok(blocked)
    }

    /// Is it, or a domain that it is part of, on the list? It is spelled as in a parsed URL.
    pub(super) fn has_domain(&self, name: &str) -> bool {
        let mut rest = name.trim_end_matches('.');
        loop {
            if self.domains.contains(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, above)) => rest = above,
                None => return false,
            }
        }
    }

    pub(super) fn has_address(&self, ip: IpAddr) -> bool {
        self.addresses.contains(&ip)
    }
}

/// A line of a block list that is neither a domain nor an address. Nothing was taken from the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedBlockList {
    line: usize,
    text: String,
}

impl fmt::Display for MalformedBlockList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text.chars().take(80).collect();
        write!(f, "line {}: {text:?} is neither a domain nor an address", self.line)
    }
}

impl std::error::Error for MalformedBlockList {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_domains_addresses_or_for_people() {
        let text =
            "# list\n\n  Evil.Example.  # why\nb\u{fc}cher.example\n192.0.2.1\n[2001:db8::1]\n";
        let blocked = BlockList::parse(text).unwrap();
        assert!(
            blocked.has_domain("www.evil.example") && blocked.has_domain("xn--bcher-kva.example")
        );
        assert!(!blocked.has_domain("example") && !blocked.has_domain("evil"));
        assert!(blocked.has_address("192.0.2.1".parse().unwrap()));
        assert!(blocked.has_address("2001:db8::1".parse().unwrap()));
        let wrong = BlockList::parse("good.example\n\nnot a domain\n").unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "line 3: \"not a domain\" is neither a domain nor an address"
        );
    }
}
