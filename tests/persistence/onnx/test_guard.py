"""Damaged and malicious files only raise errors."""

import json
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skpneumo.persistence.onnx._guard import check_model
from skpneumo.persistence.onnx._metadata import digest_of
from skpneumo.persistence.onnx._model import build_model
from skpneumo.persistence.onnx._session import OnnxSession, read_bytes


@pytest.fixture(scope="module")
def data(pipeline):
    model = build_model(pipeline, target_names=["NORMAL", "PNEUMONIA"], card="card")
    return model.SerializeToString(deterministic=True)


def changed(data, change, sign=True):
    """Change a model, and correct its digest, as an attacker would."""
    model = onnx.ModelProto.FromString(data)
    change(model)
    if sign:
        said = {each.key: each.value for each in model.metadata_props if each.key != "digest"}
        helper.set_model_props(model, said | {"digest": digest_of(model, said)})
    return model.SerializeToString()


def tell(**values):
    def change(model):
        said = {each.key: each.value for each in model.metadata_props} | values
        helper.set_model_props(model, {k: v for k, v in said.items() if v is not None})

    return change


def external(model):
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def external_without_saying_so(model):
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")


def node(operator, *inputs, domain="", **attributes):
    def change(model):
        made = helper.make_node(operator, inputs or ["image"], ["extra"], domain=domain)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        model.graph.node.append(made)

    return change


def divide(model):
    for name, value in (("least", -(2**63)), ("minus_one", -1)):
        model.graph.initializer.append(numpy_helper.from_array(np.int64([value]), name))
    node("Div", "least", "minus_one")(model)


def larger_shape(model):
    model.graph.initializer[0].dims[:] = [1 << 40]


def negative_shape(model):
    model.graph.initializer[0].dims[:] = [-1]


def text_constant(model):
    model.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [1], [b"x"]))


def sparse_constant(model):
    model.graph.sparse_initializer.add()


def function(model):
    model.functions.add(name="f")


def other_output(model):
    model.graph.output[0].name = "else"


def body():
    return helper.make_graph([], "body", [], [])


def endless_loop(model):
    model.graph.initializer.append(numpy_helper.from_array(np.int64([2**40]), "turns"))
    node("Loop", "turns", body=body())(model)


