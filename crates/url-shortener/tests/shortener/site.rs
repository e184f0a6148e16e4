//! The names of the service: which hosts are its own, and how links are spelled.

use url_shortener::Key;
use url_shortener::server::{BadName, Site};

fn site() -> Site {
    let bound = ([127, 0, 0, 1], 7441).into();
    Site::new(bound, Some("https://sho.rt"), &["Go.Example".to_owned()]).unwrap()
}

#[test]
fn a_host_is_ours_or_a_custom_domain_or_nobodys() {
    let site = site();
    for own in ["127.0.0.1:7441", "localhost", "sho.rt", "SHO.RT:443", "[::1]:9"] {
        assert_eq!(site.domain_of(own).as_deref(), Some(""), "{own}");
    }
    for custom in ["go.example", "GO.example:7441", "go.example."] {
        assert_eq!(site.domain_of(custom).as_deref(), Some("go.example"), "{custom}");
        assert!(!site.is_own(custom), "{custom}");
    }
    for strange in ["", "evil.example", "go.example.evil", "sho.rt.evil", "x@sho.rt", "[", ":"] {
        assert_eq!(site.domain_of(strange), None, "{strange}");
    }
    assert_eq!(site.origin(), "https://sho.rt");
}

#[test]
fn a_name_is_known_by_every_spelling() {
    let bound = ([127, 0, 0, 1], 7441).into();
    let public = Some("https://k\u{fc}rz.example");
    for given in ["b\u{fc}cher.example", "xn--bcher-kva.example", "B\u{dc}CHER.example."] {
        let site = Site::new(bound, public, &[given.to_owned()]).unwrap();
        for asked in ["b\u{fc}cher.example", "XN--BCHER-KVA.example", "Bu\u{308}cher.Example"] {
            let known = Some("xn--bcher-kva.example");
            assert_eq!(site.domain(Some(asked)).as_deref(), known, "{given}, {asked}");
            let host = format!("{asked}:7441");
            assert_eq!(site.domain_of(&host).as_deref(), known, "{given}, {host}");
        }
        for own in ["K\u{dc}RZ.example:80", "xn--krz-hoa.example"] {
            assert_eq!(site.domain_of(own).as_deref(), Some(""), "{own}");
        }
        assert_eq!(site.domain(Some("bucher.example")), None);
    }
}

#[test]
fn short_links_begin_with_what_people_ask_for() {
    let (own, custom) = (Key::new("", "abc"), Key::new("go.example", "x_-9"));
    assert_eq!(site().short_url(&own), "https://sho.rt/abc");
    assert_eq!(site().short_url(&custom), "https://go.example/x_-9");
    let local = Site::new(([127, 0, 0, 1], 7441).into(), None, &[]).unwrap();
    assert_eq!(local.short_url(&own), "http://127.0.0.1:7441/abc");
    let six = Site::new("[::1]:80".parse().unwrap(), None, &[]).unwrap();
    assert_eq!(six.short_url(&own), "http://[::1]/abc");
}

#[test]
fn names_that_are_none_are_refused() {
    let new = |url, domain: &str| {
        Site::new(([127, 0, 0, 1], 1).into(), url, &[domain.to_owned()]).map(|_| ())
    };
    for bad in ["", "a b", "127.0.0.1", "[::1]", "x/y", "go.example:80"] {
        assert_eq!(new(None, bad), Err(BadName::Domain(bad.to_owned())));
    }
    for bad in ["", "sho.rt", "ftp://sho.rt", "https://sho.rt/x", "https://a@sho.rt", "http://"] {
        assert_eq!(new(Some(bad), "x.example"), Err(BadName::PublicUrl(bad.to_owned())));
    }
}
