//! The search for an order of one key's operations (Wing and Gong 1993, Lowe 2017).
//!
//! Beginnings and ends stand in a list in the order in which they happened. An operation may be
//! next if it begins before the first end in the list; taking it removes both its entries. If
//! every operation that may be next contradicts the state, the last one taken was wrong: it is put
//! back, and its successor tried. The same set of operations and the same state are never tried
//! twice.
//!
//! Operations without an answer have a beginning only, and need not be taken at all. They are tried
//! after those with an answer, only where they change the state, and of several that ask for the
//! same only the one that began first: it can do all that the others can. And where the same
//! answers were placed and the same state reached with fewer of them, more of them is no better.
//!
//! States that nobody can find any more before they are replaced are one state to what was tried.
//!
//! An operation with an answer that can only find one state and leaves that as it is (a read) may as well
//! be taken as soon as it may be: if nothing comes of that, nothing comes of leaving it for later, and so
//! nothing else is tried in its place.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::history::Operation;
use crate::model::Model;

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Legal,
    Illegal,
    /// The steps that it was given are used up.
    Unfinished,
}

/// An order that got as far as any, and the operation that it could not go on with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deepest {
    pub(crate) order: Vec<usize>,
    pub(crate) stuck: Option<usize>,
    answered: usize,
}

/// Where to look for the next operation to take.
#[derive(Clone, Copy)]
enum Cursor {
    /// At this entry of the list; 0 is its end.
    Listed(usize),
    /// At this operation without an answer.
    Open(usize),
}

/// What may become of a state.
enum Outlook {
    /// The next operation that must find a certain state can find it no more, neither from here nor
    /// from what an operation before it may leave.
    Hopeless,
    /// It will be replaced before anybody can tell it from others of which this is so.
    Doomed,
    Open,
}

struct Taken {
    operation: usize,
    state: u32,
    cursor: Cursor,
}

