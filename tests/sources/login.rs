//! Basic and Digest, checked by a camera that computes its digests with coreutils.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::future::join_all;
use mixed_replace::source::{self, Status};

use crate::support::{Connection, Fake, SOON, field, pictures, watch};

#[tokio::test]
async fn answers_digest_challenges_of_every_form() {
    let cases = [
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5"#),
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=md5"#),
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm="MD5", opaque="x""#),
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", Algorithm="md5""#),
        ("sha256sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=sha-256"#),
        (
            "md5sum",
            "Digest realm=\"cam\", nonce=\"x\", algorithm=SHA-9\r\nWWW-Authenticate: \
            Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"",
        ),
        ("md5sum", r#"Digest qop="auth", realm="cam", nonce="abc", stale="FALSE""#),
        ("md5sum", r#"Digest realm="cam",nonce="abc",qop="auth,auth-int""#),
        ("md5sum", r#"Digest realm="cam", nonce="abc""#),
        ("sha256sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=SHA-256"#),
    ];
    join_all(cases.map(async |(sum, challenge)| {
        let camera = Fake::start(move |connection| guarded(connection, sum, challenge));
        let mut watched = watch!(source::http(&camera.url_for("admin:p%40ss%3A%22x%22")).unwrap());
        assert!(watched.next(SOON).await.is_some(), "{challenge}: {:?}", watched.monitor.status());
        assert_eq!(watched.monitor.status(), Status::Live, "{challenge}");
    }))
    .await;
}

#[tokio::test]
async fn sends_credentials_only_after_a_challenge_and_prefers_digest() {
    let challenge = "Basic realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"";
    let camera = Fake::start(move |connection| guarded(connection, "md5sum", challenge));
    let source = source::http(&camera.url()).unwrap().login("admin", "s3cret");
    let mut watched = watch!(source);
    watched.sees(&pictures()[0], SOON).await;
    let requests = camera.requests();
    let sent: Vec<_> = requests.iter().map(|request| field(request, "authorization")).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], None);
    assert!(sent[1].is_some_and(|sent| sent.starts_with("Digest ")), "{sent:?}");
}

#[tokio::test]
async fn later_requests_repeat_the_login_without_another_challenge() {
    let camera = Fake::start(|connection| {
        let nonce = if connection.number < 4 { "old" } else { "new" };
        // The third answer counts two requests with this nonce; then the camera has forgotten it.
        let known = connection.field("authorization").is_some_and(|sent| sent.contains(nonce));
        if !known {
            let challenge = format!("WWW-Authenticate: Digest realm=\"c\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
            return connection.answer("401 Unauthorized", &challenge, "");
        }
        connection.answer("200 OK", "Content-Type: image/jpeg\r\n", &pictures()[0])
    });
    let url = camera.url_for("a:b");
    let mut watched = watch!(source::snapshots(&url, Duration::from_millis(50)).unwrap());
    while camera.times().len() < 8 {
        assert!(watched.next(SOON).await.is_some());
    }
    let requests = camera.requests();
    let sent: Vec<_> = requests.iter().take(7).map(|request| field(request, "authorization")).collect();
    let nonces: Vec<_> = sent.iter().map(|sent| sent.map(|sent| sent.contains("nonce=\"new\""))).collect();
    assert_eq!(nonces, [None, Some(false), Some(false), Some(false), Some(false), Some(true), Some(true)], "{sent:?}");
    let counts: Vec<_> = sent.iter().flatten().filter_map(|sent| parameter(sent, "nc")).collect();
    assert_eq!(counts, ["00000001", "00000002", "00000003", "00000004", "00000001", "00000002"]);
    assert_eq!((watched.monitor.status(), watched.monitor.stats().attempts), (Status::Live, 1));
}

#[tokio::test]
async fn refused_login_is_not_tried_again_soon() {
    let camera = Fake::start(|connection| connection.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
    let builder = mixed_replace::hub::builder().linger(Duration::from_millis(100));
    let source = source::http(&camera.url_for("admin:gue55")).unwrap();
    let shown = format!("{source:?}");
    let mut watched = watch!(source, builder);
    let error = watched.error(SOON).await;
    assert!(error.is_permanent());
    assert_eq!(error.to_string(), "it refuses the user or the password");
    // One request without the password, one with it.
    assert_eq!(camera.times().len(), 2);
    watched.leave();
    watched.until(SOON, |status| *status == Status::Asleep).await;
    watched.come();
    watched.until(SOON, |status| matches!(status, Status::Waiting { error, .. } if error.is_permanent())).await;
    assert_eq!(camera.times().len(), 2, "a page that is reloaded does not try again");
    let Status::Waiting { until, .. } = watched.monitor.status() else { panic!() };
    assert!(until > std::time::Instant::now() + Duration::from_secs(5));
    assert!(!format!("{shown} {:?} {:?} {error:?}", watched.monitor, watched.monitor.stats()).contains("gue55"));
}

#[tokio::test]
async fn reports_a_challenge_that_cannot_be_answered() {
    for (login, challenge, problem) in [
        (None, "Basic realm=\"x\"", "it requires a user and a password: write USER:PASSWORD@HOST"),
        (Some("a:b"), "Negotiate", "it offers neither Basic nor Digest authentication"),
        (
            Some("a:b"),
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"\r\nWWW-Authenticate: Basic realm=\"x\"",
            "it offers Digest authentication only with qop=auth-int, which is not supported",
        ),
        (
            Some("a:b"),
            "Basic realm=\"x\", Digest realm=\"x\", nonce=\"y\", algorithm=SHA-9",
            "it offers Digest authentication with an unknown algorithm, which is not supported",
        ),
        (
            Some("a:b"),
            "Digest realm=\"Tür\", nonce=\"y\"",
            "it offers Digest authentication with a realm that is not in ASCII, which is not supported",
        ),
        (Some("a:b"), "Basic realm=\"Tür\"", "it refuses the user or the password"),
    ] {
        let headers = format!("WWW-Authenticate: {challenge}\r\n");
        let camera = Fake::start(move |connection| connection.answer("401 No", &headers, ""));
        let url = login.map_or_else(|| camera.url(), |login| camera.url_for(login));
        let mut watched = watch!(source::http(&url).unwrap());
        let error = watched.error(SOON).await;
        assert_eq!((error.to_string().as_str(), error.is_permanent()), (problem, true));
    }
}

#[tokio::test]
async fn camera_with_another_challenge_is_logged_in_to_after_one_that_cannot_be_answered() {
    let camera = Fake::start(|connection| {
        let qop = if connection.number == 0 { "auth-int" } else { "auth" };
        guarded(connection, "md5sum", &format!("Digest realm=\"cam\", nonce=\"abc\", qop=\"{qop}\""))
    });
    let source = source::http(&camera.url_for("admin:s3cret")).unwrap();
    let mut watched = watch!(source.pauses(Duration::from_secs(1), Duration::from_secs(1)));
    assert!(watched.error(SOON).await.is_permanent());
    watched.sees(&pictures()[0], SOON).await;
}

/// Serves `admin` with the password `p@ss:"x"` or `s3cret`, and answers 401 otherwise.
fn guarded(connection: &mut Connection, sum: &str, challenge: &str) -> std::io::Result<()> {
    let answer = connection.field("authorization").and_then(|answer| answer.strip_prefix("Digest "));
    let right = answer.is_some_and(|answer| {
        let realm_and_password = ["admin:cam:p@ss:\"x\"", "admin:cam:s3cret"];
        realm_and_password.iter().any(|secret| expected(sum, secret, answer) == parameter(answer, "response"))
    });
    if right {
        return connection.stream(5);
    }
    connection.answer("401 Unauthorized", &format!("WWW-Authenticate: {challenge}\r\n"), "")
}

/// Returns the expected response: RFC 7616 §3.4.1, or RFC 2069 without `qop`.
fn expected(sum: &str, secret: &str, answer: &str) -> Option<String> {
    let of = |name| parameter(answer, name);
    let (user, nonce, uri) = (of("username")?, of("nonce")?, of("uri")?);
    if user != "admin" || nonce != "abc" || uri != "/stream" {
        return None;
    }
    let (secret, request) = (digest(sum, secret), digest(sum, "GET:/stream"));
    Some(match of("qop") {
        Some(qop) => digest(sum, &format!("{secret}:{nonce}:{}:{}:{qop}:{request}", of("nc")?, of("cnonce")?)),
        None => digest(sum, &format!("{secret}:{nonce}:{request}")),
    })
}

fn digest(sum: &str, text: &str) -> String {
    let mut program = Command::new(sum).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("coreutils");
    program.stdin.take().unwrap().write_all(text.as_bytes()).expect("it reads");
    let output = program.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&output).split(' ').next().unwrap_or_default().to_owned()
}

fn parameter(answer: &str, name: &str) -> Option<String> {
    let values = answer.split([',', ' ']).filter_map(|pair| pair.trim().split_once('='));
    let mut values = values.filter(|(given, _)| *given == name).map(|(_, value)| value.trim_matches('"').to_owned());
    values.next()
}
