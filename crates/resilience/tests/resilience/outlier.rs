use resilience::{OutlierRule, Outliers};

use crate::{MS, at};

const RULE: fn() -> OutlierRule =
    || OutlierRule { failures: 2, ejection: MS(100), longest: MS(250), panic_percent: 50 };

fn fail(hosts: &mut Outliers, host: usize, millis: u64) -> bool {
    let first = hosts.report(host, false, at(millis));
    first | hosts.report(host, false, at(millis))
}

#[test]
fn a_failing_host_gets_no_work_for_longer_each_time() {
    let mut hosts = Outliers::new(RULE(), 4);
    let mut now = 0;
    for lasts in [100, 200, 250, 250] {
        assert!(fail(&mut hosts, 1, now));
        assert!(!hosts.is_usable(1, at(now + lasts - 1)) && hosts.is_usable(0, at(now)));
        now += lasts;
        assert!(hosts.is_usable(1, at(now)));
    }
    for _ in 0..4 {
        hosts.report(1, true, at(now));
    }
    fail(&mut hosts, 1, now);
    assert!(hosts.is_usable(1, at(now + 100)), "good answers are remembered too");
}

#[test]
fn a_success_in_between_starts_anew() {
    let mut hosts = Outliers::new(RULE(), 4);
    for _ in 0..5 {
        assert!(!hosts.report(2, false, at(0)));
        assert!(!hosts.report(2, true, at(0)));
    }
    assert!(hosts.is_usable(2, at(0)));
}

#[test]
fn when_most_seem_broken_all_get_work() {
    let mut hosts = Outliers::new(RULE(), 4);
    fail(&mut hosts, 0, 0);
    fail(&mut hosts, 1, 10);
    assert!(!hosts.panics(at(10)) && !hosts.is_usable(0, at(10)) && !hosts.is_usable(1, at(10)));
    fail(&mut hosts, 2, 20);
    assert!(hosts.panics(at(20)) && (0..4).all(|host| hosts.is_usable(host, at(20))));
    assert!(!hosts.panics(at(100)), "the first is back, and two of four are enough");
    assert!(!hosts.is_usable(1, at(100)));
}
