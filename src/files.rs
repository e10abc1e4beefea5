//! Files that are written: what may be replaced, and how a file gets its name when it is complete.

pub mod target;
pub mod temporary;
