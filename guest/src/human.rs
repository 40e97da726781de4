//! `bootc status` for people.

use std::fmt::Write as _;

use crate::status::{BootEntry, Host};

/// Renders what is staged, booted and kept for a rollback, in this order.
pub fn render(host: &Host) -> String {
    let status = &host.status;
    let Some(booted) = &status.booted else {
        return "System is not deployed via bootc.\n".to_owned();
    };
    let mut out = String::new();
    if let Some(staged) = &status.staged {
        section(&mut out, ' ', "Staged image", staged);
        out.push('\n');
    }
    section(&mut out, '●', "Booted image", booted);
    if let Some(rollback) = &status.rollback {
        out.push('\n');
        section(&mut out, ' ', "Rollback image", rollback);
        if status.rollback_queued {
            out.push_str("  Next boot: rollback deployment\n");
        }
    }
    out
}

fn section(out: &mut String, mark: char, title: &str, entry: &BootEntry) {
    let width = title.chars().count();
    let mark_of_booted = mark != ' ';
    let mut mark = Some(mark);
    let mut row = |name: &str, value: &str| {
        let mark = mark.take().unwrap_or(' ');
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{mark} {name:>width$}: {value}");
    };
    match &entry.image {
        Some(image) => {
            row(title, &image.image.to_string());
            row(
                "Digest",
                &format!("{} ({})", image.image_digest, image.architecture),
            );
            match (&image.version, &image.timestamp) {
                (Some(v), Some(t)) => row("Version", &format!("{v} ({t})")),
                (Some(v), None) => row("Version", v),
                (None, Some(t)) => row("Timestamp", t),
                (None, None) => {}
            }
        }
        None => match &entry.ostree {
            Some(ostree) => row(
                title,
                &format!("ostree {}.{}", ostree.checksum, ostree.deploy_serial),
            ),
            None => row(title, "unknown"),
        },
    }
    if entry.pinned {
        row("Pinned", "yes");
    }
    // To what is kept for a rollback, the booted image is news.
    if let Some(update) = entry.cached_update.as_ref().filter(|_| mark_of_booted) {
        let version = update
            .version
            .as_ref()
            .map_or(String::new(), |v| format!("{v} "));
        row("Update", &format!("{version}{}", update.image_digest));
    }
}
