//! The rule of acknowledgement, as a function of what is known.

use machine::NodeId;

use crate::words::Offset;

/// How far the high watermark may rise: to the smallest end among those that count, which are the committed ISR
/// and everybody who is proposed to it. Nowhere while fewer than `least` are in the committed ISR, or while
/// somebody has not told its end in this epoch.
pub(crate) fn watermark(
    counted: impl IntoIterator<Item = NodeId>,
    end: impl Fn(NodeId) -> Option<Offset>,
    committed: usize,
    least: usize,
) -> Option<Offset> {
    if committed < least {
        return None;
    }
    let mut smallest = None::<Offset>;
    for replica in counted {
        let end = end(replica)?;
        smallest = Some(smallest.map_or(end, |smallest| smallest.min(end)));
    }
    smallest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(
        counted: &[u32],
        ends: &[Option<Offset>],
        committed: usize,
        least: usize,
    ) -> Option<Offset> {
        let counted = counted.iter().copied().map(NodeId);
        watermark(counted, |node| ends[node.0 as usize], committed, least)
    }

    #[test]
    fn it_is_the_smallest_end_of_all_that_count() {
        let ends = [Some(9), Some(7), Some(3), None];
        assert_eq!(rule(&[0, 1], &ends, 2, 2), Some(7));
        assert_eq!(rule(&[0, 1, 2], &ends, 2, 2), Some(3), "who is proposed counts");
        assert_eq!(rule(&[0, 1, 3], &ends, 3, 2), None, "who has told nothing holds it");
        assert_eq!(rule(&[0], &ends, 1, 2), None, "too few");
        assert_eq!(rule(&[], &ends, 0, 0), None, "nobody");
    }
}
