//! Words and punctuation: the tokens of word-level models.
//!
//! The tokens follow the Penn Treebank's convention for contractions: *doesn't* is `does` `n't`, *it's* is `it` `'s`,
//! *cannot* is `can` `not`. So every negated verb shares the one token `n't`, which a corpus of a few thousand
//! sentences has seen hundreds of times, where *hasn't* or *needn't* as a whole would be rare or unknown; and text
//! that was tokenised before (the SST corpora write *does n't*) gives the same tokens as text as people type it.
//! For the same reason hyphens split: *not-so-funny* shows its `not`. Other inner apostrophes stay (*o'clock*).
//!
//! Everything is lower-cased; numbers stay whole (`3.5`, `1,000`); a punctuation mark is a token of its own, but dots
//! in a row are one `...` and a dash is `--`, told from the hyphen `-` that stands between two words. Typographic
//! quotes, dashes and ellipses, and the Treebank's ` `` ` and `''`, become their ASCII signs.

/// Endings that are tokens of their own.
const CLITICS: [&str; 6] = ["'s", "'re", "'ve", "'ll", "'d", "'m"];
const NOT: &str = "n't";

/// The tokens of a text, in order.
///
/// ```
/// use rnn::data::words;
///
/// assert_eq!(words("It doesn't cost $3.50!"), ["it", "does", "n't", "cost", "$", "3.50", "!"]);
/// ```
pub fn words(text: &str) -> Vec<String> {
    let text = plain(text);
    let mut tokens = Vec::new();
    let (mut rest, mut before) = (text.as_str(), ' ');
    while let Some(first) = rest.chars().next() {
        let length = if is_letter(first) {
            let length = word_length(rest);
            push_word(&rest[..length], &mut tokens);
            length
        } else if let Some(clitic) = CLITICS.iter().find(|clitic| begins_with_token(rest, clitic)) {
            tokens.push((*clitic).to_owned());
            clitic.len()
        } else if first == '-' {
            let run = rest.len() - rest.trim_start_matches('-').len();
            let is_hyphen = run == 1 && is_letter(before) && rest[run..].starts_with(is_letter);
            tokens.push(if is_hyphen { "-" } else { "--" }.to_owned());
            run
        } else if rest.starts_with("..") {
            tokens.push("...".to_owned());
            rest.len() - rest.trim_start_matches('.').len()
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    tokens
}

/// Puts tokens together as English is set: no space before `, . ; : ! ? %`, closing brackets and `n't`, none after
/// opening brackets and `$`, none around a hyphen; quotes open and close in turn. The text of `join(words(text))` has
/// the same tokens as `text`.
///
/// ```
/// use rnn::data::join;
///
/// assert_eq!(join(["well", "-", "made", ",", "but", "it", "is", "n't", "\"", "fun", "\"", "."]), "well-made, but it isn't \"fun\".");
/// ```
pub fn join<T: AsRef<str>>(tokens: impl IntoIterator<Item = T>) -> String {
    let tokens: Vec<T> = tokens.into_iter().collect();
    let mut text = String::new();
    let (mut quote_is_open, mut glued) = (false, true);
    for (at, token) in tokens.iter().enumerate() {
        let token = token.as_ref();
        let before = at.checked_sub(1).map_or("", |at| tokens[at].as_ref());
        let after = tokens.get(at + 1).map_or("", AsRef::as_ref);
        let (glued_before, glued_after) = match token {
            "." | "..." => (!before.ends_with('.'), false),
            "," | ";" | ":" | "!" | "?" | "%" | ")" | "]" | "}" => (true, false),
            "(" | "[" | "{" | "$" => (false, true),
            "\"" => {
                quote_is_open = !quote_is_open;
                (!quote_is_open, quote_is_open)
            }
            "-" => {
                let is_hyphen = before.ends_with(is_letter) && after.starts_with(is_letter);
                (is_hyphen, is_hyphen)
            }
            _ if token == NOT || CLITICS.contains(&token) => (before.starts_with(is_letter), false),
            _ => (false, false),
        };
        if !glued && !glued_before {
            text.push(' ');
        }
        text.push_str(token);
        glued = glued_after;
    }
    text
}

/// Lower case, in ASCII punctuation.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '–' | '—' => plain.push_str("--"),
            '…' => plain.push_str("..."),
            c => plain.push(c),
        }
    }
    plain.replace("``", "\"").replace("''", "\"").to_lowercase()
}

