//! `decode`: what ids say about their minting.

use std::io::{BufRead, BufWriter, Write};

use snowflake::{Decoded, Id, IdError, Layout, wire};

use crate::exit::{Failure, Outcome, print, printed};

pub(super) fn decode(ids: &[String], layout: &Layout, json: bool) -> Outcome {
    let take_apart = |text: &str| decode_one(text, layout);
    if ids != ["-"] {
        let decoded: Result<Vec<_>, _> = ids.iter().map(|id| take_apart(id)).collect();
        return show(&decoded?, json);
    }
    let lines = std::io::stdin().lock().lines();
    let lines =
        lines.map(|line| line.map_err(|error| Failure::environment("cannot read ids", error)));
    let decoded = lines.map(|line| take_apart(line?.trim_end()));
    if json {
        return show(&decoded.collect::<Result<Vec<_>, _>>()?, json);
    }
    // As they come: there may be more of them than fit in memory.
    let mut out = BufWriter::new(std::io::stdout().lock());
    for decoded in decoded {
        let written = writeln!(out, "{}", wire::decoded_text(&decoded?));
        if written.is_err() {
            return printed(written);
        }
    }
    printed(out.flush())
}

fn show(decoded: &[Decoded], json: bool) -> Outcome {
    if json {
        return print(&(wire::decoded_json(decoded) + "\n"));
    }
    print(&decoded.iter().map(|decoded| wire::decoded_text(decoded) + "\n").collect::<String>())
}

fn decode_one(text: &str, layout: &Layout) -> Result<Decoded, Failure> {
    if text.len() > 1_000 {
        return Err(Failure::input(format!("an id is at most {}, and this is longer", u64::MAX)));
    }
    let id: Id = text.parse().map_err(Failure::input)?;
    layout.decode(id).map_err(|error| match error {
        IdError::ForeignBits { .. } => {
            Failure::input(format!("{error}; name another layout with --layout"))
        }
        _ => Failure::input(error),
    })
}
