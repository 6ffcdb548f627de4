//! Whether a method is what its paper says or what its authors' code does, where the two differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The paper's formula or that of the authors' code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As the paper says.
    #[default]
    Paper,
    /// As the code does.
    Code,
}
