//! The abstract syntax tree of a cell file.

use super::diagnostic::Span;
use autograd::ops::Op;

/// A node of the tree with its span in the text.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The node.
    pub is: T,
    /// Its span.
    pub span: Span,
}

/// Equality ignores spans.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is == other.is
    }
}

impl<T> At<T> {
    /// A node at a span.
    pub fn new(is: T, span: Span) -> Self {
        Self { is, span }
    }
}

/// A name at a span.
pub type Name = At<String>;

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The first block of comments, without the comment marks.
    pub description: String,
    /// The cell's name.
    pub name: Name,
    /// The lines after the heading, in order.
    pub items: Vec<Item>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `name[t] = expression`
    Equation(Name, At<Expr>),
    /// `size m = hidden / 2`
    Size(Name, At<Expr>),
    /// `param V: [m, input]`, `param v: m`, `param s: scalar`
    Param(Name, Form),
    /// `state c: m`
    State(Name, Form),
    /// `require input = hidden`
    Require(At<Expr>, At<Expr>),
    /// `init U_f U_i = orthogonal`
    Init(Vec<Name>, Beginning),
    /// `fixed A: [k, k] = where(row > column, 1, 0)`
    Fixed(Vec<Name>, Option<Form>, At<Expr>),
    /// `const beta = 1 / 6`
    Const(Name, At<Expr>),
    /// `start m = -1e30`
    Start(Vec<Name>, At<Expr>),
    /// `for j = 1..4 … end`
    For(Range, Vec<Item>),
    /// `r[t], z[t] = split(a)`
    Split(Vec<Name>, At<Expr>),
    /// `output y`
    Output(Name),
    /// `pack weight_ih = W_ii W_if`
    Pack(Name, Vec<Name>),
    /// `clock restarts`
    Restarts(At<()>),
    /// `fn norm(a, b) = expression`, or with local values and several results
    Function(Name, Vec<Name>, Body),
    /// `c[t], h[t] = memory(a)`: the results of a function
    Results(Vec<Name>, At<Expr>),
    /// `let A = W - transpose(W)`: a function of parameters
    Let(Name, At<Expr>),
    /// `use lstm`: another cell as a function
    Use(Name),
}

/// `j = 1..4`, the range of a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The loop variable.
    pub variable: Name,
    /// Its first value.
    pub from: At<Expr>,
    /// Its last value.
    pub to: At<Expr>,
}

/// The body of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Local values, in order.
    pub values: Vec<(Name, At<Expr>)>,
    /// Its results; usually one.
    pub results: Vec<At<Expr>>,
}

impl Body {
    /// All expressions of the body, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &At<Expr>> {
        self.values.iter().map(|(_, value)| value).chain(&self.results)
    }
}

/// The initial values of parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Beginning {
    /// `orthogonal`, `uniform:0.1`, `1`
    Named(At<String>),
    /// `log(column)`
    Formula(At<Expr>),
}

/// A declared form.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A scalar per sample.
    Scalar,
    /// A vector of a size.
    Vector(At<Expr>),
    /// A matrix of rows and columns.
    Matrix(At<Expr>, At<Expr>),
}

/// An expression. An indexed name is kept as written, `W[j]`, until loops are unrolled.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A bare name: a parameter, a constant or a size.
    Name(String),
    /// `name[t]`, or `name[t-k]` with a lag k.
    Sequence(String, usize),
    /// `name[t-j]`, with a lag that depends on loop variables.
    Lagged(String, Box<At<Expr>>),
    /// `t`
    Step,
    /// `W x`: a matrix and its operand.
    Product(Name, Box<At<Expr>>),
    /// `S[t] q[t]`: a matrix that is not a parameter, and its operand.
    Times(Box<At<Expr>>, Box<At<Expr>>),
    /// `k[t][j]`: an element.
    Part(Box<At<Expr>>, Box<At<Expr>>),
    /// `aʲ`, with a power that depends on loop variables.
    Raised(Box<At<Expr>>, Box<At<Expr>>),
    /// `sum(a for j = 1..4)`
    Over(Function, Box<At<Expr>>, Box<Range>),
    /// An element by its index from 1, and the size of the vector if it is a known number.
    Element(Box<At<Expr>>, usize, Option<usize>),
    /// One of n equal parts of a vector: its index from 0, and n.
    Portion(Box<At<Expr>>, usize, usize),
    /// `−a`
    Negative(Box<At<Expr>>),
    /// `a + b` and other binary operations.
    Binary(Operation, Box<At<Expr>>, Box<At<Expr>>),
    /// `aⁿ`
    Power(Box<At<Expr>>, i32),
    /// `tanh(a)`
    Call(Function, Vec<At<Expr>>),
    /// `norm(a, b)`: a call of a function that the file defines.
    Apply(Name, Vec<At<Expr>>),
    /// The expansion of such a call; its span is the call's.
    Body(Box<At<Expr>>),
    /// An argument in the body of an expanded call: one value per number, however often it is read.
    Argument(usize, Box<At<Expr>>),
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their signs stand below
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Operation {
    /// Its spelling.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether its result is a truth value.
    pub fn is_relation(self) -> bool {
        self.binding() == 0
    }

    /// Its binding power: relations 0, sums 1, products 2.
    pub fn binding(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
            _ => 0,
        }
    }
}

