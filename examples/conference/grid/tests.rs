//! The fan-out of all pictures, polled by hand.

use std::pin::Pin;

use bytes::BytesMut;
use futures_util::{FutureExt as _, StreamExt as _};
use mixed_replace::Decoder;

use super::*;

type Stream = Pin<Box<dyn futures_util::Stream<Item = Bytes> + Send>>;

/// With a list, and a picture of each of these.
fn grid(people: &[u64]) -> Arc<Grid> {
    let grid = Arc::new(Grid::new());
    grid.list(Part::json("[]").unwrap());
    people.iter().for_each(|id| grid.enter(*id));
    people.iter().for_each(|id| grid.show(*id, picture(*id, 0)));
    grid
}

fn picture(id: u64, number: u64) -> Part {
    let mut part = Part::jpeg([JPEG, format!("{id}.{number}").as_bytes()].concat()).unwrap();
    part.insert_header(PARTICIPANT, id.into()).unwrap();
    part
}

fn watch(grid: &Arc<Grid>, wish: Wish) -> Stream {
    Box::pin(grid.watch(wish))
}

const ALL: Wish = Wish::All { without: None };

/// The last part's body: the list, or a picture without its begin.
fn said(bytes: &Bytes) -> String {
    let body = bytes.windows(4).rposition(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = String::from_utf8_lossy(&bytes[body..]).into_owned();
    body.split_once("\r\n--").unwrap().0.trim_start_matches('\u{fffd}').to_owned()
}

fn now(stream: &mut Stream) -> Option<String> {
    stream.next().now_or_never().map(|bytes| said(&bytes.unwrap()))
}

#[tokio::test]
async fn a_part_is_encoded_once_and_only_for_who_watches() {
    let grid = grid(&[1]);
    let encoded = |grid: &Grid| grid.shown.borrow().latest[&Whose::Person(1)].encoded.get().is_some();
    assert!(!encoded(&grid));
    let mut viewers = [watch(&grid, ALL), watch(&grid, ALL)];
    for viewer in &mut viewers {
        assert_eq!(now(viewer).unwrap(), "[]");
    }
    assert!(!encoded(&grid));
    let parts = viewers.each_mut().map(|viewer| viewer.next().now_or_never().unwrap().unwrap());
    assert!(encoded(&grid) && parts[0].as_ptr() == parts[1].as_ptr(), "the same bytes, not only equal ones");
}

#[tokio::test]
async fn a_slow_viewer_gets_the_latest_of_everyone_in_turn() {
    let grid = grid(&[1, 2, 3]);
    let mut viewer = watch(&grid, ALL);
    assert_eq!(now(&mut viewer).unwrap(), "[]");
    for round in 1..=30 {
        // The last one always has the newest picture.
        [1, 2, 3].iter().for_each(|id| grid.show(*id, picture(*id, round)));
        assert_eq!(now(&mut viewer), Some(format!("{}.{round}", (round - 1) % 3 + 1)));
    }
    assert_eq!(now(&mut viewer).unwrap(), "1.30");
    assert_eq!(now(&mut viewer).unwrap(), "2.30");
    assert_eq!(now(&mut viewer), None, "each once");
}

#[tokio::test]
async fn the_next_part_waits_until_this_one_is_written() {
    let grid = grid(&[1]);
    let mut viewer = watch(&grid, ALL);
    let list = viewer.next().await.unwrap();
    assert_eq!(now(&mut viewer), None);
    grid.show(1, picture(1, 1));
    drop(list);
    assert_eq!(now(&mut viewer).unwrap(), "1.1", "and is the latest then");
}

#[tokio::test]
async fn a_viewer_gets_what_it_wants_to_see() {
    let grid = grid(&[1, 2]);
    let mut others = watch(&grid, Wish::All { without: Some(1) });
    let mut list = watch(&grid, Wish::List);
    assert_eq!([now(&mut others), now(&mut others), now(&mut others)], [Some("[]".into()), Some("2.0".into()), None]);
    assert_eq!([now(&mut list), now(&mut list)], [Some("[]".into()), None]);
    assert_eq!((grid.watching(), grid.viewers_of(1), grid.viewers_of(2)), (2, 0, 1));
    drop((others, list));
    assert_eq!((grid.watching(), grid.viewers_of(2)), (0, 0));
}

#[tokio::test]
async fn nobody_is_shown_who_has_left() {
    let grid = grid(&[1]);
    grid.leave(1);
    grid.show(1, picture(1, 1));
    let mut viewer = watch(&grid, ALL);
    assert_eq!([now(&mut viewer), now(&mut viewer)], [Some("[]".into()), None]);
}

#[tokio::test]
async fn a_picture_that_holds_the_boundary_is_left_out() {
    let grid = grid(&[1, 2]);
    let forged = format!("\r\n--{}\r\nContent-Type: text/html\r\n\r\n<script>", grid.encoder.boundary().as_str());
    grid.show(1, Part::jpeg([JPEG, forged.as_bytes()].concat()).unwrap());
    let mut viewer = watch(&grid, ALL);
    assert_eq!([now(&mut viewer), now(&mut viewer), now(&mut viewer)], [Some("[]".into()), Some("2.0".into()), None]);
}

#[tokio::test(start_paused = true)]
async fn the_list_is_repeated_when_nothing_is_new() {
    let grid = grid(&[]);
    let mut viewer = watch(&grid, ALL);
    let begin = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(said(&viewer.next().await.unwrap()), "[]");
    }
    assert_eq!(begin.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn a_stream_is_whole_from_its_first_byte_to_its_last() {
    for people in [&[][..], &[1, 2]] {
        let grid = grid(people);
        let mut viewer = watch(&grid, ALL);
        let mut bytes = BytesMut::new();
        for _ in 0..=people.len() {
            bytes.extend_from_slice(&viewer.next().await.unwrap());
        }
        grid.close();
        while let Some(chunk) = viewer.next().await {
            bytes.extend_from_slice(&chunk);
        }
        let mut decoder = Decoder::new(grid.encoder.boundary().clone());
        let parts = std::iter::from_fn(|| decoder.decode(&mut bytes).unwrap()).count();
        assert!(decoder.is_closed());
        assert_eq!(parts, people.len() + 1);
    }
}

/// A picture, to which anything may be added.
const JPEG: &[u8] = include_bytes!("../../../src/picture/dot.jpg");
