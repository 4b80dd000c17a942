//! Several hubs and ladders side by side in one response: each part replaces the previous one of its own track.
//!
//! ```text
//! "yard": Ladder ── ladder::Subscriber ─┐
//! "door": Hub ───── ladder::Subscriber ─┼─ Ready ── Subscriber ── viewer
//! "gate": Ladder ── ladder::Subscriber ─┘
//! ```
//!
//! A track is a place in a ladder, on the rung of the width that the viewer asks for. A hub is a ladder of one rung.
//!
//! A track that has something for a viewer queues in that viewer's [`Ready`](ready::Ready) set. The viewer takes the next one
//! when its previous part is written, and asks that hub for the newest part. So tracks take turns, nothing but their numbers
//! is queued, and a publish costs the same for any number of tracks.

#[cfg(all(loom, test))]
mod models;
mod ready;
mod shared;
mod states;
mod subscriber;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use self::shared::{Config, Shared};
pub(crate) use self::subscriber::{Options, StartError, Subscriber};
