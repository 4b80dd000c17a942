//! Guides: a page for each job.
//!
//! | page | for |
//! |---|---|
//! | [`programs`] | complete programs of at most 40 lines: a login, cameras by name, drawn frames, a form, a relay, a wall, poem, rocket |
//! | [`sources`] | webcams, network cameras, programs: opened on demand, and again |
//! | [`relay`] | one connection to a camera, any number of viewers |
//! | [`ingest`] | pictures that are sent in |
//! | [`cameras`] | many cameras in one page, over one connection |
//! | [`ladder`] | one picture in several sizes |
//! | [`status`] | pages that replace themselves |
//! | [`pages`] | `<mixed-replace>`, the browser client |
//! | [`recipes`] | a login and signed addresses, OctoPrint, blocking servers, GraphQL, OpenAPI |
//! | [`stacks`] | older versions of frameworks |
//! | [`deployment`] | proxies, connections, HTTP/2, CDNs, shutdown |
//! | [`numbers`] | counters for Prometheus, and alerts |
//! | [`cluster`] | more than one machine |
//! | [`frames`] | which damage in a picture ends a stream |
//! | [`faults`] | faults of viewers, sources and servers, as measured |
//! | [`migrating`] | hand-written code to replace |
//! | [`comparison`] | other ways to send pictures and events |
//!
//! The pages are the files of `docs/` in the package. The paths of files and the commands in them are those of the
//! repository. The [README](https://docs.rs/crate/mixed-replace/latest) has the first programs.

/// Shows a file of `docs/`. In the repository its links lead to files, by the definitions at its end. Of two definitions
/// Markdown takes the first, so here they lead to modules. docs.rs serves no pictures: one dot is in their place.
///
/// The programs of three pages are tests of the documentation, those of the others are compiled in `tests/`.
macro_rules! page {
    ($name:ident, $cfg:meta $(, $after:literal)?) => {
        #[doc = "[README]: https://docs.rs/crate/mixed-replace/latest"]
        #[doc = "[blocking]: crate::guide::recipes#blocking-servers"]
        #[doc = "[cameras]: crate::guide::cameras"]
        #[doc = "[deployment]: crate::guide::deployment"]
        #[doc = "[faults]: crate::guide::faults"]
        #[doc = "[frames]: crate::guide::frames"]
        #[doc = "[ingest]: crate::guide::ingest"]
        #[doc = "[ladder]: crate::guide::ladder"]
        #[doc = "[numbers]: crate::guide::numbers"]
        #[doc = "[pages]: crate::guide::pages"]
        #[doc = "[picture]: data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"]
        #[doc = "[program]: crate::guide::programs#a-webcam-in-three-sizes-for-slow-lines"]
        #[doc = "[recipes]: crate::guide::recipes"]
        #[doc = "[relay]: crate::guide::relay"]
        #[doc = "[sizes]: crate::guide::ladder#many-in-one-page"]
        #[doc = "[sources]: crate::guide::sources"]
        #[doc = "[status]: crate::guide::status"]
        #[doc = "[tracks]: crate::guide::pages#many-cameras-in-one-page"]
        #[doc = ""]
        #[cfg_attr($cfg, doc = include_str!(concat!("../docs/", stringify!($name), ".md")))]
        $(#[doc = include_str!($after)])?
        pub mod $name {}
    };
}

page!(cameras, not(doctest));
page!(cluster, not(doctest));
page!(comparison, not(doctest));
page!(deployment, not(doctest));
page!(faults, not(doctest));
page!(frames, not(doctest));
page!(ingest, any(not(doctest), all(feature = "actix-web", feature = "axum", feature = "page")));
page!(ladder, not(doctest), "../docs/ladder.svg");
page!(migrating, not(doctest));
page!(numbers, not(doctest));
page!(pages, not(doctest));
page!(programs, not(doctest));
page!(recipes, not(doctest));
page!(relay, not(doctest));
page!(sources, any(not(doctest), all(feature = "axum", feature = "process", feature = "tls")));
page!(stacks, not(doctest));
page!(status, any(not(doctest), all(feature = "actix-web", feature = "axum", feature = "page")));
