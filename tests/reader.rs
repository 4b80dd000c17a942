//! `decode::Reader`: parts and errors of blocking readers.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::collections::VecDeque;
use std::error::Error as _;
use std::io::{self, ErrorKind, Read};

use mixed_replace::decode::{Limits, ReadError, Reader};

/// A smallest picture that a browser opens.
const PICTURE: &[u8] = include_bytes!("../src/picture/dot.jpg");

/// A reader that returns these results one after another.
struct Script(VecDeque<io::Result<Vec<u8>>>);

impl Read for Script {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(bytes) = self.0.pop_front() else { return Ok(0) };
        bytes.map(|bytes| {
            to[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        })
    }
}

fn script(results: impl IntoIterator<Item = io::Result<&'static [u8]>>) -> Reader<Script> {
    Reader::new(Script(results.into_iter().map(|bytes| bytes.map(<[u8]>::to_vec)).collect()))
}

fn bodies<R: Read + Unpin>(reader: Reader<R>) -> Vec<String> {
    reader.map(|part| part.unwrap().into_body().escape_ascii().to_string()).collect()
}

#[test]
fn yields_parts_and_concatenated_pictures_in_any_pieces() {
    let multipart =
        b"--x\r\nContent-Type: text/plain\r\n\r\n12:00\r\n--x\r\nContent-Type: text/plain\r\n\r\n12:01\r\n--x--";
    let pictures = [PICTURE, PICTURE, PICTURE].concat();
    assert_eq!(bodies(Reader::new(&multipart[..])), ["12:00", "12:01"]);
    assert_eq!(bodies(script(multipart.chunks(1).map(Ok))), ["12:00", "12:01"]);
    assert_eq!(bodies(Reader::new(&pictures[..])), vec![PICTURE.escape_ascii().to_string(); 3]);
}

#[test]
fn interrupted_read_is_repeated() {
    let interrupted = || Err(ErrorKind::Interrupted.into());
    let [first, second] = [&b"--x\r\nContent-Type: text/plain\r\n"[..], b"\r\non\r\n--x--"];
    assert_eq!(bodies(script([interrupted(), Ok(first), interrupted(), interrupted(), Ok(second)])), ["on"]);
}

#[test]
fn failed_read_is_the_last_item() {
    let part = b"--x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\non\r\n--x";
    let mut reader = script([Ok(&part[..]), Err(ErrorKind::ConnectionReset.into())]);
    assert_eq!(reader.next().unwrap().unwrap().into_body(), "on");
    let error = reader.next().unwrap().unwrap_err();
    assert!(matches!(&error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset), "{error:?}");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::ConnectionReset);
    assert!(reader.next().is_none());
}

#[test]
fn errors_name_the_problem() {
    let cut = b"--x\r\nContent-Type: text/plain\r\n\r\n12:0";
    let error = Reader::new(&cut[..]).next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::Decode(_)), "{error:?}");
    assert!(error.source().is_none());
    assert!(error.to_string().contains("without a close-delimiter"), "{error}");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::InvalidData);

    let video = [0, 0, 0, 1, 0x67, 0x64, 0, 0x28];
    let error = Reader::with_limits(&video[..], Limits::new().max_junk_bytes(4)).next().unwrap().unwrap_err();
    assert!(matches!(error, ReadError::NoPicture(_)), "{error:?}");
    assert!(error.to_string().contains("00 00 00 01 67 64 00 28"), "{error}");
    assert_eq!(io::Error::from(error).kind(), ErrorKind::InvalidData);
}

#[test]
fn damaged_pictures_are_left_out_and_counted() {
    let bytes = [PICTURE, &PICTURE[..40], PICTURE].concat();
    let mut reader = Reader::new(&bytes[..]);
    assert_eq!(reader.by_ref().filter(Result::is_ok).count(), 2);
    assert!(reader.damaged() > 0);
    assert_eq!(format!("{reader:?}"), "Reader { ended: true, .. }");
}
