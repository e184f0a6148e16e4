//! Changing who belongs to the group (section 6 of the paper): from a configuration and from what is
//! wanted, the next configuration.
//!
//! The law: one step at a time, each committed before the next. A new voter has the log before it votes,
//! and nobody waits for those who vote already, since they may be down for long. Voters change through a
//! joint configuration. What is to be done follows from the configuration and from who is there, so that
//! a leader goes on where another one stopped.

use std::collections::{BTreeMap, BTreeSet};

use machine::{DiskId, NodeId};

use crate::member::{Address, Configuration, Member};

/// What a leader wants the configuration to become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// These nodes vote; `None` where nobody asked for a change: those that vote now.
    pub(crate) nodes: Option<&'a BTreeSet<NodeId>>,
    /// The disk with which each node spoke last. Where it is not the disk of the voter, that one is lost.
    pub(crate) present: &'a BTreeMap<NodeId, DiskId>,
    /// Where those are whom somebody asked for, in the place of what was said before.
    pub(crate) addresses: &'a BTreeMap<NodeId, Address>,
}

impl Wanted<'_> {
    /// Who is to vote.
    ///
    /// # Errors
    /// With a node of which nobody knows the disk.
    pub(crate) fn voters(self, now: &Configuration) -> Result<BTreeSet<Member>, NodeId> {
        let member = |&node: &NodeId| self.member(now, node).ok_or(node);
        match self.nodes {
            Some(nodes) => nodes.iter().map(member).collect(),
            None => now.voters.iter().map(|voter| member(&voter.node)).collect(),
        }
    }

    /// Who is at a node: whoever spoke last, or else whoever came last.
    fn member(self, now: &Configuration, node: NodeId) -> Option<Member> {
        let there =
            |members: &BTreeSet<Member>| members.iter().find(|one| one.node == node).copied();
        let spoke = self.present.get(&node).map(|&disk| Member { node, disk });
        spoke.or_else(|| [&now.learners, &now.voters, &now.outgoing].into_iter().find_map(there))
    }
}

impl Configuration {
    /// The step from this configuration, which is committed, towards what is wanted; `None` where there
    /// is nothing to do, or where new members have to get the log first.
    pub(crate) fn next(
        &self,
        wanted: Wanted<'_>,
        has_log: impl Fn(Member) -> bool,
    ) -> Option<Configuration> {
        let next = self.next_members(wanted, has_log);
        let mut addresses = self.addresses.clone();
        addresses.extend(wanted.addresses);
        let next = Configuration { addresses, ..next.as_ref().unwrap_or(self).clone() }.tidy();
        (next != *self).then_some(next)
    }

    fn next_members(
        &self,
        wanted: Wanted<'_>,
        has_log: impl Fn(Member) -> bool,
    ) -> Option<Configuration> {
        if self.is_joint() {
            return Some(self.final_one());
        }
        let voters = wanted.voters(self).ok()?;
        let new: BTreeSet<Member> = voters.difference(&self.voters).copied().collect();
        // A learner at another node is what an earlier leader began: whoever began it may ask again.
        let is_elsewhere = |one: &&Member| voters.iter().all(|voter| voter.node != one.node);
        let begun = self.learners.iter().filter(|_| wanted.nodes.is_none()).filter(is_elsewhere);
        let learners: BTreeSet<Member> = begun.chain(&new).copied().collect();
        if learners != self.learners {
            return Some(Configuration { learners, ..self.clone() });
        }
        // Whoever comes in the place of a lost disk waits for no other.
        let successor =
            |voter: &Member| new.iter().find(|one| one.node == voter.node && has_log(**one));
        let replaced = self.voters.iter().map(|voter| *successor(voter).unwrap_or(voter)).collect();
        let voters = match () {
            () if replaced != self.voters => replaced,
            () if new.into_iter().all(has_log) => voters,
            () => return None,
        };
        let joint =
            Configuration { voters, outgoing: self.voters.clone(), learners, ..self.clone() };
        (joint.voters != self.voters).then_some(joint)
    }

    /// Are these the voters, with nothing under way, and are they where these addresses say?
    pub(crate) fn is_done(
        &self,
        voters: &BTreeSet<Member>,
        addresses: &BTreeMap<NodeId, Address>,
    ) -> bool {
        let is_there =
            |(node, address)| self.addresses.get(node).is_some_and(|known| known == address);
        self.voters == *voters
            && self.outgoing.is_empty()
            && self.learners.is_empty()
            && addresses.iter().all(is_there)
    }

