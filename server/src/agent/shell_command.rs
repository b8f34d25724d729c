//! Takes a shell command line apart, as far as it is simple enough to be judged. Pure.
//!
//! This is no shell: whatever it does not know for certain, it refuses.

/// A program with its arguments and files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// The program and its arguments, quotes removed.
    pub words: Vec<Word>,
    /// Files that output goes to or input comes from.
    pub files: Vec<Word>,
}

/// One word, quotes removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Whether the shell would put a variable or the home directory into it.
    pub is_expanded: bool,
}

/// Why a command line is not simple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSimple {
    /// `$(…)`, backticks, `<(…)`.
    #[error("it runs a command inside another one")]
    Substitution,
    /// `( … )`
    #[error("it uses parentheses")]
    Subshell,
    /// `&`
    #[error("it runs in the background")]
    Background,
    /// `<<`
    #[error("it contains a here-document; write files with the Write tool")]
    HereDocument,
    /// A quote has no end.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A redirection without a file, an empty command between operators.
    #[error("it is incomplete")]
    Incomplete,
}

/// The simple commands of a line, which may be joined by `&&`, `||`, `;`, `|` and line breaks.
pub fn split(line: &str) -> Result<Vec<SimpleCommand>, NotSimple> {
    let mut reader = Reader {
        rest: line,
        commands: Vec::new(),
        ..Reader::default()
    };
    while let Some(next) = reader.peek() {
        reader.take(next)?;
    }
    reader.end_command()?;
    Ok(reader.commands)
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a str,
    word: Option<Word>,
    /// The next word is a file.
    redirected: bool,
    command: SimpleCommand,
    commands: Vec<SimpleCommand>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn take(&mut self, next: char) -> Result<(), NotSimple> {
        match next {
            ' ' | '\t' | '\r' => {
                self.bump();
                self.end_word();
            }
            '\n' | ';' => {
                self.bump();
                self.end_command()?;
            }
            '|' | '&' => self.operator()?,
            '<' | '>' => self.redirection()?,
            '(' | ')' => return Err(NotSimple::Subshell),
            '#' if self.word.is_none() => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            }
            '\'' => self.single_quoted()?,
            '"' => self.double_quoted()?,
            '\\' => self.escaped(),
            '`' => return Err(NotSimple::Substitution),
            '$' => self.dollar()?,
            _ => {
                let is_home = next == '~' && self.word.is_none();
                self.bump();
                let word = self.word();
                word.is_expanded |= is_home;
                word.text.push(next);
            }
        }
        Ok(())
    }

    fn operator(&mut self) -> Result<(), NotSimple> {
        if self.skip("&>>") || self.skip("&>") {
            self.end_word();
            return self.expect_file();
        }
        if self.skip("&&") || self.skip("||") || self.skip("|&") || self.skip("|") {
            if self.word.is_none() && self.command.words.is_empty() {
                return Err(NotSimple::Incomplete);
            }
            return self.end_command();
        }
        Err(NotSimple::Background)
    }

    fn redirection(&mut self) -> Result<(), NotSimple> {
        if self.rest.starts_with("<<") {
            return Err(NotSimple::HereDocument);
        }
        if self.rest.starts_with("<(") || self.rest.starts_with(">(") {
            return Err(NotSimple::Substitution);
        }
        // `2>`: the number belongs to the redirection.
        let is_number = |word: &Word| word.text.bytes().all(|byte| byte.is_ascii_digit());
        if self.word.take_if(|word| is_number(word)).is_none() {
            self.end_word();
        }
        if self.skip(">&") || self.skip("<&") {
            let descriptor =
                self.rest.len() - self.rest.trim_start_matches(['0', '1', '2', '-']).len();
            self.rest = &self.rest[descriptor..];
            return if descriptor == 1 {
                Ok(())
            } else {
                self.expect_file()
            };
        }
        if !(self.skip(">>") || self.skip(">|") || self.skip("<>")) {
            self.bump();
        }
        self.expect_file()
    }

    fn expect_file(&mut self) -> Result<(), NotSimple> {
        if std::mem::replace(&mut self.redirected, true) {
            return Err(NotSimple::Incomplete);
        }
        Ok(())
    }

    fn single_quoted(&mut self) -> Result<(), NotSimple> {
        self.bump();
        let end = self.rest.find('\'').ok_or(NotSimple::OpenQuote)?;
        let (text, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.word.get_or_insert_default().text.push_str(text);
        self.rest = rest;
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), NotSimple> {
        self.bump();
        self.word();
        loop {
            match self.peek().ok_or(NotSimple::OpenQuote)? {
                '"' => {
                    self.bump();
                    return Ok(());
                }
                '`' => return Err(NotSimple::Substitution),
                '$' => self.dollar()?,
                '\\' => self.escaped(),
                other => {
                    self.bump();
                    self.word().text.push(other);
                }
            }
        }
    }

    fn escaped(&mut self) {
        self.bump();
        match self.bump() {
            // A line that goes on.
            Some('\n') | None => {}
            Some(other) => self.word().text.push(other),
        }
    }

    fn dollar(&mut self) -> Result<(), NotSimple> {
        self.bump();
        if self.peek() == Some('(') {
            return Err(NotSimple::Substitution);
        }
        let word = self.word();
        word.is_expanded = true;
        word.text.push('$');
        Ok(())
    }

    fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if std::mem::take(&mut self.redirected) {
            self.command.files.push(word);
        } else {
            self.command.words.push(word);
        }
    }

    fn end_command(&mut self) -> Result<(), NotSimple> {
        self.end_word();
        if self.redirected {
            return Err(NotSimple::Incomplete);
        }
        let command = std::mem::take(&mut self.command);
        if !command.words.is_empty() || !command.files.is_empty() {
            self.commands.push(command);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &str) -> String {
        let words = |words: &[Word]| {
            words
                .iter()
                .map(|word| word.text.clone())
                .collect::<Vec<_>>()
                .join("·")
        };
        match split(line) {
            Ok(commands) => commands
                .iter()
                .map(|command| format!("{} > {}", words(&command.words), words(&command.files)))
                .map(|command| command.trim_end_matches([' ', '>']).to_owned())
                .collect::<Vec<_>>()
                .join(" | "),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn simple_lines_are_taken_apart() {
        for (line, expected) in [
            ("ls -la", "ls·-la"),
            ("a && b || c; d | e\nf", "a | b | c | d | e | f"),
            ("echo 'a && b' \"c; d\" e\\ f", "echo·a && b·c; d·e f"),
            ("x > out 2>&1 < in", "x > out·in"),
            ("x 2> err >>log", "x > err·log"),
            ("x &> all", "x > all"),
            ("a2>b", "a2 > b"),
            ("x \\\n  y # comment\nz", "x·y | z"),
            ("mkdir -p src/{a,b} '' x#y", "mkdir·-p·src/{a,b}··x#y"),
            ("echo $HOME", "echo·$HOME"),
            ("  ", ""),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
        assert!(split("cat ~/x").unwrap()[0].words[1].is_expanded);
        assert!(split("cat \"$X\"").unwrap()[0].words[1].is_expanded);
        assert!(!split("cat '$X'").unwrap()[0].words[1].is_expanded);
    }

    #[test]
    fn what_is_not_simple_is_refused() {
        for (line, expected) in [
            ("echo $(rm x)", "Substitution"),
            ("echo \"$(rm x)\"", "Substitution"),
            ("echo `rm x`", "Substitution"),
            ("echo \"`rm x`\"", "Substitution"),
            ("diff <(a) b", "Substitution"),
            ("(cd x; ls)", "Subshell"),
            ("f() { ls; }", "Subshell"),
            ("sleep 5 &", "Background"),
            ("cat <<EOF\nx\nEOF", "HereDocument"),
            ("cat <<< x", "HereDocument"),
            ("echo 'x", "OpenQuote"),
            ("echo \"x", "OpenQuote"),
            ("echo >", "Incomplete"),
            ("echo > > x", "Incomplete"),
            ("| rm", "Incomplete"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in any::<String>()) {
            split(&line).ok();
        }

        #[test]
        fn quoting_hides_everything(text in "[^']{0,30}") {
            let commands = split(&format!("echo '{text}'")).unwrap();
            prop_assert_eq!(commands.len(), 1);
            prop_assert_eq!(&commands[0].words[1].text, &text);
        }
    }
}
