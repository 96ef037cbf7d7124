//! From files to the network's input.

use std::sync::mpsc::SyncSender;

use base::error::Result;
use lxmert::model::butd::input::{InputBlob, TestScale, input_blob};
use pictures::Picture;
use protocol::{Extract, RefusedImage};

use super::refuse;

/// A picture that is ready for the network.
pub(super) struct Decoded {
    pub(super) id: String,
    /// Height in pixels of the original picture.
    pub(super) height: usize,
    /// Width in pixels of the original picture.
    pub(super) width: usize,
    pub(super) blob: InputBlob,
}

/// Decodes the images in order, until nobody takes them. Returns those that cannot be decoded.
pub(super) fn decode_all(job: &Extract, scale: TestScale, network: &SyncSender<Decoded>) -> Vec<RefusedImage> {
    let mut refused = Vec::new();
    for image in &job.images {
        let decoded = match pictures::read(&job.root.join(&image.path)) {
            Ok(picture) => decoded(&image.id, &picture, scale),
            Err(error) => {
                refused.push(refuse::unread(&image.id, &error));
                continue;
            }
        };
        match decoded {
            Ok(decoded) => {
                if network.send(decoded).is_err() {
                    break;
                }
            }
            Err(error) => refused.push(refuse::unusable(&image.id, &error)),
        }
    }
    refused
}

fn decoded(id: &str, picture: &Picture, scale: TestScale) -> Result<Decoded> {
    let Picture { width, height, ref bgr } = *picture;
    Ok(Decoded { id: id.to_owned(), height, width, blob: input_blob(bgr, height, width, scale)? })
}
