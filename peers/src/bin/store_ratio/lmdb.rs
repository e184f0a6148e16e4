//! LMDB, by way of heed. Its default is what it promises: a commit is synced.

use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions};

use crate::contestants::Contestant;
use crate::links::Pairs;

pub struct Lmdb {
    /// Open until the process ends: the handle of a database borrows it.
    env: &'static Env,
    links: Database<'static, Bytes, Bytes>,
}

impl Lmdb {
    #[expect(unsafe_code, reason = "LMDB maps the file; nobody else touches it here")]
    pub fn open(folder: &Path) -> Lmdb {
        let mut options = EnvOpenOptions::new();
        options.map_size(16 << 30);
        // SAFETY: this process made the folder and is alone in it.
        let env = unsafe { options.open(folder) }.expect("an environment");
        let env: &'static Env = Box::leak(Box::new(env));
        let write = env.write_txn().expect("a transaction");
        let opened = env.create_databases_and_commit(write, |opener, write| {
            opener.create_database(write, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        let links = opened.expect("a database").unwrap_commit();
        Lmdb { env, links }
    }
}

impl Contestant for Lmdb {
    fn name(&self) -> &'static str {
        "lmdb"
    }

    fn create(&mut self, pairs: &Pairs) {
        let mut write = self.env.write_txn().expect("a transaction");
        for (key, value) in pairs {
            self.links.put(&mut write, key, value).expect("a put");
        }
        write.commit().expect("a commit");
    }

    /// A transaction for each, as for requests that come one by one.
    fn read(&mut self, keys: &[Vec<u8>]) -> u64 {
        let mut bytes = 0;
        for key in keys {
            let read = self.env.read_txn().expect("a transaction");
            let value = self.links.get(&read, key).expect("a read").expect("a link");
            bytes += value.to_vec().len() as u64;
        }
        bytes
    }
}
