//! A `NodeProto`: operator, inputs, outputs, attributes, and the module path that exporters leave on it.

use super::attribute;
use super::literal;
use super::schema::{entry, node};
use super::tensor::text;
use super::wire::{Field, Fields, Payload};
use crate::error::Problem;
use fanin::graph::{Attribute, Node};
use std::ops::Range;

/// Where PyTorch's exporter leaves the path of the module, as a Python list: `['', 'layers.0', 'linear']`.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// A node as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct RawNode<'a> {
    pub(super) frame: usize,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) op: &'a str,
    pub(super) attributes: Vec<RawAttribute<'a>>,
    name: &'a str,
    domain: &'a str,
    scope: Option<String>,
}

/// An attribute and its field.
#[derive(Debug)]
pub(super) struct RawAttribute<'a> {
    pub(super) field: Field,
    pub(super) raw: attribute::Raw<'a>,
}

/// Reads the node that is `body` of `file`.
pub(super) fn parse(file: &[u8], frame: usize, body: Range<usize>) -> Result<RawNode<'_>, Box<Problem>> {
    let mut raw = RawNode { frame, ..RawNode::default() };
    for field in Fields::new(file, body) {
        let field = field?;
        if field.payload != Payload::Bytes {
            continue;
        }
        match field.number {
            node::INPUT => raw.inputs.push(text(file, &field.body)?),
            node::OUTPUT => raw.outputs.push(text(file, &field.body)?),
            node::NAME => raw.name = text(file, &field.body)?,
            node::OP_TYPE => raw.op = text(file, &field.body)?,
            node::DOMAIN => raw.domain = text(file, &field.body)?,
            node::ATTRIBUTE => {
                let index = raw.attributes.len();
                let attribute = attribute::parse(file, field.body.clone());
                let attribute = attribute.map_err(|p| p.within(&format!("attribute[{index}]")))?;
                raw.attributes.push(RawAttribute { field, raw: attribute });
            }
            node::METADATA => {
                let (mut key, mut value) = ("", "");
                for field in Fields::new(file, field.body) {
                    let field = field?;
                    match (field.number, &field.payload) {
                        (entry::KEY, Payload::Bytes) => key = text(file, &field.body)?,
                        (entry::VALUE, Payload::Bytes) => value = text(file, &field.body)?,
                        _ => {}
                    }
                }
                if key == SCOPES {
                    raw.scope = module_path(value);
                }
            }
            _ => {}
        }
    }
    Ok(raw)
}

/// The module that a node comes from: the last but one of the scopes, the last being the operation itself.
fn module_path(list: &str) -> Option<String> {
    let inner = list.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut parts = inner.split(',').map(|part| part.trim().trim_matches(['\'', '"'])).rev();
    parts.nth(1).filter(|path| !path.is_empty()).map(str::to_owned)
}

impl RawNode<'_> {
    /// Whether this is the operator `op` of the standard set.
    pub(super) fn is(&self, op: &str) -> bool {
        self.op == op && matches!(self.domain, "" | "ai.onnx")
    }

    /// The node as the graph knows it, without its edges and bodies.
    pub(super) fn to_node(&self, file: &[u8]) -> Node {
        let attribute = |a: &RawAttribute| match a.raw.tensors.as_slice() {
            // What a `Constant` holds is a value of the graph, however large.
            [tensor] if !self.is("Constant") => literal::read(file, tensor).map_or(Attribute::Other, Attribute::Tensor),
            _ => a.raw.to_attribute(),
        };
        let attributes = self.attributes.iter().map(|a| (a.raw.name.to_owned(), attribute(a))).collect();
        Node {
            name: self.name.to_owned(),
            op: self.op.to_owned(),
            domain: if self.domain == "ai.onnx" { String::new() } else { self.domain.to_owned() },
            attributes,
            scope: self.scope.clone(),
            ..Node::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::module_path;

    #[test]
    fn the_module_path_is_the_last_but_one_scope() {
        assert_eq!(module_path("['', 'layers.0', 'layers.0.attn', 'linear']").as_deref(), Some("layers.0.attn"));
        assert_eq!(module_path("['', 'linear']"), None);
        assert_eq!(module_path("['linear']"), None);
        assert_eq!(module_path("nothing"), None);
    }
}
