//! [`Commands`]: the commands that mend a finding, written so that they can be pasted.

/// What commands are written for: a model, and where its mended copy goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// The model, as the user named it.
    pub model: String,
    /// The recipe and rules that the values were drawn by, as options, if they were drawn just now.
    pub options: String,
    /// Where the mended model goes.
    pub out: String,
    /// The plan that the values should follow, if one was given.
    pub plan: Option<String>,
    /// The data that it was looked at with, if any were given.
    pub data: Option<String>,
    /// What the data are said to ask for, if that was said.
    pub task: Option<String>,
    /// The module of the Python package that knows the model, for one that is in memory: `fanin.torch`.
    pub module: Option<String>,
}

impl Commands {
    /// Commands for `model`, whose mended copy gets a name of its own.
    ///
    /// # Example
    /// ```
    /// use fanin::report::Commands;
    /// let commands = Commands::of("a b.onnx");
    /// assert_eq!(commands.recipe("auto"), "fanin init 'a b.onnx' -o 'a b.mended.onnx' --recipe auto");
    /// ```
    pub fn of(model: &str) -> Commands {
        let file = model.trim_end_matches('/');
        let out = match file
            .rsplit_once('.')
            .filter(|(_, end)| end.starts_with(|c: char| c.is_ascii_alphabetic()) && !end.contains(['/', ':', '-']))
        {
            Some((start, end)) => format!("{start}.mended.{end}"),
            // A short architecture, or a folder.
            None if file.contains(':') => "mended.onnx".to_owned(),
            None => format!("{file}.mended"),
        };
        Commands { model: model.to_owned(), out, ..Commands::default() }
    }

    /// Calls for a model in Python's memory, which `module` knows.
    ///
    /// # Example
    /// ```
    /// use fanin::report::Commands;
    /// let call = "fanin.torch.init_(model, fanin.torch.plan(model, recipe=\"auto\"))";
    /// assert_eq!(Commands::in_memory("Net", "fanin.torch").recipe("auto"), call);
    /// ```
    pub fn in_memory(model: &str, module: &str) -> Commands {
        Commands { module: Some(module.to_owned()), ..Commands::of(model) }
    }

    /// Draws everything by another recipe.
    pub fn recipe(&self, recipe: &str) -> String {
        if let Some(module) = &self.module {
            return filled(module, Some(recipe), &[]);
        }
        format!("fanin init {} -o {} --recipe {recipe}{}", quoted(&self.model), quoted(&self.out), self.told())
    }

    /// What a plan is told of data and task, as options.
    fn told(&self) -> String {
        let data = self.data.iter().map(|data| format!(" --data {}", quoted(data)));
        data.chain(self.task.iter().map(|task| format!(" --task {task}"))).collect()
    }

    /// Draws some parameters by other calls, the rest as before.
    pub fn set(&self, rules: &[String]) -> String {
        if let Some(module) = &self.module {
            return filled(module, self.options.strip_prefix("--recipe "), rules);
        }
        let mut command = format!("fanin init {} -o {}", quoted(&self.model), quoted(&self.out));
        if !self.options.is_empty() {
            command += " ";
            command += &self.options;
        }
        command += &self.told();
        for rule in rules {
            command += " --set ";
            command += &quoted(rule);
        }
        command
    }

    /// Draws everything as before but for these rules, and calibrates it with the data.
    pub fn calibrate(&self, call: &str, rules: &[String]) -> String {
        match self.module.as_deref() {
            Some(module @ "fanin.torch") if call == "lsuv" => {
                let plan = plan(module, "model", self.options.strip_prefix("--recipe "), rules);
                return format!("plan = {module}.lsuv_(model, {plan}, inputs)");
            }
            // Elsewhere nothing calibrates a model in memory.
            Some(_) => return self.set(rules),
            None => {}
        }
        let mut command = self.set(rules);
        command += " --calibrate ";
        command + &quoted(call)
    }

    /// Looks at the same with inputs that are standardized.
    pub fn standardize(&self) -> String {
        if self.module.is_some() {
            return "inputs = (inputs - inputs.mean(0)) / inputs.std(0)".to_owned();
        }
        let data = self.data.as_deref().unwrap_or("DATA");
        let mark = if data.contains('#') { "," } else { "#" };
        let mut command = format!("fanin diagnose {}", quoted(&self.model));
        if !self.options.is_empty() {
            command += " ";
            command += &self.options;
        }
        let standardized = Commands { data: Some(format!("{data}{mark}standardize")), ..self.clone() };
        command + &standardized.told()
    }

