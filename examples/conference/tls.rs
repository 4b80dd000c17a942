//! HTTPS with a self-signed certificate, generated at the start. It permits camera access in browsers after a warning.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// Creates an acceptor with a certificate for `names`, which prefers HTTP/2 to HTTP/1.1.
pub(crate) fn acceptor(names: Vec<String>) -> Result<TlsAcceptor, String> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).map_err(failed)?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into());
    let mut config = config.map_err(failed)?;
    config.alpn_protocols = ["h2", "http/1.1"].map(|protocol| protocol.as_bytes().to_vec()).into();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Returns the names and addresses of this machine for the certificate.
pub(crate) fn names(address: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(own_address(address).map(|own| own.to_string()));
    names.dedup();
    names
}

/// Returns the address at which other machines reach the server, or `None` if they cannot.
pub(crate) fn own_address(listening: SocketAddr) -> Option<IpAddr> {
    if !listening.ip().is_unspecified() {
        return Some(listening.ip()).filter(|ip| !ip.is_loopback());
    }
    // Connecting a UDP socket sends nothing, but selects the local address.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("cannot generate a certificate: {error}")
}
