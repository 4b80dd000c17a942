//! A failing server: no part is lost or torn, and the state names the problem.

use bytes::Bytes;
use interop_tests::browsers::each_engine;
use interop_tests::browsers::raw::{Answer, Raw};

use crate::{go, until};

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn failing_server_leaves_complete_parts_and_a_clear_state() {
    each_engine(async |browser| {
        for (fault, cut, expected) in [
            // Silence or the end in the middle of a part or of a header block.
            (format!("{GOOD}{LONG}the beg"), false, &["connecting", "good", "live", "stale", "reconnecting"][..]),
            (format!("{GOOD}{LONG}the beg"), true, &["connecting", "good", "live", "reconnecting"]),
            (format!("{GOOD}\r\nContent-Ty"), true, &["connecting", "good", "live", "reconnecting"]),
            // Wrong lengths: too small, too large, beyond the limit, missing.
            (format!("{GOOD}{}", part("torn", 2)), false, &["connecting", "good", "live", "reconnecting"]),
            (format!("{GOOD}{0}{0}", part("torn", 9)), false, &["connecting", "good", "live", "reconnecting"]),
            (format!("{GOOD}{}", part("torn", 2_000)), false, &["connecting", "good", "live", "reconnecting"]),
            (format!("{GOOD}\r\n\r\ntorn\r\n--B"), false, &["connecting", "good", "live", "reconnecting"]),
        ] {
            // On a busy machine a little silence may occur by itself.
            let timeout = if expected.contains(&"stale") { "2" } else { "20" };
            let answers = vec![ok(&fault, cut), ok(&format!("--B{}", part("next", 4)), false)];
            let site = Raw::start(&PAGE.replace("TIMEOUT", timeout), answers).await;
            go(browser, &site.url()).await;
            until(browser, "return window.log?.includes('next') ?? null").await;
            until(browser, "return window.log?.at(-1) === 'live'").await;
            // A part is logged before the state that it causes.
            let expected = [expected, &["next", "live"]].concat();
            assert_eq!(browser.run("return log").await, serde_json::json!(expected), "{fault}");
            assert_eq!((site.requests(), site.open()), (2, 1), "{fault}");
        }
    });
}

#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn rejected_viewer_retries_after_retry_after() {
    each_engine(async |browser| {
        let refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nfull";
        let refusal = Answer { bytes: Bytes::from_static(refusal.as_bytes()), cut: true };
        let site =
            Raw::start(&PAGE.replace("TIMEOUT", "20"), vec![refusal, ok(&format!("--B{}", part("in", 2)), false)])
                .await;
        go(browser, &site.url()).await;
        until(browser, "return window.log?.at(-1) === 'live'").await;
        assert_eq!(browser.run("return log").await, serde_json::json!(["connecting", "reconnecting", "in", "live"]));
        let pause = browser.run("return times.live - times.reconnecting").await.as_f64();
        assert!(pause.is_some_and(|pause| pause >= 2_990.0), "{pause:?} ms");
        assert_eq!(site.requests(), 2);
    });
}

fn ok(body: &str, cut: bool) -> Answer {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=B\r\nConnection: close\r\n\r\n";
    Answer { bytes: Bytes::from(format!("{head}{body}")), cut }
}

/// A part with this `Content-Length`, and the delimiter after it.
fn part(text: &str, length: usize) -> String {
    format!("\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}\r\n--B")
}

const GOOD: &str = "--B\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngood\r\n--B";
const LONG: &str = "\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n";

/// A page that records each shown text and each state, up to the next part and its state.
const PAGE: &str = "<!doctype html><script>
    log = []; times = {};
    const note = entry => log.at(-1) === entry || log.at(-2) === 'next' || log.push(entry);
    addEventListener('DOMContentLoaded', () => {
        const board = document.getElementById('board');
        new MutationObserver(() => note(board.textContent)).observe(board, { childList: true, subtree: true, characterData: true });
    });
    addEventListener('state', ({ detail: { state } }) => { times[state] ??= Date.now(); queueMicrotask(() => note(state)); }, true);
    </script><script type=module src=/client.js></script>
    <div id=board></div><mixed-replace src=/stream target='#board' timeout=TIMEOUT limit=1999></mixed-replace>";
