//! Up or down, by checks in a row.
//!
//! The law: `fall` failed checks in a row turn up into down, `rise` good ones in a row turn down into
//! up, and nothing else does: one lost probe is no outage and one lucky probe no recovery (the terms
//! are HAProxy's; Kubernetes has the same two thresholds in its probes).

/// How many checks in a row change the verdict; at least one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRule {
    /// Failed ones, until it is down.
    pub fall: u32,
    /// Good ones, until it is up again.
    pub rise: u32,
}

/// The health of one node, as its checks tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    rule: HealthRule,
    up: bool,
    /// Checks in a row that speak against the verdict.
    against: u32,
}

impl Health {
    /// Healthy until checks say otherwise.
    pub fn new(rule: HealthRule) -> Self {
        Health { rule, up: true, against: 0 }
    }

    /// A check ended. True where that changed the verdict.
    pub fn checked(&mut self, good: bool) -> bool {
        if good == self.up {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.up { self.rule.fall } else { self.rule.rise };
        if self.against < needed {
            return false;
        }
        (self.up, self.against) = (good, 0);
        true
    }

    /// The verdict.
    pub fn is_up(&self) -> bool {
        self.up
    }
}
