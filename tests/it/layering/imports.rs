//! Finds in Rust source what it reaches for: rooms of this crate, and other crates.
//!
//! Works on tokens, not on a resolved program: `use` trees and every path in code, with `super` and
//! `crate` made absolute. Whatever is `#[cfg(test)]` is left out. What a macro of another crate
//! expands to is not seen.

use std::collections::HashSet;
use std::str::FromStr;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The words that begin items.
const ITEMS: [&str; 11] =
    ["use", "fn", "mod", "impl", "struct", "enum", "trait", "type", "const", "static", "macro_rules"];

/// A path that some source names, absolute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// From 1.
    pub line: usize,
    pub path: Path,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Into this crate, below its root.
    Inside(Vec<String>),
    /// To a name that is not declared in the file: another crate, or something imported or built in.
    Outside(Vec<String>),
}

/// What a file holds, as far as layering is concerned.
#[derive(Debug, Default)]
pub struct Source {
    /// In the order of the file.
    pub imports: Vec<Import>,
    /// Modules declared as `#[cfg(test)] mod name;`, as paths below the crate's root.
    pub test_modules: Vec<Vec<String>>,
    /// The whole file is `#![cfg(test)]`.
    pub only_for_tests: bool,
    declared: HashSet<String>,
}

impl Source {
    /// Reads the text of the module that stands at `module` below the crate's root.
    ///
    /// # Errors
    /// The text is not made of Rust's tokens.
    pub fn read(module: &[String], text: &str) -> Result<Self, String> {
        let tokens = TokenStream::from_str(text).map_err(|error| error.to_string())?;
        let mut source = Self::default();
        source.walk(module, &tokens.into_iter().collect::<Vec<_>>());
        // A name that the file declares or imports from this crate hides the crate of that name.
        let Self { imports, declared, .. } = &mut source;
        imports.retain(|import| match &import.path {
            Path::Outside(path) => !declared.contains(&path[0]),
            Path::Inside(_) => true,
        });
        for import in imports {
            if let Path::Outside(path) = &mut import.path
                && path[0].is_empty()
            {
                path.remove(0);
            }
        }
        Ok(source)
    }

