//! Formulas as presentation MathML (W3C, MathML Core), which browsers show without a script.

use super::{Notation, Sign, Symbol, Time};

pub(super) struct MathMl;

impl Notation for MathMl {
    fn is_two_dimensional(&self) -> bool {
        true
    }

    fn number(&self, number: f64) -> String {
        let sign = if number < 0.0 { "<mo>−</mo>" } else { "" };
        format!("{sign}<mn>{}</mn>", number.abs())
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        below(identifier(&symbol.base), symbol)
    }

    fn parentheses(&self, a: String) -> String {
        row(&format!("<mo>(</mo>{a}<mo>)</mo>"))
    }

    fn negative(&self, a: String) -> String {
        format!("<mo>−</mo>{a}")
    }

    fn infix(&self, sign: Sign, a: String, b: String) -> String {
        let sign = match sign {
            Sign::Less => "&lt;",
            Sign::LessEqual => "≤",
            Sign::Greater => "&gt;",
            Sign::GreaterEqual => "≥",
            Sign::Equal => "=",
            Sign::NotEqual => "≠",
            Sign::Plus => "+",
            Sign::Minus => "−",
            Sign::Hadamard => "⊙",
            Sign::Times => "·",
            Sign::Modulo => "mod",
            // The invisible sign of a product.
            Sign::Product => "\u{2062}",
        };
        format!("{a}<mo>{sign}</mo>{b}")
    }

    fn fraction(&self, a: String, b: String) -> String {
        format!("<mfrac>{}{}</mfrac>", row(&a), row(&b))
    }

    fn power(&self, a: String, n: i32) -> String {
        format!("<msup>{}{}</msup>", row(&a), row(&self.number(f64::from(n))))
    }

    fn root(&self, a: String) -> String {
        format!("<msqrt>{a}</msqrt>")
    }

    fn absolute(&self, a: String) -> String {
        row(&format!("<mo>|</mo>{a}<mo>|</mo>"))
    }

    fn transpose(&self, a: String) -> String {
        format!("<msup>{}<mo>⊤</mo></msup>", row(&a))
    }

    fn adjoint(&self, a: String) -> String {
        format!("<mover>{}<mo>¯</mo></mover>", row(&a))
    }

    fn adjoint_of(&self, symbol: &Symbol) -> String {
        below(format!("<mover>{}<mo>¯</mo></mover>", identifier(&symbol.base)), symbol)
    }

    fn call(&self, function: &str, arguments: Vec<String>) -> String {
        let function = if function == "sigmoid" { "σ" } else { function };
        let arguments = arguments.join("<mo>,</mo>");
        // Function application has an invisible sign.
        row(&format!("{}<mo>\u{2061}</mo><mo>(</mo>{arguments}<mo>)</mo>", identifier(function)))
    }

    fn stack(&self, parts: Vec<String>) -> String {
        row(&format!("<mo>[</mo>{}<mo>]</mo>", parts.join("<mo>;</mo>")))
    }

    fn cases(&self, cases: Vec<(String, String)>, otherwise: String) -> String {
        let case = |(a, condition): (String, String)| cells(&[&a, &format!("<mtext>if </mtext>{condition}")]);
        let cases: String = cases.into_iter().map(case).collect();
        let otherwise = cells(&[&otherwise, "<mtext>otherwise</mtext>"]);
        row(&format!("<mo>{{</mo><mtable columnalign=\"left left\">{cases}{otherwise}</mtable>"))
    }

    fn indicator(&self, condition: String) -> String {
        row(&format!("<mo>[</mo>{condition}<mo>]</mo>"))
    }

    fn ones(&self) -> String {
        "<mn>𝟏</mn>".into()
    }

    fn part(&self, whole: String, label: String) -> String {
        row(&format!("{whole}<mo>[</mo>{label}<mo>]</mo>"))
    }

    fn total(&self, a: String) -> String {
        row(&format!("<munder><mo>∑</mo>{}</munder>{a}", identifier("t")))
    }

    fn lines(&self, lines: &[(String, Vec<String>)]) -> String {
        let line = |(left, rows): &(String, Vec<String>)| {
            let row = |(k, right): (usize, &String)| {
                let row = if k == 0 { cells(&[left, "<mo>=</mo>", right]) } else { cells(&["", "", right]) };
                format!("  {row}\n")
            };
            rows.iter().enumerate().map(row).collect::<String>()
        };
        let lines: String = lines.iter().map(line).collect();
        format!(
            "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\">\n\
             <mtable displaystyle=\"true\" columnalign=\"right center left\">\n{lines}</mtable>\n</math>\n"
        )
    }
}

fn row(inner: &str) -> String {
    format!("<mrow>{inner}</mrow>")
}

fn cells(cells: &[&str]) -> String {
    format!("<mtr><mtd>{}</mtd></mtr>", cells.join("</mtd><mtd>"))
}

/// A letter, in italics; a word of several letters is upright by default.
fn identifier(name: &str) -> String {
    let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<mi>{name}</mi>")
}

/// A base with its subscripts, time and superscripts.
fn below(base: String, symbol: &Symbol) -> String {
    let is_number = |word: &String| word.bytes().all(|c| c.is_ascii_digit());
    let word = |word: &String| if is_number(word) { format!("<mn>{word}</mn>") } else { identifier(word) };
    let number = |n: i64| {
        let sign = if n < 0 { "<mo>−</mo>" } else { "" };
        format!("{sign}<mn>{}</mn>", n.abs())
    };
    let time = symbol.time.map(|time| match time {
        Time::Lag(0) => identifier("t"),
        Time::Lag(lag) if lag > 0 => format!("{}<mo>+</mo>{}", identifier("t"), number(lag)),
        Time::Lag(lag) => identifier("t") + &number(lag),
        Time::Step(step) => number(step),
    });
    let parts: Vec<String> = symbol.subscripts.iter().map(word).chain(time).collect();
    let below = row(&parts.join("<mo>,</mo>"));
    let above: Vec<String> = symbol.above.iter().map(word).collect();
    let above = row(&format!("<mo>(</mo>{}<mo>)</mo>", above.join("<mo>,</mo>")));
    match (parts.is_empty(), symbol.above.is_empty()) {
        (true, true) => base,
        (false, true) => format!("<msub>{base}{below}</msub>"),
        (true, false) => format!("<msup>{base}{above}</msup>"),
        (false, false) => format!("<msubsup>{base}{below}{above}</msubsup>"),
    }
}
