//! The manifest: every published file with its sources, size and checksums; and the files made from them.
//!
//! ```toml
//! schema = 1
//!
//! [[group]]
//! name = "vqa"
//! title = "VQA v2.0: fine-tune and score on minival"
//!
//! [[asset]]
//! name = "vqa-minival"                       # on the command line
//! title = "minival questions"
//! groups = ["vqa"]
//! path = "data/vqa/minival.json"             # below the workspace
//! urls = ["https://…", "file:///…"]          # tried in this order
//! size = 123                                 # exact; or size_about = …, from a rounded figure; also size_min, size_max
//! sha256 = "…"                               # and/or md5, git_blob (SHA-1 of `blob SIZE\0` and the content)
//! known_from = "where sizes and checksums come from"
//! expect = { kind = "json-list", count = 25994 }
//! each = ["01", "02"]                        # optional: one asset for each; it replaces `{}` in name, path, urls
//!
//! [[asset.by_hand]]                          # a mirror with files to download by hand
//! place = "Google Drive"
//! url = "https://…"
//! how = "open it in a browser, then: repro fetch --from FOLDER"
//!
//! [[mirror]]                                 # like by_hand, for several assets
//! of = ["vqa-minival"]
//! place = "Google Drive"
//! url = "https://…"
//! how = "…"
//!
//! [[asset.unpack]]                           # a member of the archive, by file name, in any folder of the archive
//! member = "a_obj36.tsv"                     # or folder = true: all members, below `path`
//! path = "data/a/a_obj36.tsv"
//! size_max = 32714351506
//! size_min = 32711785233                     # optional
//! expect = { kind = "obj36", count = 82783 }
//!
//! [[made]]                                   # a file made from others
//! name = "nlvr2-valid"
//! title = "…"
//! groups = ["nlvr2"]
//! rule = "nlvr2"                             # interpreted by the code that makes it
//! from = ["nlvr2-official-dev"]              # assets
//! path = "data/nlvr2/valid.json"
//! sha256 = "…"
//! expect = { kind = "json-list", count = 6982 }
//! ```

mod check;
mod table;
#[cfg(test)]
mod tests;

use table::Mirror;

pub use table::{Asset, ByHand, Checksums, Expect, Group, Made, Manifest, SCHEMA, Selection, Unpack};