pub(crate) struct Search<'a, M: Model> {
    operations: Vec<&'a Operation<M::Input, M::Output>>,
    list: List,
    /// Operations without an answer, in the order of their beginnings, with the one before that
    /// asks for the same.
    open: Vec<(usize, Option<usize>)>,
    /// Which of them have an answer that says what they found, and change nothing.
    reads: Vec<bool>,
    taken: Vec<bool>,
    order: Vec<Taken>,
    /// Operations with an answer that are not taken yet.
    left: usize,
    cursor: Cursor,
    /// Operations that must find a certain state, in the order of their beginnings.
    finders: Vec<(usize, M::State)>,
    /// Those with an answer that need find none.
    others: Vec<usize>,
    /// Operations that leave a certain state.
    leavers: Vec<(usize, M::State)>,
    states: States<M>,
    state: u32,
    /// A hash of the set of operations with an answer that are taken: the exclusive or of a hash of
    /// each (Zobrist 1970).
    set: u128,
    tried: Tried,
    deepest: Deepest,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search over one key's operations.
    pub(crate) fn new(
        initial: &M::State,
        operations: Vec<&'a Operation<M::Input, M::Output>>,
    ) -> Self {
        let list = List::new(&operations);
        let mut open: Vec<(usize, Option<usize>)> = Vec::new();
        let mut same = BTreeMap::new();
        let mut unanswered: Vec<usize> =
            (0..operations.len()).filter(|&each| operations[each].returned.is_none()).collect();
        unanswered.sort_by_key(|&each| operations[each].invoked);
        for each in unanswered {
            open.push((each, same.insert(&operations[each].input, each)));
        }
        let finds = |each: usize| {
            let found = M::finds(&operations[each].input, operations[each].output());
            found.map(|state| (each, state))
        };
        let leaves = |each: usize| M::leaves(&operations[each].input).map(|state| (each, state));
        let mut finders: Vec<_> = (0..operations.len()).filter_map(finds).collect();
        finders.sort_by_key(|&(each, _)| operations[each].invoked);
        let other = |&each: &usize| {
            operations[each].returned.is_some()
                && M::finds(&operations[each].input, operations[each].output()).is_none()
        };
        let reads = |operation: &&Operation<M::Input, M::Output>| {
            let output = operation.output();
            let found = output.and_then(|_| M::finds(&operation.input, output));
            found.is_some_and(|found| M::step(&found, &operation.input, output) == Some(found))
        };
        Search {
            reads: operations.iter().map(reads).collect(),
            finders,
            others: (0..operations.len()).filter(other).collect(),
            leavers: (0..operations.len()).filter_map(leaves).collect(),
            left: operations.len() - open.len(),
            taken: vec![false; operations.len()],
            cursor: Cursor::Listed(list.first()),
            operations,
            list,
            open,
            order: Vec::new(),
            states: States::new(initial),
            state: 0,
            set: 0,
            tried: Tried::default(),
            deepest: Deepest::default(),
        }
    }

    /// A search that turns back only where an answer contradicts the state.
    pub(crate) fn without_foresight(
        initial: &M::State,
        operations: Vec<&'a Operation<M::Input, M::Output>>,
    ) -> Self {
        Search { finders: Vec::new(), ..Search::new(initial, operations) }
    }

    /// Continues for so many steps.
    pub(crate) fn run(&mut self, steps: u64) -> Progress {
        for _ in 0..steps {
            if self.left == 0 {
                return Progress::Legal;
            }
            match self.candidate() {
                Some(operation) => self.try_next(operation),
                None if self.put_back() => {}
                None => return Progress::Illegal,
            }
        }
        Progress::Unfinished
    }

    /// How much it remembers, in configurations; a state counts for as many as a value of two
    /// kilobytes outweighs.
    pub(crate) fn remembered(&self) -> usize {
        self.tried.count + self.states.steps.len() + 50 * self.states.all.len()
    }

    /// The longest order so far.
    pub(crate) fn deepest(&mut self) -> Deepest {
        self.remember_depth();
        self.deepest.clone()
    }

    /// The operation at the cursor, or at the next place where there is one that may be next.
    fn candidate(&mut self) -> Option<usize> {
        if let Cursor::Listed(entry) = self.cursor {
            match self.list.beginning(entry) {
                Some(operation) => return Some(operation),
                None => self.cursor = Cursor::Open(0),
            }
        }
        let first_end = self.list.first_end();
        let Cursor::Open(mut index) = self.cursor else { return None };
        while let Some(&(operation, earlier)) = self.open.get(index) {
            if self.operations[operation].invoked > first_end {
                break;
            }
            if !self.taken[operation] && earlier.is_none_or(|earlier| self.taken[earlier]) {
                self.cursor = Cursor::Open(index);
                return Some(operation);
            }
            index += 1;
        }
        None
    }

    /// Takes the operation if the state allows it and this was not tried before; goes past it
    /// otherwise.
    fn try_next(&mut self, operation: usize) {
        let answered = self.operations[operation].returned.is_some();
        let after = self.states.step(self.state, operation, self.operations[operation]);
        let after = after.filter(|&after| answered || after != self.state);
        self.taken[operation] = true;
        let set = if answered { self.set ^ hash_of(operation) } else { self.set };
        match after.filter(|&after| self.is_fresh(set, after)) {
            Some(after) => {
                let (state, cursor) = (self.state, self.cursor);
                self.order.push(Taken { operation, state, cursor });
                (self.set, self.state) = (set, after);
                if answered {
                    self.left -= 1;
                    self.list.remove(operation);
                }
                self.cursor = Cursor::Listed(self.list.first());
            }
            None => {
                self.taken[operation] = false;
                let in_vain = after.is_some() && self.reads[operation];
                self.cursor = if in_vain { self.end() } else { self.after(self.cursor) };
            }
        }
    }

    /// Is this worth continuing from: neither tried before nor hopeless?
    fn is_fresh(&mut self, set: u128, state: u32) -> bool {
        let state = match self.outlook(&self.states.all[state as usize]) {
            Outlook::Hopeless => return false,
            Outlook::Doomed => u32::MAX,
            Outlook::Open => state,
        };
        let used = self.open.iter().map(|&(open, _)| self.taken[open]);
        self.tried.insert(set ^ hash_of(usize::MAX - state as usize), used)
    }

    /// What becomes of a state before the next operation that must find a certain one.
    fn outlook(&self, state: &M::State) -> Outlook {
        let finders = self.finders.iter().filter(|(each, _)| !self.taken[*each]);
        // The next one begins before any of those with an answer has ended.
        let mut first_end = u64::MAX;
        let mut next = Vec::new();
        for (each, found) in finders {
            let operation = self.operations[*each];
            if operation.invoked > first_end {
                break;
            }
            first_end = first_end.min(operation.returned.as_ref().map_or(u64::MAX, |(at, _)| *at));
            next.push(found);
        }
        let leads = |state: &M::State| next.iter().any(|found| M::leads_to(state, found));
        // Those without an answer need not come.
        if first_end == u64::MAX || leads(state) {
            return Outlook::Open;
        }
        let before = |each: usize| !self.taken[each] && self.operations[each].invoked < first_end;
        if !self.leavers.iter().any(|(each, left)| before(*each) && leads(left)) {
            return Outlook::Hopeless;
        }
        let refuses = |&each: &usize| {
            let Operation { input, .. } = self.operations[each];
            before(each) && M::may_refuse(state, input, self.operations[each].output())
        };
        if self.others.iter().any(refuses) { Outlook::Open } else { Outlook::Doomed }
    }

    /// Behind all operations.
    fn end(&self) -> Cursor {
        Cursor::Open(self.open.len())
    }

    fn after(&self, cursor: Cursor) -> Cursor {
        match cursor {
            Cursor::Listed(entry) => Cursor::Listed(self.list.next[entry]),
            Cursor::Open(index) => Cursor::Open(index + 1),
        }
    }

    /// Nothing may be next: the last one taken was wrong. False where none was.
    fn put_back(&mut self) -> bool {
        self.remember_depth();
        let Some(Taken { operation, state, cursor }) = self.order.pop() else { return false };
        let answered = self.operations[operation].returned.is_some();
        let in_vain = self.reads[operation];
        self.taken[operation] = false;
        self.state = state;
        if answered {
            self.set ^= hash_of(operation);
            self.left += 1;
            self.list.put_back(operation);
        }
        self.cursor = if in_vain { self.end() } else { self.after(cursor) };
        true
    }

    fn remember_depth(&mut self) {
        let answered = self.operations.len() - self.open.len() - self.left;
        if answered > self.deepest.answered || self.deepest.stuck.is_none() {
            self.deepest = Deepest {
                order: self.order.iter().map(|taken| taken.operation).collect(),
                stuck: self.list.first_to_end(),
                answered,
            };
        }
    }
}

