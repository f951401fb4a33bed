//! The wire against the golden fixtures of `spec/fixtures`, and properties that hold for any input.
//!
//! The fixtures are plain JSON, so that halves of the system in other languages read the same files.

mod callbacks;
mod decoding;
mod encoding;
mod fixtures;
mod positions;
mod properties;
mod publishes;
mod sends;
mod specification;
mod topic_events;
mod verbs;

#[test]
fn every_file_of_this_folder_is_compiled() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire");
    for entry in std::fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let module = name.trim_end_matches(".rs");
        let compiled = module == "main" || include_str!("main.rs").contains(&format!("\nmod {module};\n"));
        assert!(compiled, "{name} is no module of main.rs");
    }
}