    fn walk(&mut self, module: &[String], tokens: &[TokenTree]) {
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                token if is_punct(token, '#') => self.attribute(module, tokens, at),
                TokenTree::Ident(word) if word == "mod" => self.module(module, tokens, at),
                TokenTree::Ident(word) if word == "use" && is_use(tokens, at) => {
                    self.use_tree(module, &[], &tokens[at + 1..]);
                    after_item(tokens, at)
                }
                TokenTree::Group(group) => {
                    self.walk(module, &group.stream().into_iter().collect::<Vec<_>>());
                    at + 1
                }
                _ => self.path(module, tokens, at),
            };
        }
    }

    /// At `#`: steps over test-only items, and into other attributes.
    fn attribute(&mut self, module: &[String], tokens: &[TokenTree], at: usize) -> usize {
        let inner = tokens.get(at + 1).is_some_and(|token| is_punct(token, '!'));
        let Some(TokenTree::Group(group)) = tokens.get(at + 1 + usize::from(inner)) else { return at + 1 };
        if group.stream().to_string().replace(' ', "") != "cfg(test)" {
            return at + 1;
        }
        if inner {
            self.only_for_tests = true;
            return tokens.len();
        }
        let end = after_item(tokens, at + 2);
        let item = &tokens[at + 2..end];
        if let [.., TokenTree::Ident(keyword), TokenTree::Ident(name), last] = item
            && keyword == "mod"
            && is_punct(last, ';')
        {
            self.test_modules.push([module, &[name.to_string()]].concat());
        }
        end
    }

    /// At `mod`: reads an inline module with its own place in the tree.
    fn module(&mut self, module: &[String], tokens: &[TokenTree], at: usize) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else { return at + 1 };
        self.declared.insert(name.to_string());
        if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
            let inside = [module, &[name.to_string()]].concat();
            self.walk(&inside, &body.stream().into_iter().collect::<Vec<_>>());
            return at + 3;
        }
        at + 2
    }

    /// After `use`, or inside its braces: one tree, up to `;` or the end.
    fn use_tree(&mut self, module: &[String], prefix: &[String], tokens: &[TokenTree]) {
        let mut path = prefix.to_vec();
        let mut line = None;
        for (at, token) in tokens.iter().enumerate() {
            line = line.or(Some(token.span().start().line));
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    if let Some(TokenTree::Ident(alias)) = tokens.get(at + 1) {
                        self.bind(&path, &alias.to_string());
                    }
                    break;
                }
                // `fmt::{self}` is `fmt`.
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let trees: Vec<_> = group.stream().into_iter().collect();
                    for tree in trees.split(|token| is_punct(token, ',')).filter(|tree| !tree.is_empty()) {
                        self.use_tree(module, &path, tree);
                    }
                    return;
                }
                token if is_punct(token, ';') => break,
                // `use ::name`: certainly a crate, whatever the file declares.
                token if is_punct(token, ':') && path.is_empty() => path.push(String::new()),
                _ => {}
            }
        }
        if let (Some(line), Some(last)) = (line, path.last().cloned()) {
            self.bind(&path, &last);
            self.add(module, line, path);
        }
    }

    fn bind(&mut self, path: &[String], name: &str) {
        if matches!(path[0].as_str(), "crate" | "self" | "super") {
            self.declared.insert(name.to_owned());
        }
    }

    /// At any other token: a path of two parts or more, if one begins here.
    fn path(&mut self, module: &[String], tokens: &[TokenTree], at: usize) -> usize {
        let mut path = Vec::new();
        let mut end = at;
        if is_separator(tokens, at) {
            path.push(String::new());
            end += 2;
        }
        while let Some(TokenTree::Ident(word)) = tokens.get(end) {
            path.push(word.to_string());
            end += 1;
            if !is_separator(tokens, end) {
                break;
            }
            end += 2;
        }
        // After `<T as Trait>` and `.collect` the rest of a path leads nowhere new.
        let continues = at > 0 && (is_punct(&tokens[at - 1], '>') || is_punct(&tokens[at - 1], '.'));
        if path.len() > 1 && !continues {
            self.add(module, tokens[at].span().start().line, path);
        }
        end.max(at + 1)
    }

    fn add(&mut self, module: &[String], line: usize, path: Vec<String>) {
        let upward = path.iter().take_while(|part| *part == "super" || *part == "self").count();
        let path = if path[0] == "crate" {
            Path::Inside(path[1..].to_vec())
        } else if upward > 0 {
            let supers = path[..upward].iter().filter(|part| *part == "super").count();
            let kept = module.len().saturating_sub(supers);
            Path::Inside([&module[..kept], &path[upward..]].concat())
        } else {
            Path::Outside(path)
        };
        self.imports.push(Import { line, path });
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    matches!(
        tokens.get(at..at + 2),
        Some([TokenTree::Punct(first), second])
            if first.as_char() == ':' && first.spacing() == Spacing::Joint && is_punct(second, ':')
    )
}

/// `use` begins an item, not the capture list `use<'a>` of an `impl Trait`.
fn is_use(tokens: &[TokenTree], at: usize) -> bool {
    !tokens.get(at + 1).is_some_and(|token| is_punct(token, '<'))
}

/// The place after the item, field or variant that begins at `at`.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let mut keyword = None;
    for (end, token) in tokens.iter().enumerate().skip(at) {
        match token {
            TokenTree::Ident(word) if keyword.is_none() => {
                keyword = ITEMS.into_iter().find(|item| word == item);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && keyword != Some("use") => {
                return end + 1;
            }
            token if is_punct(token, ';') => return end + 1,
            // Fields and variants end so; in an item it may stand between generic parameters.
            token if is_punct(token, ',') && keyword.is_none() => return end + 1,
            _ => {}
        }
    }
    tokens.len()
}
