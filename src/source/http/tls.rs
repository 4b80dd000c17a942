//! TLS with verified certificates.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use url::Url;

use super::{Http, Source, address};
use crate::derive::{error_messages, io_error};
use crate::source::Error;
use crate::source::error::cause;

impl Source<Http> {
    /// Adds a certificate, in PEM or DER, that is trusted besides the public authorities. Can be called several times.
    ///
    /// Most cameras have a self-signed certificate, which no authority vouches for. Save it once over a network that you
    /// trust, for example with `openssl s_client -connect HOST:443 </dev/null | openssl x509 >camera.pem`.
    ///
    /// - A server with exactly this certificate is accepted under any host name and after its expiry, like a known host of
    ///   SSH: cameras are moved to other addresses, and their certificates rarely name an address.
    /// - The certificate of an authority accepts each server that it vouches for, under the names of its certificate.
    ///
    /// # Errors
    ///
    /// [`InvalidCertificate`] if the bytes hold no certificate, or a damaged one.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use mixed_replace::source;
    ///
    /// # fn camera() -> Result<(), Box<dyn std::error::Error>> {
    /// let pem = std::fs::read("camera.pem")?;
    /// let camera = source::http("https://user:password@10.0.0.7/video.cgi")?.certificate(pem)?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn certificate(mut self, pem_or_der: impl AsRef<[u8]>) -> Result<Self, InvalidCertificate> {
        let added = certificates(pem_or_der.as_ref())?;
        let mut own = std::mem::take(&mut self.open.requester.tls.own);
        own.extend(added);
        self.open.requester.tls = Tls { own, config: Arc::default() };
        Ok(self)
    }
}

/// The certificates that are trusted, and the configuration made of them, which keeps sessions for later connections.
#[derive(Clone, Default)]
pub(super) struct Tls {
    own: Vec<CertificateDer<'static>>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Returns the encrypted connection, if the server's certificate is trusted.
    pub(super) async fn connect(&self, url: &Url, socket: TcpStream) -> Result<Connection, Error> {
        let connector = TlsConnector::from(self.config()?);
        let name = ServerName::try_from(address::host(url).to_owned());
        let name = name.map_err(|error| Error::permanent(cause(&error)))?;
        connector.connect(name, socket).await.map(Connection).map_err(|error| failed(url, &error))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.own.iter().cloned());
        let provider = Arc::new(ring::default_provider());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let webpki = webpki.map_err(|error| Error::permanent(cause(&error)))?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config
            .map_err(|error| Error::permanent(cause(&error)))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { own: self.own.clone(), webpki }))
            .with_no_client_auth();
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

/// Returns the reason why a connection failed, with advice.
fn failed(url: &Url, error: &io::Error) -> Error {
    let host = url.host_str().unwrap_or_default();
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(why)) => Error::permanent(format_args!(
            "the certificate of {host} is not trusted ({why}): check it, and pass it to `Source::certificate`"
        )),
        Some(rustls::Error::PeerIncompatible(why)) => Error::permanent(format_args!(
            "{host} has no version or cipher of TLS 1.2 or 1.3 that is supported ({why:?})"
        )),
        Some(error) => Error::transient(format_args!("no TLS with {host}: {error}")),
        None => Error::transient(format_args!("no TLS with {host}: {}", cause(error))),
    }
}

/// An encrypted connection. Cameras close it without the alert (RFC 8446 §6.1), and a response whose length is known is
/// checked anyway.
pub(super) struct Connection(TlsStream<TcpStream>);

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.0).poll_read(cx, buf)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Accepts the given certificates as they are, and others by webpki, which refuses a self-signed one that is also an
/// authority, as `openssl req -x509` makes them.
#[derive(Debug)]
struct Verifier {
    own: Vec<CertificateDer<'static>>,
    webpki: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.own.iter().any(|own| own == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidCertificate> {
    let is_pem = bytes.windows(PEM.len()).any(|window| window == PEM);
    let certificates = if is_pem {
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        parsed.map_err(|error| InvalidCertificate(format!("damaged PEM: {error}")))?
    } else {
        vec![CertificateDer::from(bytes.to_vec())]
    };
    for certificate in &certificates {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|_| {
            InvalidCertificate("no X.509 certificate: pass PEM (-----BEGIN CERTIFICATE-----) or DER".to_owned())
        })?;
    }
    if certificates.is_empty() {
        return Err(InvalidCertificate("PEM without a certificate (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(certificates)
}

/// The error of bytes that are not a certificate.
///
/// # Examples
///
/// ```
/// use mixed_replace::source;
///
/// let error = source::http("https://10.0.0.7/video.cgi")?.certificate("not a certificate").unwrap_err();
/// assert!(error.to_string().starts_with("no X.509 certificate: pass PEM"));
/// # Ok::<(), source::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub struct InvalidCertificate(String);

error_messages! { InvalidCertificate {
    Self(message) => "{message}";
} }

io_error!(InvalidCertificate, InvalidInput);

const PEM: &[u8] = b"-----BEGIN ";
