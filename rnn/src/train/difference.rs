//! Differences between two configurations: a run resumes only with its own.

use serde_json::Value;

/// An entry in which two configurations differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path, such as `options.learning_rate`.
    pub entry: String,
    /// Its value in the checkpoint.
    pub was: String,
    /// Its value now.
    pub now: String,
}

/// Entries that may change when a run resumes.
const MAY_CHANGE: [&str; 3] = ["options.epochs", "options.patience", "data.path"];

/// The first entry in which two configurations differ, except those that may change.
pub(super) fn difference(saved: &Value, now: &Value) -> Option<Difference> {
    fn walk(path: &str, a: &Value, b: &Value) -> Option<Difference> {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
                let null = Value::Null;
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&at, a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null))
            }),
            _ if a == b || MAY_CHANGE.contains(&path) => None,
            _ => Some(Difference::of(path, a, b)),
        }
    }
    walk("", saved, now)
}

impl Difference {
    /// Two values of an entry. For long texts the differing part is shown, not their starts.
    fn of(entry: &str, was: &Value, now: &Value) -> Self {
        let (was, now) = match (was.as_str(), now.as_str()) {
            (Some(was), Some(now)) => {
                let alike = was.chars().zip(now.chars()).take_while(|(a, b)| a == b).count();
                let around = |text: &str| {
                    brief(&text.chars().skip(alike.saturating_sub(8)).collect::<String>().into())
                };
                (around(was), around(now))
            }
            _ => (brief(was), brief(now)),
        };
        Self { entry: entry.into(), was, now }
    }
}

fn brief(value: &Value) -> String {
    let text = match value {
        Value::Null => return "not given".into(),
        value => value.to_string(),
    };
    if text.chars().count() > 40 { text.chars().take(39).chain(['…']).collect() } else { text }
}
