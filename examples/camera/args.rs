//! The command line of both camera servers.

use std::fmt;
use std::str::FromStr;

use shared::server;

/// The options of the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    /// `HOST:PORT`.
    pub listen: String,
    /// The rate of the test picture, in pictures a second.
    pub fps: f64,
    /// The number of pictures after which the test picture ends.
    pub frames: Option<u64>,
    /// The width and height of the test picture in pixels.
    pub size: (u16, u16),
    /// The origin of the pictures.
    pub source: Source,
}

/// The origin of the pictures.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the camera matches on every variant")]
pub enum Source {
    /// A program with its arguments that writes JPEG pictures to its standard output.
    Command(String, Vec<String>),
    /// The standard input of this process.
    Stdin,
    /// A moving test picture that this process draws.
    Test,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(program, _) => program,
            Self::Stdin => "standard input",
            Self::Test => "the test picture",
        })
    }
}

impl Args {
    /// Parses this process's arguments. Exits after printing the help or an error.
    #[must_use]
    pub fn from_command_line() -> Self {
        server::parsed(Self::parse(std::env::args().skip(1)), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut args = Self::default();
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if matches!(name, "--help" | "-h") {
                return Ok(None);
            }
            if !NAMES.contains(&name) {
                return Err(format!("unknown argument {argument}"));
            }
            let value = attached.or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))?;
            match name {
                "--fps" => args.fps = number(name, &value, 0.01, 240.0)?,
                "--frames" => args.frames = Some(number(name, &value, 1, u64::MAX)?),
                "--listen" => args.listen = value,
                "--size" => args.size = size(&value)?,
                _ => args.source = source(&value)?,
            }
        }
        Ok(Some(args))
    }
}

impl Default for Args {
    fn default() -> Self {
        Self { listen: "127.0.0.1:3000".into(), fps: 30.0, frames: None, size: (640, 480), source: Source::Test }
    }
}

fn number<T>(name: &str, value: &str, min: T, max: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let range = min..=max;
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name} {value}: must be a number from {} to {}", range.start(), range.end()))
}

fn size(value: &str) -> Result<(u16, u16), String> {
    let side = |side: &str| side.parse().ok().filter(|side| (64..=4096).contains(side));
    let size = value.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    size.ok_or_else(|| format!("--size {value}: must be a size from 64x64 to 4096x4096, such as 640x480"))
}

fn source(value: &str) -> Result<Source, String> {
    match value {
        "stdin" | "-" => Ok(Source::Stdin),
        "test" => Ok(Source::Test),
        command => {
            let words = words(command).ok_or_else(|| format!("--source {command}: a quote is not closed"))?;
            let (program, arguments) = words.split_first().ok_or("--source is empty")?;
            Ok(Source::Command(program.clone(), arguments.to_vec()))
        }
    }
}

/// Splits a command into words like a shell without variables and patterns. Returns `None` if a quote is not closed.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

const NAMES: [&str; 5] = ["--fps", "--frames", "--listen", "--size", "--source"];

const HELP: &str = "\
Serves a camera as a page, a stream and stills.

usage: PROGRAM [--listen HOST:PORT] [--source SOURCE] [--fps N] [--frames N] [--size WxH]

  --listen HOST:PORT  the address to serve at [127.0.0.1:3000]; port 0 selects a free one
  --fps N             pictures a second of the test picture [30]
  --frames N          the test picture ends after N pictures; viewers keep the last one
  --size WxH          the size of the test picture [640x480]
  --source SOURCE     test     a moving test picture [default]
                      stdin    JPEG pictures, one after another, on standard input
                      COMMAND  the same from the standard output of a program, which runs while somebody
                               watches, and is restarted when it ends or sends no pictures:
                               \"ffmpeg -f v4l2 -i /dev/video0 -f mjpeg -q:v 5 -\"
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, String> {
        Args::parse(words(line).unwrap().into_iter())
    }

    #[test]
    fn accepts_the_options_of_the_help() {
        let args = parse("--listen [::1]:0 --fps=0.5 --frames 3 --size 320x240 --source stdin").unwrap().unwrap();
        let expected =
            Args { listen: "[::1]:0".into(), fps: 0.5, frames: Some(3), size: (320, 240), source: Source::Stdin };
        assert_eq!(args, expected);
        assert_eq!(parse("--fps 3 -h"), Ok(None));
    }

    #[test]
    fn names_the_invalid_argument() {
        for (line, mistake) in [
            ("--speed 3", "unknown argument --speed"),
            ("camera", "unknown argument camera"),
            ("--fps", "--fps needs a value"),
            ("--fps NaN", "--fps NaN: must be a number from 0.01 to 240"),
            ("--frames 0", "--frames 0: must be a number from 1 to 18446744073709551615"),
            ("--size 640", "--size 640: must be a size from 64x64 to 4096x4096, such as 640x480"),
            ("--source \"ffmpeg '\"", "--source ffmpeg ': a quote is not closed"),
        ] {
            assert_eq!(parse(line), Err(mistake.to_owned()));
        }
    }

    #[test]
    fn command_is_split_at_blanks_outside_quotes() {
        let words = words("ffmpeg  -i 'my file.mp4' -vf \"drawtext=text='a'\" ''").unwrap();
        assert_eq!(words, ["ffmpeg", "-i", "my file.mp4", "-vf", "drawtext=text='a'", ""]);
    }
}
