//! Programs: those that die, hang, print junk, flood their standard error, or ignore SIGTERM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mixed_replace::source::{self, Error, Status};
use mixed_replace::{Part, hub};

use crate::support::{SOON, pictures, watch};

#[tokio::test]
async fn publishes_both_forms_of_output() {
    let folder = Folder::new("forms");
    let picture = folder.path("0.jpg");
    for script in [
        format!("while cat {picture}; do sleep 0.05; done"),
        format!(
            "while printf -- '--ffmpeg\\r\\nContent-type: image/jpeg\\r\\nContent-length: %d\\r\\n\\r\\n' {}; do
                cat {picture}; printf '\\r\\n'; sleep 0.05; done",
            pictures()[0].len()
        ),
        format!("printf '\\r\\n'; while cat {picture}; printf junk; do sleep 0.05; done"),
    ] {
        let mut watched = watch!(source::command("sh", ["-c", &script]));
        for _ in 0..3 {
            watched.sees(&pictures()[0], SOON).await;
        }
        assert_eq!((watched.monitor.status(), watched.monitor.stats().parts_damaged), (Status::Live, 0), "{script}");
    }
}

#[tokio::test]
async fn lost_program_is_started_again_and_the_error_says_why() {
    let folder = Folder::new("lost");
    let picture = folder.path("0.jpg");
    let cases = [
        ("sleep 0.1", "sh has ended"),
        ("sleep 0.1; echo unplugged >&2; exit 7", "sh has stopped, exit status: 7: unplugged"),
        ("sleep 0.1; kill -9 $$", "sh has stopped, signal: 9 (SIGKILL)"),
        ("yes junk | head -c 20000000 >&2; exit 7", "sh has stopped, exit status: 7: junk"),
        ("yes junk | tr -d \\\\n | head -c 20000000 >&2; exit 7", "sh has stopped, exit status: 7: junkjunk"),
        ("exec sleep 1000", "sh: no picture for 500ms"),
        ("exec >&-; exec sleep 1000", "sh has closed its output"),
        ("yes junk", "sh: no picture for 500ms"),
    ];
    join_all(cases.map(async |(after_the_picture, why)| {
        let script = format!("cat {picture}; {after_the_picture}");
        // A busy machine takes a while to write 20 MB.
        let timeout = if why.ends_with("500ms") { Duration::from_millis(500) } else { SOON };
        let source = source::command("sh", ["-c", &script]).timeout(timeout);
        let mut watched = watch!(source.grace(Duration::from_millis(300)));
        let error = watched.error(SOON).await.to_string();
        assert!(error.starts_with(why) && error.len() < 300, "{error}");
        watched.until(SOON, |status| *status == Status::Live).await;
        let begin = Instant::now();
        while watched.monitor.stats().attempts < 3 {
            assert!(begin.elapsed() < SOON);
            let _ = watched.next(Duration::from_millis(20)).await;
        }
    }))
    .await;
    no_zombie_stays().await;
}

#[tokio::test]
async fn children_of_an_ended_program_get_the_grace_too() {
    let folder = Folder::new("grace");
    let [picture, ready, done] = ["0.jpg", "ready", "done"].map(|name| folder.path(name));
    // The child takes its time; the shell that started it dies at once. The first picture says that the trap is set.
    let trap = format!("trap \"sleep 0.3; echo 1 > {done}; exit\" TERM");
    let child = format!("sh -c '{trap}; echo 1 > {ready}; while :; do sleep 0.05; done'");
    let wait = format!("until [ -e {ready} ]; do sleep 0.01; done");
    let script = format!("{child} & {wait}; while cat {picture}; do sleep 0.05; done");
    let source = source::command("sh", ["-c", &script]).grace(SOON);
    let mut watched = watch!(source, hub::builder().linger(Duration::from_millis(10)));
    watched.sees(&pictures()[0], SOON).await;
    watched.leave();
    watched.until(SOON, |status| *status == Status::Asleep).await;
    assert!(Path::new(&done).exists());
}

