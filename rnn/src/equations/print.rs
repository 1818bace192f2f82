//! Prints a tree as text.

use super::ast::{At, Beginning, Expr, File, Form, Item, Range};
use std::fmt::{self, Display, Formatter};

impl Display for File {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        for line in self.description.lines() {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        writeln!(f, "cell {}", self.name.is)?;
        self.items.iter().try_for_each(|item| writeln!(f, "  {item}"))
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Equation(name, value) => write!(f, "{}[t] = {}", name.is, value.is),
            Self::Size(name, size) => write!(f, "size {} = {}", name.is, size.is),
            Self::Param(name, form) => write!(f, "param {}: {form}", name.is),
            Self::State(name, form) => write!(f, "state {}: {form}", name.is),
            Self::Require(a, b) => write!(f, "require {} = {}", a.is, b.is),
            Self::Init(names, init) => {
                f.write_str("init")?;
                names.iter().try_for_each(|name| write!(f, " {}", name.is))?;
                match init {
                    Beginning::Named(init) => write!(f, " = {}", init.is),
                    Beginning::Formula(formula) => write!(f, " = {}", formula.is),
                }
            }
            Self::Fixed(names, form, formula) => {
                f.write_str("fixed")?;
                names.iter().try_for_each(|name| write!(f, " {}", name.is))?;
                form.iter().try_for_each(|form| write!(f, ": {form}"))?;
                write!(f, " = {}", formula.is)
            }
            Self::Const(name, value) => write!(f, "const {} = {}", name.is, value.is),
            Self::Start(names, value) => {
                f.write_str("start")?;
                names.iter().try_for_each(|name| write!(f, " {}", name.is))?;
                write!(f, " = {}", value.is)
            }
            Self::For(range, items) => {
                writeln!(f, "for {range}")?;
                items.iter().try_for_each(|item| writeln!(f, "  {item}"))?;
                f.write_str("end")
            }
            Self::Split(names, value) => {
                let names: Vec<String> = names.iter().map(|name| format!("{}[t]", name.is)).collect();
                write!(f, "{} = split({})", names.join(", "), value.is)
            }
            Self::Restarts(_) => f.write_str("clock restarts"),
            Self::Output(name) => write!(f, "output {}", name.is),
            Self::Pack(name, parts) => {
                write!(f, "pack {} =", name.is)?;
                parts.iter().try_for_each(|part| write!(f, " {}", part.is))
            }
            Self::Function(name, arguments, value) => {
                let arguments: Vec<&str> = arguments.iter().map(|a| a.is.as_str()).collect();
                write!(f, "fn {}({})", name.is, arguments.join(", "))?;
                if let ([], [result]) = (&value.values[..], &value.results[..]) {
                    return write!(f, " = {}", result.is);
                }
                value
                    .values
                    .iter()
                    .try_for_each(|(name, value)| write!(f, "\n  {} = {}", name.is, value.is))?;
                let results: Vec<String> = value.results.iter().map(|result| result.is.to_string()).collect();
                write!(f, "\n  return {}", results.join(", "))
            }
            Self::Results(names, call) => {
                let names: Vec<String> = names.iter().map(|name| format!("{}[t]", name.is)).collect();
                write!(f, "{} = {}", names.join(", "), call.is)
            }
            Self::Let(name, value) => write!(f, "let {} = {}", name.is, value.is),
            Self::Use(cell) => write!(f, "use {}", cell.is),
        }
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{} = {}..{}", self.variable.is, self.from.is, self.to.is)
    }
}

impl Display for Form {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Scalar => f.write_str("scalar"),
            Self::Vector(n) => write!(f, "[{}]", n.is),
            Self::Matrix(rows, columns) => write!(f, "[{}, {}]", rows.is, columns.is),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write(self, 0, f)
    }
}

/// The binding power of an expression: relations 0, sums 1, products 2, signs and matrix products 3, powers 4, names
/// and calls 5.
fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::Binary(operation, ..) => operation.binding(),
        Expr::Negative(_) | Expr::Product(..) | Expr::Times(..) => 3,
        Expr::Power(..) | Expr::Raised(..) => 4,
        Expr::Body(a) | Expr::Argument(_, a) => binding(&a.is),
        _ => 5,
    }
}

/// Writes an expression, in parentheses if its binding power is below `least`.
fn write(expr: &Expr, least: u8, f: &mut Formatter) -> fmt::Result {
    if binding(expr) < least {
        f.write_str("(")?;
        write(expr, 0, f)?;
        return f.write_str(")");
    }
    match expr {
        Expr::Number(number) => write!(f, "{number}"),
        Expr::Name(name) => f.write_str(name),
        Expr::Sequence(name, 0) => write!(f, "{name}[t]"),
        Expr::Sequence(name, lag) => write!(f, "{name}[t-{lag}]"),
        Expr::Lagged(name, lag) => {
            write!(f, "{name}[t-")?;
            write(&lag.is, 2, f)?;
            f.write_str("]")
        }
        Expr::Step => f.write_str("t"),
        Expr::Product(matrix, right) => {
            write!(f, "{} ", matrix.is)?;
            // `W -x` would parse as a difference.
            let least = if matches!(right.is, Expr::Negative(_)) { 5 } else { 3 };
            write(&right.is, least, f)
        }
        Expr::Times(left, right) => {
            write(&left.is, 5, f)?;
            f.write_str(" ")?;
            let least = if matches!(right.is, Expr::Negative(_)) { 5 } else { 3 };
            write(&right.is, least, f)
        }
        Expr::Part(a, place) => {
            write(&a.is, 5, f)?;
            write!(f, "[{}]", place.is)
        }
        Expr::Element(a, place, _) => {
            write(&a.is, 5, f)?;
            write!(f, "[{place}]")
        }
        Expr::Portion(a, part, _) => {
            write(&a.is, 5, f)?;
            write!(f, "[part {}]", part + 1)
        }
        Expr::Raised(a, n) => {
            write(&a.is, 5, f)?;
            f.write_str("^")?;
            write(&n.is, 5, f)
        }
        Expr::Over(function, body, range) => {
            write!(f, "{}(", function.name())?;
            write(&body.is, 0, f)?;
            write!(f, " for {range})")
        }
        Expr::Negative(a) => {
            f.write_str("-")?;
            let least = if matches!(a.is, Expr::Negative(_)) { 5 } else { 3 };
            write(&a.is, least, f)
        }
        Expr::Power(a, n) => {
            write(&a.is, 5, f)?;
            write!(f, "^{n}")
        }
        Expr::Binary(operation, a, b) => {
            write(&a.is, operation.binding(), f)?;
            write!(f, " {} ", operation.sign())?;
            write(&b.is, operation.binding() + 1, f)
        }
        Expr::Call(function, arguments) => call(function.name(), arguments, f),
        Expr::Apply(function, arguments) => call(&function.is, arguments, f),
        Expr::Body(a) | Expr::Argument(_, a) => write(&a.is, least, f),
    }
}

fn call(function: &str, arguments: &[At<Expr>], f: &mut Formatter) -> fmt::Result {
    write!(f, "{function}(")?;
    for (i, argument) in arguments.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        write(&argument.is, 0, f)?;
    }
    f.write_str(")")
}
