//! The TCP relay of the Pingora documentation's proxy example: accept, connect, copy both ways with 64 KiB buffers.
//! `pingora-relay LISTEN UPSTREAM THREADS`, both as host:port.

use async_trait::async_trait;
use pingora_core::apps::ServerApp;
use pingora_core::connectors::TransportConnector;
use pingora_core::listeners::Listeners;
use pingora_core::protocols::Stream;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{Server, ShutdownWatch};
use pingora_core::services::listening::Service;
use pingora_core::upstreams::peer::BasicPeer;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// As in Cargo.toml.
const PINGORA: &str = "0.9.1";
const BUFFER: usize = 64 * 1024;

struct Relay {
    connector: TransportConnector,
    peer: BasicPeer,
}

impl Relay {
    /// Copies until either side has finished sending or fails.
    async fn copy(&self, mut client: Stream, mut upstream: Stream) -> std::io::Result<()> {
        let mut from_client = vec![0; BUFFER];
        let mut from_upstream = vec![0; BUFFER];
        loop {
            tokio::select! {
                read = client.read(&mut from_client) => match read? {
                    0 => return Ok(()),
                    count => {
                        upstream.write_all(&from_client[..count]).await?;
                        upstream.flush().await?;
                    }
                },
                read = upstream.read(&mut from_upstream) => match read? {
                    0 => return Ok(()),
                    count => {
                        client.write_all(&from_upstream[..count]).await?;
                        client.flush().await?;
                    }
                },
            }
        }
    }
}

#[async_trait]
impl ServerApp for Relay {
    async fn process_new(self: &Arc<Self>, client: Stream, _: &ShutdownWatch) -> Option<Stream> {
        if let Ok(upstream) = self.connector.new_stream(&self.peer).await {
            let _ = self.copy(client, upstream).await;
        }
        None
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().nth(1).as_deref() == Some("--version") {
        return println!("pingora-relay on pingora-core {PINGORA}");
    }
    let mut next = || arguments.next().expect("usage: pingora-relay LISTEN UPSTREAM THREADS");
    let (listen, upstream) = (next(), next());
    let threads = next().parse().expect("THREADS is a number");
    let mut server = Server::new_with_opt_and_conf(None, ServerConf { threads, ..Default::default() });
    server.bootstrap();
    let relay = Relay { connector: TransportConnector::new(None), peer: BasicPeer::new(&upstream) };
    let mut service = Service::with_listeners("relay".into(), Listeners::tcp(&listen), relay);
    service.threads = Some(threads);
    server.add_service(service);
    server.run_forever();
}
