"""One file per tab of the demo. Importing them needs Gradio."""
