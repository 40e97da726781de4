//! `bootproof doctor`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use bootproof_harness::host::{HostReport, ProbeOptions, Status, probe, sweep_probes};
use bootproof_record::{RunId, Verdict};
use bootproof_report::paint::Paint;
use clap::Args;

use super::build_runtime;
use super::choice::TierChoice;
use super::format::{Format, FormatArgs, print_json};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;
use crate::run::stop;

/// The arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The required tier: exit 3 when this host cannot run it [default: any but static]
    #[arg(long, value_name = "TIER", value_enum, env = "BOOTPROOF_REQUIRE")]
    require: Option<TierChoice>,
    /// Probe KVM and the browser again, even if they were probed since the host's boot
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl Doctor {
    /// Probes the host and prints what it can run.
    ///
    /// # Errors
    /// When the host cannot be probed.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let options = ProbeOptions {
            fresh: self.fresh,
            id: Some(RunId::random().map_err(CliError::failure)?),
            ..ProbeOptions::default()
        };
        let probed = build_runtime()?.block_on(async {
            let (sender, stop) = stop::channel();
            stop::listen(sender)?;
            tokio::select! {
                report = probe(&options) => report.map(Some).map_err(CliError::failure),
                _ = stop.requested(1) => {
                    sweep_probes(&options).await.map_err(CliError::failure)?;
                    Ok(None)
                }
            }
        })?;
        let Some(report) = probed else {
            return Ok(Exit::Interrupted);
        };
        match self.format.format {
            Format::Json => drop(print_json(&report)?),
            Format::Text => {
                let paint = Paint::of(std::io::stdout().is_terminal());
                print(text(&report, paint).trim_end());
            }
        }
        let can = match self.require {
            Some(tier) => report.can(tier.into()).is_ok(),
            // A host that can only check statically runs nothing.
            None => report.tiers().len() > 1,
        };
        Ok(if can { Exit::Passed } else { Exit::Error })
    }
}

fn text(report: &HostReport, paint: Paint) -> String {
    let mut text = String::new();
    let wide = report
        .checks
        .iter()
        .map(|c| c.name.len())
        .max()
        .unwrap_or(0);
    for check in &report.checks {
        let (word, verdict) = match check.status {
            Status::Ok => ("ok", Verdict::Passed),
            Status::Warn => ("warn", Verdict::Blocked),
            Status::Missing => ("missing", Verdict::Failed),
        };
        let word = paint.verdict(verdict, &format!("{word:<7}"));
        let fix = check
            .fix
            .as_ref()
            .map_or_else(String::new, |fix| format!(" → {fix}"));
        let _ = writeln!(text, "{word} {:<wide$}  {}{fix}", check.name, check.found);
    }
    text.push('\n');
    for tier in &report.tiers {
        let name = tier.tier.to_string();
        let _ = match &tier.why {
            None => writeln!(text, "{} {name}", paint.verdict(Verdict::Passed, "can    ")),
            Some(why) => writeln!(
                text,
                "{} {name}: {why}",
                paint.verdict(Verdict::Failed, "cannot ")
            ),
        };
    }
    let _ = writeln!(
        text,
        "\nmachines run by {}: {}",
        report.accel.as_str(),
        report.accel_reason
    );
    text
}
