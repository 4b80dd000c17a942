//! The time to write the counters of 60 hubs for Prometheus.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mixed_replace::{Hubs, Metrics, Part, hub};

fn page(criterion: &mut Criterion) {
    let hubs = Hubs::new();
    let publishers = (0..60).map(|nth| {
        let (publisher, hub) = hub::channel();
        hubs.insert(&format!("camera-{nth}"), hub).expect("a valid name");
        publisher.publish(Part::text("on").expect("a valid part")).expect("the hub is open");
        publisher
    });
    let _publishers: Vec<_> = publishers.collect();
    let metrics = Metrics::by_name(hubs);
    let mut text = String::new();
    metrics.write_openmetrics(&mut text);
    println!("a page of 60 hubs: {} bytes, {} lines", text.len(), text.lines().count());
    criterion.bench_function("page of 60 hubs", |bencher| {
        bencher.iter(|| {
            let mut text = String::new();
            metrics.write_openmetrics(&mut text);
            black_box(text)
        });
    });
}

criterion_group!(benches, page);
criterion_main!(benches);
