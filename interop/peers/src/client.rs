//! One connection as a client: authenticate, run one command, say what was seen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse, Session};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Disconnect, Limits, Names, Preferred};
use serde_json::{Value, json};

use crate::commands::{Summary, send};
use crate::{Failure, offer};

struct Handler {
    expected: String,
    preferred: Preferred,
    negotiated: Arc<Mutex<Value>>,
    exchanges: Arc<Mutex<u64>>,
}

impl client::Handler for Handler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let line = key.to_openssh()?;
        Ok(line.split(' ').take(2).eq(self.expected.split(' ').take(2)))
    }

    async fn kex_done(
        &mut self,
        _shared_secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let (Ok(mut negotiated), Ok(mut exchanges)) = (self.negotiated.lock(), self.exchanges.lock()) {
            *negotiated = offer::negotiated(names, &self.preferred);
            *exchanges += 1;
        }
        Ok(())
    }
}

/// Runs one job.
pub async fn run(job: &Value) -> Result<Value, Failure> {
    let preferred = offer::preferred(job)?;
    let negotiated = Arc::new(Mutex::new(Value::Null));
    let exchanges = Arc::new(Mutex::new(0));
    let handler = Handler {
        expected: job["host_key"].as_str().unwrap_or_default().to_owned(),
        preferred: preferred.clone(),
        negotiated: Arc::clone(&negotiated),
        exchanges: Arc::clone(&exchanges),
    };
    let mut config = client::Config { preferred, nodelay: true, ..client::Config::default() };
    if let Some(bytes) = job["rekey_bytes"].as_u64() {
        let bytes = usize::try_from(bytes)?;
        config.limits = Limits::new(bytes, bytes, Duration::from_secs(3600));
    }
    let address = job["addr"].as_str().ok_or("no addr")?.to_owned();
    let mut session = client::connect(Arc::new(config), address, handler).await?;
    if !authenticate(&mut session, job).await? {
        let negotiated = negotiated.lock().map(|value| value.clone()).unwrap_or_default();
        return Ok(json!({ "ok": false, "error": "authentication refused", "negotiated": negotiated }));
    }
    let mut result = exec(&session, job).await?;
    result["negotiated"] = negotiated.lock().map(|value| value.clone()).unwrap_or_default();
    result["key_exchanges"] = exchanges.lock().map(|count| json!(*count)).unwrap_or_default();
    session.disconnect(Disconnect::ByApplication, "done", "").await?;
    Ok(result)
}

async fn authenticate(session: &mut Handle<Handler>, job: &Value) -> Result<bool, Failure> {
    let user = job["user"].as_str().unwrap_or("robey");
    let mut done = false;
    if let Some(path) = job["key"].as_str() {
        let key = Arc::new(load_secret_key(path, job["passphrase"].as_str())?);
        let hash = if key.algorithm().is_rsa() { offer::rsa_hash(job) } else { None };
        done = session.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash)).await?.success();
    }
    if let (false, Some(answers)) = (done, job["answers"].as_array()) {
        done = interactive(session, user, answers).await?;
    }
    if let (false, Some(password)) = (done, job["password"].as_str()) {
        let answer: AuthResult = session.authenticate_password(user, password).await?;
        done = answer.success();
    }
    Ok(done)
}

async fn interactive(session: &mut Handle<Handler>, user: &str, answers: &[Value]) -> Result<bool, Failure> {
    let mut answers = answers.iter().map(|answer| answer.as_str().unwrap_or_default().to_owned());
    let mut reply = session.authenticate_keyboard_interactive_start(user, None::<String>).await?;
    loop {
        match reply {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let responses = answers.by_ref().take(prompts.len()).collect();
                reply = session.authenticate_keyboard_interactive_respond(responses).await?;
            }
        }
    }
}

async fn exec(session: &Handle<Handler>, job: &Value) -> Result<Value, Failure> {
    let channel = session.channel_open_session().await?;
    channel.exec(true, job["exec"].as_str().unwrap_or("echo hello")).await?;
    let (mut incoming, outgoing) = channel.split();
    let stdin_bytes = job["stdin_bytes"].as_u64().unwrap_or(0);
    let writer = tokio::spawn(async move {
        send(&mut outgoing.make_writer(), stdin_bytes).await?;
        outgoing.eof().await?;
        Ok::<_, Failure>(())
    });
    let (mut stdout, mut stderr) = (Summary::default(), Summary::default());
    let (mut status, mut signal) = (Value::Null, Value::Null);
    let mut refused = false;
    while let Some(message) = incoming.wait().await {
        match message {
            ChannelMsg::Data { data } => stdout.add(&data),
            ChannelMsg::ExtendedData { data, .. } => stderr.add(&data),
            ChannelMsg::ExitStatus { exit_status } => status = json!(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => signal = json!(format!("{signal_name:?}")),
            ChannelMsg::Failure => {
                refused = true;
                break;
            }
            _ => {}
        }
    }
    if refused {
        writer.abort();
    } else {
        // A command that does not read its input may be gone before all of it was sent.
        let _ = writer.await?;
    }
    Ok(json!({
        "ok": !refused,
        "error": if refused { json!("exec refused") } else { Value::Null },
        "exit_status": status,
        "exit_signal": signal,
        "stdout": stdout.json(),
        "stderr": stderr.json(),
    }))
}
