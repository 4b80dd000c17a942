//! Each consumer gets every picture of finite and endless streams from both servers.

#![expect(clippy::print_stdout, reason = "the figures are a result")]

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use interop_tests::consumers::curl::Http;
use interop_tests::consumers::ffmpeg::Mode;
use interop_tests::consumers::python::Script;
use interop_tests::consumers::{Camera, Example, curl, ffmpeg, go, gstreamer, python, vlc};

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_decodes_every_picture() {
    for mode in Mode::ALL {
        every_picture(&format!("ffmpeg ({mode:?})"), |url, take| ffmpeg::pictures(url, mode, take));
    }
}

#[test]
#[ignore = "needs GStreamer with its good and bad plugins"]
fn gstreamer_decodes_every_picture() {
    every_picture("GStreamer", gstreamer::pictures);
}

#[test]
#[ignore = "needs Go"]
fn go_decodes_every_picture() {
    every_picture("Go", go::pictures);
}

#[test]
#[ignore = "needs Python with aiohttp"]
fn aiohttp_reads_every_picture() {
    every_picture("aiohttp", |url, take| python::pictures(url, Script::Aiohttp, take));
}

#[test]
#[ignore = "needs Python with OpenCV"]
fn opencv_decodes_every_picture() {
    every_picture("OpenCV", |url, take| python::pictures(url, Script::OpenCv, take));
}

#[test]
#[ignore = "needs VLC"]
fn vlc_gets_every_picture() {
    // It needs a part after each, so it leaves out the second copy of the last one.
    each_picture("VLC", 1, vlc::pictures);
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_every_picture() {
    for http in Http::BOTH {
        every_picture(&format!("curl ({http:?})"), |url, take| {
            let body = match take {
                Some(take) => curl::start(url, http, take),
                None => curl::body(url, http, None),
            };
            assert_eq!(body.closed, take.is_none(), "only a complete stream has a close-delimiter");
            body.pictures().into_iter().take(take.unwrap_or(usize::MAX)).collect()
        });
    }
}

/// Runs a consumer on both streams of both servers. It returns a distinct value for each picture, for the given number
/// of pictures or for all.
fn every_picture<P: Hash + Eq>(consumer: &str, pictures: impl Fn(&str, Option<usize>) -> Vec<P>) {
    each_picture(consumer, 2, pictures);
}

/// The last picture of a stream is sent twice, and read `lasts` times.
fn each_picture<P: Hash + Eq>(consumer: &str, lasts: usize, pictures: impl Fn(&str, Option<usize>) -> Vec<P>) {
    // A slow viewer skips pictures, and the server counts them. To keep these few, the consumers run one after another,
    // and the pictures are small, so that the kernel buffers some for a viewer that pauses.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for example in Example::BOTH {
        let camera = Camera::start(example, &["--size", "320x240", "--fps", "20", "--frames", &FINITE.to_string()]);
        // One size only: a viewer that is moved gets its picture once more, in the other size.
        let seen = pictures(&camera.url("/live?width=full"), None);
        let distinct = seen.iter().collect::<HashSet<_>>().len();
        let (published, skipped) = (camera.count("parts_published"), camera.count("parts_skipped"));
        println!("{consumer}, {example}, finite: {} pictures, {distinct} distinct, {skipped} skipped", seen.len());
        assert_eq!(published, FINITE);
        assert!(skipped <= FINITE / 2, "{consumer} with {example} is too slow: {skipped} of {published} skipped");
        // Pictures from before the stream's first poll may have been replaced in the meantime, which nobody counts.
        let sent = published - skipped - FINITE / 10..=published - skipped;
        assert!(
            sent.contains(&distinct),
            "{consumer} with {example}: {distinct} of the {sent:?} pictures that were sent"
        );
        assert_eq!(
            seen.len(),
            distinct - 1 + lasts,
            "{consumer} with {example}: each once, but the last {lasts} times"
        );
        let last = seen.iter().rev().take_while(|picture| Some(*picture) == seen.last()).count();
        assert_eq!(last, lasts, "{consumer} with {example}: the last {lasts} times");

        let camera = Camera::start(example, &["--size", "320x240", "--fps", "20"]);
        let start = Instant::now();
        let seen = pictures(&camera.url("/live?width=full"), Some(ENDLESS));
        let took = start.elapsed();
        let noticed = camera.notices_the_last_disconnect();
        println!("{consumer}, {example}, endless: {ENDLESS} pictures in {took:.1?}, leaving noticed in {noticed:.1?}");
        assert_eq!(seen.len(), ENDLESS, "{consumer} with {example}");
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), ENDLESS, "{consumer} with {example}: each once");
    }
}

const FINITE: usize = 40;
const ENDLESS: usize = 40;
