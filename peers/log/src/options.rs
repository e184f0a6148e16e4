//! What can be said behind a command, as NAME=VALUE.

use std::path::PathBuf;

/// How it is measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// A release build of ours.
    pub(crate) infralab: String,
    /// Turns of each.
    pub(crate) rounds: usize,
    /// The first of about forty ports.
    pub(crate) port: u16,
    /// For what brokers keep, and Kafka's jars.
    pub(crate) folder: PathBuf,
    /// What Kafka's heap has, in MiB.
    pub(crate) heap: u32,
    /// Which brokers, where not all are wanted.
    pub(crate) only: Option<String>,
    /// How much passes through a cluster, in MiB.
    pub(crate) mib: u64,
    /// Records of a hundred bytes in a run; of a KiB a quarter as many.
    pub(crate) records: u64,
}

impl Options {
    pub(crate) fn of(words: impl Iterator<Item = String>) -> Options {
        let mut options = Options {
            infralab: concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/infralab")
                .to_owned(),
            rounds: 6,
            port: 19300,
            folder: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/log")),
            heap: 1024,
            only: None,
            mib: 4096,
            records: 2_000_000,
        };
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{word}: a number"));
            match name {
                "infralab" => options.infralab = value.to_owned(),
                "rounds" => options.rounds = number() as usize,
                "port" => options.port = number() as u16,
                "folder" => options.folder = PathBuf::from(value),
                "heap" => options.heap = number() as u32,
                "only" => options.only = Some(value.to_owned()),
                "mib" => options.mib = number(),
                "records" => options.records = number(),
                _ => panic!("{word}: there is no such option"),
            }
        }
        std::fs::create_dir_all(&options.folder).expect("a folder");
        options.folder = options.folder.canonicalize().expect("a folder");
        options
    }

    pub(crate) fn wants(&self, broker: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only.split(',').any(|one| one == broker))
    }
}
