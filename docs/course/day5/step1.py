"""Step 1: a network behind HTTP, in ten lines.

.venv/bin/python docs/course/day5/step1.py
"""

# --8<-- [start:app]
from flask import Flask, request

from thumbnet import Classifier

app = Flask(__name__)
classifier = Classifier.load("cifar10")


@app.post("/predict")
def predict():
    """Classify the image that is the body."""
    return classifier.predict(request.get_data()).to_dict()


# --8<-- [end:app]

if __name__ == "__main__":
    app.run(port=8200)
