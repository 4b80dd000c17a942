//! Streams of the crate behind nginx, with its default and with common configurations.

#![expect(clippy::unwrap_used, reason = "a failure of a helper is a failure of its test")]

use std::fs;
use std::process::Command;
use std::sync::mpsc;
use std::thread::scope;

use interop_tests::senders::{Camera, End, Pictures, Server, get, get_while, replay};
use tempfile::TempDir;

/// nginx, in front of a camera.
struct Nginx {
    server: Server,
    _folder: TempDir,
}

impl Nginx {
    fn start(camera: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let server = Server::told(|port| {
            let config = CONFIG.replace("FOLDER", &path).replace("PORT", &port.to_string()).replace("CAMERA", camera);
            fs::write(folder.path().join("nginx.conf"), config).unwrap();
            let mut nginx = Command::new("nginx");
            nginx.args(["-p", &path, "-c", &format!("{path}/nginx.conf"), "-e", &format!("{path}/error.log")]);
            nginx
        });
        Self { server, _folder: folder }
    }
}

/// Every part arrives, the last one twice as on every machine wire.
#[test]
#[ignore = "needs nginx"]
fn nginx_passes_every_part() {
    let pictures = Pictures::new(40);
    let nginx = Nginx::start(&replay(pictures.bytes()));
    for path in ["/as-installed", "/unbuffered", "/compressing", "/buffering"] {
        let received = get(&nginx.server.address, path, None);
        received.are(&[pictures.bytes(), &pictures.bytes()[39..]].concat());
        assert_eq!(received.end, End::Closed, "{path}");
    }
}

/// Also where nginx buffers by default and compresses every type.
#[test]
#[ignore = "needs nginx"]
fn nginx_passes_each_part_at_once() {
    let pictures = Pictures::new(10);
    for path in ["/as-installed", "/unbuffered", "/compressing"] {
        let camera = Camera::start();
        let nginx = Nginx::start(&camera.address);
        camera.show(&pictures.bytes()[0]);
        let (seen, next) = mpsc::channel();
        scope(|scope| {
            let (camera, pictures) = (&camera, &pictures);
            scope.spawn(move || {
                for picture in &pictures.bytes()[1..] {
                    next.recv().expect("a connected viewer");
                    camera.show(picture);
                }
            });
            let received = get_while(&nginx.server.address, path, move |parts| {
                // Publishes the next part only after this one has arrived.
                seen.send(()).is_ok() && parts.len() < pictures.bytes().len()
            });
            received.are(pictures.bytes());
        });
    }
}

/// `/buffering` ignores `X-Accel-Buffering`.
const CONFIG: &str = "
daemon off;
master_process off;
pid FOLDER/nginx.pid;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path FOLDER/client;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    proxy_http_version 1.1;
    server {
        listen 127.0.0.1:PORT;
        location /as-installed { proxy_pass http://CAMERA/live; }
        location /unbuffered { proxy_pass http://CAMERA/live; proxy_buffering off; }
        location /compressing {
            proxy_pass http://CAMERA/live;
            gzip on;
            gzip_types *;
            gzip_proxied any;
            gzip_http_version 1.0;
        }
        location /buffering {
            proxy_pass http://CAMERA/live;
            proxy_buffering on;
            proxy_ignore_headers X-Accel-Buffering;
        }
    }
}
";
