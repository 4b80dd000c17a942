//! The command line.

use std::path::PathBuf;

use mixed_replace::source::{self, Http, Source};
use shared::server;

pub(crate) struct Args {
    pub(crate) cameras: Vec<Source<Http>>,
    /// `HOST:PORT`.
    pub(crate) listen: String,
    /// A picture that replaces the drawn "no signal".
    pub(crate) no_signal: Option<PathBuf>,
}

impl Args {
    /// Parses this process's arguments. Exits after printing the help or an error.
    pub(crate) fn from_command_line() -> Self {
        server::parsed(Self::parse(std::env::args().skip(1)), HELP)
    }

    /// Returns `None` for `--help`.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut args = Self { cameras: Vec::new(), listen: "127.0.0.1:3000".into(), no_signal: None };
        while let Some(argument) = arguments.next() {
            let (name, attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if matches!(name, "--help" | "-h") {
                return Ok(None);
            }
            if !matches!(name, "--camera" | "--listen" | "--no-signal") {
                return Err(format!("unknown argument {name}"));
            }
            let value = attached.or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))?;
            match name {
                "--camera" => args.cameras.push(camera(&value)?),
                "--listen" => args.listen = value,
                _ => args.no_signal = Some(value.into()),
            }
        }
        if args.cameras.is_empty() {
            return Err("--camera URL is required".into());
        }
        Ok(Some(args))
    }
}

/// Parses `[NAME=]URL`. A URL may contain `=` too, and a name in front of a scheme `/`, `:` and `@`.
fn camera(text: &str) -> Result<Source<Http>, String> {
    let (name, url) = match text.split_once('=') {
        Some((name, url)) if !name.contains('?') && url.trim_start().starts_with("http://") => (Some(name), url),
        Some((name, url)) if !name.contains(['/', '?', ':', '@']) => (Some(name), url),
        _ => (None, text),
    };
    let camera = source::http(url).map_err(|error| error.to_string())?;
    Ok(match name.map(str::trim) {
        Some(name) if !name.is_empty() => camera.name(name),
        _ => camera,
    })
}

const HELP: &str = "\
Shows network cameras in a page, over one connection to each camera for any number of viewers.

usage: relay --camera [NAME=]URL [--camera …] [--listen HOST:PORT] [--no-signal FILE]

  --camera URL        an MJPEG stream: http://HOST/PATH or HOST:PORT/PATH, with USER:PASSWORD@ before the host for Digest
                      or Basic; quote it, because of ? and &
  --listen HOST:PORT  the address to serve the page at [127.0.0.1:3000]; port 0 selects a free one
  --no-signal FILE    the picture to show when a camera is lost, JPEG or PNG

Stream addresses of common cameras:

  this crate's camera  http://HOST:3000/live
  ustreamer            http://HOST:8080/stream
  motion               http://HOST:8081/
  mjpg-streamer        http://HOST:8080/?action=stream
  go2rtc               http://HOST:1984/api/stream.mjpeg?src=NAME
  Axis                 http://USER:PASSWORD@HOST/axis-cgi/mjpg/video.cgi
  Dahua, Amcrest       http://USER:PASSWORD@HOST/cgi-bin/mjpg/video.cgi?channel=1&subtype=1
  Hikvision            http://USER:PASSWORD@HOST/ISAPI/Streaming/channels/102/httpPreview
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Args>, String> {
        Args::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn accepts_the_options_of_the_help() {
        let arguments = ["--camera", "http://a/", "--camera=Yard=http://b/?x=1", "--listen", "[::1]:0"];
        let args = parse(&arguments).unwrap().unwrap();
        let names: Vec<_> = args.cameras.iter().map(|camera| camera.monitor().name().to_owned()).collect();
        assert_eq!((names, args.listen.as_str()), (vec!["a".to_owned(), "Yard".to_owned()], "[::1]:0"));
        assert!(parse(&["-h"]).is_ok_and(|args| args.is_none()));
    }

    #[test]
    fn name_may_stand_before_the_url() {
        for (text, name) in [
            ("Front door=http://10.0.0.7/?action=stream", "Front door"),
            ("http://10.0.0.7/?action=stream", "10.0.0.7"),
            ("Yard=10.0.0.7:8080/video?size=4,3", "Yard"),
            ("Gate=admin:p=ss@10.0.0.7/x", "Gate"),
            ("a/b & \"c\"=http://10.0.0.7/", "a/b & \"c\""),
            ("=10.0.0.7/x", "10.0.0.7/x"),
        ] {
            assert_eq!(camera(text).unwrap().monitor().name(), name, "{text}");
        }
    }

    #[test]
    fn names_the_invalid_argument() {
        for (arguments, mistake) in [
            (&[][..], "--camera URL is required"),
            (&["--camera"], "--camera needs a value"),
            (&["--camera", "http://a/", "--speed"], "unknown argument --speed"),
            (&["--camera", "rtsp://u:secret@a/"], "rtsp://…@a/: rtsp is not supported, only http and https"),
            (&["http://u:secret@a/"], "unknown argument http://u:secret@a/"),
        ] {
            assert_eq!(parse(arguments).err().as_deref(), Some(mistake));
        }
    }
}
