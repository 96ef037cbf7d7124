//! The types of the manifest, and the choice of assets from it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use archive::MemberSpec;
use base::error::{Error, Result};
use base::suggest::did_you_mean;

/// The way of writing that this program reads.
pub const SCHEMA: u32 = 1;
/// A figure such as "17 GB" may be rounded by this much, in either unit of giga: the largest size that is taken for it.
const ROUNDING: f64 = 1.15;

/// Everything that can be fetched or made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What files are fetched for, in the order that they are listed.
    #[serde(rename = "group", default)]
    pub groups: Vec<Group>,
    /// In the order that they are listed.
    #[serde(rename = "asset", default)]
    pub assets: Vec<Asset>,
    /// In the order that they can be made.
    #[serde(rename = "made", default)]
    pub made: Vec<Made>,
    #[serde(rename = "mirror", default)]
    pub(super) mirrors: Vec<Mirror>,
}

/// A purpose.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name on the command line.
    pub name: String,
    /// What it is for.
    pub title: String,
}

/// One published file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Its name on the command line; unique.
    pub name: String,
    /// What it is.
    pub title: String,
    /// What it is needed for.
    pub groups: Vec<String>,
    /// Where it goes, below the workspace.
    pub path: PathBuf,
    /// Where it comes from, in the order to try.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Exact size in bytes.
    pub size: Option<u64>,
    /// Size in bytes as a rounded figure says it.
    pub size_about: Option<u64>,
    /// It cannot be larger.
    pub size_max: Option<u64>,
    /// It cannot be smaller.
    pub size_min: Option<u64>,
    /// Checksums, where published.
    #[serde(flatten)]
    pub checksums: Checksums,
    /// Where sizes and checksums come from.
    #[serde(default)]
    pub known_from: String,
    /// What must be in it.
    pub expect: Option<Expect>,
    /// What it unpacks to.
    #[serde(default)]
    pub unpack: Vec<Unpack>,
    /// Mirrors that a program cannot fetch from.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
    #[serde(default)]
    pub(super) each: Vec<String>,
}

/// Checksums in lower-case hexadecimal; any number of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
pub struct Checksums {
    /// SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// MD5; enough against accidents, not against malice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// SHA-1 that git gives the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_blob: Option<String>,
}

impl Checksums {
    /// What of a file's hashes `found` differs from what is demanded here. One that was not taken is not known to differ,
    /// but see [`not_taken`](Self::not_taken).
    pub fn fault(&self, found: &Self) -> Option<String> {
        self.beside(found).into_iter().find_map(|(what, wanted, found)| match (wanted, found) {
            (Some(wanted), Some(found)) if wanted != found => Some(format!("its {what} is {found}, not {wanted}")),
            _ => None,
        })
    }

    /// The first that is demanded here but is not among a file's hashes `found`: its kind, and what it should be.
    pub fn not_taken<'a>(&'a self, found: &'a Self) -> Option<(&'static str, &'a str)> {
        self.beside(found).into_iter().find_map(|(what, wanted, found)| match (wanted, found) {
            (Some(wanted), None) => Some((what, wanted.as_str())),
            _ => None,
        })
    }

    fn beside<'a>(&'a self, found: &'a Self) -> [(&'static str, Option<&'a String>, Option<&'a String>); 3] {
        [
            ("sha256", self.sha256.as_ref(), found.sha256.as_ref()),
            ("md5", self.md5.as_ref(), found.md5.as_ref()),
            ("git blob", self.git_blob.as_ref(), found.git_blob.as_ref()),
        ]
    }

    /// Whether anything is known.
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.md5.is_none() && self.git_blob.is_none()
    }
}

/// What a file must hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Form of the content; whoever checks it knows the names.
    pub kind: String,
    /// How many rows, entries or files.
    pub count: Option<u64>,
}

/// A member of an archive, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpack {
    /// File name of the member, without the folders that the archive puts it in; for a folder, the name of the folder within
    /// the archive whose content is taken, or empty for everything.
    #[serde(default)]
    pub member: String,
    /// Whether it is a folder.
    #[serde(default)]
    pub folder: bool,
    /// Where it goes, below the workspace.
    pub path: PathBuf,
    /// It cannot be larger, unpacked (a folder: all its files together).
    pub size_max: u64,
    /// It cannot be smaller.
    pub size_min: Option<u64>,
    /// SHA-256 of the member, where known.
    pub sha256: Option<String>,
    /// What must be in it.
    pub expect: Option<Expect>,
}

impl Unpack {
    /// What is known of the member's content.
    pub fn checksums(&self) -> Checksums {
        Checksums { sha256: self.sha256.clone(), ..Checksums::default() }
    }

    /// What is wanted of the archive.
    pub fn wanted(&self) -> MemberSpec {
        MemberSpec { name: self.member.clone(), size_max: self.size_max }
    }
}

/// A mirror that asks for a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// Who keeps it, such as `Google Drive`.
    pub place: String,
    /// The page.
    pub url: String,
    /// What to do there.
    pub how: String,
}

/// Mirrors of many assets that ask for a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mirror {
    /// Assets.
    pub(super) of: Vec<String>,
    pub(super) place: String,
    pub(super) url: String,
    pub(super) how: String,
}

