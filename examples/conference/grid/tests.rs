//! Tests of the fan-out, polled by hand.

use std::pin::Pin;

use bytes::BytesMut;
use futures_util::{FutureExt as _, StreamExt as _};
use mixed_replace::Decoder;

use super::*;

type Stream = Pin<Box<dyn futures_util::Stream<Item = Bytes> + Send>>;

/// Creates a grid with a list and one picture of each participant.
fn grid(people: &[u64]) -> Arc<Grid> {
    let grid = Arc::new(Grid::new());
    grid.publish_list(Part::json("[]").unwrap());
    people.iter().for_each(|id| grid.add(*id));
    people.iter().for_each(|id| grid.publish(*id, picture(*id, 0)));
    grid
}

fn picture(id: u64, number: u64) -> Part {
    let mut part = Part::jpeg([JPEG, format!("{id}.{number}").as_bytes()].concat()).unwrap();
    part.insert_header(PARTICIPANT, id.into()).unwrap();
    part
}

fn watch(grid: &Arc<Grid>, selection: Selection) -> Stream {
    Box::pin(grid.watch(selection))
}

const ALL: Selection = Selection::All { without: None };

/// Returns the body of the last part: the list, or the end of a picture.
fn content(bytes: &Bytes) -> String {
    let body = bytes.windows(4).rposition(|window| window == b"\r\n\r\n").unwrap() + 4;
    let body = bytes[body..].strip_prefix(JPEG).unwrap_or(&bytes[body..]);
    String::from_utf8_lossy(body).split_once("\r\n--").unwrap().0.to_owned()
}

/// Returns the content of the next part if it is ready.
fn ready(stream: &mut Stream) -> Option<String> {
    stream.next().now_or_never().map(|bytes| content(&bytes.unwrap()))
}

#[tokio::test]
async fn encodes_a_part_once_when_the_first_viewer_needs_it() {
    let grid = grid(&[1]);
    let encoded = |grid: &Grid| grid.latest.borrow().slots[&Slot::Person(1)].encoded.get().is_some();
    assert!(!encoded(&grid));
    let mut viewers = [watch(&grid, ALL), watch(&grid, ALL)];
    for viewer in &mut viewers {
        assert_eq!(ready(viewer).unwrap(), "[]");
    }
    assert!(!encoded(&grid));
    let parts = viewers.each_mut().map(|viewer| viewer.next().now_or_never().unwrap().unwrap());
    assert!(encoded(&grid) && parts[0].as_ptr() == parts[1].as_ptr(), "the bytes are shared");
}

#[tokio::test]
async fn a_slow_viewer_gets_the_latest_of_each_participant_in_turn() {
    let grid = grid(&[1, 2, 3]);
    let mut viewer = watch(&grid, ALL);
    assert_eq!(ready(&mut viewer).unwrap(), "[]");
    for round in 1..=30 {
        [1, 2, 3].iter().for_each(|id| grid.publish(*id, picture(*id, round)));
        assert_eq!(ready(&mut viewer), Some(format!("{}.{round}", (round - 1) % 3 + 1)));
    }
    assert_eq!(ready(&mut viewer).unwrap(), "1.30");
    assert_eq!(ready(&mut viewer).unwrap(), "2.30");
    assert_eq!(ready(&mut viewer), None, "each part is sent once");
}

#[tokio::test]
async fn sends_the_next_part_after_the_last_one_is_dropped() {
    let grid = grid(&[1]);
    let mut viewer = watch(&grid, ALL);
    let list = viewer.next().await.unwrap();
    assert_eq!(ready(&mut viewer), None);
    grid.publish(1, picture(1, 1));
    drop(list);
    assert_eq!(ready(&mut viewer).unwrap(), "1.1", "the next part is the latest");
}

#[tokio::test]
async fn a_viewer_gets_its_selection() {
    let grid = grid(&[1, 2]);
    let mut others = watch(&grid, Selection::All { without: Some(1) });
    let mut list = watch(&grid, Selection::List);
    assert_eq!(
        [ready(&mut others), ready(&mut others), ready(&mut others)],
        [Some("[]".into()), Some("2.0".into()), None]
    );
    assert_eq!([ready(&mut list), ready(&mut list)], [Some("[]".into()), None]);
    assert_eq!((grid.watching(), grid.viewers_of(1), grid.viewers_of(2)), (2, 0, 1));
    drop((others, list));
    assert_eq!((grid.watching(), grid.viewers_of(2)), (0, 0));
}

#[tokio::test]
async fn drops_pictures_of_a_removed_participant() {
    let grid = grid(&[1]);
    grid.remove(1);
    grid.publish(1, picture(1, 1));
    let mut viewer = watch(&grid, ALL);
    assert_eq!([ready(&mut viewer), ready(&mut viewer)], [Some("[]".into()), None]);
}

#[tokio::test]
async fn skips_a_picture_with_the_boundary() {
    let grid = grid(&[1, 2]);
    let forged = format!("\r\n--{}\r\nContent-Type: text/html\r\n\r\n<script>", grid.encoder.boundary().as_str());
    grid.publish(1, Part::jpeg([JPEG, forged.as_bytes()].concat()).unwrap());
    let mut viewer = watch(&grid, ALL);
    assert_eq!(
        [ready(&mut viewer), ready(&mut viewer), ready(&mut viewer)],
        [Some("[]".into()), Some("2.0".into()), None]
    );
}

#[tokio::test(start_paused = true)]
async fn repeats_the_list_as_a_keep_alive() {
    let grid = grid(&[]);
    let mut viewer = watch(&grid, ALL);
    let start = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(content(&viewer.next().await.unwrap()), "[]");
    }
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test]
async fn writes_a_well_formed_stream() {
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

/// A picture that is valid with any bytes appended.
const JPEG: &[u8] = include_bytes!("../../../src/picture/dot.jpg");
