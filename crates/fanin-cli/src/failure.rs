//! How a run ends: messages on standard error, and the exit code that scripts rely on.

use std::fmt;
use std::io;

/// What a run found: nothing to complain about, or findings (exit code 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Fine,
    Findings,
}

/// A plan or a call that was refused although the error is not one of [`fanin::Error`].
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Prints what went wrong and gives the exit code: 0 fine, 1 findings, 2 refused, 3 file error.
#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
pub(crate) fn report(result: anyhow::Result<Outcome>, json: bool) -> u8 {
    let error = match result {
        Ok(Outcome::Fine) => return 0,
        Ok(Outcome::Findings) => return 1,
        Err(error) => error,
    };
    // A closed pipe (`fanin plan … | head`) is how a reader says that it has seen enough.
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return 0;
    }
    let code = code(&error);
    let message = message(&error);
    if json {
        eprintln!("{}", serde_json::json!({ "error": message, "code": code }));
    } else {
        eprintln!("error: {message}");
    }
    code
}

/// The error with its causes, as far as it does not tell them itself.
fn message(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

fn code(error: &anyhow::Error) -> u8 {
    let refused = |e: &(dyn std::error::Error + 'static)| {
        e.is::<fanin::Error>()
            || e.is::<fanin::Refusal>()
            || e.is::<Refused>()
            || e.is::<fanin_engine::Error>()
            || is_refusal(e)
    };
    match error.downcast_ref::<fanin_model::FileError>() {
        Some(fanin_model::FileError::Values(_) | fanin_model::FileError::Architecture(_)) => 2,
        None if error.chain().any(refused) => 2,
        Some(_) | None => 3,
    }
}

/// Whether a failure of the crates that join others is a refusal of one of these.
fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    use fanin_network::Error as Network;
    let network = |error: &Network| matches!(error, Network::Plan(_) | Network::Refused(_));
    match (error.downcast_ref::<fanin_compare::Error>(), error.downcast_ref::<Network>()) {
        (Some(fanin_compare::Error::Refused(_)), _) => true,
        (Some(fanin_compare::Error::Network(inner)), _) => network(inner),
        (_, Some(inner)) => network(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || Err::<(), _>(io::Error::other("the disk is full"));
        assert_eq!(message(&cause().context("plan p").unwrap_err()), "plan p: the disk is full");
        assert_eq!(
            message(&cause().context("p: the disk is full. Make room.").unwrap_err()),
            "p: the disk is full. Make room."
        );
    }
}
