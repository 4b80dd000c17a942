//! Cameras with TLS in front, and certificates of every kind.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mixed_replace::source;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncWriteExt as _, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{Connection, Fake, SOON, pictures, watch};

#[tokio::test]
async fn streams_over_https_with_its_certificate() {
    let camera = Fake::showing(10);
    // Most cameras name no address, or that of their factory, and many are made as authorities.
    for (name, is_ca) in [("127.0.0.1", false), ("camera.local", false), ("camera.local", true)] {
        let own = self_signed(name, is_ca);
        let address = encrypted(&camera, &own).await;
        for certificate in [own.pem.as_bytes(), own.der.as_ref()] {
            let source = source::http(&format!("https://{address}/stream")).unwrap();
            watch!(source.certificate(certificate).unwrap()).sees(&pictures()[0], SOON).await;
        }
    }
}

#[tokio::test]
async fn refuses_untrusted_certificates_with_advice() {
    let camera = Fake::showing(10);
    let (own, other) = (self_signed("127.0.0.1", false), self_signed("127.0.0.1", false));
    let address = encrypted(&camera, &own).await;
    let source = || source::http(&format!("https://a:s3cret@{address}/stream")).unwrap();
    for source in [source(), source().certificate(&other.pem).unwrap()] {
        let error = watch!(source).error(SOON).await;
        let message = error.to_string();
        assert!(message.starts_with("the certificate of 127.0.0.1 is not trusted ("), "{message}");
        assert!(message.ends_with("): check it, and pass it to `Source::certificate`"), "{message}");
        assert!(error.is_permanent());
    }
    assert_eq!(camera.requests(), [""; 0]);
}

#[tokio::test]
async fn authority_is_trusted_for_the_names_of_its_certificates() {
    let camera = Fake::showing(10);
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    for (name, host, accepted) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("localhost", "localhost", true),
        ("127.0.0.2", "127.0.0.1", false),
        ("localhost", "127.0.0.1", false),
        ("camera.local", "localhost", false),
    ] {
        let key = KeyPair::generate().unwrap();
        let issued = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let issued = Own { pem: issued.pem(), der: issued.der().clone(), key: key.serialize_der() };
        let port = encrypted(&camera, &issued).await.port();
        let source = source::http(&format!("https://{host}:{port}/stream")).unwrap();
        let mut watched = watch!(source.certificate(authority.pem()).unwrap());
        if accepted {
            watched.sees(&pictures()[0], SOON).await;
        } else {
            let error = watched.error(SOON).await;
            assert!(error.is_permanent() && error.to_string().contains("not valid for name"), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn logs_in_over_https() {
    let camera = Fake::start(login_required);
    let own = self_signed("127.0.0.1", false);
    let address = encrypted(&camera, &own).await;
    let source = source::http(&format!("https://a:s3cret@{address}/stream")).unwrap();
    watch!(source.certificate(own.pem).unwrap()).sees(&pictures()[0], SOON).await;
}

#[tokio::test]
async fn redirects_lead_to_https_and_not_back() {
    let own = self_signed("127.0.0.1", false);
    let camera = Fake::start(login_required);
    let https = encrypted(&camera, &own).await;
    let moved = format!("Location: https://{https}/stream\r\n");
    let plain = Fake::start(move |connection| connection.answer("302 Found", &moved, ""));
    let source = source::http(&plain.url_for("a:s3cret")).unwrap();
    watch!(source.certificate(&own.pem).unwrap()).sees(&pictures()[0], SOON).await;

    let back = format!("Location: {}\r\n", camera.url());
    let redirecting = Fake::start(move |connection| connection.answer("302 Found", &back, ""));
    let https = encrypted(&redirecting, &own).await;
    let source = source::http(&format!("https://a:s3cret@{https}/")).unwrap();
    let error = watch!(source.certificate(&own.pem).unwrap()).error(SOON).await;
    assert_eq!(error.to_string(), format!("it redirects to {} (302), which is not followed", camera.url()));
}

#[tokio::test]
async fn picture_may_end_without_a_closing_alert() {
    let camera = Fake::start(|connection| {
        connection.write("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n")?;
        connection.write(&pictures()[0])
    });
    let own = self_signed("127.0.0.1", false);
    let address = encrypted(&camera, &own).await;
    let source = source::snapshots(&format!("https://{address}/"), Duration::from_millis(20)).unwrap();
    let mut watched = watch!(source.certificate(own.der).unwrap());
    watched.sees(&pictures()[0], SOON).await;
    while camera.times().len() < 3 {
        let _ = watched.next(Duration::from_millis(20)).await;
    }
    assert_eq!(watched.monitor.stats().last_error, None);
}

#[tokio::test]
async fn silent_handshake_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let source = source::http(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    let begin = Instant::now();
    let error = watch!(source.timeout(Duration::from_millis(300))).error(SOON).await;
    assert!(begin.elapsed() >= Duration::from_millis(300) && !error.is_permanent(), "{error}");
}

#[tokio::test]
async fn server_without_tls_is_named() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|mut s| drop(s.write(b"HTTP/1.1 400 No\r\n\r\n")))
    });
    let error = watch!(source::http(&format!("https://{address}/")).unwrap()).error(SOON).await;
    assert!(error.to_string().starts_with("no TLS with 127.0.0.1: "), "{error}");
}