    /// Draws some parameters anew: by the plan if there is one, otherwise by the calls that stand beside their names, while
    /// everything else stays.
    pub fn redraw(&self, calls: &[(&str, &str)]) -> String {
        /// More rules than these are longer than they are useful.
        const MOST: usize = 4;
        if let (Some(module), Some(_)) = (&self.module, &self.plan) {
            let tree = module.ends_with("jax");
            let call = if tree { "params = fanin.jax.init(params, None, plan)" } else { "init_(model, plan)" };
            return if tree { call.to_owned() } else { format!("{module}.{call}") };
        }
        if let Some(plan) = &self.plan {
            return format!("fanin apply {} {} -o {}", quoted(plan), quoted(&self.model), quoted(&self.out));
        }
        if calls.is_empty() || calls.len() > MOST || !self.options.is_empty() {
            return self.recipe("auto");
        }
        // The first rule that matches decides: what is to be drawn stands before that which keeps the rest.
        let rule = |(name, call): &(&str, &str)| format!("{name}={call}");
        self.set(&calls.iter().map(rule).chain(["*=keep".to_owned()]).collect::<Vec<_>>())
    }
}

/// A call that plans and fills a model in memory.
fn filled(module: &str, recipe: Option<&str>, rules: &[String]) -> String {
    let tree = module.ends_with("jax");
    let plan = plan(module, if tree { "params" } else { "model" }, recipe, rules);
    if tree {
        format!("params = {module}.init(params, None, {plan})")
    } else {
        format!("{module}.init_(model, {plan})")
    }
}

/// A call of a module's `plan`, with a recipe and rules `NAME=CALL`.
fn plan(module: &str, model: &str, recipe: Option<&str>, rules: &[String]) -> String {
    let recipe = recipe.map_or_else(String::new, |recipe| format!(", recipe={recipe:?}"));
    let rule = |rule: &String| {
        let (names, call) = rule.split_once('=').unwrap_or((rule, ""));
        format!("{names:?}: {call:?}")
    };
    let rules: Vec<String> = rules.iter().map(rule).collect();
    let set = if rules.is_empty() { String::new() } else { format!(", set={{{}}}", rules.join(", ")) };
    format!("{module}.plan({model}{recipe}{set})")
}

/// A word of a shell's command.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:=,-@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mended_copies_have_names_that_fit() {
        for (model, out) in [
            ("net.onnx", "net.mended.onnx"),
            ("dir/a.b.safetensors", "dir/a.b.mended.safetensors"),
            ("mlp:64-128x30-10:relu", "mended.onnx"),
            ("mlp:8-1:leaky_relu=0.2", "mended.onnx"),
            ("./folder/", "./folder.mended"),
        ] {
            assert_eq!(Commands::of(model).out, out, "{model}");
        }
    }

    #[test]
    fn whatever_plans_repeats_options_data_and_task() {
        let commands = Commands {
            options: "--seed 3".to_owned(),
            data: Some("a b.csv".to_owned()),
            task: Some("binary".to_owned()),
            ..Commands::of("net.onnx")
        };
        let start = "fanin init net.onnx -o net.mended.onnx";
        let told = "--data 'a b.csv' --task binary";
        assert_eq!(commands.recipe("auto"), format!("{start} --recipe auto {told}"));
        let rules = ["w=he".to_owned()];
        assert_eq!(commands.calibrate("lsuv", &rules), format!("{start} --seed 3 {told} --set w=he --calibrate lsuv"));
        let standardized = "fanin diagnose net.onnx --seed 3 --data 'a b.csv#standardize' --task binary";
        assert_eq!(commands.standardize(), standardized);
    }

    #[test]
    fn models_in_memory_are_mended_by_calls() {
        let of = |module: &str| Commands::in_memory("Net", module);
        let rules = ["0.weight=he(fan=out)".to_owned(), "*=keep".to_owned()];
        assert_eq!(
            of("fanin.keras").set(&rules),
            "fanin.keras.init_(model, fanin.keras.plan(model, set={\"0.weight\": \"he(fan=out)\", \"*\": \"keep\"}))"
        );
        let tree = "params = fanin.jax.init(params, None, fanin.jax.plan(params, recipe=\"auto\"))";
        assert_eq!(of("fanin.jax").recipe("auto"), tree);
        let drawn = Commands { options: "--recipe auto".to_owned(), ..of("fanin.torch") };
        let lsuv = "plan = fanin.torch.lsuv_(model, fanin.torch.plan(model, recipe=\"auto\"), inputs)";
        assert_eq!(drawn.calibrate("lsuv", &[]), lsuv);
        let planned = Commands { plan: Some("plan".to_owned()), ..of("fanin.torch") };
        assert_eq!(planned.redraw(&[("0.weight", "he")]), "fanin.torch.init_(model, plan)");
    }

    #[test]
    fn words_of_a_shell_stay_one_word() {
        assert_eq!(quoted("a.weight=he(follows=true)"), "'a.weight=he(follows=true)'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
