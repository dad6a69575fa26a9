//! Feramiko's client, told what to do by the same [`Job`]s as the foreign ones.

use std::time::Duration;

use feramiko::{Algorithms, Client, ClientConfig, Connect, Driver, Error, PublicKey, RekeyLimits, Secret};

use crate::algorithms::Category;
use crate::data::{sha256_hex, test_data};
use crate::job::{Bytes, Job, Negotiated, Offer, Outcome};

/// The limits that make this side ask for a key exchange whenever so many bytes went one way.
pub(crate) fn rekey_every(bytes: u64) -> RekeyLimits {
    RekeyLimits { bytes, packets: 1 << 31, interval: None }
}

/// Everything that feramiko has, as far as `offer` does not restrict it.
pub(crate) fn algorithms(offer: &Offer) -> Algorithms {
    let mut algorithms = Algorithms::all();
    for category in Category::ALL {
        let everything: Vec<String> =
            crate::algorithms::names(category).iter().map(|name| (*name).to_owned()).collect();
        let names = offer.get(category).unwrap_or(&everything);
        let list = match category {
            Category::Kex => &mut algorithms.kex,
            Category::HostKey => &mut algorithms.host_key,
            Category::UserKey => &mut algorithms.user_key,
            Category::Cipher => &mut algorithms.ciphers,
            Category::Mac => &mut algorithms.macs,
            Category::Compression => &mut algorithms.compression,
        };
        *list = names.to_vec();
    }
    // Certificates are no algorithms of their own; what lets keys be used lets them be certified.
    if offer.get(Category::UserKey).is_none() {
        let certified = Algorithms::all().user_key.into_iter().filter(|name| name.contains("-cert-v01@"));
        algorithms.user_key = certified.chain(algorithms.user_key).collect();
    }
    algorithms
}

/// What was negotiated, by name; of both directions, which are the same in all tests here.
pub(crate) fn names(negotiated: &feramiko::Negotiated) -> Negotiated {
    assert_eq!(negotiated.cipher_in, negotiated.cipher_out);
    assert_eq!(negotiated.mac_in, negotiated.mac_out);
    assert_eq!(negotiated.compression_in, negotiated.compression_out);
    Negotiated {
        kex: negotiated.kex.to_owned(),
        host_key: negotiated.host_key.to_owned(),
        cipher: negotiated.cipher_out.to_owned(),
        mac: negotiated.mac_out.unwrap_or_default().to_owned(),
        compression: negotiated.compression_out.to_string(),
    }
}

/// A public key from its line: type and base64.
///
/// # Panics
/// If it is none.
pub fn public_key(line: &str) -> PublicKey {
    PublicKey::from_line(line).unwrap_or_else(|error| panic!("{line}: {error}")).0
}

/// The connection and the login that `job` asks for, not made yet.
pub fn connect(job: &Job) -> Connect {
    let mut config = ClientConfig::default();
    config.common.algorithms = algorithms(&job.offer);
    if let Some(bytes) = job.rekey_bytes {
        config.common.rekey = rekey_every(bytes);
    }
    let mut connect = Client::connect(job.address.to_string())
        .no_config()
        .user(&job.user)
        .host_key(public_key(&job.host_key))
        .config(config)
        .deadline(Duration::from_secs(60));
    if let Some(path) = &job.key {
        connect = connect.key_file(path);
    }
    if let Some(passphrase) = job.passphrase.clone() {
        connect = connect.passphrase(move |_| Some(Secret::from(passphrase.as_str())));
    }
    if !job.answers.is_empty() {
        let mut left = job.answers.clone().into_iter();
        connect = connect.keyboard_interactive(move |prompts| {
            prompts.prompts().iter().map(|_| left.next().map(Secret::from)).collect()
        });
    }
    if let Some(password) = &job.password {
        connect = connect.password(password.as_str());
    }
    if let Some(new) = job.new_password.clone() {
        connect = connect.new_password(move |_| Some(Secret::from(new.as_str())));
    }
    connect
}

/// Lets feramiko's client do `job`, in the manner of [`Foreign::client`](crate::Foreign::client).
pub async fn our_client(driver: Driver, job: &Job) -> Outcome {
    match carry_out(driver, job).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { error: error.to_string(), ..Outcome::default() },
    }
}

async fn carry_out(driver: Driver, job: &Job) -> Result<Outcome, Error> {
    let client = connect(job).driver(driver).await?;
    let first = client.transport().negotiated();
    let mut command = client.command(job.exec.as_str());
    command.stdin(test_data(usize::try_from(job.stdin_bytes).unwrap_or(usize::MAX)));
    let output = command.output().await?;
    let summary = |data: &[u8]| Bytes {
        count: data.len() as u64,
        sha256: sha256_hex(data),
        text: String::from_utf8_lossy(data.get(..4096).unwrap_or(data)).into_owned(),
    };
    let exchanges = client.transport().negotiated().map(|negotiated| negotiated.exchanges);
    let outcome = Outcome {
        ok: true,
        error: String::new(),
        negotiated: first.as_ref().map(names).unwrap_or_default(),
        key_exchanges: exchanges,
        banner: client.transport().banner(),
        exit_status: output.status.code(),
        exit_signal: output.status.signal().map(str::to_owned),
        stdout: summary(&output.stdout),
        stderr: summary(&output.stderr),
    };
    client.close().await;
    Ok(outcome)
}
