//! The pages.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use maud::{Markup, html};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::foreign::Foreign;
use crate::page::{self, Icon};
use crate::refusal::Refusal;
use crate::room::{History, Room, Said};
use crate::words::TEXT;

/// What was said in a room: what each reader is shown, in place of the one before.
pub(crate) fn history(room: &str, history: &History) -> String {
    let said: Vec<_> = history.said.iter().collect();
    let runs = said.chunk_by(|a, b| a.who == b.who && (b.at - a.at).whole_seconds() < 300);
    let body = html! {
        // The newest is at its foot, and stays there: it is filled from below.
        main #said {
            ol role="log" {
                @if said.is_empty() { li.nothing { "Nothing was said in " b { (Foreign(room)) } " yet. Begin!" } }
                @for run in runs { (self::run(run)) }
            }
        }
    };
    page::document(room, ICON, include_str!("said.css"), &body)
}

/// What one said in one go.
fn run(run: &[&Said]) -> Markup {
    let Some(first) = run.first() else { return html! {} };
    html! {
        li style={ "--hue:" (hue(&first.who)) } {
            span.initial aria-hidden="true" { (first.who.chars().find(|c| c.is_alphanumeric()).unwrap_or('?')) }
            p.who { b dir="auto" { (Foreign(&first.who)) } " " time { (clock(first.at)) } }
            @for said in run { p.text dir="auto" { (Foreign(&said.text)) } }
        }
    }
}

/// A room: a frame for what is said, one to say something. Neither replaces the other.
pub(crate) fn room(room: &str, who: &str) -> String {
    let body = html! {
        header {
            h1 { (Foreign(room)) }
            p { "You are " b dir="auto" { (Foreign(who)) } }
            a href="/" { "Rooms" }
        }
        iframe.said src={ "/r/" (room) "/said" } title="What was said" {}
        iframe.say src={ "/r/" (room) "/say" } title="Say something" {}
    };
    page::document(&format!("{room} · Chat"), ICON, include_str!("room.css"), &body)
}

/// The frame in which one writes; with what was not taken, and why.
pub(crate) fn say(room: &str, refused: Option<(&Refusal, &str)>) -> String {
    let (why, text) = refused.map_or((None, ""), |(refusal, text)| (Some(refusal), text));
    let body = html! {
        form method="post" action={ "/r/" (room) "/say" } {
            label.hidden for="text" { "Your message" }
            input #text name="text" value=(Foreign(text)) required maxlength=(TEXT) autocomplete="off" autofocus
                placeholder={ "Say something in " (room) } aria-describedby=[why.map(|_| "why")];
            button { "Send" }
        }
        @if let Some(why) = why { p.why #why role="alert" { "Not sent: " (Foreign(&why.what)) } }
    };
    page::document("Say something", ICON, include_str!("say.css"), &body)
}

/// Which rooms there are.
pub(crate) fn rooms(rooms: &[Arc<Room>], who: &str) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "Rooms" }
            p { "You are " b dir="auto" { (Foreign(who)) } ". A room is there as long as somebody is in it." }
            ul.rooms {
                @for room in rooms {
                    li { a href={ "/r/" (room.name) } { (Foreign(&room.name)) } " " span { (readers(room.readers())) } }
                }
                @if rooms.is_empty() { li { a href="/r/lobby" { "lobby" } " " span { "nobody yet" } } }
            }
            form action="/enter" {
                label for="room" { "Another room" }
                input #room name="room" required pattern="[a-z0-9\\-]{1,32}" maxlength="32" autocomplete="off" autocapitalize="none"
                    placeholder="tea" title="small letters a to z, digits and -";
                button { "Enter" }
            }
        },
    )
}

fn readers(readers: usize) -> String {
    match readers {
        0 => "nobody reads along".to_owned(),
        1 => "one reads along".to_owned(),
        many => format!("{many} read along"),
    }
}

/// Who has to say a name first, on the way to that room if to any.
pub(crate) fn sign_in(room: Option<&str>, refusal: Option<&Refusal>) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "Who are you?" }
            p { "The others will see this name beside what you say." }
            // Out of the frame, if it is shown in one.
            form action="/login" method="post" target="_top" {
                @if let Some(room) = room { input type="hidden" name="room" value=(Foreign(room)); }
                label for="name" { "Your name" }
                input #name name="name" required maxlength="24" autocomplete="nickname" autofocus
                    aria-describedby=[refusal.map(|_| "why")];
                @if let Some(refusal) = refusal { p.why #why role="alert" { (Foreign(&refusal.what)) } }
                button { "Come in" }
            }
        },
    )
}

/// What could not be done.
pub(crate) fn refused(refusal: &Refusal) -> String {
    page::small(
        "Chat",
        ICON,
        &html! {
            h1 { "That did not work" }
            p.why role="alert" { (Foreign(&refusal.what)) }
            p { a href="/" target="_top" { "To the rooms" } }
        },
    )
}

/// A colour for each, the same in all rooms.
fn hue(who: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    who.hash(&mut hash);
    hash.finish() % 360
}

fn clock(at: OffsetDateTime) -> String {
    at.format(format_description!("[hour]:[minute]")).unwrap_or_default()
}

const ICON: Icon = Icon { ground: "#12333f", mark: "#f2b24c" };
