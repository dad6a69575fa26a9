//! The algorithms that feramiko promises, by name.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What an algorithm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Category {
    Kex,
    HostKey,
    UserKey,
    Cipher,
    Mac,
    Compression,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Kex, Self::HostKey, Self::UserKey, Self::Cipher, Self::Mac, Self::Compression];

    /// Its name in the peers' JSON.
    pub fn key(self) -> &'static str {
        match self {
            Self::Kex => "kex",
            Self::HostKey => "host_key",
            Self::UserKey => "user_key",
            Self::Cipher => "cipher",
            Self::Mac => "mac",
            Self::Compression => "compression",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Kex => "key exchange",
            Self::HostKey => "host key",
            Self::UserKey => "user key",
            Self::Cipher => "cipher",
            Self::Mac => "MAC",
            Self::Compression => "compression",
        }
    }
}

/// Every algorithm of that category that feramiko has and that a key file of the fixtures can be made for, those of old
/// included: what `algorithms.json` says, which the peers written in Python read too.
pub fn names(category: Category) -> &'static [&'static str] {
    static NAMES: LazyLock<HashMap<&'static str, Vec<&'static str>>> =
        LazyLock::new(|| serde_json::from_str(include_str!("../algorithms.json")).expect("lists of names"));
    let list = match category {
        Category::UserKey => Category::HostKey,
        other => other,
    };
    NAMES.get(list.key()).map(Vec::as_slice).unwrap_or_default()
}

/// Algorithms that no other implementation here has in the role of the server, with the reason.
pub const NO_SERVER: [(&str, &str); 1] = [(
    "blowfish-ctr",
    "of the peers only PuTTY has it, which has no server; `legacy.rs` shows plink at our server",
)];
/// Algorithms that no client in the table has, with the reason.
pub const NO_CLIENT: [(&str, &str); 1] = [(
    "blowfish-ctr",
    "of the peers only PuTTY has it, whose choice of algorithms is no option: see `legacy.rs`",
)];
