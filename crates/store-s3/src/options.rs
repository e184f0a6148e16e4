//! The options of the real server, their defaults, and which nodes of a cluster are where.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use host::{Addresses, BadOption, Options, Place, ServeError, number};
use machine::NodeId;
use object_store::cluster::Cluster;
use object_store::range::Ranges;
use object_store::tuning::Tuning;
use object_store::words::Code;

use crate::server::KeyPairs;
use crate::serving::{self, ServeConfig};

/// Of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// How many nodes the store in this process has, each with a disk of its own: a folder.
    #[arg(long, value_name = "N", default_value_t = 9)]
    #[arg(value_parser = number::<u32>(1..=99))]
    nodes: u32,
    /// Over how many zones they are spread: what is lost together.
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = number::<u8>(1..=16))]
    zones: u8,
    /// How objects of more than 64 KiB are cut: into shards of data and of parity. Any as many as there are of
    /// data give the bytes back; 1+2 is three copies.
    #[arg(long, value_name = "K+M", default_value = "4+2", value_parser = code)]
    code: Code,
    /// Users and their keys, one on each line: USER ACCESS_KEY SECRET. Without a file a pair is made, and
    /// shown once.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Options for ServeOptions {
    const SYSTEM: &'static str = "object-store";
    const PORT: u16 = 9000;
    const DATA: &'static str = "infralab-data/object-store";

    type Config = ServeConfig;

    fn config(self, place: Place, warn: &mut dyn FnMut(String)) -> Result<ServeConfig, BadOption> {
        if place.seat.is_some() {
            return Err(BadOption("a store is in one process: say --nodes and --zones".to_owned()));
        }
        let (listen, data) = place.whole::<Self>();
        let keys = self.keys.as_deref().map(|file| {
            let text = read(file, warn)?;
            KeyPairs::parse(&text).map_err(|why| format!("{}: {why}", file.display()))
        });
        let keys = keys.transpose().map_err(BadOption)?;
        let tuning = Tuning { code: self.code, ..Tuning::default() };
        let zone = |node: u32| (NodeId(node), (node % u32::from(self.zones)) as u8);
        let zones = (0..self.nodes).map(zone).collect();
        let cluster = Cluster::new(zones, Ranges::by_letter(), &tuning);
        let cluster = cluster.map_err(|why| {
            BadOption(format!("{why}: say --nodes {}, or another --code", self.code.shards()))
        })?;
        Ok(ServeConfig { cluster, tuning, keys, listen, data, access: place.access })
    }

    fn serve(config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
        serving::serve(config, ready)
    }
}

/// The text of a file of keys. Where others can read it too, `warn` is told.
fn read(file: &Path, warn: &mut dyn FnMut(String)) -> Result<String, String> {
    let wrong = |why: std::io::Error| format!("{}: {why}", file.display());
    let about = std::fs::metadata(file).map_err(wrong)?;
    if about.is_file() && about.permissions().mode() & 0o077 != 0 {
        warn(format!("others can read {0}; take that from them: chmod 600 {0}", file.display()));
    }
    std::fs::read_to_string(file).map_err(wrong)
}

/// A code, or the sentence that says what one is.
fn code(text: &str) -> Result<Code, String> {
    let parse = || {
        let (data, parity) = text.split_once('+')?;
        Some(Code { data: data.parse().ok()?, parity: parity.parse().ok()? })
    };
    let code = parse().filter(|code| code.data > 0 && code.data.saturating_add(code.parity) <= 32);
    code.ok_or_else(|| {
        format!("a code is such as 4+2, of 32 shards at most and one of data at least, and {text:?} is not")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        assert_eq!(code("4+2"), Ok(Code { data: 4, parity: 2 }));
        assert_eq!(code("1+0").map(|code| code.to_string()), Ok("1+0".to_owned()));
        for text in ["", "4", "0+2", "4+", "+2", "30+3", "255+255", "4+2+1", "4 + 2"] {
            assert!(code(text).is_err(), "{text}");
        }
    }
}