/// What was tried: for each set of answers placed and state reached, the least sets of operations
/// without an answer that it took.
#[derive(Default)]
struct Tried {
    least: BTreeMap<u128, Vec<Bits>>,
    count: usize,
}

type Bits = Box<[u64]>;

impl Tried {
    /// False where that much, or less, was tried already.
    fn insert(&mut self, reached: u128, used: impl ExactSizeIterator<Item = bool>) -> bool {
        let mut bits = vec![0u64; used.len().div_ceil(64)];
        for (index, _) in used.enumerate().filter(|(_, used)| *used) {
            bits[index / 64] |= 1 << (index % 64);
        }
        let within = |less: &Bits, more: &[u64]| less.iter().zip(more).all(|(a, b)| a & !b == 0);
        let least = self.least.entry(reached).or_default();
        if least.iter().any(|less| within(less, &bits)) {
            return false;
        }
        self.count += 1;
        least.push(bits.into());
        true
    }
}

/// 128 bits: with a billion sets tried, the chance that two of them are taken for one is below
/// 10^-20.
fn hash_of(number: usize) -> u128 {
    xxh3_128_with_seed(&(number as u64).to_le_bytes(), 0x6c69_6e65)
}

/// Numbered states, and the steps between them, so that each is computed once.
struct States<M: Model> {
    all: Vec<M::State>,
    known: BTreeMap<M::State, u32>,
    steps: BTreeMap<(u32, usize), Option<u32>>,
}

