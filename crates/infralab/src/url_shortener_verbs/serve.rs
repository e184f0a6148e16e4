//! `serve`: the real server.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use shortener_api::{Api, Blocked};
use shortener_postgres::Address;
use url_shortener::server::{
    self, Beside, Front, Handler, Keys, LinkStore, ServeError, ServerConfig,
};

use super::{Codes, ServeArguments, key_file};
use crate::exit::{Failure, Outcome};
use crate::serving;
use crate::text_file::without_mark;

/// Holds keys, one a line, besides those of `--keys`.
const KEYS: &str = "INFRALAB_API_KEYS";
/// In bytes. More than that is another file.
const LONGEST_LIST: u64 = 256 << 20;

pub(super) fn serve(arguments: ServeArguments) -> Outcome {
    let ServeArguments {
        listen,
        data,
        shards,
        store,
        codes,
        public_url,
        domains,
        block_list,
        keys,
        rate,
        behind_proxy,
        forward_query,
        server,
    } = arguments;
    let blocked = match block_list {
        None => Blocked::default(),
        Some(file) => Blocked::parse(&read(&file)?).map_err(|why| wrong(&file, why))?,
    };
    let config = ServerConfig {
        listen,
        admin: server.admin,
        exposure: server.exposure(),
        data,
        link_store: match store {
            None => LinkStore::Shards(shards),
            Some(url) => LinkStore::Database(shortener_postgres::opening(database(&url)?)),
        },
        snowflakes: codes == Codes::Snowflake,
        public_url,
        domains,
        keys: all_keys(keys.as_deref())?,
        rate,
        behind_proxy,
        forward_query,
    };
    server.begin_log();
    serving::ended(server::serve(config, beside(blocked), serving::ready), ServeError::is_argument)
}

/// The programming interface and the pages, which share what may not be led to.
fn beside(blocked: Blocked) -> impl FnOnce(Arc<Front>) -> Beside {
    move |front| {
        let api = Arc::new(Api::new(front, blocked));
        let routes = shortener_page::routes(api.clone());
        let other: Handler = Box::new(move |request| {
            let api = api.clone();
            Box::pin(async move { api.respond(request).await })
        });
        Beside { routes, other, leads_nowhere: shortener_page::leads_nowhere }
    }
}

/// Not read with the other arguments: who is told what is wrong with one is shown it, and there may be a
/// password in this one.
fn database(url: &str) -> Result<Address, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    Address::parse(url, environment).map_err(|why| Failure::input(format!("--store: {why}")))
}

/// Those of the file and those of the environment.
fn all_keys(file: Option<&Path>) -> Result<Keys, Failure> {
    let of_file = match file {
        None => Keys::default(),
        Some(file) => {
            let keys = Keys::parse(&key_file::read(file)?).map_err(|why| wrong(file, why))?;
            match keys.is_empty() {
                // Whoever names a file wants keys to be asked for.
                true => return Err(wrong(file, "there is no key in it")),
                false => keys,
            }
        }
    };
    let of_environment = match std::env::var(KEYS) {
        Ok(text) => Keys::parse(&text).map_err(|why| Failure::input(format!("{KEYS}, {why}")))?,
        Err(_) => Keys::default(),
    };
    Ok(of_file.and(of_environment))
}

fn read(file: &Path) -> Result<String, Failure> {
    let length = fs::metadata(file).map_err(|error| wrong(file, error))?.len();
    if length > LONGEST_LIST {
        return Err(wrong(file, format_args!("it has more than {LONGEST_LIST} bytes")));
    }
    fs::read_to_string(file).map(without_mark).map_err(|error| wrong(file, error))
}

fn wrong(file: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::input(format!("{}: {why}", file.display()))
}
