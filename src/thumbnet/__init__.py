"""thumbnet: labelled thumbnails → a small CNN → a Gradio demo, a Flask API and a Hugging Face repository."""

from thumbnet.model import Classifier, InvalidImage, Prediction, Score, ThumbnetError

__version__ = "0.1.0"

__all__ = ["Classifier", "InvalidImage", "Prediction", "Score", "ThumbnetError", "__version__"]
