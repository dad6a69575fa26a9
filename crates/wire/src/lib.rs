//! The data types of SSH2 on the wire (RFC 4251 section 5), and tables of messages made of them.
//!
//! A [`Reader`] borrows from the bytes received, never indexes and never allocates; a [`Writer`]
//! appends to a `Vec<u8>` and fills lengths in afterwards. [`messages!`] turns a table of fields
//! into types that read and write themselves.
//!
//! ```
//! use feramiko_wire::{Reader, Writer};
//!
//! let mut bytes = Vec::new();
//! let mut writer = Writer::new(&mut bytes);
//! writer.string(b"ssh-ed25519");
//! writer.u32(7);
//!
//! let mut reader = Reader::new(&bytes);
//! assert_eq!(reader.string()?, b"ssh-ed25519");
//! assert_eq!(reader.u32()?, 7);
//! reader.finish()?;
//! # Ok::<(), feramiko_wire::DecodeError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod codec;
mod error;
mod message;
mod mpint;
mod names;
mod reader;
mod text;
mod writer;

pub use codec::{Decode, Encode, Rest};
pub use error::DecodeError;
pub use mpint::Mpint;
pub use names::{MAX_NAME_BYTES, NameList, is_name};
pub use reader::Reader;
pub use text::{sanitize, sanitize_line};
pub use writer::Writer;
