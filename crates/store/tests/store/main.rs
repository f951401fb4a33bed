//! What a store promises, on a real directory and on a disk that fails.
//!
//! `conformance.rs` runs over both disks; `damage.rs` and `faults.rs` break things one by one;
//! `history.rs` mixes everything at random; `process.rs` kills a real process. `life.rs` is what they
//! share.

mod cleaning;
mod conformance;
mod damage;
mod faults;
mod history;
mod life;
mod process;
