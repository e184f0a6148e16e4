//! The file that `PGPASSFILE` names: `host:port:database:user:password` a line, as libpq reads it.

use std::path::Path;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::error::AddressError;

const DEFAULT_PORT: u16 = 5432;

/// The password of the first line that fits; none where no line does.
pub(crate) fn password(file: &Path, config: &Config) -> Result<Option<String>, AddressError> {
    let trouble = |why: String| AddressError::PassFile(file.to_owned(), why);
    refuse_if_others_can_read(file).map_err(trouble)?;
    let text = std::fs::read_to_string(file).map_err(|error| trouble(error.to_string()))?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().unwrap_or(&DEFAULT_PORT).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    Ok(find(&text, [&host, &port, database, user]))
}

#[cfg(unix)]
fn refuse_if_others_can_read(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err("others can read it; take that from them with chmod 600".to_owned());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_others_can_read(_: &Path) -> Result<(), String> {
    Ok(())
}

fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    // Some editors put the mark of UTF-8 before a text.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        let password = (fields.len() == 5).then(|| fields.pop()).flatten()?;
        let fits = fields.iter().zip(wanted).all(|(field, is)| field == "*" || field == is);
        fits.then_some(password)
    })
}

/// Fields end with a colon; a backslash makes the next character an ordinary one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            ':' => fields.push(String::new()),
            '\\' => fields[last].extend(characters.next()),
            _ => fields[last].push(character),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: [&str; 4] = ["localhost", "5432", "links", "me"];

    #[test]
    fn the_first_line_that_fits_is_taken() {
        let text = "# a remark\nelsewhere:*:*:*:no\nlocalhost:5432:links:me:yes\n*:*:*:*:late";
        assert_eq!(find(text, ME).as_deref(), Some("yes"));
        assert_eq!(find("\u{FEFF}*:*:*:me:yes", ME).as_deref(), Some("yes"));
        assert_eq!(find("*:*:*:you:no\nhalf:a:line\n", ME), None);
    }

    #[test]
    fn a_backslash_keeps_a_colon() {
        assert_eq!(find(r"*:*:*:*:a\:b\\c", ME).as_deref(), Some(r"a:b\c"));
    }
}
