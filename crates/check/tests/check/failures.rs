//! What is told of a history that is not linearizable.

use check::{Budget, Failure, Register, Verdict, history, linearizable, read};

const STALE: &str = "\
{:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :invoke, :f :write, :value 2}
{:process 2, :type :invoke, :f :read, :value nil}
{:process 2, :type :ok, :f :read, :value 2}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value 1}
{:process 1, :type :ok, :f :write, :value 2}
";

#[test]
fn the_longest_order_what_it_founders_on_and_what_was_around_it() {
    let history = history::<Register>(&read(STALE).unwrap()).unwrap();
    let budget = Budget { remembered: 1_000, go_on: &mut || true };
    let Verdict::NotLinearizable(failure) = linearizable::<Register>(&history, budget) else {
        panic!("a read went back")
    };
    let lines = |places: &[usize]| -> Vec<u64> {
        places.iter().map(|&place| history[place].invoked).collect()
    };
    let Failure { prefix, stuck, concurrent } = &failure;
    assert_eq!(lines(prefix), [1, 3, 4]);
    assert_eq!((lines(&[*stuck]), lines(concurrent)), (vec![6], vec![3]));

    let text = failure.text(&history);
    let expected = "\
the longest order has 3 operations:
         1 to 2        process 0    write 1 -> done
         3 to 8        process 1    write 2 -> done
         4 to 5        process 2    read -> 2
\u{2717}        6 to 7        process 0    read -> 1
(\u{2717} cannot come next; | was under way at the same time)
";
    assert_eq!(text, expected);

    let svg = failure.svg(&history);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<rect x=").count(), 4, "{svg}");
    assert!(svg.contains(">2. write 2 -&gt; done<") && svg.contains(">read -&gt; 1<"), "{svg}");
}

#[test]
fn what_a_stranger_wrote_is_cut() {
    let long = "x".repeat(100_000);
    let stale = format!("0 :invoke :read nil\n0 :ok :read \"{long}\"");
    let history = history::<Register>(&read(&stale).unwrap()).unwrap();
    let budget = Budget { remembered: 1_000, go_on: &mut || true };
    let Verdict::NotLinearizable(failure) = linearizable::<Register>(&history, budget) else {
        panic!("nobody wrote it")
    };
    let text = failure.text(&history);
    assert!(
        text.len() < 500 && text.contains("read -> \"xxx") && text.contains(" ... xxx"),
        "{text}"
    );
    let why = read(&format!("{{:process {long}}}")).unwrap_err().to_string();
    assert!(why.len() < 500 && why.starts_with("line 1: process is xxx"), "{why}");
}
