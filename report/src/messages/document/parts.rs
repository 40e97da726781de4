//! Tables, doc strings and tags, each with the line it stands at.

use gherkin::{Examples, Table};
use serde_json::{Value, json};

use super::{Inherited, Reader};

impl Reader<'_> {
    pub(super) fn docstring(&self, content: &str, step: usize) -> Value {
        let below = (step..).zip(self.lines.iter().skip(step));
        let opening = below
            .map(|(at, line)| (at + 1, line.trim()))
            .find(|(_, line)| line.starts_with("\"\"\"") || line.starts_with("```"));
        let (line, opening) = opening.unwrap_or((step, "\"\"\""));
        json!({
            "location": {"line": line},
            "content": content,
            "delimiter": opening.get(..3).unwrap_or("\"\"\""),
        })
    }

    pub(super) fn table(&mut self, table: &Table) -> Value {
        let first = table.position.line.max(1);
        let mut at = (first..)
            .zip(self.lines.iter().skip(first - 1))
            .filter(|(_, line)| line.trim_start().starts_with('|'))
            .map(|(at, _)| at);
        let places: Vec<usize> = table
            .rows
            .iter()
            .map(|_| at.next().unwrap_or(first))
            .collect();
        let rows: Vec<Value> = table
            .rows
            .iter()
            .zip(places)
            .map(|(row, line)| self.row(row, line))
            .collect();
        json!({"location": {"line": first}, "rows": rows})
    }

    /// The head and the rows of examples; a row is at the line its scenario is known by.
    pub(super) fn rows(&mut self, block: &Examples) -> (Option<Value>, Vec<(usize, Value)>) {
        let Some((head, body)) = block.table.as_ref().and_then(|t| t.rows.split_first()) else {
            return (None, Vec::new());
        };
        let first = block.position.line + 1;
        let header = self.row(head, first);
        let body = body
            .iter()
            .zip(first + 1..)
            .map(|(row, line)| (line, self.row(row, line)))
            .collect();
        (Some(header), body)
    }

    fn row(&mut self, cells: &[String], line: usize) -> Value {
        let cells: Vec<Value> = cells
            .iter()
            .map(|cell| json!({"location": {"line": line}, "value": cell}))
            .collect();
        json!({"id": self.ids.next(), "location": {"line": line}, "cells": cells})
    }

    /// The tags of what begins at a line: they stand on the lines above it.
    pub(super) fn tags<'t>(
        &mut self,
        names: &'t [String],
        keyword: usize,
    ) -> (Vec<Value>, Inherited<'t, String>) {
        let mut values = Vec::new();
        let mut found = Vec::new();
        for name in names {
            let written = format!("@{name}");
            let above = (1..keyword).rev().map(|at| (at, self.lines.get(at - 1)));
            let line = above
                .take_while(|(_, line)| {
                    line.is_some_and(|l| l.trim().is_empty() || l.trim().starts_with(['@', '#']))
                })
                .find(|(_, line)| {
                    line.is_some_and(|l| l.split_whitespace().any(|word| word == written))
                })
                .map_or(keyword, |(at, _)| at);
            let id = self.ids.next();
            values.push(json!({"id": id, "name": written, "location": {"line": line}}));
            found.push((id, name));
        }
        (values, found)
    }
}
