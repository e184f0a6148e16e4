//! What members say to each other as sentences, for diagrams.

use std::fmt::{self, Display, Formatter};

use super::{AppendEntries, Appended, Envelope, InstallSnapshot, RequestVote, Rpc};

impl Display for Envelope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, (group, rpc)) in self.rpcs.iter().enumerate() {
            let between = if place > 0 { "; " } else { "" };
            let of = if group.0 > 0 { format!("g{}: ", group.0) } else { String::new() };
            write!(f, "{between}{of}{}", RpcSentence(rpc))?;
        }
        Ok(())
    }
}

/// One message of a group.
struct RpcSentence<'a>(&'a Rpc);

impl Display for RpcSentence<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Rpc::RequestVote(RequestVote { term, pre, transfer, last_index, last_term }) => {
                let asks = match (pre, transfer) {
                    (true, _) => "would you vote for me",
                    (false, true) => "vote for me, as the leader asked",
                    (false, false) => "vote for me",
                };
                write!(f, "{asks} in term {term}? log ends at {last_index}, term {last_term}")
            }
            Rpc::Vote { term, pre, granted } => {
                let pre = if *pre { "pre-" } else { "" };
                let said = if *granted { "granted" } else { "refused" };
                write!(f, "{pre}vote {said}, term {term}")
            }
            Rpc::AppendEntries(append) => {
                let AppendEntries { term, prev_index, prev_term, entries, leader_commit, .. } =
                    append;
                match entries.len() as u64 {
                    0 => write!(f, "heartbeat, term {term}")?,
                    1 => write!(f, "append {}, term {term}", prev_index + 1)?,
                    more => write!(
                        f,
                        "append {} to {}, term {term}",
                        prev_index + 1,
                        prev_index + more
                    )?,
                }
                write!(f, ", after {prev_index} of term {prev_term}, commit {leader_commit}")
            }
            Rpc::Appended { term, outcome: Appended::Matches(index), .. } => {
                write!(f, "matches up to {index}, term {term}")
            }
            Rpc::Appended { term, outcome: Appended::Conflicts(index), .. } => {
                write!(f, "conflicts; try after {index}, term {term}")
            }
            Rpc::InstallSnapshot(InstallSnapshot { term, last_index, offset, bytes, .. }) => {
                let end = offset + bytes.len() as u64;
                write!(f, "snapshot up to {last_index}, bytes {offset} to {end}, term {term}")
            }
            Rpc::SnapshotTaken { last_index, next: None, .. } => {
                write!(f, "snapshot up to {last_index} installed")
            }
            Rpc::SnapshotTaken { last_index, next: Some(next), .. } => {
                write!(f, "snapshot up to {last_index}: on from byte {next}")
            }
            Rpc::TimeoutNow { term } => write!(f, "campaign now, in my place, term {term}"),
            Rpc::Rest { term, index } => write!(f, "rest, after {index}, term {term}"),
            Rpc::Lost { term, index, last_term } => {
                write!(f, "you had my log up to {index} of {last_term}, term {term}")
            }
            Rpc::Wake => write!(f, "do not rest"),
            Rpc::Beat { next } => write!(f, "I am there, and again in {} ms", next / 1_000_000),
            Rpc::Hello => write!(f, "hello, who are we?"),
            Rpc::Founders(founders) => write!(f, "founded by {:?}", founders.voters),
            Rpc::Members { index, members } => {
                write!(f, "since {index} the voters are {:?}", members.voters)
            }
        }
    }
}
