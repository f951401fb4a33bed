//! Style that matters, as tests: they read the files of the workspace and start nothing.
//!
//! A rule that a lint or `deny.toml` can check stands there instead. One file a rule; to add one,
//! collect what breaks it and give that to [`tree::assert_none`].

mod changelog;
mod dependencies;
mod files;
mod layers;
mod links;
mod metrics;
mod sizes;
mod tree;
mod waiting;
