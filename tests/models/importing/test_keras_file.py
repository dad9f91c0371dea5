"""What Keras is never given: a file is taken apart first, without TensorFlow."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from models.importing.keras_file import check_config, check_hdf5, checked_h5, checked_keras, checked_weights
from models.importing.refused import ForeignModelRefused

LAYER = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense"}, "registered_name": None}


def model(*layers, **others):
    return {"class_name": "Functional", "config": {"name": "model", "layers": list(layers)}, **others}


@pytest.fixture
def weights(tmp_path):
    """An HDF5 file, filled by a function."""

    def write(fill=lambda file: file.create_dataset("kernel", data=np.ones(4, np.float32)), name="a.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            fill(file)
        return tmp_path / name

    return write


@pytest.fixture
def keras(tmp_path, weights):
    """A `.keras` file of some parts."""

    def write(config=None, **parts):
        parts = {"config.json": json.dumps(config or model(LAYER)), "metadata.json": '{"keras_version": "3.1"}'} | parts
        with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
            archive.write(weights(), "model.weights.h5")
        return tmp_path / "a.keras"

    return write


def test_a_network_of_keras_layers_is_written_anew_without_what_training_needs(keras, tmp_path):
    trained_by = {"optimizer": {"class_name": "Mine", "module": "evil", "config": {"name": "adam"}}, "loss": "mse"}
    inner = {"class_name": "Sequential", "config": {"layers": [LAYER]}}
    file = keras(model({**inner, "compile_config": trained_by}, compile_config=trained_by))
    checked = checked_keras(file, tmp_path)
    assert (checked.file.name, checked.major) == ("checked.keras", 3)
    with zipfile.ZipFile(checked.file) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        assert json.loads(archive.read("config.json")) == {"class_name": "Functional", "config": model(inner)["config"]}


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            {"class_name": "Lambda", "config": {"name": "swish"}},
            "its layer 'swish' is a Lambda, which is code of whoever",
        ),
        ({"class_name": "Mine", "config": {"name": "own"}}, "its layer 'own' is of class 'Mine', which is none of"),
        ({**LAYER, "module": "os"}, "its layer 'dense' is of class 'Dense'"),
        ({**LAYER, "registered_name": "Custom>Dense"}, "its layer 'dense' is of class 'Dense'"),
        ({"class_name": "TorchModuleWrapper", "config": {}}, "is of class 'TorchModuleWrapper'"),
        ({"class_name": "TFSMLayer", "config": {"filepath": "/etc"}}, "is of class 'TFSMLayer'"),
        ({"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}, "is of class 'StringLookup'"),
        ({**LAYER, "config": {"activation": {"class_name": "__lambda__", "config": {}}}}, "is of class '__lambda__'"),
        (
            {**LAYER, "config": {"activation": {"class_name": "function", "config": "system", "module": "os"}}},
            "its activation 'system' is of class 'function'",
        ),
        (
            {**LAYER, "config": {"kernel_initializer": {"class_name": "Zeros", "module": "evil", "config": {}}}},
            "its kernel_initializer is of class 'Zeros'",
        ),
    ],
)
def test_all_else_is_refused_by_name(layer, reason):
    with pytest.raises(ForeignModelRefused, match=reason):
        check_config(model(LAYER, layer))


def test_parts_of_keras_layers_are_accepted():
    parts = {
        "kernel_initializer": {"class_name": "GlorotUniform", "module": "keras.initializers", "config": {}},
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}},
        "dtype": {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float32"}},
        "activation": "relu",
    }
    check_config(model({**LAYER, "config": parts}, {"class_name": "Sequential", "config": {"layers": [LAYER]}}))


@pytest.mark.parametrize("name", ["../../evil.py", "assets/vocabulary.txt", "/etc/passwd"])
def test_other_parts_are_refused(keras, tmp_path, name):
    with pytest.raises(ForeignModelRefused, match=r"its part '.*' is not accepted"):
        checked_keras(keras(**{name: "x"}), tmp_path)


def test_what_is_said_twice_or_missing_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(
        ForeignModelRefused, match=r"a .keras file has config.json, metadata.json and model.weights.h5;"
    ):
        checked_keras(tmp_path / "a.keras", tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(keras, tmp_path, monkeypatch):
    monkeypatch.setattr("models.importing.keras_file.MAX_CONFIG_BYTES", 10_000)
    with pytest.raises(ForeignModelRefused, match=r"config.json is larger than the limit of 10000 bytes"):
        checked_keras(keras(**{"config.json": " " * 50_000_000}), tmp_path)
    monkeypatch.setattr("models.importing.keras_file.MAX_BYTES", 100)
    with pytest.raises(ForeignModelRefused, match="its weights have more than the 100 bytes that are accepted"):
        checked_keras(keras(), tmp_path)


@pytest.mark.parametrize("cut", [10, 200, -30])
def test_a_truncated_file_is_refused(keras, tmp_path, cut):
    file = keras()
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ForeignModelRefused, match=r"the .keras file is broken"):
        checked_keras(file, tmp_path)


def test_links_out_of_an_hdf5_file_are_refused(weights):
    for link in (h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/elsewhere")):
        file = weights(lambda opened, link=link: opened.create_group("layer").__setitem__("kernel", link))
        with pytest.raises(ForeignModelRefused, match="its part 'kernel' is a link, which is not accepted"):
            check_hdf5(file)


def test_data_that_is_stored_elsewhere_is_refused(weights):
    def external(file):
        file.create_dataset("kernel", (4,), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "kernel", (4,))
        file.create_virtual_dataset("kernel", layout)

    for fill in (
        external,
        virtual,
        lambda file: file.create_dataset("kernel", data=[b"text"], dtype=h5py.string_dtype()),
    ):
        with pytest.raises(
            ForeignModelRefused, match="its part '/kernel' is stored elsewhere, by an unknown filter, or"
        ):
            check_hdf5(weights(fill))


def test_a_huge_shape_is_refused_before_it_is_read(weights):
    file = weights(lambda opened: opened.create_dataset("kernel", (2**40,), "f4", chunks=(1024,), compression="gzip"))
    with pytest.raises(
        ForeignModelRefused, match="its weights have more than the 1,073,741,824 bytes that are accepted"
    ):
        check_hdf5(file)


def test_a_group_that_holds_itself_ends(weights):
    assert check_hdf5(weights(lambda opened: opened.create_group("layer").__setitem__("again", opened["/"]))) == {}


def test_weights_alone_need_to_know_their_network(weights):
    with pytest.raises(
        ForeignModelRefused, match="it has weights without their network: save the whole model, or give"
    ):
        checked_h5(weights())


def test_a_whole_model_is_of_the_keras_that_wrote_it(weights):
    def fill(opened):
        opened.attrs["model_config"] = json.dumps(model(LAYER))
        opened.attrs["keras_version"] = "2.15.0"

    assert checked_h5(weights(fill)).major == 2

    def evil(opened):
        opened.attrs["model_config"] = json.dumps(model({"class_name": "Lambda", "config": {"name": "l"}}))

    with pytest.raises(ForeignModelRefused, match="its layer 'l' is a Lambda"):
        checked_h5(weights(evil))


def test_weights_of_an_application_are_of_either_keras(weights):
    assert checked_weights(weights(name="a.weights.h5")).major == 3
    assert checked_weights(weights()).major == 2
    assert (
        checked_weights(weights(lambda opened: opened.attrs.create("layer_names", [b"a"]), "b.weights.h5")).major == 2
    )


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" * 10])
def test_what_is_no_hdf5_file_is_refused(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(ForeignModelRefused, match=r"a.h5 is not a whole HDF5 file"):
        check_hdf5(tmp_path / "a.h5")
