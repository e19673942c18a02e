"""Import the installed torchvision, even where its compiled operators do not fit this torch."""

import importlib
import sys
from types import ModuleType

import torch

from lib.base.errors import PipelineError

# As torchvision's own C++ sources register them; nothing of this project calls either.
_SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def import_torchvision(module: str) -> ModuleType:
    """A module's dotted name, such as "torchvision.models" -> that module.

    PyPI's torchvision 0.28 is built for CUDA. Beside a CPU build of torch its operators do not
    load, and its own shape rules for nms and qnms then fail: "operator torchvision::nms does not
    exist". Networks, transforms and grids are plain Python and need only that the two schemas
    exist. Where torchvision imports by itself, as on Kaggle, nothing is defined.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise _explain(error) from error
    except ImportError as error:
        raise _explain(error) from error
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # the half that was imported before the error
    for name, schema in _SCHEMAS.items():
        torch.library.define(name, schema)
    try:
        return importlib.import_module(module)
    except (RuntimeError, ImportError) as error:
        raise _explain(error) from error


def _explain(error: Exception) -> PipelineError:
    return PipelineError(
        "torchvision",
        "it cannot be imported",
        expected=f"a build that fits torch {torch.__version__}",
        got=str(error).splitlines()[0],
        cure="install the torchvision release that belongs to this torch",
    )