GATE = {
    "checks": ["pixels"],
    "thresholds": [1.0],
    "reasons": ["unlike"],
    "on_outlier": "nan",
    "false_alarm_rate": 0.01,
    "terms": "",
}
ATTACKS = {
    "external data": (external, "in another file"),
    "external data in disguise": (external_without_saying_so, "in another file"),
    "foreign operator": (node("Evil", domain="com.evil"), "operation 'Evil'"),
    "operator of no use": (node("RandomNormal", shape=[9]), "operation 'RandomNormal'"),
    "graph in an attribute": (node("Identity", body=body()), "holds a graph"),
    "tensor in an attribute": (
        node("Identity", value=numpy_helper.from_array(np.zeros(1))),
        "holds tensors",
    ),
    "loop without a bound": (node("Loop", "", "", body=body()), "loop without a bound"),
    "loop of many turns": (endless_loop, "too many iterations"),
    "least whole number by -1": (divide, "divides whole numbers"),
    "larger shape": (larger_shape, "does not match its shape"),
    "negative shape": (negative_shape, "does not match its shape"),
    "text": (text_constant, "has a type"),
    "sparse": (sparse_constant, "sparse"),
    "function": (function, "functions"),
    "other output": (other_output, "inputs and outputs"),
    "no classes": (tell(classes=None), "not those of a model"),
    "one class": (tell(classes="[1]"), "classes is"),
    "classes of two kinds": (tell(classes='[1, "a"]'), "classes is not"),
    "names": (tell(names='["a"]'), "names is not"),
    "threshold": (tell(threshold='"high"'), "threshold is not"),
    "not finite": (tell(threshold="1e999"), "threshold is not"),
    "size": (tell(loading=json.dumps(
        {"size": [10**6, 10**6], "color_mode": "rgb", "resize": "pad", "dicom_window": 0}
    )), "loading is not"),
    "gate without an output": (tell(gate=json.dumps(GATE)), "inputs and outputs"),
    "gate of nothing": (tell(gate=json.dumps(GATE | {"checks": []})), "gate is not"),
    "gate of text": (tell(gate='"x"'), "not those of a model"),
    "gate without numbers": (tell(gate=json.dumps(GATE | {"thresholds": 1})), "gate is not"),
    "huge class": (tell(classes="[1, 1" + "0" * 400 + "]"), "classes is not"),
    "unknown property": (tell(extra="1"), "not those of a model"),
    "later format": (tell(format="99"), "its format is 99"),
    "no JSON": (tell(classes="["), "not JSON"),
    "deep JSON": (tell(classes="[" * 10**5), "not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack, data):
    change, message = ATTACKS[attack]
    with pytest.raises(ValueError, match=message):
        check_model(changed(data, change))


def test_the_file_itself_passes(data):
    assert check_model(data).names == ["NORMAL", "PNEUMONIA"]
    assert check_model(changed(data, lambda model: None)).card == "card"


def test_a_change_without_a_new_digest_is_noticed(data):
    with pytest.raises(ValueError, match="digest does not fit"):
        check_model(changed(data, tell(card="other"), sign=False))


def test_memory_that_a_graph_asks_for_is_bounded(data):
    def flood(model):
        # Says "probabilities" of the size that it likes: 8 TB.
        shape = numpy_helper.from_array(np.int64([1 << 20, 1 << 20]), "flood_shape")
        model.graph.initializer.append(shape)
        model.graph.node.append(helper.make_node("Expand", ["flood_of", "flood_shape"], ["flood"]))
        model.graph.initializer.append(numpy_helper.from_array(np.float64([0.5]), "flood_of"))
        for each in model.graph.node:
            if each.output[0] == "probabilities":
                each.input[0] = "flood"

    session = OnnxSession(changed(data, flood))
    with pytest.raises(ValueError, match="onnxruntime failed"):
        session.predict(np.zeros((8, 8, 1), np.uint8))


def test_outputs_that_are_not_probabilities_are_refused(data):
    def shout(model):
        for each in model.graph.node:
            if each.output[0] == "probabilities":
                each.input[0] = "loud"
        model.graph.initializer.append(numpy_helper.from_array(np.float64([[7, -6]]), "loud"))

    with pytest.raises(ValueError, match="does not return a probability"):
        OnnxSession(changed(data, shout)).predict(np.zeros((8, 8, 1), np.uint8))


def test_too_many_bytes(monkeypatch, tmp_path, data):
    monkeypatch.setattr("skpneumo.persistence.onnx._guard.MAX_BYTES", 100)
    monkeypatch.setattr("skpneumo.persistence.onnx._session.MAX_BYTES", 100)
    with pytest.raises(ValueError, match="more than the limit of 100"):
        check_model(data)
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ValueError, match="more than the limit of 100"):
        read_bytes(tmp_path / "m")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe"):
        read_bytes(tmp_path / "pipe")


def test_damage_at_random_gives_errors_only(data):
    rng = np.random.default_rng(0)
    image = np.zeros((8, 8, 1), np.uint8)
    expected = OnnxSession(data).predict(image).probabilities
    for _ in range(200):
        damaged = bytearray(data)
        kind = rng.integers(3)
        place = int(rng.integers(len(damaged)))
        if kind == 0:
            damaged[place] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del damaged[place:]
        else:
            damaged[place : place + 8] = rng.bytes(8)
        try:
            session = OnnxSession(bytes(damaged))
        except ValueError:
            continue
        # The damage is in what nothing reads.
        assert np.array_equal(session.predict(image).probabilities, expected)
