//! Certificates field by field, right and wrong ones: also what no builder would make.

use feramiko_keys::{KeyError, PrivateKey, PublicKey};
use feramiko_wire::{Reader, Writer};

/// The fields of PROTOCOL.certkeys, as they stand in a blob.
#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) name: Vec<u8>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) key: Vec<Vec<u8>>,
    pub(crate) serial: u64,
    pub(crate) kind: u32,
    pub(crate) key_id: Vec<u8>,
    pub(crate) principals: Vec<u8>,
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) critical: Vec<u8>,
    pub(crate) extensions: Vec<u8>,
    pub(crate) reserved: Vec<u8>,
    pub(crate) authority: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What is changed, by the name of the field.
pub(crate) type Change = (&'static str, fn(&mut Fields));

/// Another value for each field in turn.
pub(crate) const CHANGES: [Change; 14] = [
    ("nonce", |fields| fields.nonce[0] ^= 1),
    ("key", |fields| *fields.key.last_mut().unwrap().last_mut().unwrap() ^= 1),
    ("serial", |fields| fields.serial += 1),
    ("kind", |fields| fields.kind = 3 - fields.kind),
    ("key id", |fields| fields.key_id.push(b'x')),
    ("principals", |fields| fields.principals = strings(&["root"])),
    ("one principal more", |fields| fields.principals.extend(strings(&["root"]))),
    ("valid from", |fields| fields.from += 1),
    ("valid until", |fields| fields.until -= 1),
    ("critical options", |fields| fields.critical = option("force-command", &strings(&["true"]))),
    ("extensions", |fields| fields.extensions.extend(option("x@example.com", b""))),
    ("reserved", |fields| fields.reserved = b"x".to_vec()),
    ("signature key", |fields| *fields.authority.last_mut().unwrap() ^= 1),
    ("signature", |fields| *fields.signature.last_mut().unwrap() ^= 1),
];

impl Fields {
    /// Of a certificate for users named `robey`, good for ever, with ssh-keygen's permissions.
    pub(crate) fn user(key: &PublicKey, authority: &PublicKey) -> Self {
        let permitted =
            ["permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty"];
        let mut fields = Self {
            name: certificate_type(key),
            nonce: vec![7; 32],
            key: read_strings(key.blob()).split_off(1),
            serial: 7,
            kind: 1,
            key_id: b"robey's key".to_vec(),
            principals: strings(&["robey"]),
            from: 0,
            until: u64::MAX,
            critical: Vec::new(),
            extensions: Vec::new(),
            reserved: Vec::new(),
            authority: authority.blob().to_vec(),
            signature: Vec::new(),
        };
        for name in permitted {
            fields.extensions.extend(option(name, b""));
        }
        fields
    }

    pub(crate) fn read(blob: &[u8]) -> Self {
        let mut reader = Reader::new(blob);
        let string = |reader: &mut Reader<'_>| reader.string().unwrap().to_vec();
        let name = string(&mut reader);
        let nonce = string(&mut reader);
        let count = match name.as_slice() {
            b"ssh-ed25519-cert-v01@openssh.com" | b"ssh-mldsa44-ed25519-cert-v01@openssh.com" => 1,
            b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com" => 3,
            _ => 2,
        };
        let key = (0..count).map(|_| string(&mut reader)).collect();
        let fields = Self {
            name,
            nonce,
            key,
            serial: reader.u64().unwrap(),
            kind: reader.u32().unwrap(),
            key_id: string(&mut reader),
            principals: string(&mut reader),
            from: reader.u64().unwrap(),
            until: reader.u64().unwrap(),
            critical: string(&mut reader),
            extensions: string(&mut reader),
            reserved: string(&mut reader),
            authority: string(&mut reader),
            signature: string(&mut reader),
        };
        assert!(reader.is_empty());
        fields
    }

    /// All but the signature.
    fn unsigned(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        writer.string(&self.name);
        writer.string(&self.nonce);
        self.key.iter().for_each(|field| writer.string(field));
        writer.u64(self.serial);
        writer.u32(self.kind);
        writer.string(&self.key_id);
        writer.string(&self.principals);
        writer.u64(self.from);
        writer.u64(self.until);
        for field in [&self.critical, &self.extensions, &self.reserved, &self.authority] {
            writer.string(field);
        }
        blob
    }

    /// The blob with the signature that is there.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut blob = self.unsigned();
        Writer::new(&mut blob).string(&self.signature);
        blob
    }

    /// The blob with a signature that is right.
    pub(crate) fn signed(&mut self, authority: &PrivateKey) -> Result<Vec<u8>, KeyError> {
        let algorithm = authority.public_key().signature_algorithms()[0];
        self.signature = authority.sign(algorithm, &self.unsigned())?;
        Ok(self.blob())
    }
}

pub(crate) fn strings<T: AsRef<[u8]>>(texts: &[T]) -> Vec<u8> {
    let mut list = Vec::new();
    texts.iter().for_each(|text| Writer::new(&mut list).string(text.as_ref()));
    list
}

pub(crate) fn option(name: &str, data: &[u8]) -> Vec<u8> {
    strings(&[name.as_bytes(), data])
}

fn read_strings(blob: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(blob);
    let mut strings = Vec::new();
    while !reader.is_empty() {
        strings.push(reader.string().unwrap().to_vec());
    }
    strings
}

fn certificate_type(key: &PublicKey) -> Vec<u8> {
    let plain = key.algorithm().trim_end_matches("@openssh.com");
    format!("{plain}-cert-v01@openssh.com").into_bytes()
}
