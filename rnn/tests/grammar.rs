//! The grammar in `docs/cells.md` and the parser agree: random sentences of the grammar parse, and sentences that it
//! rejects do not.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus as Rng;
use rnn::equations::parse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The right side of a rule.
#[derive(Debug)]
enum Form {
    /// A literal sign or word.
    Text(String),
    /// `NAME` and the like.
    Class(String),
    Rule(String),
    All(Vec<Form>),
    One(Vec<Form>),
    Maybe(Box<Form>),
    Many(Box<Form>),
}

type Grammar = BTreeMap<String, Form>;

/// The rules of the reference.
fn grammar() -> Grammar {
    let page = include_str!("../../docs/cells.md");
    let block = page.split("```ebnf\n").nth(1).unwrap().split("```").next().unwrap();
    let mut rules: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match line.split_once(" = ").filter(|_| !line.starts_with(' ')) {
            Some((name, form)) => rules.push((name.trim().into(), form.into())),
            None => rules.last_mut().unwrap().1 += line,
        }
    }
    let read = |text: String| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut rest = &words[..];
        let form = choice(&mut rest);
        assert!(rest.is_empty(), "{text}");
        form
    };
    rules.into_iter().map(|(name, text)| (name, read(text))).collect()
}

fn choice(words: &mut &[&str]) -> Form {
    let mut forms = vec![sequence(words)];
    while let ["|", rest @ ..] = *words {
        *words = rest;
        forms.push(sequence(words));
    }
    Form::One(forms)
}

fn sequence(words: &mut &[&str]) -> Form {
    let mut forms = Vec::new();
    while let [word, rest @ ..] = *words {
        if ["|", ")", "]", "}"].contains(word) {
            break;
        }
        *words = rest;
        let mut inner = || {
            let form = Box::new(choice(words));
            *words = &words[1..];
            form
        };
        forms.push(match *word {
            "(" => *inner(),
            "[" => Form::Maybe(inner()),
            "{" => Form::Many(inner()),
            text if text.starts_with('"') => Form::Text(text.trim_matches('"').into()),
            class if class.starts_with(char::is_uppercase) => Form::Class(class.into()),
            rule => Form::Rule(rule.into()),
        });
    }
    Form::All(forms)
}

const NAMES: &[&str] = &["W", "U_f", "h", "c", "b1", "ε"];
const NUMBERS: &[&str] = &["2", "0.5", "1e-3"];
const FUNCTIONS: &[&str] = &["tanh", "σ", "where", "concat", "sum", "mean", "min", "max", "transpose"];

/// A random sentence, as words.
fn draw(grammar: &Grammar, form: &Form, depth: usize, rng: &mut Rng, to: &mut Vec<String>) {
    // Deep down the first alternative is taken, which is short in every rule.
    let small = depth > 40;
    match form {
        Form::Text(text) => to.push(text.clone()),
        Form::Class(class) => {
            let words = match &class[..] {
                "END" => &["\n"],
                "NUMBER" => NUMBERS,
                "INTEGER" => &["1", "2", "17"][..],
                "FUNCTION" => FUNCTIONS,
                "RESULTS" => &["f_0"],
                "WORD" => &["xavier", "orthogonal", "zeros"],
                "NAME" | "TITLE" => NAMES,
                other => panic!("the reference has a class {other}"),
            };
            to.push(words[rng.random_range(0..words.len())].into());
        }
        Form::Rule(rule) => draw(grammar, &grammar[rule], depth + 1, rng, to),
        Form::All(forms) => forms.iter().for_each(|form| draw(grammar, form, depth + 1, rng, to)),
        Form::One(forms) => {
            let i = if small { 0 } else { rng.random_range(0..forms.len()) };
            draw(grammar, &forms[i], depth + 1, rng, to);
        }
        Form::Maybe(form) | Form::Many(form) => {
            // Loops have one or two lines.
            let most = if matches!(form_kind(form), Kind::Line) && depth <= 2 { 5 } else { 1 };
            let times = if small { 0 } else { rng.random_range(0..=most) };
            (0..times).for_each(|_| draw(grammar, form, depth + 1, rng, to));
        }
    }
}

enum Kind {
    Line,
    Other,
}

/// A file has several lines; all else is repeated once.
fn form_kind(form: &Form) -> Kind {
    let text = format!("{form:?}");
    if text.contains("Class(\"END\")") { Kind::Line } else { Kind::Other }
}

/// Whether words are a sentence of the grammar. The end of a line may also be plain white space.
struct Recogniser<'a> {
    grammar: &'a Grammar,
    words: &'a [String],
    functions: Vec<&'a str>,
    known: HashMap<(&'a str, usize), BTreeSet<usize>>,
}

impl<'a> Recogniser<'a> {
    fn accepts(grammar: &'a Grammar, words: &'a [String]) -> bool {
        let defined =
            words.windows(2).filter(|pair| pair[0] == "fn" || pair[0] == "use").map(|pair| pair[1].as_str());
        let functions = FUNCTIONS.iter().copied().chain(defined).collect();
        let mut recogniser = Recogniser { grammar, words, functions, known: HashMap::new() };
        let ends = recogniser.ends(&grammar["file"], 0);
        ends.into_iter().any(|end| words[end..].iter().all(|word| word == "\n"))
    }

