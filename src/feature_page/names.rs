//! Names of object and attribute classes, from files of one name per line.

use std::path::Path;

use base::error::{Error, Result};
use base::files;
use base::format::number_of;

/// Most bytes of a file of names; the published ones have 13 kB.
const LIMIT: u64 = 1 << 20;
/// Most characters of a name that is shown.
const LONGEST: usize = 60;

/// The names of classes, by class id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassNames {
    objects: Vec<String>,
    attributes: Vec<String>,
    told: String,
}

impl ClassNames {
    /// Creates names from lists in the order of the class ids. `told` says where they come from, or how to get them.
    pub fn new(objects: Vec<String>, attributes: Vec<String>, told: impl Into<String>) -> Self {
        Self { objects, attributes, told: told.into() }
    }

    /// Reads names from files: line N, counted from 0, has the name of class N. Other names of a class, behind a comma, are left out.
    ///
    /// # Errors
    /// Data if a file is missing, too large, or holds no name.
    pub fn read(objects: Option<&Path>, attributes: Option<&Path>) -> Result<Self> {
        let mut told = Vec::new();
        let mut read = |what: &str, path: Option<&Path>| -> Result<Vec<String>> {
            let Some(path) = path else {
                told.push(format!("{what}s are shown by number"));
                return Ok(Vec::new());
            };
            let names = read_names(path)?;
            told.push(format!("{} are named by {}", number_of(names.len() as u64, what), path.display()));
            Ok(names)
        };
        let (objects, attributes) = (read("object", objects)?, read("attribute", attributes)?);
        Ok(Self::new(objects, attributes, format!("{}.", told.join(", "))))
    }

    /// Returns the name of an object class; its number if it has none.
    pub fn object(&self, id: i64) -> String {
        named(&self.objects, id)
    }

    /// Returns the name of an attribute class; its number if it has none.
    pub fn attribute(&self, id: i64) -> String {
        named(&self.attributes, id)
    }

    /// Says where the names come from, or how to get them.
    pub fn told(&self) -> &str {
        &self.told
    }
}

fn named(names: &[String], id: i64) -> String {
    let name = usize::try_from(id).ok().and_then(|id| names.get(id)).filter(|name| !name.is_empty());
    name.map_or_else(|| format!("class {id}"), Clone::clone)
}

fn read_names(path: &Path) -> Result<Vec<String>> {
    let text = files::read_text(path, LIMIT)?;
    let names: Vec<String> = text.lines().map(first_name).collect();
    match names.iter().any(|name| !name.is_empty()) {
        true => Ok(names),
        false => Err(Error::data(format!("{} holds no names", path.display()))
            .next("name a text file with one name per line, in the order of the class ids")),
    }
}

fn first_name(line: &str) -> String {
    let name = line.split(',').next().unwrap_or_default().trim();
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_class() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("objects.txt");
        std::fs::write(&path, format!("yolk\r\ncat,kitten\n\n{}\n", "é".repeat(70))).unwrap();
        let names = ClassNames::read(Some(&path), None).unwrap();
        let found: Vec<_> = [0, 1, 2, 4, -1].map(|id| names.object(id)).into();
        assert_eq!(found, ["yolk", "cat", "class 2", "class 4", "class -1"]);
        assert_eq!(names.object(3).chars().count(), 61);
        assert_eq!(names.attribute(0), "class 0");
        assert_eq!(names.told(), format!("4 objects are named by {}, attributes are shown by number.", path.display()));
        std::fs::write(&path, "\n\n").unwrap();
        let error = ClassNames::read(None, Some(&path)).unwrap_err();
        assert!(error.to_string().contains("holds no names"), "{error}");
    }
}
