//! Random graphs, for tests that compare two evaluations.

use super::random;
use autograd::ops::Sampler;
use autograd::{Builder, Expr, Point, Type};

/// The maximum number of elements of an array in a random graph.
const LARGEST: usize = 60;

/// A graph under construction: the nodes so far, and the values of its leaves.
struct Making<'g, 's> {
    g: &'g Builder,
    s: &'s mut Sampler,
    made: Vec<Expr<'g>>,
    leaves: Vec<Expr<'g>>,
    point: Point<f64>,
    /// Whether ops with kinks may be used.
    kinks: bool,
}

impl<'g> Making<'g, '_> {
    fn pick(&mut self) -> Expr<'g> {
        // Prefer late nodes, so that graphs grow deep.
        let n = self.made.len();
        let from = if self.s.choice(&[true, false]) { n.saturating_sub(4) } else { 0 };
        self.made[self.s.below(from..n)]
    }

    fn axis(&mut self, x: Expr) -> Option<usize> {
        let rank = x.shape().len();
        (rank > 0).then(|| self.s.below(0..rank))
    }

    fn leaf(&mut self, shape: &[usize]) -> Expr<'g> {
        let name = format!("leaf{}", self.leaves.len());
        let input = self.s.choice(&[true, false]);
        // An input's axis of size 2 is the batch axis, for sharding.
        let x = match shape.iter().position(|&n| n == 2) {
            Some(axis) if input => self.g.batch_input(&name, Type::float(shape), axis),
            _ if input => self.g.input(&name, shape),
            _ => self.g.parameter(&name, shape),
        };
        self.point.set(x, random(&x.shape(), self.s));
        self.leaves.push(x);
        self.made.push(x);
        x
    }

    fn indices(&mut self, shape: &[usize], below: usize) -> Expr<'g> {
        let i = self.g.index_input(&format!("indices{}", self.g.graph().unwrap().len()), shape, below);
        let operand = self.s.index(shape, below);
        self.point.set(i, self.s.values(&[operand]).remove(0));
        i
    }

    fn smooth(&mut self, x: Expr<'g>) -> Expr<'g> {
        match self.s.below(0..16) {
            0 => x.tanh(),
            1 => x.sigmoid(),
            2 => x.softplus(),
            3 => x.sin(),
            4 => x.cos(),
            5 => (x.tanh() * 0.5).exp(),
            6 => (1.5 + x.sin()).ln(),
            7 => (x * x + 0.5).sqrt(),
            8 => x.erf(),
            9 => x.tanh().tan(),
            10 => x.atan(),
            11 => (x * x).log1p(),
            12 => x.tanh().expm1(),
            13 => x.tanh().sinh(),
            14 => x.tanh().cosh(),
            _ => -x.tanh().powi(2),
        }
    }

    fn kinked(&mut self, x: Expr<'g>, y: Expr<'g>) -> Option<Expr<'g>> {
        let fits = x.shape().broadcast(&y.shape()).is_some();
        match self.s.below(0..5) {
            0 => Some(x.relu()),
            1 => Some(x.abs()),
            2 if fits => Some(x.max(y)),
            3 if fits => Some(x.less(y).select(x.sin(), y)),
            4 if x.shape().count() > 0 => Some(x.max_over(self.s.subset(x.shape().len()))),
            _ => None,
        }
    }

    fn two(&mut self, x: Expr<'g>, y: Expr<'g>) -> Option<Expr<'g>> {
        x.shape().broadcast(&y.shape())?;
        Some(match self.s.below(0..5) {
            0 => x + y,
            1 => x - y,
            2 => x.tanh() * y,
            3 => x / (1.5 + y.sin()),
            _ => self.g.sum(&[x, y, x]),
        })
    }

    fn rows(&mut self, x: Expr<'g>) -> Option<Expr<'g>> {
        let shape = x.shape();
        match (self.s.below(0..4), &shape[..]) {
            (0, [rows, ..]) => Some(x.gather(self.indices(&[3], *rows))),
            (1, [n, ..]) => Some(x.scatter_add(self.indices(&[*n], 3), 3)),
            (2, [.., columns]) => {
                let wide = self.s.size();
                let w = self.leaf(&[wide, *columns]);
                (shape.len() > 1).then(|| x.linear(w))
            }
            (_, [_, _]) => Some(x.matmul(x.transpose(&[1, 0])) * 0.5),
            _ => None,
        }
    }

    fn moved(&mut self, x: Expr<'g>) -> Option<Expr<'g>> {
        let axis = self.axis(x)?;
        let (shape, n) = (x.shape(), x.shape()[axis]);
        Some(match self.s.below(0..11) {
            0 => x.sum_over(self.s.subset(shape.len())),
            1 => x.mean_over([axis]),
            2 => x.softmax(axis),
            3 => x.log_softmax(axis) * 0.5,
            4 => x.logsumexp(axis),
            5 => x.transpose(&self.s.permutation(shape.len())),
            6 => x.reshape([shape.count()]),
            7 => {
                let start = self.s.below(0..n);
                let end = self.s.below(start + 1..n + 1);
                x.slice(axis, start..end)
            }
            8 => x.at(axis, self.s.below(0..n)),
            9 => x.pad(axis, 1, self.s.below(0..2)),
            _ => {
                let y = x.sin();
                if self.s.choice(&[true, false]) {
                    self.g.concat(axis, &[x, y])
                } else {
                    self.g.stack(axis, &[x, y])
                }
            }
        })
    }

    fn step(&mut self) {
        let (x, y) = (self.pick(), self.pick());
        let next = match self.s.below(0..14) {
            0..=3 => Some(self.smooth(x)),
            4..=6 => self.two(x, y),
            7..=9 => self.moved(x),
            10..=11 => self.rows(x),
            12 if self.kinks => self.kinked(x, y),
            13 => {
                let seed = self.indices(&[], 100);
                Some(if self.s.choice(&[true, false]) {
                    x * seed.dropout_mask(x.shape(), 0.3, 1)
                } else {
                    x + x.stop_gradient()
                })
            }
            _ => None,
        };
        // Leaves of a rejected step stay: a graph may have unused ones.
        self.made.extend(next.filter(|next| (1..=LARGEST).contains(&next.shape().count())));
    }
}

/// A random graph: real leaves, outputs, point.
pub fn make<'g>(g: &'g Builder, s: &mut Sampler, kinks: bool) -> (Vec<Expr<'g>>, Vec<Expr<'g>>, Point<f64>) {
    let mut making = Making { g, s, made: Vec::new(), leaves: Vec::new(), point: Point::new(), kinks };
    for rank in [2, 2, 3] {
        let shape: Vec<_> = (0..rank).map(|_| making.s.size()).collect();
        making.leaf(&shape);
    }
    (0..making.s.below(5..25)).for_each(|_| making.step());
    let n = making.made.len();
    let outputs = making.made[n.saturating_sub(3)..].to_vec();
    (making.leaves, outputs, making.point)
}
