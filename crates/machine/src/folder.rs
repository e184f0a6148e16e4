//! A part with files of its own, in a machine that has another part which calls its files the same.
//!
//! The law: a part in a folder meets no file but its own. It speaks its own words, and they become its machine's here: so
//! a machine can have two parts of one kind, and knows which of them is answered.

use std::convert::Infallible;

use bytes::Bytes;

use crate::disk::{DiskAnswer, DiskCommand, DiskResult, FileName};
use crate::outputs::{Output, Outputs};
use crate::protocol::Protocol;

/// The files that begin with a prefix.
#[derive(Clone, Copy, Debug)]
pub struct Folder(pub &'static str);

impl Folder {
    /// The files with which the part's disk begins, as the machine's begins with them.
    pub fn first_files(self, files: Vec<(FileName, Bytes)>) -> Vec<(FileName, Bytes)> {
        files.into_iter().map(|(name, bytes)| (self.named(&name), bytes)).collect()
    }

    /// Hands on what a part wants done; what it notes is told to `note`.
    pub fn hand_on<Part, P>(
        self,
        part: &mut Outputs<Part>,
        out: &mut Outputs<P>,
        op: fn(Part::Op) -> P::Op,
        timer: fn(Part::Timer) -> P::Timer,
        mut note: impl FnMut(Part::Note, &mut Outputs<P>),
    ) where
        Part: Protocol<Message = Infallible>,
        P: Protocol,
    {
        for output in part.drain() {
            match output {
                Output::Disk { command, op: then } => {
                    out.disk(self.within(*command), op(then));
                }
                Output::SetTimer { timer: name, after } => out.set_timer(timer(name), after),
                Output::CancelTimer(name) => out.cancel_timer(timer(name)),
                Output::Note(what) => note(what, out),
                Output::Meet { peer, address } => out.meet(peer, address),
                Output::Halt { why } => out.halt(why),
                Output::Stopped => out.stopped(),
                Output::Send { message, .. } => match message {},
            }
        }
    }

    /// What the disk said, as the part knows it.
    pub fn answer(self, result: DiskResult) -> DiskResult {
        match result {
            Ok(DiskAnswer::Names(names)) => {
                let own = |name: String| name.strip_prefix(self.0).map(str::to_owned);
                Ok(DiskAnswer::Names(names.into_iter().filter_map(own).collect()))
            }
            result => result,
        }
    }

    fn named(self, name: &str) -> FileName {
        format!("{}{name}", self.0).into()
    }

    fn within(self, mut command: DiskCommand) -> DiskCommand {
        match &mut command {
            DiskCommand::Write { file, .. }
            | DiskCommand::Sync { file, .. }
            | DiskCommand::Read { file, .. }
            | DiskCommand::Length { file }
            | DiskCommand::Truncate { file, .. }
            | DiskCommand::Replace { file, .. }
            | DiskCommand::Delete { file }
            | DiskCommand::Allocate { file, .. }
            | DiskCommand::List { prefix: file } => *file = self.named(file),
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryDisk;

    #[derive(Clone, Debug)]
    struct Part;
    impl Protocol for Part {
        type Message = Infallible;
        type Timer = u8;
        type Op = u8;
        type Note = u8;
    }

    #[derive(Clone, Debug)]
    struct Whole;
    impl Protocol for Whole {
        type Message = ();
        type Timer = (&'static str, u8);
        type Op = (&'static str, u8);
        type Note = ();
    }

    const A: Folder = Folder("a-");
    const B: Folder = Folder("b-");

    /// What a part in this folder asks for, and what the disk says to that.
    fn asks(folder: Folder, command: DiskCommand, disk: &mut MemoryDisk) -> DiskResult {
        let (mut part, mut out) = (Outputs::<Part>::default(), Outputs::<Whole>::default());
        part.disk(command, 7);
        part.set_timer(8, std::time::Duration::ZERO);
        part.note(9);
        let mut noted = 0;
        folder.hand_on(
            &mut part,
            &mut out,
            |op| ("op", op),
            |it| ("timer", it),
            |it, _| noted = it,
        );
        assert_eq!(noted, 9);
        let mut outputs = out.drain();
        let Some(Output::Disk { command, op: ("op", 7) }) = outputs.next() else { panic!() };
        assert!(matches!(outputs.next(), Some(Output::SetTimer { timer: ("timer", 8), .. })));
        folder.answer(disk.perform(*command))
    }

    #[test]
    fn a_part_meets_its_own_files_and_no_others() {
        let mut disk = MemoryDisk::default();
        let replace =
            |text: &'static str| DiskCommand::Replace { file: "bound".into(), parts: text.into() };
        asks(A, replace("one"), &mut disk).unwrap();
        asks(B, replace("two"), &mut disk).unwrap();
        let read = || DiskCommand::Read { file: "bound".into(), offset: 0, length: 9 };
        assert_eq!(asks(A, read(), &mut disk), Ok(DiskAnswer::Bytes("one".into())));
        let list = |prefix: &'static str| DiskCommand::List { prefix: prefix.into() };
        assert_eq!(asks(B, list(""), &mut disk), Ok(DiskAnswer::Names(vec!["bound".into()])));
        asks(A, DiskCommand::Delete { file: "bound".into() }, &mut disk).unwrap();
        assert_eq!(asks(A, list("b"), &mut disk), Ok(DiskAnswer::Names(vec![])));
        assert_eq!(asks(B, read(), &mut disk), Ok(DiskAnswer::Bytes("two".into())));
        assert_eq!(A.first_files(vec![("x".into(), "y".into())])[0].0, "a-x");
    }
}
