//! The types of the manifest, and the choice of assets from it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use archive::MemberSpec;
use base::error::{Error, Result};
use base::suggest::did_you_mean;

/// Supported schema of the manifest.
pub const SCHEMA: u32 = 1;
/// Maximum ratio of the exact size to a rounded figure such as "17 GB", in decimal or binary units.
const ROUNDING: f64 = 1.15;

/// All files that can be fetched or made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Groups of files, in the order of `--list`.
    #[serde(rename = "group", default)]
    pub groups: Vec<Group>,
    /// Published files, in the order of `--list`.
    #[serde(rename = "asset", default)]
    pub assets: Vec<Asset>,
    /// Files made from others, in the order that they can be made.
    #[serde(rename = "made", default)]
    pub made: Vec<Made>,
    #[serde(rename = "mirror", default)]
    pub(super) mirrors: Vec<Mirror>,
}

/// A group of files that serve one purpose.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name on the command line.
    pub name: String,
    /// Its purpose.
    pub title: String,
}

/// A published file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Unique name on the command line.
    pub name: String,
    /// Short description.
    pub title: String,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// Path below the workspace.
    pub path: PathBuf,
    /// Sources, tried in this order.
    #[serde(default)]
    pub urls: Vec<String>,
    /// Exact size in bytes.
    pub size: Option<u64>,
    /// Size in bytes from a rounded figure.
    pub size_about: Option<u64>,
    /// Maximum size in bytes.
    pub size_max: Option<u64>,
    /// Minimum size in bytes.
    pub size_min: Option<u64>,
    /// Published checksums.
    #[serde(flatten)]
    pub checksums: Checksums,
    /// Origin of sizes and checksums.
    #[serde(default)]
    pub known_from: String,
    /// Expected content.
    pub expect: Option<Expect>,
    /// Members to unpack.
    #[serde(default)]
    pub unpack: Vec<Unpack>,
    /// Mirrors to download from by hand.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
    #[serde(default)]
    pub(super) each: Vec<String>,
}

/// Any number of checksums of a file, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
pub struct Checksums {
    /// SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// MD5; protects against accidents, not against attacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// Git's SHA-1 of the content as a blob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_blob: Option<String>,
}

impl Checksums {
    /// Returns how a file's hashes `found` differ from these checksums; `None` if they match. Hashes that were not computed
    /// are ignored; see [`first_missing`](Self::first_missing).
    pub fn mismatch(&self, found: &Self) -> Option<String> {
        self.pairs(found).into_iter().find_map(|(what, wanted, found)| match (wanted, found) {
            (Some(wanted), Some(found)) if wanted != found => Some(format!("its {what} is {found}, not {wanted}")),
            _ => None,
        })
    }

    /// Returns the kind and value of the first checksum that is missing among a file's hashes `found`.
    pub fn first_missing<'a>(&'a self, found: &'a Self) -> Option<(&'static str, &'a str)> {
        self.pairs(found).into_iter().find_map(|(what, wanted, found)| match (wanted, found) {
            (Some(wanted), None) => Some((what, wanted.as_str())),
            _ => None,
        })
    }

    fn pairs<'a>(&'a self, found: &'a Self) -> [(&'static str, Option<&'a String>, Option<&'a String>); 3] {
        [
            ("sha256", self.sha256.as_ref(), found.sha256.as_ref()),
            ("md5", self.md5.as_ref(), found.md5.as_ref()),
            ("git blob", self.git_blob.as_ref(), found.git_blob.as_ref()),
        ]
    }

    /// Returns whether there is no checksum.
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.md5.is_none() && self.git_blob.is_none()
    }
}

/// The expected content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Format of the content; interpreted by the code that checks it.
    pub kind: String,
    /// Number of rows, entries or files.
    pub count: Option<u64>,
}

/// A member of an archive, or a folder of members.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpack {
    /// File name of the member, without its folders in the archive. For a folder: the name of the folder in the archive
    /// whose content is unpacked, or empty for everything.
    #[serde(default)]
    pub member: String,
    /// Whether it is a folder.
    #[serde(default)]
    pub folder: bool,
    /// Path below the workspace.
    pub path: PathBuf,
    /// Maximum unpacked size in bytes; for a folder, of all its files together.
    pub size_max: u64,
    /// Minimum unpacked size in bytes.
    pub size_min: Option<u64>,
    /// SHA-256 of the member, if known.
    pub sha256: Option<String>,
    /// Expected content.
    pub expect: Option<Expect>,
}

