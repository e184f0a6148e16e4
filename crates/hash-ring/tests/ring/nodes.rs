//! Lists of nodes: what is one, and what is refused with which sentence.

use std::collections::BTreeMap;

use hash_ring::{Algorithm, FileError, Node, NodeIndex, Nodes, Refused};
use proptest::prelude::*;

use crate::fleets::{apply, changes, fleet};

proptest! {
    /// An index stays with its node, and two nodes never share one.
    #[test]
    fn indices_stay(changes in changes()) {
        let mut ring = Algorithm::Ring.build(fleet(5)).expect("a placement");
        let mut model: BTreeMap<String, NodeIndex> = BTreeMap::new();
        for change in &changes {
            let _ = apply(&mut *ring, change, true);
            let nodes = ring.nodes();
            model.retain(|name, _| nodes.find(name).is_some());
            for (index, node) in nodes.iter() {
                let before = model.insert(node.name().to_owned(), index);
                prop_assert!(before.is_none_or(|before| before == index));
                prop_assert_eq!(nodes.find(node.name()), Some(index));
            }
            prop_assert_eq!(model.len(), nodes.count());
            let weight: f64 = nodes.iter().map(|(_, node)| node.weight()).sum();
            prop_assert_eq!(weight, nodes.weight());
        }
    }

    /// No text makes the reader panic, and what it reads has names of its own.
    #[test]
    fn any_text_is_read_or_refused(text in "([a-c#/,]{0,2}[ \t]?[-0-9.e]{0,3}[ \t]?[xy/]{0,3}\n?){0,6}") {
        if let Ok(nodes) = Nodes::parse(&text) {
            prop_assert!(nodes.count() >= 1 && nodes.weight() > 0.0);
        }
    }
}

#[test]
fn a_file_has_a_node_a_line() {
    let text = "\u{FEFF}# the fleet\n\na\nb 2.5\r\n  c\t3 ams\nd 1 fra/r7  \n";
    let nodes = Nodes::parse(text).expect("nodes");
    let read: Vec<_> =
        nodes.iter().map(|(_, n)| (n.name(), n.weight(), n.zone(), n.rack())).collect();
    assert_eq!(
        read,
        [
            ("a", 1.0, None, None),
            ("b", 2.5, None, None),
            ("c", 3.0, Some("ams"), None),
            ("d", 1.0, Some("fra"), Some("r7")),
        ]
    );
}

#[test]
fn errors_of_a_file_name_the_line() {
    for (text, sentence) in [
        ("", "there is no node in it; give a name a line"),
        ("# nothing\n\n", "there is no node in it; give a name a line"),
        ("a\n\nb x", "line 3: the second word is the weight, and \"x\" is not a number"),
        ("a 1 z 9", "line 1: a line is `name`, `name weight` or `name weight zone`"),
        ("a\nb\na", "line 3: a is there already, in line 1"),
        ("a 0", "line 1: a weighs 0; a weight is from 0.000000001 to 1000000000"),
        ("a -1", "line 1: a weighs -1; a weight is from 0.000000001 to 1000000000"),
        ("a NaN", "line 1: a weighs NaN; a weight is from 0.000000001 to 1000000000"),
        ("a 1e-10", "line 1: a weighs 0.0000000001; a weight is from 0.000000001 to 1000000000"),
        ("a inf", "line 1: a weighs inf; a weight is from 0.000000001 to 1000000000"),
        (
            "a,b",
            "line 1: \"a,b\" is no name: one has at least a character, and neither blanks nor commas",
        ),
        (
            "a 1 z/",
            "line 1: \"\" is no name: one has at least a character, and neither blanks nor commas",
        ),
    ] {
        let error = Nodes::parse(text).map(|_| ()).expect_err("not a list of nodes");
        assert_eq!(error.to_string(), sentence);
    }
    assert_eq!(Nodes::parse("\n").map(|_| ()), Err(FileError::NoNodes));
}

#[test]
fn a_list_has_nodes_with_different_names() {
    let node = |name: &str| Node::new(name).expect("a name");
    let list = |names: &[&str]| Nodes::new(names.iter().map(|name| node(name))).map(|_| ());
    assert_eq!(list(&[]), Err(Refused::NoNodes));
    assert_eq!(list(&["a", "b", "a"]), Err(Refused::Twice { name: "a".to_owned() }));
    for name in ["", "two words", "tab\t", "a,b", "line\n"] {
        assert_eq!(Node::new(name), Err(Refused::BadName { name: name.to_owned() }));
    }
    assert!(node("a").with_zone("z/r/s").is_err());
}

/// Every algorithm refuses the same changes, and is as it was afterwards.
#[test]
fn what_is_refused_changes_nothing() {
    for algorithm in Algorithm::ALL {
        let mut placement = algorithm.build(fleet(2)).expect("a placement");
        let twice = placement.add(Node::new("node-0").expect("a name"));
        assert_eq!(twice, Err(Refused::Twice { name: "node-0".to_owned() }), "{algorithm:?}");
        let stranger = placement.remove("stranger");
        assert_eq!(stranger, Err(Refused::NotThere { name: "stranger".to_owned() }));
        assert_eq!(placement.nodes().count(), 2);
        placement.remove("node-1").expect("one is left");
        let last = placement.remove("node-0");
        assert_eq!(last, Err(Refused::LastNode { name: "node-0".to_owned() }), "{algorithm:?}");
        assert_eq!(placement.locate(u64::MAX), NodeIndex(0));
    }
}

#[test]
fn algorithms_have_names() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::named(algorithm.name()), Some(*algorithm));
    }
    assert_eq!(Algorithm::named("Ring"), None);
}
