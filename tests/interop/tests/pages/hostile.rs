//! Parts from untrusted authors cannot run scripts, navigate the page, or prevent the next part from being shown.

use interop_tests::browsers::{Board, Browser, Stack, each_engine};
use tokio::time::sleep;

use crate::{AT_MOST, SECOND, go, html, until, until_state};

/// Under the page's policy and in its sandbox.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn untrusted_part_cannot_run_scripts_or_navigate() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        for (number, attack) in ATTACKS.iter().enumerate() {
            // First embedded in the page, where the browser's parser puts it into the frame, then as a replacement.
            board.show(marked(&format!("first{number}"), attack));
            let address = board.url("/page");
            go(browser, &address).await;
            until_state(browser, "live").await;
            is_harmless(browser, &format!("first{number}"), attack, &address).await;
            board.show(marked(&format!("then{number}"), attack));
            is_harmless(browser, &format!("then{number}"), attack, &address).await;
            board.show(marked("good", "<p>Well"));
            until(browser, &shows("good")).await;
            until_state(browser, "live").await;
            board.has_viewers(1, AT_MOST).await;
        }
        assert_eq!(board.strays(), NONE);
    });
}

/// In a custom page only the sandbox protects.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn untrusted_part_is_harmless_in_an_element() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        board.show(marked("good", "<p>Well"));
        let style = "<style>iframe{width:100%;min-height:400px}</style>";
        let address = board.own(&format!("{style}<mixed-replace src=/page></mixed-replace>"));
        go(browser, &address).await;
        until_state(browser, "live").await;
        for (number, attack) in ATTACKS.iter().enumerate() {
            for round in ["first", "again"] {
                let marker = format!("{round}{number}");
                board.show(marked(&marker, attack));
                is_harmless(browser, &marker, attack, &address).await;
            }
            board.show(marked("good", "<p>Well"));
            until(browser, &shows("good")).await;
            board.has_viewers(1, AT_MOST).await;
        }
        assert_eq!(board.strays(), NONE);
    });
}

/// A link can navigate the frame but not the page. The next part is shown all the same.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn next_part_replaces_a_navigated_frame() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        for href in ["/elsewhere", "/page", "http://127.0.0.1:9/", "#here", "data:text/html,<p>data", "about:blank"] {
            board.show(marked("link", &format!("<a href='{href}' style='{COVER}'>A link</a>")));
            let address = board.url("/page");
            go(browser, &address).await;
            until(browser, &shows("link")).await;
            until_state(browser, "live").await;
            browser.click(100.0, 100.0).await;
            sleep(SECOND / 2).await;
            assert_eq!(browser.url().await, address);
            board.show(marked("next", "<p>The next part"));
            until(browser, &shows("next")).await;
            until_state(browser, "live").await;
        }
    });
}

/// A trusted part is markup of the page, but the policy of `Page` allows no script of a part.
#[test]
#[ignore = "needs Chromium, Firefox and WebKitGTK with their WebDrivers"]
fn trusted_part_of_a_page_runs_no_script() {
    each_engine(async |browser| {
        let board = Board::start(Stack::Axum);
        for script in SCRIPTS {
            board.show(html(script));
            go(browser, &board.url("/trusted")).await;
            until_state(browser, "live").await;
            board.show(html(&format!("<i id=marker>then</i>{script}")));
            until(browser, "return document.getElementById('marker')?.textContent === 'then'").await;
            sleep(SECOND / 5).await;
            assert_eq!(browser.run("return window.ran ?? null").await, serde_json::Value::Null, "{script}");
        }
        // The control: a script runs in this page, and is detected.
        browser.run("top.ran = 1").await;
        assert_eq!(browser.run("return window.ran ?? null").await, 1);
    });
}

/// Checks that the part is shown, and that a click on it has no effect.
async fn is_harmless(browser: &Browser, marker: &str, attack: &str, address: &str) {
    until(browser, &shows(marker)).await;
    if attack.contains("COVER") {
        browser.click(100.0, 100.0).await;
    }
    sleep(SECOND / 5).await;
    assert_eq!(browser.url().await, address, "{attack}");
    let ran = browser.run("return window.ran ?? frames[0].ran ?? null").await;
    assert_eq!(ran, serde_json::Value::Null, "{attack}");
}

