//! Mistakes of new users: the compiler's messages name the feature, the type or the fix.
//!
//! The phrases are ours where that is possible, and otherwise short enough to outlive a compiler.

use std::path::Path;
use std::process::Command;

/// The name and the code of a mistake, and phrases of its message.
type Mistake = (&'static str, &'static str, &'static [&'static str]);

const WITHOUT_FEATURES: &[Mistake] = &[
    ("page", "mixed_replace::Page::new(hub)", &["configured out", "feature = \"page\""]),
    ("client_script", "mixed_replace::ClientScript", &["configured out", "feature = \"page\""]),
    ("live", "mixed_replace::Live::new(hub)", &["configured out", "feature = \"axum\"", "feature = \"actix-web\""]),
    ("socket", "mixed_replace::socket::tune(&hub)", &["configured out", "feature = \"socket\""]),
    (
        "every",
        "mixed_replace::KeepAlive::every(SECOND)",
        &["`KeepAlive::every` needs the feature `tokio` of mixed-replace", "cargo add mixed-replace --features tokio"],
    ),
    (
        "into_body",
        "hub.subscribe(Wire::Machine)?.into_body()",
        &[
            "needs the feature `http-body` of mixed-replace, which `axum` and `tower` bring along",
            "cargo add mixed-replace --features http-body",
        ],
    ),
    (
        "into_http_response",
        "MixedReplace::new(parts, Wire::Machine).into_http_response()",
        &["needs the feature `http-body` of mixed-replace"],
    ),
    ("no_question_mark", "publisher.publish(Part::text(\"on\"))", &["expected `Part`, found `Result<Part", "`?`"]),
    ("no_question_mark_before_method", "hub.subscribe(Wire::Machine).key(\"ada\")", &["Subscriber`", "`?`"]),
    ("no_await", "async { if publisher.demand().wanted() {} }", &["expected `bool`, found future", "`await`"]),
    ("no_wire", "hub.subscribe()", &["`Wire`"]),
    ("bytes", "publisher.publish(vec![0xff, 0xd8])", &["expected `Part`, found `Vec<"]),
    ("parts_without_result", "MixedReplace::new(part, Wire::Machine)", &["expected `Result<Part, ", "found `Part`"]),
    ("two_publishers", "[(); 2].map(|()| std::thread::spawn(move || publisher))", &["`Publisher`", "move"]),
    ("cloned_publisher", "publisher.clone()", &["`clone`", "`Publisher`"]),
];

const WITH_AXUM: &[Mistake] = &[
    ("route", "Router::<()>::new().route(\"/live\", Live::new(hub))", &["expected `MethodRouter", "found `Live`"]),
    (
        "hub_as_endpoint",
        "Router::<()>::new().route_service(\"/live\", hub)",
        &["Service<", "not implemented for `Hub`"],
    ),
    ("arc_hub", "Live::new(std::sync::Arc::new(hub))", &["expected `Hub`, found `Arc<Hub>`"]),
    (
        "no_await",
        "axum::response::IntoResponse::into_response(Live::new(hub).respond(request))",
        &["IntoResponse`", "Future<Output"],
    ),
];

#[test]
fn messages_name_the_missing_feature_and_the_fix() {
    let dependencies = "mixed-replace = { path = \"REPOSITORY\" }\nfutures-core = \"0.3\"";
    let values = "\
        let parts: Source<Result<Part, std::io::Error>> = todo!();\n\
        let part: Source<Part> = todo!();\n";
    check("without_features", dependencies, values, WITHOUT_FEATURES);
}

#[test]
#[ignore = "builds axum in a directory of its own"]
fn messages_name_the_types_that_axum_expects() {
    let dependencies = "\
        mixed-replace = { path = \"REPOSITORY\", features = [\"axum\"] }\n\
        axum = { version = \"0.8\", default-features = false }\n\
        futures-core = \"0.3\"";
    let values = "use axum::Router;\nuse mixed_replace::Live;\nlet request: axum::extract::Request = todo!();\n";
    check("with_axum", dependencies, values, WITH_AXUM);
}

/// Compiles each mistake, and a program without one, and looks for the phrases in the errors.
fn check(name: &str, dependencies: &str, values: &str, mistakes: &[Mistake]) {
    let repository = env!("CARGO_MANIFEST_DIR");
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages").join(name);
    let programs = package.join("src/bin");
    let _ = std::fs::remove_dir_all(&programs);
    std::fs::create_dir_all(&programs).expect("a new directory");
    let manifest = format!(
        "[package]\nname = \"messages-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{}\n",
        dependencies.replace("REPOSITORY", repository)
    );
    std::fs::write(package.join("Cargo.toml"), manifest).expect("a new file");
    // The versions that the tests themselves use, so that nothing is downloaded.
    std::fs::copy(Path::new(repository).join("Cargo.lock"), package.join("Cargo.lock"))
        .expect("the lock file of the workspace");
    for (name, code, _) in mistakes.iter().chain([&("correct", "hub.latest()", &[][..])]) {
        std::fs::write(programs.join(format!("{name}.rs")), program(values, code)).expect("a new file");
    }
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--bins", "--keep-going", "--color", "never"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        // Of a measurement of coverage, for example, whose flags would be other errors.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    let of = |name: &str| {
        let file = format!("src/bin/{name}.rs:");
        errors.split("\nerror").filter(|block| block.contains(&file)).collect::<String>()
    };
    assert_eq!(of("correct"), "", "{errors}");
    for (name, code, phrases) in mistakes {
        let message = of(name);
        for phrase in *phrases {
            assert!(message.contains(phrase), "`{phrase}` is not in the message for `{code}`:\n{message}");
        }
    }
}

/// Returns a program that evaluates this expression over a hub and these values.
fn program(values: &str, expression: &str) -> String {
    format!(
        "#![allow(dead_code, unused)]\n\
         use mixed_replace::{{MixedReplace, Part, Wire, hub}};\n\
         type Source<T> = std::pin::Pin<Box<dyn futures_core::Stream<Item = T>>>;\n\
         const SECOND: std::time::Duration = std::time::Duration::from_secs(1);\n\
         fn main() -> Result<(), Box<dyn std::error::Error>> {{\n\
             let (publisher, hub) = hub::channel();\n\
             {values}\
             let _ = {expression};\n\
             Ok(())\n\
         }}\n"
    )
}
