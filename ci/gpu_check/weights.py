"""Compares two safetensors files of f32 weights, number by number."""

import array
import json
import struct


def read(path):
    """Returns the bytes of each tensor by name."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    for name, tensor in header.items():
        if tensor["dtype"] != "F32":
            raise ValueError(f"{path}: {name} has the type {tensor['dtype']}")
    return {name: data[slice(*tensor["data_offsets"])] for name, tensor in header.items()}


def compare(first, second):
    """Returns how many numbers two files hold, how many of them differ in their bits, and by how much at most."""
    first, second = read(first), read(second)
    if {name: len(data) for name, data in first.items()} != {name: len(data) for name, data in second.items()}:
        raise ValueError("the two files hold other tensors")
    numbers = sum(len(data) for data in first.values()) // 4
    different, largest, where = 0, 0.0, None
    for name, data in first.items():
        if data == second[name]:
            continue
        for one, other in zip(array.array("f", data), array.array("f", second[name])):
            # Not a number, or zeros of both signs, are told by their bits.
            if one != other or struct.pack("<f", one) != struct.pack("<f", other):
                different += 1
                if abs(one - other) > largest:
                    largest, where = abs(one - other), name
    return {"numbers": numbers, "different": different, "largest_difference": largest, "tensor": where}
