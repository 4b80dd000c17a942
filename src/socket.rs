//! The options of a connection that keep its pictures fresh and let go of viewers that are gone.

use std::io;
#[cfg(unix)]
use std::os::fd::AsFd as AsConnection;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsConnection;
use std::time::Duration;

use socket2::SockRef;

/// Sets what a stream of pictures wants of its TCP connection: [`Tuning::default`].
///
/// Call it for each connection that your server accepts: on axum with `ListenerExt::tap_io`, on actix with
/// `HttpServer::on_connect`, for which there is [`on_connect`].
///
/// # Errors
///
/// If the system refuses an option; the others are set all the same.
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

/// What [`tune`] sets, with values of your own.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mixed_replace::socket::Tuning;
///
/// let connection = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let tuning = Tuning::default().no_delay(true).unsent(32 * 1024).user_timeout(Duration::from_secs(60));
/// tuning.apply(&connection)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tuning {
    no_delay: bool,
    unsent: u32,
    user_timeout: Duration,
}

/// `TCP_NODELAY` on, 16 KiB, 15 s.
impl Default for Tuning {
    fn default() -> Self {
        Self { no_delay: true, unsent: 16 * 1024, user_timeout: Duration::from_secs(15) }
    }
}

impl Tuning {
    /// `TCP_NODELAY`: the end of a part does not wait for an acknowledgement of its begin. On unless set.
    pub fn no_delay(mut self, on: bool) -> Self {
        self.no_delay = on;
        self
    }

    /// `TCP_NOTSENT_LOWAT`, in bytes: how much that is not on its way yet may wait in the system, where it grows old and
    /// takes memory for viewers that do not read. 16 KiB unless set. Linux and Android; without effect elsewhere.
    pub fn unsent(mut self, bytes: u32) -> Self {
        self.unsent = bytes;
        self
    }

    /// `TCP_USER_TIMEOUT`: how long a viewer may acknowledge nothing, or take nothing, before the system ends the
    /// connection. 15 s unless set; zero for the system's own, which are minutes. Linux and Android; without effect
    /// elsewhere.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = timeout;
        self
    }

    /// Sets the options.
    ///
    /// # Errors
    ///
    /// If the system refuses an option; the others are set all the same.
    pub fn apply(&self, connection: &impl AsConnection) -> io::Result<()> {
        let connection = SockRef::from(connection);
        let no_delay = connection.set_tcp_nodelay(self.no_delay);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            let unsent = connection.set_tcp_notsent_lowat(self.unsent);
            let timeout = connection.set_tcp_user_timeout(Some(self.user_timeout));
            unsent.and(timeout)?;
        }
        no_delay
    }
}

/// [`tune`] as actix calls it: `HttpServer::new(…).on_connect(socket::on_connect)`.
///
/// Set `h1_allow_half_closed(false)` too, or actix takes a viewer who left for one that is silent.
///
/// Connections of other types than `actix_web::rt::net::TcpStream`, such as TLS ones, are left as they are.
#[cfg(feature = "actix-web")]
#[cfg_attr(docsrs, doc(cfg(feature = "actix-web")))]
pub fn on_connect(connection: &dyn std::any::Any, _: &mut actix_web::dev::Extensions) {
    if let Some(connection) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
        // A connection that cannot be tuned is about to fail, or does well enough as it is.
        drop(tune(connection));
    }
}