impl<M: Model> States<M> {
    fn new(initial: &M::State) -> Self {
        States {
            all: vec![initial.clone()],
            known: BTreeMap::from([(initial.clone(), 0)]),
            steps: BTreeMap::new(),
        }
    }

    fn step(
        &mut self,
        state: u32,
        number: usize,
        operation: &Operation<M::Input, M::Output>,
    ) -> Option<u32> {
        if let Some(&known) = self.steps.get(&(state, number)) {
            return known;
        }
        let after = M::step(&self.all[state as usize], &operation.input, operation.output());
        let after = after.map(|after| {
            let next = self.all.len() as u32;
            *self.known.entry(after).or_insert_with_key(|after| {
                self.all.push(after.clone());
                next
            })
        });
        self.steps.insert((state, number), after);
        after
    }
}

/// Beginnings and ends of the operations with an answer, in order. Entry 0 is before the first and
/// after the last.
struct List {
    next: Vec<usize>,
    previous: Vec<usize>,
    /// The operation of each entry, where it stands, and whether it is a beginning.
    entries: Vec<(usize, u64, bool)>,
    /// The two entries of each operation.
    entries_of: Vec<(usize, usize)>,
}

impl List {
    fn new<I, O>(operations: &[&Operation<I, O>]) -> List {
        let mut entries = Vec::new();
        for (number, operation) in operations.iter().enumerate() {
            if let Some((returned, _)) = operation.returned {
                entries.push((number, operation.invoked, true));
                entries.push((number, returned, false));
            }
        }
        entries.sort_by_key(|&(_, at, begins)| (at, !begins));
        entries.insert(0, (usize::MAX, 0, false));
        let (last, mut entries_of) = (entries.len() - 1, vec![(0, 0); operations.len()]);
        for (entry, &(number, _, begins)) in entries.iter().enumerate().skip(1) {
            match begins {
                true => entries_of[number].0 = entry,
                false => entries_of[number].1 = entry,
            }
        }
        List {
            next: (1..=last).chain([0]).collect(),
            previous: [last].into_iter().chain(0..last).collect(),
            entries,
            entries_of,
        }
    }

    fn first(&self) -> usize {
        self.next[0]
    }

    /// The operation that begins here; none where one ends, or the list does.
    fn beginning(&self, entry: usize) -> Option<usize> {
        let (operation, _, begins) = self.entries[entry];
        begins.then_some(operation)
    }

    /// The operation whose end comes first: it must be taken before anything that begins later.
    fn first_to_end(&self) -> Option<usize> {
        let mut entry = self.first();
        while self.beginning(entry).is_some() {
            entry = self.next[entry];
        }
        (entry != 0).then(|| self.entries[entry].0)
    }

    fn first_end(&self) -> u64 {
        self.first_to_end()
            .map_or(u64::MAX, |operation| self.entries[self.entries_of[operation].1].1)
    }

    fn remove(&mut self, operation: usize) {
        let (begins, ends) = self.entries_of[operation];
        for entry in [begins, ends] {
            let (before, after) = (self.previous[entry], self.next[entry]);
            (self.next[before], self.previous[after]) = (after, before);
        }
    }

    /// The last one removed goes back to where it was (Knuth's dancing links).
    fn put_back(&mut self, operation: usize) {
        let (begins, ends) = self.entries_of[operation];
        for entry in [ends, begins] {
            let (before, after) = (self.previous[entry], self.next[entry]);
            (self.next[before], self.previous[after]) = (entry, entry);
        }
    }
}
