//! The network's part, and the proposals between its two halves.

use std::sync::mpsc::{Receiver, SyncSender};

use base::error::{Error, Result};
use lxmert::model::butd::Detector;
use lxmert::model::butd::detected::{HeadTensors, RpnTensors, too_small};
use lxmert::model::butd::nms::PixelBox;
use lxmert::model::butd::proposal::ImageInfo;
use protocol::RefusedImage;
use tch::Tensor;

use super::decode::Decoded;
use super::refuse;

/// What the network says about a whole picture.
pub(super) struct Proposing {
    outputs: RpnTensors,
    info: ImageInfo,
}

/// A picture of which everything is computed, but no boxes are chosen.
pub(super) struct Headed {
    pub(super) id: String,
    /// Height in pixels of the original picture.
    pub(super) height: usize,
    /// Width in pixels of the original picture.
    pub(super) width: usize,
    /// Resized length by original length.
    pub(super) scale: f64,
    /// Proposals in pixels of the resized picture.
    pub(super) regions: Vec<PixelBox>,
    pub(super) head: HeadTensors,
}

/// A picture whose proposals are being computed.
struct Mapped {
    picture: Decoded,
    map: Tensor,
}

/// Computes the pictures. The map of the next one is computed while the proposals of one are. Returns those that are too small.
///
/// # Errors
/// Data if the network's outputs are not finite.
pub(super) fn compute_all(
    detector: &Detector,
    pictures: Receiver<Decoded>,
    proposals: &SyncSender<Proposing>,
    regions: &Receiver<Result<Vec<PixelBox>>>,
    rows: &SyncSender<Headed>,
) -> Result<Vec<RefusedImage>> {
    let (mut before, mut refused) = (None, Vec::new());
    let mut finish = |Mapped { picture, map }: Mapped| {
        let regions = regions.recv().map_err(|_| gone())??;
        let Decoded { id, height, width, blob } = picture;
        if regions.is_empty() {
            refused.push(refuse::unusable(&id, &too_small(height, width)));
            return Ok(());
        }
        let head = detector.head(&map, &regions, &mut |_, _| ())?;
        let headed = Headed { id, height, width, scale: blob.scale, regions, head };
        rows.send(headed).map_err(|_| gone())
    };
    for picture in pictures {
        let map = detector.map(&picture.blob, &mut |_, _| ());
        let outputs = detector.rpn(&map, &mut |_, _| ());
        proposals.send(Proposing { outputs, info: picture.blob.info() }).map_err(|_| gone())?;
        if let Some(mapped) = before.replace(Mapped { picture, map }) {
            finish(mapped)?;
        }
    }
    before.map_or(Ok(()), &mut finish)?;
    Ok(refused)
}

/// The error of a thread whose partner has ended, which has an error of its own.
fn gone() -> Error {
    Error::bug("another thread of the extraction has ended")
}

/// Computes proposals until no more pictures come.
pub(super) fn propose_all(outputs: Receiver<Proposing>, regions: &SyncSender<Result<Vec<PixelBox>>>) {
    for Proposing { outputs, info } in outputs {
        if regions.send(outputs.proposals(info)).is_err() {
            break;
        }
    }
}
