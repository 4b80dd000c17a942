//! The rungs that are made here, of the pictures of a hub.

use std::cmp::Reverse;
use std::future::{Future, poll_fn};
use std::num::NonZero;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use tokio::sync::Semaphore;

use super::handle::Ladder;
use super::shared::{Made, Shared};
use crate::boundary::Boundary;
use crate::hub::{Demand, Hub, Parts, Published, Publisher};
use crate::jpeg;
use crate::part::Part;
use crate::scale::{Rendition, scaled};
use crate::sync::on_drop;

/// A rung and the hub to which its pictures go.
struct Rung {
    rendition: Rendition,
    hub: Hub,
    publisher: Publisher,
    demand: Demand,
    made: Arc<Made>,
    /// Whether its hub was not sent the latest part, since nobody watched.
    lacks_latest: AtomicBool,
}

impl Ladder {
    /// Creates a ladder of a hub with JPEG pictures, and of renditions of them that are made here, in the order
    /// of their widths.
    ///
    /// Nothing is decoded while all viewers are on the first rung, which is the hub. A picture is decoded once for all
    /// renditions that have viewers, and encoded once for each of these, however many viewers they have. That runs on the
    /// blocking threads of the runtime, on one picture at a time, the newest. Nothing is queued.
    ///
    /// | part of the hub | on the smaller rungs |
    /// |---|---|
    /// | a JPEG, baseline or progressive, in color or gray | scaled, with its time, number, ICC profile and EXIF orientation |
    /// | a JPEG that is not wider than the rung, or a part of another type | as it is |
    /// | the "no signal" part | as it is |
    /// | an identical part that [`drop_identical`](crate::hub::Builder::drop_identical) drops | its time and number, without scaling |
    /// | a JPEG that is cut off, unless the one before it was too, as of a camera that writes no EOI | skipped, as it is then |
    /// | a JPEG of 12 bits, in CMYK, of more than 16.7 million pixels, or of more than 268 million pixels times scans | skipped |
    ///
    /// Viewers keep the picture before a skipped one. [`Stats::parts_invalid`](crate::hub::Stats::parts_invalid) of the rung's hub
    /// counts it, and with the feature `tracing` a `WARN` event names the reason, at most once in 10 seconds.
    ///
    /// The hubs of the renditions have the configuration of the hub, and the name that it has now with the width, such as
    /// `yard-640`. While one of them has viewers, the hub lists a viewer with the label `renditions`, which counts as demand.
    /// In all of the process, no more pictures are scaled at a time than there are processors.
    ///
    /// # Panics
    ///
    /// Panics outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::{Ladder, hub, ladder::Rendition};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let (publisher, hub) = hub::channel();
    /// let ladder = Ladder::from_hub(hub, [Rendition::width(640).quality(60), Rendition::width(320).quality(50)]);
    /// assert_eq!(ladder.hubs().len(), 3);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "scale")))]
    #[must_use]
    #[track_caller]
    pub fn from_hub(hub: Hub, renditions: impl IntoIterator<Item = Rendition>) -> Self {
        let mut renditions: Vec<_> = renditions.into_iter().collect();
        renditions.sort_by_key(|rendition| Reverse(rendition.width));
        let made = renditions.into_iter().map(|rendition| {
            let (publisher, smaller) = hub.rendition(rendition.width);
            let (demand, lacks_latest) = (publisher.demand(), AtomicBool::new(false));
            Rung { rendition, hub: smaller, publisher, demand, made: Arc::default(), lacks_latest }
        });
        let made: Vec<Rung> = made.collect();
        let of = |rung: &Rung| (rung.hub.clone(), Some(rung.rendition.width.into()), Some(Arc::clone(&rung.made)));
        let smaller: Vec<_> = made.iter().map(of).collect();
        let task = tokio::spawn(run(hub.clone(), made)).abort_handle();
        // It ends once no handle and no viewer of a rung is left.
        let guard = Arc::new(on_drop(move || task.abort()));
        let smaller = smaller.into_iter().map(|(hub, width, made)| (hub.guarded(Arc::clone(&guard)), width, made));
        let rungs = [(hub, None, None)].into_iter().chain(smaller);
        Self { shared: Shared::new(rungs.collect(), &Boundary::random()) }
    }
}

async fn run(hub: Hub, mut rungs: Vec<Rung>) {
    let mut works = Works::default();
    while wanted(&rungs, |_| true).await {
        let Ok(mut parts) = hub.parts_for_renditions() else { return };
        let mut latest = parts.found();
        rungs.iter().for_each(|rung| rung.lacks_latest.store(latest.is_some(), Relaxed));
        loop {
            match next(&mut parts, &rungs).await {
                Next::Part(part) if latest.as_ref().is_some_and(|latest| latest.version == part.version) => {
                    let before = latest.replace(part);
                    before.iter().zip(&latest).for_each(|(before, part)| renew(&before.part, &part.part, &rungs));
                }
                Next::Part(mut part) => {
                    // While the processors were busy with other pictures, a newer one may have come.
                    let _permit = SCALING.acquire().await;
                    part = parts.found().unwrap_or(part);
                    for rung in &rungs {
                        rung.lacks_latest.store(true, Relaxed);
                        rung.made.saved.fetch_add(u64::from(!rung.demand.is_wanted()), Relaxed);
                    }
                    works.show(latest.insert(part), &rungs, false).await;
                }
                Next::Wanted => {
                    let _permit = SCALING.acquire().await;
                    if let Some(latest) = &latest {
                        works.show(latest, &rungs, true).await;
                    }
                }
                Next::Unwanted => break,
                Next::End => {
                    // The others get the last part when somebody watches them.
                    rungs.retain(|rung| rung.lacks_latest.load(Relaxed));
                    break;
                }
            }
        }
        rungs.iter().for_each(|rung| rung.lacks_latest.store(false, Relaxed));
    }
}

