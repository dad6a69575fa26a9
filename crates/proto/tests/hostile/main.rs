//! Peers that break the rules, against a connection of either role: which error, which disconnect reason.

#[path = "../support/mod.rs"]
mod support;

mod allow_table;
mod auth;
mod automaton;
mod failing;
mod floods;
mod guess;
mod ident;
mod index;
mod packets;
mod rekey;
mod stop;
mod strict;
mod verify;
