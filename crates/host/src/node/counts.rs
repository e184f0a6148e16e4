//! What is counted of a node.

use machine::{Input, Protocol};

use crate::metrics::{Count, Metrics};

pub(super) struct NodeCounts {
    messages: Count,
    timers: Count,
    disk: Count,
    resets: Count,
    pub(super) waiting: Count,
    pub(super) halts: Count,
}

impl NodeCounts {
    pub(super) fn new(metrics: &Metrics) -> NodeCounts {
        let inputs = |kind| {
            let help = "Inputs that the machine handled.";
            metrics.labelled("host_inputs_total", help, "kind", kind)
        };
        NodeCounts {
            messages: inputs("message"),
            timers: inputs("timer"),
            disk: inputs("disk"),
            resets: inputs("link-reset"),
            waiting: metrics
                .gauge("host_disk_waiting", "Disk operations of all nodes that have not ended."),
            halts: metrics.counter("host_halts_total", "Machines that stopped by themselves."),
        }
    }

    pub(super) fn count<P: Protocol>(&self, input: &Input<P>) {
        match input {
            Input::Start { .. } | Input::Writable { .. } | Input::Stop => {}
            Input::Message { .. } => self.messages.one(),
            Input::Timer(_) => self.timers.one(),
            Input::Disk { .. } => self.disk.one(),
            Input::LinkReset { .. } => self.resets.one(),
        }
    }
}