/// A file made from assets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Its name; unique among assets and made files.
    pub name: String,
    /// What it is.
    pub title: String,
    /// What it is needed for.
    pub groups: Vec<String>,
    /// How it is made; whoever makes it knows the names.
    pub rule: String,
    /// Assets that it is made from.
    pub from: Vec<String>,
    /// Where it goes, below the workspace.
    pub path: PathBuf,
    /// SHA-256, where known.
    pub sha256: Option<String>,
    /// What must be in it.
    pub expect: Option<Expect>,
}

impl Asset {
    /// No file larger than this is taken for it; `None` where nothing is known.
    pub fn upper_bound(&self) -> Option<u64> {
        let about = self.size_about.map(|bytes| (bytes as f64 * ROUNDING) as u64);
        self.size.or(self.size_max).or(about)
    }

    /// No file smaller than this is taken for it; `None` where nothing is known.
    pub fn lower_bound(&self) -> Option<u64> {
        let about = self.size_about.map(|bytes| (bytes as f64 / ROUNDING) as u64);
        self.size.or(self.size_min).or(about)
    }

    /// Its size for plans: exact, or what is said of it.
    pub fn likely_size(&self) -> Option<u64> {
        self.size.or(self.size_about).or(self.size_max)
    }

    /// No file smaller than this is taken for what the member `unpack` unpacks to; `None` where nothing is known. Where it is all that the
    /// archive holds, it cannot be smaller than that.
    pub fn lower_bound_of(&self, unpack: &Unpack) -> Option<u64> {
        let alone = self.unpack.len() == 1 && !unpack.folder;
        // What cannot be compressed grows a little in an archive.
        let content = |bytes: u64| bytes.saturating_sub(bytes / 1000 + 4096);
        unpack.size_min.or_else(|| self.lower_bound().filter(|_| alone).map(content))
    }

    /// Bytes that unpacking adds, at most.
    pub fn unpacked_size(&self) -> u64 {
        self.unpack.iter().map(|unpack| unpack.size_max).fold(0, u64::saturating_add)
    }
}

/// What to fetch or make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of groups.
    pub groups: Vec<String>,
    /// Names of assets or made files.
    pub names: Vec<String>,
    /// Everything, whatever is named.
    pub all: bool,
}

impl Manifest {
    /// Returns the manifest compiled into the program.
    ///
    /// # Errors
    /// None but bugs.
    pub fn embedded() -> Result<Self> {
        Self::parse(include_str!("../../../../data/assets.toml"), "data/assets.toml")
    }

    /// Reads and checks a manifest; `origin` names it in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let wrong = |why: String| Error::data(format!("the manifest {origin} is wrong")).because(why);
        let mut manifest: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if manifest.schema != SCHEMA {
            return Err(wrong(format!("its schema is {}, this program reads {SCHEMA}", manifest.schema)));
        }
        manifest.assets = manifest.assets.into_iter().flat_map(Asset::expanded).collect();
        manifest.spread_mirrors().and_then(|()| manifest.check()).map_err(wrong)?;
        Ok(manifest)
    }

    /// The asset of a name.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }

    /// The assets of a selection, in the manifest's order, with those that selected made files are made from.
    ///
    /// # Errors
    /// Usage for a name that is not there, with those that look like it.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Asset>> {
        self.known(selection)?;
        let made: BTreeSet<&str> =
            self.made_of(selection).into_iter().flat_map(|made| made.from.iter().map(String::as_str)).collect();
        let wanted = |asset: &&Asset| selection.takes(&asset.name, &asset.groups) || made.contains(asset.name.as_str());
        Ok(self.assets.iter().filter(wanted).collect())
    }

    /// The made files of a selection, in the order that they can be made.
    ///
    /// # Errors
    /// As [`select`](Self::select).
    pub fn select_made(&self, selection: &Selection) -> Result<Vec<&Made>> {
        self.known(selection)?;
        Ok(self.made_of(selection))
    }

    fn made_of(&self, selection: &Selection) -> Vec<&Made> {
        self.made.iter().filter(|made| selection.takes(&made.name, &made.groups)).collect()
    }

    fn known(&self, selection: &Selection) -> Result<()> {
        for name in &selection.groups {
            if !self.groups.iter().any(|group| group.name == *name) {
                let groups: Vec<_> = self.groups.iter().map(|group| group.name.as_str()).collect();
                let meant = did_you_mean(name, groups.iter().copied()).map_or_else(String::new, |meant| meant + " ");
                return Err(Error::usage(format!("there is no task or group `{name}`"))
                    .next(format!("{meant}choose from {}", groups.join(", "))));
            }
        }
        let names = || self.assets.iter().map(|asset| &asset.name).chain(self.made.iter().map(|made| &made.name));
        for name in &selection.names {
            if !names().any(|known| known == name) {
                let advice = did_you_mean(name, names().map(String::as_str))
                    .unwrap_or_else(|| "repro fetch --list shows all names".to_owned());
                return Err(Error::usage(format!("there is no asset `{name}`")).next(advice));
            }
        }
        Ok(())
    }
}

impl Selection {
    fn takes(&self, name: &str, groups: &[String]) -> bool {
        self.all || self.names.iter().any(|n| n == name) || groups.iter().any(|group| self.groups.contains(group))
    }
}
