//! The parts of a request's body: read, checked, published and counted.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::Response;
use http::request::Parts as Head;

use super::Ingest;
use super::format::Chunk;
use super::sender::Sender;
use crate::decode::{DecodeError, Decoder, NotPassed, Parts, PartsError, SenderClock, passed};
use crate::hub::{PublishError, Refused};
use crate::jpeg::{Pictures, PicturesError, SplitError, Splitter};
use crate::part::{Part, stamp};
use crate::response;
use crate::serve::rejection::Rejection;

/// A request whose body is being read.
pub(super) struct Receiving<'a> {
    ingest: &'a Ingest,
    sender: &'a Sender,
    head: &'a Head,
    clock: SenderClock,
    pub(super) tally: Tally,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(ingest: &'a Ingest, sender: &'a Sender, head: &'a Head) -> Self {
        let clock = SenderClock::of(&head.headers, SystemTime::now());
        Self { ingest, sender, head, clock, tally: Tally::default() }
    }

    /// Returns the next item. Fails at the time limit, and when a newer request takes over.
    pub(super) async fn next<S: Stream>(&self, mut stream: Pin<&mut S>) -> Result<Option<S::Item>, Rejection> {
        poll_fn(|cx| {
            self.sender.check(cx.waker())?;
            stream.as_mut().poll_next(cx).map(Ok)
        })
        .await
    }

    pub(super) async fn parts(
        &mut self,
        decoder: Decoder,
        body: Pin<&mut impl Stream<Item = Chunk>>,
    ) -> Result<(), Rejection> {
        let mut parts = pin!(Parts::new(body, decoder));
        loop {
            let before = parts.decoder().skipped();
            let next = self.next(parts.as_mut()).await;
            self.tally.skipped += parts.decoder().skipped() - before;
            let part = match next? {
                Some(Ok(part)) => part,
                // A sender may disconnect without an end.
                None | Some(Err(PartsError::Decode(DecodeError::Truncated { .. }))) => return Ok(()),
                Some(Err(PartsError::Decode(error))) => {
                    let too_large = matches!(error, DecodeError::PartTooLong { .. } | DecodeError::NoDelimiter { .. });
                    let max_bytes = self.ingest.limits.max_part_bytes;
                    return Err(if too_large {
                        Rejection::TooLarge { max_bytes }
                    } else {
                        Rejection::BadRequest(error.to_string())
                    });
                }
                Some(Err(PartsError::Source(rejection))) => return Err(rejection),
            };
            self.publish(part).await?;
        }
    }

    pub(super) async fn pictures(&mut self, body: Pin<&mut impl Stream<Item = Chunk>>) -> Result<(), Rejection> {
        let max_bytes = self.ingest.limits.max_part_bytes;
        let splitter = Splitter::new().max_picture_bytes(max_bytes).max_junk_bytes(JUNK);
        let mut pictures = pin!(Pictures::new(body, splitter));
        loop {
            let before = pictures.broken();
            let next = self.next(pictures.as_mut()).await;
            self.tally.skipped += pictures.broken() - before;
            let picture = match next? {
                None => return Ok(()),
                Some(Ok(picture)) => picture,
                // The last picture was cut off, and is counted.
                Some(Err(PicturesError::Split(SplitError::Truncated { .. }))) => continue,
                Some(Err(PicturesError::Split(SplitError::TooLarge { .. }))) => {
                    return Err(Rejection::TooLarge { max_bytes });
                }
                Some(Err(PicturesError::Split(error))) => return Err(Rejection::Unsupported(error.to_string())),
                Some(Err(PicturesError::Source(rejection))) => return Err(rejection),
            };
            match Part::received(mime::IMAGE_JPEG, picture) {
                Ok(part) => self.publish(part).await?,
                Err(error) => self.tally.skip(error.to_string()),
            }
        }
    }

    pub(super) async fn image(
        &mut self,
        content_type: mime::Mime,
        mut body: Pin<&mut impl Stream<Item = Chunk>>,
    ) -> Result<(), Rejection> {
        let max_bytes = self.ingest.limits.max_part_bytes;
        let mut image = BytesMut::new();
        while let Some(chunk) = self.next(body.as_mut()).await? {
            let chunk = chunk?;
            if image.len() + chunk.len() > max_bytes {
                return Err(Rejection::TooLarge { max_bytes });
            }
            image.extend_from_slice(&chunk);
        }
        match Part::received(content_type, image.freeze()) {
            Ok(part) => self.publish(part.with_received_headers(stamp::received(&self.head.headers))).await?,
            Err(error) => self.tally.skip(error.to_string()),
        }
        Ok(())
    }

    /// Waits until the interval since the last picture has passed. Fails when a newer request takes over.
    async fn pace(&self) -> Result<(), Rejection> {
        let Some(wait) = self.ingest.min_interval.and_then(|interval| self.ingest.desk.wait(interval)) else {
            return Ok(());
        };
        // The sender is not silent meanwhile.
        self.sender.pause();
        let timer = Sender::new(Some(wait));
        poll_fn(|cx| -> Poll<Result<(), Rejection>> {
            self.sender.check(cx.waker())?;
            if timer.check(cx.waker()).is_ok() { Poll::Pending } else { Poll::Ready(Ok(())) }
        })
        .await?;
        self.sender.renew();
        Ok(())
    }

    async fn publish(&mut self, part: Part) -> Result<(), Rejection> {
        let passed = passed(part, self.ingest.trusted).map_err(|error| match error {
            NotPassed::Damaged(error) => error.to_string(),
            NotPassed::Type(content_type) => format!("unsupported type of a part: {content_type}"),
        });
        // Before it waits for its turn.
        let passed = passed.map(|part| self.clock.dated(part, SystemTime::now(), Instant::now()));
        if passed.is_ok() {
            self.pace().await?;
        }
        let checked = passed.and_then(|part| match &self.ingest.check {
            Some(check) => check.0(part),
            None => Ok(part),
        });
        match checked.map(|part| self.ingest.desk.publisher.publish(part)) {
            Ok(Ok(())) => {
                self.ingest.desk.published();
                self.tally.published += 1;
                self.sender.renew();
            }
            Ok(Err(PublishError::Closed)) => return Err(Refused::Closed.into()),
            Ok(Err(PublishError::Encode(error))) => self.tally.skip(error.to_string()),
            Err(reason) => self.tally.skip(reason),
        }
        Ok(())
    }
}

/// The numbers of parts that were published and skipped.
#[derive(Debug, Default)]
pub(super) struct Tally {
    published: u64,
    skipped: u64,
    /// Why the last part was skipped, if it was not by the decoder.
    reason: Option<String>,
}

impl Tally {
    fn skip(&mut self, reason: String) {
        self.skipped += 1;
        self.reason = Some(reason);
    }

    pub(super) fn checked(self) -> Result<Self, Rejection> {
        if self.published > 0 {
            return Ok(self);
        }
        let reason = self.reason.unwrap_or_else(|| match self.skipped {
            0 => "the body has no picture".to_owned(),
            _ => "the body has no complete picture".to_owned(),
        });
        Err(Rejection::Unprocessable(reason))
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let body = format!(r#"{{"published":{},"skipped":{}}}"#, self.published, self.skipped);
        response::text("application/json", body)
    }
}

/// The bytes in front of the first picture of an undelimited stream.
const JUNK: usize = 64 * 1024;
