//! The algorithms that feramiko promises, by name.

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

/// Every algorithm of that category that feramiko has when nothing old was asked for.
pub fn names(category: Category) -> &'static [&'static str] {
    match category {
        Category::Kex => &[
            "mlkem768x25519-sha256",
            "sntrup761x25519-sha512",
            "sntrup761x25519-sha512@openssh.com",
            "curve25519-sha256",
            "curve25519-sha256@libssh.org",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group14-sha256",
            "diffie-hellman-group16-sha512",
            "diffie-hellman-group18-sha512",
            "diffie-hellman-group-exchange-sha256",
        ],
        Category::HostKey | Category::UserKey => &[
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "rsa-sha2-256",
            "rsa-sha2-512",
        ],
        Category::Cipher => &[
            "chacha20-poly1305@openssh.com",
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "aes128-ctr",
            "aes192-ctr",
            "aes256-ctr",
        ],
        Category::Mac => &[
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
        ],
        Category::Compression => &["none", "zlib@openssh.com", "zlib"],
    }
}
