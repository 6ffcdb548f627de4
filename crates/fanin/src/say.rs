//! [`Say`]: what a person says about parameters, where a file does not: `'up.*.weight=stride:4'`.

use crate::axes::{Axes, Axis, Block, Cut};
use crate::doubt::About;
use crate::error::Refusal;
use crate::gain::Activation;
use crate::graph::Follows;
use crate::known::Known;
use crate::param::Param;
use crate::role::Role;
use crate::tied::{Form, Tied};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use wildmatch::WildMatch;

/// Facts about the parameters whose names have a form.
///
/// As text it is `GLOB=FACT FACT …`, each fact a word, a colon and a value:
///
/// | fact | means |
/// |---|---|
/// | `role:bias` | what it is for |
/// | `axes:out,in,field,field` | what each dimension means: `in`, `out`, `field`, `stack` |
/// | `groups:4` | groups of a convolution |
/// | `transposed:yes` | a transposed convolution: the groups divide the outputs, a stride the fan-in |
/// | `stride:4` | product of the strides of a transposed convolution |
/// | `blocks:q,k,v` or `blocks:q=8,k=2,v=2` | blocks fused along its outputs, equal or of these sizes in one repeat |
/// | `repeat:12` | how often the blocks take turns: the number of heads, where each has its own q, k and v |
/// | `tied:NAME`, `tied:no` | whose values it has; `b.*=tied:a.*` of a whole module |
/// | `follows:relu` | the activation after it |
/// | `offset:1` | what the computation adds to what is stored: 1 for a norm that multiplies by 1 + w |
///
/// # Example
/// ```
/// use fanin::{Dtype, Say, convention};
/// let mut params = convention::params(&[("up.weight".to_owned(), vec![64, 32, 4, 4], Dtype::F32)]);
/// let say: Say = "up.*=axes:in,out,field,field transposed:yes stride:4".parse()?;
/// assert!(say.apply(&mut params[0])?);
/// assert_eq!(params[0].fan(fanin::Fan::In, fanin::Count::True)?, 256.0); // 64·16 / 4
/// # Ok::<(), fanin::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Say {
    /// The form of the names (`*` and `?`).
    pub names: String,
    facts: Vec<Fact>,
}

#[derive(Clone, Debug, PartialEq)]
enum Fact {
    Role(Role),
    Axes(Vec<Axis>),
    Groups(u64),
    Transposed(bool),
    Stride(u64),
    Blocks(Vec<(String, Option<u64>)>),
    Repeat(u64),
    Tied(Option<String>),
    Follows(Activation),
    Offset(f64),
}

/// The words of [`Fact`]s, for messages.
const WORDS: &str = "role, axes, groups, transposed, stride, blocks, repeat, tied, follows or offset";

impl FromStr for Say {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Say, Refusal> {
        let wrong = |wrong: String, expected: &str| {
            Refusal::new(wrong, expected, "Write for instance `--say 'up.*.weight=stride:4'`.")
                .of("", &format!("--say '{text}'"))
        };
        let (names, facts) =
            text.split_once('=').ok_or_else(|| wrong("there is no `=`".to_owned(), "NAME=FACT:VALUE"))?;
        let fact = |word: &str| {
            let (what, value) = word.split_once(':').unwrap_or((word, ""));
            Fact::read(what, value).map_err(|expected| wrong(format!("`{word}` is no fact"), &expected))
        };
        let facts: Vec<Fact> = facts.split_whitespace().map(fact).collect::<Result<_, _>>()?;
        if facts.is_empty() {
            return Err(wrong("nothing is said".to_owned(), WORDS));
        }
        Ok(Say { names: names.trim().to_owned(), facts })
    }
}

impl TryFrom<String> for Say {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Say, Refusal> {
        text.parse()
    }
}

impl From<Say> for String {
    fn from(say: Say) -> String {
        say.to_string()
    }
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.names)?;
        for (i, fact) in self.facts.iter().enumerate() {
            write!(f, "{}{fact}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |words: Vec<String>| words.join(",");
        match self {
            Fact::Role(role) => write!(f, "role:{role}"),
            Fact::Axes(axes) => {
                write!(f, "axes:{}", list(axes.iter().map(|axis| format!("{axis:?}").to_lowercase()).collect()))
            }
            Fact::Groups(n) => write!(f, "groups:{n}"),
            Fact::Transposed(yes) => write!(f, "transposed:{}", if *yes { "yes" } else { "no" }),
            Fact::Stride(n) => write!(f, "stride:{n}"),
            Fact::Blocks(blocks) => {
                let block = |(label, size): &(String, Option<u64>)| match size {
                    Some(size) => format!("{label}={size}"),
                    None => label.clone(),
                };
                write!(f, "blocks:{}", list(blocks.iter().map(block).collect()))
            }
            Fact::Repeat(n) => write!(f, "repeat:{n}"),
            Fact::Tied(to) => write!(f, "tied:{}", to.as_deref().unwrap_or("no")),
            Fact::Follows(activation) => write!(f, "follows:{activation}"),
            Fact::Offset(value) => write!(f, "offset:{value}"),
        }
    }
}

