//! The address of the database, and the user.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::{AddressError, whole};
use crate::passfile;

/// Options that every session ends with, so that none before overrides them: a commit is durable when it
/// is answered, and no statement, lock or idle transaction holds a connection for longer.
const SESSION: &str = "-c synchronous_commit=on -c statement_timeout=4s -c lock_timeout=3s \
                       -c idle_in_transaction_session_timeout=6s";

/// The address of a database, with the secret that opens it.
#[derive(Clone, Debug)]
pub struct Address(Box<Config>);

impl Address {
    /// Reads `postgres://USER@HOST:PORT/DATABASE`. The password, if one is needed, comes from
    /// `PGPASSWORD`, or from the file that `PGPASSFILE` names.
    ///
    /// # Errors
    /// If it is no such address, names a computer elsewhere, or has a password in it.
    pub fn parse(
        url: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Address, AddressError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(AddressError::Unreadable("it does not begin with postgres://".to_owned()));
        }
        let unreadable = |error: tokio_postgres::Error| AddressError::Unreadable(whole(&error));
        let mut config = Config::from_str(url).map_err(unreadable)?;
        if config.get_password().is_some() {
            return Err(AddressError::Password);
        }
        if config.get_hosts().is_empty() {
            return Err(AddressError::Unreadable("it names no host".to_owned()));
        }
        let elsewhere = config.get_hosts().iter().find_map(elsewhere);
        let strange = config.get_hostaddrs().iter().find(|address| !address.is_loopback());
        if let Some(host) = elsewhere.or(strange.map(IpAddr::to_string)) {
            return Err(AddressError::Elsewhere(host));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(AddressError::Tls);
        }
        if let Some(password) = environment("PGPASSWORD") {
            config.password(password);
        } else if let Some(file) = environment("PGPASSFILE")
            && let Some(password) = passfile::password(file.as_ref(), &config)?
        {
            config.password(password);
        }
        Ok(Address(Box::new(config)))
    }

    pub(crate) fn into_config(self, connect_time: Duration) -> Config {
        let Address(config) = self;
        let mut config = *config;
        let options = format!("{} {SESSION}", config.get_options().unwrap_or_default());
        config.options(options.trim()).connect_timeout(connect_time);
        if config.get_application_name().is_none() {
            config.application_name("infralab url-shortener");
        }
        config
    }
}

/// The name of a host that is not this computer's.
fn elsewhere(host: &Host) -> Option<String> {
    let Host::Tcp(name) = host else { return None };
    let ours = match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    (!ours).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, AddressError> {
        Address::parse(url, |_| None)
    }

    #[test]
    fn a_database_of_this_computer_is_accepted() {
        for url in [
            "postgres://me@localhost/links",
            "postgresql://me@127.0.0.1:5433/links",
            "postgres://me@[::1]/links",
            "postgres:///links?host=/run/postgresql&user=me",
            "postgres://me@%2Frun%2Fpostgresql/links",
        ] {
            assert!(parse(url).is_ok(), "{url}: {:?}", parse(url));
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (url, reason) in [
            ("mysql://localhost/links", "postgres://"),
            ("postgres://localhost:port/links", "port"),
            ("postgres:///links", "no host"),
            ("postgres://db.example/links", "db.example"),
            ("postgres://localhost,10.0.0.1/links", "10.0.0.1"),
            ("postgres://localhost/links?hostaddr=10.0.0.2", "10.0.0.2"),
            ("postgres://localhost/links?sslmode=require", "TLS"),
            ("postgres://me:hush@localhost/links", "PGPASSWORD"),
            ("postgres://localhost/links?password=hush", "PGPASSWORD"),
        ] {
            let why = parse(url).unwrap_err().to_string();
            assert!(why.contains(reason), "{url}: {why}");
            assert!(!why.contains("hush"), "{why}");
        }
    }

    #[test]
    fn the_password_comes_from_the_environment_and_is_not_shown() {
        let environment = |name: &str| (name == "PGPASSWORD").then(|| "hush".to_owned());
        let address = Address::parse("postgres://me@localhost/links", environment).unwrap();
        assert_eq!(address.0.get_password(), Some(&b"hush"[..]));
        assert!(!format!("{address:?}").contains("hush"));
    }

    #[test]
    fn our_words_about_a_session_come_last() {
        let url = "postgres://localhost/x?options=-c%20synchronous_commit%3Doff";
        let config = parse(url).unwrap().into_config(Duration::from_secs(1));
        let options = config.get_options().unwrap();
        let place = |word| options.find(word).unwrap();
        assert!(place("synchronous_commit=off") < place("synchronous_commit=on"), "{options}");
    }
}
