//! What a page asks for and gets, read from the driver's log of Chromium's own events (DevTools protocol, `Network`).

use std::collections::BTreeSet;

use serde_json::Value;

/// The requests of a page so far.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    under_way: BTreeSet<String>,
    /// HTTP's status of the newest document that was navigated to.
    pub status: Option<u16>,
}

impl Traffic {
    /// Takes in the entries of one look at the log: `[{"message": "{…}"}, …]`.
    pub(super) fn take(&mut self, entries: &Value) {
        for entry in entries.as_array().into_iter().flatten() {
            let message = entry["message"].as_str().unwrap_or_default();
            if let Ok(message) = serde_json::from_str::<Value>(message) {
                self.event(&message["message"]);
            }
        }
    }

    fn event(&mut self, event: &Value) {
        let params = &event["params"];
        let Some(id) = params["requestId"].as_str() else {
            return;
        };
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                // Chromium's own start page does not count.
                let url = params["request"]["url"].as_str().unwrap_or_default();
                if !url.starts_with("chrome") {
                    self.under_way.insert(id.to_owned());
                }
            }
            Some("Network.responseReceived") => {
                let response = &params["response"];
                // A document whose request is its loader's own is the page; one of a frame within it has another.
                let page = params["type"] == "Document"
                    && params["loaderId"] == id
                    && self.under_way.contains(id);
                if page
                    && response["url"]
                        .as_str()
                        .is_some_and(|url| url.starts_with("http"))
                {
                    let status = response["status"].as_u64();
                    self.status = status.and_then(|status| u16::try_from(status).ok());
                }
            }
            Some("Network.loadingFinished" | "Network.loadingFailed") => {
                self.under_way.remove(id);
            }
            _ => {}
        }
    }

    /// Whether every request has had its answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entries(events: &[Value]) -> Value {
        let entry = |event: &Value| json!({ "level": "INFO", "message": json!({ "message": event }).to_string() });
        events.iter().map(entry).collect()
    }

    fn sent(id: &str, url: &str) -> Value {
        json!({ "method": "Network.requestWillBeSent", "params": { "requestId": id, "request": { "url": url } } })
    }

    fn finished(id: &str) -> Value {
        json!({ "method": "Network.loadingFinished", "params": { "requestId": id } })
    }

    fn answered(id: &str, loader: &str, status: u16) -> Value {
        json!({ "method": "Network.responseReceived", "params": { "requestId": id, "loaderId": loader,
            "type": "Document", "response": { "status": status, "url": "http://127.0.0.1:1/" } } })
    }

    #[test]
    fn a_page_is_quiet_when_every_request_has_had_its_answer() {
        let mut traffic = Traffic::default();
        assert!(traffic.is_quiet());
        traffic.take(&entries(&[
            sent("A", "http://127.0.0.1:1/"),
            answered("A", "A", 404),
        ]));
        assert!(!traffic.is_quiet());
        traffic.take(&entries(&[
            sent("2", "http://127.0.0.1:1/os-release"),
            finished("A"),
        ]));
        assert!(!traffic.is_quiet());
        traffic.take(&entries(&[finished("2")]));
        assert!(traffic.is_quiet());
        assert_eq!(traffic.status, Some(404));
    }

    #[test]
    fn the_start_page_and_frames_are_not_the_page() {
        let mut traffic = Traffic::default();
        traffic.take(&entries(&[
            sent("N", "chrome://new-tab-page/"),
            answered("N", "N", 200),
        ]));
        assert!(traffic.is_quiet());
        assert_eq!(traffic.status, None);
        traffic.take(&entries(&[
            sent("A", "http://127.0.0.1:1/"),
            answered("A", "A", 200),
            sent("F", "http://127.0.0.1:1/frame"),
            answered("F", "other", 500),
        ]));
        assert_eq!(traffic.status, Some(200));
    }

    #[test]
    fn entries_that_are_none_are_passed_over() {
        let mut traffic = Traffic::default();
        for odd in [
            json!(null),
            json!({}),
            json!([1, { "message": "{" }, { "message": "{}" }]),
        ] {
            traffic.take(&odd);
        }
        assert!(traffic.is_quiet());
    }
}
