use resilience::{OutlierRule, Outliers};

use crate::{MS, at};

const RULE: fn() -> OutlierRule =
    || OutlierRule { failures: 2, ejection: MS(100), longest: MS(250), panic_percent: 50 };

fn fail<H: Ord>(hosts: &mut Outliers<H>, host: &H, millis: u64) -> bool {
    let first = hosts.report(host, false, at(millis));
    first | hosts.report(host, false, at(millis))
}

#[test]
fn a_failing_host_gets_no_work_for_longer_each_time() {
    let mut hosts = Outliers::new(RULE(), 0..4);
    let mut now = 0;
    for lasts in [100, 200, 250, 250] {
        assert!(fail(&mut hosts, &1, now));
        assert!(!hosts.is_usable(&1, at(now + lasts - 1)) && hosts.is_usable(&0, at(now)));
        now += lasts;
        assert!(hosts.is_usable(&1, at(now)));
    }
    for _ in 0..4 {
        hosts.report(&1, true, at(now));
    }
    fail(&mut hosts, &1, now);
    assert!(hosts.is_usable(&1, at(now + 100)), "good answers are remembered too");
}

#[test]
fn a_success_in_between_starts_anew() {
    let mut hosts = Outliers::new(RULE(), 0..4);
    for _ in 0..5 {
        assert!(!hosts.report(&2, false, at(0)));
        assert!(!hosts.report(&2, true, at(0)));
    }
    assert!(hosts.is_usable(&2, at(0)));
}

#[test]
fn when_most_seem_broken_all_get_work() {
    let mut hosts = Outliers::new(RULE(), 0..4);
    fail(&mut hosts, &0, 0);
    fail(&mut hosts, &1, 10);
    assert!(!hosts.panics(at(10)) && !hosts.is_usable(&0, at(10)) && !hosts.is_usable(&1, at(10)));
    fail(&mut hosts, &2, 20);
    assert!(hosts.panics(at(20)) && (0..4).all(|host| hosts.is_usable(&host, at(20))));
    assert!(!hosts.panics(at(100)), "the first is back, and two of four are enough");
    assert!(!hosts.is_usable(&1, at(100)));
}

/// Eight hosts are replaced by four, as a fleet is at night, and three of the four fall ill. If the eight
/// still counted, nine of twelve would seem well, and all the work would go to the one that is left.
#[test]
fn hosts_that_have_gone_do_not_count_as_well() {
    let names = |from: u32, count| (from..from + count).collect::<Vec<_>>();
    let (day, night) = (names(0, 8), names(8, 4));
    let usable = |forgets: bool| {
        let mut hosts = Outliers::new(RULE(), day.clone());
        night.iter().for_each(|host| assert!(hosts.join(*host)));
        day.iter().filter(|_| forgets).for_each(|host| assert!(hosts.leave(host)));
        night[1..].iter().for_each(|host| assert!(fail(&mut hosts, host, 0)));
        night.iter().filter(|host| hosts.is_usable(host, at(50))).count()
    };
    assert_eq!((usable(false), usable(true)), (1, 4));
}

/// A host that comes again under its name is another machine: what was known of it has gone.
#[test]
fn a_host_that_comes_is_new_and_one_that_has_gone_is_nobody() {
    let mut hosts = Outliers::new(RULE(), ["a", "b", "c", "d"]);
    assert!(fail(&mut hosts, &"a", 0) && !hosts.is_usable(&"a", at(10)));
    assert!(!hosts.join("a") && !hosts.is_usable(&"a", at(10)), "it is there already");
    assert!(hosts.leave(&"a") && !hosts.leave(&"a"));
    assert!(!fail(&mut hosts, &"a", 10), "a late answer of one that has gone");
    assert!(!hosts.is_usable(&"a", at(500)));
    assert!(hosts.join("a") && hosts.is_usable(&"a", at(10)));
    fail(&mut hosts, &"a", 20);
    assert!(hosts.is_usable(&"a", at(120)), "it is ejected as one that never was before");
    ["a", "b", "c", "d"].iter().for_each(|host| assert!(hosts.leave(host)));
    assert!(!hosts.panics(at(20)) && !hosts.is_usable(&"b", at(20)), "nobody is there");
}