    /// What this joint configuration leads to.
    pub(crate) fn final_one(&self) -> Configuration {
        let learners = self.learners.difference(&self.voters).copied().collect();
        Configuration { outgoing: BTreeSet::new(), learners, ..self.clone() }.tidy()
    }

    /// Who is no member any more has no address here.
    fn tidy(mut self) -> Configuration {
        let members = self.members();
        self.addresses.retain(|node, _| members.iter().any(|member| member.node == *node));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the table writes it: `0` is node 0 with its first disk, `0'` with its second.
    fn member(text: &str) -> Member {
        let digits = text.trim_end_matches('\'');
        let disk = DiskId(1 + (text.len() - digits.len()) as u64);
        Member { node: NodeId(digits.parse().unwrap()), disk }
    }

    fn members(text: &str) -> BTreeSet<Member> {
        text.split_whitespace().map(member).collect()
    }

    /// Voters, then after `<` those who go, after `+` those who listen.
    fn configuration(text: &str) -> Configuration {
        let (rest, learners) = text.split_once('+').unwrap_or((text, ""));
        let (voters, outgoing) = rest.split_once('<').unwrap_or((rest, ""));
        let [voters, outgoing, learners] = [voters, outgoing, learners].map(members);
        Configuration { voters, outgoing, learners, ..Configuration::default() }
    }

    /// Now; the nodes that are asked for; who spoke, where that is not who the configuration has; which
    /// of the new have the log; what comes next.
    const CASES: &[(&str, &str, &str, &str, &str, &str)] = &[
        ("all is well", "0 1 2", "-", "0 1 2", "", "nothing"),
        ("nobody was heard yet", "0 1 2", "-", "", "", "nothing"),
        ("what holds already", "0 1 2", "0 1 2", "0 1 2", "", "nothing"),
        ("a stranger is not asked for", "0 1 2", "-", "3", "", "nothing"),
        // A change.
        ("a new one listens first", "0 1 2", "0 1 2 3", "3", "", "0 1 2 + 3"),
        ("it has no log yet", "0 1 2 + 3", "0 1 2 3", "3", "", "nothing"),
        ("it has", "0 1 2 + 3", "0 1 2 3", "3", "3", "0 1 2 3 < 0 1 2 + 3"),
        ("the old ones are not waited for", "0 1 2 + 3", "0 3", "", "3", "0 3 < 0 1 2 + 3"),
        ("of two new ones one has no log", "0 1 + 2 3", "0 1 2 3", "", "2", "nothing"),
        ("whoever leaves is not waited for", "0 1 2", "0 1", "", "", "0 1 < 0 1 2"),
        ("all at once", "0 1 2 + 3 4 5", "3 4 5", "", "3 4 5", "3 4 5 < 0 1 2 + 3 4 5"),
        ("after the joint one the new one", "0 1 3 < 0 1 2 + 3", "0 1 3", "", "", "0 1 3"),
        ("whatever is asked for meanwhile", "0 1 3 < 0 1 2 + 3", "0 1", "", "", "0 1 3"),
        ("a node that nobody knows", "0 1 2", "0 1 9", "", "", "nothing"),
        // A change that did not come to its end.
        ("another leader does not know of it", "0 1 2 + 3", "-", "3", "3", "nothing"),
        ("but ends what was joint", "0 1 2 3 < 0 1 2 + 3", "-", "", "", "0 1 2 3"),
        ("asked again it goes on", "0 1 2 + 3", "0 1 2 3", "", "3", "0 1 2 3 < 0 1 2 + 3"),
        ("it is taken back", "0 1 2 + 3", "0 1 2", "", "", "0 1 2"),
        ("another one in its place", "0 1 2 + 3", "0 1 2 4", "4", "3", "0 1 2 + 4"),
        ("its disk is lost too", "0 1 2 + 3", "0 1 2 3", "3'", "3", "0 1 2 + 3'"),
        // A disk that was lost.
        ("the new disk listens", "0 1 2", "-", "0'", "", "0 1 2 + 0'"),
        ("it has no log yet", "0 1 2 + 0'", "-", "0'", "", "nothing"),
        ("it has, whoever is down", "0 1 2 + 0'", "-", "0'", "0'", "0' 1 2 < 0 1 2 + 0'"),
        ("a new leader sees it", "0 1 2 + 0'", "-", "", "0'", "0' 1 2 < 0 1 2 + 0'"),
        ("then it votes", "0' 1 2 < 0 1 2 + 0'", "-", "0'", "", "0' 1 2"),
        ("it is lost as well", "0 1 2 + 0'", "-", "0''", "0'", "0 1 2 + 0''"),
        ("a word that came late", "0' 1 2 + 0", "-", "0'", "", "0' 1 2"),
        (
            "two disks, one has the log",
            "0 1 2 + 0' 1'",
            "-",
            "0' 1'",
            "1'",
            "0 1' 2 < 0 1 2 + 0' 1'",
        ),
        ("the same nodes", "0 1 2 + 0'", "0 1 2", "", "0'", "0' 1 2 < 0 1 2 + 0'"),
        ("the same nodes, at once", "0 1 2", "0 1 2", "0'", "", "0 1 2 + 0'"),
        ("another change waits", "0 1 2 + 0' 3", "0 1 2 3", "", "0'", "0' 1 2 < 0 1 2 + 0' 3"),
        ("the node is to go", "0 1 2 + 0'", "1 2", "0'", "0'", "0 1 2"),
        ("and then it goes", "0 1 2", "1 2", "0'", "", "1 2 < 0 1 2"),
    ];

    #[test]
    fn from_a_configuration_and_what_is_wanted_follows_the_next() {
        for (case, now, asked, spoke, ready, next) in CASES {
            let nodes: BTreeSet<NodeId> = asked
                .split_whitespace()
                .filter(|node| *node != "-")
                .map(|node| member(node).node)
                .collect();
            let nodes = (*asked != "-").then_some(&nodes);
            let present = members(spoke).into_iter().map(|one| (one.node, one.disk)).collect();
            let ready = members(ready);
            let wanted = Wanted { nodes, present: &present, addresses: &BTreeMap::new() };
            let found = configuration(now).next(wanted, |one| ready.contains(&one));
            let next = (*next != "nothing").then(|| configuration(next));
            assert_eq!(found, next, "{case}: {now}, wanted {asked}, spoke {spoke}");
        }
    }

    #[test]
    fn a_node_that_nobody_knows_is_named() {
        let (nodes, present) = ([NodeId(0), NodeId(9)].into(), BTreeMap::new());
        let wanted = Wanted { nodes: Some(&nodes), present: &present, addresses: &BTreeMap::new() };
        assert_eq!(wanted.voters(&configuration("0 1 2")), Err(NodeId(9)));
    }

    /// Joins, moves, and goes.
    #[test]
    fn an_address_is_a_members_and_changes_with_it_or_alone() {
        let at = |node, port| {
            let place = ([10, 0, 0, 1], port).into();
            BTreeMap::from([(NodeId(node), Address { nodes: place, clients: place })])
        };
        let next = |now: &Configuration, asked: &str, present: &str, addresses| {
            let nodes = members(asked).into_iter().map(|one| one.node).collect();
            let present = members(present).into_iter().map(|one| (one.node, one.disk)).collect();
            let wanted = Wanted { nodes: Some(&nodes), present: &present, addresses: &addresses };
            now.next(wanted, |_| true)
        };
        let began = configuration("0 1 2");
        assert_eq!(next(&began, "0 1 2 3", "", at(3, 1)), None, "it has not said hello");
        let listens = next(&began, "0 1 2 3", "3", at(3, 1)).unwrap();
        assert_eq!(listens.addresses, at(3, 1));
        let joint = next(&listens, "0 1 2 3", "3", BTreeMap::new()).unwrap();
        let joined = joint.final_one();
        assert_eq!((&joint.addresses, &joined.addresses), (&at(3, 1), &at(3, 1)));
        let moved = next(&joined, "0 1 2 3", "3", at(3, 2)).unwrap();
        assert_eq!((&moved.voters, &moved.addresses), (&joined.voters, &at(3, 2)));
        assert_eq!(next(&moved, "0 1 2 3", "3", at(3, 2)), None);
        let left = next(&moved, "0 1 2", "", BTreeMap::new()).unwrap();
        assert_eq!((left.addresses.len(), left.final_one().addresses.len()), (1, 0));
    }
}
