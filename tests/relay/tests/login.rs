//! Basic and Digest, checked by a camera that computes its digests with coreutils.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use browser_tests::picture::PALETTE;
use relay_tests::{Connection, Fake, relay};
use test_support::Viewer;

#[test]
fn answers_digest_challenges_of_every_form() {
    let challenges = [
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=MD5"#),
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=md5"#),
        ("md5sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm="MD5", opaque="x""#),
        ("md5sum", r#"Digest qop="auth", realm="cam", nonce="abc", stale="FALSE""#),
        ("md5sum", r#"Digest realm="cam",nonce="abc",qop="auth,auth-int""#),
        ("md5sum", r#"Digest realm="cam", nonce="abc""#),
        ("sha256sum", r#"Digest realm="cam", nonce="abc", qop="auth", algorithm=SHA-256"#),
    ];
    let cameras = challenges.map(|(sum, challenge)| Fake::start(move |connection| guarded(connection, sum, challenge)));
    let urls: Vec<_> = cameras.iter().map(|camera| camera.url_for("admin:p%40ss%3A%22x%22")).collect();
    let relay = relay(&urls);
    for (number, (_, challenge)) in (1..).zip(challenges) {
        let mut viewer = Viewer::open(&relay.url(&format!("/cameras/{number}")));
        assert!(viewer.next(Duration::from_secs(5)).is_some(), "{challenge}: {}", relay.log());
        assert_eq!(relay.state()["cameras"][number - 1]["state"], "live", "{challenge}: {}", relay.log());
    }
}

#[test]
fn sends_credentials_only_after_a_challenge_and_prefers_digest() {
    let challenge = "Basic realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"";
    let camera = Fake::start(move |connection| guarded(connection, "md5sum", challenge));
    let relay = relay(&[camera.url_for("admin:s3cret")]);
    let mut viewer = Viewer::open(&relay.url("/cameras/1"));
    assert!(viewer.next(Duration::from_secs(5)).is_some(), "{}", relay.log());
    let requests = camera.requests();
    let sent: Vec<_> = requests.iter().map(|request| field(request, "authorization")).collect();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], None);
    assert!(sent[1].is_some_and(|sent| sent.starts_with("Digest ")), "{sent:?}");
}

#[test]
fn reloaded_page_does_not_retry_a_refused_login() {
    let camera = Fake::start(|connection| connection.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
    let relay = relay(&[camera.url_for("admin:gue55")]);
    drop(Viewer::open(&relay.url("/cameras/1")).next(Duration::from_secs(1)));
    // One request without the password, one with it.
    assert_eq!(camera.times().len(), 2);
    relay.state_when(Duration::from_secs(14), |state| state["cameras"][0]["state"] == "asleep");
    drop(Viewer::open(&relay.url("/cameras/1")).next(Duration::from_secs(1)));
    assert_eq!(camera.times().len(), 2);
    let state = relay.state();
    assert_eq!(state["cameras"][0]["problem"], "it refuses the user or the password");
    assert!(!format!("{state}{}", relay.log()).contains("gue55"));
}

#[test]
fn reports_a_challenge_that_cannot_be_answered() {
    let basic = Fake::start(|connection| connection.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""));
    let other = Fake::start(|connection| connection.answer("401 No", "WWW-Authenticate: Negotiate\r\n", ""));
    let relay = relay(&[basic.url(), other.url_for("a:b")]);
    let _viewers = [1, 2].map(|number| Viewer::open(&relay.url(&format!("/cameras/{number}"))));
    let state = relay.state_when(Duration::from_secs(5), |state| state["cameras"][1]["problem"].is_string());
    let problems = [0, 1].map(|camera| state["cameras"][camera]["problem"].as_str().unwrap().to_owned());
    assert_eq!(problems[0], "it requires a user and a password: http://USER:PASSWORD@HOST/…");
    assert_eq!(problems[1], "it offers neither Basic nor Digest authentication");
}

/// Serves `admin` with the password `p@ss:"x"` or `s3cret`, and answers 401 otherwise.
fn guarded(connection: &mut Connection, sum: &str, challenge: &str) -> std::io::Result<()> {
    let answer = field(&connection.request, "authorization").and_then(|answer| answer.strip_prefix("Digest "));
    let right = answer.is_some_and(|answer| {
        let realm_and_password = ["admin:cam:p@ss:\"x\"", "admin:cam:s3cret"];
        realm_and_password.iter().any(|secret| expected(sum, secret, answer) == parameter(answer, "response"))
    });
    if right {
        return connection.stream(PALETTE[0], 5);
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
    let mut input = program.stdin.take().expect("a piped input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = program.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&output).split(' ').next().unwrap_or_default().to_owned()
}

fn parameter(answer: &str, name: &str) -> Option<String> {
    let values = answer.split(',').filter_map(|pair| pair.trim().split_once('='));
    let mut values = values.filter(|(given, _)| *given == name).map(|(_, value)| value.trim_matches('"').to_owned());
    values.next()
}

fn field<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
