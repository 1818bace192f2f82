//! Unused declarations, and the output.

use super::super::ast::{File, Item, Name};
use super::super::diagnostic::Diagnostic;
use super::super::expand::{reads, reads_step};
use super::{Names, near};

impl Names {
    /// Reports declarations of parameters and sequences that nothing reads.
    pub(super) fn unread(&mut self) {
        let known = |names: &Self, name: &str| names.parameters.iter().any(|p| p.is == name);
        let sequence = |names: &Self, name: &str| {
            let column = format!("{name}_1");
            names.equations.iter().any(|(n, _)| n.is == name || n.is == column)
        };
        let is_state = |names: &Self, name: &str| {
            names.lags.get(name).is_some_and(|lag| *lag > 0)
                || names.lags.get(&format!("{name}_1")).is_some_and(|lag| *lag > 0)
        };
        for item in &self.items.clone() {
            let (what, name) = match item {
                Item::Restarts(line) if !self.equations.iter().any(|(_, value)| reads_step(value)) => {
                    let fault = Diagnostic::new(
                        "no equation reads the clock",
                        line.span.clone(),
                        "`t` stands in none",
                    );
                    self.fault(fault.help("take the line out"));
                    continue;
                }
                Item::Param(name, _) | Item::Let(name, _) => ("parameter", name),
                Item::Fixed(names, ..) => {
                    let unknown: Vec<Name> = names.iter().filter(|n| !known(self, &n.is)).cloned().collect();
                    unknown.iter().for_each(|name| self.nothing_reads("parameter", name));
                    continue;
                }
                Item::Const(name, _) => ("constant", name),
                Item::State(name, _) => ("sequence", name),
                Item::Start(names, _) => {
                    let unknown: Vec<Name> =
                        names.iter().filter(|n| !is_state(self, &n.is)).cloned().collect();
                    unknown.iter().for_each(|name| self.no_state(name));
                    continue;
                }
                Item::Pack(_, names) | Item::Init(names, _) => {
                    let is_pack = |name: &str| {
                        matches!(item, Item::Init(..)) && self.packs.iter().any(|(pack, _)| pack.is == name)
                    };
                    let unknown: Vec<Name> =
                        names.iter().filter(|n| !known(self, &n.is) && !is_pack(&n.is)).cloned().collect();
                    unknown.iter().for_each(|name| self.nothing_reads("parameter", name));
                    continue;
                }
                _ => continue,
            };
            let fine = match item {
                Item::Const(..) => {
                    self.equations.iter().chain(&self.lets).any(|(_, value)| reads(value, &name.is))
                        || self.in_formulas(&name.is)
                }
                Item::State(..) => sequence(self, &name.is),
                _ => known(self, &name.is),
            };
            if !fine {
                let name = name.clone();
                self.nothing_reads(what, &name);
            }
        }
    }

    fn no_state(&mut self, name: &Name) {
        let states = self.lags.iter().filter(|(_, lag)| **lag > 0).map(|(name, _)| name.clone());
        let near = near(&name.is, states);
        let help = near
            .map_or("a state is what is read of earlier steps".into(), |n| format!("did you mean `{n}`?"));
        let message = format!("nothing reads `{}` of an earlier step", name.is);
        self.fault(Diagnostic::new(message, name.span.clone(), "no state").help(help));
    }

    fn nothing_reads(&mut self, what: &str, name: &Name) {
        let sequences = self.equations.iter().map(|(name, _)| name.is.clone());
        let parameters = self.parameters.iter().map(|p| p.is.clone());
        let near = if what == "sequence" { near(&name.is, sequences) } else { near(&name.is, parameters) };
        let help = near.map_or("take the line out, or use the name in an equation".into(), |n| {
            format!("did you mean `{n}`?")
        });
        let message = match what {
            "sequence" => format!("no equation makes `{}`", name.is),
            what => format!("nothing reads the {what} `{}`", name.is),
        };
        self.fault(Diagnostic::new(message, name.span.clone(), "not in any equation").help(help));
    }

    pub(super) fn output(&mut self, file: &File) {
        let items = self.items.clone();
        let named: Vec<&Name> =
            items.iter().filter_map(|i| if let Item::Output(name) = i { Some(name) } else { None }).collect();
        let made = |names: &Self, name: &str| names.equations.iter().any(|(n, _)| n.is == name);
        match named[..] {
            [] => {
                self.output = "h".into();
                if !made(self, "h") && !self.equations.is_empty() {
                    let last = &self.equations[self.equations.len() - 1].0;
                    let fault = Diagnostic::new(
                        "no equation makes the output `h`",
                        file.name.span.clone(),
                        "in this cell",
                    )
                    .help(format!("name another output, as in `output {}`", last.is));
                    self.fault(fault);
                }
            }
            [name] => {
                self.output.clone_from(&name.is);
                if !made(self, &name.is) {
                    self.nothing_reads("sequence", &name.clone());
                }
            }
            [first, second, ..] => {
                let fault = Diagnostic::new("a cell has one output", second.span.clone(), "a second one")
                    .and(first.span.clone(), "the first");
                self.fault(fault);
            }
        }
    }
}
