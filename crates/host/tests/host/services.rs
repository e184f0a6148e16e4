//! Services: what is no machine, as a node that an async function answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use host::{Service, ServiceLimits};
use machine::NodeId;

use crate::clerk::{Open, Paper};

#[test]
fn a_service_is_a_node_that_says_of_each_call_that_it_has_no_answer() {
    host::runtime().unwrap().block_on(async {
        let office = Open::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let answer = move |paper: Paper| {
            let count = count.clone();
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                match paper {
                    Paper::Now { token, .. } => Some(Paper::Later { token }),
                    Paper::Later { .. } => None,
                    _ => std::future::pending().await,
                }
            }
        };
        let limits = ServiceLimits { under_way: 2, patience: Duration::from_millis(300) };
        let me = NodeId(7);
        // Of some the protocol can say it.
        let unanswered = |paper: &Paper| match paper {
            Paper::Part { token, .. } => Some(Paper::Later { token: *token }),
            _ => None,
        };
        let runtime = tokio::runtime::Handle::current();
        let service = Service::new(me, limits, runtime, answer, unanswered);
        let from = Arc::downgrade(&office.0);
        let until = async |is_so: &dyn Fn() -> bool| {
            tokio::time::timeout(Duration::from_secs(30), async {
                while !is_so() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
            .await
            .expect("it comes");
        };
        service.call(&from, Paper::Now { token: 1, parts: 1 });
        until(&|| office.look(|clerk| clerk.askers == [me])).await;
        service.call(&from, Paper::Later { token: 1 });
        until(&|| office.look(|clerk| clerk.resets == [me])).await;
        // Two hang, so the third is not even begun.
        for _ in 0..3 {
            service.call(&from, Paper::Go { is_last: true, weight: 1 });
        }
        until(&|| office.look(|clerk| clerk.resets == [me; 4])).await;
        assert_eq!(calls.load(Ordering::Relaxed), 4);
        service.call(&from, Paper::Now { token: 2, parts: 1 });
        until(&|| office.look(|clerk| clerk.askers == [me; 2])).await;
        // One that hangs is late by itself, and no other call is lost with it.
        let hangs = Paper::Part { token: 3, number: 1, is_last: true, weight: 1 };
        let owed = office.look(|clerk| clerk.owes());
        service.call(&from, hangs);
        until(&|| office.look(|clerk| clerk.owes() == owed + 1)).await;
        assert_eq!(office.look(|clerk| clerk.resets.len()), 4);
    });
}
