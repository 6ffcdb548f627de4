//! Different methods for the parts of a fused tensor.

use super::prelude::*;
use super::resolve;
use crate::call::Call;
use std::collections::BTreeMap;

/// A method for each part of a fused or stacked tensor: `parts(q=lecun, k=lecun, v="normal(std=0.01)")`.
///
/// Recipes tell queries, keys and values apart, or gate and up; where a model keeps them in one tensor, this is what comes
/// of it. Each argument is the label of a part and its value a call, in quotes where it has arguments; `other` is for the
/// parts that are not named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parts(BTreeMap<String, String>);

impl Method for Parts {
    const ABOUT: About = About {
        name: "parts",
        formula: "each part of a fused tensor by a call of its own",
        source: Source { authors: "fanin", year: 2026, at: "fused and separate weights get the same values", place: "docs/recipes.md" },
        when: "For q, k and v in one matrix that are to differ.",
        spellings: &[],
        cases: &[
            Case::std("parts(q=lecun, other=he)", &[10, 50], Axes::linear, 0.2, "not a part of that name: √(2/50)"),
            Case::std("parts(other=\"normal(std=0.5)\")", &[4, 4], Axes::linear, 0.5, "by definition"),
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let label = param.place.part.rsplit('.').next().unwrap_or_default();
        let Some(call) = self.0.get(label).or_else(|| self.0.get("other")) else {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            return Err(Refusal::new(
                format!("there is no call for its part `{label}`"),
                format!("one of {}", known.join(", ")),
                "Add the part, or `other`.",
            ));
        };
        let call: Call = call.parse()?;
        if call.dialect.is_none() && call.name == Parts::ABOUT.name {
            return Err(Refusal::new("`parts` within `parts`", "a method that draws", "Name that method itself."));
        }
        resolve(&call)?.method.law(param)
    }
}
