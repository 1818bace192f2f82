//! Names: `W_f`, `h_new` at time t − 1, `alpha`.

/// The time at which a name is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Time {
    /// At t + k: −1 is t − 1.
    Lag(i64),
    /// At a step, by number.
    Step(i64),
}

/// A name with its subscripts and its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Symbol {
    /// The base: `W`, `h̃`, `α`.
    pub base: String,
    /// Subscripts: `f`, `new`, `1`.
    pub subscripts: Vec<String>,
    /// Superscripts in parentheses: a layer, `1`.
    pub above: Vec<String>,
    /// The time.
    pub time: Option<Time>,
}

/// Greek letters by their names, which are those of their LaTeX commands too.
pub const GREEK: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("vartheta", "ϑ"),
    ("varkappa", "ϰ"),
    ("varpi", "ϖ"),
    ("varrho", "ϱ"),
    ("varsigma", "ς"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Upsilon", "Υ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
];

impl Symbol {
    /// Parses a name: words after `_` are subscripts, and so are digits after letters; a Greek letter may be spelled
    /// out.
    pub fn of(name: &str) -> Self {
        let mut parts = name.split('_').filter(|part| !part.is_empty());
        let first = parts.next().unwrap_or(name);
        let letters = first.trim_end_matches(|c: char| c.is_ascii_digit());
        let (base, digits) = if letters.is_empty() { (first, "") } else { first.split_at(letters.len()) };
        let digits = (!digits.is_empty()).then_some(digits);
        let subscripts = digits.into_iter().chain(parts).map(greek).collect();
        Self { base: greek(base), subscripts, above: Vec::new(), time: None }
    }

    /// At the time t + `lag`.
    #[must_use]
    pub fn at(self, lag: i64) -> Self {
        Self { time: Some(Time::Lag(lag)), ..self }
    }

    /// At a step, by number.
    #[must_use]
    pub fn at_step(self, step: i64) -> Self {
        Self { time: Some(Time::Step(step)), ..self }
    }
}

/// `xi` is not converted: in `W_xi` it means "from x to i".
fn greek(word: &str) -> String {
    GREEK.iter().find(|(name, _)| *name == word && word != "xi").map_or(word, |(_, letter)| letter).into()
}
