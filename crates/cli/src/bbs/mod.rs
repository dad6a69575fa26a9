//! The BBS that the first paramiko's demo server pretended to be.
//!
//! Everything here is sans-IO: a [`House`] keeps the posts, the scores and who is on line; a
//! [`Session`] turns what one caller types into what that caller's terminal shows. Time comes from
//! the clock and chance from the seed that the house is given. [`Caller`] joins a session to any
//! reader and writer.
//!
//! From the ground up: `text` and `keys`; `editor`, `screen`, `store` and `door`; `house`; `room`;
//! the rooms (`boards`, `chat`, `arcade`, `menu`); `session`; `caller`.

mod arcade;
mod art;
mod boards;
mod caller;
mod chat;
mod date;
mod door;
mod editor;
mod house;
mod keys;
mod menu;
mod random;
mod room;
mod screen;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use caller::Caller;
pub(crate) use house::House;
pub(crate) use screen::Size;
#[cfg(test)]
pub(crate) use session::Session;
pub(crate) use store::Store;
