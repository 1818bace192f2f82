//! The time steps of a drawing, and how their numbers are written.

/// The column of a time step, or of several similar ones.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The drawn step.
    pub number: u32,
    /// The steps it represents, if there are several.
    pub group: Vec<u32>,
}

impl Step {
    /// `t = 3`, `t = 2 … 199`.
    pub fn label(&self) -> String {
        match self.group[..] {
            [] => format!("t = {}", self.number),
            [first, .., last] if (last - first) as usize + 1 == self.group.len() => {
                format!("t = {first} … {last}")
            }
            [a, b, c, ..] => format!("t = {a}, {b}, {c} …"),
            [a, ..] => format!("t = {a} …"),
        }
    }

    /// What stands above its column: the label, and how many steps it represents.
    pub fn heading(&self) -> String {
        match self.group.len() {
            0 => self.label(),
            steps => format!("{}\u{2003}×{steps}", self.label()),
        }
    }

    /// A text with step numbers written for any step of the column: `h[t−1]`.
    pub fn relative(&self, text: &str, step: u32) -> String {
        if self.group.is_empty() {
            return text.into();
        }
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            written.push_str(before);
            rest = after;
            let number =
                after.split_once(']').and_then(|(number, rest)| Some((number.parse::<u32>().ok()?, rest)));
            let Some((number, after)) = number else {
                written.push('[');
                continue;
            };
            rest = after;
            let time = match i64::from(number) - i64::from(step) {
                0 => "[t]".into(),
                d if d > 0 => format!("[t+{d}]"),
                d => format!("[t−{}]", -d),
            };
            written.push_str(&time);
        }
        written + rest
    }
}