impl Fact {
    /// The fact `what` of this value; otherwise what would have been expected.
    fn read(what: &str, value: &str) -> Result<Fact, String> {
        let number = || value.parse::<u64>().ok().filter(|&n| n > 0).ok_or_else(|| format!("{what}: and a number"));
        let names = |all: Vec<&str>| format!("{what}: and one of {}", all.join(", "));
        match what {
            "role" => {
                let found = Role::ALL.into_iter().find(|role| role.name() == value);
                found.map(Fact::Role).ok_or_else(|| names(Role::ALL.iter().map(|role| role.name()).collect()))
            }
            "axes" => {
                let axis = |word: &str| match word {
                    "in" => Some(Axis::In),
                    "out" => Some(Axis::Out),
                    "field" => Some(Axis::Field),
                    "stack" => Some(Axis::Stack),
                    _ => None,
                };
                let axes: Option<Vec<Axis>> = value.split(',').map(axis).collect();
                axes.map(Fact::Axes).ok_or_else(|| "axes: and in, out, field or stack for each dimension".to_owned())
            }
            "groups" => number().map(Fact::Groups),
            "stride" => number().map(Fact::Stride),
            "repeat" => number().map(Fact::Repeat),
            "transposed" => match value {
                "yes" => Ok(Fact::Transposed(true)),
                "no" => Ok(Fact::Transposed(false)),
                _ => Err("transposed:yes or transposed:no".to_owned()),
            },
            "blocks" => blocks(value).map(Fact::Blocks),
            "tied" if value.is_empty() => Err("tied:NAME or tied:no".to_owned()),
            "tied" => Ok(Fact::Tied(Some(value).filter(|name| *name != "no").map(str::to_owned))),
            "follows" => {
                let found = Activation::ALL.iter().copied().find(|activation| activation.name() == value);
                found.map(Fact::Follows).ok_or_else(|| names(Activation::ALL.iter().map(|a| a.name()).collect()))
            }
            "offset" => {
                let offset = value.parse::<f64>().ok().filter(|offset| offset.is_finite());
                offset.map(Fact::Offset).ok_or_else(|| "offset: and a number".to_owned())
            }
            _ => Err(WORDS.to_owned()),
        }
    }

    /// The fact as it is of one of the names: `b.*=tied:a.*` is a tie to `a.` and the same rest.
    fn of(&self, names: &str, name: &str) -> Fact {
        let rest = names.strip_suffix('*').and_then(|front| name.strip_prefix(front));
        match (self, rest) {
            (Fact::Tied(Some(to)), Some(rest)) if to.ends_with('*') => {
                Fact::Tied(Some(format!("{}{rest}", to.trim_end_matches('*'))))
            }
            _ => self.clone(),
        }
    }

    /// The doubt that it settles.
    fn settles(&self) -> &'static [About] {
        match self {
            Fact::Role(_) => &[About::Role, About::Law],
            Fact::Axes(_) | Fact::Groups(_) | Fact::Transposed(_) => &[About::Axes],
            Fact::Stride(_) => &[About::Stride],
            Fact::Blocks(_) | Fact::Repeat(_) => &[About::Repeat],
            Fact::Tied(_) => &[About::Tie],
            Fact::Follows(_) => &[],
            Fact::Offset(_) => &[About::Law],
        }
    }

    fn apply(&self, param: &mut Param) -> Result<(), Refusal> {
        let known = |axes| Some(Known::user(axes));
        match self {
            Fact::Role(role) => param.role = Known::user(*role),
            Fact::Axes(dims) => {
                let old = param.axes.take().map_or_else(|| Axes::of(dims), |known| known.value);
                param.axes = known(Axes { dims: dims.clone(), cuts: Vec::new(), ..old });
            }
            Fact::Groups(groups) => param.axes = known(Axes { groups: *groups, ..stated(param)? }),
            Fact::Transposed(yes) => param.axes = known(Axes { transposed: *yes, ..stated(param)? }),
            Fact::Stride(stride) => param.axes = known(Axes { stride: *stride, transposed: true, ..stated(param)? }),
            Fact::Blocks(blocks) => param.axes = known(fused(param, blocks)?),
            Fact::Repeat(repeat) => param.axes = known(repeated(param, *repeat)?),
            Fact::Tied(to) => {
                let tied = |to: &String| Known::user(Tied { to: to.clone(), form: Form::Equal });
                param.place.tied = to.as_ref().map(tied);
            }
            Fact::Follows(activation) => param.place.follows = Some(Known::user(Follows::from(*activation))),
            Fact::Offset(offset) => param.place.offset = *offset,
        }
        Ok(())
    }
}

