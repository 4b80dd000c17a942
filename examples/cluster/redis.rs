//! Redis: a message is published to a channel, and kept in a key of the same name.

use bytes::Bytes;
use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};

use crate::backplane::{self, Event, Lost, MAX_MESSAGE, PING, SILENCE};
use crate::broker::Broker;

pub(crate) struct Outlet(watch::Receiver<Option<MultiplexedConnection>>);

pub(crate) struct Session {
    client: Result<Client, String>,
    name: String,
    /// The connection for sending, while there is one.
    connection: watch::Sender<Option<MultiplexedConnection>>,
}

pub(crate) fn session(broker: &Broker, name: &str) -> (Outlet, Session) {
    let (connection, sends) = watch::channel(None);
    let client = client(broker).map_err(|error| error.to_string());
    (Outlet(sends), Session { client, name: name.to_owned(), connection })
}

impl Outlet {
    pub(crate) async fn send(&mut self, name: &str, payload: Bytes) -> bool {
        let Some(mut connection) = self.0.borrow().clone() else { return false };
        // One script, so that a part crosses the network once and the key is never older than the message.
        let sent = redis::cmd("EVAL").arg(SEND).arg(1).arg(name).arg(&payload[..]).exec_async(&mut connection).await;
        sent.is_ok()
    }
}

impl backplane::Session for Session {
    async fn run(&mut self, events: &mpsc::Sender<Event>) -> Lost {
        let lost = match timeout(SILENCE, self.connect()).await {
            Ok(Ok((receiving, latest))) => self.receive(receiving, latest, events).await,
            Ok(Err(error)) => lost(&error),
            Err(_) => stalled(),
        };
        self.connection.send_replace(None);
        lost
    }
}

type Receiving = (redis::aio::PubSubSink, redis::aio::PubSubStream);

impl Session {
    /// Connects and subscribes. Returns the latest message from before as well.
    async fn connect(&self) -> Result<(Receiving, Option<Vec<u8>>), RedisError> {
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return Err((ErrorKind::InvalidClientConfig, "invalid address", error.clone()).into()),
        };
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(SILENCE)).set_response_timeout(Some(SILENCE));
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let (mut sink, messages) = client.get_async_pubsub().await?.split();
        // The key is read after the subscription, so that no part is missed between.
        sink.subscribe(&self.name).await?;
        let latest = redis::cmd("GET").arg(&self.name).query_async(&mut connection).await?;
        self.connection.send_replace(Some(connection));
        Ok(((sink, messages), latest))
    }

    async fn receive(
        &self,
        (mut sink, mut messages): Receiving,
        latest: Option<Vec<u8>>,
        events: &mpsc::Sender<Event>,
    ) -> Lost {
        let part = |payload: Bytes, retained| Event::Part { name: self.name.clone(), payload, retained };
        let mut first = vec![Event::Connected { limit: Some(MAX_MESSAGE) }];
        first.extend(latest.map(|latest| part(latest.into(), true)));
        for event in first {
            if events.send(event).await.is_err() {
                return stalled();
            }
        }
        let mut pings = interval(PING);
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => {
                        let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                        if events.send(part(payload, false)).await.is_err() {
                            return stalled();
                        }
                    }
                    None => return Lost { problem: "the broker is unreachable: it has closed the connection".into(), refused: false },
                },
                // A broker that hangs closes nothing.
                _ = pings.tick() => match timeout(SILENCE - PING, sink.ping::<redis::Value>()).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return lost(&error),
                    Err(_) => return stalled(),
                },
            }
        }
    }
}

fn client(broker: &Broker) -> Result<Client, RedisError> {
    let mut settings = RedisConnectionInfo::default();
    if let Some((user, password)) = &broker.login {
        if !user.is_empty() {
            settings = settings.set_username(user);
        }
        settings = settings.set_password(password);
    }
    let address = ConnectionAddr::Tcp(broker.host.clone(), broker.port).into_connection_info()?;
    // Otherwise the end of a part may wait for the acknowledgement of its start.
    let address = address.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Client::open(address.set_redis_settings(settings))
}

fn lost(error: &RedisError) -> Lost {
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || error.code().is_some_and(|code| matches!(code, "NOAUTH" | "NOPERM" | "WRONGPASS"));
    let what = if refused { "the broker refuses the connection" } else { "the broker is unreachable" };
    Lost { problem: format!("{what}: {error}"), refused }
}

fn stalled() -> Lost {
    Lost { problem: "the broker is unreachable: it does not respond".to_owned(), refused: false }
}

const SEND: &str = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('PUBLISH', KEYS[1], ARGV[1])";
