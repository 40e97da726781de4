//! The arguments of `run` and `report` about signing.

use bootproof_record::problem::Problem;
use bootproof_record::secret;
use bootproof_report::attest::{self, Signer, sign_folder};
use bootproof_report::files::{self, REPORT_HTML, REPORT_PDF, RUN_JSON};
use bootproof_report::merge::Report;
use bootproof_report::reading;
use camino::Utf8PathBuf;
use clap::Args;

use super::settings::Settings;
use crate::error::CliError;
use crate::output::print_error;

/// The key, and what else is signed.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// Sign with this private key (PEM): ECDSA P-256, plain or as cosign encrypts it
    #[arg(long = "sign", value_name = "KEY", env = "BOOTPROOF_SIGN")]
    key: Option<Utf8PathBuf>,
    /// The password of that key [default: BOOTPROOF_SIGN_PASSWORD or COSIGN_PASSWORD]
    #[arg(
        long = "sign-password-file",
        value_name = "FILE",
        env = "BOOTPROOF_SIGN_PASSWORD_FILE"
    )]
    password_file: Option<Utf8PathBuf>,
    /// Where the report can be read; it is part of what is signed
    #[arg(long, value_name = "URL", env = "BOOTPROOF_REPORT_URL")]
    report_url: Option<String>,
}

impl Sign {
    /// Reads the key that the flag, the variable or the setting names.
    ///
    /// # Errors
    /// When it is not a key, or cannot be decrypted.
    pub(crate) fn signer(&self, settings: &Settings) -> Result<Option<Signer>, CliError> {
        let path = |flag: &Option<Utf8PathBuf>, setting: &Option<String>| {
            flag.clone().or_else(|| setting.clone().map(Into::into))
        };
        let password = path(&self.password_file, &settings.sign_password_file);
        let Some(key) = path(&self.key, &settings.sign) else {
            if password.is_some() {
                let problem = Problem::new(
                    "--sign-password-file",
                    "belongs to --sign, which is not given",
                );
                return Err(problem.help("add --sign KEY").into());
            }
            return Ok(None);
        };
        let password = attest::read_password(password.as_deref())?;
        Ok(Some(attest::read_private_key(&key, password.as_ref())?))
    }

    /// The report's address, without the password in it.
    ///
    /// # Errors
    /// When it is not an address.
    pub(crate) fn url(&self, settings: &Settings) -> Result<Option<String>, CliError> {
        let url = self.report_url.as_ref().or(settings.report_url.as_ref());
        secret::register_addresses(url);
        match url {
            Some(url) if !url.contains("://") || url.contains(char::is_whitespace) => {
                let problem = Problem::new("--report-url", format!("{url:?} is not an address"));
                Err(problem
                    .help("an example: https://ci.example.com/runs/7/report.html")
                    .into())
            }
            url => Ok(url.map(|url| secret::redact(url))),
        }
    }

    /// What is signed by `report`: the one run that is rendered.
    ///
    /// # Errors
    /// When the key is none, or several runs are to be signed as one.
    pub(crate) fn ready(
        &self,
        settings: &Settings,
        runs: &[Utf8PathBuf],
    ) -> Result<Option<Ready>, CliError> {
        let Some(signer) = self.signer(settings)? else {
            return Ok(None);
        };
        let [out] = runs else {
            let problem = Problem::new(
                "--sign",
                "a report of several runs has no record of its own",
            );
            return Err(problem
                .help("sign each run: `bootproof report --sign KEY DIR`")
                .into());
        };
        Ok(Some(Ready {
            signer,
            url: self.url(settings)?,
            out: out.clone(),
        }))
    }
}

/// A run to sign, and the key.
#[derive(Debug)]
pub(crate) struct Ready {
    signer: Signer,
    url: Option<String>,
    out: Utf8PathBuf,
}

impl Ready {
    /// Signs it, and says what was signed and what was not; `printed` says that its `report.pdf` was made just now.
    ///
    /// # Errors
    /// When its record is not whole, a report beside it is not made of it, or a file cannot be written.
    pub(crate) fn sign(&self, printed: bool) -> Result<(), CliError> {
        self.check_rendered(printed)?;
        let signed = sign_folder(&self.out, &self.signer, self.url.as_deref());
        let signed = signed.map_err(CliError::failure)?;
        for result in &signed.results {
            print_error(&format!(
                "signed: {} {}@{}",
                result.outcome.as_str(),
                result.candidate.reference,
                result.candidate.digest
            ));
        }
        for why in &signed.withheld {
            print_error(&format!("not signed: {why}"));
        }
        print_error(&format!(
            "signed: the record and the report of {}",
            self.out
        ));
        Ok(())
    }

    /// The files that are signed as the run's report must be rendered from its record.
    fn check_rendered(&self, printed: bool) -> Result<(), CliError> {
        let report = Report::of(reading::read_run(&self.out)?);
        let other = |name: &&str| files::is_outdated(&report, &self.out, name);
        if let Some(name) = [RUN_JSON, REPORT_HTML].into_iter().find(other) {
            let path = self.out.join(name);
            let problem = Problem::new(path.as_str(), "was not rendered from the record");
            let help = format!("render it anew: `bootproof report --sign KEY {}`", self.out);
            return Err(problem.help(help).into());
        }
        let pdf = self.out.join(REPORT_PDF);
        if pdf.exists() && !printed {
            let problem = Problem::new(
                pdf.as_str(),
                "would be signed, and may not be that of this record",
            );
            return Err(problem.help("add --pdf, or remove it").into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_reports_address_is_not_signed() {
        let sign = Sign {
            key: None,
            password_file: None,
            report_url: Some("https://me:a-long-password-0042@ci.example.com/7".to_owned()),
        };
        let url = sign.url(&Settings::default()).unwrap().unwrap();
        assert!(!url.contains("a-long-password-0042"), "{url}");
        assert!(url.ends_with("@ci.example.com/7"), "{url}");
    }
}
