//! What follows when the disk cannot make something durable. What a full disk does is tested where it can be
//! had: in `crates/sim/tests/sim/disks.rs`, and in `crates/host/src/files/power_cut.rs`.

use machine::{DiskCommand, Link};

use super::probe::{Act, What};
use super::{Lab, Ruined, links};

/// The machine makes light of it: what it does then is not done, and it is halted.
fn is_halted(lab: &mut impl Lab, ruined: Ruined, command: DiskCommand) {
    lab.tell(0, &[Act::Send { to: 1, link: Link::Stream, weight: 100, count: 1 }]);
    lab.wait_until("n1 hears", |lab| links::heard(lab, 0, 1, Link::Stream).len() == 1);
    lab.ruin(0, ruined);
    let light = Act::WhenDiskFails(vec![
        Act::Note(1),
        Act::Send { to: 1, link: Link::Stream, weight: 100, count: 1 },
        Act::Disk(2, DiskCommand::List { prefix: "".into() }),
    ]);
    lab.tell(0, &[light, Act::Disk(1, command)]);
    lab.wait_until("it is gone", |lab| !lab.is_up(0));
    lab.settle();
    let after = |what: &What| matches!(what, What::Disk(..) | What::Noted(_));
    assert_eq!(lab.count(0, after), 0, "nothing that it said was let out: {:?}", lab.log(0));
    assert_eq!(links::heard(lab, 0, 1, Link::Stream).len(), 1);
}

pub(super) fn after_a_failed_sync_only_a_halt_is_carried_out(lab: &mut impl Lab) {
    let file = Ruined::Sync.file();
    is_halted(lab, Ruined::Sync, DiskCommand::Sync { file, data_only: false });
}

pub(super) fn a_failed_replacement_is_as_a_failed_sync(lab: &mut impl Lab) {
    let file = Ruined::Name.file();
    is_halted(lab, Ruined::Name, DiskCommand::Replace { file, parts: "new".into() });
}

pub(super) fn a_failed_deletion_is_as_a_failed_sync(lab: &mut impl Lab) {
    is_halted(lab, Ruined::Name, DiskCommand::Delete { file: Ruined::Name.file() });
}
