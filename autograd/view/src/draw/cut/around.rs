//! The neighbourhood of a node.

use super::View;
use autograd::Error;
use autograd::graph::NodeId;

impl View<'_> {
    /// The operands of a node up to this depth, and its users up to the same depth.
    ///
    /// Other users of its operands are excluded: otherwise a weight shared by all steps would bring every step near.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn around(mut self, node: NodeId, depth: usize) -> Result<Self, Error> {
        let centre = self.graph.index(node)?;
        let mut near = vec![usize::MAX; self.shown.len()];
        near[centre] = 0;
        // Index order is topological: one walk down, one walk up.
        for i in (0..=centre).rev().filter(|&i| self.shown[i]) {
            if near[i] < depth {
                self.graph.operands_at(i).for_each(|x| near[x] = near[x].min(near[i] + 1));
            }
        }
        let mut above = vec![usize::MAX; self.shown.len()];
        above[centre] = 0;
        for i in (centre + 1..above.len()).filter(|&i| self.shown[i]) {
            let operands = self.graph.operands_at(i).filter(|&x| self.shown[x]);
            above[i] = operands.map(|x| above[x].saturating_add(1)).min().unwrap_or(usize::MAX);
        }
        self.keep(|i| near[i] <= depth || above[i] <= depth);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Builder;

    #[test]
    fn counts_operands_both_ways() {
        let g = Builder::new();
        let (x, w) = (g.input("x", [2]), g.parameter("w", [2]));
        let a = (x * w).named("a");
        let b = a.tanh().named("b");
        let c = (b * w).named("c");
        let _ = c.exp().named("d");
        let graph = g.graph().unwrap();
        let names = |centre: &str, depth| {
            let view = View::new(&graph).around(graph.find(centre).unwrap(), depth).unwrap();
            view.ids().map(|id| graph.name(id).unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("b", 0), "b");
        assert_eq!(names("b", 1), "a b c");
        assert_eq!(names("b", 2), "x w a b c d");
        assert_eq!(names("x", 1), "x a");
    }
}
