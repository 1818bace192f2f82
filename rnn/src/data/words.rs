//! Words and punctuation: the tokens of word-level models.
//!
//! The tokens follow the Penn Treebank's convention for contractions: *doesn't* is `does` `n't`, *it's* is `it` `'s`,
//! *cannot* is `can` `not`. So every negated verb shares the token `n't`, which is frequent in a corpus of a few
//! thousand sentences, where *hasn't* or *needn't* as a whole would be rare or unknown. Text that is already
//! tokenised (the SST corpora write *does n't*) gives the same tokens as raw text. For the same reason hyphens split:
//! *not-so-funny* shows its `not`. Other inner apostrophes stay (*o'clock*).
//!
//! Everything is lower-cased and composed (NFC); numbers stay whole (`3.5`, `1,000`). A punctuation mark is one
//! token, but a run of dots is one `...` and a dash is `--`, distinct from the hyphen `-` between two words.
//! Typographic quotes, dashes and ellipses, and the Treebank's ` `` ` and `''`, become their ASCII equivalents.
//!
//! Word boundaries are those of Unicode (UAX #29), without a dictionary. So combining marks and joiners belong to
//! their word (Devanagari, Tamil, Arabic, Persian), and an emoji sequence is one token. Scripts without spaces
//! between words have smaller tokens: single characters of Chinese and Japanese, but runs of katakana; single
//! grapheme clusters (a letter with its marks and vowel signs) of Thai, Lao, Khmer and Myanmar. A zero width space
//! ends a word.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// Endings that are separate tokens.
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
        // The first word, sign or run of white space by Unicode's word boundaries.
        let segment = rest.split_word_bounds().next().unwrap_or(rest);
        let length = if is_letter(first) {
            // Some marks combine with the character before them, even a space.
            let cluster = rest.graphemes(true).next().unwrap_or_default();
            let cluster = cluster.find(char::is_whitespace).unwrap_or(cluster.len());
            let length = word_length(segment).max(cluster);
            push_word(&rest[..length], &mut tokens);
            length
        } else if let Some(clitic) = CLITICS.iter().find(|clitic| begins_with_token(rest, clitic)) {
            tokens.push((*clitic).to_owned());
            clitic.len()
        } else if first == '-' {
            let run = rest.len() - rest.trim_start_matches('-').len();
            let is_hyphen = run == 1 && is_letter(before) && rest[run..].starts_with(begins_word);
            tokens.push(if is_hyphen { "-" } else { "--" }.to_owned());
            run
        } else if rest.starts_with("..") {
            tokens.push("...".to_owned());
            rest.len() - rest.trim_start_matches('.').len()
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            // A sign with its marks, an emoji sequence or a flag; but not words joined by `_`.
            let is_sign = !segment.chars().any(char::is_alphanumeric);
            let length = if is_sign { segment.len() } else { first.len_utf8() };
            tokens.push(rest[..length].to_owned());
            length
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    tokens
}

/// Joins tokens by English typography: no space before `, . ; : ! ? %`, closing brackets and `n't`, none after
/// opening brackets and `$`, none around a hyphen; quotes open and close in turn; none between tokens of scripts
/// without spaces. The text of `join(words(text))` has the same tokens as `text`.
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
                let is_hyphen = before.ends_with(is_letter) && after.starts_with(begins_word);
                (is_hyphen, is_hyphen)
            }
            _ if token == NOT || CLITICS.contains(&token) => (before.starts_with(is_letter), false),
            _ => (is_run_on(before, token), false),
        };
        // A lone mark would combine with the character before it.
        if token.starts_with(is_mark) && !text.is_empty() || !glued && !glued_before {
            text.push(' ');
        }
        text.push_str(token);
        glued = glued_after;
    }
    text
}

/// Normalises a text: lower case, composed, ASCII punctuation, without invisible format characters.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '–' | '—' => plain.push_str("--"),
            '…' => plain.push_str("..."),
            // A zero width space marks the end of a word.
            '\u{200b}' => plain.push(' '),
            // Soft hyphen, word joiner, byte order mark, directions.
            '\u{ad}'
            | '\u{2060}'
            | '\u{feff}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {}
            c => plain.push(c),
        }
    }
    plain.replace("``", "\"").replace("''", "\"").to_lowercase().nfc().collect()
}

/// Letters, digits, and what combines with them: marks of every script, and the joiners of Persian and of Indic
/// scripts.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

fn begins_word(c: char) -> bool {
    is_letter(c) && !is_mark(c)
}

/// Combining marks, and the joiners.
fn is_mark(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether two tokens need no space between them: their script has none, and they stay separate without it.
fn is_run_on(before: &str, token: &str) -> bool {
    before.ends_with(is_of_run_on_script)
        && token.starts_with(is_of_run_on_script)
        && words(&[before, token].concat()) == [before, token]
}

/// Thai and Lao, Myanmar, Khmer, Chinese and Japanese with their punctuation.
fn is_of_run_on_script(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3000}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// The length in bytes of the word or number at the start of a segment: letters, apostrophes between letters, points
/// and commas between digits, and the inner punctuation of other scripts (`ל״ל`, `l·l`).
fn word_length(text: &str) -> usize {
    let mut characters = text.char_indices().peekable();
    let mut last = ' ';
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |&(_, c)| c);
        let belongs = match c {
            '\'' => begins_word(next),
            '.' | ',' => last.is_ascii_digit() && next.is_ascii_digit(),
            '"' => is_hebrew(last) && is_hebrew(next),
            // Unicode lets a narrow no-break space join digits; here it is a space.
            c => is_letter(c) || (!c.is_ascii() && !c.is_whitespace() && at > 0 && is_letter(next)),
        };
        if !belongs {
            return at;
        }
        last = c;
    }
    text.len()
}

