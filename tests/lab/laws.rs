//! The driver's laws, which stand at the head of `crates/machine/src/lib.rs`: one script for each, and both
//! worlds are run through it.
//!
//! A script moves three [probes](probe), n0 to n2, by a [`Lab`]: it has them send, set timers and ask their
//! disks, lets the world do what worlds do, and judges what they were told, as a set of allowed answers where a
//! law allows several. The simulated lab takes virtual time and its faults from `sim`. The real one has nodes
//! on sockets and files, and between each two of them a [relay](relay) that can stall, cut and break.

mod boots;
mod disks;
mod links;
mod lost;
mod probe;
mod real;
mod relay;
mod simulated;
mod timers;
mod windows;

use std::time::Duration;

use probe::{Act, Seen, What};

/// A world of three nodes that a script can move.
trait Lab: Sized {
    /// Has a probe do these things, in one input.
    fn tell(&mut self, node: u32, acts: &[Act]);
    /// All that a probe noted, boot after boot.
    fn log(&self, node: u32) -> Vec<Seen>;
    /// Is there a process that takes inputs?
    fn is_up(&self, node: u32) -> bool;

    /// The process dies; its system lives.
    fn kill(&mut self, node: u32);
    /// It begins again, on the same disk.
    ///
    /// # Errors
    /// If the world refuses to begin it, with the reason.
    fn restart(&mut self, node: u32) -> Result<(), String>;
    /// The operator wants it to end.
    fn stop(&mut self, node: u32);
    /// It handles nothing until it is resumed; what comes waits.
    fn pause(&mut self, node: u32);
    fn resume(&mut self, node: u32);

    /// Nothing passes between two nodes until it is healed.
    fn cut(&mut self, a: u32, b: u32);
    fn heal(&mut self, a: u32, b: u32);
    /// So many bytes a second pass on each lane, until it is healed.
    fn slow(&mut self, a: u32, b: u32, rate: u32);
    /// One connection between them breaks: the one that has carried most.
    fn reset(&mut self, a: u32, b: u32);
    /// From now on no sync, replacement or deletion of the file of that name ends well.
    fn ruin(&mut self, node: u32, file: Ruined);

    /// Goes on for a moment.
    fn go_on(&mut self);
    /// Goes on for as long as anything takes that was asked for and is not held up.
    fn settle(&mut self);
    /// How many moments a script waits for anything.
    fn patience(&self) -> u32;

    /// Goes on until it is so.
    #[track_caller]
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut moments = 0;
        while !is_so(self) {
            let logs = || [0, 1, 2].map(|node| self.log(node));
            assert!(moments < self.patience(), "waited in vain until {what}: {:#?}", logs());
            moments += 1;
            self.go_on();
        }
    }

    /// How often a probe noted what is looked for.
    fn count(&self, node: u32, is_it: impl Fn(&What) -> bool) -> usize {
        self.log(node).iter().filter(|seen| is_it(&seen.what)).count()
    }

    /// How often a probe was told of a reset of this peer.
    fn resets(&self, node: u32, peer: u32) -> usize {
        self.count(node, |what| *what == What::Reset(peer))
    }
}

/// The files that [`Lab::ruin`] knows how to spoil.
#[derive(Clone, Copy, Debug)]
enum Ruined {
    /// It cannot be synced.
    Sync,
    /// It can be neither replaced nor deleted.
    Name,
}

impl Ruined {
    const fn file(self) -> machine::FileName {
        machine::FileName::Borrowed(match self {
            Ruined::Sync => "unsyncable",
            Ruined::Name => "unnameable",
        })
    }
}

/// Longer than anything in the real world takes on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

macro_rules! laws {
    ($($number:literal $file:ident: $($law:ident)*;)*) => { $($(
        #[doc = concat!("Law ", $number, ".")]
        mod $law {
            #[test]
            fn simulated() {
                (0..5).for_each(|seed| super::$file::$law(&mut super::simulated::Simulated::new(seed)));
            }

            #[test]
            fn real() {
                super::$file::$law(&mut super::real::Real::new(stringify!($law)));
            }
        }
    )*)* };
}

laws! {
    1 boots: a_boot_begins_with_its_start_and_has_nothing_from_before
        outputs_are_carried_out_in_order_and_none_after_a_halt;
    2 timers: a_timer_fires_once_and_never_early_and_equal_ones_in_order
        a_timer_that_came_due_while_nothing_was_handled_fires_once;
    3 links: a_lane_is_in_order_between_resets
        a_reset_ends_both_lanes
        a_process_that_died_is_a_reset;
    4 windows: a_stream_holds_a_window_and_no_more
        a_bulk_lane_holds_a_window_and_no_more
        the_longest_message_passes_and_a_longer_one_resets
        what_weighs_nothing_fills_a_window_too
        credit_is_given_for_what_the_machine_was_handed;
    5 windows: who_keeps_to_half_a_window_is_never_reset_on_a_stream
        who_keeps_to_half_a_window_is_never_reset_in_bulk
        a_peer_that_takes_nothing_stops_the_sender_and_breaks_nothing
        a_stalled_bulk_lane_delays_no_stream;
    6 links: a_datagram_arrives_whole_or_not_and_a_heavy_one_never;
    7 links: who_is_nowhere_answers_with_a_reset;
    8 disks: a_file_ends_in_order_and_others_do_not_wait_for_it
        a_read_waits_for_no_sync
        a_crash_leaves_a_beginning_of_each_file;
    9 lost: after_a_failed_sync_only_a_halt_is_carried_out
        a_failed_replacement_is_as_a_failed_sync
        a_failed_deletion_is_as_a_failed_sync;
    10 boots: a_new_disk_holds_the_first_files_and_a_lost_one_stays_lost;
    11 boots: a_stop_is_told_once_and_the_node_ends_when_it_is_answered
        who_does_not_answer_a_stop_dies_when_the_grace_ends
        whoever_dies_otherwise_is_told_nothing;
}
