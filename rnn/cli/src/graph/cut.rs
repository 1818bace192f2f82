//! Flags that select the part of a graph to draw.

use autograd::{Error, Graph, NodeId};
use autograd_view::draw::{Part, View};
use clap::{Args, ValueEnum};

/// What is drawn of the graph. All cuts may be given together.
#[derive(Args, Debug)]
#[command(next_help_heading = "Cuts")]
pub struct Cuts {
    /// One part alone
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// What this node is made of and what is made of it, each as deep as --depth says
    #[arg(long, value_name = "NODE")]
    around: Option<String>,
    /// Operands between the node of --around and what is drawn, at most
    #[arg(long, default_value_t = 2, value_name = "N", requires = "around")]
    depth: usize,
    /// What lies on a path from this node to that of --to
    #[arg(long, value_name = "NODE", requires = "to")]
    from: Option<String>,
    /// Where the paths of --from end
    #[arg(long, value_name = "NODE", requires = "from")]
    to: Option<String>,
    /// The first step, the last, and one for all between them that look alike
    #[arg(long)]
    rolled: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    /// What the net computes
    Forward,
    /// Its backpropagation through time
    Backward,
}

impl Cuts {
    /// Whether similar steps are drawn once.
    pub fn rolled(&self) -> bool {
        self.rolled
    }

    /// Whether any cut is selected.
    pub fn any(&self) -> bool {
        self.only.is_some() || self.around.is_some() || self.from.is_some() || self.rolled
    }

    /// Whether single nodes are selected.
    pub fn parts(&self) -> bool {
        self.around.is_some() || self.from.is_some()
    }

    /// The part of a view that the flags select.
    ///
    /// # Errors
    /// If no node has a given name, or there is no path.
    pub fn apply<'g>(&self, graph: &'g Graph) -> Result<View<'g>, Error> {
        let mut view = View::new(graph);
        if let Some(only) = self.only {
            view = view.only(if matches!(only, Only::Forward) { Part::Forward } else { Part::Backward });
        }
        if let (Some(from), Some(to)) = (&self.from, &self.to) {
            view = view.between(named(graph, from)?, named(graph, to)?)?;
        }
        if let Some(centre) = &self.around {
            view = view.around(named(graph, centre)?, self.depth)?;
        }
        Ok(if self.rolled { view.rolled() } else { view })
    }
}

/// The node with a name. The layer may be omitted if the result is unique, as in pictures: `c[2]`, `∂c[2]`.
fn named(graph: &Graph, name: &str) -> Result<NodeId, Error> {
    let short = |long: &str| {
        let (adjoint, plain) = long.strip_prefix('∂').map_or(("", long), |plain| ("∂", plain));
        plain.rsplit_once('/').map(|(_, short)| format!("{adjoint}{short}"))
    };
    graph.find(name).or_else(|error| {
        let same = |id: &NodeId| graph.name(*id).is_ok_and(|long| short(&long).as_deref() == Some(name));
        let found: Vec<NodeId> = graph.ids().filter(same).collect();
        if let [one] = found[..] { Ok(one) } else { Err(error) }
    })
}
