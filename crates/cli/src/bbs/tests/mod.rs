//! Scripted callers against the sans-IO session.

mod glass;
mod line;
mod property;
mod rooms;
mod talk;
mod town;
