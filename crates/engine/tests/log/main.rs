//! The rules of the log, one fact a test, in virtual time.

mod bounds;
mod completion;
mod cursors;
mod desk;
mod exclusive;
mod keys;
mod model;
mod reading;
mod restoring;
mod sequence;
mod staging;
