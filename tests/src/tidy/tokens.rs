//! Splits Rust source into words, signs, literals and comments, with their lines.
//!
//! As much of a lexer as the rules need: it knows where a comment and a string begin and end, so
//! that a rule never mistakes a sentence for code. It never judges whether the source is correct;
//! the compiler does.

#[cfg(test)]
mod tests;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or a keyword.
    Word,
    /// A string literal; the text is what stands between the quotes, escapes untouched.
    Text,
    /// A number, a character or a lifetime: of no interest to any rule.
    Other,
    /// Punctuation: one character, or `::`.
    Sign,
    /// A comment with its slashes, doc comments included.
    Comment,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
    /// The line that it begins on, from 1.
    pub line: usize,
}

impl Token<'_> {
    /// Whether this is the sign `text`.
    pub fn is_sign(&self, text: &str) -> bool {
        self.kind == Kind::Sign && self.text == text
    }

    /// Whether this is the word `text`.
    pub fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }
}

/// All tokens of a source text.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            line += usize::from(first == '\n');
            continue;
        }
        let (kind, length) = next(rest, first);
        let whole = &rest[..length];
        let shown = if kind == Kind::Text {
            between_quotes(whole)
        } else {
            whole
        };
        found.push(Token {
            kind,
            text: shown,
            line,
        });
        line += whole.matches('\n').count();
        at += length;
    }
    found
}

/// The tokens that are no comments.
pub fn code(text: &str) -> Vec<Token<'_>> {
    let mut all = tokens(text);
    all.retain(|token| token.kind != Kind::Comment);
    all
}

/// Kind and length in bytes of the token that `rest` begins with.
fn next(rest: &str, first: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        (Kind::Comment, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (Kind::Comment, block_comment(rest))
    } else if let Some(length) = string(rest) {
        (Kind::Text, length)
    } else if first == '\'' {
        (Kind::Other, character_or_lifetime(rest))
    } else if first.is_alphabetic() || first == '_' {
        (Kind::Word, length_while(rest, is_word_char))
    } else if first.is_ascii_digit() {
        (Kind::Other, length_while(rest, is_word_char))
    } else if rest.starts_with("::") {
        (Kind::Sign, 2)
    } else {
        (Kind::Sign, first.len_utf8())
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn length_while(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a string literal of any kind (plain, byte, C, raw); none if there is none here.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = length_while(after, |c| c == '#');
    if hashes > 0 && !prefix.ends_with('r') {
        return None;
    }
    let body = prefix.len() + hashes + 1;
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = rest[body..].find(&end).map(|found| found + end.len());
        return Some(length.map_or(rest.len(), |length| body + length));
    }
    Some(body + until_quote(&rest[body..], '"'))
}

/// The length up to and including an unescaped quote.
fn until_quote(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    let (first, second) = (chars.next(), chars.next());
    if first == Some('\\') || second == Some('\'') {
        1 + until_quote(&rest[1..], '\'')
    } else {
        1 + length_while(&rest[1..], is_word_char)
    }
}

fn between_quotes(whole: &str) -> &str {
    let start = whole.find('"').map_or(0, |at| at + 1);
    let end = whole.rfind('"').filter(|end| *end >= start);
    &whole[start..end.unwrap_or(whole.len())]
}
