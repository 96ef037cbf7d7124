//! Recipes of the demo that are small enough for a test.

/// Returns a recipe with this many pictures or sentences in the three splits of VQA, GQA and NLVR2, and this many epochs of each.
pub(crate) fn recipe([vqa, gqa, nlvr2]: [[u32; 3]; 3], epochs: [u32; 3]) -> String {
    format!(
        "seed = 7
picture = {{ side = 96, objects = [3, 4] }}
vqa = {{ train = {}, minival = {}, nominival = {} }}
gqa = {{ train = {}, valid = {}, testdev = {} }}
nlvr2 = {{ train = {}, valid = {}, test = {}, sentences = 4 }}
[training]
vqa = {{ epochs = {}, batch_size = 16, lr = 1e-3 }}
gqa = {{ epochs = {}, batch_size = 16, lr = 1e-3 }}
nlvr2 = {{ epochs = {}, batch_size = 16, lr = 5e-4 }}
",
        vqa[0], vqa[1], vqa[2], gqa[0], gqa[1], gqa[2], nlvr2[0], nlvr2[1], nlvr2[2], epochs[0], epochs[1], epochs[2]
    )
}

/// Returns the recipe of a run that takes seconds. It is judged INCONCLUSIVE, since the recorded runs answer other questions.
pub(crate) fn small() -> String {
    recipe([[30, 10, 5], [30, 10, 10], [6, 3, 3]], [2, 2, 1])
}
