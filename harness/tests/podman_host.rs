//! podman on a real host: it heeds the settings it is given. `ci/test` runs these with `--ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use bootproof_harness::podman::Podman;
use camino::Utf8PathBuf;

#[tokio::test]
#[ignore = "needs a host: podman"]
async fn podman_reads_the_settings_back() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let podman = Podman::set_up(&cache).unwrap();
    let info = podman.podman().args(["info", "--format=json"]).run().await;
    let info: serde_json::Value = serde_json::from_slice(&info.unwrap().stdout).unwrap();
    let folder = cache.join("containers");
    let store = &info["store"];
    for (key, below) in [
        ("graphRoot", "storage"),
        ("runRoot", "run"),
        ("configFile", "storage.conf"),
    ] {
        assert_eq!(store[key], folder.join(below).as_str(), "{key}: {store}");
    }
    assert_eq!(store["graphDriverName"], "overlay");
    assert_eq!(info["host"]["eventLogger"], "file");
    // Nothing of the user's or the system's own storage is seen.
    assert_eq!(store["containerStore"]["number"], 0);
    assert_eq!(store["imageStore"]["number"], 0);
    bootproof_harness::cache::empty_cache(&cache, &cache.join("state"), &podman)
        .await
        .unwrap();
}
