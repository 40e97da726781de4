use std::collections::BTreeSet;
use std::sync::Arc;

use bootproof_harness::profile::{Profile, ReleaseName};
use bootproof_harness::run::{Dirs, Run};
use bootproof_record::{Event, Recorder, RunId};
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::StepError;
use crate::scenario::ScenarioInfo;
use crate::shared::{Options, Shared};
use crate::world::World;

/// A run in a folder of its own, in which no snapshot is on record.
struct Lab {
    shared: Arc<Shared>,
    out: Utf8PathBuf,
    _dir: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let below = |name: &str| folder.join(name);
        let id = RunId::random().unwrap();
        let dirs = Dirs::of(&id, &below("cache"), &below("state"), &below("out"));
        let recorder = Recorder::create(&dirs.out.join("events.ndjson")).unwrap();
        let out = dirs.out.clone();
        let run = Run::plain(recorder, id, dirs).unwrap();
        let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/../containerfiles/debian");
        let options = Options {
            registry: None,
            snapshots: below("snapshots"),
            pending_snapshots: false,
            guest_source: below("guest"),
            browser: Err("no test opens a page".to_owned()),
            restore: Ok(()),
        };
        let profile = Profile::load(Utf8Path::new(profile)).unwrap();
        Self {
            shared: Shared::new(run, profile, options),
            out,
            _dir: dir,
        }
    }

    fn world(&self, id: &str, attempt: u32) -> World {
        let mut world = World::default();
        let info = ScenarioInfo {
            id: id.to_owned(),
            name: "A page".to_owned(),
            feature: "Pages".to_owned(),
            parent: None,
            storyline: id.to_owned(),
            child_count: 0,
            chosen_child_count: 0,
            tags: Vec::new(),
            attempt,
        };
        world.begin(self.shared.clone(), info);
        world
    }
}

#[test]
fn scenarios_attempts_and_releases_do_not_overwrite_each_others_evidence() {
    let lab = Lab::new();
    let mut watch = lab.shared.run().recorder.watch();
    let (old, new) = (ReleaseName::Old, ReleaseName::New);
    let comparisons = [
        ("features/day.feature:7", 1, old),
        ("features/day.feature:7", 1, new),
        ("features/day.feature:7", 2, old),
        ("features/day.feature:20", 1, old),
    ];
    for (number, (id, attempt, release)) in comparisons.into_iter().enumerate() {
        let world = lab.world(id, attempt);
        let text = format!("text {number}");
        let compared = world.compare_with_snapshot(release, "page", "homepage", &text);
        let Err(StepError::Failed(why)) = compared else {
            panic!("{compared:?}");
        };
        assert!(why.contains("there is no snapshot"), "{why}");
    }
    let attached: Vec<_> = std::iter::from_fn(|| watch.try_recv().ok())
        .filter_map(|envelope| match envelope.event {
            Event::Attached { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    let texts: BTreeSet<_> = attached
        .iter()
        .map(|path| std::fs::read_to_string(lab.out.join(path)).unwrap())
        .collect();
    assert_eq!(attached.len(), comparisons.len());
    assert_eq!(texts.len(), comparisons.len(), "{attached:?}");
}
