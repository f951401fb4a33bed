//! A gateway whose log is on the disk.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::setup::Stage;

/// Starts a gateway whose log is in a directory that does not exist yet.
pub(crate) async fn start_on_disk(settings: &[(&str, &str)]) -> (Stage, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let log = log_in(&directory);
    let settings: Vec<_> = settings.iter().copied().chain([("LOG", log.as_str())]).collect();
    (Stage::start_with(&settings).await, directory)
}

/// What `LOG` says then.
pub(crate) fn log_in(directory: &TempDir) -> String {
    directory.path().join("made/by the gateway").to_str().expect("UTF-8").to_owned()
}

/// How a gateway goes and comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Restart {
    Stopped,
    Killed,
}

pub(crate) const BOTH: [Restart; 2] = [Restart::Stopped, Restart::Killed];

impl Stage {
    pub(crate) async fn restart(&mut self, how: Restart) {
        match how {
            Restart::Stopped => self.gateway.stop_and_start_again().await,
            Restart::Killed => self.gateway.kill_and_start_again().await,
        }
    }
}

pub(crate) async fn texts_from_start(stage: &Stage, topic: &str, count: usize) -> Vec<String> {
    let mut subscriber = stage.subscribe("/start", json!([{"name": topic, "from": "start"}])).await;
    subscriber.texts(count).await
}

/// The file below a directory that was written last.
pub(crate) fn newest_file(directory: &Path) -> PathBuf {
    let newest = files(directory).into_iter().max_by_key(|(_, meta)| meta.modified().expect("a time"));
    newest.expect("a file").0
}

/// How many bytes the files below a directory have.
pub(crate) fn size(directory: &Path) -> u64 {
    files(directory).iter().map(|(_, meta)| meta.len()).sum()
}

/// What is removed meanwhile is left out.
fn files(directory: &Path) -> Vec<(PathBuf, Metadata)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => files.extend(self::files(&entry.path())),
            Ok(meta) => files.push((entry.path(), meta)),
            Err(_) => {}
        }
    }
    files
}
