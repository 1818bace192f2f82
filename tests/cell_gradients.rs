//! Gradients of unrolled nets of every cell, against dual numbers and against differences, to order two.

mod nets;

use nets::{Begin, Setup, cells, kinks, laws};

#[test]
fn are_those_of_forward_mode() {
    cells::each(4, |subject, setup| {
        laws::agrees_with_duals(&subject.problem(&setup), &subject.name);
    });
}

/// Every cell in one of twelve kinds of net, and each kind with three cells at least. Where no kink is near, differences
/// must agree; where they are too coarse to tell, they are asked at another point.
#[test]
fn are_those_of_differences_in_every_kind_of_net() {
    for (place, subject) in cells::ALL.iter().enumerate() {
        let kind = place % 12;
        let begin = [Begin::Zero, Begin::Given, Begin::Learned][kind % 3];
        let (bidirectional, ragged) = (kind % 2 == 1, kind % 4 < 2);
        let (window, lengths) = ((kind >= 6).then_some(2), ragged.then(|| vec![3, 1]));
        let (steps, batch, input, hidden, depth) = (3, 2, 2, 2, 1 + usize::from(kind % 4 == 0));
        let lengths = || lengths.clone();
        let nets = (0..).map(|seed| {
            let lengths = lengths();
            let setup =
                Setup { steps, batch, input, hidden, depth, bidirectional, window, lengths, begin, seed };
            subject.problem(&setup)
        });
        let what = format!("{}, kind {kind}", subject.name);
        let smooth = nets.filter(|problem| kinks::nearest(problem) > 1e-2);
        let decided = smooth.take(3).any(|problem| {
            let leaves = problem.each_in_one_lane();
            laws::agrees_with_differences(&problem, &leaves, &what).passed()
        });
        assert!(decided, "{what}: differences are too coarse at three points");
    }
}
