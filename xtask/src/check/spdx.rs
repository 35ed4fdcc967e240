//! Evaluates SPDX licence expressions: may a crate be used when only certain licences are allowed?
//!
//! `AND` binds closer than `OR`, `WITH` closest. The old `MIT/Apache-2.0` means `OR`.

use anyhow::{Result, bail, ensure};

/// True when the expression can be met with allowed licences only. `X WITH Y` must be allowed as a whole.
pub fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut parser = Parser {
        words: spaced.split_whitespace().collect(),
        next: 0,
        allowed,
    };
    let verdict = parser.any_of()?;
    ensure!(
        parser.peek().is_none(),
        "unexpected {:?}",
        parser.peek().unwrap_or_default()
    );
    Ok(verdict)
}

struct Parser<'a> {
    words: Vec<&'a str>,
    next: usize,
    allowed: &'a [String],
}

impl<'a> Parser<'a> {
    fn any_of(&mut self) -> Result<bool> {
        let mut verdict = self.all_of()?;
        while self.take("OR") {
            verdict |= self.all_of()?;
        }
        Ok(verdict)
    }

    fn all_of(&mut self) -> Result<bool> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Ok(verdict)
    }

    fn one(&mut self) -> Result<bool> {
        if self.take("(") {
            let verdict = self.any_of()?;
            ensure!(self.take(")"), "a parenthesis is not closed");
            return Ok(verdict);
        }
        let licence = self.name()?;
        if self.take("WITH") {
            let both = format!("{licence} WITH {}", self.name()?);
            return Ok(self.allowed.contains(&both));
        }
        Ok(self.allowed.iter().any(|allowed| allowed == licence))
    }

    fn name(&mut self) -> Result<&'a str> {
        match self.peek() {
            None => bail!("a licence is missing at the end"),
            Some(word @ ("AND" | "OR" | "WITH" | "(" | ")")) => {
                bail!("{word} where a licence should be")
            }
            Some(word) => {
                self.next += 1;
                Ok(word)
            }
        }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.next += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expression: &str) -> Result<bool> {
        let allowed = [
            "MIT",
            "Apache-2.0",
            "Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ];
        is_allowed(expression, &allowed.map(str::to_owned))
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-2.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "(GPL-2.0-only OR (MIT))",
            "Apache-2.0 WITH LLVM-exception OR Zlib",
        ] {
            assert_eq!(verdict(good).ok(), Some(true), "{good}");
        }
        for bad in [
            "GPL-2.0-only",
            "MIT AND Zlib",
            "MIT AND (Zlib OR BSL-1.0)",
            "MIT WITH LLVM-exception",
        ] {
            assert_eq!(verdict(bad).ok(), Some(false), "{bad}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert_eq!(verdict("MIT OR MIT AND Zlib").ok(), Some(true));
        assert_eq!(verdict("(MIT OR MIT) AND Zlib").ok(), Some(false));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for wrong in [
            "",
            "MIT OR",
            "MIT Apache-2.0",
            "(MIT",
            "MIT)",
            "AND MIT",
            "MIT WITH",
        ] {
            assert!(verdict(wrong).is_err(), "{wrong}");
        }
    }
}
