//! The command line, the same for every camera server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

/// What to serve, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// Pictures a second, where a source has no rate of its own.
    pub(crate) fps: f64,
    /// The source ends after so many pictures.
    pub(crate) frames: Option<u64>,
    /// In place of the picture that says so.
    pub(crate) no_signal: Option<PathBuf>,
    pub(crate) on_exit: OnExit,
    /// Width and height of the test picture, in pixels.
    pub(crate) size: (u16, u16),
    pub(crate) source: Source,
    /// A source without a picture for so long is lost.
    pub(crate) timeout: Duration,
}

/// What happens when a source is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OnExit {
    /// The process ends with an error.
    Fail,
    /// The program is started again.
    Restart,
}

/// Where the pictures come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A program, and its arguments, that writes JPEG pictures to its standard output.
    Command(Vec<String>),
    /// Our own standard input.
    Stdin,
    /// A moving test picture made in this process.
    Test,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(words) => words.first().map_or("", String::as_str),
            Self::Stdin => "standard input",
            Self::Test => "the test picture",
        })
    }
}

impl Args {
    /// This process's arguments. Ends the process if they ask for help or make no sense.
    pub(crate) fn from_command_line() -> Self {
        match Self::parse(std::env::args().skip(1)) {
            Ok(Some(args)) => args,
            Ok(None) => {
                println!("{}", HELP.replace("NAME", &name()));
                exit(0)
            }
            Err(mistake) => {
                eprintln!("{}: {mistake} (--help lists what there is)", name());
                exit(2)
            }
        }
    }

    /// `None` if they ask for help.
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
            let value = attached.or_else(|| arguments.next()).ok_or_else(|| format!("{name} wants a value"))?;
            match name {
                "--fps" => args.fps = number(name, &value, 0.01, 240.0)?,
                "--frames" => args.frames = Some(number(name, &value, 1, u64::MAX)?),
                "--listen" => args.listen = value,
                "--no-signal" => args.no_signal = Some(value.into()),
                "--on-exit" => args.on_exit = on_exit(&value)?,
                "--size" => args.size = size(&value)?,
                "--timeout" => args.timeout = Duration::from_secs_f64(number(name, &value, 1.0, 86_400.0)?),
                _ => args.source = source(&value)?,
            }
        }
        Ok(Some(args))
    }
}

impl Default for Args {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:3000".into(),
            fps: 30.0,
            frames: None,
            no_signal: None,
            on_exit: OnExit::Restart,
            size: (640, 480),
            source: Source::Test,
            // A network camera behind ffmpeg needs a few seconds for its first picture.
            timeout: Duration::from_secs(15),
        }
    }
}

/// What this program is called.
pub(crate) fn name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_stem().map_or_else(|| "camera".into(), |name| name.to_string_lossy().into_owned())
}

fn number<T: FromStr + PartialOrd>(name: &str, value: &str, least: T, most: T) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{name} {value}: not a number that makes sense here"))
}

fn on_exit(value: &str) -> Result<OnExit, String> {
    match value {
        "fail" => Ok(OnExit::Fail),
        "restart" => Ok(OnExit::Restart),
        _ => Err(format!("--on-exit {value}: neither restart nor fail")),
    }
}

fn size(value: &str) -> Result<(u16, u16), String> {
    let side = |side: &str| side.parse().ok().filter(|side| (64..=4096).contains(side));
    let size = value.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    size.ok_or_else(|| format!("--size {value}: not a size such as 640x480, from 64x64 to 4096x4096"))
}

fn source(value: &str) -> Result<Source, String> {
    match value {
        "stdin" | "-" => Ok(Source::Stdin),
        "test" => Ok(Source::Test),
        command => {
            let words = words(command).ok_or_else(|| format!("--source {command}: a quote is not closed"))?;
            if words.is_empty() { Err("--source is empty".into()) } else { Ok(Source::Command(words)) }
        }
    }
}

/// The words of a command, as a shell without variables and patterns would take them. `None` if a quote is not closed.
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

const NAMES: [&str; 8] =
    ["--fps", "--frames", "--listen", "--no-signal", "--on-exit", "--size", "--source", "--timeout"];

const HELP: &str = "\
A camera in a page.

usage: NAME [--listen HOST:PORT] [--source SOURCE] [--fps N] [--frames N] [--size WxH]
       [--on-exit restart|fail] [--timeout SECONDS] [--no-signal FILE]

  --listen HOST:PORT  where to serve it [127.0.0.1:3000]; port 0 takes a free one
  --fps N             pictures a second of what has no rate of its own: the test picture, a file [30]
  --frames N          the source ends after N pictures; viewers keep the last one
  --size WxH          size of the test picture [640x480]
  --source SOURCE     test     a moving test picture [default]
                      stdin    JPEG pictures, one behind the other, on standard input
                      COMMAND  the same on the standard output of a program:
                               \"ffmpeg -f v4l2 -i /dev/video0 -f mjpeg -q:v 5 -\"
  --on-exit WHAT      restart  start a program again that has ended or sends no pictures, after a pause [default]
                      fail     end with an error instead
  --timeout SECONDS   a program without a picture for so long is ended; viewers see that there is no signal
                      after a third of it [15]
  --no-signal FILE    the picture that says so, JPEG or PNG
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, String> {
        Args::parse(words(line).unwrap().into_iter())
    }

    #[test]
    fn takes_what_the_help_lists() {
        let args = parse("--listen [::1]:0 --fps=0.5 --frames 3 --size 320x240 --source stdin").unwrap().unwrap();
        let expected = Args {
            listen: "[::1]:0".into(),
            fps: 0.5,
            frames: Some(3),
            size: (320, 240),
            source: Source::Stdin,
            ..Args::default()
        };
        assert_eq!(args, expected);
        let args = parse("--on-exit fail --timeout 2.5 --no-signal gone.png").unwrap().unwrap();
        let expected = Args {
            no_signal: Some("gone.png".into()),
            on_exit: OnExit::Fail,
            timeout: Duration::from_millis(2500),
            ..Args::default()
        };
        assert_eq!(args, expected);
        assert_eq!(parse("--fps 3 -h"), Ok(None));
    }

    #[test]
    fn names_what_makes_no_sense() {
        for (line, mistake) in [
            ("--speed 3", "unknown argument --speed"),
            ("camera", "unknown argument camera"),
            ("--fps", "--fps wants a value"),
            ("--fps NaN", "--fps NaN: not a number that makes sense here"),
            ("--frames 0", "--frames 0: not a number that makes sense here"),
            ("--on-exit again", "--on-exit again: neither restart nor fail"),
            ("--timeout 0", "--timeout 0: not a number that makes sense here"),
            ("--size 640", "--size 640: not a size such as 640x480, from 64x64 to 4096x4096"),
            ("--source \"ffmpeg '\"", "--source ffmpeg ': a quote is not closed"),
        ] {
            assert_eq!(parse(line), Err(mistake.to_owned()));
        }
    }

    #[test]
    fn a_command_is_words_and_quotes() {
        let words = words("ffmpeg  -i 'my file.mp4' -vf \"drawtext=text='a'\" ''").unwrap();
        assert_eq!(words, ["ffmpeg", "-i", "my file.mp4", "-vf", "drawtext=text='a'", ""]);
    }
}