impl Unpack {
    /// Returns the checksums of the member.
    pub fn checksums(&self) -> Checksums {
        Checksums { sha256: self.sha256.clone(), ..Checksums::default() }
    }

    /// Returns the member as the archive reader wants it.
    pub fn member_spec(&self) -> MemberSpec {
        MemberSpec { name: self.member.clone(), size_max: self.size_max }
    }
}

/// A mirror from which a file must be downloaded by hand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByHand {
    /// Name of the mirror, such as `Google Drive`.
    pub place: String,
    /// URL of the page.
    pub url: String,
    /// Instructions.
    pub how: String,
}

/// A mirror from which several assets must be downloaded by hand.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mirror {
    /// Names of the assets.
    pub(super) of: Vec<String>,
    pub(super) place: String,
    pub(super) url: String,
    pub(super) how: String,
}

/// A file made from assets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Name, unique among assets and made files.
    pub name: String,
    /// Short description.
    pub title: String,
    /// Names of its groups.
    pub groups: Vec<String>,
    /// Rule by which it is made; interpreted by the code that makes it.
    pub rule: String,
    /// Names of the assets that it is made from.
    pub from: Vec<String>,
    /// Path below the workspace.
    pub path: PathBuf,
    /// SHA-256, if known.
    pub sha256: Option<String>,
    /// Expected content.
    pub expect: Option<Expect>,
}

impl Asset {
    /// Returns the maximum size of this file; `None` if nothing is known.
    pub fn upper_bound(&self) -> Option<u64> {
        let about = self.size_about.map(|bytes| (bytes as f64 * ROUNDING) as u64);
        self.size.or(self.size_max).or(about)
    }

    /// Returns the minimum size of this file; `None` if nothing is known.
    pub fn lower_bound(&self) -> Option<u64> {
        let about = self.size_about.map(|bytes| (bytes as f64 / ROUNDING) as u64);
        self.size.or(self.size_min).or(about)
    }

    /// Returns its size for plans: exact, rounded, or the maximum.
    pub fn likely_size(&self) -> Option<u64> {
        self.size.or(self.size_about).or(self.size_max)
    }

    /// Returns the minimum size of the unpacked member `unpack`; `None` if nothing is known. The only member of an archive
    /// cannot be smaller than the archive.
    pub fn lower_bound_of(&self, unpack: &Unpack) -> Option<u64> {
        let alone = self.unpack.len() == 1 && !unpack.folder;
        // Incompressible data grows a little in an archive.
        let content = |bytes: u64| bytes.saturating_sub(bytes / 1000 + 4096);
        unpack.size_min.or_else(|| self.lower_bound().filter(|_| alone).map(content))
    }

    /// Returns the maximum number of bytes that unpacking adds.
    pub fn unpacked_size(&self) -> u64 {
        self.unpack.iter().map(|unpack| unpack.size_max).fold(0, u64::saturating_add)
    }
}

/// The files to fetch or make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of groups.
    pub groups: Vec<String>,
    /// Names of assets or made files.
    pub names: Vec<String>,
    /// Whether all files are selected.
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

    /// Parses and checks a manifest; `origin` names it in errors.
    ///
    /// # Errors
    /// Data for another schema or an invalid entry.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let wrong = |why: String| Error::data(format!("the manifest {origin} is invalid")).because(why);
        let mut manifest: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if manifest.schema != SCHEMA {
            return Err(wrong(format!("its schema is {}, this program supports {SCHEMA}", manifest.schema)));
        }
        manifest.assets = manifest.assets.into_iter().flat_map(Asset::expanded).collect();
        manifest.assign_mirrors().and_then(|()| manifest.check()).map_err(wrong)?;
        Ok(manifest)
    }

    /// Returns the asset with a name.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }

    /// Returns the assets of a selection, in the manifest's order, and those that selected made files are made from.
    ///
    /// # Errors
    /// Usage for an unknown name, with similar ones.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Asset>> {
        self.known(selection)?;
        let made: BTreeSet<&str> =
            self.made_of(selection).into_iter().flat_map(|made| made.from.iter().map(String::as_str)).collect();
        let wanted = |asset: &&Asset| selection.takes(&asset.name, &asset.groups) || made.contains(asset.name.as_str());
        Ok(self.assets.iter().filter(wanted).collect())
    }

    /// Returns the made files of a selection, in the order that they can be made.
    ///
    /// # Errors
    /// Usage for an unknown name, with similar ones.
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
                    .unwrap_or_else(|| "run `repro fetch --list` to see all names".to_owned());
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
