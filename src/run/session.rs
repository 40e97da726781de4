//! One run from its first event to its last, with everything on the host swept in between.

use bootproof_harness::host::{ProbeOptions, sweep_probes};
use bootproof_harness::ledger::Ledger;
use bootproof_harness::podman::Podman;
use bootproof_harness::run::Dirs;
use bootproof_harness::sweep::sweep;
use bootproof_record::RunId;

use super::prepare::{Host, prepare};
use super::request::RunRequest;
use super::stop;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_error;

/// Does the run; the exit code is that of the process.
///
/// # Errors
/// When it cannot be prepared.
pub(crate) async fn run(request: RunRequest) -> Result<Exit, CliError> {
    let id = RunId::random().map_err(CliError::failure)?;
    let (cache, state) = (Dirs::default_cache(), Dirs::default_state());
    let (sender, stop) = stop::channel();
    stop::listen(sender.clone())?;
    let ledger = Ledger::open(&state, &id).map_err(CliError::failure)?;
    let podman = Podman::set_up(&cache).map_err(CliError::failure)?;
    let probe = ProbeOptions {
        id: Some(RunId::random().map_err(CliError::failure)?),
        ..ProbeOptions::default()
    };
    let host = Host {
        cache,
        state,
        ledger: ledger.clone(),
        probe,
    };
    let prepared = tokio::select! {
        prepared = prepare(&request, &id, &host) => prepared.map(Some),
        _ = stop.requested(1) => Ok(None),
    };
    let result = match prepared {
        Ok(Some(prepared)) => prepared.execute(request, &podman, sender, stop).await,
        Ok(None) => {
            if let Err(error) = sweep_probes(&host.probe).await {
                print_error(&format!("error: {error}"));
            }
            sweep(&ledger, &podman).await;
            Ok(Exit::Interrupted)
        }
        Err(error) => {
            sweep(&ledger, &podman).await;
            Err(error)
        }
    };
    ledger.close().map_err(CliError::failure)?;
    result
}
