//! `fanin digest`: fingerprints that do not depend on layout or file format.

use crate::args::Digest;
use crate::failure::Outcome;
use fanin::Region;
use fanin::digest::Digest as Sum;
use fanin_model::Model;
use std::io::Write as _;

pub(crate) fn run(options: &Digest, json: bool) -> anyhow::Result<Outcome> {
    let mut out = std::io::stdout().lock();
    for path in &options.models {
        let model = fanin_model::open(path)?;
        let lines = tensors(model.as_ref())?;
        let total: Sum = lines.iter().filter_map(|(_, digest)| *digest).sum();
        if json {
            let tensors: serde_json::Map<_, _> =
                lines.iter().map(|(name, digest)| (name.clone(), digest.map(|d| d.to_string()).into())).collect();
            writeln!(out, "{}", serde_json::json!({ "model": path, "digest": total.to_string(), "tensors": tensors }))?;
            continue;
        }
        if options.full {
            for (name, digest) in &lines {
                writeln!(out, "{}  {name}", digest.map_or_else(|| "-".repeat(32), |d| d.to_string()))?;
            }
        }
        writeln!(out, "{total}  {}", path.display())?;
    }
    Ok(Outcome::Fine)
}

/// The digest of every tensor; `None` where the data is missing.
fn tensors(model: &dyn Model) -> anyhow::Result<Vec<(String, Option<Sum>)>> {
    let mut lines = Vec::new();
    for (i, param) in model.params().iter().enumerate() {
        let digest = match model.bytes(i)? {
            Some(bytes) => Some(Sum::of(&param.name, param.dtype, &param.shape, &Region::All, &bytes)?),
            None => None,
        };
        lines.push((param.name.clone(), digest));
    }
    Ok(lines)
}
