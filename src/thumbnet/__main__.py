"""`python -m thumbnet` is the `thumbnet` command."""

from thumbnet.cli import app

if __name__ == "__main__":
    app(prog_name="thumbnet")
