//! The text form of initialisers, also used in checkpoints: `orthogonal:0.95`.

use super::{Init, InitError};
use std::fmt;
use std::str::FromStr;

/// The text forms of an initialiser.
pub(crate) const FORMS: &str = "`uniform:BOUND` (BOUND > 0), `uniform:LOW:HIGH`, `log-uniform:LOW:HIGH` (0 < LOW < HIGH), `chrono:STEPS` \
                     (STEPS > 2), `normal:STD` (STD > 0), `xavier[:GAIN]`, `orthogonal[:GAIN]`, `identity[:SCALE]`, \
                     `constant:VALUE`, `zeros`";

impl FromStr for Init {
    type Err = InitError;

    fn from_str(text: &str) -> Result<Self, InitError> {
        let unknown = || InitError::Unknown(text.to_owned());
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let numbers = words.map(|word| word.parse().ok().filter(|x: &f64| x.is_finite()));
        let numbers: Vec<f64> = numbers.collect::<Option<_>>().ok_or_else(unknown)?;
        match (name, &numbers[..]) {
            ("uniform", &[bound]) if bound > 0.0 => Ok(Self::uniform(bound)),
            ("uniform", &[low, high]) if low < high => Ok(Self::Uniform { low, high }),
            ("log-uniform", &[low, high]) if 0.0 < low && low < high => Ok(Self::LogUniform { low, high }),
            ("chrono", &[longest]) if longest > 2.0 => Ok(Self::Chrono { longest }),
            ("normal", &[std]) if std > 0.0 => Ok(Self::Normal { std }),
            ("xavier", []) => Ok(Self::Xavier { gain: 1.0 }),
            ("xavier", &[gain]) => Ok(Self::Xavier { gain }),
            ("orthogonal", []) => Ok(Self::Orthogonal { gain: 1.0 }),
            ("orthogonal", &[gain]) => Ok(Self::Orthogonal { gain }),
            ("identity", []) => Ok(Self::Identity { scale: 1.0 }),
            ("identity", &[scale]) => Ok(Self::Identity { scale }),
            ("constant", &[value]) => Ok(Self::Constant { value }),
            ("zeros", []) => Ok(Self::Zeros),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            #[allow(clippy::float_cmp)] // the bounds of `uniform:BOUND` are exact
            Self::Uniform { low, high } if *low == -*high => write!(f, "uniform:{high}"),
            Self::Uniform { low, high } => write!(f, "uniform:{low}:{high}"),
            Self::LogUniform { low, high } => write!(f, "log-uniform:{low}:{high}"),
            Self::Chrono { longest } => write!(f, "chrono:{longest}"),
            Self::Normal { std } => write!(f, "normal:{std}"),
            #[allow(clippy::float_cmp)] // a gain of exactly 1 is left out
            Self::Xavier { gain } if *gain == 1.0 => write!(f, "xavier"),
            Self::Xavier { gain } => write!(f, "xavier:{gain}"),
            Self::Orthogonal { gain } => write!(f, "orthogonal:{gain}"),
            Self::Identity { scale } => write!(f, "identity:{scale}"),
            Self::Constant { value } => write!(f, "constant:{value}"),
            Self::Zeros => write!(f, "zeros"),
        }
    }
}

impl TryFrom<String> for Init {
    type Error = InitError;

    fn try_from(text: String) -> Result<Self, InitError> {
        text.parse()
    }
}

impl From<Init> for String {
    fn from(init: Init) -> Self {
        init.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_round_trip() {
        for text in [
            "uniform:0.1",
            "uniform:-1:2",
            "log-uniform:0.001:0.1",
            "chrono:100",
            "xavier",
            "xavier:2",
            "orthogonal:1.5",
            "identity:0.01",
            "constant:-1",
            "zeros",
        ] {
            let init: Init = text.parse().unwrap();
            assert_eq!(init.to_string(), text);
            assert_eq!(serde_json::to_value(init).unwrap(), text);
            assert_eq!(serde_json::from_value::<Init>(text.into()).unwrap(), init);
        }
        assert_eq!("orthogonal".parse(), Ok(Init::Orthogonal { gain: 1.0 }));
    }

    #[test]
    fn a_bad_string_is_answered_with_the_forms() {
        for text in [
            "",
            "he",
            "uniform",
            "uniform:-1",
            "uniform:x",
            "zeros:1",
            "constant:NaN",
            "xavier:",
            "uniform:2:1",
            "log-uniform:0:1",
            "chrono:2",
        ] {
            let error = text.parse::<Init>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("orthogonal[:GAIN]"), "{error}");
        }
    }
}
