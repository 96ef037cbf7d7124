//! Checks a manifest and expands its shorthands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::{Asset, ByHand, Manifest, Mirror};

impl Manifest {
    /// Adds each `[[mirror]]` to its assets.
    pub(super) fn assign_mirrors(&mut self) -> Result<(), String> {
        for Mirror { of, place, url, how } in std::mem::take(&mut self.mirrors) {
            for name in of {
                let Some(asset) = self.assets.iter_mut().find(|asset| asset.name == name) else {
                    return Err(format!("{place} is a mirror of `{name}`, which does not exist"));
                };
                asset.by_hand.push(ByHand { place: place.clone(), url: url.clone(), how: how.clone() });
            }
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let groups: BTreeSet<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        let mut names = BTreeSet::new();
        let mut places: BTreeMap<&Path, &str> = BTreeMap::new();
        let assets = self.assets.iter().map(|asset| (&asset.name, &asset.groups));
        let made = self.made.iter().map(|made| (&made.name, &made.groups));
        for (name, of) in assets.chain(made) {
            let proper = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(proper) {
                return Err(format!("`{name}` is not a valid name"));
            }
            if !names.insert(name) {
                return Err(format!("the name `{name}` occurs twice"));
            }
            if let Some(group) = of.iter().find(|group| !groups.contains(group.as_str())) {
                return Err(format!("`{name}` is in the group `{group}`, which does not exist"));
            }
        }
        for asset in &self.assets {
            asset.check().map_err(|why| format!("`{}`: {why}", asset.name))?;
            for path in std::iter::once(&asset.path).chain(asset.unpack.iter().map(|unpack| &unpack.path)) {
                occupy(&mut places, path, &asset.name)?;
            }
        }
        for made in &self.made {
            occupy(&mut places, &made.path, &made.name)?;
            digits("sha256", made.sha256.as_deref(), 64)?;
            if let Some(from) = made.from.iter().find(|from| self.asset(from).is_none()) {
                return Err(format!("`{}` is made from `{from}`, which does not exist", made.name));
            }
        }
        Ok(())
    }
}

fn occupy<'a>(places: &mut BTreeMap<&'a Path, &'a str>, path: &'a Path, name: &'a str) -> Result<(), String> {
    let plain = |part: Component| matches!(part, Component::Normal(_));
    if path.as_os_str().is_empty() || !path.components().all(plain) || path.to_str().is_none() {
        return Err(format!("`{name}`: the path {} is not below the workspace", path.display()));
    }
    match places.insert(path, name) {
        Some(other) => Err(format!("`{name}` and `{other}` have the same path {}", path.display())),
        None => Ok(()),
    }
}

fn digits(what: &str, text: Option<&str>, count: usize) -> Result<(), String> {
    let proper = |text: &str| text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text {
        Some(text) if !proper(text) => Err(format!("{what} `{text}` is not {count} lower-case hexadecimal digits")),
        _ => Ok(()),
    }
}

impl Asset {
    fn check(&self) -> Result<(), String> {
        digits("sha256", self.checksums.sha256.as_deref(), 64)?;
        digits("md5", self.checksums.md5.as_deref(), 32)?;
        digits("git_blob", self.checksums.git_blob.as_deref(), 40)?;
        if self.urls.is_empty() && self.by_hand.is_empty() {
            return Err("it has no source: add urls or by_hand".into());
        }
        for url in &self.urls {
            if !["https://", "http://", "file:///"].iter().any(|scheme| url.starts_with(scheme)) {
                return Err(format!("`{url}` is not an http, https or file URL"));
            }
        }
        for unpack in &self.unpack {
            digits("sha256", unpack.sha256.as_deref(), 64)?;
            if unpack.size_min.is_some_and(|least| least > unpack.size_max) {
                return Err(format!("{} has a size_min above its size_max", unpack.path.display()));
            }
            if (unpack.member.is_empty() && !unpack.folder) || unpack.member.contains(['/', '\\', '\0']) {
                return Err(format!("`{}` is not a file name", unpack.member));
            }
        }
        Ok(())
    }

    /// Returns one asset for each entry of `each`; the asset itself without any.
    pub(super) fn expanded(self) -> Vec<Self> {
        if self.each.is_empty() {
            return vec![self];
        }
        let fill = |text: &str, each: &str| text.replace("{}", each);
        let one = |each: &String| Self {
            name: fill(&self.name, each),
            title: fill(&self.title, each),
            path: fill(&self.path.to_string_lossy(), each).into(),
            urls: self.urls.iter().map(|url| fill(url, each)).collect(),
            each: Vec::new(),
            ..self.clone()
        };
        self.each.iter().map(one).collect()
    }
}