#[tokio::test]
async fn missing_folder_is_reported() {
    let mut watched = watch!(source::command("true", [""; 0]).current_dir("/no/such/folder"));
    assert_eq!(
        watched.error(SOON).await,
        Error::permanent("true cannot be started: folder /no/such/folder does not exist")
    );
}

#[tokio::test]
async fn program_without_pictures_is_reported() {
    let cases = [
        ("no-such-program", &[][..], "no-such-program is not installed", true),
        ("./no/such/program", &[], "./no/such/program does not exist", true),
        ("/etc", &[], "/etc cannot be started: Permission denied (os error 13)", true),
        ("true", &[], "true: ended without a picture", false),
        ("echo", &["hello"], "echo: no JPEG picture in 6 bytes that start with 68 65 6c 6c 6f 0a", false),
        (
            "sh",
            &["-c", "echo rtsp://admin:s3cret@127.0.0.1:1/live: refused >&2; exit 1"],
            "sh has stopped, exit status: 1: rtsp://…@127.0.0.1:1/live: refused",
            false,
        ),
        ("sh", &["-c", "echo broken >&2; exit 3"], "sh has stopped, exit status: 3: broken", false),
        ("yes", &["junk"], "yes: no JPEG picture in ", false),
        ("yes", &[""], "yes: no JPEG picture in ", false),
    ];
    join_all(cases.map(async |(program, arguments, why, permanent)| {
        let mut watched = watch!(source::command(program, arguments));
        let error = watched.error(SOON).await;
        assert!(error.to_string().starts_with(why), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
    }))
    .await;
}

#[tokio::test]
async fn pauses_grow_while_a_program_fails_and_viewers_see_no_signal() {
    let folder = Folder::new("fails");
    // Only the first run has a picture.
    let script = format!("cat {0} 2>/dev/null || exit 7; rm {0}; sleep 0.3", folder.path("0.jpg"));
    let source = source::command("sh", ["-c", &script]);
    let no_signal = Part::jpeg(pictures()[1].clone()).unwrap();
    let mut watched = watch!(source, hub::builder().stale_after(Duration::from_secs(1), no_signal));
    watched.sees(&pictures()[0], SOON).await;
    watched.sees(&pictures()[1], SOON).await;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(4) {
        let _ = watched.next(Duration::from_millis(50)).await;
    }
    // The pauses are at most 0.5, 1, 2 and 4 s, and at least half of that.
    let opened = watched.monitor.stats().attempts;
    assert!((3..=6).contains(&opened), "{opened}");
}

#[tokio::test]
async fn program_and_its_children_end_when_nobody_watches_and_come_back() {
    let folder = Folder::new("demand");
    let mark = mark();
    // The shell ignores SIGTERM or not; its child is another process.
    for trap in ["", "trap '' TERM;"] {
        let script = format!("{trap} while cat {}; do sleep 0.05; done & sleep {mark}; true", folder.path("0.jpg"));
        let source = source::command("sh", ["-c", &script]).grace(Duration::from_millis(200));
        let mut watched = watch!(source, hub::builder().linger(Duration::from_millis(300)));
        for _ in 0..2 {
            watched.come();
            watched.until(SOON, |status| *status == Status::Live).await;
            child_runs(&mark).await;
            watched.leave();
            watched.until(SOON, |status| *status == Status::Asleep).await;
            // A child of the shell may be about to end.
            let asleep = Instant::now();
            while running(&mark) > 0 {
                assert!(asleep.elapsed() < SOON, "{trap:?}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            no_zombie_stays().await;
        }
        assert_eq!(watched.monitor.stats().attempts, 2);
    }
}

#[tokio::test]
async fn program_ends_with_its_hub_or_task() {
    let folder = Folder::new("dropped");
    let mark = mark();
    let script = format!("trap '' TERM; cat {}; sleep {mark}; true", folder.path("0.jpg"));
    for abort in [false, true] {
        let (publisher, hub) = hub::channel();
        let source = source::command("sh", ["-c", &script]).always(true).grace(Duration::from_millis(100));
        let task = source.spawn_into(publisher);
        assert!(hub.snapshot(Duration::MAX).await.is_some());
        if abort {
            task.abort()
        } else {
            hub.close()
        }
        let _ = task.await;
        let begin = Instant::now();
        while running(&mark) > 0 {
            assert!(begin.elapsed() < SOON, "{abort}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        no_zombie_stays().await;
    }
}

#[test]
fn runtime_that_ends_kills_the_program() {
    let folder = Folder::new("runtime");
    let mark = mark();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let hub = runtime.block_on(async {
        let script = format!("trap '' TERM; cat {}; sleep {mark}; true", folder.path("0.jpg"));
        let hub = source::command("sh", ["-c", &script]).always(true).spawn();
        assert!(hub.snapshot(Duration::MAX).await.is_some());
        child_runs(&mark).await;
        hub
    });
    drop(runtime);
    let begin = Instant::now();
    while running(&mark) > 0 {
        assert!(begin.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(hub.is_closed());
}

#[tokio::test]
async fn environment_and_folder_are_those_of_the_options() {
    let folder = Folder::new("options");
    let source = source::command("sh", ["-c", "cat \"$NAME\"; exec sleep 100"]);
    let mut watched = watch!(source.current_dir(&folder.0).env("NAME", "1.jpg").name("yard"));
    watched.sees(&pictures()[1], SOON).await;
}

#[tokio::test]
async fn picture_over_the_limit_is_left_out() {
    let folder = Folder::new("limits");
    let script = format!("while cat {} {}; do sleep 0.05; done", folder.path("large.jpg"), folder.path("0.jpg"));
    let limits = mixed_replace::decode::Limits::new().max_part_bytes(5000);
    let mut watched = watch!(source::command("sh", ["-c", &script]).limits(limits));
    for _ in 0..3 {
        watched.sees(&pictures()[0], SOON).await;
    }
    assert!(watched.monitor.stats().parts_damaged >= 2, "{:?}", watched.monitor.stats());
}

/// A folder with the two pictures, and one that is larger than 5,000 bytes.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sources-{name}"));
        // An earlier run has left its files.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        for (number, picture) in pictures().iter().enumerate() {
            fs::write(folder.join(format!("{number}.jpg")), picture).unwrap();
        }
        let mut large = Vec::new();
        let pixels: Vec<u8> =
            (0..200 * 200_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        jpeg_encoder::Encoder::new(&mut large, 95).encode(&pixels, 200, 200, jpeg_encoder::ColorType::Luma).unwrap();
        assert!(large.len() > 5000);
        fs::write(folder.join("large.jpg"), large).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

/// Returns a number of seconds that no other process sleeps.
fn mark() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("9{number}{}", std::process::id())
}

/// Returns the number of processes that sleep so long.
fn running(mark: &str) -> usize {
    let listing = Command::new("ps").args(["-A", "-o", "args"]).output().unwrap().stdout;
    String::from_utf8_lossy(&listing).lines().filter(|line| *line == format!("sleep {mark}")).count()
}

/// Waits until the program has started this child, which may be after its first picture.
async fn child_runs(mark: &str) {
    let begin = Instant::now();
    while running(mark) != 1 {
        assert!(begin.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until no child of this process is a zombie, as other tests' children are for a moment.
async fn no_zombie_stays() {
    let begin = Instant::now();
    while zombies() > 0 {
        assert!(begin.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn zombies() -> usize {
    let listing = Command::new("ps").args(["-A", "-o", "ppid=,stat=,args="]).output().unwrap().stdout;
    let own = std::process::id().to_string();
    let is_zombie = |line: &&str| {
        let mut fields = line.split_whitespace();
        fields.next() == Some(&own) && fields.next().is_some_and(|state| state.starts_with('Z'))
    };
    String::from_utf8_lossy(&listing).lines().filter(is_zombie).count()
}
