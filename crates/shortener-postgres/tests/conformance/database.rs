//! A real PostgreSQL, where `URL_SHORTENER_POSTGRES` says there is one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use shortener_postgres::{Address, MAX_WAITING_CALLS, OpenError, Postgres};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls};
use url_shortener::{Call, Key, Reply};

use super::{Keeper, conforms, link};

/// Names a database in which others may be made.
const URL: &str = "URL_SHORTENER_POSTGRES";

/// Longer than PostgreSQL takes to do anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of it, in a bounded time.
#[track_caller]
fn wait<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, work).await.expect("PostgreSQL answers within a minute")
    })
}

/// A database of a test's own.
struct Database {
    runtime: Runtime,
    /// By which it is made, disturbed and dropped.
    operator: Client,
    address: String,
    name: String,
    postgres: Arc<Postgres>,
}

impl Database {
    /// None where there is no PostgreSQL to test with.
    fn make(test: &str) -> Option<Database> {
        let Ok(url) = std::env::var(URL) else {
            eprintln!("skipped: {URL} names no PostgreSQL");
            return None;
        };
        let runtime = Runtime::new().unwrap();
        let name = format!("{test}_{}", std::process::id());
        let operator = wait(&runtime, connect(&url));
        wait(&runtime, operator.batch_execute(&format!("CREATE DATABASE {name}"))).unwrap();
        let (server, _) = url.rsplit_once('/').expect("it ends with the name of a database");
        let address = format!("{server}/{name}");
        let postgres = Arc::new(wait(&runtime, open(&address)).unwrap());
        Some(Database { runtime, operator, address, name, postgres })
    }

    /// Somebody else who is at work in the same database.
    fn visitor(&self) -> Client {
        wait(&self.runtime, connect(&self.address))
    }

    fn operate(&self, statement: &str) {
        wait(&self.runtime, self.operator.batch_execute(statement)).unwrap();
    }

    fn try_ask(&self, call: Call) -> Option<Reply> {
        wait(&self.runtime, self.postgres.answer(call))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let gone = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // Where it stays the test has failed, or the whole cluster is about to go.
        let _ = wait(&self.runtime, self.operator.batch_execute(&gone));
    }
}

impl Keeper for Database {
    fn together(&mut self, calls: Vec<Call>) -> Vec<Reply> {
        wait(&self.runtime, async {
            let mut asked = JoinSet::new();
            for (at, call) in calls.into_iter().enumerate() {
                let postgres = self.postgres.clone();
                asked.spawn(async move { (at, postgres.answer(call).await) });
            }
            let mut replies = asked.join_all().await;
            replies.sort_by_key(|(at, _)| *at);
            replies.into_iter().map(|(_, reply)| reply.expect("a reply")).collect()
        })
    }

    fn reopen(&mut self) {
        self.postgres = Arc::new(wait(&self.runtime, open(&self.address)).unwrap());
    }
}

async fn connect(address: &str) -> Client {
    let mut config: Config = address.parse().unwrap();
    if let Some(password) = environment("PGPASSWORD") {
        config.password(password);
    }
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn open(address: &str) -> Result<Postgres, OpenError> {
    Postgres::open(Address::parse(address, environment).unwrap()).await
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn a_database_conforms() {
    if let Some(mut database) = Database::make("conforms") {
        conforms(&mut database);
    }
}

#[test]
fn a_database_that_broke_off_is_connected_to_again() {
    let Some(mut database) = Database::make("reconnects") else { return };
    let key = Key::new("", "kept");
    let kept = link("https://example.org/");
    let calls = vec![Call::Get(key.clone()); 64];
    database.ask(Call::PutIfAbsent(key.clone(), kept.clone()));
    for _ in 0..5 {
        database.together(calls.clone());
        let name = &database.name;
        database.operate(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ));
        // A connection whose end nobody has read yet may still be handed out, and fail. There is a
        // bounded number of these.
        let mut answers = (0..100).map(|_| database.try_ask(Call::Get(key.clone())));
        let found = Some(Reply::Found(Arc::new(kept.clone())));
        assert!(answers.any(|answer| answer == found), "it is not connected to again");
    }
}

#[test]
fn calls_that_the_database_does_not_get_to_are_turned_away() {
    let Some(mut database) = Database::make("crowded") else { return };
    let key = Key::new("", "contested");
    database.ask(Call::PutIfAbsent(key.clone(), link("https://example.org/")));
    let mut visitor = database.visitor();
    let work = wait(&database.runtime, visitor.transaction()).unwrap();
    let lock = work.batch_execute("LOCK TABLE url_shortener.links IN ACCESS EXCLUSIVE MODE");
    wait(&database.runtime, lock).unwrap();
    let replies = database.together(vec![Call::Remove(key.clone()); MAX_WAITING_CALLS + 10]);
    wait(&database.runtime, work.rollback()).unwrap();
    let refused = |words: &str| {
        let said = |reply: &&Reply| matches!(reply, Reply::Refused(why) if why.contains(words));
        replies.iter().filter(said).count()
    };
    assert_eq!(refused("too many calls"), 10);
    assert_eq!(refused("nothing changed"), replies.len(), "{replies:?}");
    assert!(matches!(database.ask(Call::Get(key)), Reply::Found(_)), "it is there, as they said");
}

#[test]
fn servers_that_begin_at_the_same_moment_make_the_tables_once() {
    let Some(mut database) = Database::make("begins") else { return };
    database.operate("SELECT 1");
    let visitor = database.visitor();
    let drop_it = visitor.batch_execute("DROP SCHEMA url_shortener CASCADE");
    wait(&database.runtime, drop_it).unwrap();
    wait(&database.runtime, async {
        let mut opened = JoinSet::new();
        for _ in 0..8 {
            let address = database.address.clone();
            opened.spawn(async move { open(&address).await.map(drop) });
        }
        for opened in opened.join_all().await {
            opened.unwrap();
        }
    });
    assert_eq!(database.ask(Call::Get(Key::new("", "x"))), Reply::Missing);
}

#[test]
fn who_has_another_password_is_not_let_in() {
    let Some(database) = Database::make("stranger") else { return };
    if environment("PGPASSWORD").is_some() {
        let wrong = |name: &str| (name == "PGPASSWORD").then(|| "wrong".to_owned());
        let address = Address::parse(&database.address, wrong).unwrap();
        let why = wait(&database.runtime, Postgres::open(address)).unwrap_err().to_string();
        assert!(why.contains("password authentication failed"), "{why}");
    }
}

#[test]
fn tables_of_a_newer_version_are_left_alone() {
    let Some(database) = Database::make("newer") else { return };
    let visitor = database.visitor();
    let newer = visitor.batch_execute("UPDATE url_shortener.format SET version = 2");
    wait(&database.runtime, newer).unwrap();
    let opened = wait(&database.runtime, open(&database.address));
    assert!(matches!(opened, Err(OpenError::Newer(2))), "{opened:?}");
}

#[test]
fn a_link_that_cannot_be_read_is_not_handed_out() {
    let Some(database) = Database::make("unreadable") else { return };
    let visitor = database.visitor();
    let strange = visitor.batch_execute(
        "INSERT INTO url_shortener.links (domain, code, link) VALUES ('', 'x', '{\"url\": 7}')",
    );
    wait(&database.runtime, strange).unwrap();
    let reply = database.try_ask(Call::Get(Key::new("", "x")));
    assert!(matches!(reply, Some(Reply::Refused(why)) if why.contains("cannot be read")));
}
