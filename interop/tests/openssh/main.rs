//! Feramiko and OpenSSH: our client at `sshd`, `ssh` at our server, and much data between them.

mod bulk;
mod logins;
mod our_server;
mod sessions;
mod trust;

/// Each scenario once with each driver.
#[macro_export]
macro_rules! with_both_drivers {
    ($($scenario:ident),* $(,)?) => {
        mod with_threads {
            $(#[test] fn $scenario() {
                let mut scenario = feramiko::Pending::new(super::$scenario(feramiko::Driver::Thread));
                scenario.wait_timeout(feramiko_interop::PATIENCE).expect("done in time");
            })*
        }
        mod with_tokio {
            $(#[test] fn $scenario() {
                $crate::runtime().block_on(async {
                    let scenario = super::$scenario(feramiko::Driver::Tokio);
                    tokio::time::timeout(feramiko_interop::PATIENCE, scenario).await.expect("done in time");
                });
            })*
        }
    };
}

/// A runtime of tokio's for one test.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
}
