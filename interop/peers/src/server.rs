//! A server with one account and the canned commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Limits, MethodKind, MethodSet, Sig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::commands::{End, run as run_command};
use crate::{Failure, offer};

/// What every connection is measured by.
struct Accounts {
    user: String,
    password: String,
    answers: Vec<String>,
    keys: Vec<String>,
    multi_step: bool,
}

/// Serves until its standard input ends: a dead parent leaves no server behind.
pub async fn run(spec: &Value) -> Result<(), Failure> {
    let accounts = Arc::new(Accounts {
        user: text(&spec["user"], "robey"),
        password: text(&spec["password"], "foo"),
        answers: spec["answers"]
            .as_array()
            .map(|answers| answers.iter().map(|answer| text(answer, "")).collect())
            .unwrap_or_default(),
        keys: match spec["authorized_keys"].as_str() {
            Some(path) => std::fs::read_to_string(path)?.lines().map(blob).collect(),
            None => Vec::new(),
        },
        multi_step: spec["multi_step"].as_bool().unwrap_or(false),
    });
    let config = Arc::new(config(spec)?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", json!({ "port": listener.local_addr()?.port(), "name": "russh", "version": "0.65.1" }));
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let handler =
            Connection { accounts: Arc::clone(&accounts), had_key: false, channels: HashMap::new() };
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            let outcome = match server::run_stream(config, socket, handler).await {
                Ok(session) => session.await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                eprintln!("connection ended: {error}");
            }
        });
    }
}

fn config(spec: &Value) -> Result<server::Config, Failure> {
    let keys: Result<Vec<PrivateKey>, _> = spec["host_keys"]
        .as_array()
        .ok_or("no host_keys")?
        .iter()
        .map(|path| load_secret_key(path.as_str().unwrap_or_default(), None))
        .collect();
    let mut config = server::Config {
        keys: keys?,
        preferred: offer::preferred(spec)?,
        auth_rejection_time: Duration::from_millis(1),
        nodelay: true,
        ..server::Config::default()
    };
    if let Some(bytes) = spec["rekey_bytes"].as_u64() {
        let bytes = usize::try_from(bytes)?;
        config.limits = Limits::new(bytes, bytes, Duration::from_secs(3600));
    }
    Ok(config)
}

struct Connection {
    accounts: Arc<Accounts>,
    had_key: bool,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl server::Handler for Connection {
    type Error = Failure;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let right = user == self.accounts.user && password == self.accounts.password;
        let enough = !self.accounts.multi_step || self.had_key;
        Ok(if right && enough { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let line = blob(&key.public_key.to_openssh()?);
        if user != self.accounts.user || !self.accounts.keys.contains(&line) {
            return Ok(Auth::reject());
        }
        if self.accounts.multi_step {
            self.had_key = true;
            return Ok(Auth::Reject {
                proceed_with_methods: Some(MethodSet::from(&[MethodKind::Password][..])),
                partial_success: true,
            });
        }
        Ok(Auth::Accept)
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            return Ok(Auth::Partial {
                name: "robey's door".into(),
                instructions: "answer all".into(),
                prompts: vec![("Password: ".into(), false), ("Colour: ".into(), true)].into(),
            });
        };
        let given: Vec<String> =
            response.map(|answer| String::from_utf8_lossy(&answer).into_owned()).collect();
        let right = user == self.accounts.user && !given.is_empty() && given == self.accounts.answers;
        Ok(if right { Auth::Accept } else { Auth::reject() })
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
        let Some(channel) = self.channels.remove(&id) else {
            session.channel_failure(id)?;
            return Ok(());
        };
        session.channel_success(id)?;
        let handle = session.handle();
        let command = String::from_utf8_lossy(command).into_owned();
        tokio::spawn(async move {
            let (mut incoming, outgoing) = channel.split();
            let end = run_command(
                &command,
                incoming.make_reader(),
                outgoing.make_writer(),
                outgoing.make_writer_ext(Some(1)),
            )
            .await;
            match end {
                Ok(End::Status(status)) => {
                    let _ = outgoing.exit_status(status).await;
                }
                Ok(End::Signal(name)) => {
                    let signal = if name == "TERM" { Sig::TERM } else { Sig::Custom(name) };
                    let _ = handle.exit_signal_request(id, signal, false, "asked to".into(), "".into()).await;
                }
                Err(error) => eprintln!("{command}: {error}"),
            }
            let _ = outgoing.eof().await;
            let _ = outgoing.close().await;
        });
        Ok(())
    }
}

/// A public key line without its options and comment.
fn blob(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value, default: &str) -> String {
    value.as_str().unwrap_or(default).to_owned()
}