fn is_hebrew(c: char) -> bool {
    ('\u{590}'..='\u{5ff}').contains(&c)
}

/// Splits the clitics off a word, in order.
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
        check("Čapek's cafe\u{301} ÉTÉ", "čapek 's café été");
    }

    /// A dozen scripts. The number of words in each first text comes from readers of the language.
    #[test]
    fn words_of_every_script_stay_whole() {
        check("यह फिल्म अच्छी है।", "यह फिल्म अच्छी है ।");
        check("நல்ல திரைப்படம்", "நல்ல திரைப்படம்");
        check("বাংলা ভাষা", "বাংলা ভাষা");
        check("తెలుగు సినిమా", "తెలుగు సినిమా");
        check("می\u{200c}خواهم، کتاب", "می\u{200c}خواهم ، کتاب");
        check("كِتَابٌ جديد", "كِتَابٌ جديد");
        check("צה\"ל ו־שלום", "צה\"ל ו ־ שלום");
        check("Добрый день, ёлка", "добрый день , ёлка");
        check("καλημέρα κόσμε", "καλημέρα κόσμε");
        check("좋은 영화입니다", "좋은 영화입니다");
        check("这部电影很好。", "这 部 电 影 很 好 。");
        check("映画はスーパーだ", "映 画 は スーパー だ");
        // No space between words, and no dictionary: letters with what belongs to them.
        check("หนังเรื่องนี้", "ห นั ง เ รื่ อ ง นี้");
        check("น้ำ\u{200b}ใจ", "น้ำ ใ จ");
        check("ភាសាខ្មែរ", "ភា សា ខ្មែ រ");
        check(
            "l·l Ελ’ i\u{ad}dea 👩\u{200d}👩\u{200d}👧 🇮🇸🇳🇿 👍🏽!",
            "l·l ελ ' idea 👩\u{200d}👩\u{200d}👧 🇮🇸 🇳🇿 👍🏽 !",
        );
        // Composed and decomposed letters are equal.
        check("ha\u{302}\u{301}p", "hấp");
        assert_eq!(words("\u{1112}\u{1161}\u{11ab}"), ["한"]);
    }

    /// Unicode's own test file: no token crosses a word boundary, and letters with their marks stay together.
    #[test]
    fn words_end_where_unicode_says() {
        let code = |hex| char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap();
        let file = include_str!("../../tests/data/WordBreakTest.txt");
        let rows: Vec<Vec<String>> = file
            .lines()
            .filter(|row| row.starts_with('÷'))
            .map(|row| {
                let segments = row.trim_matches(['÷', ' ']).split(" ÷ ");
                segments.map(|segment| segment.split(" × ").map(code).collect()).collect()
            })
            .collect();
        assert_eq!(rows.len(), 1944);
        for segments in rows {
            let whole = words(&segments.concat());
            let apart: Vec<String> = segments.iter().flat_map(|segment| words(segment)).collect();
            // A run of dots, and a quotation mark of two apostrophes, are one token here.
            let is_ours = whole.iter().any(|token| token == "..." || token == "\"");
            assert!(whole == apart || is_ours, "{segments:?}: {whole:?}, {apart:?}");
            for segment in &segments {
                if segment.starts_with(begins_word) && segment.chars().all(is_letter) {
                    assert_eq!(words(segment), [plain(segment)]);
                }
            }
        }
    }

    #[test]
    fn scripts_without_spaces_are_joined_without() {
        for text in ["这部电影很好。", "映画はスーパーだ", "หนังเรื่องนี้", "यह फिल्म है।", "hello 世界"]
        {
            assert_eq!(words(&join(words(text))), words(text));
        }
        assert_eq!(join(words("这部电影很好。")), "这部电影很好。");
        assert_eq!(join(["コン", "ピュ"]), "コン ピュ", "together they would be one word");
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
        fn joining_keeps_the_tokens(
            text in r#"([a-c3n ]|n't|'s|cannot|[-."'`$%,(:…—’Σİ\u{301}_]|[词はコンหนั้िहש\u{200d}\u{200c}👩。]){0,16}"#,
        ) {
            let tokens = words(&text);
            prop_assert_eq!(words(&join(&tokens)), tokens);
        }

        #[test]
        fn no_token_has_white_space_and_nothing_else_is_lost(text in any::<String>()) {
            let tokens = words(&text);
            prop_assert!(tokens.iter().all(|token| !token.is_empty() && !token.contains(char::is_whitespace)));
            let letters = |text: &str| text.nfd().filter(|&c| c.is_alphanumeric()).collect::<String>();
            // With spaces: adjacent marks of two tokens would be reordered.
            prop_assert_eq!(letters(&tokens.join(" ")), letters(&text.to_lowercase()));
        }
    }
}
