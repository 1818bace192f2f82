//! Faults of a cell file, shown at their place in the text.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// The number of faults that are shown.
const SHOWN: usize = 10;

/// A range of bytes in the text of a file.
pub type Span = Range<usize>;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The fault in one line.
    pub message: String,
    /// Labelled spans; the first is the primary one.
    pub labels: Vec<(Span, String)>,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A fault at one span.
    pub(super) fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self { message: message.into(), labels: vec![(span, label.into())], help: None }
    }

    /// Adds a second span.
    pub(super) fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// Adds a help text.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// All faults of a file. `Display` shows each line with the span underlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The file's name.
    pub path: String,
    /// Its text.
    pub source: String,
    /// The faults, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Faults {
    /// The report; `colour` for a terminal. Only the first faults are shown.
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

    /// A span clamped to the text, at least one place wide.
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
