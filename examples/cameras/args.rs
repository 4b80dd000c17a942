//! The command line.

use lexopt::{Arg, Parser, ValueExt as _};
use shared::server;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) cameras: usize,
    /// Pictures a second of each camera.
    pub(crate) fps: f64,
    /// `HOST:PORT`.
    pub(crate) listen: String,
}

impl Args {
    /// Parses the arguments of this process. Exits after `--help` and after an invalid argument.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(Parser::from_env()), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut args = Self { cameras: 12, fps: 10.0, listen: "127.0.0.1:3000".into() };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("cameras") => args.cameras = arguments.value()?.parse_with(cameras)?,
                Arg::Long("fps") => args.fps = arguments.value()?.parse_with(fps)?,
                Arg::Long("listen") => args.listen = arguments.value()?.string()?,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(args))
    }
}

fn cameras(value: &str) -> Result<usize, &'static str> {
    value.parse().ok().filter(|cameras| (1..=500).contains(cameras)).ok_or("must be a number from 1 to 500")
}

fn fps(value: &str) -> Result<f64, &'static str> {
    value.parse().ok().filter(|fps| (0.01..=100.0).contains(fps)).ok_or("must be a number from 0.01 to 100")
}

const HELP: &str = "\
Test cameras in one page, over one connection. Each draws pictures only while somebody sees it.

usage: cameras [--listen HOST:PORT] [--cameras N] [--fps N]

  --listen HOST:PORT  address to listen on [127.0.0.1:3000]; port 0 picks a free port
  --cameras N         number of cameras [12]
  --fps N             pictures a second of each camera [10]
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn parses_options() {
        let args = Args { cameras: 60, fps: 2.5, listen: "[::]:80".into() };
        assert_eq!(parse(&["--cameras", "60", "--fps=2.5", "--listen", "[::]:80"]), Ok(Some(args)));
        assert_eq!(parse(&["--listen", "x", "--help"]), Ok(None));
    }

    #[test]
    fn error_names_the_value() {
        for (arguments, error) in [
            (&["--cameras", "0"][..], "\"0\": must be a number from 1 to 500"),
            (&["--cameras", "many"], "\"many\": must be a number from 1 to 500"),
            (&["--fps", "nan"], "\"nan\": must be a number from 0.01 to 100"),
            (&["--webcam"], "'--webcam'"),
        ] {
            let found = parse(arguments).expect_err("an error");
            assert!(found.contains(error), "{found}");
        }
    }
}
