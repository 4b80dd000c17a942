//! The two text formats: families with their help, and samples with their labels.

use std::fmt::Write as _;

/// Numbers of one kind, with a sample for each thing and each value of a label.
pub(super) struct Family<T: 'static> {
    kind: Kind,
    /// Without the prefix of the crate and the suffix of counters. It ends with the unit.
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Samples<T>,
}

/// The samples of one thing.
pub(super) enum Samples<T: 'static> {
    One(Count<T>),
    /// One for each value of a label.
    By(&'static str, &'static [Sample<T>]),
}

/// The value of a label, and its number.
pub(super) type Sample<T> = (&'static str, Count<T>);

/// A function that returns a number. A thing without one has no sample.
type Count<T> = fn(&T) -> Option<Number>;

pub(super) const fn counter<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: Kind::Counter, name, unit: None, help, samples }
}

/// Returns a counter of bytes.
pub(super) const fn bytes<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: Kind::Counter, name, unit: Some("bytes"), help, samples }
}

pub(super) const fn gauge<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: Kind::Gauge, name, unit: None, help, samples }
}

/// Returns a gauge of seconds.
pub(super) const fn seconds<T>(name: &'static str, help: &'static str, samples: Samples<T>) -> Family<T> {
    Family { kind: Kind::Gauge, name, unit: Some("seconds"), help, samples }
}

/// Returns a summary of seconds, without a sum.
#[cfg(feature = "histogram")]
pub(super) const fn summary<T>(name: &'static str, help: &'static str, samples: &'static [Sample<T>]) -> Family<T> {
    Family { kind: Kind::Summary, name, unit: Some("seconds"), help, samples: Samples::By("quantile", samples) }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    #[cfg(feature = "histogram")]
    Summary,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Count(u64),
    Seconds(f64),
}

/// A thing that is counted.
pub(super) trait Counted {
    /// Returns its [`label`], or nothing.
    fn labels(&self) -> &str;
}

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
    out: &'a mut String,
    is_openmetrics: bool,
}

impl<'a> Text<'a> {
    pub(super) fn openmetrics(out: &'a mut String) -> Self {
        Self { out, is_openmetrics: true }
    }

    pub(super) fn prometheus(out: &'a mut String) -> Self {
        Self { out, is_openmetrics: false }
    }

    pub(super) fn families<T: Counted>(&mut self, families: &[Family<T>], things: &[T]) {
        for family in families {
            self.head(family);
            for thing in things {
                match family.samples {
                    Samples::One(number) => self.sample(family, thing, None, number),
                    Samples::By(label, values) => {
                        for (value, number) in values {
                            self.sample(family, thing, Some((label, value)), *number);
                        }
                    }
                }
            }
        }
    }

    fn head<T>(&mut self, family: &Family<T>) {
        let total = if family.kind == Kind::Counter && !self.is_openmetrics { TOTAL } else { "" };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            #[cfg(feature = "histogram")]
            Kind::Summary => "summary",
        };
        self.push(&["# TYPE ", PREFIX, family.name, total, " ", kind, "\n"]);
        if let Some(unit) = family.unit.filter(|_| self.is_openmetrics) {
            self.push(&["# UNIT ", PREFIX, family.name, " ", unit, "\n"]);
        }
        self.push(&["# HELP ", PREFIX, family.name, total, " ", family.help, "\n"]);
    }

    fn sample<T: Counted>(&mut self, family: &Family<T>, thing: &T, of: Option<(&str, &str)>, number: Count<T>) {
        let Some(number) = number(thing) else { return };
        self.push(&[PREFIX, family.name, if family.kind == Kind::Counter { TOTAL } else { "" }]);
        match (thing.labels(), of) {
            ("", None) => {}
            (labels, None) => self.push(&["{", labels, "}"]),
            (labels, Some((label, value))) => {
                let comma = if labels.is_empty() { "" } else { "," };
                self.push(&["{", labels, comma, label, "=\"", value, "\"}"]);
            }
        }
        self.push(&[" "]);
        match number {
            Number::Count(count) => self.push(&[itoa::Buffer::new().format(count)]),
            Number::Seconds(seconds) => {
                // A `String` takes every write.
                let _ = write!(self.out, "{seconds}");
            }
        }
        self.push(&["\n"]);
    }

    fn push(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.out.push_str(piece));
    }
}

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
