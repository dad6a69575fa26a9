//! The russh crate as a server.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use feramiko_bench::Failure;
use feramiko_bench::commands::{Command, next_chunk};
use feramiko_bench::serve::{ServeSpec, announce};
use russh::keys::load_secret_key;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, Preferred, cipher, compression, kex, mac};
use tokio::net::TcpListener;

fn main() -> Result<(), Failure> {
    let spec = ServeSpec::from_args()?;
    let mut builder = match spec.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()?.block_on(serve(spec))
}

async fn serve(spec: ServeSpec) -> Result<(), Failure> {
    let user_key = std::fs::read_to_string(&spec.user_key)?;
    let user_key: Arc<str> = user_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ").into();
    let config = Arc::new(server::Config {
        keys: vec![load_secret_key(&spec.host_key, None)?],
        preferred: Preferred {
            // The client says which of these.
            kex: Cow::Borrowed(&[
                kex::CURVE25519,
                kex::MLKEM768X25519_SHA256,
                kex::EXTENSION_SUPPORT_AS_SERVER,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
            ]),
            cipher: Cow::Borrowed(&[cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_128_CTR]),
            mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM]),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::default()
        },
        auth_rejection_time: Duration::from_millis(1),
        nodelay: true,
        ..server::Config::default()
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let handler = Connection { user_key: Arc::clone(&user_key), channels: HashMap::new() };
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            if let Ok(session) = server::run_stream(config, socket, handler).await {
                // How a connection ends is its client's business.
                let _ = session.await;
            }
        });
    }
}

struct Connection {
    user_key: Arc<str>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl server::Handler for Connection {
    type Error = Failure;

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let line = key.public_key.to_openssh()?;
        let known = line.split(' ').take(2).eq(self.user_key.split(' '));
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (Some(channel), Some(command)) = (self.channels.remove(&id), Command::parse(command)) else {
            session.channel_failure(id)?;
            return Ok(());
        };
        session.channel_success(id)?;
        tokio::spawn(async move {
            // A client that leaves in the middle is no fault of the server.
            let _ = act(channel, command).await;
        });
        Ok(())
    }
}

async fn act(channel: Channel<Msg>, command: Command) -> Result<(), Failure> {
    let (mut incoming, outgoing) = channel.split();
    match command {
        Command::Bytes(count) => {
            let mut left = count;
            while left > 0 {
                let chunk = next_chunk(left);
                outgoing.data_bytes(chunk).await?;
                left -= chunk.len() as u64;
            }
        }
        Command::Sink => while next_data(&mut incoming).await.is_some() {},
        Command::Echo => {
            while let Some(data) = next_data(&mut incoming).await {
                outgoing.data_bytes(data).await?;
            }
        }
        Command::True => {}
    }
    outgoing.exit_status(0).await?;
    outgoing.eof().await?;
    outgoing.close().await?;
    Ok(())
}

async fn next_data(incoming: &mut ChannelReadHalf) -> Option<Bytes> {
    loop {
        match incoming.wait().await? {
            ChannelMsg::Data { data } => return Some(data),
            ChannelMsg::Eof | ChannelMsg::Close => return None,
            _ => {}
        }
    }
}
