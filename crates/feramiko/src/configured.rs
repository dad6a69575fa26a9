//! How a [`Connect`] becomes a client: what is not declared in code comes from ssh_config, then the way there is gone.

use std::future::IntoFuture;
use std::process::Stdio;
use std::sync::{Arc, PoisonError};

use feramiko_proto::ClientConfig;

use crate::agent::source::AgentSource;
use crate::client::Client;
use crate::config::{AgentChoice, HostConfig, Jump, Keyword, Proxy, SshConfig, Weight};
use crate::connect::{Connect, EachHop, Source, Way};
use crate::connecting::{Handshake, Line, open, through};
use crate::dial::{self, Deadline, DialOptions};
use crate::driver::socket::Socket;
use crate::error::{Error, HostName, Stage};
use crate::helper::{Driver, blocking};
use crate::identity::{Identity, Plan, Prepared};
use crate::pending::Pending;
use crate::platform;
use crate::settings;
use crate::state::ShowBanner;
use crate::verify::{HostKeyVerifier, prefer};

/// The most hops from here to a host, those of the hops' own configurations included.
const MAX_HOPS: u32 = 16;

impl Connect {
    /// Makes the connection while this thread waits; a worker thread drives it unless [`driver`](Self::driver) says
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::SshConfig`], [`Error::Lookup`], [`Error::Connect`], [`Error::HostKey`], [`Error::Auth`], [`Error::Timeout`]
    /// and [`Error::Connection`] say how far it came, [`Error::Jump`] the same of a host on the way; [`Error::Address`],
    /// [`Error::Key`] and [`Error::Config`] that it did not begin.
    pub fn wait(self) -> Result<Client, Error> {
        let driver = self.driver.unwrap_or(Driver::Thread);
        make(self, driver, MAX_HOPS).wait()
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client, Error>;
    type IntoFuture = Pending<Result<Client, Error>>;

    /// With the feature `tokio`, and a runtime that is current here, that runtime drives the connection; else a worker
    /// thread, unless [`driver`](Connect::driver) says otherwise.
    fn into_future(self) -> Self::IntoFuture {
        let driver = self.driver.unwrap_or_else(Driver::of_this_task);
        make(self, driver, MAX_HOPS)
    }
}

fn make(connect: Connect, driver: Driver, hops_left: u32) -> Pending<Result<Client, Error>> {
    Pending::new(async move {
        let deadline = Deadline::after(connect.deadline);
        // Files and, for the thread driver, the network: one helper for all that blocks.
        let ready = blocking(driver, move || Ready::new(connect, driver, deadline)).await??;
        ready.connect(driver, deadline, hops_left).await
    })
}

/// All that has to be known before the first byte.
struct Ready {
    host: HostConfig,
    way: NextStep,
    verifier: Box<dyn HostKeyVerifier>,
    prepared: Prepared,
    config: ClientConfig,
    banner: Option<ShowBanner>,
    each_hop: Option<EachHop>,
}

/// What leads to the host.
enum NextStep {
    Line(Line),
    Through(crate::transport::Transport),
    Jump(Vec<Jump>),
    /// By TCP, with tokio.
    #[cfg(feature = "tokio")]
    Dial(DialOptions),
}

impl Ready {
    /// Looks everything up. Takes its time.
    fn new(connect: Connect, driver: Driver, deadline: Deadline) -> Result<Self, Error> {
        let host = host_config(&connect)?;
        host.check()?;
        warn(&host);
        let Connect { way, trust, plan, banner, mut config, said, each_hop, .. } = connect;
        settings::apply(&mut config, &said, &host)?;
        // Where the configuration names an order, it counts as it is.
        let order = said.algorithms || said.config || !host.is_set(Keyword::HostKeyAlgorithms);
        let mut verifier = trust.verifier(&host, config.common.min_rsa_bits, order)?;
        let plan = Plan { min_rsa_bits: config.common.min_rsa_bits, ..plan };
        let plan = complete(plan, said.tries, said.identities_only, &host)?;
        let prepared = plan.prepare()?;
        if order {
            let list = &mut config.common.algorithms.host_key;
            *list = prefer(list, &verifier.algorithms());
        }
        let way = match way {
            Way::Over(socket) => NextStep::Line(Line::Over(socket)),
            #[cfg(feature = "tokio")]
            Way::OverAsync(stream) => NextStep::Line(Line::OverAsync(stream)),
            Way::Through(transport) => NextStep::Through(transport),
            Way::Usual => usual_way(&host, driver, deadline, &mut *verifier)?,
        };
        Ok(Self { host, way, verifier, prepared, config, banner, each_hop })
    }

    async fn connect(self, driver: Driver, deadline: Deadline, hops_left: u32) -> Result<Client, Error> {
        let (host, port) = (self.host.host(), self.host.port());
        #[cfg_attr(
            not(feature = "tokio"),
            expect(unused_mut, reason = "a thread has told it where it leads")
        )]
        let mut verifier = self.verifier;
        let line = match self.way {
            NextStep::Line(line) => line,
            NextStep::Through(transport) => through(&transport, host, port, driver, deadline).await?,
            NextStep::Jump(hops) => {
                let (hop, name) = hop(&self.host, &hops, self.each_hop, deadline, hops_left)?;
                let left = hops_left.saturating_sub(1);
                let client = make(hop, driver, left).await.map_err(|error| at_hop(error, name))?;
                // What is opened through it keeps it.
                through(client.transport(), host, port, driver, deadline).await?
            }
            #[cfg(feature = "tokio")]
            NextStep::Dial(options) => {
                let stream = dial::connect_async(host, port, &options, deadline).await?;
                if let Ok(peer) = stream.peer_addr() {
                    verifier.connected_to(peer.ip());
                }
                Line::OverAsync(Box::new(stream))
            }
        };
        let transport = open(line, self.config, deadline)?;
        if let Some(show) = self.banner {
            transport.show_banner(show);
        }
        let user = self.host.user().to_owned();
        Handshake { transport, user, deadline, driver }.run(verifier, self.prepared).await
    }
}

fn warn(host: &HostConfig) {
    for warning in host.warnings() {
        match warning.weight {
            Weight::Moot => tracing::debug!("{warning}"),
            _ => tracing::warn!("{warning}"),
        }
    }
}

/// What the configuration says about the host of the address.
fn host_config(connect: &Connect) -> Result<HostConfig, Error> {
    let address = connect.address.as_ref().map_err(Clone::clone)?;
    if let Some(problem) = &connect.problem {
        return Err(problem.clone());
    }
    let config = match &connect.source {
        Source::Host(host) => return Ok((**host).clone()),
        Source::Config(config) => config.clone(),
        Source::Unsaid if needs_nothing(connect) => SshConfig::empty(),
        Source::Unsaid => SshConfig::usual(),
    };
    Ok(config.of(address.user(), address.said_port()).resolve(address.host())?)
}

/// Host key and credentials are declared: nothing else of the machine is needed.
fn needs_nothing(connect: &Connect) -> bool {
    let pinned = connect.trust.is_pinned();
    let usual = |identity: &Identity| matches!(identity, Identity::Usual);
    pinned && !connect.plan.identities.is_empty() && !connect.plan.identities.iter().any(usual)
}

fn usual_way(
    host: &HostConfig,
    driver: Driver,
    deadline: Deadline,
    verifier: &mut dyn HostKeyVerifier,
) -> Result<NextStep, Error> {
    let options = match host.proxy()? {
        Proxy::Command(command) => return Ok(NextStep::Line(Line::Over(proxy_command(&command)?))),
        Proxy::Jump(hops) => return Ok(NextStep::Jump(hops)),
        Proxy::None => DialOptions::of(host)?,
    };
    match driver {
        Driver::Thread => {
            let stream = dial::connect(host.host(), host.port(), &options, deadline)?;
            if let Ok(peer) = stream.peer_addr() {
                verifier.connected_to(peer.ip());
            }
            Ok(NextStep::Line(Line::Over(stream.into())))
        }
        #[cfg(feature = "tokio")]
        Driver::Tokio => Ok(NextStep::Dial(options)),
    }
}

/// As OpenSSH runs it: by the user's shell, which is replaced by the command. Names in it have been checked.
fn proxy_command(command: &str) -> Result<Socket, Error> {
    let mut run = platform::shell_for(command);
    let child = run
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Error::io("the ProxyCommand", &error))?;
    Ok(Socket::child(child))
}

/// The connection to the last of the hops, which goes through those before it.
fn hop(
    host: &HostConfig,
    hops: &[Jump],
    each_hop: Option<EachHop>,
    deadline: Deadline,
    hops_left: u32,
) -> Result<(Connect, HostName), Error> {
    const ROUND: &str = "the way leads through the host itself, or through more than 16 others";
    let Some((last, before)) = hops.split_last() else { return Err(deadline.passed(Stage::Connect)) };
    if hops_left == 0 {
        return Err(host.error(Keyword::ProxyJump, ROUND).into());
    }
    let hop = host.hop(last, before)?;
    if (hop.alias(), hop.port(), hop.user()) == (host.alias(), host.port(), host.user()) {
        return Err(host.error(Keyword::ProxyJump, ROUND).into());
    }
    let name = HostName { host: hop.host().to_owned(), port: hop.port() };
    let mut connect = Connect::to(hop.host()).host_config(hop.clone());
    if let Some(each_hop) = each_hop {
        connect = (each_hop.lock().unwrap_or_else(PoisonError::into_inner))(connect, &hop);
        connect.each_hop.get_or_insert(Arc::clone(&each_hop));
    }
    Ok((connect.deadline(deadline.left(Stage::Connect)?), name))
}

/// Says at which hop it happened; one that is further away has said so already.
fn at_hop(error: Error, host: HostName) -> Error {
    match error {
        Error::Jump { .. } => error,
        error => Error::Jump { host, error: Box::new(error) },
    }
}

/// Puts the configuration's keys where they are wanted, and its order of methods where none is declared.
fn complete(mut plan: Plan, tries: bool, only: bool, host: &HostConfig) -> Result<Plan, Error> {
    if plan.identities.is_empty() {
        plan.identities.push(Identity::Usual);
    }
    let mut identities = Vec::new();
    for identity in plan.identities {
        match identity {
            Identity::Usual => identities.extend(usual_keys(host)?),
            identity => identities.push(identity),
        }
    }
    plan.identities = identities;
    if !tries && host.is_set(Keyword::NumberOfPasswordPrompts) {
        plan.tries = u32::try_from(host.number(Keyword::NumberOfPasswordPrompts)).unwrap_or(u32::MAX).max(1);
    }
    if !only {
        plan.identities_only |= host.flag(Keyword::IdentitiesOnly);
    }
    plan.certificate_files.extend(host.certificate_files()?);
    if plan.methods.is_none() {
        plan.methods = settings::methods(host);
    }
    Ok(plan)
}

/// The agent's keys, then those in files.
fn usual_keys(host: &HostConfig) -> Result<Vec<Identity>, Error> {
    let agent = match host.identity_agent()? {
        AgentChoice::None => None,
        AgentChoice::Socket(path) => Some(AgentSource::from(path)),
        AgentChoice::Environment => Some(AgentSource::environment()).filter(AgentSource::is_named),
    };
    let files = host.identity_files()?.into_iter().map(Identity::KeyFileIfThere);
    Ok(agent.map(Identity::Agent).into_iter().chain(files).collect())
}
