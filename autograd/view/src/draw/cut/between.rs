//! The paths from one node to another.

use super::View;
use autograd::Error;
use autograd::graph::NodeId;

impl View<'_> {
    /// The nodes on all paths from one node to another, both included.
    ///
    /// # Errors
    /// [`Error::NoPath`] if there is none; [`Error::Foreign`] if a handle belongs to another graph.
    pub fn between(mut self, from: NodeId, to: NodeId) -> Result<Self, Error> {
        let (a, b) = (self.graph.index(from)?, self.graph.index(to)?);
        let on = self.on_the_way(a, b);
        if !on[a] {
            let back = self.on_the_way(b, a)[b];
            let [from, to] = [a, b].map(|i| self.graph.name_at(i));
            return Err(Error::NoPath { from, to, back });
        }
        self.keep(|i| on[i]);
        Ok(self)
    }

    /// For each node whether it is on a path from `a` to `b`.
    fn on_the_way(&self, a: usize, b: usize) -> Vec<bool> {
        let mut from_a = vec![false; self.shown.len()];
        if a <= b {
            from_a[a] = self.shown[a];
        }
        for i in a + 1..=b {
            from_a[i] = self.shown[i] && self.graph.operands_at(i).any(|x| from_a[x]);
        }
        let mut on = vec![false; self.shown.len()];
        on[b] = from_a[b];
        for i in (a..=b).rev().filter(|&i| from_a[i]) {
            if on[i] {
                self.graph.operands_at(i).filter(|&x| from_a[x]).for_each(|x| on[x] = true);
            }
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Builder;

    #[test]
    fn all_paths_and_nothing_else() {
        let g = Builder::new();
        let (x, w) = (g.input("x", [2]), g.parameter("w", [2]));
        let a = (x * w).named("a");
        let (b, c) = (a.tanh().named("b"), a.exp().named("c"));
        let d = (b + c).named("d");
        let _ = (d * w).named("e");
        let graph = g.graph().unwrap();
        let way = |from: &str, to: &str| {
            let [from, to] = [from, to].map(|name| graph.find(name).unwrap());
            let view = View::new(&graph).between(from, to)?;
            Ok::<_, Error>(view.ids().map(|id| graph.name(id).unwrap()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(way("a", "d").unwrap(), "a b c d");
        assert_eq!(way("w", "e").unwrap(), "w a b c d e");
        assert_eq!(way("b", "b").unwrap(), "b");
        assert!(matches!(way("b", "c").unwrap_err(), Error::NoPath { back: false, .. }));
        let error = way("e", "x").unwrap_err().to_string();
        assert_eq!(error, "no path leads from `e` to `x`, but one leads from `x` to `e`");
    }
}