fn blocks(value: &str) -> Result<Vec<(String, Option<u64>)>, String> {
    let expected = || "blocks: and names, such as q,k,v or q=8,k=2,v=2".to_owned();
    let block = |word: &str| match word.split_once('=') {
        None if word.is_empty() => Err(expected()),
        None => Ok((word.to_owned(), None)),
        Some((label, size)) => size.parse().map(|size| (label.to_owned(), Some(size))).map_err(|_| expected()),
    };
    let blocks: Vec<_> = value.split(',').map(block).collect::<Result<_, _>>()?;
    let sized = blocks.iter().filter(|(_, size)| size.is_some()).count();
    if sized == 0 || sized == blocks.len() { Ok(blocks) } else { Err(expected()) }
}

/// The axes that are known, to be changed.
fn stated(param: &Param) -> Result<Axes, Refusal> {
    param.axes.as_ref().map(|known| known.value.clone()).ok_or_else(|| {
        let wrong = format!("the axes of shape {:?} are not known", param.shape);
        Refusal::new(wrong, "axes that this can be said of", "Say them first: `axes:out,in`.")
    })
}

/// The axis along which blocks lie: the last one of outputs.
fn fused(param: &Param, blocks: &[(String, Option<u64>)]) -> Result<Axes, Refusal> {
    let mut axes = stated(param)?;
    axes.cuts.clear();
    let axis = axes.out_dims().last().copied().filter(|&axis| axis < param.shape.len());
    let Some(axis) = axis else {
        let wrong = format!("none of the dimensions {:?} holds outputs", axes.dims);
        return Err(Refusal::new(wrong, "outputs to be cut into blocks", "Say the axes first: `axes:out,in`."));
    };
    let size = param.shape[axis];
    let sizes: Option<Vec<Block>> =
        blocks.iter().map(|(label, size)| Some(Block { label: label.clone(), size: (*size)? })).collect();
    let Some(blocks) = sizes else {
        let labels: Vec<&str> = blocks.iter().map(|(label, _)| label.as_str()).collect();
        return axes.fused(axis, size, 1, &labels);
    };
    let turn = blocks.iter().try_fold(0u64, |sum, block| sum.checked_add(block.size)).filter(|&turn| turn > 0);
    let repeat = turn.filter(|turn| size.is_multiple_of(*turn)).map(|turn| size / turn);
    let Some(repeat) = repeat else {
        let wrong = format!("the blocks do not divide the {size} outputs");
        return Err(Refusal::new(wrong, "sizes that add up to a divisor of the outputs", "Mend the sizes."));
    };
    axes.cuts.push(Cut { axis, repeat, blocks });
    Ok(axes)
}

/// The same blocks in as many turns.
fn repeated(param: &Param, repeat: u64) -> Result<Axes, Refusal> {
    let mut axes = stated(param)?;
    let Some(cut) = axes.cuts.last_mut() else {
        let wrong = "no blocks are known that could take turns";
        return Err(Refusal::new(wrong, "a fused weight", "Say the blocks as well: `blocks:q,k,v repeat:12`."));
    };
    for block in &mut cut.blocks {
        let whole = block.size.checked_mul(cut.repeat).filter(|whole| whole.is_multiple_of(repeat));
        let Some(whole) = whole else {
            let wrong = format!("the block `{}` cannot be had in {repeat} equal turns", block.label);
            return Err(Refusal::new(wrong, "a divisor of its size", "Say the number of heads."));
        };
        block.size = whole / repeat;
    }
    cut.repeat = repeat;
    Ok(axes)
}

impl Say {
    /// Whether it is about a parameter of this name.
    pub fn is_about(&self, name: &str) -> bool {
        self.names == name || WildMatch::new(&self.names).matches(name)
    }