/// Adds a marker to a part that is found whatever names the attack redefines.
fn marked(marker: &str, attack: &str) -> mixed_replace::Part {
    html(&format!("<i id=marker class={marker}>{marker}</i>{}", attack.replace("COVER", COVER)))
}

fn shows(marker: &str) -> String {
    // The methods of the prototype, because a part may contain an <img name=querySelector>.
    let find = "Document.prototype.querySelector.call(document.querySelector('iframe').contentDocument, '#marker')";
    format!("return document.querySelector('iframe')?.contentDocument != null && {find}?.className === '{marker}'")
}

const NONE: [&str; 0] = [];

/// The link or button fills the part.
const COVER: &str = "position:fixed;inset:0;display:block;width:100%;height:100%";

const SCRIPTS: [&str; 6] = [
    "<script>top.ran = 1</script>",
    "<script type=module>top.ran = 1</script>",
    "<script src='data:text/javascript,top.ran=1'></script>",
    "<img src='data:,' onerror='top.ran = 1'>",
    "<svg onload='top.ran = 1'><script>top.ran = 1</script><animate onbegin='top.ran = 1' attributeName=x dur=1s /></svg>",
    "<body onload='top.ran = 1' onpageshow='top.ran = 1'><iframe srcdoc='<script>top.ran = 1</script>'></iframe>",
];

const ATTACKS: [&str; 30] = [
    SCRIPTS[0],
    SCRIPTS[1],
    SCRIPTS[2],
    SCRIPTS[3],
    SCRIPTS[4],
    SCRIPTS[5],
    "<a href='javascript:top.ran=1' style='COVER'>click</a>",
    "<a href='javascript:top.ran=1' target=_top style='COVER'>click</a>",
    "<a href='/evil' target=_top style='COVER'>click</a>",
    "<a href='/evil' target=_parent style='COVER'>click</a>",
    "<a href='/evil' target=_blank style='COVER'>click</a>",
    "<a href='/evil' onclick='top.ran = 1' target=other style='COVER'>click</a>",
    "<base target=_top href='/evil/'><a href='there' style='COVER'>click</a>",
    "<form action='/evil' target=_top><button style='COVER'>click</button></form>",
    "<form action='/evil' method=post><button style='COVER'>click</button></form>",
    "<form id=far></form><button form=far formaction='/evil' formtarget=_parent style='COVER'>click</button>",
    "<form action='javascript:top.ran=1'><button style='COVER'>click</button></form>",
    "<meta http-equiv=refresh content='0; url=/evil'>",
    "<meta http-equiv=refresh content='0; url=javascript:top.ran=1'>",
    "<noscript><meta http-equiv=refresh content='0; url=/evil'></noscript>",
    "<iframe src='javascript:top.ran=1'></iframe><iframe srcdoc='<a href=/evil target=_top>'></iframe>",
    "<object data='data:text/html,<script>top.ran=1</script>'></object><embed src='data:text/html,<script>top.ran=1</script>'>",
    // Escapes from the attribute and from its element.
    "\"></iframe></main><script>top.ran = 1</script><!-- '>--></template></style></title><script>top.ran = 1</script>",
    "&quot;></iframe><script>top.ran = 1</script>&#34; onload=top.ran=1 \" onload=\"top.ran=1\" '",
    // Replacements of properties of nodes, forms and documents.
    "<form><input name=attributes><input name=childNodes><input name=firstChild><input name=nextSibling><input name=remove>\
     <input name=nodeType><input name=nodeName><input name=localName><input name=insertBefore><input name=ownerDocument>\
     <input name=id><input name=data><input name=stream><input name=parentNode></form>",
    "<img name=URL><img name=readyState><img name=documentElement><img name=body><img name=importNode><img name=defaultView>\
     <form name=documentElement></form><img name=querySelectorAll><img name=childNodes><img name=title><img name=location>",
    "<fieldset name=childNodes id=firstChild form=f><input name=childNodes form=f><form id=f><p>In itself</form></fieldset>",
    // More elements of the page's kind.
    "<mixed-replace src='/page'></mixed-replace><mixed-replace src='/evil' target=html trusted></mixed-replace>",
    "<style>* { display: none !important } html { height: 200vh }</style><main id=part>Not the page's</main>",
    "<input autofocus onfocus='top.ran = 1'><details open ontoggle='top.ran = 1'><summary>x</details>\
     <video autoplay onerror='top.ran = 1' src='data:,'></video>",
];
