//! HTTPS with a certificate that is made at the start: enough for a browser to give the page its camera, not for it to
//! trust the server without being told to.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// For whoever comes by one of these names, with HTTP/2 before HTTP/1.1.
pub(crate) fn acceptor(names: Vec<String>) -> Result<TlsAcceptor, String> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).map_err(failed)?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into());
    let mut config = config.map_err(failed)?;
    config.alpn_protocols = ["h2", "http/1.1"].map(|protocol| protocol.as_bytes().to_vec()).into();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What this machine may be called by who wants to see it.
pub(crate) fn names(address: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(own_address(address).map(|own| own.to_string()));
    names.dedup();
    names
}

/// Where others reach what listens here; `None` if they do not.
pub(crate) fn own_address(listens: SocketAddr) -> Option<IpAddr> {
    if !listens.ip().is_unspecified() {
        return Some(listens.ip()).filter(|ip| !ip.is_loopback());
    }
    // Nothing is sent: the system only says from where it would be.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("no certificate can be made: {error}")
}