#[test]
fn rejects_what_is_not_a_certificate() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for (bytes, mistake) in [
        ("", "no X.509 certificate: pass PEM (-----BEGIN CERTIFICATE-----) or DER"),
        ("camera.pem", "no X.509 certificate: pass PEM (-----BEGIN CERTIFICATE-----) or DER"),
        (key.as_str(), "PEM without a certificate (-----BEGIN CERTIFICATE-----)"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "no X.509 certificate: pass PEM (-----BEGIN CERTIFICATE-----) or DER",
        ),
    ] {
        let error = source::http("https://cam/").unwrap().certificate(bytes).unwrap_err();
        assert_eq!(error.to_string(), mistake);
    }
    let cut = source::http("https://cam/").unwrap().certificate("-----BEGIN CERTIFICATE-----\nAA").unwrap_err();
    assert!(cut.to_string().starts_with("damaged PEM: "), "{cut}");
}

/// Streams for the user `a` with the password `s3cret`.
fn login_required(connection: &mut Connection) -> std::io::Result<()> {
    match connection.field("authorization") {
        Some("Basic YTpzM2NyZXQ=") => connection.stream(10),
        _ => connection.answer("401 No", "WWW-Authenticate: Basic realm=\"x\"\r\n", ""),
    }
}

/// A certificate and its key.
struct Own {
    pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

fn self_signed(name: &str, is_ca: bool) -> Own {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
    let certificate = params.self_signed(&key).unwrap();
    Own { pem: certificate.pem(), der: certificate.der().clone(), key: key.serialize_der() }
}

/// Puts TLS in front of a camera. It closes connections without an alert, as cameras do.
async fn encrypted(camera: &Fake, own: &Own) -> SocketAddr {
    let key = PrivateKeyDer::try_from(own.key.clone()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![own.der.clone()], key).unwrap()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, camera) = (listener.local_addr().unwrap(), camera.authority());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, camera) = (acceptor.clone(), camera.clone());
            tokio::spawn(async move {
                // The client may close the connection at any time.
                let Ok(tls) = acceptor.accept(socket).await else { return };
                let (mut from_client, mut to_client) = split(tls);
                let (mut from_camera, mut to_camera) = TcpStream::connect(camera).await.unwrap().into_split();
                tokio::select! {
                    _ = copy(&mut from_client, &mut to_camera) => {}
                    _ = copy(&mut from_camera, &mut to_client) => drop(to_client.flush().await),
                }
            });
        }
    });
    address
}