macro_rules! functions {
    ($($function:ident $name:literal $least:literal..=$most:literal;)*) => {
        /// A function of the language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // their names say it
        pub enum Function { $($function),* }

        impl Function {
            /// All functions.
            pub const ALL: &[Self] = &[$(Self::$function),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$function => $name),* }
            }

            /// The minimum and the maximum number of arguments.
            pub fn arity(self) -> (usize, usize) {
                match self { $(Self::$function => ($least, $most)),* }
            }
        }
    };
}

functions! {
    Sigmoid "sigmoid" 1..=1;
    Tanh "tanh" 1..=1;
    Relu "relu" 1..=1;
    Softplus "softplus" 1..=1;
    Exp "exp" 1..=1;
    Log "log" 1..=1;
    Sqrt "sqrt" 1..=1;
    Abs "abs" 1..=1;
    Sin "sin" 1..=1;
    Cos "cos" 1..=1;
    Tan "tan" 1..=1;
    Atan "atan" 1..=1;
    Sinh "sinh" 1..=1;
    Cosh "cosh" 1..=1;
    Erf "erf" 1..=1;
    Log1p "log1p" 1..=1;
    Expm1 "expm1" 1..=1;
    Silu "silu" 1..=1;
    Gelu "gelu" 1..=1;
    Min "min" 2..=2;
    Max "max" 2..=2;
    Mod "mod" 2..=2;
    Where "where" 3..=3;
    Softmax "softmax" 1..=1;
    Concat "concat" 1..=1000;
    Sum "sum" 1..=1;
    Mean "mean" 1..=1;
    Stop "stop" 1..=1;
    Backward "backward" 2..=2;
    Outer "outer" 2..=2;
    Transpose "transpose" 1..=1;
    SoftplusInverse "softplus_inverse" 1..=1;
    Uniform "uniform" 1..=2;
    LogUniform "log_uniform" 2..=2;
    Normal "normal" 1..=1;
    Dropout "dropout" 2..=2;
    LockedDropout "locked_dropout" 2..=2;
    Expm "expm" 1..=1;
    Cayley "cayley" 1..=1;
}

impl Function {
    /// Whether its value depends on all features of an argument.
    pub fn joins_features(self) -> bool {
        matches!(self, Self::Softmax | Self::Concat | Self::Sum | Self::Mean | Self::Outer | Self::Transpose)
    }

    /// Whether it is finite with its derivative, as long as its argument is, up to the largest numbers.
    pub fn is_finite_everywhere(self) -> bool {
        !matches!(
            self,
            Self::Exp
                | Self::Log
                | Self::Sqrt
                | Self::Tan
                | Self::Sinh
                | Self::Cosh
                | Self::Log1p
                | Self::Expm1
                | Self::SoftplusInverse
                | Self::Expm
                | Self::Cayley
        )
    }

    /// Whether its values are random: it is allowed in `init` and `fixed` alone.
    pub fn draws(self) -> bool {
        matches!(self, Self::Uniform | Self::LogUniform | Self::Normal)
    }

    /// Whether it is a dropout: it sets elements to zero in training.
    pub fn drops(self) -> bool {
        matches!(self, Self::Dropout | Self::LockedDropout)
    }

    /// Whether it takes a square matrix of parameters: it is allowed in `let` alone.
    pub fn is_of_parameters(self) -> bool {
        matches!(self, Self::Expm | Self::Cayley)
    }

    /// Whether it reduces over a loop: `sum(a for j = 1..4)`.
    pub fn joins_turns(self) -> bool {
        matches!(self, Self::Concat | Self::Sum | Self::Mean | Self::Min | Self::Max)
    }

    /// The function with a name; σ is sigmoid.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = if name == "σ" { "sigmoid" } else { name };
        Self::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// The engine's op for it, if it is an elementwise function of one operand.
    pub fn op(self) -> Option<&'static Op> {
        let name = if self == Self::Log { "ln" } else { self.name() };
        Op::functions().iter().find(|op| op.name() == name)
    }
}

/// The keywords that start a declaration.
pub const KEYWORDS: &[&str] = &[
    "cell", "size", "param", "state", "require", "init", "const", "output", "pack", "fn", "clock", "start",
    "for", "end", "fixed", "return", "use", "let",
];

/// The meaning of a reserved name, which a file cannot define.
pub fn reserved(name: &str) -> Option<&'static str> {
    match name {
        "x" => Some("the input, `x[t]`"),
        "t" => Some("the number of the step"),
        "input" | "hidden" => Some("a size"),
        _ if KEYWORDS.contains(&name) => Some("a word of the language"),
        _ if Function::by_name(name).is_some() => Some("a function"),
        _ => None,
    }
}
