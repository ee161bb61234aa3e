"""The CNN package: from pixels and labels to a Classifier.

What needs torch (architectures, datasets, training, evaluation) is imported from its own module, so that importing
this package does not need it.
"""

from .classifier import Classifier, Prediction, Score
from .errors import InvalidArgument, InvalidImage, ThumbnetError, UnknownName, WeightsError
from .explain import Explanation, explain
from .images import ImageInput, Pixels, Preprocessing

__all__ = [
    "Classifier",
    "Explanation",
    "ImageInput",
    "InvalidArgument",
    "InvalidImage",
    "Pixels",
    "Prediction",
    "Preprocessing",
    "Score",
    "ThumbnetError",
    "UnknownName",
    "WeightsError",
    "explain",
]
