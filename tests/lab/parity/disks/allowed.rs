//! What a disk may say, of operations that are all asked for at once.
//!
//! Each file is a story of its own: its changes and syncs end in the order in which they were asked for, each as
//! if there were no other file. A read may see any state from the one that the changes before it left to the last
//! one. A list may see of each file any state that it is ever in, as nothing has ended when it is asked for.

use machine::{DiskAnswer, DiskCommand, DiskResult, FileName, MemoryDisk};

use super::Said;

/// Is that allowed, boot after boot? Each ends when all that was asked for has ended.
///
/// # Errors
/// With what is not.
pub(super) fn judge(boots: &[Vec<DiskCommand>], said: &[Said]) -> Result<(), String> {
    let mut disk = MemoryDisk::default();
    for (orders, said) in boots.iter().zip(said) {
        let mut operations: Vec<_> = said.iter().map(|(operation, _)| *operation).collect();
        order(orders, &operations)?;
        operations.sort_unstable();
        if operations != Vec::from_iter(0..orders.len()) {
            return Err(format!("of {} operations these ended: {operations:?}", orders.len()));
        }
        for (operation, result) in said {
            let allowed = results(&disk, orders, *operation);
            if !allowed.contains(result) {
                let command = &orders[*operation];
                return Err(format!(
                    "{operation}, {command:?}, ended with {result:?} and not {allowed:?}"
                ));
            }
        }
        orders.iter().for_each(|command| drop(disk.perform(command.clone())));
    }
    Ok(())
}

/// Changes and syncs of one file end in the order in which they were asked for.
fn order(orders: &[DiskCommand], ended: &[usize]) -> Result<(), String> {
    for (place, later) in ended.iter().enumerate() {
        let line = ordered(&orders[*later]);
        let same_line = |earlier: &&usize| *earlier < later && ordered(&orders[**earlier]) == line;
        let overtaken = ended[place..].iter().find(|earlier| line.is_some() && same_line(earlier));
        if let Some(earlier) = overtaken {
            return Err(format!("{later} ended before {earlier}, of the same file"));
        }
    }
    Ok(())
}

/// The file whose operations this one stands in line with.
fn ordered(command: &DiskCommand) -> Option<&FileName> {
    match command {
        DiskCommand::Read { .. } | DiskCommand::Length { .. } | DiskCommand::List { .. } => None,
        other => other.file(),
    }
}

/// The states of the disk, as far as it matters for one file: after the first so many of its operations.
fn states(disk: &MemoryDisk, orders: &[DiskCommand], name: &FileName) -> Vec<MemoryDisk> {
    let mut states = vec![disk.clone()];
    for command in orders.iter().filter(|command| ordered(command) == Some(name)) {
        let mut next = states[states.len() - 1].clone();
        // It may fail, and then it changes nothing.
        let _ = next.perform(command.clone());
        states.push(next);
    }
    states
}

/// All that this operation may end with.
fn results(disk: &MemoryDisk, orders: &[DiskCommand], operation: usize) -> Vec<DiskResult> {
    let command = &orders[operation];
    let Some(name) = command.file() else { return lists(disk, orders, command) };
    let states = states(disk, orders, name);
    let before = orders[..operation].iter().filter(|other| ordered(other) == Some(name)).count();
    let seen =
        if ordered(command).is_some() { &states[before..=before] } else { &states[before..] };
    seen.iter().map(|state| state.clone().perform(command.clone())).collect()
}

fn lists(disk: &MemoryDisk, orders: &[DiskCommand], list: &DiskCommand) -> Vec<DiskResult> {
    let DiskCommand::List { prefix } = list else { return Vec::new() };
    let all = DiskCommand::List { prefix: "".into() };
    let names = |state: &MemoryDisk| match state.clone().perform(all.clone()) {
        Ok(DiskAnswer::Names(names)) => names,
        _ => Vec::new(),
    };
    let mut known: Vec<FileName> = names(disk).into_iter().map(FileName::Owned).collect();
    known.extend(orders.iter().filter_map(ordered).cloned());
    known.sort_unstable();
    known.dedup();
    let mut lists = vec![Vec::new()];
    for name in known.iter().filter(|name| name.starts_with(&**prefix)) {
        let states = states(disk, orders, name);
        let is_there = |state: &MemoryDisk| names(state).iter().any(|other| other == name);
        let (ever, always) = (states.iter().any(is_there), states.iter().all(is_there));
        let with = lists.iter().map(|list| [&list[..], &[name.to_string()]].concat());
        let with: Vec<_> = with.filter(|_| ever).collect();
        lists.retain(|_| !always);
        lists.extend(with);
    }
    lists.into_iter().map(|list| Ok(DiskAnswer::Names(list))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEITHER: [&str; 0] = [];

    fn write(file: &'static str, text: &'static str) -> DiskCommand {
        DiskCommand::Write { file: file.into(), offset: 0, parts: text.into() }
    }

    fn orders() -> Vec<DiskCommand> {
        let read = DiskCommand::Read { file: "a".into(), offset: 0, length: 9 };
        let list = DiskCommand::List { prefix: "".into() };
        vec![write("a", "1"), read, write("a", "2"), write("b", "3"), list]
    }

    fn said(order: [usize; 5], read: &'static str, list: &[&str]) -> Result<(), String> {
        let result = |operation| match operation {
            1 => DiskAnswer::Bytes(read.into()),
            4 => DiskAnswer::Names(list.iter().map(ToString::to_string).collect()),
            _ => DiskAnswer::Done,
        };
        judge(&[orders()], &[order.map(|operation| (operation, Ok(result(operation)))).into()])
    }

    #[test]
    fn what_is_in_flight_may_be_seen_or_not() {
        for list in [&["a", "b"][..], &["a"], &["b"], &NEITHER] {
            for read in ["1", "2"] {
                assert_eq!(said([3, 4, 0, 2, 1], read, list), Ok(()));
            }
        }
    }

    #[test]
    fn what_no_law_allows_is_told() {
        assert!(said([2, 0, 1, 3, 4], "2", &["a"]).unwrap_err().contains("2 ended before 0"));
        assert!(said([0, 1, 2, 3, 3], "1", &["a"]).unwrap_err().contains("these ended"));
        assert!(
            said([0, 1, 2, 3, 4], "", &["a"]).unwrap_err().contains("ended with"),
            "the read ran ahead"
        );
        assert!(said([0, 1, 2, 3, 4], "1", &["c"]).unwrap_err().contains("ended with"));
    }
}
