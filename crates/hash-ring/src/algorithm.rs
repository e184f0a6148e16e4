//! The algorithms by name.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::error::Refused;
use crate::nodes::Nodes;
use crate::placement::Placement;
use crate::{
    Anchor, BoundedRing, Directory, Jump, Ketama, Maglev, Modulo, Range, Rendezvous, Ring,
};

/// A way to place keys, as people name it: in kebab-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Algorithm {
    /// [`Ring`].
    Ring,
    /// [`Ketama`].
    Ketama,
    /// [`Jump`].
    Jump,
    /// [`Rendezvous`].
    Rendezvous,
    /// [`Maglev`].
    Maglev,
    /// [`Anchor`].
    Anchor,
    /// [`BoundedRing`].
    Bounded,
    /// [`Modulo`].
    Modulo,
    /// [`Range`].
    Range,
    /// [`Directory`].
    Directory,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Algorithm] = Algorithm::VARIANTS;

    /// What it is called.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Algorithm> {
        name.parse().ok()
    }

    /// A placement on these nodes, with the parameters that the algorithm has unless told otherwise.
    pub fn build(self, nodes: Nodes) -> Result<Box<dyn Placement>, Refused> {
        Ok(match self {
            Algorithm::Ring => Box::new(Ring::new(nodes)?),
            Algorithm::Ketama => Box::new(Ketama::new(nodes)?),
            Algorithm::Jump => Box::new(Jump::new(nodes)?),
            Algorithm::Rendezvous => Box::new(Rendezvous::new(nodes)?),
            Algorithm::Maglev => Box::new(Maglev::new(nodes)?),
            Algorithm::Anchor => Box::new(Anchor::new(nodes)?),
            Algorithm::Bounded => Box::new(BoundedRing::new(nodes)?),
            Algorithm::Modulo => Box::new(Modulo::new(nodes)?),
            Algorithm::Range => Box::new(Range::new(nodes)?),
            Algorithm::Directory => Box::new(Directory::new(nodes)?),
        })
    }
}
