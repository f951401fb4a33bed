//! The rules of a stream in virtual time: one file per matter.
//!
//! Each test drives a shard through [`world::World`], a driver whose sockets take as many bytes as
//! the test says. A new rule gets its test beside the others of its matter; `model` checks all rules
//! at once on random commands.

mod bounds;
mod changing;
mod closing;
mod completion;
mod counts;
mod cursor_events;
mod disconnects;
mod ending;
mod gaps;
mod heartbeats;
mod lagging;
mod leaving;
mod listening_model;
mod model;
mod opening;
mod races;
mod replacing;
mod replay;
mod retry;
mod sending;
mod shutdown;
mod slow_readers;
mod turns;
mod world;

#[test]
fn every_file_of_this_folder_is_compiled() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules");
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let module = name.trim_end_matches(".rs");
        let compiled = module == "main" || include_str!("main.rs").contains(&format!("\nmod {module};\n"));
        assert!(compiled, "{name} is no module of main.rs");
    }
}
