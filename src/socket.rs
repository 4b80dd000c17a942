//! TCP options that keep pictures fresh and detect viewers that have disconnected.
//!
//! # Examples
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//! use mixed_replace::socket;
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let viewer = TcpStream::connect(listener.local_addr()?)?;
//! let (connection, _) = listener.accept()?;
//! socket::tune(&connection)?;
//! assert!(connection.nodelay()?);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd as AsConnection;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsConnection;
use std::time::Duration;

use socket2::SockRef;

use crate::derive::setters;

/// Sets the TCP options of a connection that carries a stream: those of [`Tuning::default`].
///
/// Call it for each connection that your server accepts: on axum with `ListenerExt::tap_io`, on actix with
/// `HttpServer::on_connect`, for which there is [`on_connect`].
///
/// # Errors
///
/// Returns the system's error if it refuses an option. The other options are still set.
///
/// # Examples
///
/// ```
/// use mixed_replace::socket;
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let viewer = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let (connection, _) = listener.accept()?;
/// socket::tune(&connection)?;
/// assert!(connection.nodelay()?);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// On axum:
///
/// ```ignore
/// let listener = listener.tap_io(|connection| drop(socket::tune(connection)));
/// axum::serve(listener, app).await
/// ```
pub fn tune(connection: &impl AsConnection) -> io::Result<()> {
    Tuning::default().apply(connection)
}

/// The TCP options that [`tune`] sets, for values of your own.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::socket::Tuning;
///
/// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let tuning = Tuning::default().no_delay(true).notsent_lowat(32 * 1024).user_timeout(Duration::from_secs(60));
/// tuning.apply(&connection)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tuning {
    no_delay: bool,
    notsent_lowat: u32,
    user_timeout: Duration,
}

/// `TCP_NODELAY` on, 16 KiB, 15 s.
impl Default for Tuning {
    fn default() -> Self {
        Self { no_delay: true, notsent_lowat: 16 * 1024, user_timeout: Duration::from_secs(15) }
    }
}

impl Tuning {
    setters! {
        /// Sets `TCP_NODELAY`, so that the end of a part does not wait for the acknowledgement of its first bytes.
        /// Default: on.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::socket::Tuning;
        ///
        /// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// Tuning::default().no_delay(false).apply(&connection)?;
        /// assert!(!socket2::SockRef::from(&connection).tcp_nodelay()?);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        no_delay(bool) => no_delay;

        /// Sets `TCP_NOTSENT_LOWAT`: how many bytes that are not sent yet the system may queue. Default: 16 KiB.
        ///
        /// Queued parts grow old, and take memory for viewers that do not read. Linux and Android only; ignored
        /// elsewhere.
        ///
        /// # Examples
        ///
        /// ```
        /// use mixed_replace::socket::Tuning;
        ///
        /// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// Tuning::default().notsent_lowat(32 * 1024).apply(&connection)?;
        /// # #[cfg(target_os = "linux")]
        /// assert_eq!(socket2::SockRef::from(&connection).tcp_notsent_lowat()?, 32 * 1024);
        /// # Ok::<(), std::io::Error>(())
        /// ```
        notsent_lowat(u32) => notsent_lowat;

        /// Sets `TCP_USER_TIMEOUT`: how long sent data may stay unacknowledged, or a full receiver may accept nothing,
        /// before the system closes the connection. Default: 15 seconds.
        ///
        /// Zero selects the system's default, which is minutes. Linux and Android only; ignored elsewhere.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use mixed_replace::socket::Tuning;
        ///
        /// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
        /// Tuning::default().user_timeout(Duration::from_secs(60)).apply(&connection)?;
        /// # #[cfg(target_os = "linux")]
        /// assert_eq!(socket2::SockRef::from(&connection).tcp_user_timeout()?, Some(Duration::from_secs(60)));
        /// # Ok::<(), std::io::Error>(())
        /// ```
        user_timeout(Duration) => user_timeout;
    }

    /// Sets the options on a connection.
    ///
    /// # Errors
    ///
    /// Returns the system's error if it refuses an option. The other options are still set.
    ///
    /// # Examples
    ///
    /// ```
    /// use mixed_replace::socket::Tuning;
    ///
    /// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// Tuning::default().apply(&connection)?;
    /// assert!(socket2::SockRef::from(&connection).tcp_nodelay()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn apply(&self, connection: &impl AsConnection) -> io::Result<()> {
        let connection = SockRef::from(connection);
        let no_delay = connection.set_tcp_nodelay(self.no_delay);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            let notsent_lowat = connection.set_tcp_notsent_lowat(self.notsent_lowat);
            let timeout = connection.set_tcp_user_timeout(Some(self.user_timeout));
            notsent_lowat.and(timeout)?;
        }
        no_delay
    }
}

/// Calls [`tune`] for each connection of an actix server: `HttpServer::new(…).on_connect(socket::on_connect)`.
///
/// Also set `h1_allow_half_closed(false)`: otherwise actix does not notice that a viewer has disconnected.
///
/// Changes only connections of the type `actix_web::rt::net::TcpStream`, not TLS ones.
///
/// # Examples
///
/// ```
/// use actix_web::{App, HttpServer, web};
/// use mixed_replace::{Live, hub, socket};
///
/// let (publisher, hub) = hub::channel();
/// let app = move || App::new().route("/live", web::to(Live::new(hub.clone())));
/// let server = HttpServer::new(app).on_connect(socket::on_connect).h1_allow_half_closed(false);
/// ```
#[cfg(feature = "actix-web")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix-web")))]
pub fn on_connect(connection: &dyn std::any::Any, _: &mut actix_web::dev::Extensions) {
    if let Some(connection) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
        // A connection that refuses the options is about to fail, or works without them.
        drop(tune(connection));
    }
}
