//! What is wrong with a file, shown where it is.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// How many faults of a file are shown.
const SHOWN: usize = 10;

/// A place in the text of a file, in bytes.
pub type Span = Range<usize>;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one line.
    pub message: String,
    /// Where, and what is to be seen there; the first place is the main one.
    pub labels: Vec<(Span, String)>,
    /// What would mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Something wrong at one place.
    pub(super) fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self { message: message.into(), labels: vec![(span, label.into())], help: None }
    }

    /// The same with a second place.
    pub(super) fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// The same with a mend.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// All that is wrong with a file. Displayed, it shows each line with the place underlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// What the file is called.
    pub path: String,
    /// Its text.
    pub source: String,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Faults {
    /// The report; `colour` for a terminal. Of many faults the first are shown.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = self.diagnostics.iter().take(SHOWN).map(|d| renderer.render(&self.groups(d)));
        let more = self.diagnostics.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("… and {more} more"));
        shown.chain(more).collect::<Vec<_>>().join("\n\n")
    }

    fn groups<'a>(&'a self, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
        let mut snippet = Snippet::source(&self.source).path(&self.path);
        for (i, (span, label)) in diagnostic.labels.iter().enumerate() {
            let kind = if i == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            snippet = snippet.annotation(kind.span(self.within(span)).label(label));
        }
        let mut group = Level::ERROR.primary_title(&diagnostic.message).element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help));
        }
        vec![group]
    }

    /// A span that lies within the text and shows at least one place.
    fn within(&self, span: &Span) -> Span {
        let end = span.end.min(self.source.len());
        span.start.min(end)..end
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}