/// Gives a part's later time to the pictures that were made of it.
fn renew(before: &Part, part: &Part, rungs: &[Rung]) {
    // A rung may have an older one, because nobody watches it or the part was skipped.
    let is_of_before = |made: &Part| (made.captured(), made.sequence()) == (before.captured(), before.sequence());
    for rung in rungs {
        if let Some(made) = rung.hub.latest().filter(is_of_before) {
            // A closed rung has no viewers.
            let _ = rung.publisher.publish(made.stamped_as(part));
        }
    }
}

/// Waits until somebody watches one of these rungs. Returns `false` if all are closed.
async fn wanted(rungs: &[Rung], of: impl Fn(&Rung) -> bool) -> bool {
    let mut waits: Vec<Pin<Box<dyn Future<Output = bool> + Send + '_>>> = Vec::new();
    for rung in rungs.iter().filter(|rung| of(rung)) {
        waits.push(Box::pin(rung.demand.wanted()));
    }
    poll_fn(|cx| {
        let mut any = false;
        waits.retain_mut(|wait| match wait.as_mut().poll(cx) {
            Poll::Ready(open) => {
                any |= open;
                false
            }
            Poll::Pending => true,
        });
        if any || waits.is_empty() { Poll::Ready(any) } else { Poll::Pending }
    })
    .await
}

enum Next {
    /// The newest part of the hub, which may be its "no signal" part, or the latest one with a later time.
    Part(Arc<Published>),
    /// Somebody watches a rung that does not have the latest part.
    Wanted,
    /// Nobody watches any more.
    Unwanted,
    /// The hub is closed.
    End,
}

async fn next(parts: &mut Parts, rungs: &[Rung]) -> Next {
    let mut unwanted = pin!(async {
        while rungs.iter().any(|rung| rung.demand.is_wanted()) {
            for rung in rungs {
                rung.demand.unwanted().await;
            }
        }
    });
    let mut lacking = pin!(wanted(rungs, |rung| rung.lacks_latest.load(Relaxed)));
    let mut open = true;
    poll_fn(|cx| {
        if unwanted.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Next::Unwanted);
        }
        let part = parts.poll_published(cx);
        if let Poll::Ready(Some(part)) = part {
            return Poll::Ready(Next::Part(part));
        }
        match if open { lacking.as_mut().poll(cx) } else { Poll::Pending } {
            Poll::Ready(true) => return Poll::Ready(Next::Wanted),
            Poll::Ready(false) => open = false,
            Poll::Pending => {}
        }
        // After the last part, which a rung may lack.
        part.map(|_| Next::End)
    })
    .await
}

#[derive(Default)]
struct Works {
    /// Whether the last picture was cut off.
    cut_off: bool,
}

impl Works {
    /// Publishes the renditions of a part on each rung that has viewers and does not have this part. `found` marks a part that the
    /// hub had before.
    async fn show(&mut self, part: &Published, rungs: &[Rung], found: bool) {
        if part.no_signal {
            for rung in rungs {
                rung.lacks_latest.store(false, Relaxed);
                rung.publisher.publish_no_signal(part.part.clone());
            }
            return;
        }
        let wanted = |rung: &&Rung| rung.demand.is_wanted() && rung.lacks_latest.swap(false, Relaxed);
        let wanted: Vec<_> = rungs.iter().filter(wanted).collect();
        if !wanted.is_empty() {
            self.publish(&part.part, &wanted, found).await;
        }
    }

    async fn publish(&mut self, part: &Part, wanted: &[&Rung], found: bool) {
        let is_jpeg = crate::picture::sniff(part.body()) == Some(mime::IMAGE_JPEG);
        let renditions: Vec<_> = wanted.iter().map(|rung| rung.rendition).collect();
        let body = part.body().clone();
        let scaled = if is_jpeg {
            let complete = jpeg::complete_len(&body).is_some();
            // As in a `Splitter`, two in a row are the habit of a camera that writes no EOI.
            let body = if !complete && self.cut_off { jpeg::with_eoi(&body) } else { body };
            self.cut_off = !complete;
            match tokio::task::spawn_blocking(move || scaled(body, &renditions)).await {
                Ok(scaled) => scaled.map_err(|error| error.to_string()),
                // A decoder's panic costs one picture.
                Err(error) => Err(format!("the picture cannot be scaled: {error}")),
            }
        } else {
            Ok(vec![None; wanted.len()])
        };
        match scaled {
            Err(error) => wanted.iter().for_each(|rung| rung.publisher.skip(&error)),
            Ok(scaled) => {
                for (rung, picture) in wanted.iter().zip(scaled) {
                    let smaller = match picture.map(Part::jpeg) {
                        None => part.clone(),
                        Some(Ok(smaller)) => {
                            rung.made.encodings.fetch_add(1, Relaxed);
                            smaller.stamped_as(part)
                        }
                        Some(Err(error)) => {
                            rung.publisher.skip(&error);
                            continue;
                        }
                    };
                    // A closed rung has no viewers, and a part with the boundary is counted.
                    let _ = rung.publisher.publish_as(smaller, found);
                }
            }
        }
    }
}

/// Scales no more pictures at a time than there are processors, whatever the number of ladders: more would only take memory.
static SCALING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));

#[cfg(all(test, not(loom)))]
mod tests;
