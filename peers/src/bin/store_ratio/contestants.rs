//! Embedded databases, each set so that a batch is durable when it was created.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{ReadableDatabase, TableDefinition};
use rusqlite::Connection;

use crate::links::Pairs;

/// Something that keeps links.
pub trait Contestant {
    fn name(&self) -> &'static str;
    /// Keeps these, durably when it returns.
    fn create(&mut self, pairs: &Pairs);
    /// Reads these one after the other; how many bytes their values had.
    fn read(&mut self, keys: &[Vec<u8>]) -> u64;
}

pub struct Fjall {
    database: Database,
    links: Keyspace,
}

impl Fjall {
    pub fn open(folder: &Path) -> Fjall {
        let database = Database::builder(folder).open().expect("a database");
        let links = database.keyspace("links", KeyspaceCreateOptions::default).expect("a keyspace");
        Fjall { database, links }
    }
}

impl Contestant for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn create(&mut self, pairs: &Pairs) {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (key, value) in pairs {
            batch.insert(&self.links, key.as_slice(), value.as_slice());
        }
        batch.commit().expect("a commit");
    }

    fn read(&mut self, keys: &[Vec<u8>]) -> u64 {
        let value = |key: &Vec<u8>| self.links.get(key).expect("a read").expect("a link");
        keys.iter().map(|key| value(key).to_vec().len() as u64).sum()
    }
}

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("links");

pub struct Redb(redb::Database);

impl Redb {
    pub fn open(folder: &Path) -> Redb {
        Redb(redb::Database::create(folder.join("links.redb")).expect("a database"))
    }
}

impl Contestant for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn create(&mut self, pairs: &Pairs) {
        let write = self.0.begin_write().expect("a transaction");
        let mut table = write.open_table(TABLE).expect("a table");
        for (key, value) in pairs {
            table.insert(key.as_slice(), value.as_slice()).expect("an insert");
        }
        drop(table);
        write.commit().expect("a commit");
    }

    /// One transaction for all: to begin one is most of the work, and it need not.
    fn read(&mut self, keys: &[Vec<u8>]) -> u64 {
        let read = self.0.begin_read().expect("a transaction");
        let table = read.open_table(TABLE).expect("a table");
        let value = |key: &Vec<u8>| table.get(key.as_slice()).expect("a read").expect("a link");
        keys.iter().map(|key| value(key).value().to_vec().len() as u64).sum()
    }
}

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn open(folder: &Path) -> Sqlite {
        let connection = Connection::open(folder.join("links.sqlite")).expect("a database");
        let set = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE links (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";
        connection.execute_batch(set).expect("a table");
        Sqlite(connection)
    }
}

impl Contestant for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn create(&mut self, pairs: &Pairs) {
        let transaction = self.0.transaction().expect("a transaction");
        let insert = "INSERT INTO links VALUES (?1, ?2)";
        let mut insert = transaction.prepare_cached(insert).expect("a statement");
        for (key, value) in pairs {
            insert.execute((key, value)).expect("an insert");
        }
        drop(insert);
        transaction.commit().expect("a commit");
    }

    fn read(&mut self, keys: &[Vec<u8>]) -> u64 {
        let select = "SELECT value FROM links WHERE key = ?1";
        let mut select = self.0.prepare_cached(select).expect("a statement");
        let mut value = |key: &Vec<u8>| -> Vec<u8> {
            select.query_row([key], |row| row.get(0)).expect("a link")
        };
        keys.iter().map(|key| value(key).len() as u64).sum()
    }
}
