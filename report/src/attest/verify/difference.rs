//! Where two JSON values part.

use serde_json::Value;

/// The first place at which they differ, as a JSON pointer (RFC 6901), with what stands there.
pub(super) fn difference(found: &Value, expected: &Value) -> Option<String> {
    walk("", found, expected)
}

fn walk(at: &str, found: &Value, expected: &Value) -> Option<String> {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.filter_map(|key| {
                let here = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                both(&here, a.get(key), b.get(key))
            })
            .next()
        }
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).find_map(|i| both(&format!("{at}/{i}"), a.get(i), b.get(i)))
        }
        _ if found == expected => None,
        _ => Some(format!(
            "{at} is {}, and should be {}",
            short(found),
            short(expected)
        )),
    }
}

fn both(at: &str, found: Option<&Value>, expected: Option<&Value>) -> Option<String> {
    match (found, expected) {
        (Some(found), Some(expected)) => walk(at, found, expected),
        (Some(_), None) => Some(format!("{at} should not be there")),
        (None, Some(_)) => Some(format!("{at} is missing")),
        (None, None) => None,
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_told_by_its_place() {
        let expected = json!({ "a": [1, { "b/c": "x" }], "d": null });
        assert_eq!(difference(&expected, &expected), None);
        for (found, place) in [
            (
                json!({ "a": [1, { "b/c": "y" }], "d": null }),
                "/a/1/b~1c is \"y\", and should be \"x\"",
            ),
            (json!({ "a": [1], "d": null }), "/a/1 is missing"),
            (
                json!({ "a": [1, { "b/c": "x" }], "d": null, "e": 1 }),
                "/e should not be there",
            ),
            (
                json!([]),
                " is [], and should be {\"a\":[1,{\"b/c\":\"x\"}],\"d\":null}",
            ),
        ] {
            assert_eq!(difference(&found, &expected).as_deref(), Some(place));
        }
    }
}