/// Letters, digits, and the accents of decomposed letters (U+0300 to U+036F).
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

/// The bytes of the word or number at the start: letters, apostrophes between letters, points and commas between
/// digits.
fn word_length(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut last = ' ';
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |&(_, c)| c);
        let belongs = match c {
            '\'' => is_letter(next),
            '.' | ',' => last.is_ascii_digit() && next.is_ascii_digit(),
            c => is_letter(c),
        };
        if !belongs {
            return at;
        }
        last = c;
    }
    text.len()
}

/// Splits the endings off a word, the last one last.
fn push_word(word: &str, tokens: &mut Vec<String>) {
    let ending = std::iter::once(NOT).chain(CLITICS).find_map(|ending| {
        let stem = word.strip_suffix(ending)?;
        stem.ends_with(is_letter).then_some((stem, ending))
    });
    match ending {
        Some((stem, ending)) => {
            push_word(stem, tokens);
            tokens.push(ending.to_owned());
        }
        None if word == "cannot" => tokens.extend(["can".to_owned(), "not".to_owned()]),
        None => tokens.push(word.to_owned()),
    }
}

fn begins_with_token(text: &str, token: &str) -> bool {
    text.strip_prefix(token).is_some_and(|rest| !rest.starts_with(is_letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, tokens: &str) {
        assert_eq!(words(text).join(" "), tokens, "{text:?}");
    }

    #[test]
    fn negation_is_one_token_however_it_is_written() {
        check(
            "It doesn't, didn’t and won't; I can't, cannot.",
            "it does n't , did n't and wo n't ; i ca n't , can not .",
        );
        check("does n't", "does n't");
        check("not-so-funny", "not - so - funny");
    }

    #[test]
    fn endings_split_and_other_apostrophes_stay() {
        check("the film's we'd they're I'm", "the film 's we 'd they 're i 'm");
        check("the film 's o'clock 'tis boys' y'all'll", "the film 's o'clock ' tis boys ' y'all 'll");
    }

    #[test]
    fn numbers_stay_whole() {
        check("1,000 at 3.5% in 1984, 90s.", "1,000 at 3.5 % in 1984 , 90s .");
    }

    #[test]
    fn punctuation_is_told_apart() {
        check("Wait.... what?! (No)", "wait ... what ? ! ( no )");
        check("a-b a - b a--b a—b “q” ``q''…", "a - b a -- b a -- b a -- b \" q \" \" q \" ...");
        check("a -b, -5 . .", "a -- b , -- 5 . .");
        check("Čapek's cafe\u{301} ÉTÉ", "čapek 's cafe\u{301} été");
    }

    #[test]
    fn joined_text_reads_as_english() {
        let text = "he said, \"i can't (really) pay $3.50 for a well-made film's end -- 5% off!\" why?";
        assert_eq!(join(words(text)), text);
        assert_eq!(join([".", ".", "..."]), ". . ...", "dots in a row would read as an ellipsis");
        assert_eq!(join(Vec::<String>::new()), "");
    }

    proptest! {
        #[test]
        fn joining_keeps_the_tokens(text in r#"([a-c3n ]|n't|'s|cannot|[-."'`$%,(:…—’Σİ\u{301}]){0,16}"#) {
            let tokens = words(&text);
            prop_assert_eq!(words(&join(&tokens)), tokens);
        }

        #[test]
        fn no_token_has_white_space_and_nothing_else_is_lost(text in any::<String>()) {
            let tokens = words(&text);
            prop_assert!(tokens.iter().all(|token| !token.is_empty() && !token.contains(char::is_whitespace)));
            let letters = |text: &str| text.chars().filter(|&c| is_letter(c)).collect::<String>();
            prop_assert_eq!(letters(&tokens.concat()), letters(&text.to_lowercase()));
        }
    }
}
