"""Hugging Face's port and PyTorch, asked by tests/it/interchange.rs.

  port.py answer INPUTS [KIND FOLDER OUTPUTS]...   loads each model from its folder and runs it
  port.py make INPUTS [KIND FOLDER OUTPUTS]...     makes random models, saves each in both of the port's forms, and runs it
  port.py reread PTH OUTPUTS                       loads a .pth as the careful loader of PyTorch does
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import LxmertConfig, LxmertForPreTraining, LxmertForQuestionAnswering, LxmertModel

KINDS = {"pretrain": LxmertForPreTraining, "answers": LxmertForQuestionAnswering, "encoder": LxmertModel}
SIZES = dict(
    vocab_size=120, hidden_size=32, num_attention_heads=4, intermediate_size=64, max_position_embeddings=64,
    l_layers=2, x_layers=2, r_layers=1, visual_feat_dim=24, num_qa_labels=11, num_object_labels=50, num_attr_labels=20,
)


def outputs(kind, model, inputs):
    given = dict(
        input_ids=inputs["ids"], attention_mask=inputs["mask"].float(), visual_feats=inputs["features"],
        visual_pos=inputs["boxes"],
    )
    model.eval()
    with torch.no_grad():
        if kind == "answers":
            return {"answer": model(**given).question_answering_score}
        encoder = model if kind == "encoder" else model.lxmert
        inner = encoder(**given)
        found = {"lang": inner.language_output, "visn": inner.vision_output, "pooled": inner.pooled_output}
        if kind == "pretrain":
            whole = model(**given)
            found["words"] = whole.prediction_logits
            found["matched"] = whole.cross_relationship_score
            found["answer"] = whole.question_answering_score
            found |= model.obj_predict_head(inner.vision_output)
        return found


def made(kind):
    torch.manual_seed(9595)
    model = KINDS[kind](LxmertConfig(**SIZES))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            torch.nn.init.normal_(parameter, std=0.15)
            if name.endswith("orm.weight") or name.endswith("logit_fc.2.weight"):
                parameter += 1.0
    return model


def load(kind, folder):
    model, told = KINDS[kind].from_pretrained(folder, output_loading_info=True)
    wrong = {what: list(names) for what, names in told.items() if names}
    assert not wrong, wrong
    return model


def make(kind, folder):
    model = made(kind)
    model.save_pretrained(folder / "new")
    model.config.save_pretrained(folder / "old")
    torch.save(model.state_dict(), folder / "old" / "pytorch_model.bin")
    return model


def write(path, tensors):
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


command, given, *rest = sys.argv[1:]
if command == "reread":
    write(rest[0], {name: tensor.clone() for name, tensor in torch.load(given, weights_only=True).items()})
else:
    get = {"answer": load, "make": make}[command]
    inputs = load_file(given)
    for kind, folder, to in zip(rest[0::3], rest[1::3], rest[2::3], strict=True):
        write(to, outputs(kind, get(kind, pathlib.Path(folder)), inputs))
