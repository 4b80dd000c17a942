//! The two text formats: families with their help, and samples with their labels.

use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Numbers of one kind, with a sample for each thing and each value of a label.
pub(super) struct Family<T: 'static> {
    /// What both formats call the kind.
    kind: &'static str,
    /// Without the prefix of the crate and the suffix of counters. It ends with the unit.
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Samples<T>,
}

/// The samples of one thing.
pub(super) enum Samples<T: 'static> {
    One(fn(&T) -> u64),
    /// One for each value of a label.
    By(&'static str, &'static [Sample<T, u64>]),
    /// A time in seconds. A thing without one has no sample.
    Seconds(fn(&T) -> Option<Duration>),
    #[cfg(feature = "histogram")]
    Quantiles(&'static [Sample<T, Option<Duration>>]),
}

/// The value of a label, and a function that returns its number.
pub(super) type Sample<T, N = u64> = (&'static str, fn(&T) -> N);

pub(super) const fn counter<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: COUNTER, name, unit: None, help, samples }
}

/// Returns a counter of bytes.
pub(super) const fn bytes<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: COUNTER, name, unit: Some("bytes"), help, samples }
}

pub(super) const fn gauge<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: "gauge", name, unit: None, help, samples }
}

/// Returns a gauge of seconds.
pub(super) const fn seconds<T>(
    name: &'static str,
    help: &'static str,
    seconds: fn(&T) -> Option<Duration>,
) -> Family<T> {
    Family { kind: "gauge", name, unit: Some("seconds"), help, samples: Samples::Seconds(seconds) }
}

/// Returns a summary of seconds, without a sum.
#[cfg(feature = "histogram")]
pub(super) const fn summary<T>(
    name: &'static str,
    help: &'static str,
    quantiles: &'static [Sample<T, Option<Duration>>],
) -> Family<T> {
    Family { kind: "summary", name, unit: Some("seconds"), help, samples: Samples::Quantiles(quantiles) }
}

/// A thing that is counted, after its [`label`], which may be empty.
pub(super) type Labelled<T> = (String, T);

/// Returns a label of a sample. Both formats escape the same three characters of its value.
pub(super) fn label(name: &str, value: &str) -> String {
    let mut label = format!("{name}=\"");
    for char in value.chars() {
        match char {
            '\\' => label.push_str(r"\\"),
            '"' => label.push_str(r#"\""#),
            '\n' => label.push_str(r"\n"),
            char => label.push(char),
        }
    }
    label.push('"');
    label
}

/// Appends families to a text.
///
/// A counter's samples end with `_total` in both formats. Its type and help name the samples in the format of Prometheus, and
/// the family, without the suffix, in OpenMetrics.
pub(super) struct Text<'a> {
    pub(super) out: &'a mut String,
    pub(super) is_openmetrics: bool,
}

impl Text<'_> {
    pub(super) fn families<T>(&mut self, families: &[Family<T>], things: &[Labelled<T>]) {
        for family in families {
            self.head(family);
            for (labels, thing) in things {
                match family.samples {
                    Samples::One(count) => self.sample(family, labels, None, count(thing)),
                    Samples::By(label, values) => {
                        for (value, count) in values {
                            self.sample(family, labels, Some((label, value)), count(thing));
                        }
                    }
                    Samples::Seconds(time) => {
                        time(thing).into_iter().for_each(|time| self.sample(family, labels, None, time.as_secs_f64()));
                    }
                    #[cfg(feature = "histogram")]
                    Samples::Quantiles(values) => {
                        for (value, time) in values.iter().filter_map(|(value, time)| Some((value, time(thing)?))) {
                            self.sample(family, labels, Some(("quantile", value)), time.as_secs_f64());
                        }
                    }
                }
            }
        }
    }

    fn head<T>(&mut self, family: &Family<T>) {
        let total = if family.kind == COUNTER && !self.is_openmetrics { TOTAL } else { "" };
        self.push(&["# TYPE ", PREFIX, family.name, total, " ", family.kind, "\n"]);
        if let Some(unit) = family.unit.filter(|_| self.is_openmetrics) {
            self.push(&["# UNIT ", PREFIX, family.name, " ", unit, "\n"]);
        }
        self.push(&["# HELP ", PREFIX, family.name, total, " ", family.help, "\n"]);
    }

    fn sample<T>(&mut self, family: &Family<T>, labels: &str, of: Option<(&str, &str)>, number: impl Display) {
        self.push(&[PREFIX, family.name, if family.kind == COUNTER { TOTAL } else { "" }]);
        match (labels, of) {
            ("", None) => {}
            (labels, None) => self.push(&["{", labels, "}"]),
            (labels, Some((label, value))) => {
                let comma = if labels.is_empty() { "" } else { "," };
                self.push(&["{", labels, comma, label, "=\"", value, "\"}"]);
            }
        }
        // A `String` takes every write.
        let _ = writeln!(self.out, " {number}");
    }

    fn push(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.out.push_str(piece));
    }
}

const COUNTER: &str = "counter";
const PREFIX: &str = "mixed_replace_";
const TOTAL: &str = "_total";

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn escapes_values_of_labels() {
        for (value, escaped) in [
            ("yard", r#"stream="yard""#),
            ("", r#"stream="""#),
            (r#"the "yard""#, r#"stream="the \"yard\"""#),
            (r"C:\new", r#"stream="C:\\new""#),
            ("two\nlines", r#"stream="two\nlines""#),
            (r#"\" "#, r#"stream="\\\" ""#),
            ("Höfe, 庭\t}", "stream=\"Höfe, 庭\t}\""),
        ] {
            assert_eq!(label("stream", value), escaped);
        }
    }
}
