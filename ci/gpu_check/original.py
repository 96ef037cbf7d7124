"""Measures the original's training step and answering, from its checkout and without changing a file of it.

  original.py CHECKOUT DEVICE WARMUP STEPS QUESTIONS BATCH ROUNDS

Prints one JSON object. The model has the paper's sizes and random weights; pictures and questions are random and lie ready in memory,
so what is measured is the model, its tokenizer, the loss, the clipping and the optimiser, as its programs call them.
"""

import json
import pathlib
import resource
import statistics
import sys
import tempfile
import time
import types

import torch

checkout, device = pathlib.Path(sys.argv[1]), sys.argv[2]
warmup, steps, questions, answer_batch, rounds = map(int, sys.argv[3:8])
BATCH, BOXES, WIDTH, WORDS, ANSWERS, VOCABULARY = 32, 36, 2048, 20, 3129, 30522
LR, CLIP = 5e-5, 5.0
STAND_INS = []


def stand_in(name, **names):
    """Puts a module in the place of one that is only needed for downloads or progress bars."""
    module = types.ModuleType(name)
    vars(module).update(names)
    if sys.modules.setdefault(name, module) is module:
        STAND_INS.append(name)


def import_original():
    """Imports the original's classes, with its paths and its arguments."""
    stand_in("boto3")
    stand_in("requests")
    stand_in("botocore")
    stand_in("botocore.exceptions", ClientError=type("ClientError", (Exception,), {}))
    try:
        import tqdm  # noqa: F401
    except ImportError:
        stand_in("tqdm", tqdm=lambda items, *_, **__: items)
    try:
        import numpy  # noqa: F401
    except ImportError:
        stand_in("numpy", random=types.SimpleNamespace(seed=lambda _: None))
    sys.path.insert(0, str(checkout / "src"))
    # Its arguments are read while it is imported.
    sys.argv = ["vqa.py", "--llayers", "9", "--xlayers", "5", "--rlayers", "5", "--fromScratch"]
    import lxrt.entry
    import lxrt.modeling
    import lxrt.optimization
    import tasks.vqa_model

    # torch can do without these modules, but not with stand-ins for them.
    for name in STAND_INS:
        del sys.modules[name]
    return lxrt, tasks.vqa_model.VQAModel


def build(folder):
    """Returns the original's VQA model with random weights, and its optimiser's class."""
    lxrt, model = import_original()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = special + [f"w{number}" for number in range(VOCABULARY - len(special))]
    vocabulary = pathlib.Path(folder, "vocab.txt")
    vocabulary.write_text("\n".join(words) + "\n")
    # Both would be downloaded.
    tokenizer, encoder = lxrt.entry.BertTokenizer, lxrt.entry.VisualBertForLXRFeature
    tokenizer.from_pretrained = classmethod(lambda cls, *_, **__: cls(str(vocabulary)))
    encoder.from_pretrained = classmethod(lambda cls, _, mode: cls(lxrt.modeling.BertConfig(VOCABULARY), mode=mode))
    if device == "cpu":
        torch.Tensor.cuda = lambda tensor, *_, **__: tensor
    return model(ANSWERS).to(device), lxrt.optimization.BertAdam


def batch(size, seed):
    """Returns pictures, boxes, sentences and targets in the memory of the CPU."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.rand(size, BOXES, WIDTH, generator=generator)
    boxes = torch.rand(size, BOXES, 4, generator=generator)
    # With [CLS] and [SEP], all word positions are taken.
    sentences = [" ".join(f"w{(row * 7919 + word * 101) % 30000}" for word in range(WORDS - 2)) for row in range(size)]
    targets = torch.zeros(size, ANSWERS)
    targets[torch.arange(size), torch.arange(size) * 31 % ANSWERS] = 1.0
    return pictures, boxes, sentences, targets


def train(model, optimiser):
    """Trains one step on a batch, as the original's loop does, and returns when the answers are on the CPU."""
    pictures, boxes, sentences, targets = BATCHES["train"]
    model.train()
    optimiser.zero_grad()
    pictures, boxes, targets = pictures.to(device), boxes.to(device), targets.to(device)
    logits = model(pictures, boxes, sentences)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets) * logits.size(1)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimiser.step()
    logits.max(1)[1].cpu()
    synchronise()


def answer(model):
    """Answers all questions."""
    pictures, boxes, sentences, _ = BATCHES["answer"]
    model.eval()
    with torch.no_grad():
        for start in range(0, questions, answer_batch):
            size = min(answer_batch, questions - start)
            model(pictures[:size].to(device), boxes[:size].to(device), sentences[:size]).max(1)[1].cpu()
    synchronise()


def synchronise():
    """Waits for the GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def measure(work, before, count, units):
    """Returns times and rates of `count` calls of `work`, after `before` calls that do not count."""
    times = []
    for number in range(before + count):
        started = time.perf_counter()
        work()
        if number >= before:
            times.append((time.perf_counter() - started) * 1e3)
    median, best = statistics.median(times), min(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "ms_per_step": {"median": round(median, 3), "best": round(best, 3), "all": [round(one, 3) for one in times]},
        "examples_per_s": {"median": round(units / median * 1e3, 3), "best": round(units / best * 1e3, 3)},
        "peak_memory_bytes": peak,
    }


torch.manual_seed(9595)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
with tempfile.TemporaryDirectory() as place:
    network, bert_adam = build(place)
    BATCHES = {"train": batch(BATCH, 1), "answer": batch(min(answer_batch, questions), 2)}
    # Answering first: it needs less memory, which is only ever seen to grow.
    answered = measure(lambda: answer(network), 1, rounds, questions)
    optimiser = bert_adam(list(network.parameters()), lr=LR, warmup=0.1, t_total=warmup + steps)
    trained = measure(lambda: train(network, optimiser), warmup, steps, BATCH)
report = {
    "train": trained,
    "predict": answered,
    "parameters": sum(one.numel() for one in network.parameters()),
    "batch_size": BATCH,
    "questions": questions,
    "threads": torch.get_num_threads(),
    "torch": torch.__version__,
    "gpu_peak_bytes_of_torch": torch.cuda.max_memory_allocated() if device == "cuda" else None,
}
print(json.dumps(report))
