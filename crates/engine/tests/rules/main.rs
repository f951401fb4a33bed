//! The rules of a stream in virtual time: one file per topic of the protocol's first part.
//!
//! Each test drives a shard through [`world::World`], a driver whose sockets take as many bytes as
//! the test says. A new rule gets its test beside the others of its topic; `model` checks all rules
//! at once on random commands.

mod bounds;
mod counts;
mod disconnects;
mod ending;
mod heartbeats;
mod model;
mod opening;
mod races;
mod sending;
mod shutdown;
mod slow_readers;
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