    /// Tells a parameter what is said about it, and settles its doubts; whether it is about it at all.
    ///
    /// # Errors
    /// If what is said does not fit the parameter: axes of another number of dimensions, blocks that do not divide it.
    pub fn apply(&self, param: &mut Param) -> Result<bool, Refusal> {
        if !self.is_about(&param.name) {
            return Ok(false);
        }
        let about = |refusal: Refusal| refusal.of(&param.name.clone(), &format!("--say '{self}'"));
        let mut told = param.clone();
        for fact in self.facts.iter().map(|fact| fact.of(&self.names, &param.name)) {
            fact.apply(&mut told).map_err(about)?;
            told.place.doubts.retain(|doubt| !fact.settles().contains(&doubt.about));
        }
        if let Some(axes) = &told.axes {
            axes.value.fits(&told.shape).map_err(about)?;
        }
        *param = told;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::{Count, Fan};
    use crate::dtype::Dtype;

    fn told(shape: &[u64], axes: Axes, say: &str) -> Result<Param, Refusal> {
        let mut param = Param::new("w", shape, Dtype::F32, Role::Weight, axes);
        param.place.doubts = vec![Doubt::new(About::Stride, "", "", ""), Doubt::new(About::Tie, "", "", "")];
        let say: Say = say.parse()?;
        assert_eq!(say.to_string().parse::<Say>()?, say);
        assert!(say.apply(&mut param)?);
        Ok(param)
    }

    use crate::doubt::Doubt;

    #[test]
    fn what_is_said_is_believed_and_settles_the_doubt() {
        let param = told(&[64, 32, 4, 4], Axes::conv_transposed(2, 1, 1), "*=stride:4").unwrap();
        assert_eq!(param.fan(Fan::In, Count::True).unwrap(), 256.0);
        assert_eq!(param.place.doubts.iter().map(|doubt| doubt.about).collect::<Vec<_>>(), [About::Tie]);
        let param = told(&[64, 64], Axes::linear(), "w=axes:in,out role:recurrent").unwrap();
        assert_eq!((param.axes.unwrap().value, param.role.value), (Axes::matmul(), Role::Recurrent));
        let param = told(&[64, 64], Axes::linear(), "?=tied:a=b:c").unwrap();
        assert_eq!(param.place.tied.unwrap().value.to, "a=b:c");
        let param = told(&[64], Axes::linear(), "w=role:scale axes:out offset:1 follows:relu").unwrap();
        assert_eq!((param.place.offset, param.activation().0), (1.0, Activation::Relu));
        let mut other = Param::new("v", &[2], Dtype::F32, Role::Scale, Axes::linear());
        assert!(!"w=offset:1".parse::<Say>().unwrap().apply(&mut other).unwrap());
    }

    #[test]
    fn blocks_lie_along_the_outputs_and_take_turns() {
        let parts = |param: Param| {
            let parts = param.parts();
            let rows = parts.iter().map(|part| (part.label.clone(), part.param.shape[0])).collect::<Vec<_>>();
            (rows, param.axes.unwrap().value.cuts[0].repeat)
        };
        let label = |rows: &[(&str, u64)]| rows.iter().map(|(l, n)| ((*l).to_owned(), *n)).collect::<Vec<_>>();
        let equal = told(&[96, 32], Axes::linear(), "w=blocks:q,k,v repeat:4").unwrap();
        assert_eq!(parts(equal), (label(&[("q", 32), ("k", 32), ("v", 32)]), 4));
        let grouped = told(&[96, 32], Axes::linear(), "w=blocks:q=8,k=2,v=2").unwrap();
        assert_eq!(parts(grouped), (label(&[("q", 64), ("k", 16), ("v", 16)]), 8));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        for (say, part) in [
            ("w", "there is no `=`"),
            ("w=", "nothing is said"),
            ("w=he", "expected role, axes, groups"),
            ("w=role:wieght", "one of weight, recurrent"),
            ("w=axes:out,of", "in, out, field or stack"),
            ("w=groups:0", "groups: and a number"),
            ("w=blocks:q,k=2", "blocks: and names"),
            ("w=blocks:", "blocks: and names"),
            ("w=tied:", "tied:NAME or tied:no"),
            ("w=follows:rleu", "one of linear"),
            ("w=offset:nan", "offset: and a number"),
            ("w=axes:out", "2 dimensions"),
            ("w=blocks:a,b,c,d,e,f,g", "a multiple of 7"),
            ("w=blocks:a=5,b=6", "do not divide"),
            ("w=repeat:3", "no blocks are known"),
            ("w=blocks:q,k repeat:5", "cannot be had in 5 equal turns"),
        ] {
            let error = told(&[96, 32], Axes::linear(), say).unwrap_err().to_string();
            assert!(error.contains(part), "{say}: {error}");
        }
    }
}
