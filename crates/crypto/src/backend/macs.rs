//! The MACs in order of preference, those of old behind.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512};

use crate::cipher::Mac;

use super::hmac::Hmac;
use super::hmac_md5::HmacMd5;
use super::umac::Umac;

const UMAC_64_ETM: Umac = Umac { name: "umac-64-etm@openssh.com", tag_len: 8, etm: true };
const UMAC_128_ETM: Umac = Umac { name: "umac-128-etm@openssh.com", tag_len: 16, etm: true };
const UMAC_64: Umac = Umac { name: "umac-64@openssh.com", tag_len: 8, etm: false };
const UMAC_128: Umac = Umac { name: "umac-128@openssh.com", tag_len: 16, etm: false };

const SHA2_256: Hmac = Hmac::new("hmac-sha2-256", HMAC_SHA256, 32);
const SHA2_512: Hmac = Hmac::new("hmac-sha2-512", HMAC_SHA512, 64);
const SHA1: Hmac = Hmac::new("hmac-sha1", HMAC_SHA1_FOR_LEGACY_USE_ONLY, 20);
const SHA1_96: Hmac = Hmac::new("hmac-sha1-96", HMAC_SHA1_FOR_LEGACY_USE_ONLY, 12);

pub(crate) static ALL: [&dyn Mac; 16] = [
    &UMAC_64_ETM,
    &UMAC_128_ETM,
    &SHA2_256.etm("hmac-sha2-256-etm@openssh.com"),
    &SHA2_512.etm("hmac-sha2-512-etm@openssh.com"),
    &UMAC_64,
    &UMAC_128,
    &SHA2_256,
    &SHA2_512,
    &SHA1.etm("hmac-sha1-etm@openssh.com"),
    &SHA1,
    &SHA1_96.etm("hmac-sha1-96-etm@openssh.com"),
    &SHA1_96,
    &HmacMd5 { name: "hmac-md5-etm@openssh.com", tag_len: 16, etm: true },
    &HmacMd5 { name: "hmac-md5", tag_len: 16, etm: false },
    &HmacMd5 { name: "hmac-md5-96-etm@openssh.com", tag_len: 12, etm: true },
    &HmacMd5 { name: "hmac-md5-96", tag_len: 12, etm: false },
];
