//! What a file says, as a tree.

use super::diagnostic::Span;
use autograd::ops::Op;

/// Something with its place in the text.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The thing.
    pub is: T,
    /// Where it stands.
    pub span: Span,
}

/// Trees are equal wherever they stand.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is == other.is
    }
}

impl<T> At<T> {
    /// A thing at a place.
    pub fn new(is: T, span: Span) -> Self {
        Self { is, span }
    }
}

/// A name at a place.
pub type Name = At<String>;

/// A file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The first block of comments, without the marks.
    pub description: String,
    /// The cell's name.
    pub name: Name,
    /// What follows, in order.
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
    /// `fn norm(a, b) = expression`, or with values of its own and several results
    Function(Name, Vec<Name>, Body),
    /// `c[t], h[t] = memory(a)`: the results of a function
    Results(Vec<Name>, At<Expr>),
    /// `let A = W - transpose(W)`: a function of parameters
    Let(Name, At<Expr>),
    /// `use lstm`: a cell as a function
    Use(Name),
}

/// `j = 1..4`, what a loop runs over.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The name that is a number in the loop.
    pub variable: Name,
    /// Its first value.
    pub from: At<Expr>,
    /// Its last value.
    pub to: At<Expr>,
}

/// What a function is equal to.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Values that it gives names to, in order.
    pub values: Vec<(Name, At<Expr>)>,
    /// Its results; mostly one.
    pub results: Vec<At<Expr>>,
}

impl Body {
    /// All expressions of the body, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &At<Expr>> {
        self.values.iter().map(|(_, value)| value).chain(&self.results)
    }
}

/// How parameters begin.
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
    /// One number a sample.
    Scalar,
    /// A vector of a size.
    Vector(At<Expr>),
    /// A matrix of rows and columns.
    Matrix(At<Expr>, At<Expr>),
}

/// An expression. A name with indices is kept as it is written, `W[j]`, until loops are written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A bare name: a parameter, a constant or a size.
    Name(String),
    /// `name[t]`, or `name[t-k]` with a lag k.
    Sequence(String, usize),
    /// `name[t-j]`, with a lag that loops give.
    Lagged(String, Box<At<Expr>>),
    /// `t`
    Step,
    /// `W x`: a matrix and what it is multiplied by.
    Product(Name, Box<At<Expr>>),
    /// `S[t] q[t]`: a matrix that is no parameter, and what it is multiplied by.
    Times(Box<At<Expr>>, Box<At<Expr>>),
    /// `k[t][j]`: an element.
    Part(Box<At<Expr>>, Box<At<Expr>>),
    /// `aʲ`, with a power that loops give.
    Raised(Box<At<Expr>>, Box<At<Expr>>),
    /// `sum(a for j = 1..4)`
    Over(Function, Box<At<Expr>>, Box<Range>),
    /// An element by its place from 1, and the size of the vector if that is known to be a number.
    Element(Box<At<Expr>>, usize, Option<usize>),
    /// One of so many equal parts of a vector, by its place from 0.
    Portion(Box<At<Expr>>, usize, usize),
    /// `−a`
    Negative(Box<At<Expr>>),
    /// `a + b` and the like.
    Binary(Operation, Box<At<Expr>>, Box<At<Expr>>),
    /// `aⁿ`
    Power(Box<At<Expr>>, i32),
    /// `tanh(a)`
    Call(Function, Vec<At<Expr>>),
    /// `norm(a, b)`: a call of a function that the file defines.
    Apply(Name, Vec<At<Expr>>),
    /// What such a call stands for, once it is expanded: its place is the call's.
    Body(Box<At<Expr>>),
    /// An argument where the body of an expanded call reads it: one value of that number, however often it is read.
    Argument(usize, Box<At<Expr>>),
}

/// A sign between two expressions.
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
    /// How it is written.
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

    /// Whether its result is true or false.
    pub fn is_relation(self) -> bool {
        self.binding() == 0
    }

    /// How tightly it binds: relations 0, sums 1, products 2.
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

            /// The least and the largest number of arguments.
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
    /// Whether its value is made of all features of an argument.
    pub fn joins_features(self) -> bool {
        matches!(self, Self::Softmax | Self::Concat | Self::Sum | Self::Mean | Self::Outer | Self::Transpose)
    }

    /// Whether its values are drawn: it stands in `init` and `fixed` alone.
    pub fn draws(self) -> bool {
        matches!(self, Self::Uniform | Self::LogUniform | Self::Normal)
    }

    /// Whether it sets elements to zero in training.
    pub fn drops(self) -> bool {
        matches!(self, Self::Dropout | Self::LockedDropout)
    }

    /// Whether it is of a square matrix of parameters: it stands in `let` alone.
    pub fn is_of_parameters(self) -> bool {
        matches!(self, Self::Expm | Self::Cayley)
    }

    /// Whether it joins what a loop makes: `sum(a for j = 1..4)`.
    pub fn joins_turns(self) -> bool {
        matches!(self, Self::Concat | Self::Sum | Self::Mean | Self::Min | Self::Max)
    }

    /// The function of a name; σ is sigmoid.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = if name == "σ" { "sigmoid" } else { name };
        Self::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// The op that it is, if it is a function of one number that the engine has.
    pub fn op(self) -> Option<&'static Op> {
        let name = if self == Self::Log { "ln" } else { self.name() };
        Op::functions().iter().find(|op| op.name() == name)
    }
}

/// The words that begin a declaration.
pub const KEYWORDS: &[&str] = &[
    "cell", "size", "param", "state", "require", "init", "const", "output", "pack", "fn", "clock", "start",
    "for", "end", "fixed", "return", "use", "let",
];

/// Names that no file can give to something of its own, with what they are.
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
