//! Where and when a node's disk operations are carried out.
//!
//! The law: what changes a file, and its syncs, are carried out and told in the order in which they were asked
//! for; nothing is ordered between files. A read waits for the changes of its file that were asked for
//! before it, and for no sync. Each operation is told by itself.
//!
//! - All nodes of a process share the *lanes* of a device: a few threads for changes and syncs, a few for reads, and
//!   one for deletions, so that nothing waits for these. A file that has work sits on one lane at a time.
//! - Syncs wait for the writes that stand behind them, and share one sync of the file (group commit); what
//!   was asked for behind the first of them is told after it.
//! - New names that stand at the same time share one sync of their folder: it is carried out when the lanes
//!   have done what stood before it, and their files wait for it, but no lane does.

mod device;
#[cfg(test)]
mod orders;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use machine::{DiskAnswer, DiskCommand, FileName};

use crate::files::{DiskOutcome, Durable, Files};
use device::Device;

/// Operations that wait for one file are carried out together, at most so many.
const MOST_TOGETHER: usize = 256;

/// An operation that ended.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    pub(crate) op: T,
    /// Does its end say that something is durable?
    pub(crate) is_durable: bool,
    pub(crate) outcome: DiskOutcome,
}

type Tell<T> = Box<dyn Fn(Ended<T>) + Send + Sync>;

/// The disk of one node.
pub(crate) struct Disk<T> {
    files: Files,
    device: Arc<Device>,
    tell: Tell<T>,
    orders: Mutex<Orders<T>>,
    /// Nothing is at work any more.
    idle: Condvar,
}

struct Orders<T> {
    /// Of the files that have any.
    lines: HashMap<FileName, Line<T>>,
    /// Files whose work is to begin.
    begun: Vec<FileName>,
    /// What waits for a sync of the folder, file by file.
    parked: Vec<(FileName, Vec<Ended<T>>)>,
    /// Threads that are carrying out something.
    at_work: usize,
    stopped: bool,
}

/// What waits for one file, in order.
struct Line<T> {
    waiting: VecDeque<(DiskCommand, T)>,
    /// Changes that were asked for and have not been made.
    changing: usize,
}

