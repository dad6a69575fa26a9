//! For tests: two [`Connection`](feramiko_proto::Connection)s joined in memory by a link with a latency and a rate,
//! under a virtual clock that jumps to whatever happens next; and cryptography that is fast, the same every time,
//! and protects nothing.
//!
//! ```
//! use feramiko_testkit::{Pair, password_login};
//!
//! let mut pair = Pair::with_defaults();
//! password_login(&mut pair, "robey", "foo");
//! assert_eq!(pair.server.connection.user(), Some("robey"));
//! ```

mod auto;
mod describe;
mod device;
mod fake;
mod link;
mod modes;
mod pair;
mod side;
mod traffic;

pub use auto::{Answer, Auto};
pub use describe::describe;
pub use device::Device;
pub use fake::{fake_algorithms, fake_host_key, fake_provider, fake_sign, gullible_provider, seed_random};
pub use link::{Link, LinkModel};
pub use modes::{Mode, modes};
pub use pair::{Pair, host_key, open_channel, password_login};
pub use side::Side;
pub use traffic::{Sink, Source, pattern};
