"""Describe requests and responses, for the OpenAPI document. Needs FastAPI."""

from typing import Any, Literal

from pydantic import BaseModel

__all__ = ["BODY", "LENIENT", "PROBLEMS", "Answer", "Method", "Model"]


class Gate(BaseModel):
    """Whether the image is like the training images."""

    passed: bool
    reason: str = ""


class Answer(BaseModel):
    """Prediction for one image."""

    probability: float | None
    """Probability of the positive class; null if withheld, if there are more
    than two classes, and if it is unclear which of two is positive."""
    probabilities: dict[str, float | None]
    """Probability of each class."""
    label: str | None
    """The predicted class, at the model's operating point."""
    decision: str | None
    """The predicted class, or "refer" between the two thresholds of a model that refers."""
    gate: Gate | None
    """Null without a gate."""


class RecallFloor(BaseModel):
    """Guarantee of the operating point."""

    positive: str
    """The class whose recall has the floor."""
    recall: float
    confidence: float
    guarantee: str
    terms: str


class InputGate(BaseModel):
    """Input gate, which checks whether an image is like the training images."""

    false_alarm_rate: float
    withholds: bool
    terms: str


class Model(BaseModel):
    """Facts about the model."""

    name: str
    sha256: str | None
    classes: list[str]
    positive: str | None
    threshold: float | None
    upper_threshold: float | None
    decision: str
    recall_floor: RecallFloor | None
    gate: InputGate | None
    methods: list[str]
    limits: dict[str, float]
    versions: dict[str, str]
    notice: str


class Problem(BaseModel):
    """Reason why there is no answer."""

    detail: str


# Must equal METHODS; an annotation has to be written out.
Method = Literal["occlusion", "hires_cam", "grad_cam", "grad_cam++", "integrated_gradients"]

BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself: JPEG, PNG, TIFF or DICOM, recognised by its content.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in (
                "application/octet-stream",
                "application/dicom",
                "image/jpeg",
                "image/png",
                "image/tiff",
            )
        },
    }
}
LENIENT = (
    "With the header `Prefer: handling=lenient`, errors about the image have status 200, and "
    "`detail` and `status` in the body."
)
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The token is missing or wrong."},
    403: {"model": Problem, "description": "The request comes from a page of another site."},
    408: {"model": Problem, "description": "The file did not arrive in time."},
    413: {"model": Problem, "description": "The file has more bytes or pixels than are accepted."},
    415: {
        "model": Problem,
        "description": "The body is a form or compressed, but must be the file itself.",
    },
    422: {
        "model": Problem,
        "description": "The image or a parameter cannot be read, with the reason.",
    },
    503: {"model": Problem, "description": "Too many images are waiting; see Retry-After."},
}
