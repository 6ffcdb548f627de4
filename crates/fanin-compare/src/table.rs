//! [`csv`]: one line for each run, for whoever has statistics of his own.

use crate::error::Error;
use crate::store::Store;
use std::fmt::Write as _;

/// All outcomes that are there, with a line of headers.
///
/// # Errors
/// If the folder cannot be read.
pub fn csv(store: &Store) -> Result<String, Error> {
    let mut text = String::from(
        "id,case,model,data,strategy,seed,optimizer,rate,batch,steps,train_loss,train_accuracy,validation_loss,\
         validation_accuracy,test_loss,test_accuracy,diverged_at,seconds,plan\n",
    );
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for cell in store.cells()? {
        let id = cell.id();
        let Some(Ok(run)) = store.get(&id)? else { continue };
        let validation = run.validation.unwrap_or_default();
        let optimizer = cell.training.optimizer.to_string();
        let names = [&cell.case, &cell.model, &cell.data, &cell.strategy.name].map(|name| quoted(name));
        let _ = writeln!(
            text,
            "{id},{},{},{},{},{},{},{},{},{},{},{},{}",
            names.join(","),
            cell.seed,
            quoted(&optimizer),
            cell.training.rate,
            cell.training.batch,
            run.steps,
            [run.train.loss, run.train.accuracy, validation.loss, validation.accuracy].map(number).join(","),
            number(run.test.loss),
            number(run.test.accuracy),
            run.diverged.map_or_else(String::new, |step| step.to_string()),
            run.seconds,
            run.plan,
        );
    }
    Ok(text)
}

/// A field of a CSV file, by RFC 4180.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_are_quoted() {
        assert_eq!(quoted("he"), "he");
        assert_eq!(quoted("he(fan=out, gain=1)"), "\"he(fan=out, gain=1)\"");
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
