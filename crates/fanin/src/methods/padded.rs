//! A table with a row of zeros.

use super::matrix::{table, whole};
use super::prelude::*;
use crate::structure::ZeroRow;

/// A table of rows by another method, with one row of zeros: that of the padding symbol of an embedding.
///
/// The other rows have the values that they have without it. A negative row counts from the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Padded {
    /// The call that fills the table, in quotes if it has arguments: `padded(of="normal(std=0.02)", row=1)`.
    pub of: String,
    /// Which row is zero; none if left out.
    pub row: Option<i64>,
}

impl Default for Padded {
    fn default() -> Padded {
        Padded { of: "normal".to_owned(), row: None }
    }
}

impl Method for Padded {
    const ABOUT: About = About {
        name: "padded",
        formula: "w[row] = 0, the other rows by another method",
        source: Source { authors: "PyTorch", year: 2017, at: "torch.nn.Embedding", place: "its argument `padding_idx`" },
        when: "For an embedding with a padding symbol.",
        spellings: &[
            Spelling::same("padding_idx", "padded"),
            Spelling::of("torch", "nn.Embedding", "padded(of=\"normal(std=1)\")", &[("padding_idx", "row")])
                .noting("N(0, 1) whatever the width, which is large for tied embeddings and pre-norm transformers"),
            Spelling::of("torch", "nn.EmbeddingBag", "padded(of=\"normal(std=1)\")", &[("padding_idx", "row")]),
            Spelling::of("hf", "nn.Embedding", "padded(of=\"normal(std=0.02)\")", &[("padding_idx", "row")])
                .noting("`initializer_range` there; 0 becomes 0.02, since the code says `or 0.02`"),
            Spelling::of("fairseq", "Embedding", "padded(of=\"lecun(fan=out)\")", &[("padding_idx", "row")])
                .noting("N(0, 1/width)"),
        ],
        cases: &[
            Case { call: "padded(row=1)", shape: &[4, 8], axes: Axes::matmul, role: crate::role::Role::Embedding, part: "", expect: Expect::Std(0.017320508075688773), witness: "3 rows of 4 at 0.02" },
            Case { call: "fairseq:Embedding(padding_idx=-1)", shape: &[2, 16], axes: Axes::matmul, role: crate::role::Role::Embedding, part: "", expect: Expect::Std(0.1767766952966369), witness: "one row of two at ¼" },
            Case { call: "hf:nn.Embedding", shape: &[4, 8], axes: Axes::matmul, role: crate::role::Role::Embedding, part: "", expect: Expect::Std(0.02), witness: "no padding" },
            Case { call: "torch:nn.EmbeddingBag(padding_idx=0)", shape: &[5, 8], axes: Axes::matmul, role: crate::role::Role::Embedding, part: "", expect: Expect::Std(0.8944271909999159), witness: "4 rows of 5" },
        ],
    };

    fn law(&self, param: &Param) -> Result<Law, Refusal> {
        let law = law_of(&self.of, param)?;
        let Some(row) = self.row else { return Ok(law) };
        let layout = table(param)?;
        let rows = layout.rows() as i64;
        let found = if row < 0 { row + rows } else { row };
        if found < 0 || found >= rows {
            let expected = format!("one of the table's {rows} rows, from {} to {}", -rows, rows - 1);
            return Err(Refusal::new(format!("`row` is {row}"), expected, "Change that argument."));
        }
        Ok(whole(ZeroRow::new(&param.shape, law, found as u64)?))
    }
}
