//! The picture of `docs/ladder.md`: what the rule does on four lines.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "small numbers; a failure of a helper is a failure of its test"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::tests::{Line, Run, needs};

/// `LADDER_SVG=write cargo test --lib plot` writes the file.
#[test]
fn plot_shows_what_the_rule_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ladder.svg");
    let svg = plot();
    if std::env::var_os("LADDER_SVG").is_some() {
        fs::write(&path, &svg).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == svg, "docs/ladder.svg is out of date: run LADDER_SVG=write cargo test --all-features --lib plot");
}

fn plot() -> String {
    let lines = [
        ("A constant line of 2 Mbit/s", Line::constant(250_000.0)),
        ("8 Mbit/s that fall to 1 for 30 s", Line::falling(30.0, 30.0)),
        ("Like Wi-Fi: 1 to 10 Mbit/s, with gaps", Line::wifi()),
        ("A tunnel of 15 s", Line::tunnel(30.0, 15.0)),
    ];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        LEFT + SECONDS * 6.0 + 16.0,
        lines.len() as f64 * PANEL + 20.0
    );
    for (at, (title, line)) in lines.iter().enumerate() {
        panel(&mut svg, at as f64 * PANEL, title, line);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, top: f64, title: &str, line: &Line) {
    let run = Run::new(line, SECONDS);
    let y = |rate: f64| top + 24.0 + (PANEL - 44.0) * (1.0 - (rate.max(LEAST) / LEAST).log10() / SPAN);
    let x = |time: f64| LEFT + time * 6.0;
    writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.0}\" font-weight=\"bold\">{title}</text>", top + 16.0).unwrap();
    for mbits in [0.25, 1.0, 4.0, 16.0] {
        let at = y(mbits * 125_000.0);
        writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{:.0}\" stroke=\"#ddd\"/>", x(SECONDS)).unwrap();
        writeln!(svg, "<text x=\"4\" y=\"{:.1}\" fill=\"#555\">{mbits} Mbit/s</text>", at + 4.0).unwrap();
    }
    for seconds in (0..=SECONDS as u32).step_by(10) {
        let at = x(f64::from(seconds));
        let bottom = top + PANEL - 6.0;
        writeln!(svg, "<text x=\"{at:.0}\" y=\"{bottom:.0}\" fill=\"#555\">{seconds} s</text>").unwrap();
    }
    let times = || (0..SECONDS as u32 * 4).map(|quarter| f64::from(quarter) / 4.0);
    let path = |value: &dyn Fn(f64) -> f64| {
        let mut path = String::new();
        let mut before = None;
        for time in times() {
            let at = format!("{:.1}", y(value(time)));
            if before.as_ref() != Some(&at) {
                let command =
                    if path.is_empty() { format!("M{:.1} {at}", x(time)) } else { format!("H{:.1}V{at}", x(time)) };
                path.push_str(&command);
                before = Some(at);
            }
        }
        path + &format!("H{:.0}", x(SECONDS))
    };
    let needs = needs();
    let (carried, needed) = (path(&*line.rate), path(&|time| needs[run.rung_at(time)]));
    writeln!(svg, "<path d=\"{carried}\" fill=\"none\" stroke=\"#9bd\" stroke-width=\"2\"/>").unwrap();
    writeln!(svg, "<path d=\"{needed}\" fill=\"none\" stroke=\"#c30\" stroke-width=\"2\"/>").unwrap();
}

const SECONDS: f64 = 120.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 70.0;
/// The lowest rate shown, in bytes a second, and the decades above it.
const LEAST: f64 = 20_000.0;
const SPAN: f64 = 2.2;
