//! Output layers that are the table of symbols. A wider table holds every unit of the stream as often as the stream does, and since
//! the stream begins with its rows these cannot be shared: the scores would count each copy. The norm in front of the output
//! layer shares instead, so that the tie stays and the scores do.

use super::{Options, Wider};
use crate::fit::{Map, Step};
use crate::param::Param;
use crate::role::Role;
use crate::site::Site;

/// A table of symbols that makes the output too, and the norm that the output reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TiedHead {
    /// The table's name.
    pub(super) table: String,
    /// Scale and shift of the norm; empty where none is known to stand there.
    norm: Vec<usize>,
}

/// The table of a model that is its output layer, too.
pub(super) fn table(params: &[Param]) -> Option<usize> {
    let ties = |param: &Param, table: &Param| {
        let tied = param.place.tied.as_ref().is_some_and(|tied| tied.value.to == table.name);
        tied && matches!(param.role.value, Role::Weight)
    };
    let is_output = |table: &Param| {
        let wide = table.role.value == Role::Embedding && table.shape.len() == 2;
        wide && (table.place.output || params.iter().any(|param| ties(param, table)))
    };
    params.iter().position(is_output)
}

pub(super) fn find(params: &[Param]) -> Option<TiedHead> {
    let table = &params[table(params)?];
    let is_norm = |param: &Param, role: Role| {
        let inside = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        let numbered =
            param.place.block.is_some() || param.place.consumer.is_none() && param.name.split(['.', '/']).any(inside);
        let outside = !numbered && !param.name.to_ascii_lowercase().contains("embed");
        // What a norm adds to its scale is not shared with it.
        param.role.value == role && outside && param.shape == table.shape[1..] && param.place.offset == 0.0
    };
    let scales: Vec<usize> = (0..params.len()).filter(|&i| is_norm(&params[i], Role::Scale)).collect();
    let decodes = |&&i: &&usize| params[i].name.contains("decoder");
    let last = if scales.iter().all(|&i| params[i].place.consumer.is_some()) {
        scales.iter().max_by_key(|&&i| params[i].place.consumer)
    } else {
        let decoders: Vec<&usize> = scales.iter().filter(decodes).collect();
        match (&scales[..], &decoders[..]) {
            ([one], _) => Some(one),
            (_, [one]) => Some(*one),
            _ => None,
        }
    };
    let stem = |param: &Param| param.name.rfind(['.', '/']).map(|at| param.name[..at].to_owned());
    let beside = |scale: &Param, shift: &Param| {
        let node = scale.place.consumer.is_some() && scale.place.consumer == shift.place.consumer;
        is_norm(shift, Role::Shift) && (node || stem(scale) == stem(shift))
    };
    let norm = last.map_or_else(Vec::new, |&scale| {
        let shift = (0..params.len()).find(|&i| beside(&params[scale], &params[i]));
        std::iter::once(scale).chain(shift).collect()
    });
    Some(TiedHead { table: table.name.clone(), norm })
}

impl TiedHead {
    /// Makes the copies of a unit share what the norm gives, if this is the norm. Says so, or nothing.
    pub(super) fn share(&self, index: usize, steps: &mut [Step]) -> Option<String> {
        let mut shared = false;
        for step in steps.iter_mut().filter(|_| self.norm.contains(&index)) {
            if let Step::Along { map: Map::Repeat { share, .. }, .. } = step {
                (*share, shared) = (true, true);
            }
        }
        shared.then(|| {
            format!("shared by the copies, since `{}` is the output layer too and counts them all", self.table)
        })
    }

    /// What is lost where the table became wider and nothing shares its copies.
    pub(super) fn warning(&self, from: &[u64], to: &[u64], options: &Options) -> Option<String> {
        let wider = matches!(options.wider, Wider::Net2net | Wider::Aki);
        (wider && self.norm.is_empty() && from.get(1) < to.get(1)).then(|| {
            format!(
                "`{}` is the output layer too and counts every copy of a unit: the outputs are not those of the source, \
                 since no norm is known to stand in front of it that could share them",
                self.table
            )
        })
    }
}

/// The table as the output layer that another model has for itself.
pub(super) fn as_head(source: &Param, target: &Param) -> Option<Param> {
    let head = target.role.value == Role::Weight && target.sites() == [Site::Head];
    (head && source.role.value == Role::Embedding && source.shape.len() == 2).then(|| {
        let mut head = source.clone();
        (head.role, head.axes) = (target.role.clone(), target.axes.clone());
        // Rows are symbols, which are outputs.
        if let Some(axes) = &mut head.axes {
            axes.value.dims = vec![crate::axes::Axis::Out, crate::axes::Axis::In];
        }
        head
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convention;
    use crate::dtype::Dtype;

    fn params(names: &[(&str, &[u64])]) -> Vec<Param> {
        let tensors: Vec<_> =
            names.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), Dtype::F32)).collect();
        convention::params(&tensors)
    }

    const GPT: [(&str, &[u64]); 7] = [
        ("wte.weight", &[64, 8]),
        ("wpe.weight", &[16, 8]),
        ("h.0.ln_1.weight", &[8]),
        ("h.0.mlp.c_fc.weight", &[8, 32]),
        ("h.0.mlp.c_proj.weight", &[32, 8]),
        ("ln_f.weight", &[8]),
        ("ln_f.bias", &[8]),
    ];

    #[test]
    fn the_norm_in_front_of_a_tied_output_shares() {
        let mut list = params(&GPT);
        assert_eq!(find(&list), None, "nothing says that the table is the output");
        list[0].place.output = true;
        let found = find(&list).unwrap();
        assert_eq!(found, TiedHead { table: "wte.weight".into(), norm: vec![5, 6] });
        let repeat = |share| Step::Along { axis: 0, map: Map::Repeat { to: 16, share } };
        let mut steps = [repeat(false)];
        assert_eq!(found.share(2, &mut steps), None);
        assert!(found.share(6, &mut steps).is_some() && steps == [repeat(true)]);
        let net2net = Options { wider: Wider::Net2net, ..Options::default() };
        assert_eq!(found.warning(&[64, 8], &[64, 16], &net2net), None);
        let bare = TiedHead { norm: Vec::new(), ..found };
        assert!(bare.warning(&[64, 8], &[64, 16], &net2net).is_some_and(|text| text.contains("counts every copy")));
        assert_eq!(bare.warning(&[64, 8], &[64, 8], &net2net), None);
        assert_eq!(bare.warning(&[64, 8], &[64, 16], &Options::default()), None);
    }

    #[test]
    fn a_norm_that_adds_to_its_scale_or_is_one_of_several_does_not() {
        let mut list = params(&GPT);
        list[0].place.output = true;
        list[5].place.offset = 1.0;
        assert_eq!(find(&list).unwrap().norm, [0usize; 0]);
        let two = [&GPT[..], &[("norm.weight", &[8][..])]].concat();
        let mut list = params(&two);
        list[0].place.output = true;
        assert_eq!(find(&list).unwrap().norm, [0usize; 0]);
    }
}