    /// The possible ends of a form that starts at `start`.
    fn ends(&mut self, form: &'a Form, start: usize) -> BTreeSet<usize> {
        match form {
            Form::Text(text) => self.word(start, |word| word == text),
            Form::Class(class) => {
                let functions = self.functions.clone();
                self.word(start, |word| is_of(class, word, &functions))
            }
            Form::Rule(rule) => {
                if let Some(known) = self.known.get(&(rule.as_str(), start)) {
                    return known.clone();
                }
                let ends = self.ends(&self.grammar[rule], start);
                self.known.insert((rule, start), ends.clone());
                ends
            }
            Form::All(forms) => forms.iter().fold(BTreeSet::from([start]), |starts, form| {
                starts.into_iter().flat_map(|start| self.ends(form, start)).collect()
            }),
            Form::One(forms) => forms.iter().flat_map(|form| self.ends(form, start)).collect(),
            Form::Maybe(form) => self.ends(form, start).into_iter().chain([start]).collect(),
            Form::Many(form) => {
                let (mut all, mut new) = (BTreeSet::from([start]), vec![start]);
                while let Some(start) = new.pop() {
                    new.extend(self.ends(form, start).into_iter().filter(|&end| all.insert(end)));
                }
                all
            }
        }
    }

    fn word(&self, mut at: usize, is: impl Fn(&str) -> bool) -> BTreeSet<usize> {
        loop {
            match self.words.get(at) {
                Some(word) if is(word) => return BTreeSet::from([at + 1]),
                Some(word) if word == "\n" => at += 1,
                _ => return BTreeSet::new(),
            }
        }
    }
}

fn is_of(class: &str, word: &str, functions: &[&str]) -> bool {
    const TAKEN: &[&str] = &[
        "x", "t", "input", "hidden", "cell", "size", "param", "state", "require", "init", "const", "output",
        "pack", "fn", "clock", "start", "for", "end", "fixed", "return", "use", "let",
    ];
    let is_word = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match class {
        "END" => word == "\n",
        "NUMBER" => word.starts_with(|c: char| c.is_ascii_digit()),
        "INTEGER" => word.parse().is_ok_and(|n: usize| (1..=1000).contains(&n)),
        "FUNCTION" => functions.contains(&word),
        "RESULTS" => functions.contains(&word) && !FUNCTIONS.contains(&word),
        "WORD" | "TITLE" => is_word,
        _ => is_word && !TAKEN.contains(&word) && !FUNCTIONS.contains(&word),
    }
}

/// A sentence of the grammar. The functions that it defines have distinct names.
fn sentence(grammar: &Grammar, rng: &mut Rng) -> Vec<String> {
    let mut words = Vec::new();
    draw(grammar, &grammar["file"], 0, rng, &mut words);
    let defined: Vec<usize> = (1..words.len()).filter(|&i| words[i - 1] == "fn").collect();
    defined.into_iter().for_each(|i| words[i] = format!("f{i}"));
    let used: Vec<usize> = (1..words.len()).filter(|&i| words[i - 1] == "use").collect();
    used.into_iter().for_each(|i| words[i] = format!("f{i}"));
    // Several results need a function that the file defines.
    if words.iter().any(|word| word == "f_0") {
        words.extend(["\n", "use", "f_0"].map(String::from));
    }
    words
}

#[test]
fn sentences_of_the_grammar_are_read() {
    let (grammar, mut rng) = (grammar(), Rng::seed_from_u64(1));
    let mut lengths = 0;
    for _ in 0..4_000 {
        let words = sentence(&grammar, &mut rng);
        lengths += words.len();
        assert!(Recogniser::accepts(&grammar, &words), "the test's own halves differ: {words:?}");
        let text = words.join(" ");
        if let Err(faults) = parse(&text, "sentence") {
            panic!("{faults}\n\n{text}");
        }
    }
    assert!(lengths > 4_000 * 20, "{lengths}");
}

#[test]
fn what_the_grammar_rejects_is_not_read() {
    let (grammar, mut rng) = (grammar(), Rng::seed_from_u64(2));
    let signs = "cell fn size param state require init const output pack clock restarts start for end fixed return use let split .. scalar input hidden x t tanh W h 2 0.5 \
                 [ ] ( ) , : = + - * / ^ < <= == ⊙ ⊗";
    let signs: Vec<&str> = signs.split_whitespace().collect();
    let (mut rejected, mut accepted) = (0, 0);
    for _ in 0..6_000 {
        let mut words = sentence(&grammar, &mut rng);
        let i = rng.random_range(0..words.len());
        let j = rng.random_range(0..words.len());
        if words[i] == "\n" || words[j] == "\n" {
            continue;
        }
        let sign = signs[rng.random_range(0..signs.len())].to_string();
        match rng.random_range(0..4) {
            0 => drop(words.remove(i)),
            1 => words.insert(i, sign),
            2 => words[i] = sign,
            _ => words.swap(i, j),
        }
        let text = words.join(" ");
        let is_sentence = Recogniser::accepts(&grammar, &words);
        if is_sentence {
            accepted += 1;
        } else {
            rejected += 1;
        }
        assert!(is_sentence || parse(&text, "mutated").is_err(), "not in the grammar, and read:\n{text}");
    }
    assert!(rejected > 2_500 && accepted > 250, "{rejected} {accepted}");
}
