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

/// Every algorithm of that category that feramiko has and that a key file of the fixtures can be made for, those of old included.
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
            "mlkem768nistp256-sha256",
            "mlkem1024nistp384-sha384",
            "diffie-hellman-group-exchange-sha1",
            "diffie-hellman-group14-sha1",
            "diffie-hellman-group1-sha1",
        ],
        Category::HostKey | Category::UserKey => &[
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521",
            "rsa-sha2-256",
            "rsa-sha2-512",
            "ssh-rsa",
            "ssh-dss",
        ],
        Category::Cipher => &[
            "chacha20-poly1305@openssh.com",
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "aes128-ctr",
            "aes192-ctr",
            "aes256-ctr",
            "aes128-cbc",
            "aes192-cbc",
            "aes256-cbc",
            "blowfish-ctr",
            "blowfish-cbc",
            "3des-cbc",
        ],
        Category::Mac => &[
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
            "hmac-sha1",
            "hmac-sha1-96",
            "hmac-sha1-etm@openssh.com",
            "hmac-sha1-96-etm@openssh.com",
            "hmac-md5",
            "hmac-md5-96",
            "hmac-md5-etm@openssh.com",
            "hmac-md5-96-etm@openssh.com",
        ],
        Category::Compression => &["none", "zlib@openssh.com", "zlib"],
    }
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
