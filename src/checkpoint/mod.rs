//! Checkpoints: safetensors and `.pth` in and out, and the maps between their names and the model's.
