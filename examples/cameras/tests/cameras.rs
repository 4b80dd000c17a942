//! The wall of this program as a script reads it, and one camera.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use test_support::{Program, Server, Viewer, eventually, get};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn every_camera_moves_in_one_response() {
    let server = Server::start(Program::Package("cameras"), &["--listen", "127.0.0.1:0", "--cameras", "14"]);
    let (head, page) = get(&server.url("/"));
    assert!(head.contains(" 200 "), "{head}");
    let page = String::from_utf8(page).expect("UTF-8");
    let names: Vec<_> = page.split("src=\"/wall#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 14);

    let mut viewer = Viewer::open(&server.url(&format!("/wall?of={}", names.join(","))));
    let mut pictures = BTreeMap::<String, BTreeSet<Vec<u8>>>::new();
    let end = Instant::now() + SOON;
    while Instant::now() < end && (pictures.len() < 14 || pictures.values().any(|pictures| pictures.len() < 5)) {
        let part = viewer.next(SOON).expect("a part");
        if let Some(name) = part.headers().get("content-location") {
            assert_eq!(part.content_type().essence_str(), "image/jpeg");
            let name = name.to_str().expect("ASCII").to_owned();
            pictures.entry(name).or_default().insert(part.body().to_vec());
        }
    }
    assert_eq!(pictures.keys().map(String::as_str).collect::<BTreeSet<_>>(), names.iter().copied().collect());
    let all: BTreeSet<_> = pictures.values().flatten().collect();
    assert_eq!(all.len(), pictures.values().map(BTreeSet::len).sum::<usize>(), "no two cameras show the same");

    let mut one = Viewer::open(&server.url("/wall/gate"));
    assert_eq!(one.next(SOON).expect("a part").content_type().essence_str(), "image/jpeg");
    server.signal("TERM");
    assert!(eventually(SOON, || viewer.next(SOON).is_none().then_some(())).is_some(), "the stream ends");
}
