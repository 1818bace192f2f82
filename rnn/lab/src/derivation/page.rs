//! A derivation as text, as a LaTeX document, or as a page with MathML.

use super::words::Piece;
use super::{Derivation, Passage};
use autograd_view::math::{Form, Line, Symbol};

pub(super) fn write(derivation: &Derivation, form: Form) -> String {
    let title = plain(&format!("Backpropagation through time for {}", derivation.cell.name()), form);
    let sections = derivation.sections.iter().map(|section| {
        let passages = section.passages.iter().filter(|p| !p.words.is_empty() || !p.lines.is_empty());
        let passages: Vec<String> = passages.map(|p| passage(p, form)).collect();
        match form {
            Form::Unicode => format!("{}\n\n{}", section.title, passages.join("\n")),
            Form::Latex => format!("\\subsection*{{{}}}\n{}", section.title, passages.concat()),
            Form::Mathml => format!("<h2>{}</h2>\n{}", section.title, passages.concat()),
        }
    });
    let body: Vec<String> = sections.collect();
    match form {
        Form::Unicode => format!("{title}\n\n{}", body.join("\n")),
        Form::Latex => format!(
            "\\documentclass{{article}}\n\\usepackage{{amsmath}}\n\\usepackage[margin=2cm]{{geometry}}\n\
             \\setlength{{\\parindent}}{{0pt}}\n\\begin{{document}}\n\\section*{{{title}}}\n{}\\end{{document}}\n",
            body.concat()
        ),
        Form::Mathml => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"UTF-8\"/>\n\
             <title>{title}</title>\n<style>body {{ max-width: 60em; margin: 2em auto; font-family: sans-serif }} \
             math[display=block] {{ margin: 1em 0 }} mtd {{ text-align: left }}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{}</body>\n</html>\n",
            body.concat()
        ),
    }
}

fn passage(passage: &Passage, form: Form) -> String {
    let words: String = passage.words.iter().map(|piece| written(piece, form)).collect();
    let lines: Vec<Line> = passage.lines.iter().map(|entry| entry.line.clone()).collect();
    let math = if lines.is_empty() { String::new() } else { form.write(&lines) };
    match form {
        Form::Unicode => {
            let words: String = wrap(&words).into_iter().map(|line| line + "\n").collect();
            words + &math.lines().flat_map(|line| ["    ", line, "\n"]).collect::<String>()
        }
        Form::Latex if math.is_empty() => format!("{words}\n\n"),
        Form::Latex => format!("{words}\n\\begin{{equation*}}\n{math}\\end{{equation*}}\n\n"),
        Form::Mathml => format!("<p>{words}</p>\n{math}"),
    }
}

fn written(piece: &Piece, form: Form) -> String {
    match (piece, form) {
        (Piece::Words(words), _) => {
            let parts = words.split('$').enumerate().map(|(i, part)| match i % 2 {
                0 => plain(part, form),
                _ => written(&Piece::Math(Symbol::of(part).into()), form),
            });
            parts.collect()
        }
        // A formula is not broken across lines.
        (Piece::Math(math), Form::Unicode) => form.formula(math).replace(' ', "\u{a0}"),
        (Piece::Math(math), Form::Latex) => format!("${}$", form.formula(math)),
        (Piece::Math(math), Form::Mathml) => {
            let math = form.formula(math);
            format!("<math xmlns=\"http://www.w3.org/1998/Math/MathML\"><mrow>{math}</mrow></math>")
        }
    }
}

/// Words without mathematics.
fn plain(words: &str, form: Form) -> String {
    match form {
        Form::Unicode => words.into(),
        Form::Latex => words.replace('_', r"\_"),
        Form::Mathml => words.replace('&', "&amp;").replace('<', "&lt;"),
    }
}

/// Wraps a text to at most 96 columns.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let word = word.replace('\u{a0}', " ");
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 96 => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}
