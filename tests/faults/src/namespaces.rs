//! A server, a router and a viewer, each in a network namespace.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Network namespaces for a server and a viewer with a router between them. Dropping this removes them.
#[derive(Debug)]
pub struct Namespaces {
    /// The namespace of the server.
    pub server: Place,
    router: Place,
    /// The namespace of the viewers.
    pub viewer: Place,
}

/// A network namespace.
#[derive(Clone, Debug)]
pub struct Place(String);

impl Namespaces {
    /// Creates them with an unlimited link.
    ///
    /// # Panics
    ///
    /// If that fails, for example without root.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "network namespaces need root");
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |what| Place(format!("faults-{}-{nth}-{what}", std::process::id()));
        let all = Self { server: name("server"), router: name("router"), viewer: name("viewer") };
        for place in [&all.server, &all.router, &all.viewer] {
            ip(&["netns", "add", place.name()]);
            ip(&["-n", place.name(), "link", "set", "lo", "up"]);
        }
        for (place, net) in [(&all.server, "10.77.1"), (&all.viewer, "10.77.2")] {
            let (here, there) = (place.name(), all.router.name());
            let port = if net == "10.77.1" { "server" } else { "viewer" };
            ip(&["-n", there, "link", "add", "name", port, "type", "veth", "peer", "name", "up0", "netns", here]);
            ip(&["-n", there, "address", "add", &format!("{net}.1/24"), "dev", port]);
            ip(&["-n", there, "link", "set", port, "up"]);
            ip(&["-n", here, "address", "add", &format!("{net}.2/24"), "dev", "up0"]);
            ip(&["-n", here, "link", "set", "up0", "up"]);
            ip(&["-n", here, "route", "add", "default", "via", &format!("{net}.1")]);
        }
        all.router.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).expect("a router");
        all
    }

    /// Returns the address at which the server must listen.
    #[must_use]
    pub fn server_address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 77, 1, 2))
    }

    /// Drops all further packets silently.
    pub fn swallow(&self) {
        ip(&["-n", self.router.name(), "route", "replace", "blackhole", "10.77.2.0/24"]);
    }

    /// Limits the rate of the viewer's link.
    ///
    /// # Panics
    ///
    /// If the system has no token bucket filter.
    pub fn narrow(&self, megabits: f64) {
        let rate = format!("{megabits}mbit");
        let tbf = ["tbf", "rate", &rate, "burst", "10kb", "latency", "50ms"];
        let tc = ["netns", "exec", self.router.name(), "tc", "qdisc", "add", "dev", "viewer", "root"];
        ip(&[&tc[..], &tbf[..]].concat());
    }
}

impl Default for Namespaces {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for place in [&self.server, &self.router, &self.viewer] {
            drop(Command::new("ip").args(["netns", "del", place.name()]).status());
        }
    }
}

impl Place {
    /// Returns the name used by `ip netns`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Runs a function in the namespace on another thread. Its sockets belong to the namespace.
    ///
    /// # Panics
    ///
    /// If the function panics, or the namespace no longer exists.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|threads| {
            let thread = threads.spawn(|| {
                let namespace = File::open(format!("/run/netns/{}", self.0)).expect("an existing namespace");
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
                what()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("`ip` of iproute2");
    assert!(status.success(), "ip {}", arguments.join(" "));
}