impl<T: Send + 'static> Disk<T> {
    pub(crate) fn new(files: Files, tell: Tell<T>) -> Arc<Disk<T>> {
        let device = Device::of(files.folder());
        Disk::on(device, files, tell)
    }

    fn on(device: Arc<Device>, files: Files, tell: Tell<T>) -> Arc<Disk<T>> {
        let (lines, begun, parked) = (HashMap::new(), Vec::new(), Vec::new());
        let orders = Mutex::new(Orders { lines, begun, parked, at_work: 0, stopped: false });
        Arc::new(Disk { files, device, tell, orders, idle: Condvar::new() })
    }

    /// One that does nothing by itself.
    #[cfg(test)]
    pub(crate) fn by_hand(files: Files, tell: Tell<T>) -> Arc<Disk<T>> {
        Disk::on(Arc::new(Device::without_lanes()), files, tell)
    }

    /// Does one of the things that lanes may do next; false where there is none.
    #[cfg(test)]
    pub(crate) fn do_one(&self, choice: usize) -> bool {
        self.device.do_one(choice)
    }

    /// Asks for this, which is done after [`Disk::begin`]. Its end is told, unless it is there already: a read
    /// that no device is asked for.
    pub(crate) fn ask(self: &Arc<Self>, command: DiskCommand, op: T) -> Option<Ended<T>> {
        let mut orders = self.orders();
        if orders.stopped {
            return None;
        }
        let Some(name) = command.file() else {
            self.read(command, op);
            return None;
        };
        if is_read(&command) {
            match orders.lines.get_mut(name).filter(|line| line.changing > 0) {
                Some(line) => line.waiting.push_back((command, op)),
                None => {
                    drop(orders);
                    match self.files.read_at_once(&command) {
                        Some(bytes) => {
                            let outcome = Ok(DiskAnswer::Bytes(bytes));
                            return Some(Ended { op, is_durable: false, outcome });
                        }
                        None => self.read(command, op),
                    }
                }
            }
            return None;
        }
        let name = name.clone();
        let changes = usize::from(!matches!(command, DiskCommand::Sync { .. }));
        match orders.lines.get_mut(&name) {
            Some(line) => {
                line.changing += changes;
                line.waiting.push_back((command, op));
            }
            None => {
                let line = Line { waiting: VecDeque::from([(command, op)]), changing: changes };
                orders.lines.insert(name.clone(), line);
                orders.begun.push(name);
            }
        }
        None
    }

    /// What was asked for may be done: what one input of a machine asks for waits together.
    pub(crate) fn begin(self: &Arc<Self>) {
        let begun = std::mem::take(&mut self.orders().begun);
        begun.into_iter().for_each(|name| self.put_on_a_lane(name));
    }

    /// Nothing is begun from now on, and nothing told.
    pub(crate) fn stop(&self) {
        let mut orders = self.orders();
        orders.stopped = true;
        orders.lines.clear();
        orders.begun.clear();
        orders.parked.clear();
    }

    /// Waits for what was begun.
    pub(crate) fn wait_until_idle(&self) {
        let at_work = |orders: &mut Orders<T>| orders.at_work > 0;
        // It is looked at, and not relied on.
        drop(self.idle.wait_while(self.orders(), at_work));
    }

    fn put_on_a_lane(self: &Arc<Self>, name: FileName) {
        let disk = self.clone();
        if self.is_to_go(&name) {
            self.device.delete(Box::new(move || disk.at_work(|disk| disk.serve(name, true))));
        } else {
            self.device.change(Box::new(move || disk.at_work(|disk| disk.serve(name, false))));
        }
    }

    /// Is the file to be deleted next?
    fn is_to_go(&self, name: &FileName) -> bool {
        let orders = self.orders();
        let next = orders.lines.get(name).and_then(|line| line.waiting.front());
        matches!(next, Some((DiskCommand::Delete { .. }, _)))
    }

    fn read(self: &Arc<Self>, command: DiskCommand, op: T) {
        let disk = self.clone();
        let work = move |disk: &Arc<Disk<T>>| {
            let outcome = disk.files.perform(command);
            disk.tell(Ended { op, is_durable: false, outcome });
        };
        self.device.read(Box::new(move || disk.at_work(work)));
    }

    /// Does this, if the disk was not stopped; who stops it waits until it is done.
    fn at_work(self: &Arc<Self>, work: impl FnOnce(&Arc<Self>)) {
        {
            let mut orders = self.orders();
            if orders.stopped {
                return;
            }
            orders.at_work += 1;
        }
        // Also where the machine that is told panics.
        let _over = AtWork(self);
        work(self);
    }

    /// Carries out what waits for a file, until nothing does, other files wait for a lane, or it is not this lane's:
    /// that for deletions, or not.
    fn serve(self: &Arc<Self>, name: FileName, deletes: bool) {
        loop {
            let group = self.take_group(&name);
            let held = self.carry_out(&name, group);
            if held.iter().any(|held| held.1 == Durable::WithItsFolder) {
                return self.park(name, held.into_iter().map(|held| held.0).collect());
            }
            held.into_iter().for_each(|(ended, _)| self.tell(ended));
            if !self.goes_on(&name) {
                return;
            }
            if self.device.is_wanted() || self.is_to_go(&name) != deletes {
                return self.put_on_a_lane(name);
            }
        }
    }

    /// What can be carried out together: one operation that takes the file away, or cuts it; or as many as
    /// there are that do not.
    fn take_group(&self, name: &FileName) -> Vec<(DiskCommand, T)> {
        let mut orders = self.orders();
        let Some(line) = orders.lines.get_mut(name) else { return Vec::new() };
        let mut group = Vec::new();
        while let Some((command, _)) = line.waiting.front() {
            let alone = stands_alone(command);
            if group.len() == MOST_TOGETHER || (alone && !group.is_empty()) {
                break;
            }
            group.extend(line.waiting.pop_front());
            if alone {
                break;
            }
        }
        group
    }

    /// Carries these out. What has to wait for the folder, and what stands behind a sync, is given back, to be
    /// told in this order.
    fn carry_out(
        self: &Arc<Self>,
        name: &FileName,
        group: Vec<(DiskCommand, T)>,
    ) -> Vec<(Ended<T>, Durable)> {
        let mut held: Vec<(Ended<T>, Durable)> = Vec::new();
        // The places of syncs, and whether they want all that is known of the file.
        let (mut syncs, mut whole) = (Vec::new(), false);
        for (command, op) in group {
            match command {
                command if is_read(&command) => self.read(command, op),
                // One that is not there yet must not be found by waiting.
                DiskCommand::Sync { file, data_only } => {
                    let outcome = self.files.has(&file).map(|()| DiskAnswer::Done);
                    if outcome.is_ok() {
                        syncs.push(held.len());
                        whole |= !data_only;
                    }
                    held.push((Ended { op, is_durable: true, outcome }, Durable::ByItself));
                }
                command => {
                    let is_durable = stands_alone(&command) && !is_cut(&command);
                    let outcome = self.files.change(command);
                    self.changed(name);
                    let durable = outcome.as_ref().map_or(Durable::ByItself, |durable| *durable);
                    let outcome = outcome.map(|_| DiskAnswer::Done);
                    let ended = Ended { op, is_durable, outcome };
                    if held.is_empty() && durable == Durable::ByItself {
                        self.tell(ended);
                    } else {
                        held.push((ended, durable));
                    }
                }
            }
        }
        if !syncs.is_empty() {
            let synced = self.files.sync(name, !whole);
            for place in syncs {
                let (ended, durable) = &mut held[place];
                *durable = synced.as_ref().map_or(Durable::ByItself, |durable| *durable);
                ended.outcome = synced.clone().map(|_| DiskAnswer::Done);
            }
        }
        held
    }

    /// A change of this file was made, well or not: reads may go on.
    fn changed(&self, name: &FileName) {
        if let Some(line) = self.orders().lines.get_mut(name) {
            line.changing -= 1;
        }
    }

    /// Does more wait for the file? One that has nothing is forgotten.
    fn goes_on(&self, name: &FileName) -> bool {
        let mut orders = self.orders();
        let more = orders.lines.get(name).is_some_and(|line| !line.waiting.is_empty());
        if !more {
            orders.lines.remove(name);
        }
        more
    }

    /// The file goes on when its folder was synced, together with others that wait for that.
    fn park(self: &Arc<Self>, name: FileName, held: Vec<Ended<T>>) {
        let mut orders = self.orders();
        orders.parked.push((name, held));
        if orders.parked.len() == 1 {
            drop(orders);
            let disk = self.clone();
            self.device.change(Box::new(move || disk.at_work(Disk::sync_folder)));
        }
    }

    fn sync_folder(self: &Arc<Self>) {
        let parked = std::mem::take(&mut self.orders().parked);
        let synced = self.files.sync_folder();
        for (name, held) in parked {
            for mut ended in held {
                if let (true, Ok(_), Err(failed)) = (ended.is_durable, &ended.outcome, &synced) {
                    ended.outcome = Err(failed.clone());
                }
                self.tell(ended);
            }
            if self.goes_on(&name) {
                self.put_on_a_lane(name);
            }
        }
    }

    fn tell(&self, ended: Ended<T>) {
        if !self.orders().stopped {
            (self.tell)(ended);
        }
    }

    fn orders(&self) -> MutexGuard<'_, Orders<T>> {
        // Each change is whole before anything can panic.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that carries out something.
struct AtWork<'a, T>(&'a Disk<T>);

impl<T> Drop for AtWork<'_, T> {
    fn drop(&mut self) {
        let mut orders = self.0.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.at_work -= 1;
        if orders.at_work == 0 {
            self.0.idle.notify_all();
        }
    }
}

fn is_read(command: &DiskCommand) -> bool {
    matches!(command, DiskCommand::Read { .. } | DiskCommand::Length { .. })
}

fn is_cut(command: &DiskCommand) -> bool {
    matches!(command, DiskCommand::Truncate { .. })
}

/// Would it change what there is to sync?
fn stands_alone(command: &DiskCommand) -> bool {
    is_cut(command) || matches!(command, DiskCommand::Replace { .. } | DiskCommand::Delete { .. })
}
