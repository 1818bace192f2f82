//! Optimisers by name, with their settings in a string.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Adagrad, Adam, AdamW, Optimiser, PerElement, RmsProp, Sgd};
use crate::parameters::Parameters;

/// An optimisation method and its settings, without state. Written as its name and the settings that differ from
/// `PyTorch`'s defaults, such as `adam` or `sgd:momentum=0.9:nesterov`.
///
/// ```
/// use rnn::train::optim::{AdamW, Method};
///
/// let method: Method = "adamw:weight_decay=0.1:beta2=0.95".parse()?;
/// assert_eq!(method, Method::AdamW(AdamW { weight_decay: 0.1, beta2: 0.95, ..AdamW::default() }));
/// assert_eq!(method.to_string(), "adamw:beta2=0.95:weight_decay=0.1");
/// # Ok::<(), rnn::train::optim::MethodError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Method {
    /// `sgd`: momentum, `weight_decay`, nesterov.
    Sgd(Sgd),
    /// `adagrad`: eps, `weight_decay`.
    Adagrad(Adagrad),
    /// `rmsprop`: alpha, eps, momentum, `weight_decay`.
    RmsProp(RmsProp),
    /// `adam`: beta1, beta2, eps, `weight_decay`.
    Adam(Adam),
    /// `adamw`: beta1, beta2, eps, `weight_decay`.
    AdamW(AdamW),
}

/// The string is not a method, or a setting is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no optimiser: {reason}; write `sgd`, `adagrad`, `rmsprop`, `adam` or `adamw`, \
     and settings such as `sgd:momentum=0.9:nesterov` or `adamw:weight_decay=0.1`"
)]
pub struct MethodError {
    /// The string.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Method {
    /// A new optimiser for parameters of these names and shapes.
    pub fn optimiser(&self, parameters: &Parameters) -> Box<dyn Optimiser> {
        match *self {
            Self::Sgd(rule) if rule.momentum == 0.0 => Box::new(PerElement::<_, 0>::new(rule, parameters)),
            Self::Sgd(rule) => Box::new(PerElement::<_, 1>::new(rule, parameters)),
            Self::Adagrad(rule) => Box::new(PerElement::new(rule, parameters)),
            Self::RmsProp(rule) if rule.momentum == 0.0 => {
                Box::new(PerElement::<_, 1>::new(rule, parameters))
            }
            Self::RmsProp(rule) => Box::new(PerElement::<_, 2>::new(rule, parameters)),
            Self::Adam(rule) => Box::new(PerElement::new(rule, parameters)),
            Self::AdamW(rule) => Box::new(PerElement::new(rule, parameters)),
        }
    }

    /// `PyTorch`'s default learning rate for the method.
    pub fn default_learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(_) | Self::Adam(_) | Self::AdamW(_) => 1e-3,
            Self::Adagrad(_) | Self::RmsProp(_) => 1e-2,
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let settings = parts.map(read_setting).collect::<Result<Map<_, _>, _>>()?;
        let method = match name {
            "sgd" => Self::Sgd(from_settings(settings)?),
            "adagrad" => Self::Adagrad(from_settings(settings)?),
            "rmsprop" => Self::RmsProp(from_settings(settings)?),
            "adam" => Self::Adam(from_settings(settings)?),
            "adamw" => Self::AdamW(from_settings(settings)?),
            _ => return Err(format!("the name `{name}` is unknown")),
        };
        match method {
            Self::Sgd(Sgd { nesterov: true, momentum: 0.0, .. }) => {
                Err("nesterov wants a momentum above 0".into())
            }
            _ => Ok(method),
        }
    }
}

/// `key=value`, or `key` alone for `key=true`.
fn read_setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, "true"));
    let parsed: Value = value.parse().map_err(|_| format!("the value of `{text}` is no number"))?;
    let share = matches!(key, "alpha" | "beta1" | "beta2" | "momentum");
    match parsed.as_f64() {
        Some(x) if share && !(0.0..1.0).contains(&x) => {
            Err(format!("`{text}` must be at least 0 and below 1"))
        }
        Some(x) if key == "eps" && x <= 0.0 => Err(format!("`{text}` must be above 0")),
        Some(x) if x < 0.0 => Err(format!("`{text}` must not be negative")),
        _ => Ok((key.to_owned(), parsed)),
    }
}

fn from_settings<R: DeserializeOwned>(settings: Map<String, Value>) -> Result<R, String> {
    serde_json::from_value(settings.into()).map_err(|error| error.to_string())
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        Self::read(text).map_err(|reason| MethodError { text: text.to_owned(), reason })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Sgd(rule) => write_settings(f, "sgd", rule),
            Self::Adagrad(rule) => write_settings(f, "adagrad", rule),
            Self::RmsProp(rule) => write_settings(f, "rmsprop", rule),
            Self::Adam(rule) => write_settings(f, "adam", rule),
            Self::AdamW(rule) => write_settings(f, "adamw", rule),
        }
    }
}

fn write_settings<R: Serialize + Default>(f: &mut fmt::Formatter, name: &str, rule: &R) -> fmt::Result {
    let settings = |rule: &R| serde_json::to_value(rule).map_err(|_| fmt::Error);
    let (settings, defaults) = (settings(rule)?, settings(&R::default())?);
    write!(f, "{name}")?;
    for (key, value) in settings.as_object().into_iter().flatten() {
        if defaults.get(key) != Some(value) {
            write!(f, ":{key}={value}")?;
        }
    }
    Ok(())
}

impl TryFrom<String> for Method {
    type Error = MethodError;

    fn try_from(text: String) -> Result<Self, MethodError> {
        text.parse()
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_json_round_trip() {
        for text in [
            "sgd",
            "sgd:momentum=0.9:nesterov=true",
            "adagrad:eps=1e-6",
            "rmsprop:alpha=0.95:weight_decay=0.0001",
            "adam",
            "adamw:beta1=0.8:weight_decay=0.1",
        ] {
            let method: Method = text.parse().unwrap();
            assert_eq!(method.to_string().parse(), Ok(method));
            assert_eq!(serde_json::from_value::<Method>(text.into()).unwrap(), method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.to_string());
        }
    }

    #[test]
    fn only_what_is_not_default_is_written() {
        let text = |text: &str| text.parse::<Method>().unwrap().to_string();
        assert_eq!(text("adam:beta1=0.9"), "adam");
        assert_eq!(text("sgd:nesterov:momentum=0.5"), "sgd:momentum=0.5:nesterov=true");
    }

    #[test]
    fn what_is_wrong_is_named_with_the_forms() {
        for (text, reason) in [
            ("", "the name `` is unknown"),
            ("adan", "the name `adan` is unknown"),
            ("adam:momentum=0.9", "unknown field `momentum`, expected one of `beta1`, `beta2`"),
            ("sgd:momentum", "expected f64"),
            ("sgd:momentum=x", "the value of `momentum=x` is no number"),
            ("adam:beta2=1", "`beta2=1` must be at least 0 and below 1"),
            ("adam:eps=-1e-8", "`eps=-1e-8` must be above 0"),
            ("adam:eps=0", "`eps=0` must be above 0"),
            ("sgd:momentum=1.5", "`momentum=1.5` must be at least 0 and below 1"),
            ("adagrad:lr_decay=-1", "`lr_decay=-1` must not be negative"),
            ("sgd:nesterov", "nesterov wants a momentum above 0"),
        ] {
            let error = text.parse::<Method>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("`rmsprop`"), "{error}");
        }
    }
}
